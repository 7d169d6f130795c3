"""`verify_tables`: a live table on which tenants could meet is told apart from one on which they cannot."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dynamorm_py import (
    Attr,
    Client,
    GlobalIndex,
    InvalidOperation,
    Model,
    PrimaryKey,
    TableNotFound,
    sort_key,
    tenant_key,
)
from tests.tenancy.engines import ENGINES, fresh


class Order(Model, table="verified-orders"):
    tenant: Attr[str] = tenant_key()
    order_id: Attr[str]
    customer: Attr[str]
    placed: Attr[str]
    key = PrimaryKey("T#{tenant}#ORDER", "{order_id}")
    by_customer = GlobalIndex(partition_key="T#{tenant}#C#{customer}", sort_key="placed")


class Invoice(Model, table="verified-orders"):
    tenant: Attr[str] = tenant_key()
    invoice_id: Attr[str]
    due: Attr[str]
    key = PrimaryKey("T#{tenant}#INVOICE", "{invoice_id}")
    by_due = GlobalIndex(partition_key="T#{tenant}#DUE", sort_key="due")


class Country(Model, table="verified-countries", shared=True):
    region: Attr[str]
    code: Attr[str]
    key = PrimaryKey("{region}", "{code}")


@pytest.fixture(params=ENGINES)
async def db(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    async with fresh(request.getfixturevalue(request.param)) as client:
        yield client


def _index(name: str, partition: str, sort: str | None = None) -> dict[str, Any]:
    schema = [{"AttributeName": partition, "KeyType": "HASH"}]
    if sort is not None:
        schema.append({"AttributeName": sort, "KeyType": "RANGE"})
    return {"IndexName": name, "KeySchema": schema, "Projection": {"ProjectionType": "ALL"}}


_DECLARED = [_index("by_customer", "by_customer_pk", "placed"), _index("by_due", "by_due_pk", "due")]


async def _create(db: Client, table: str, key: tuple[str, str], indexes: list[dict[str, Any]]) -> None:
    partition, sort = key
    schema = [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]
    names = {part["AttributeName"] for each in ({"KeySchema": schema}, *indexes) for part in each["KeySchema"]}
    request = {
        "TableName": db.scope.prefix + table,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": schema,
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in sorted(names)],
    }
    await db.call("CreateTable", request | ({"GlobalSecondaryIndexes": indexes} if indexes else {}))


async def refusal(db: Client, *models: type[Model]) -> str:
    with pytest.raises(InvalidOperation) as refused:
        await db.verify_tables(*models)
    return str(refused.value).replace(db.scope.prefix, "")


async def test_tables_that_were_made_of_their_models_pass(db: Client) -> None:
    await db.create_tables(Order, Invoice, Country)
    await db.verify_tables(Order, Country)


async def test_the_other_models_of_a_table_count_too(db: Client) -> None:
    await _create(db, "verified-orders", ("pk", "sk"), _DECLARED[:1])
    assert "verified-orders/by_due: does not exist" in await refusal(db, Order)


async def test_an_index_that_nobody_declares_is_refused(db: Client) -> None:
    await _create(db, "verified-orders", ("pk", "sk"), [*_DECLARED, _index("by_status", "status")])
    told = await refusal(db, Order)
    assert "verified-orders/by_status: is an index that no model declares" in told
    assert told.count("verified-orders/") == 1


async def test_an_index_with_its_keys_the_other_way_round_is_refused(db: Client) -> None:
    turned = [_index("by_customer", "placed", "by_customer_pk"), _DECLARED[1]]
    await _create(db, "verified-orders", ("pk", "sk"), turned)
    assert "verified-orders/by_customer: is global, by placed (S) then by_customer_pk (S)" in await refusal(db, Order)


async def test_all_differences_of_all_tables_are_told_at_once(db: Client) -> None:
    await _create(db, "verified-orders", ("pk", "sk"), [_index("by_customer", "customer"), _index("extra", "extra")])
    await _create(db, "verified-countries", ("code", "region"), [])
    told = await refusal(db, Order, Country)
    for difference in (
        "verified-orders/extra: is an index that no model declares",
        "verified-orders/by_customer: is global, by customer (S)",
        "verified-orders/by_due: does not exist",
        "verified-countries: its key is code (S) then region (S), and its models have pk (S) then sk (S)",
    ):
        assert difference in told


async def test_a_table_that_does_not_exist_is_a_difference(db: Client) -> None:
    assert "verified-orders: does not exist" in await refusal(db, Order)


async def test_nobody_but_a_tenant_is_in_a_tenants_table(db: Client) -> None:
    class Mine(Model, table="verified-mixed"):
        tenant: Attr[str] = tenant_key()
        name: Attr[str] = sort_key()

    class Everybodys(Model, table="verified-mixed", shared=True):
        tenant: Attr[str]
        name: Attr[str]
        key = PrimaryKey("tenant", "name")

    await db.create_tables(Mine)
    assert "verified-mixed: Everybodys is shared by all, Mine is a tenant's" in await refusal(db, Everybodys)


async def test_models_that_disagree_about_the_tenant_are_refused(db: Client) -> None:
    class One(Model, table="verified-disagreeing"):
        tenant: Attr[str] = tenant_key()
        name: Attr[str]
        key = PrimaryKey("T#{tenant}", "{name}")

    class Other(Model, table="verified-disagreeing"):
        tenant: Attr[str] = tenant_key()
        name: Attr[str]
        key = PrimaryKey("{tenant}#O", "{name}")

    await db.create_tables(One)
    assert "there is another text before the tenant in the partition keys" in await refusal(db, Other)


async def test_nothing_but_descriptions_is_asked_for(db: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(InvalidOperation):
        await db.verify_tables(Order)
    with pytest.raises(InvalidOperation, match="name the models"):
        await db.verify_tables()
    with pytest.raises(TableNotFound):
        await db.describe_table(Order)
    assert caplog.records == []
