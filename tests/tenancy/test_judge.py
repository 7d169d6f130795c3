"""The judge refuses planted crossings of each operation, and lets through what is a tenant's own. Nothing stands before
it here: the requests are written by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from dynamorm_py import Attr, GlobalIndex, LocalIndex, Model, PrimaryKey, partition_key, sort_key, tenant_key
from dynamorm_py.client import Client, Credentials
from dynamorm_py.core.errors import AccessDenied
from tests.tenancy.conftest import Court

Body = dict[str, Any]


class Order(Model, table="orders"):
    org: Attr[str] = tenant_key()
    number: Attr[str]
    customer: Attr[str]
    key = PrimaryKey("T#{org}#ORDER", "{number}")
    by_customer = GlobalIndex(partition_key="T#{org}#C#{customer}", sort_key="{number}")
    by_name = LocalIndex(sort_key="customer")


class Note(Model, table="notes"):
    org: Attr[str] = tenant_key()
    number: Attr[str] = sort_key()
    author: Attr[str]
    by_org = GlobalIndex(partition_key="org", sort_key="author")


class Plan(Model, table="plans", shared=True):
    name: Attr[str] = partition_key()


@pytest.fixture(params=[False, True], ids=["session-policy", "session-tag"])
async def db(request: pytest.FixtureRequest, court: Court) -> AsyncIterator[Client]:
    court.by_tag = request.param
    await court.admit(Order, Note, Plan)
    await court.root.call("PutItem", {"TableName": f"{court.prefix}plans", "Item": {"name": {"S": "gold"}}})
    await court.root.call("PutItem", {"TableName": f"{court.prefix}orders", "Item": order("beta")})
    async with court.client("acme") as client:
        yield client


def order(tenant: str, **changes: Body) -> Body:
    return {
        **key(tenant),
        "org": {"S": tenant},
        "number": {"S": "1"},
        "customer": {"S": "c1"},
        "by_customer_pk": {"S": f"T#{tenant}#C#c1"},
        "by_customer_sk": {"S": "1"},
        **changes,
    }


def key(tenant: str) -> Body:
    return {"pk": {"S": f"T#{tenant}#ORDER"}, "sk": {"S": "1"}}


def note(tenant: str) -> Body:
    return {"org": {"S": tenant}, "number": {"S": "1"}}


def query(tenant: str, **changes: Any) -> Body:
    return {
        "TableName": "orders",
        "KeyConditionExpression": "#p = :p AND #s >= :s",
        "ExpressionAttributeNames": {"#p": "pk", "#s": "sk"},
        "ExpressionAttributeValues": {":p": {"S": f"T#{tenant}#ORDER"}, ":s": {"S": "0"}},
        **changes,
    }


def index_query(value: str, **changes: Any) -> Body:
    return {
        "TableName": "orders",
        "IndexName": "by_customer",
        "KeyConditionExpression": "(by_customer_pk=:p)",
        "ExpressionAttributeValues": {":p": {"S": value}},
        **changes,
    }


def update(tenant: str, expression: str, **values: Body) -> Body:
    body: Body = {"TableName": "orders", "Key": key(tenant), "UpdateExpression": expression}
    return (
        {**body, "ExpressionAttributeValues": {f":{name}": value for name, value in values.items()}} if values else body
    )


def start(tenant: str, index: str) -> Body:
    return {**key(tenant), "by_customer_pk": {"S": f"T#{index}#C#c1"}, "by_customer_sk": {"S": "1"}}


OWN: list[tuple[str, Body]] = [
    ("PutItem", {"TableName": "orders", "Item": order("acme")}),
    ("PutItem", {"TableName": "notes", "Item": {**note("acme"), "author": {"S": "a"}}}),
    ("GetItem", {"TableName": "orders", "Key": key("acme")}),
    ("GetItem", {"TableName": "plans", "Key": {"name": {"S": "gold"}}}),
    ("UpdateItem", update("acme", "SET customer = :c", c={"S": "c2"})),
    ("UpdateItem", update("acme", "SET by_customer_pk = :c", c={"S": "T#acme#C#c2"})),
    ("UpdateItem", update("acme", "REMOVE by_customer_pk")),
    ("DeleteItem", {"TableName": "orders", "Key": key("acme")}),
    ("Query", query("acme")),
    ("Query", index_query("T#acme#C#c1")),
    ("Query", index_query("T#acme#C#c1", ExclusiveStartKey=start("acme", "acme"))),
    (
        "Query",
        {
            "TableName": "orders",
            "IndexName": "by_name",
            "KeyConditionExpression": "pk = :p",
            "ExpressionAttributeValues": {":p": {"S": "T#acme#ORDER"}},
        },
    ),
    (
        "Query",
        {
            "TableName": "notes",
            "IndexName": "by_org",
            "KeyConditionExpression": "org = :p",
            "ExpressionAttributeValues": {":p": {"S": "acme"}},
        },
    ),
    ("BatchGetItem", {"RequestItems": {"orders": {"Keys": [key("acme")]}, "plans": {"Keys": [{"name": {"S": "g"}}]}}}),
    ("BatchWriteItem", {"RequestItems": {"orders": [{"PutRequest": {"Item": order("acme")}}]}}),
    ("BatchWriteItem", {"RequestItems": {"notes": [{"DeleteRequest": {"Key": note("acme")}}]}}),
    ("TransactGetItems", {"TransactItems": [{"Get": {"TableName": "orders", "Key": key("acme")}}]}),
    (
        "TransactWriteItems",
        {
            "TransactItems": [
                {"Put": {"TableName": "orders", "Item": order("acme")}},
                {
                    "ConditionCheck": {
                        "TableName": "notes",
                        "Key": note("acme"),
                        "ConditionExpression": "attribute_not_exists(x)",
                    }
                },
            ]
        },
    ),
]

CROSSINGS: list[tuple[str, Body]] = [
    ("GetItem", {"TableName": "orders", "Key": key("beta")}),
    ("GetItem", {"TableName": "orders", "Key": key("acme2")}),
    ("GetItem", {"TableName": "notes", "Key": note("beta")}),
    ("GetItem", {"TableName": "strays", "Key": note("acme")}),
    ("GetItem", {"TableName": "arn:aws:dynamodb:us-east-1:999999999999:table/orders", "Key": key("acme")}),
    ("PutItem", {"TableName": "orders", "Item": order("beta")}),
    ("PutItem", {"TableName": "orders", "Item": order("acme", by_customer_pk={"S": "T#beta#C#c1"})}),
    ("PutItem", {"TableName": "orders", "Item": {"sk": {"S": "1"}}}),
    ("PutItem", {"TableName": "plans", "Item": {"name": {"S": "free"}}}),
    ("UpdateItem", update("beta", "SET customer = :c", c={"S": "c2"})),
    ("UpdateItem", update("acme", "SET by_customer_pk = :c", c={"S": "T#beta#C#c1"})),
    (
        "UpdateItem",
        update("acme", "SET by_customer_pk = if_not_exists(nowhere, :c), by_customer_sk = :c", c={"S": "T#beta#C#c1"}),
    ),
    ("DeleteItem", {"TableName": "orders", "Key": key("beta")}),
    ("Query", query("beta")),
    ("Query", query("acme", KeyConditionExpression="#s >= :s AND #p = :p") | {"TableName": "strays"}),
    ("Query", index_query("T#beta#C#c1")),
    ("Query", index_query("T#acme#C#c1", IndexName="undeclared")),
    ("Query", index_query("T#acme#C#c1", ExclusiveStartKey=start("beta", "acme"))),
    ("Query", index_query("T#acme#C#c1", ExclusiveStartKey=start("acme", "beta"))),
    ("Query", {"TableName": "orders", "KeyConditionExpression": "begins_with(pk, :p)"}),
    (
        "Query",
        {
            "TableName": "orders",
            "KeyConditions": {"pk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "T#beta#ORDER"}]}},
        },
    ),
    (
        "Query",
        {
            "TableName": "notes",
            "IndexName": "by_org",
            "KeyConditionExpression": "org = :p",
            "ExpressionAttributeValues": {":p": {"S": "beta"}},
        },
    ),
    ("BatchGetItem", {"RequestItems": {"orders": {"Keys": [key("acme"), key("beta")]}}}),
    ("BatchGetItem", {"RequestItems": {"orders": {"Keys": [key("acme")]}, "notes": {"Keys": [note("beta")]}}}),
    (
        "BatchWriteItem",
        {
            "RequestItems": {
                "orders": [{"PutRequest": {"Item": order("acme")}}, {"DeleteRequest": {"Key": key("beta")}}]
            }
        },
    ),
    ("BatchWriteItem", {"RequestItems": {"orders": [{"PutRequest": {"Item": order("beta")}}]}}),
    ("TransactGetItems", {"TransactItems": [{"Get": {"TableName": "orders", "Key": key("beta")}}]}),
    *(
        ("TransactWriteItems", {"TransactItems": [{"Put": {"TableName": "notes", "Item": note("acme")}}, crossing]})
        for crossing in (
            {"Put": {"TableName": "orders", "Item": order("beta")}},
            {"Put": {"TableName": "orders", "Item": order("acme", by_customer_pk={"S": "T#beta#C#c1"})}},
            {"Update": update("beta", "SET customer = :c", c={"S": "c2"})},
            {"Update": update("acme", "SET by_customer_pk = :c", c={"S": "T#beta#C#c1"})},
            {"Delete": {"TableName": "orders", "Key": key("beta")}},
            {
                "ConditionCheck": {
                    "TableName": "orders",
                    "Key": key("beta"),
                    "ConditionExpression": "attribute_exists(pk)",
                }
            },
        )
    ),
    ("Scan", {"TableName": "orders"}),
    ("Scan", {"TableName": "plans"}),
    ("ExecuteStatement", {"Statement": "SELECT * FROM orders WHERE pk = 'T#acme#ORDER'"}),
    ("ExecuteTransaction", {"TransactStatements": [{"Statement": "SELECT * FROM orders WHERE pk = 'T#acme#ORDER'"}]}),
    ("BatchExecuteStatement", {"Statements": [{"Statement": "SELECT * FROM orders WHERE pk = 'T#acme#ORDER'"}]}),
    ("DescribeTable", {"TableName": "orders"}),
    ("DeleteTable", {"TableName": "orders"}),
    ("ListTables", {}),
]


def prefixed(body: Any, prefix: str) -> Any:
    """The request with the court's prefix before each table's name."""
    if isinstance(body, list):
        return [prefixed(each, prefix) for each in body]
    if not isinstance(body, dict):
        return body
    return {
        name: prefix + value
        if name == "TableName" and not value.startswith("arn:")
        else {prefix + table: prefixed(asked, prefix) for table, asked in value.items()}
        if name == "RequestItems"
        else prefixed(value, prefix)
        for name, value in body.items()
    }


async def test_what_is_the_tenants_own_passes(db: Client, court: Court) -> None:
    for operation, body in OWN:
        await db.call(operation, prefixed(body, court.prefix))
    assert court.judge.refusals == []


async def is_refused(db: Client, operation: str, body: Body) -> bool:
    try:
        await db.call(operation, body)
    except AccessDenied as error:
        return "is not allowed" in error.message
    return False


async def test_each_planted_crossing_is_refused(db: Client, court: Court) -> None:
    passed = [
        (operation, body)
        for operation, body in CROSSINGS
        if not await is_refused(db, operation, prefixed(body, court.prefix))
    ]
    assert passed == []
    assert [refusal.partition(":")[0] for refusal in court.judge.refusals] == [operation for operation, _ in CROSSINGS]


async def test_what_was_refused_did_not_happen(db: Client, court: Court) -> None:
    for operation, body in CROSSINGS:
        await is_refused(db, operation, prefixed(body, court.prefix))
    orders = await court.root.call("Scan", {"TableName": f"{court.prefix}orders"})
    assert orders["Items"] == [order("beta")]
    plans = await court.root.call("Scan", {"TableName": f"{court.prefix}plans"})
    assert plans["Items"] == [{"name": {"S": "gold"}}]


async def test_an_index_key_taken_from_elsewhere_is_seen(db: Client, court: Court) -> None:
    item = order("acme", loot={"S": "T#beta#C#c1"})
    await db.call("PutItem", {"TableName": f"{court.prefix}orders", "Item": item})
    with pytest.raises(AccessDenied, match="by_customer_pk would put the item into index by_customer"):
        await db.call("UpdateItem", prefixed(update("acme", "SET by_customer_pk = loot"), court.prefix))
    found = await db.call("GetItem", {"TableName": f"{court.prefix}orders", "Key": key("acme")})
    assert found["Item"] == item


async def test_a_key_that_nobody_has_is_refused(db: Client, court: Court) -> None:
    stranger = Client(
        region=court.region, endpoint_url=court.judge.endpoint_url, credentials=Credentials("STRANGER", "secret")
    )
    async with stranger:
        with pytest.raises(AccessDenied, match="nobody has this access key"):
            await stranger.call("ListTables", {})


async def test_a_tenant_named_as_the_text_before_all_tenants_reaches_nobody(db: Client, court: Court) -> None:
    async with court.client("T") as other:
        for value in ("T#acme#C#c1", "T", "T#"):
            with pytest.raises(AccessDenied):
                await other.call("Query", prefixed(index_query(value), court.prefix))
        await other.call("Query", prefixed(index_query("T#T#C#c1"), court.prefix))


async def test_a_client_of_no_scope_has_only_the_judge_before_it(judged_db: Client, court: Court) -> None:
    await court.admit(Order)
    await judged_db.call("PutItem", prefixed({"TableName": "orders", "Item": order("acme")}, court.prefix))
    with pytest.raises(AccessDenied):
        await judged_db.call("PutItem", prefixed({"TableName": "orders", "Item": order("beta")}, court.prefix))
