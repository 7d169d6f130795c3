"""The function on dynamoxy, with a model of its own kind."""

# Its library is installed in an environment of its own alone, so that no type checker sees it.
# mypy: ignore-errors
# pyright: reportMissingImports=false, reportGeneralTypeIssues=false, reportCallIssue=false

from benchmarks.cold.timeline import Timeline

timeline = Timeline()

import asyncio
import os

import dynamoxy
from dynamoxy import Attr, partition_key, sort_key


class Order(dynamoxy.Model, table="orders"):
    customer_id: Attr[str] = partition_key()
    order_id: Attr[str] = sort_key()
    status: Attr[str]
    total: Attr[int]
    gift: Attr[bool]
    tags: Attr[list[str]]
    version: Attr[int]


timeline.end("import")

loop = asyncio.new_event_loop()
client = dynamoxy.Client(region=os.environ["AWS_REGION"], endpoint_url=os.environ["AWS_ENDPOINT_URL_DYNAMODB"])
orders = loop.run_until_complete(client.__aenter__()).repository(Order)
timeline.end("client")


def get_order(event: dict[str, str], context: object) -> dict[str, object]:
    return loop.run_until_complete(orders.get_or_raise(event["customer_id"], event["order_id"])).to_dict()


handler = timeline.handler(get_order)
