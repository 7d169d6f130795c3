"""Export and deletion of everything that a tenant has, and of nothing else."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any, cast

import pytest

from dynamorm_py import (
    Attr,
    BypassClient,
    Client,
    ConditionFailed,
    GlobalIndex,
    InvalidCursor,
    InvalidOperation,
    InvalidValue,
    Model,
    PrimaryKey,
    TenantClient,
    TenantViolation,
    UnprocessedItems,
    field,
    sort_key,
    tenant_key,
    time_to_live,
    unique,
    use,
)
from dynamorm_py.client.offboarding import delete_all, estate_of
from dynamorm_py.context import Runner
from dynamorm_py.core.offboarding import DeletePage, Progress, ReadPage
from dynamorm_py.core.wire import Call
from tests.tenancy.engines import ENGINES, fresh


class Note(Model, table="off-notes"):
    tenant: Attr[str] = tenant_key()
    note_id: Attr[str] = sort_key()
    title: Attr[str] = field(default="")
    body: Attr[bytes | None] = field(default=None)
    tags: Attr[set[str]] = field(default_factory=set)
    blobs: Attr[set[bytes]] = field(default_factory=set)
    price: Attr[Decimal | None] = field(default=None)
    nested: Attr[dict[str, Any]] = field(default_factory=dict)
    titles = unique("title")


class Ticket(Model, table="off-tickets"):
    tenant: Attr[str] = tenant_key()
    ticket_id: Attr[str]
    until: Attr[int | None] = time_to_live(default=None)
    key = PrimaryKey("T#{tenant}", "TICKET#{ticket_id}")


class Comment(Model, table="off-tickets"):
    tenant: Attr[str] = tenant_key()
    ticket_id: Attr[str]
    number: Attr[int]
    key = PrimaryKey("T#{tenant}", "COMMENT#{ticket_id}#{number}")


class Invoice(Model, table="off-invoices"):
    """There is text behind the tenant, so what else is in the table may stand behind other text."""

    tenant: Attr[str] = tenant_key()
    number: Attr[str]
    key = PrimaryKey("T#{tenant}#INVOICES", "{number}")


class Order(Model, table="off-orders"):
    tenant: Attr[str] = tenant_key()
    customer: Attr[str]
    order_id: Attr[str]
    email: Attr[str | None] = field(default=None)
    code: Attr[str | None] = field(default=None)
    key = PrimaryKey("T#{tenant}#C#{customer}", "{order_id}")
    by_order = GlobalIndex(partition_key="T#{tenant}#O#{order_id}")
    emails = unique("email")
    codes = unique("code", across_tenants=True)


class Country(Model, table="off-countries", shared=True):
    region: Attr[str]
    key = PrimaryKey("{region}")


REASON = "off-boarding"


@pytest.fixture(params=ENGINES)
async def db(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    async with fresh(request.getfixturevalue(request.param)) as client:
        await client.create_tables(Note, Ticket, Comment, Order, Invoice)
        yield client


def across(db: Client) -> BypassClient:
    return db.across_tenants(reason=REASON)


async def fill(db: Client, tenant: str) -> None:
    """Items of one tenant on all tables: 3 notes and their sentinels, 3 tickets, 2 comments."""
    with use(db.for_tenant(tenant)):
        for number in range(3):
            await Note(note_id=f"n{number}", title=f"title {number}").create()
            await Ticket(ticket_id=f"t{number}", until=1 if number == 2 else None).create()
        for number in range(2):
            await Comment(ticket_id="t0", number=number).create()


async def fill_orders(db: Client, tenant: str) -> None:
    """5 orders, 2 of which have sentinels within the tenant, and 1 of which has one over all of them."""
    bypass = across(db)
    for number in range(5):
        email = f"{number}@x.org" if number < 2 else None
        code = f"{tenant}-code" if number == 0 else None
        order = Order(tenant=tenant, customer=f"c{number}", order_id=f"o{number}", email=email, code=code)
        await bypass.run(order.create())


async def stored(db: Client, *models: type[Model]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for table in dict.fromkeys(model.__dynamorm_schema__.table for model in models):
        answer = await db.call("Scan", {"TableName": db.scope.prefix + table, "ConsistentRead": True})
        items += answer["Items"]
    return items


async def lines(client: TenantClient | BypassClient, *models: type[Model], **options: Any) -> list[dict[str, Any]]:
    return [json.loads(line) async for line in client.export(models, **options)]


def attribute_value(value: dict[str, Any]) -> dict[str, Any]:
    """DynamoDB's JSON as it is read back by whoever imports it."""
    ((tag, payload),) = value.items()
    if tag == "B":
        return {tag: base64.b64decode(payload)}
    if tag == "BS":
        return {tag: {base64.b64decode(each) for each in payload}}
    if tag in ("SS", "NS"):
        return {tag: set(payload)}
    if tag == "L":
        return {tag: [attribute_value(each) for each in payload]}
    if tag == "M":
        return {tag: {name: attribute_value(each) for name, each in payload.items()}}
    return value


async def test_an_export_loses_nothing(db: Client) -> None:
    acme = db.for_tenant("acme")
    note = Note(
        tenant="acme",
        note_id="n1",
        title="Zoë\n\u2028 \N{PILE OF POO}",
        body=bytes(range(256)),
        tags={"a", "b"},
        blobs={b"\x00", b"\xff"},
        price=Decimal(12345678901234567890123456789012345678),
        nested={"list": [1, {"deep": None}], "flag": True, "raw": b"\x80"},
    )
    with use(acme):
        await note.create()
    exported = await lines(acme, Note)
    assert {(line["Table"], line["Model"]) for line in exported} == {("off-notes", "Note"), ("off-notes", None)}
    (item,) = (line["Item"] for line in exported if line["Model"])
    read = {name: attribute_value(value) for name, value in item.items()}
    assert read["body"] == {"B": bytes(range(256))}
    assert read["blobs"] == {"BS": {b"\x00", b"\xff"}}
    assert read["price"] == {"N": "12345678901234567890123456789012345678"}
    assert read["nested"]["M"]["raw"] == {"B": b"\x80"}
    async for line in acme.export(Note):
        assert line.splitlines()[0].count("\n") == 0
        assert "\n" not in line


async def test_an_export_has_everything_of_the_tenant_and_nothing_of_others(db: Client) -> None:
    for tenant in ("acme", "acme2", "T", "beta"):
        await fill(db, tenant)
    exported = await lines(db.for_tenant("acme"), Note, Ticket)
    counts: dict[tuple[str, str | None], int] = {}
    for line in exported:
        counts[line["Table"], line["Model"]] = counts.get((line["Table"], line["Model"]), 0) + 1
    # Comments were not named, and live on the tickets' table. The ticket that has expired is still there.
    assert counts == {("off-notes", "Note"): 3, ("off-notes", None): 3, ("off-tickets", None): 5}
    assert {line["Item"]["tenant"]["S"] for line in exported} == {"acme"}


@pytest.mark.parametrize("page_size", [1, 2])
async def test_an_export_is_resumed_where_it_was_broken_off(db: Client, page_size: int) -> None:
    await fill(db, "acme")
    acme = db.for_tenant("acme")
    whole = [line async for line in acme.export([Note, Ticket])]
    collected: list[str] = []
    cursor: str | None = None
    for _ in range(40):
        page = await anext(acme.export([Note, Ticket], after=cursor, page_size=page_size).pages())
        assert len(page.lines) <= page_size
        collected += page.lines
        cursor = page.cursor
        if cursor is None:
            break
    assert cursor is None
    assert collected == whole


async def test_cursors_of_other_work_are_refused(db: Client) -> None:
    await fill(db, "acme")
    page = await anext(db.for_tenant("acme").export([Note], page_size=1).pages())
    with pytest.raises(TenantViolation):
        await lines(db.for_tenant("beta"), Note, after=page.cursor)
    with pytest.raises(InvalidCursor):
        await lines(db.for_tenant("acme"), Ticket, after=page.cursor)
    with pytest.raises(InvalidCursor):
        await db.for_tenant("acme").delete_all([Note], confirm="acme", after=page.cursor)


@pytest.mark.parametrize(
    "places",
    [
        [],
        {},
        None,
        {"tenant": {"S": "acme"}, "note_id": {"S": "n0"}},
        [None, None, {"tenant": {"S": "acme"}, "note_id": {"S": "n0"}}],
        [{"tenant": {"S": "acme"}, "note_id": {"S": "\ud800"}}],
        [{"tenant": {"S": "acme"}, "note_id\udfff": {"S": "n0"}}],
        [{"tenant": {"S": "acme"}, "note_id": {"N": "\ud800"}}],
        [{"tenant": {"S": "acme"}, "note_id": {"B": "\ud800"}}],
    ],
)
async def test_what_is_no_cursor_of_this_work_is_an_invalid_cursor(db: Client, places: Any) -> None:
    await fill(db, "acme")
    acme = db.for_tenant("acme")
    page = await anext(acme.export([Note], page_size=1).pages())
    assert page.cursor is not None
    whole = base64.urlsafe_b64decode(page.cursor + "=" * (-len(page.cursor) % 4))
    forged = whole[: whole.index(b"[")] + json.dumps(places).encode()
    with pytest.raises(InvalidCursor):
        await lines(acme, Note, after=base64.urlsafe_b64encode(forged).rstrip(b"=").decode())


async def test_all_of_a_tenant_is_deleted_and_nothing_else(db: Client) -> None:
    for tenant in ("acme", "acme2"):
        await fill(db, tenant)
    others = len(await stored(db, Note, Ticket)) // 2
    seen: list[Progress] = []
    deleted = await db.for_tenant("acme").delete_all([Note, Ticket], confirm="acme", page_size=2, progress=seen.append)
    assert deleted == others == 11
    left = await stored(db, Note, Ticket)
    assert {item["tenant"]["S"] for item in left} == {"acme2"}
    assert len(left) == others
    assert [each.items for each in seen] == sorted(each.items for each in seen)
    assert (seen[-1].items, seen[-1].cursor) == (11, None)
    assert all(each.cursor for each in seen[:-1])
    assert await db.for_tenant("acme").delete_all([Note, Ticket], confirm="acme") == 0


async def test_a_deletion_goes_on_where_it_was_broken_off(db: Client) -> None:
    await fill(db, "acme")
    acme = db.for_tenant("acme")
    seen: list[Progress] = []

    class BrokenOff(Exception):
        pass

    def break_off(progress: Progress) -> None:
        seen.append(progress)
        if len(seen) == 3:
            raise BrokenOff

    with pytest.raises(BrokenOff):
        await acme.delete_all([Note, Ticket], confirm="acme", page_size=2, progress=break_off)
    left = len(await stored(db, Note, Ticket))
    assert left == 11 - seen[-1].items > 0
    rest = await acme.delete_all([Note, Ticket], confirm="acme", after=seen[-1].cursor)
    assert rest == left
    assert await stored(db, Note, Ticket) == []


@pytest.mark.parametrize("confirm", ["", "beta", "ACME", "acme "])
async def test_nothing_is_deleted_unless_the_tenant_is_named_again(db: Client, confirm: str) -> None:
    await fill(db, "acme")
    with pytest.raises(InvalidOperation, match="confirm="):
        await db.for_tenant("acme").delete_all([Note], confirm=confirm)
    with pytest.raises(InvalidOperation, match="confirm="):
        await across(db).delete_all([Note], tenant="acme", confirm=confirm)
    assert len(await stored(db, Note)) == 6


async def test_what_was_written_meanwhile_is_told(db: Client) -> None:
    await fill(db, "acme")
    raw = {"tenant": {"S": "acme"}, "note_id": {"S": "a-late-one"}}
    request = {"TableName": f"{db.scope.prefix}off-notes", "Item": raw}

    class Writer:
        def __init__(self) -> None:
            self.client = db.for_tenant("acme")
            self.scope = self.client.scope
            self.pages = 0

        async def run_plan(self, plan: Any) -> Any:  # stands in for a writer of another process
            result = await self.client.run_plan(plan)
            self.pages += 1
            if self.pages == 2:
                await db.call("PutItem", request)
            return result

    with pytest.raises(UnprocessedItems, match="were written while they were being deleted") as failed:
        await delete_all(cast(Runner, Writer()), estate_of([Note], "delete_all"), None, 4, None)
    assert failed.value.remaining == [{"tenant": "acme", "note_id": "a-late-one"}]


@pytest.mark.parametrize(("model", "why"), [(Order, r"further fields \(customer\)"), (Invoice, "has #INVOICES behind")])
async def test_where_only_a_scan_would_do_the_scope_refuses(db: Client, model: type[Model], why: str) -> None:
    acme, name = db.for_tenant("acme"), model.__name__
    with pytest.raises(InvalidOperation, match=rf"{name}.export: .*{why}.*across_tenants\(reason=…\).export"):
        await lines(acme, model)
    with pytest.raises(InvalidOperation, match=rf"{name}.delete_all: .*across_tenants\(reason=…\).delete_all"):
        await acme.delete_all([Note, model], confirm="acme")


async def test_the_bypass_finds_what_stands_behind_other_text(db: Client) -> None:
    for tenant in ("acme", "acme2"):
        with use(db.for_tenant(tenant)):
            await Invoice(number="i1").create()
        raw = {"pk": {"S": f"T#{tenant}#ORDER#c1"}, "sk": {"S": "o1"}, "tenant": {"S": tenant}}
        await db.call("PutItem", {"TableName": f"{db.scope.prefix}off-invoices", "Item": raw})
    assert len(await lines(across(db), Invoice, tenant="acme")) == 2
    assert await across(db).delete_all(Invoice, tenant="acme", confirm="acme") == 2
    assert {item["tenant"]["S"] for item in await stored(db, Invoice)} == {"acme2"}


async def test_the_bypass_exports_and_deletes_what_it_has_to_scan_for(
    db: Client, caplog: pytest.LogCaptureFixture
) -> None:
    for tenant in ("acme", "acme2", "C"):
        await fill_orders(db, tenant)
    before = await stored(db, Order)
    bypass = across(db)
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="dynamorm_py.audit"):
        exported = await lines(bypass, Order, tenant="acme", page_size=3)
    assert {record.getMessage() for record in caplog.records} == {
        f"Scan across tenants on {db.scope.prefix}off-orders: {REASON}"
    }
    # Five orders, two sentinels of the tenant's own and one of a constraint over all tenants.
    assert sorted(str(line["Model"]) for line in exported) == ["None"] * 3 + ["Order"] * 5
    mine = [json.dumps(line["Item"], sort_keys=True) for line in exported]
    assert await bypass.delete_all([Order], tenant="acme", confirm="acme", page_size=3) == 8
    left = await stored(db, Order)
    assert len(left) == len(before) - 8
    assert all(item in before for item in left)
    assert not {json.dumps(item, sort_keys=True) for item in left} & set(mine)


async def test_sentinels_over_all_tenants_belong_to_the_tenant_of_their_owner(db: Client) -> None:
    class Coupon(Model, table="off-coupons"):
        tenant: Attr[str] = tenant_key()
        coupon_id: Attr[str] = sort_key()
        code: Attr[str]
        codes = unique("code", across_tenants=True)

    await db.create_tables(Coupon)
    for tenant in ("acme", "beta"):
        await across(db).run(Coupon(tenant=tenant, coupon_id="c", code=tenant).create())
    with pytest.raises(InvalidOperation, match="sentinels of its unique constraints have partitions of their own"):
        await lines(db.for_tenant("acme"), Coupon)
    assert len(await lines(across(db), Coupon, tenant="acme")) == 2
    assert await across(db).delete_all(Coupon, tenant="acme", confirm="acme") == 2
    left = await stored(db, Coupon)
    assert {item.get("code", {"S": "beta"})["S"] for item in left} == {"beta"}
    assert len(left) == 2
    # The value is free again.
    await across(db).run(Coupon(tenant="beta", coupon_id="d", code="acme").create())


async def test_the_bypass_finds_what_no_model_declares(db: Client) -> None:
    await fill(db, "acme")
    item = {"pk": {"S": "T#acme#WHATEVER"}, "sk": {"S": "x"}, "tenant": {"S": "acme"}}
    await db.call("PutItem", {"TableName": f"{db.scope.prefix}off-tickets", "Item": item})
    assert len(await lines(db.for_tenant("acme"), Ticket)) == 5
    assert len(await lines(across(db), Ticket, tenant="acme")) == 6


async def test_a_sentinel_that_another_tenant_took_over_stays(db: Client) -> None:
    """Its key does not hold the tenant, so the item behind it may be another's by the time it is deleted."""
    await fill_orders(db, "acme")
    conversation = DeletePage(ReadPage(estate_of(Order, "delete_all", "acme"), None)).converse(across(db).scope)
    step = next(conversation)
    while isinstance(step, Call) and step.operation != "DeleteItem":
        step = conversation.send(await db.send(step))
    assert isinstance(step, Call)
    where = {"TableName": step.request["TableName"], "Key": step.request["Key"]}
    taken = {**step.request["Key"], "$owner": {"M": {"pk": {"S": "T#beta#C#c"}, "sk": {"S": "o"}}}}
    await db.call("PutItem", {"TableName": step.request["TableName"], "Item": taken})
    with pytest.raises(ConditionFailed) as refused:
        await db.send(step)
    with pytest.raises(StopIteration):
        conversation.throw(refused.value)
    assert (await db.call("GetItem", where))["Item"] == taken


@pytest.mark.parametrize("sort", ["o1", "$unique", "$unique#Order#emails#a"])
@pytest.mark.parametrize(
    "owner",
    [
        {"M": {"pk": {"S": "T#beta#C#c"}, "sk": {"S": "o"}}},
        {"M": {"pk": {"S": "T#beta"}}},
        {"M": {"pk": {"M": {}}}},
        {"S": "T#beta#C#c"},
    ],
)
async def test_what_an_item_says_of_its_owner_is_not_believed(db: Client, owner: dict[str, Any], sort: str) -> None:
    """The mark of a sentinel on an item of acme's, as another program could write it."""
    marked = {"pk": {"S": "T#acme#C#x"}, "sk": {"S": sort}, "tenant": {"S": "acme"}, "$owner": owner}
    await db.call("PutItem", {"TableName": f"{db.scope.prefix}off-orders", "Item": marked})
    assert await lines(across(db), Order, tenant="beta") == []
    assert await across(db).delete_all(Order, tenant="beta", confirm="beta") == 0
    assert await stored(db, Order) == [marked]
    (line,) = await lines(across(db), Order, tenant="acme")
    assert line["Item"] == marked
    assert await across(db).delete_all(Order, tenant="acme", confirm="acme") == 1


async def test_a_sentinel_is_its_tenants_whoever_it_names(db: Client) -> None:
    marked = {
        "pk": {"S": "T#acme#$unique#Order#emails#a@x.org"},
        "sk": {"S": "$unique"},
        "tenant": {"S": "acme"},
        "$owner": {"M": {"pk": {"S": "T#beta#C#c"}, "sk": {"S": "o"}}},
    }
    await db.call("PutItem", {"TableName": f"{db.scope.prefix}off-orders", "Item": marked})
    assert await across(db).delete_all(Order, tenant="beta", confirm="beta") == 0
    assert await across(db).delete_all(Order, tenant="acme", confirm="acme") == 1


@pytest.mark.parametrize(
    ("item", "named"),
    [
        ({"pk": {"S": "T#acme#C#x"}, "sk": {"S": "1"}, "tenant": {"S": "beta"}}, "tenant"),
        ({"pk": {"S": "T#beta#C#x"}, "sk": {"S": "1"}, "tenant": {"S": "acme"}}, "pk"),
        ({"pk": {"S": "T#acme#C#x"}, "sk": {"S": "1"}, "by_order_pk": {"S": "T#beta#O#1"}}, "by_order_pk"),
    ],
)
async def test_what_names_two_tenants_is_neither_exported_nor_deleted(
    db: Client, item: dict[str, Any], named: str
) -> None:
    await db.call("PutItem", {"TableName": f"{db.scope.prefix}off-orders", "Item": item})
    with pytest.raises(TenantViolation, match=rf"\({named} disagrees with the rest\)"):
        await lines(across(db), Order, tenant="acme")
    with pytest.raises(TenantViolation, match="nobody knows whose it is"):
        await across(db).delete_all(Order, tenant="acme", confirm="acme")
    assert await stored(db, Order) == [item]


async def test_only_what_belongs_to_tenants_is_off_boarded(db: Client) -> None:
    class Plain(Model, table="off-plain"):
        name: Attr[str]
        key = PrimaryKey("{name}")

    for model in (Country, Plain):
        with pytest.raises(InvalidOperation, match="none of them belongs to one"):
            await lines(db.for_tenant("acme"), model)
    with pytest.raises(InvalidOperation, match="name the models"):
        await lines(db.for_tenant("acme"))
    with pytest.raises(InvalidValue):
        await lines(across(db), Note, tenant="a#b")
    with pytest.raises(InvalidOperation, match="page_size"):
        db.for_tenant("acme").export(Note, page_size=0)


async def test_a_scope_that_has_ended_exports_nothing(db: Client) -> None:
    await fill(db, "acme")
    acme = db.for_tenant("acme").entered()
    pages = acme.export(Note, page_size=1).pages()
    await anext(pages)
    acme.left()
    with pytest.raises(TenantViolation, match="scope"):
        await anext(pages)
