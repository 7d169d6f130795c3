"""The function on boto3 itself, with a client of the module, as AWS's documentation has it."""

from benchmarks.cold.timeline import Timeline

timeline = Timeline()

import boto3

from benchmarks.cold.handlers.plain import order_of

timeline.end("import")

client = boto3.client("dynamodb")
timeline.end("client")


def get_order(event: dict[str, str], context: object) -> dict[str, object]:
    key = {"customer_id": {"S": event["customer_id"]}, "order_id": {"S": event["order_id"]}}
    return order_of(client.get_item(TableName="orders", Key=key)["Item"])


handler = timeline.handler(get_order)
