"""Credentials of tenants: asked for once, kept for a while, and never anybody else's."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import pytest
from aiobotocore.config import AioConfig
from botocore.exceptions import ClientError

from dynamorm_py.core.errors import (
    AccessDenied,
    ClientClosed,
    DynamormError,
    InvalidOperation,
    InvalidValue,
    ServiceError,
    Throttled,
    TransportError,
)
from dynamorm_py.tenancy import TenantCredentials
from dynamorm_py.tenancy.credentials import session_name
from dynamorm_py.testing import EmbeddedDynamoDB
from dynamorm_py.transports import Credentials
from tests.tenancy.sts_server import Refusal, StsServer

ROLE = "arn:aws:iam::111122223333:role/of-a-tenant"
OWN = Credentials("OWNKEY", "secret")


@pytest.fixture
async def sts() -> AsyncIterator[StsServer]:
    async with StsServer() as server:
        yield server


def credentials_from(sts: StsServer, **changes: Any) -> TenantCredentials:
    options: dict[str, Any] = {
        "role_arn": ROLE,
        "session_tag": "tenant",
        "region": "eu-west-1",
        "endpoint_url": sts.endpoint_url,
        "credentials": OWN,
        "config": AioConfig(retries={"total_max_attempts": 1}),
        "clock": lambda: sts.now,
    }
    return TenantCredentials(**{**options, **changes})


async def test_what_sts_answers_is_what_a_tenant_gets(sts: StsServer) -> None:
    async with credentials_from(sts) as credentials:
        assert await credentials.credentials_for("acme") == Credentials("KEY1", "secret of KEY1", "token of KEY1")
    [asked] = sts.asked
    assert asked["Action"] == "AssumeRole"
    assert asked["RoleArn"] == ROLE
    assert asked["RoleSessionName"] == "acme"
    assert asked["DurationSeconds"] == "3600"
    assert (asked["Tags.member.1.Key"], asked["Tags.member.1.Value"]) == ("tenant", "acme")
    assert "Policy" not in asked
    assert "ExternalId" not in asked


async def test_the_session_policy_is_the_tenants(sts: StsServer) -> None:
    def policy(tenant: str) -> dict[str, Any]:
        return {"Version": "2012-10-17", "Statement": [], "Id": tenant}

    async with credentials_from(sts, policy=policy, session_tag=None, external_id="x1", seconds=900) as credentials:
        await credentials.credentials_for("acme")
    [asked] = sts.asked
    assert json.loads(asked["Policy"]) == policy("acme")
    assert asked["ExternalId"] == "x1"
    assert asked["DurationSeconds"] == "900"
    assert not any(name.startswith("Tags") for name in asked)


async def test_the_role_may_be_the_tenants_own(sts: StsServer) -> None:
    def role(tenant: str) -> str:
        return f"arn:aws:iam::111122223333:role/{tenant}"

    async with credentials_from(sts, role_arn=role) as credentials:
        await credentials.credentials_for("acme")
        await credentials.credentials_for("beta")
    assert [asked["RoleArn"] for asked in sts.asked] == [role("acme"), role("beta")]


async def test_each_tenant_has_its_own_and_keeps_them(sts: StsServer) -> None:
    async with credentials_from(sts) as credentials:
        keys = [(await credentials.credentials_for(tenant)).access_key for tenant in ("acme", "beta", "acme", "beta")]
    assert keys == ["KEY1", "KEY2", "KEY1", "KEY2"]


async def test_five_minutes_before_the_end_new_ones_are_asked_for(sts: StsServer) -> None:
    async with credentials_from(sts) as credentials:
        await credentials.credentials_for("acme")
        sts.now += timedelta(minutes=54, seconds=59)
        assert (await credentials.credentials_for("acme")).access_key == "KEY1"
        sts.now += timedelta(seconds=1)
        assert (await credentials.credentials_for("acme")).access_key == "KEY2"
        assert (await credentials.credentials_for("acme")).access_key == "KEY2"


async def test_the_old_ones_serve_while_new_ones_cannot_be_had(sts: StsServer) -> None:
    async with credentials_from(sts) as credentials:
        await credentials.credentials_for("acme")
        sts.refuses = lambda _: Refusal("Throttling", status=400)
        sts.now += timedelta(minutes=59, seconds=29)
        assert (await credentials.credentials_for("acme")).access_key == "KEY1"
        sts.now += timedelta(seconds=1)
        with pytest.raises(Throttled):
            await credentials.credentials_for("acme")


async def test_the_old_ones_do_not_serve_where_access_was_withdrawn(sts: StsServer) -> None:
    async with credentials_from(sts) as credentials:
        await credentials.credentials_for("acme")
        sts.refuses = lambda _: Refusal("AccessDenied")
        sts.now += timedelta(minutes=56)
        with pytest.raises(AccessDenied):
            await credentials.credentials_for("acme")


async def test_those_who_wait_for_one_tenant_ask_once(sts: StsServer) -> None:
    async with credentials_from(sts) as credentials:
        tenants = ["acme", "beta"] * 10
        got = await asyncio.gather(*map(credentials.credentials_for, tenants))
    assert len(sts.asked) == 2
    assert len(set(got)) == 2
    assert {asked["RoleSessionName"] for asked in sts.asked} == {"acme", "beta"}


async def test_who_is_cancelled_fails_nobody_else(sts: StsServer) -> None:
    async with credentials_from(sts) as credentials:
        sts.gate.clear()
        first = asyncio.create_task(credentials.credentials_for("acme"))
        await sts.arrived.wait()
        second = asyncio.create_task(credentials.credentials_for("acme"))
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        sts.gate.set()
        assert (await second).access_key == "KEY1"
        assert len(sts.asked) == 1


async def test_when_all_are_cancelled_the_answer_is_kept(sts: StsServer) -> None:
    async with credentials_from(sts) as credentials:
        sts.gate.clear()
        only = asyncio.create_task(credentials.credentials_for("acme"))
        await sts.arrived.wait()
        only.cancel()
        with pytest.raises(asyncio.CancelledError):
            await only
        sts.gate.set()
        assert (await credentials.credentials_for("acme")).access_key == "KEY1"
        assert len(sts.asked) == 1


async def test_asking_inherits_no_tenants_context(sts: StsServer) -> None:
    secret: ContextVar[str] = ContextVar("secret", default="nothing")
    seen: list[str] = []

    def policy(tenant: str) -> dict[str, Any]:
        seen.append(secret.get())
        return {"Version": "2012-10-17", "Statement": []}

    async with credentials_from(sts, policy=policy) as credentials:
        secret.set("what acme alone knows")
        await credentials.credentials_for("acme")
    assert seen == ["nothing"]


async def test_a_failure_is_told_to_each_as_its_own(sts: StsServer) -> None:
    sts.refuses = lambda _: Refusal("AccessDenied")
    async with credentials_from(sts) as credentials:
        errors = await asyncio.gather(*(credentials.credentials_for("acme") for _ in range(3)), return_exceptions=True)
        assert [type(error) for error in errors] == [AccessDenied] * 3
        assert len({id(error) for error in errors}) == 3
        assert len(sts.asked) == 1
        sts.refuses = lambda _: None
        assert (await credentials.credentials_for("acme")).access_key == "KEY2"


async def test_those_not_used_for_longest_go_first(sts: StsServer) -> None:
    async with credentials_from(sts, capacity=2) as credentials:
        for tenant in ("acme", "beta", "acme", "gamma", "acme", "beta"):
            await credentials.credentials_for(tenant)
    assert [asked["RoleSessionName"] for asked in sts.asked] == ["acme", "beta", "gamma", "beta"]


async def test_what_is_forgotten_is_asked_for_anew(sts: StsServer) -> None:
    async with credentials_from(sts) as credentials:
        await credentials.credentials_for("acme")
        credentials.forget("acme")
        assert (await credentials.credentials_for("acme")).access_key == "KEY2"


async def test_what_was_being_asked_for_when_it_was_forgotten_is_not_kept(sts: StsServer) -> None:
    async with credentials_from(sts) as credentials:
        sts.gate.clear()
        waiting = asyncio.create_task(credentials.credentials_for("acme"))
        await sts.arrived.wait()
        credentials.forget("acme")
        sts.gate.set()
        await waiting
        await credentials.credentials_for("acme")
        assert len(sts.asked) == 2


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("AccessDenied", AccessDenied, "AssumeRole: what STS says"),
        ("ExpiredToken", AccessDenied, "AssumeRole: what STS says"),
        ("InvalidClientTokenId", AccessDenied, "AssumeRole: what STS says"),
        ("RegionDisabledException", AccessDenied, "AssumeRole: what STS says"),
        ("PackedPolicyTooLarge", InvalidOperation, "once they are packed: attach the policy of a session tag"),
        ("PackedPolicyTooLargeException", InvalidOperation, "once they are packed: attach the policy of a session tag"),
        ("MalformedPolicyDocument", InvalidOperation, "STS does not accept the session policy"),
        ("Throttling", Throttled, "what STS says"),
        ("SomethingNew", ServiceError, "what STS says"),
    ],
)
async def test_each_refusal_has_its_error(sts: StsServer, code: str, kind: type[DynamormError], message: str) -> None:
    sts.refuses = lambda _: Refusal(code, status=400)
    async with credentials_from(sts) as credentials:
        with pytest.raises(kind, match=message) as caught:
            await credentials.credentials_for("acme")
    assert type(caught.value) is kind
    assert not caught.value.ambiguous
    assert isinstance(caught.value.__cause__, ClientError)


async def test_an_sts_that_is_not_there_is_an_error_of_the_way_to_it(sts: StsServer) -> None:
    async with credentials_from(sts, endpoint_url="http://127.0.0.1:1") as credentials:
        with pytest.raises(TransportError, match="STS did not answer") as caught:
            await credentials.credentials_for("acme")
    assert not caught.value.ambiguous


async def test_the_packed_size_is_the_largest_so_far(sts: StsServer) -> None:
    async with credentials_from(sts) as credentials:
        assert credentials.packed_policy_size is None
        for tenant, packed in (("a1", 10), ("a2", 70), ("a3", 20)):
            sts.packed = packed
            await credentials.credentials_for(tenant)
        assert credentials.packed_policy_size == 70


async def test_a_session_policy_that_is_too_long_asks_nobody(sts: StsServer) -> None:
    def policy(tenant: str) -> dict[str, Any]:
        return {"Version": "2012-10-17", "Statement": [], "Id": "x" * 2048}

    async with credentials_from(sts, policy=policy) as credentials:
        with pytest.raises(InvalidOperation, match="STS takes 2048"):
            await credentials.credentials_for("acme")
    assert sts.asked == []


async def test_what_is_no_tenants_id_asks_nobody(sts: StsServer) -> None:
    async with credentials_from(sts) as credentials:
        with pytest.raises(InvalidValue):
            await credentials.credentials_for("acme*")
    assert sts.asked == []


async def test_all_ask_through_one_pool(sts: StsServer) -> None:
    async with credentials_from(sts) as credentials:
        for number in range(5):
            await credentials.credentials_for(f"t{number}")
    assert len(sts.asked) == 5
    assert sts.connections == 1


async def test_it_has_to_be_open(sts: StsServer) -> None:
    credentials = credentials_from(sts)
    with pytest.raises(ClientClosed, match="not open"):
        await credentials.credentials_for("acme")
    async with credentials:
        await credentials.credentials_for("acme")
    with pytest.raises(ClientClosed, match="not open"):
        await credentials.credentials_for("acme")
    async with credentials:
        assert (await credentials.credentials_for("acme")).access_key == "KEY2"


async def test_it_closes_with_the_last_who_opened_it(sts: StsServer) -> None:
    credentials = credentials_from(sts)
    await asyncio.gather(credentials.__aenter__(), credentials.__aenter__())
    await credentials.__aexit__(None, None, None)
    assert (await credentials.credentials_for("acme")).access_key == "KEY1"
    await credentials.__aexit__(None, None, None)
    with pytest.raises(ClientClosed):
        await credentials.credentials_for("acme")


async def test_who_waits_while_it_closes_is_told_so(sts: StsServer) -> None:
    async with credentials_from(sts) as credentials:
        sts.gate.clear()
        waiting = asyncio.create_task(credentials.credentials_for("acme"))
        await sts.arrived.wait()
    sts.gate.set()
    with pytest.raises(ClientClosed, match="closed meanwhile"):
        await waiting


def test_it_can_be_opened_in_another_loop_once_the_first_has_ended() -> None:
    opened: list[TenantCredentials] = []

    async def left_open() -> None:
        sts = await StsServer().__aenter__()
        opened.append(credentials_from(sts))
        # It is not closed, and its connection is ended with the loop all the same: nothing warns of one.
        await opened[0].__aenter__()
        await opened[0].credentials_for("acme")
        sts.stop_listening()

    async def elsewhere() -> None:
        with pytest.raises(ClientClosed, match="another event loop"):
            await opened[0].credentials_for("acme")
        async with opened[0]:
            with pytest.raises(TransportError):  # its server is gone, but it is asked
                await opened[0].credentials_for("acme")

    asyncio.run(left_open())
    gc.collect()
    asyncio.run(elsewhere())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"session_tag": None}, "give policy=… or session_tag=…"),
        ({"session_tag": "a b"}, "cannot be the key of a session tag"),
        ({"session_tag": "aws:tenant"}, "cannot be the key of a session tag"),
        ({"seconds": 899}, "900 to 3600 seconds"),
        ({"seconds": 3601}, "900 to 3600 seconds"),
        ({"capacity": 0}, "at least one"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOperation, match=message):
        TenantCredentials(**{"role_arn": ROLE, "session_tag": "tenant", **changes})


async def test_what_is_no_role_asks_nobody(sts: StsServer) -> None:
    async with credentials_from(sts, role_arn=lambda tenant: f"role/{tenant}") as credentials:
        with pytest.raises(InvalidOperation, match="not the ARN of a role"):
            await credentials.credentials_for("acme")
    assert sts.asked == []


def test_a_sessions_name_is_what_sts_takes_and_nobody_elses() -> None:
    tenants = ["acme", "a", "a/b", "a:b", "a-b", "x" * 64, "x" * 65, "x" * 256, "A/B", "ACME", "_.=+-@"]
    names = [session_name(tenant) for tenant in tenants]
    assert len(set(names)) == len(names)
    assert all(2 <= len(name) <= 64 for name in names)
    assert all(
        set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+=,.@-") for name in names
    )
    assert [name for tenant, name in zip(tenants, names, strict=True) if name == tenant] == [
        "acme", "a-b", "x" * 64, "ACME", "_.=+-@"
    ]  # fmt: skip


async def test_motos_sts_hands_out_credentials_that_reach_the_engines_tables() -> None:
    with EmbeddedDynamoDB() as engine:
        credentials = TenantCredentials(
            role_arn=ROLE,
            session_tag="tenant",
            region=engine.region,
            endpoint_url=engine.endpoint_url,
            credentials=Credentials(engine.access_key, engine.secret_key),
        )
        table = {
            "TableName": "users",
            "KeySchema": [{"AttributeName": "user_id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "user_id", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
        }
        async with credentials, engine.client() as db:
            await db.call("CreateTable", table)
            own = await credentials.credentials_for("acme")
            assert own.access_key != engine.access_key
            async with engine.client(credentials=own) as tenants:
                assert (await tenants.call("ListTables", {}))["TableNames"] == ["users"]


async def test_in_another_thread_it_is_not_open(sts: StsServer) -> None:
    async with credentials_from(sts) as credentials:

        def elsewhere() -> None:
            with pytest.raises(ClientClosed, match="another thread"):
                asyncio.run(credentials.credentials_for("acme"))

        await asyncio.to_thread(elsewhere)
        assert (await credentials.credentials_for("acme")).access_key == "KEY1"
