"""The function on aiodynamo over httpx."""

# Its library is installed in an environment of its own alone, so that no type checker sees it.
# mypy: ignore-errors
# pyright: reportMissingImports=false, reportGeneralTypeIssues=false, reportCallIssue=false

from benchmarks.cold.timeline import Timeline

timeline = Timeline()

import asyncio
import os

from aiodynamo.client import Client
from aiodynamo.credentials import Credentials
from aiodynamo.http.httpx import HTTPX
from httpx import AsyncClient
from yarl import URL

timeline.end("import")

loop = asyncio.new_event_loop()
client = Client(
    HTTPX(AsyncClient()),
    Credentials.auto(),
    os.environ["AWS_REGION"],
    URL(os.environ["AWS_ENDPOINT_URL_DYNAMODB"]),
    numeric_type=int,
)
table = client.table("orders")
timeline.end("client")


def get_order(event: dict[str, str], context: object) -> dict[str, object]:
    return loop.run_until_complete(table.get_item({"customer_id": event["customer_id"], "order_id": event["order_id"]}))


handler = timeline.handler(get_order)
