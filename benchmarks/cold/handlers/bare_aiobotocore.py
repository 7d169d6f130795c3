"""The function on aiobotocore itself: a loop and a client of the module."""

from benchmarks.cold.timeline import Timeline

timeline = Timeline()

import asyncio
from typing import Any

from aiobotocore.session import get_session

from benchmarks.cold.handlers.plain import order_of

timeline.end("import")

loop = asyncio.new_event_loop()
client: Any = loop.run_until_complete(get_session().create_client("dynamodb").__aenter__())
timeline.end("client")


async def get(event: dict[str, str]) -> dict[str, object]:
    key = {"customer_id": {"S": event["customer_id"]}, "order_id": {"S": event["order_id"]}}
    answer = await client.get_item(TableName="orders", Key=key)
    return order_of(answer["Item"])


def get_order(event: dict[str, str], context: object) -> dict[str, object]:
    return loop.run_until_complete(get(event))


handler = timeline.handler(get_order)
