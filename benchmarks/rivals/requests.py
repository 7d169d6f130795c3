"""The requests of those that have no models, in DynamoDB's own form, written out as their users write them."""

from __future__ import annotations

from typing import Any

from benchmarks.rivals.work import (
    BATCH_KEYS,
    KEY,
    ORDER,
    SET,
    TABLE,
    TRANSACTION_ORDERS,
    queried_customer,
    wire,
    wire_item,
    wire_key,
)

_KEY = wire_key(KEY)
_ITEM = wire_item(ORDER)
_KEYS = [wire_key(key) for key in BATCH_KEYS]
_PUTS = [{"Put": {"TableName": TABLE, "Item": wire_item(order)}} for order in TRANSACTION_ORDERS]


def get() -> dict[str, Any]:
    return {"TableName": TABLE, "Key": _KEY}


def put() -> dict[str, Any]:
    return {"TableName": TABLE, "Item": _ITEM}


def update() -> dict[str, Any]:
    return {
        "TableName": TABLE,
        "Key": _KEY,
        "UpdateExpression": "SET #s = :s, #t = :t",
        "ConditionExpression": "attribute_exists(#k)",
        "ExpressionAttributeNames": {"#s": "status", "#t": "total", "#k": "customer_id"},
        "ExpressionAttributeValues": {":s": wire(SET["status"]), ":t": wire(SET["total"])},
        "ReturnValues": "ALL_NEW",
    }


def query(count: int) -> dict[str, Any]:
    return {
        "TableName": TABLE,
        "KeyConditionExpression": "#k = :k",
        "ExpressionAttributeNames": {"#k": "customer_id"},
        "ExpressionAttributeValues": {":k": wire(queried_customer(count))},
    }


def batch_get() -> dict[str, Any]:
    return {"RequestItems": {TABLE: {"Keys": _KEYS}}}


def transact_write() -> dict[str, Any]:
    return {"TransactItems": _PUTS}
