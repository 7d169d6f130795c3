"""How models say whose their items are, and what is refused about it before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from dynamorm_py import (
    Attr,
    GlobalIndex,
    InvalidKey,
    InvalidModel,
    InvalidValue,
    LocalIndex,
    Model,
    PrimaryKey,
    Table,
    TenantRequired,
    TenantViolation,
    attr,
    field,
    partition_key,
    sort_key,
    tenant_key,
    unique,
)
from dynamorm_py.core.schema import Tenant
from dynamorm_py.core.tenants import check_tenant
from dynamorm_py.core.wire import Request, Scope
from dynamorm_py.operation import Operation

ACME = Scope(tenant="acme", clock=lambda: datetime.fromisoformat("2026-01-01T00:00:00Z"), tokens=lambda: "t")


class Order(Model, table="tenant_orders"):
    tenant_id: Attr[str] = tenant_key()
    order_id: Attr[str] = sort_key()
    customer: Attr[str] = field(default="nobody")
    placed_at: Attr[str] = field(default="2026")
    key_of_another: Attr[str | None] = field(default=None)
    by_customer = GlobalIndex(partition_key="{tenant_id}#{customer}", sort_key="placed_at")
    by_place = LocalIndex(sort_key="placed_at")


class Note(Model, table="tenant_notes", extra="allow"):
    tenant_id: Attr[str] = tenant_key(name="owner")
    note_id: Attr[str]
    author: Attr[str] = field(default="nobody")
    email: Attr[str | None] = field(default=None)
    primary = PrimaryKey("TENANT#{tenant_id}#NOTE", "{note_id}")
    by_author = GlobalIndex(partition_key="TENANT#{tenant_id}#BY#{author}", sort_key="{note_id}")
    emails = unique("email")


class Comment(Model, table="tenant_notes"):
    tenant_id: Attr[str] = tenant_key(name="owner")
    comment_id: Attr[str]
    primary = PrimaryKey("TENANT#{tenant_id}#COMMENT", "{comment_id}")
    by_note = GlobalIndex(partition_key="TENANT#{tenant_id}#ON#{comment_id}")


class Settings(Model, table="tenant_settings"):
    tenant_id: Attr[str] = tenant_key()
    colour: Attr[str] = field(default="blue")


class Country(Model, table="tenant_countries", shared=True):
    code: Attr[str] = partition_key()


class Stranger(Model, table="tenant_strangers"):
    name: Attr[str] = partition_key()


def compiled(operation: Operation[Any], scope: Scope = ACME) -> Request:
    return operation.compile(Client(scope))


def noted(by_note_pk: str) -> Note:
    """A note with an attribute that it does not know, and that is another model's key."""
    return Note.model_validate({"tenant_id": "acme", "note_id": "n", "by_note_pk": by_note_pk})


class Client:
    """A client, as far as compiling needs one."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope


def test_the_schema_says_how_items_name_their_tenant() -> None:
    assert Order.__dynamorm_schema__.tenant == Tenant("tenant_id", "tenant_id")
    assert Note.__dynamorm_schema__.tenant == Tenant("tenant_id", "owner", "TENANT#")
    assert Country.__dynamorm_schema__.shared
    assert Stranger.__dynamorm_schema__.tenant is None


def without_the_tenant_first() -> None:
    class Broken(Model, table="broken"):
        tenant_id: Attr[str] = tenant_key()
        order_id: Attr[str]
        primary = PrimaryKey("ORDER#{order_id}", "{tenant_id}")


def with_another_partition_key() -> None:
    class Broken(Model, table="broken"):
        tenant_id: Attr[str] = tenant_key()
        order_id: Attr[str] = partition_key()


def with_an_index_of_all_tenants() -> None:
    class Broken(Model, table="broken"):
        tenant_id: Attr[str] = tenant_key()
        email: Attr[str]
        by_email = GlobalIndex(partition_key="email")


def with_several_key_attributes_not_led_by_the_tenant() -> None:
    class Broken(Model, table="broken"):
        tenant_id: Attr[str] = tenant_key()
        email: Attr[str]
        by_email = GlobalIndex(partition_key=("email", "tenant_id"))


def with_two_prefixes() -> None:
    class Broken(Model, table="broken"):
        tenant_id: Attr[str] = tenant_key()
        email: Attr[str]
        primary = PrimaryKey("{tenant_id}#USER")
        by_email = GlobalIndex(partition_key="T#{tenant_id}#{email}")


def with_a_raw_key() -> None:
    class Broken(Model, table="broken"):
        tenant_id: Attr[str] = tenant_key()
        primary = PrimaryKey("T-{tenant_id}", raw=True)


def with_a_tenant_that_may_be_none() -> None:
    class Broken(Model, table="broken"):
        tenant_id: Attr[str | None] = tenant_key()


def with_a_tenant_that_is_a_number() -> None:
    class Broken(Model, table="broken"):
        tenant_id: Attr[int] = tenant_key()


def with_two_tenants() -> None:
    class Broken(Model, table="broken"):
        tenant_id: Attr[str] = tenant_key()
        other_id: Attr[str] = tenant_key()


def shared_and_a_tenants() -> None:
    class Broken(Model, table="broken", shared=True):
        tenant_id: Attr[str] = tenant_key()


def with_constraints_that_have_no_place() -> None:
    class Broken(Model, table="broken"):
        tenant_id: Attr[str] = tenant_key()
        email: Attr[str]
        emails = unique("email")


def of_nobody_with_a_constraint_over_all() -> None:
    class Broken(Model, table="broken"):
        name: Attr[str] = partition_key()
        email: Attr[str]
        emails = unique("email", across_tenants=True)


def together_with_a_model_of_nobody() -> None:
    class Mine(Model, table="broken"):
        tenant_id: Attr[str] = tenant_key()

    class Theirs(Model, table="broken"):
        tenant_id: Attr[str] = partition_key()

    Table("broken", Mine, Theirs)


@pytest.mark.behaviour("2.1")
@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (without_the_tenant_first, "the table: its partition key has to begin with the tenant: put tenant_id first"),
        (with_another_partition_key, "the table: its partition key has to begin with the tenant"),
        (with_an_index_of_all_tenants, "index by_email: its partition key has to begin with the tenant"),
        (with_several_key_attributes_not_led_by_the_tenant, "index by_email: its partition key has to begin with"),
        (with_two_prefixes, "'T#' before the tenant, and that of the table ''"),
        (with_a_raw_key, "raw key does not keep tenants apart"),
        (with_a_tenant_that_may_be_none, "allows None, which no key can be"),
        (with_a_tenant_that_is_a_number, "has to be a str"),
        (with_two_tenants, "both marked tenant_key"),
        (shared_and_a_tenants, "shared=True is for data of no tenant"),
        (with_constraints_that_have_no_place, "that has to be text or bytes"),
        (of_nobody_with_a_constraint_over_all, "is for models with a tenant_key"),
        (together_with_a_model_of_nobody, "share a table"),
    ],
)
def test_what_does_not_keep_tenants_apart_is_refused_when_the_class_is_defined(
    declare: Callable[[], None], message: str
) -> None:
    with pytest.raises(InvalidModel, match=message):
        declare()


@pytest.mark.parametrize("tenant", ["acme", "a", "T", "x" * 256, "a_b.c:d/e=f+g-h@i", "0"])
def test_an_id_is_taken_as_it_is(tenant: str) -> None:
    assert check_tenant(tenant) == tenant


@pytest.mark.parametrize("tenant", ["", "x" * 257, "a b", "a#b", "a$b", "a*", "a?", "${x}", "é", "a\n", "\n", None, 7])
def test_any_other_id_is_refused(tenant: object) -> None:
    with pytest.raises(InvalidValue, match="1 to 256 letters"):
        check_tenant(tenant)


def test_a_scope_fills_the_tenant_in() -> None:
    expected = {"tenant_id": {"S": "acme"}, "order_id": {"S": "o1"}}
    for operation in (
        Order.get("o1"),
        Order.get("acme", "o1"),
        Order.get(order_id="o1"),
        Order.get("o1", tenant_id="acme"),
        Order.get({"order_id": "o1"}),
        Order.delete("o1"),
        Order.update("o1", Order.customer.set("c")),
    ):
        assert compiled(operation)["Key"] == expected
    assert compiled(Settings.get({}))["Key"] == {"tenant_id": {"S": "acme"}}
    assert compiled(Order.query().all())["ExpressionAttributeValues"] == {":v0": {"S": "acme"}}
    assert compiled(Order.by_customer.query("c").all())["ExpressionAttributeValues"] == {":v0": {"S": "acme#c"}}
    assert compiled(Order.batch_get(["o1", ("acme", "o1")]))["RequestItems"]["tenant_orders"]["Keys"] == [expected]


def test_a_key_never_lacks_more_than_the_tenant() -> None:
    with pytest.raises(InvalidKey, match="order_id is missing"):
        compiled(Order.get({}))
    with pytest.raises(InvalidKey, match="3 values were given"):
        compiled(Order.get("acme", "o1", "x"))


@pytest.mark.parametrize(
    "operation",
    [
        lambda: Order.get("o1"),
        lambda: Order.get("acme", "o1"),
        lambda: Order.query("acme").all(),
        lambda: Order.by_customer.query("acme", "c").count(),
        lambda: Order.scan().all(),
        lambda: Order(tenant_id="acme", order_id="o1").put(),
        lambda: Order.delete("acme", "o1"),
        lambda: Order.update("acme", "o1", Order.customer.set("c")),
    ],
)
def test_without_a_scope_nothing_is_compiled(operation: Callable[[], Operation[Any]]) -> None:
    with pytest.raises(TenantRequired, match=r"no tenant is known: use db\.for_tenant"):
        compiled(operation(), Scope())


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (lambda: Order.get("globex", "o1"), "names another tenant than the scope"),
        (lambda: Order.query("globex").all(), "names another tenant than the scope"),
        (lambda: Order.by_customer.query("globex", "c").all(), "names another tenant than the scope"),
        (lambda: Order(tenant_id="globex", order_id="o1").create(), "names another tenant than the scope"),
        (lambda: noted("TENANT#globex#ON#c").create(), "by_note_pk leads to"),
        (lambda: noted("TENANT#acme2#ON#c").create(), "by_note_pk leads to"),
        (lambda: Note.update("n", attr("by_note_pk").set("TENANT#acme#ON#c")), "by_note_pk is a key of another model"),
        (lambda: Note.update("n", attr("by_note_pk").remove()), "by_note_pk is a key of another model"),
        (lambda: Order.scan().all(), "a scan reads the items of all tenants"),
        (lambda: Country.scan().all(), "a scan reads the items of all tenants"),
        (lambda: Country(code="at").put(), "shared by all tenants, which may read it"),
        (lambda: Country.delete("at"), "shared by all tenants, which may read it"),
        (lambda: Stranger.get("s"), "neither a tenant's nor shared"),
        (lambda: Stranger.query("s").all(), "neither a tenant's nor shared"),
    ],
)
def test_what_would_cross_is_not_compiled(operation: Callable[[], Operation[Any]], message: str) -> None:
    with pytest.raises(TenantViolation, match=message) as caught:
        compiled(operation())
    assert "globex" not in caught.value.message


def test_what_is_shared_is_read_in_every_scope_and_written_in_none() -> None:
    assert compiled(Country.get("at"))["Key"] == compiled(Country.get("at"), Scope())["Key"] == {"code": {"S": "at"}}
    assert compiled(Country(code="at").put(), Scope())["Item"] == {"code": {"S": "at"}}


def test_a_bypass_reaches_whatever_its_keys_name() -> None:
    bypass = Scope(bypass=True)
    assert compiled(Order.get("globex", "o1"), bypass)["Key"]["tenant_id"] == {"S": "globex"}
    with pytest.raises(InvalidKey, match="tenant_id"):
        compiled(Order.get("o1"), bypass)
    with pytest.raises(InvalidValue, match="1 to 256 letters"):
        compiled(Order.get("a b", "o1"), bypass)
    with pytest.raises(InvalidValue, match="1 to 256 letters"):
        compiled(Order(tenant_id="a*", order_id="o1").put(), bypass)


def test_a_strict_client_takes_no_model_that_does_not_say_whose_it_is() -> None:
    with pytest.raises(InvalidModel, match="mark a field with tenant_key"):
        compiled(Stranger.get("s"), Scope(strict=True))
    assert compiled(Country.get("at"), Scope(strict=True))


def test_a_new_instance_needs_its_tenant_where_no_scope_gives_it() -> None:
    with pytest.raises(TenantRequired, match="no tenant is known here"):
        Order(order_id="o1")


def test_sentinels_stand_in_their_tenants_partitions() -> None:
    note = Note(tenant_id="acme", note_id="n", email="a@x.org")
    plan: Any = note.create().plan_in(ACME)
    _, sentinel = plan.prepare(ACME).calls
    assert sentinel.request["Item"]["pk"] == {"S": "TENANT#acme#$unique#Note#emails#a@x.org"}
    assert sentinel.request["Item"]["owner"] == {"S": "acme"}
