"""The function on dyntastic, with a pydantic model. Its client is made by the first request."""

# Its library is installed in an environment of its own alone, so that no type checker sees it.
# mypy: ignore-errors
# pyright: reportMissingImports=false, reportGeneralTypeIssues=false, reportCallIssue=false

from benchmarks.cold.timeline import Timeline

timeline = Timeline()

import os

from dyntastic import Dyntastic


class Order(Dyntastic):
    __table_name__ = "orders"
    __hash_key__ = "customer_id"
    __range_key__ = "order_id"
    __table_region__ = os.environ["AWS_REGION"]
    __table_host__ = os.environ["AWS_ENDPOINT_URL_DYNAMODB"]

    customer_id: str
    order_id: str
    status: str
    total: int
    gift: bool
    tags: list[str]
    version: int


timeline.end("import")


def get_order(event: dict[str, str], context: object) -> dict[str, object]:
    return Order.get(event["customer_id"], event["order_id"]).model_dump()


handler = timeline.handler(get_order)
