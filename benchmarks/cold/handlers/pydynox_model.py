"""The function on pydynox, with a model of its own kind."""

# Its library is installed in an environment of its own alone, so that no type checker sees it.
# mypy: ignore-errors
# pyright: reportMissingImports=false, reportGeneralTypeIssues=false, reportCallIssue=false

from benchmarks.cold.timeline import Timeline

timeline = Timeline()

import asyncio
import os

from pydynox import DynamoDBClient, Model, ModelConfig, set_default_client
from pydynox.attributes import BooleanAttribute, ListAttribute, NumberAttribute, StringAttribute


class Order(Model):
    model_config = ModelConfig(table="orders")

    customer_id = StringAttribute(partition_key=True)
    order_id = StringAttribute(sort_key=True)
    status = StringAttribute()
    total = NumberAttribute()
    gift = BooleanAttribute()
    tags = ListAttribute()
    version = NumberAttribute()


timeline.end("import")

loop = asyncio.new_event_loop()
set_default_client(
    DynamoDBClient(region=os.environ["AWS_REGION"], endpoint_url=os.environ["AWS_ENDPOINT_URL_DYNAMODB"])
)
timeline.end("client")


async def get(event: dict[str, str]) -> Order:
    return await Order.get(customer_id=event["customer_id"], order_id=event["order_id"])


def get_order(event: dict[str, str], context: object) -> dict[str, object]:
    return loop.run_until_complete(get(event)).to_dict()


handler = timeline.handler(get_order)
