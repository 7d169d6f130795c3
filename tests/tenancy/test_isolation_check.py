"""`assert_isolated`: it passes for models that keep tenants apart, and says what is wrong with those that do not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel

import dynamorm_py.operation
from dynamorm_py import (
    Attr,
    Client,
    GlobalIndex,
    InvalidOperation,
    LocalIndex,
    Model,
    PrimaryKey,
    created_timestamp,
    field,
    partition_key,
    sort_key,
    tenant_key,
    time_to_live,
    unique,
    updated_timestamp,
    version_number,
)
from dynamorm_py.testing import assert_isolated
from tests.tenancy.engines import ENGINES, fresh


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    city: str
    codes: list[int]


class Note(Model, table="iso-notes"):
    tenant: Attr[str] = tenant_key()
    note_id: Attr[UUID] = sort_key()
    text: Attr[str]
    price: Attr[Decimal | None]
    by_price = LocalIndex(sort_key="price")


class Order(Model, table="iso-orders"):
    tenant: Attr[str] = tenant_key()
    customer: Attr[str]
    placed: Attr[datetime]
    number: Attr[int]
    colour: Attr[Colour]
    size: Attr[Literal["s", "m"]]
    home: Attr[Address]
    day: Attr[date | None] = field(default=None)
    version: Attr[int] = version_number()
    made: Attr[datetime | None] = created_timestamp()
    changed: Attr[datetime | None] = updated_timestamp()
    until: Attr[int | None] = time_to_live(default=None)
    key = PrimaryKey("T#{tenant}#C#{customer}", "{placed}#{number}")
    by_day = GlobalIndex(partition_key="T#{tenant}#DAY#{day}", sort_key="number", projection="KEYS_ONLY")
    by_colour = GlobalIndex(partition_key="T#{tenant}#COLOUR#{colour}", projection=("size",))


class Member(Model, table="iso-members"):
    tenant: Attr[str] = tenant_key()
    member_id: Attr[str]
    email: Attr[str] = field(pattern=r".+@.+")
    key = PrimaryKey("{tenant}", "MEMBER#{member_id}")
    emails = unique("email")


class Preferences(Model, table="iso-preferences"):
    tenant: Attr[str] = tenant_key()
    theme: Attr[str] = field(default="dark")


class Country(Model, table="iso-countries", shared=True):
    code: Attr[str] = partition_key()
    name: Attr[str]


def member(number: int) -> dict[str, object]:
    return {"email": f"{number}@x.org"}


async def test_models_of_many_kinds_pass_on_an_engine_of_its_own() -> None:
    await assert_isolated([Note, Order, Member, Preferences, Country], examples={Member: member})


@pytest.fixture(params=ENGINES)
async def db(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    async with fresh(request.getfixturevalue(request.param)) as client:
        yield client


async def test_on_a_given_client_nothing_is_left(db: Client) -> None:
    await assert_isolated([Note, Order, Member, Country], client=db, examples={Member: member})
    for model in (Note, Order, Member, Country):
        answer = await db.call("Scan", {"TableName": db.scope.prefix + model.__dynamorm_schema__.table})
        assert answer["Items"] == []


async def test_tables_on_which_tenants_could_meet_fail(db: Client) -> None:
    class Wider(Model, table="iso-preferences"):
        tenant: Attr[str] = partition_key()
        theme: Attr[str]
        by_theme = GlobalIndex(partition_key="theme")

    await db.create_tables(Wider)
    with pytest.raises(AssertionError, match=r"the tables do not keep tenants apart: .*by_theme: is an index that no"):
        await assert_isolated([Preferences], client=db)


async def test_what_the_types_do_not_tell_has_to_be_given() -> None:
    with pytest.raises(AssertionError, match=r"Member: no example item .* examples=\{Member: \{…\}\}"):
        await assert_isolated([Member])


async def test_models_that_are_nobodys_fail() -> None:
    class Plain(Model, table="iso-plain"):
        name: Attr[str] = partition_key()

    with pytest.raises(AssertionError, match=r"Plain: it has no tenant_key\(\), and is not shared=True"):
        await assert_isolated([Note, Plain])


async def test_models_that_tell_by_nature_are_not_taken() -> None:
    class Coupon(Model, table="iso-coupons"):
        tenant: Attr[str] = tenant_key()
        coupon_id: Attr[str] = sort_key()
        code: Attr[str]
        codes = unique("code", across_tenants=True)

    with pytest.raises(InvalidOperation, match=r"Coupon\.assert_isolated: a constraint over all tenants"):
        await assert_isolated([Coupon])
    with pytest.raises(InvalidOperation, match="name the models"):
        await assert_isolated([])


async def test_a_hook_that_changes_the_tenant_fails() -> None:
    class Careless(Model, table="iso-careless"):
        tenant: Attr[str] = tenant_key()
        name: Attr[str] = sort_key()

        def before_write(self) -> None:
            self.tenant = "isolated"

    with pytest.raises(AssertionError, match="Careless: isolated-too could not write its items"):
        await assert_isolated([Careless])


async def test_what_leaks_through_the_process_fails() -> None:
    class Counted(Model, table="iso-counted"):
        tenant: Attr[str] = tenant_key()
        name: Attr[str] = sort_key()
        written: Attr[int] = field(default=0)
        count: ClassVar[int] = 0

        def before_write(self) -> None:
            Counted.count += 1

        def after_read(self) -> None:
            self.written = Counted.count

    with pytest.raises(AssertionError, match="Counted: what get sees changed when another tenant wrote items"):
        await assert_isolated([Counted])


async def test_a_missing_net_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def unchecked(*_: Any) -> None:
        return

    monkeypatch.setattr(dynamorm_py.operation, "check_origin", unchecked)
    with pytest.raises(AssertionError, match="Note: an operation of one tenant was run by another"):
        await assert_isolated([Note])
