"""Requests of the tenant `acme` that pass, one for each operation and more, and the tables that they are about."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from dynamorm_py.guard import Bearer, Guard, GuardedTable, token_beginning

Request = dict[str, Any]

TENANT = "acme"
PARTITION = Bearer("pk", "TENANT#", whole=False)
OF_CUSTOMER = Bearer("customer_pk", "TENANT#", whole=False)
ORDERS = GuardedTable(
    name="test_orders",
    key=("pk", "sk"),
    partition=PARTITION,
    indexes={
        "by_customer": (OF_CUSTOMER, ("customer_pk", "customer_sk")),
        "by_date": (PARTITION, ("pk", "placed_at")),  # a local index
        "by_region": (Bearer("account", "", whole=True), ("account", "region", "city", "day")),  # a multi-attribute key
    },
    tenant_attribute="tenant_id",
    protected=frozenset(
        {"pk", "sk", "customer_pk", "customer_sk", "placed_at", "account", "region", "city", "day"},
    ),
)
# Native keys: the tenant's id is the partition key, as it is.
NOTES = GuardedTable(
    name="test_notes",
    key=("tenant_id", "note_id"),
    partition=Bearer("tenant_id", "", whole=True),
    indexes={},
    tenant_attribute="tenant_id",
    protected=frozenset({"tenant_id", "note_id"}),
)
PLANS = GuardedTable(
    name="test_plans",
    key=("plan",),
    partition=None,
    indexes={},
    tenant_attribute=None,
    protected=frozenset({"plan"}),
    shared=True,
)
TABLES = {table.name: table for table in (ORDERS, NOTES, PLANS)}


def guard(tenant: str = TENANT) -> Guard:
    return Guard(tenant, TABLES.get)


def key(tenant: str = TENANT) -> Request:
    return {"pk": {"S": f"TENANT#{tenant}#ORDER"}, "sk": {"S": "o1"}}


def item(tenant: str = TENANT) -> Request:
    return {
        **key(tenant),
        "tenant_id": {"S": tenant},
        "customer_pk": {"S": f"TENANT#{tenant}#C#c1"},
        "customer_sk": {"S": "2024"},
        "account": {"S": tenant},
        "region": {"S": "eu"},
        "total": {"N": "3"},
        "raw": {"B": b"\x00"},
    }


def token(tenant: str = TENANT) -> str:
    return f"{token_beginning(tenant)}-0123-4567-89ab-cdef0123"


GET: Request = {"TableName": "test_orders", "Key": key(), "ConsistentRead": True, "ReturnConsumedCapacity": "TOTAL"}
BATCH_GET: Request = {
    "RequestItems": {
        "test_orders": {"Keys": [key(), {**key(), "sk": {"S": "o2"}}], "ConsistentRead": True},
        "test_notes": {"Keys": [{"tenant_id": {"S": "acme"}, "note_id": {"N": "1"}}]},
        "test_plans": {"Keys": [{"plan": {"S": "free"}}]},
    }
}
TRANSACT_GET: Request = {
    "TransactItems": [
        {"Get": {"TableName": "test_orders", "Key": key()}},
        {"Get": {"TableName": "test_plans", "Key": {"plan": {"S": "free"}}}},
    ]
}
QUERY: Request = {
    "TableName": "test_orders",
    "KeyConditionExpression": "#n0 = :v0 AND #n1 BETWEEN :v1 AND :v2",
    "FilterExpression": "#n2 > :v3 OR NOT attribute_exists(#n3)",
    "ExpressionAttributeNames": {"#n0": "pk", "#n1": "sk", "#n2": "total", "#n3": "customer_pk"},
    "ExpressionAttributeValues": {
        ":v0": {"S": "TENANT#acme#ORDER"},
        ":v1": {"S": "a"},
        ":v2": {"S": "b"},
        ":v3": {"N": "1"},
    },
    "ExclusiveStartKey": key(),
    "ScanIndexForward": False,
    "Limit": 10,
}
INDEX_QUERY: Request = {
    "TableName": "test_orders",
    "IndexName": "by_customer",
    "KeyConditionExpression": "#n0 = :v0",
    "ExpressionAttributeNames": {"#n0": "customer_pk"},
    "ExpressionAttributeValues": {":v0": {"S": "TENANT#acme#C#c1"}},
    "ExclusiveStartKey": {**key(), "customer_pk": {"S": "TENANT#acme#C#c1"}, "customer_sk": {"S": "2024"}},
    "Select": "COUNT",
}
NATIVE_QUERY: Request = {
    "TableName": "test_orders",
    "IndexName": "by_region",
    "KeyConditionExpression": "account = :account AND region = :region AND city >= :city",
    "ExpressionAttributeValues": {":account": {"S": "acme"}, ":region": {"S": "eu"}, ":city": {"S": "globex"}},
}
PUT: Request = {
    "TableName": "test_orders",
    "Item": item(),
    "ConditionExpression": "attribute_not_exists(#n0)",
    "ExpressionAttributeNames": {"#n0": "pk"},
    "ReturnValues": "ALL_OLD",
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}
UPDATE: Request = {
    "TableName": "test_orders",
    "Key": key(),
    "UpdateExpression": "SET #n1 = :v0, #n2 = if_not_exists(#n2, :v1) + :v1, #n5 = :v3 REMOVE #n3 ADD #n4 :v2",
    "ConditionExpression": "attribute_exists(#n0)",
    "ExpressionAttributeNames": {
        "#n0": "pk",
        "#n1": "customer_pk",
        "#n2": "total",
        "#n3": "account",
        "#n4": "tags",
        "#n5": "tenant_id",
    },
    "ExpressionAttributeValues": {
        ":v0": {"S": "TENANT#acme#C#c2"},
        ":v1": {"N": "1"},
        ":v2": {"SS": ["vip"]},
        ":v3": {"S": "acme"},
    },
    "ReturnValues": "ALL_NEW",
}
DELETE: Request = {"TableName": "test_orders", "Key": key(), "ReturnValues": "ALL_OLD"}
BATCH_WRITE: Request = {
    "RequestItems": {
        "test_orders": [{"PutRequest": {"Item": item()}}, {"DeleteRequest": {"Key": {**key(), "sk": {"S": "o2"}}}}],
        "test_notes": [{"DeleteRequest": {"Key": {"tenant_id": {"S": "acme"}, "note_id": {"N": "1"}}}}],
    }
}
CHECK: Request = {
    "TableName": "test_orders",
    "Key": {**key(), "sk": {"S": "o3"}},
    "ConditionExpression": "attribute_exists(#n0)",
    "ExpressionAttributeNames": {"#n0": "pk"},
}

PLAN_CHECK: Request = {
    "TableName": "test_plans",
    "Key": {"plan": {"S": "free"}},
    "ConditionExpression": "attribute_exists(plan)",
}


def member(request: Request, **changes: Any) -> Request:
    """A request as it stands in a transaction, where nothing is returned."""
    return {name: value for name, value in request.items() if name != "ReturnValues"} | changes


TRANSACT_WRITE: Request = {
    "TransactItems": [
        {"Put": member(PUT)},
        {"Update": member(UPDATE, Key={**key(), "sk": {"S": "o2"}})},
        {"ConditionCheck": CHECK},
        {"Delete": member(DELETE, Key={**key(), "sk": {"S": "o4"}})},
        {"ConditionCheck": PLAN_CHECK},
    ],
    "ClientRequestToken": token(),
}

OWN: dict[str, tuple[str, Request]] = {
    "get": ("GetItem", GET),
    "batch get": ("BatchGetItem", BATCH_GET),
    "transact get": ("TransactGetItems", TRANSACT_GET),
    "query": ("Query", QUERY),
    "index query": ("Query", INDEX_QUERY),
    "query of a multi-attribute key": ("Query", NATIVE_QUERY),
    "put": ("PutItem", PUT),
    "update": ("UpdateItem", UPDATE),
    "delete": ("DeleteItem", DELETE),
    "batch write": ("BatchWriteItem", BATCH_WRITE),
    "transact write": ("TransactWriteItems", TRANSACT_WRITE),
}


def changed(request: Request, *path: Any, to: Any) -> Request:
    """A copy of a request with another value at one place; a place that is not there yet is made."""
    copy = deepcopy(request)
    at: Any = copy
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = to
    return copy
