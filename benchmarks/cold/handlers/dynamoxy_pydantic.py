"""The function on dynamoxy, with a pydantic model."""

# Its library is installed in an environment of its own alone, so that no type checker sees it.
# mypy: ignore-errors
# pyright: reportMissingImports=false, reportGeneralTypeIssues=false, reportCallIssue=false

from benchmarks.cold.timeline import Timeline

timeline = Timeline()

import asyncio
import os
from typing import Annotated

import dynamoxy


class Order(dynamoxy.PydanticModel, table="orders"):
    customer_id: Annotated[str, dynamoxy.PartitionKey()]
    order_id: Annotated[str, dynamoxy.SortKey()]
    status: str
    total: int
    gift: bool
    tags: list[str]
    version: int


timeline.end("import")

loop = asyncio.new_event_loop()
client = dynamoxy.Client(region=os.environ["AWS_REGION"], endpoint_url=os.environ["AWS_ENDPOINT_URL_DYNAMODB"])
orders = loop.run_until_complete(client.__aenter__()).repository(Order)
timeline.end("client")


def get_order(event: dict[str, str], context: object) -> dict[str, object]:
    return loop.run_until_complete(orders.get_or_raise(event["customer_id"], event["order_id"])).model_dump()


handler = timeline.handler(get_order)
