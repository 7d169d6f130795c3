"""The function on aiodynamodb, with a pydantic model."""

# Its library is installed in an environment of its own alone, so that no type checker sees it.
# mypy: ignore-errors
# pyright: reportMissingImports=false, reportGeneralTypeIssues=false, reportCallIssue=false

from benchmarks.cold.timeline import Timeline

timeline = Timeline()

import asyncio

from aiodynamodb import DynamoDB, DynamoModel, HashKey, RangeKey, table


@table("orders")
class Order(DynamoModel):
    customer_id: HashKey[str]
    order_id: RangeKey[str]
    status: str
    total: int
    gift: bool
    tags: list[str]
    version: int


timeline.end("import")

loop = asyncio.new_event_loop()
db = loop.run_until_complete(DynamoDB().__aenter__())
timeline.end("client")


def get_order(event: dict[str, str], context: object) -> dict[str, object]:
    read = db.get(Order, hash_key=event["customer_id"], range_key=event["order_id"])
    return loop.run_until_complete(read).model_dump()


handler = timeline.handler(get_order)
