"""The function on PynamoDB, with a model of its own kind. Its client is made by the first request."""

# Its library is installed in an environment of its own alone, so that no type checker sees it.
# mypy: ignore-errors
# pyright: reportMissingImports=false, reportGeneralTypeIssues=false, reportCallIssue=false

from benchmarks.cold.timeline import Timeline

timeline = Timeline()

import os

from pynamodb.attributes import BooleanAttribute, ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model


class Order(Model):
    class Meta:
        table_name = "orders"
        region = os.environ["AWS_REGION"]
        host = os.environ["AWS_ENDPOINT_URL_DYNAMODB"]

    customer_id = UnicodeAttribute(hash_key=True)
    order_id = UnicodeAttribute(range_key=True)
    status = UnicodeAttribute()
    total = NumberAttribute()
    gift = BooleanAttribute()
    tags = ListAttribute(of=UnicodeAttribute)
    version = NumberAttribute()


timeline.end("import")


def get_order(event: dict[str, str], context: object) -> dict[str, object]:
    return Order.get(event["customer_id"], event["order_id"]).attribute_values


handler = timeline.handler(get_order)
