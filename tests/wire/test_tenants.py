"""What is compiled in a tenant's scope, and what the tools for tenants send, as DynamoDB's own description has it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

import pytest

from dynamorm_py import (
    Attr,
    GlobalIndex,
    LocalIndex,
    Model,
    PrimaryKey,
    Table,
    TenantViolation,
    batch_write,
    field,
    sort_key,
    tenant_key,
    transact_get,
    transact_write,
    unique,
    version_number,
)
from dynamorm_py.core.offboarding import DeletePage, Estate, ReadPage
from dynamorm_py.core.schema import OWNER
from dynamorm_py.core.table_verification import VerifyTables
from dynamorm_py.core.tenant_repairs import Repair
from dynamorm_py.core.tenant_tables import TenantTables
from dynamorm_py.core.wire import Call, Item, Request, Scope
from dynamorm_py.guard import Guard
from tests.wire.compiled import NOW, validated


class Seat(Model, table="wire_seats"):
    """The tenant is the whole partition key."""

    tenant_id: Attr[str] = tenant_key()
    row: Attr[str] = sort_key()
    guest: Attr[str | None] = field(default=None)
    version: Attr[int] = version_number()
    by_guest = GlobalIndex(partition_key=("tenant_id", "guest"))
    by_place = LocalIndex(sort_key="guest")
    guests = unique("guest")


class Show(Model, table="wire_shows"):
    tenant_id: Attr[str] = tenant_key(name="house")
    show_id: Attr[str]
    hall: Attr[str] = field(default="main")
    code: Attr[str | None] = field(default=None)
    primary = PrimaryKey("H#{tenant_id}#SHOW", "{show_id}")
    by_hall = GlobalIndex(partition_key="H#{tenant_id}#HALL#{hall}", sort_key="{show_id}")
    codes = unique("code")


class Ticket(Model, table="wire_shows"):
    tenant_id: Attr[str] = tenant_key(name="house")
    ticket_id: Attr[str]
    day: Attr[str] = field(default="monday")
    primary = PrimaryKey("H#{tenant_id}#DAY#{day}", "{ticket_id}")


class Play(Model, table="wire_plays"):
    tenant_id: Attr[str] = tenant_key()
    play_id: Attr[str]
    primary = PrimaryKey("{tenant_id}", "PLAY#{play_id}")


class Actor(Model, table="wire_plays"):
    tenant_id: Attr[str] = tenant_key()
    actor_id: Attr[str]
    primary = PrimaryKey("{tenant_id}", "ACTOR#{actor_id}")


class Recording(Model, table="wire_recordings"):
    """Written through the bypass: what is unique over all tenants is nothing that a scope may be told of."""

    tenant_id: Attr[str] = tenant_key(name="house")
    number: Attr[str]
    serial: Attr[str]
    primary = PrimaryKey("H#{tenant_id}#RECORDING", "{number}")
    by_serial = GlobalIndex(partition_key="H#{tenant_id}#SERIAL#{serial}")
    serials = unique("serial", across_tenants=True)


class Loose(Model, table="wire_loose"):
    tenant_id: Attr[str] = tenant_key()
    name: Attr[str] = sort_key()


PLAYS = Table("wire_plays", Play, Actor)


def scope(**changes: Any) -> Scope:
    """Of acme, unless it says otherwise: `changes` are those of `Scope`."""
    told: dict[str, Any] = {"tenant": "acme", "tables": TenantTables(), **changes}
    return Scope("prefix-", lambda: NOW, (b"a secret",), lambda: "a fresh token", **told)


def bypass() -> Scope:
    return scope(tenant=None, bypass=True)


def changed() -> Seat:
    seat = Seat(tenant_id="acme", row="1", guest="ann")
    carried_out(seat.create().plan, scope())
    seat.guest = "bob"
    return seat


def carried_out(plan: Any, under: Scope, *answers: dict[str, Any]) -> list[Call]:
    """Every call of a conversation that gets these answers, and empty ones from then on; each is validated."""
    calls: list[Call] = []
    waiting = iter(answers)
    conversation: Generator[Any, Any, Any] = plan.converse(under)
    with suppress(StopIteration):
        step = next(conversation)
        while True:
            calls.append(well_formed(step))
            step = conversation.send(next(waiting, {}))
    return calls


def first_call(plan: Any, under: Scope) -> Call:
    conversation: Generator[Any, Any, Any] = plan.converse(under)
    step = next(conversation)
    conversation.close()
    return well_formed(step)


def well_formed(step: object) -> Call:
    assert isinstance(step, Call)
    members: list[Request] = step.request.get("TransactItems", [])
    for member in members:
        # The placeholders of a transaction belong to each of its members. A condition check is no operation of its own,
        # and has a delete's members.
        ((kind, request),) = member.items()
        validated("DeleteItem" if kind == "ConditionCheck" else f"{kind}Item", request)
    validated(step.operation, step.request)
    return step


def check_that_it_is_acmes_alone(call: Call, under: Scope) -> None:
    assert isinstance(under.tables, TenantTables)
    Guard("acme", under.tables.get).check(call.operation, call.request)
    with pytest.raises(TenantViolation):
        Guard("globex", under.tables.get).check(call.operation, call.request)


OPERATIONS: dict[str, Callable[[], Any]] = {
    "get": lambda: Seat.get("1", consistent=True),
    "get of a composed key": lambda: Show.get("s"),
    "batch_get": lambda: Seat.batch_get(["1", "2"]),
    "transact_get": lambda: transact_get(Seat.get("1"), Show.get("s")),
    "create": lambda: Seat(tenant_id="acme", row="1", guest="ann").create(),
    "create of a composed key": lambda: Show(tenant_id="acme", show_id="s", code="c").create(),
    "put": lambda: Ticket(tenant_id="acme", ticket_id="t").put(),
    "save": lambda: changed().save(),
    "delete of a loaded item": lambda: changed().delete(),
    "delete": lambda: Ticket.delete("monday", "t"),
    "update": lambda: Show.update("s", Show.hall.set("small"), condition=Show.hall == "main"),
    "update that may create": lambda: Play.update("p", upsert=True),
    "exactly once": lambda: Show.update("s", Show.hall.set("small"), exactly_once=True),
    "query": lambda: Seat.query().where(Seat.row.begins_with("1")).filter(Seat.version > 0).all(),
    "query of a global index": lambda: Show.by_hall.query("main").descending().all(),
    "query of several key attributes": lambda: Seat.by_guest.query("ann").all(),
    "query of a local index": lambda: Seat.by_place.query().where(Seat.guest == "ann").all(),
    "query of a shared table": lambda: PLAYS.query().all(),
    "projection": lambda: Show.by_hall.query("main").project(Show.code).all(),
    "count": lambda: Seat.query().count(),
    "batch_write": lambda: batch_write(Ticket(tenant_id="acme", ticket_id="t").put(), Ticket.delete("monday", "u")),
    "transact_write": lambda: transact_write(
        Show(tenant_id="acme", show_id="s", code="c").create(),
        Ticket.delete("monday", "t"),
        Play.update("p", upsert=True),
        Seat.check("1", condition=Seat.version == 1),
        token="given",
    ),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_what_a_scope_compiles_is_well_formed_and_its_tenants_alone(operation: Callable[[], Any]) -> None:
    under = scope()
    check_that_it_is_acmes_alone(first_call(operation().plan_in(under), under), under)


def test_a_create_names_the_tenant_wherever_a_key_is() -> None:
    assert first_call(Show(tenant_id="acme", show_id="s").create().plan, scope()).request == {
        "TableName": "prefix-wire_shows",
        "Item": {
            "house": {"S": "acme"},
            "show_id": {"S": "s"},
            "hall": {"S": "main"},
            "pk": {"S": "H#acme#SHOW"},
            "sk": {"S": "s"},
            "by_hall_pk": {"S": "H#acme#HALL#main"},
            "by_hall_sk": {"S": "s"},
        },
        "ConditionExpression": "attribute_not_exists(#n0)",
        "ExpressionAttributeNames": {"#n0": "pk"},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def stored() -> tuple[Item, Item]:
    """A recording as it is stored, and the sentinel of its serial number."""
    recording = Recording(tenant_id="acme", number="1", serial="s")
    item, sentinel = first_call(recording.create().plan, bypass()).request["TransactItems"]
    return item["Put"]["Item"], sentinel["Put"]["Item"]


def key_of(item: Item) -> Item:
    return {name: item[name] for name in ("pk", "sk")}


def test_a_scope_exports_and_deletes_by_query() -> None:
    under = scope()
    item = {"tenant_id": {"S": "acme"}, "name": {"S": "n"}}
    estate = Estate((Loose.__dynamorm_schema__,), "delete_all")
    read, delete = carried_out(DeletePage(ReadPage(estate, None, 10)), under, {"Items": [item]})
    assert (read.operation, read.request["Limit"]) == ("Query", 10)
    assert delete.request == {"RequestItems": {"prefix-wire_loose": [{"DeleteRequest": {"Key": item}}]}}
    for call in (read, delete):
        check_that_it_is_acmes_alone(call, under)


def test_the_bypass_exports_and_deletes_by_scan() -> None:
    item, sentinel = stored()
    page = ReadPage(Estate((Recording.__dynamorm_schema__,), "delete_all", "acme"), None)
    scan, delete, release = carried_out(DeletePage(page), bypass(), {"Items": [item, sentinel]})
    assert carried_out(page, bypass(), {"Items": [item, sentinel]}) == [scan]
    assert scan.operation == "Scan"
    assert delete.request == {"RequestItems": {"prefix-wire_recordings": [{"DeleteRequest": {"Key": key_of(item)}}]}}
    # Another tenant's item may have taken the serial number over since.
    assert (release.operation, release.request) == (
        "DeleteItem",
        {
            "TableName": "prefix-wire_recordings",
            "Key": key_of(sentinel),
            "ConditionExpression": "#owner = :owner",
            "ExpressionAttributeNames": {"#owner": OWNER},
            "ExpressionAttributeValues": {":owner": sentinel[OWNER]},
        },
    )


def test_a_repair_looks_and_removes_what_it_saw() -> None:
    item, _ = stored()
    poisoned = {**item, "by_serial_pk": {"S": "H#globex#SERIAL#s"}}
    plan = Repair((Recording.__dynamorm_schema__,), "acme", dry_run=False)
    calls = carried_out(plan, bypass(), {"Items": [poisoned]}, {"Item": poisoned})
    assert [call.operation for call in calls] == ["Query", "GetItem", "Scan", "UpdateItem"]
    assert [call.request.get("IndexName") for call in calls] == [None, None, "by_serial", None]
    assert calls[-1].request == {
        "TableName": "prefix-wire_recordings",
        "Key": key_of(item),
        "UpdateExpression": "REMOVE #n0",
        "ConditionExpression": "#n0 = :v0",
        "ExpressionAttributeNames": {"#n0": "by_serial_pk"},
        "ExpressionAttributeValues": {":v0": {"S": "H#globex#SERIAL#s"}},
    }


def test_verifying_asks_for_the_table() -> None:
    call = first_call(VerifyTables((Loose.__dynamorm_schema__,)), scope(tenant=None))
    assert (call.operation, call.request) == ("DescribeTable", {"TableName": "prefix-wire_loose"})
