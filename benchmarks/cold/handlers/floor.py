"""What no function with a model can do without: an event loop and pydantic, and an order that is made of the event."""

from benchmarks.cold.timeline import Timeline

timeline = Timeline()

import asyncio

from pydantic import BaseModel


class Order(BaseModel):
    customer_id: str
    order_id: str
    status: str = "open"
    total: int = 5970
    gift: bool = False
    tags: list[str] = ["books", "europe"]
    version: int = 3


timeline.end("import")

loop = asyncio.new_event_loop()
timeline.end("client")


async def get(event: dict[str, str]) -> Order:
    return Order.model_validate(event)


def get_order(event: dict[str, str], context: object) -> dict[str, object]:
    return loop.run_until_complete(get(event)).model_dump()


handler = timeline.handler(get_order)
