"""The function on dynamorm_py: an app as its guide has it, whose INIT opens the client and a connection. The
environment names the transport."""

from benchmarks.cold.timeline import Timeline

timeline = Timeline()

import os
from typing import Any

from benchmarks.cold.contenders import TRANSPORT
from dynamorm_py import Attr, Client, Model, partition_key, sort_key
from dynamorm_py.aws_lambda import LambdaApp


class Order(Model, table="orders"):
    customer_id: Attr[str] = partition_key()
    order_id: Attr[str] = sort_key()
    status: Attr[str]
    total: Attr[int]
    gift: Attr[bool]
    tags: Attr[list[str]]
    version: Attr[int]


options: Any = {"transport": os.environ[TRANSPORT]}
client = Client(**options)
# INIT does it by itself: here it is done before, so that it counts as an import.
client.load()
timeline.end("import")

app = LambdaApp(client=client, models=[Order])


@app.handler
async def get(event: dict[str, str]) -> Order:
    return await Order.get_or_raise(event["customer_id"], event["order_id"])


def init() -> dict[str, float | None]:
    from dynamorm_py.aws_lambda import report  # noqa: PLC0415  # it is no part of what is measured

    told = report()
    return {"client": told.client, "connection": told.connection}


handler = timeline.handler(get, init)
