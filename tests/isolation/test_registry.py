"""What the models of a process tell of the tables of tenants, whichever of them is used first."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import pytest

from dynamorm_py import (
    Attr,
    Client,
    GlobalIndex,
    InvalidModel,
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
)
from dynamorm_py.testing import EmbeddedDynamoDB


class Memo(Model, table="registry_memos", extra="allow"):
    tenant_id: Attr[str] = tenant_key()
    memo_id: Attr[str]
    primary = PrimaryKey("T#{tenant_id}", "{memo_id}")


class Task(Model, table="registry_memos"):
    """Waits for a class that is defined below it, so it is not complete while the module is read."""

    tenant_id: Attr[str] = tenant_key()
    memo_id: Attr[str]
    project: Attr[Project | None] = field(default=None)
    tag: Attr[str] = field(default="t")
    primary = PrimaryKey("T#{tenant_id}", "{memo_id}")
    by_tag = GlobalIndex(partition_key="T#{tenant_id}#TAG#{tag}", sort_key="{memo_id}")


class Project(Model):
    name: Attr[str]


class Order(Model, table="registry_orders"):
    tenant_id: Attr[str] = tenant_key()
    order_id: Attr[str] = sort_key()


class Peek(Model, table="registry_orders", shared=True):
    tenant_id: Attr[str] = partition_key()


class Legacy(Model, table="registry_orders"):
    tenant_id: Attr[str] = partition_key()
    order_id: Attr[str] = sort_key()


class Deep(Model, table="registry_flats"):
    tenant_id: Attr[str] = tenant_key()
    name: Attr[str]
    primary = PrimaryKey("T#{tenant_id}", "{name}")


class Flat(Model, table="registry_flats"):
    tenant_id: Attr[str] = tenant_key()
    name: Attr[str]
    primary = PrimaryKey("{tenant_id}#{name}")


class Plan(StrEnum):
    ACME = "acme"


@pytest.fixture(scope="module")
def embedded() -> Iterator[EmbeddedDynamoDB]:
    with EmbeddedDynamoDB() as dynamodb:
        yield dynamodb


@pytest.fixture
def client() -> Client:
    """Not open: everything here is refused before it is sent, or only compiled."""
    return Client(region="eu-west-1")


def test_a_model_that_waited_for_another_class_tells_of_its_index_too(client: Client) -> None:
    acme = client.for_tenant("acme")
    hostile = Memo.model_validate_json('{"tenant_id": "acme", "memo_id": "m", "by_tag_pk": "T#globex#TAG#t"}')
    for operation in (hostile.create(), hostile.put()):
        with pytest.raises(TenantViolation, match="by_tag_pk leads to another tenant"):
            operation.compile(acme)
    with pytest.raises(TenantViolation, match="by_tag_pk is a key of another model"):
        Memo.update("m", attr("by_tag_pk").set("T#globex#TAG#t")).compile(acme)


def test_one_text_before_the_tenant_whatever_the_rest_of_the_key(client: Client) -> None:
    with pytest.raises(InvalidModel, match="the table has another key"):
        Flat.query(name="acme").all().compile(client.for_tenant("T"))


def test_what_is_shared_lives_on_no_tenants_table(client: Client) -> None:
    with pytest.raises(InvalidModel, match="one is shared by all tenants"):
        Peek.query("acme").all().compile(client.for_tenant("globex"))
    with pytest.raises(InvalidModel, match="one is shared by all tenants"):
        Peek.scan().all().compile(client)


def test_a_model_of_nobody_does_not_read_what_is_known_as_a_tenants_table(client: Client) -> None:
    assert Order.get("o1").compile(client.for_tenant("acme"))
    for operation in (Legacy.scan().all(), Legacy.get("acme", "o1"), Legacy(tenant_id="acme", order_id="o").put()):
        with pytest.raises(TenantRequired, match="registry_orders holds items that belong to tenants"):
            operation.compile(client)
    bypass = client.across_tenants(reason="a test")
    assert Legacy.get("acme", "o1").compile(bypass)["TableName"] == "registry_orders"


def test_the_bypass_stores_nothing_that_names_two_tenants(client: Client) -> None:
    poisoned = Memo.model_validate({"tenant_id": "acme", "memo_id": "m", "by_tag_pk": "T#globex#TAG#t"})
    with pytest.raises(TenantViolation, match="by_tag_pk leads to another tenant"):
        poisoned.create().compile(client.across_tenants(reason="a test"))


def test_the_models_of_a_table_call_their_tenant_alike() -> None:
    class Mine(Model, table="registry_alike"):
        tenant_id: Attr[str] = tenant_key()
        mine_id: Attr[str] = sort_key(name="sk")

    class Yours(Model, table="registry_alike"):
        org: Attr[str] = tenant_key(name="tenant_id")
        yours_id: Attr[str] = sort_key(name="sk")

    with pytest.raises(InvalidModel, match="Yours calls its tenant org, and Mine tenant_id"):
        Table("registry_alike", Mine, Yours)


def test_prefixes_meet_however_the_place_is_spelled(
    embedded: EmbeddedDynamoDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Users(Model, table="b_registry_users"):
        tenant_id: Attr[str] = tenant_key()

    class Others(Model, table="registry_users"):
        tenant_id: Attr[str] = tenant_key()

    first = embedded.client(table_prefix="a_")
    assert Users.get({}).compile(first.for_tenant("acme"))["TableName"] == "a_b_registry_users"
    for name, value in embedded.environment.items():
        monkeypatch.setenv(name, value)
    again = (
        Client(table_prefix="a_b_"),
        Client(table_prefix="a_b_", region=embedded.region, endpoint_url=embedded.endpoint_url + "/"),
    )
    for other in again:
        with pytest.raises(InvalidModel, match="is known by another prefix already"):
            Others.get({}).compile(other.for_tenant("acme"))


def test_an_id_is_text_also_as_a_member_of_an_enumeration(client: Client) -> None:
    bound = client.for_tenant(Plan.ACME)
    assert (bound.tenant, type(bound.tenant)) == ("acme", str)
    assert Order.get("o1").compile(bound)["Key"]["tenant_id"] == {"S": "acme"}
