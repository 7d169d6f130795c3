"""Bound clients that sign with their tenants' credentials, before a judge that lets the runtime's own do nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest

from dynamorm_py import Attr, GlobalIndex, Model, PrimaryKey, tenant_key, use
from dynamorm_py.client import Client
from dynamorm_py.core.errors import AccessDenied
from dynamorm_py.core.wire import Call
from dynamorm_py.tenancy import TenantCredentials, iam_policy
from dynamorm_py.transports import Credentials
from tests.tenancy.conftest import Court
from tests.tenancy.judge.proxy import ACCOUNT
from tests.tenancy.sts_server import Refusal, StsServer


class Order(Model, table="bound_orders"):
    org: Attr[str] = tenant_key()
    number: Attr[str]
    customer: Attr[str]
    key = PrimaryKey("T#{org}#ORDER", "{number}")
    by_customer = GlobalIndex(partition_key="T#{org}#C#{customer}", sort_key="{number}")


@pytest.fixture
async def sts() -> AsyncIterator[StsServer]:
    async with StsServer() as server:
        yield server


@pytest.fixture(params=["aiobotocore", "direct"])
async def db(request: pytest.FixtureRequest, court: Court, sts: StsServer) -> AsyncIterator[Client]:
    transport: Literal["aiobotocore", "direct"] = request.param
    await court.admit(Order)
    court.owner_of_others = lambda key: owners(sts)[key]
    own = Credentials("RUNTIMEKEY", "secret")
    credentials = TenantCredentials(
        role_arn="arn:aws:iam::111122223333:role/of-a-tenant",
        policy=lambda tenant: iam_policy(
            Order, tenant=tenant, region=court.region, account=ACCOUNT, table_prefix=court.prefix
        ),
        session_tag="tenant",
        region=court.region,
        endpoint_url=sts.endpoint_url,
        credentials=own,
        clock=lambda: sts.now,
    )
    client = Client(
        region=court.region,
        endpoint_url=court.judge.endpoint_url,
        credentials=own,
        table_prefix=court.prefix,
        transport=transport,
        tenant_credentials=credentials,
    )
    async with client:
        yield client


def owners(sts: StsServer) -> dict[str, str]:
    return {f"KEY{number}": asked["Tags.member.1.Value"] for number, asked in enumerate(sts.asked, 1)}


def signers(court: Court) -> set[str]:
    heads = [each.headers.get("authorization", "") for each in court.judge.received if each.operation != "Ping"]
    return {head.partition("Credential=")[2].partition("/")[0] for head in heads} - {"ROOTKEY"}


async def work(db: Client, tenant: str) -> list[Order]:
    with use(db.for_tenant(tenant)):
        for number in "123":
            await Order(number=number, customer="c1").create()
        assert (await Order.get_or_raise(number="2")).org == tenant
        return await Order.by_customer.query(customer="c1").all()


async def test_each_tenant_works_with_its_own_credentials(db: Client, court: Court, sts: StsServer) -> None:
    found = await asyncio.gather(*(work(db, tenant) for tenant in ("acme", "beta", "T")))
    assert [{order.org for order in orders} for orders in found] == [{"acme"}, {"beta"}, {"T"}]
    assert [len(orders) for orders in found] == [3, 3, 3]
    assert court.judge.refusals == []
    assert len(sts.asked) == 3
    assert signers(court) == {"KEY1", "KEY2", "KEY3"}


async def test_the_runtimes_own_key_does_nothing(db: Client, court: Court) -> None:
    with pytest.raises(AccessDenied, match="nobody has this access key"):
        await db.across_tenants(reason="a test").run(Order.get(org="acme", number="1"))
    assert signers(court) == {"RUNTIMEKEY"}


async def test_without_its_credentials_a_tenant_sends_nothing(db: Client, court: Court, sts: StsServer) -> None:
    sts.refuses = lambda _: Refusal("AccessDenied")
    with use(db.for_tenant("acme")), pytest.raises(AccessDenied, match="what STS says"):
        await Order.get(number="1")
    assert signers(court) == set()


async def test_what_passes_the_guard_is_still_judged(db: Client, court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dynamorm_py.guard.Guard.check", lambda *_: None)
    tenant = db.for_tenant("acme")
    foreign: dict[str, Any] = {"pk": {"S": "T#beta#ORDER"}, "sk": {"S": "1"}}
    with pytest.raises(AccessDenied, match="is not allowed"):
        await tenant.send(Call("GetItem", {"TableName": f"{court.prefix}bound_orders", "Key": foreign}))
    assert len(court.judge.refusals) == 1
