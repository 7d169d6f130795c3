"""`repair`: an item under another tenant's index key does not stand in that tenant's way for ever."""

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
    InvalidValue,
    Model,
    PrimaryKey,
    TenantViolation,
    partition_key,
    sort_key,
    tenant_key,
    unique,
    use,
)
from dynamorm_py.core.errors import ConditionFailed
from dynamorm_py.core.tenant_repairs import Repair
from dynamorm_py.core.wire import Call
from dynamorm_py.tenancy import repair
from tests.tenancy.engines import ENGINES, fresh


class Order(Model, table="repair-orders"):
    tenant: Attr[str] = tenant_key()
    order_id: Attr[str]
    customer: Attr[str]
    secret: Attr[str]
    key = PrimaryKey("T#{tenant}", "{order_id}")
    by_customer = GlobalIndex(partition_key="T#{tenant}#C#{customer}")
    recent = GlobalIndex(partition_key="T#{tenant}#RECENT", sort_key="order_id", projection="KEYS_ONLY")


class Note(Model, table="repair-notes"):
    """Its index is by the tenant attribute itself."""

    tenant: Attr[str] = tenant_key()
    note_id: Attr[str]
    day: Attr[str]
    key = PrimaryKey("{tenant}#N", "{note_id}")
    by_day = GlobalIndex(partition_key="tenant", sort_key="day")


REASON = "a poisoned index"


@pytest.fixture(params=ENGINES)
async def db(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    async with fresh(request.getfixturevalue(request.param)) as client:
        await client.create_tables(Order, Note)
        for tenant in ("acme", "beta"):
            with use(client.for_tenant(tenant)):
                await Order(order_id="o1", customer="c", secret="xyzzy").create()
                await Note(note_id="n1", day="monday").create()
        yield client


async def poison(db: Client, table: str, key: dict[str, str], **attributes: str) -> None:
    """Sets attributes of an item, as another program could."""
    names = {f"#{number}": name for number, name in enumerate(attributes)}
    request = {
        "TableName": db.scope.prefix + table,
        "Key": {name: {"S": value} for name, value in key.items()},
        "UpdateExpression": "SET " + ", ".join(f"#{number} = :{number}" for number in range(len(attributes))),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": {f":{n}": {"S": value} for n, value in enumerate(attributes.values())},
    }
    await db.call("UpdateItem", request)


async def stored(db: Client, table: str, **key: str) -> dict[str, Any]:
    request = {"TableName": db.scope.prefix + table, "Key": {name: {"S": value} for name, value in key.items()}}
    item: dict[str, Any] = (await db.call("GetItem", request))["Item"]
    return item


BETAS = {"pk": "T#beta", "sk": "o1"}


async def test_a_tenant_reads_again_what_a_foreign_item_had_blocked(db: Client) -> None:
    await poison(db, "repair-orders", BETAS, by_customer_pk="T#acme#C#c", recent_pk="T#acme#RECENT")
    before = await stored(db, "repair-orders", **BETAS)
    acme, beta = db.for_tenant("acme"), db.for_tenant("beta")
    for query in (Order.by_customer.query("c"), Order.recent.query()):
        with pytest.raises(TenantViolation):
            await query.on(acme).all()

    report = await repair(db, Order, tenant="acme", reason=REASON)
    (finding,) = report.findings
    assert (finding.outcome, finding.table) == ("found", f"{db.scope.prefix}repair-orders")
    assert dict(finding.key) == BETAS
    assert set(finding.attributes) == {"by_customer_pk", "recent_pk"}
    assert await stored(db, "repair-orders", **BETAS) == before

    report = await repair(db, Order, tenant="acme", reason=REASON, dry_run=False)
    assert [each.outcome for each in report.findings] == ["repaired"]
    after = await stored(db, "repair-orders", **BETAS)
    assert after == {name: value for name, value in before.items() if name not in ("by_customer_pk", "recent_pk")}
    assert [order.order_id for order in await Order.by_customer.query("c").on(acme).all()] == ["o1"]
    assert len(await Order.recent.query().on(acme).all()) == 1
    assert await Order.by_customer.query("c").on(beta).all() == []
    # A whole write of its owner puts it back under the right key.
    with use(beta):
        await (await Order.get_or_raise("o1")).put()
        assert len(await Order.by_customer.query("c").all()) == 1
    assert (await repair(db, Order, tenant="acme", reason=REASON)).findings == ()


async def test_an_own_item_under_anothers_index_key_is_found_as_well(db: Client) -> None:
    await poison(db, "repair-orders", {"pk": "T#acme", "sk": "o1"}, by_customer_pk="T#beta#C#c")
    with use(db.for_tenant("acme")), pytest.raises(TenantViolation):
        await Order.get("o1")
    report = await repair(db, Order, tenant="acme", reason=REASON, dry_run=False)
    assert [(each.attributes, each.outcome) for each in report.findings] == [(("by_customer_pk",), "repaired")]
    with use(db.for_tenant("acme")):
        assert await Order.get("o1") is not None


@pytest.mark.parametrize("tenant", ["acme", "beta"])
async def test_an_item_that_is_marked_as_a_sentinel_is_found_again(db: Client, tenant: str) -> None:
    """The mark names somebody else as its owner, and hides it from its own tenant."""
    await poison(db, "repair-orders", {"pk": "T#acme", "sk": "o1"}, **{"$owner": f"T#{tenant}"})
    with use(db.for_tenant("acme")):
        assert await Order.get("o1") is None
    before = await stored(db, "repair-orders", pk="T#acme", sk="o1")
    (finding,) = (await repair(db, Order, tenant="acme", reason=REASON)).findings
    assert (finding.attributes, finding.outcome) == (("$owner",), "found")
    assert await stored(db, "repair-orders", pk="T#acme", sk="o1") == before
    report = await repair(db, Order, tenant="acme", reason=REASON, dry_run=False)
    assert [each.outcome for each in report.findings] == ["repaired"]
    with use(db.for_tenant("acme")):
        assert await Order.get("o1") is not None


async def test_sentinels_are_nothing_to_repair(db: Client) -> None:
    class Member(Model, table="repair-members"):
        tenant: Attr[str] = tenant_key()
        customer: Attr[str]
        email: Attr[str]
        key = PrimaryKey("T#{tenant}#C#{customer}", "{customer}")
        emails = unique("email")

    class Guest(Model, table="repair-guests"):
        tenant: Attr[str] = tenant_key()
        name: Attr[str] = sort_key()
        email: Attr[str]
        emails = unique("email")

    await db.create_tables(Member, Guest)
    with use(db.for_tenant("acme")):
        await Member(customer="c", email="a@x.org").create()
        await Guest(name="g", email="a@x.org").create()
    assert (await repair(db, Member, Guest, tenant="acme", reason=REASON)).findings == ()


async def test_where_the_tenant_attribute_disagrees_people_decide(db: Client) -> None:
    await poison(db, "repair-notes", {"pk": "beta#N", "sk": "n1"}, tenant="acme")
    with pytest.raises(TenantViolation):
        await Note.by_day.query().on(db.for_tenant("acme")).all()
    before = await stored(db, "repair-notes", pk="beta#N", sk="n1")
    report = await repair(db, Note, tenant="acme", reason=REASON, dry_run=False)
    assert [(each.attributes, each.outcome) for each in report.findings] == [(("tenant",), "undecided")]
    assert "to be decided by people" in str(report)
    assert await stored(db, "repair-notes", pk="beta#N", sk="n1") == before


async def test_what_is_reported_is_keys_and_each_request_is_on_record(
    db: Client, caplog: pytest.LogCaptureFixture
) -> None:
    await poison(db, "repair-orders", BETAS, by_customer_pk="T#acme#C#c")
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="dynamorm_py.audit"):
        report = await repair(db, Order, tenant="acme", reason=REASON, dry_run=False)
    assert "xyzzy" not in str(report) + repr(report)
    assert str(report) == f"{db.scope.prefix}repair-orders(pk='T#beta', sk='o1'): removed: by_customer_pk"
    operations = [record.getMessage().split()[0] for record in caplog.records]
    # The customer is not known, so that index is scanned; the table and the other index have one partition.
    assert operations == ["Query", "Scan", "GetItem", "Query", "UpdateItem"]
    assert all(REASON in record.getMessage() for record in caplog.records)


async def test_what_was_changed_since_it_was_read_stays(db: Client) -> None:
    await poison(db, "repair-orders", BETAS, by_customer_pk="T#acme#C#c")
    conversation = Repair((Order.__dynamorm_schema__,), "acme", False).converse(db.across_tenants(reason=REASON).scope)
    step = next(conversation)
    while isinstance(step, Call) and step.operation != "UpdateItem":
        step = conversation.send(await db.send(step))
    assert isinstance(step, Call)
    await poison(db, "repair-orders", BETAS, by_customer_pk="T#beta#C#c")
    with pytest.raises(ConditionFailed) as refused:
        await db.send(step)
    with pytest.raises(StopIteration) as end:
        conversation.throw(refused.value)
    assert [each.outcome for each in end.value.value.of("changed meanwhile")] == ["changed meanwhile"]
    assert (await stored(db, "repair-orders", **BETAS))["by_customer_pk"] == {"S": "T#beta#C#c"}


async def test_where_nothing_is_wrong_nothing_is_found(db: Client) -> None:
    report = await repair(db, Order, Note, tenant="acme", reason=REASON, dry_run=False)
    assert report.findings == ()
    assert str(report) == "nothing to repair"


async def test_only_tables_of_tenants_are_repaired(db: Client) -> None:
    class Plain(Model, table="repair-plain"):
        name: Attr[str] = partition_key()

    with pytest.raises(InvalidOperation, match="tenant_key"):
        await repair(db, Plain, tenant="acme", reason=REASON)
    with pytest.raises(InvalidOperation, match="name the models"):
        await repair(db, tenant="acme", reason=REASON)
    with pytest.raises(InvalidValue):
        await repair(db, Order, tenant="a#b", reason=REASON)
    with pytest.raises(InvalidOperation, match="reason"):
        await repair(db, Order, tenant="acme", reason=" ")
