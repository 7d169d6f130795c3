"""The aiobotocore transport: what is checked is what is sent, and given credentials sign it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import botocore.config
import pytest
from aiobotocore.session import AioSession
from botocore import UNSIGNED

from dynamorm_py.core.errors import DeadlineExceeded, InvalidOperation, TenantViolation
from dynamorm_py.core.wire import Request
from dynamorm_py.transports import Credentials, Settings
from dynamorm_py.transports.aiobotocore import open_aiobotocore
from tests.faults.server import Answer, FaultServer

GET: Request = {"TableName": "users", "Key": {"user_id": {"S": "u1"}}}
OTHER: Request = {"TableName": "users", "Key": {"user_id": {"S": "u2"}}}
TENANT = Credentials("TENANTKEY", "secret", "token")


def settings_of(server: FaultServer, **changes: Any) -> Settings:
    reach: dict[str, Any] = {
        "region": "eu-west-1",
        "endpoint_url": server.endpoint_url,
        "credentials": Credentials("OWNKEY", "secret"),
    }
    return Settings(**{**reach, **changes})


def refuse(_operation: str, _request: Request) -> None:
    raise TenantViolation("no")


def key_that_signed(server: FaultServer) -> str:
    return server.received[-1].headers["authorization"].partition("Credential=")[2].partition("/")[0]


async def test_the_check_sees_operation_and_request() -> None:
    seen: list[tuple[str, Request]] = []
    async with FaultServer(Answer()) as server, open_aiobotocore(settings_of(server)) as transport:
        await transport.send("GetItem", GET, check=lambda *given: seen.append(given))
        assert seen == [("GetItem", GET)]
        assert len(server.received) == 1


async def test_what_the_check_raises_is_raised_and_nothing_is_sent() -> None:
    async with FaultServer(Answer()) as server, open_aiobotocore(settings_of(server)) as transport:
        with pytest.raises(TenantViolation) as caught:
            await transport.send("GetItem", GET, check=refuse)
        assert caught.value.__cause__ is None
        assert not caught.value.ambiguous
        assert server.received == []
        await transport.send("GetItem", GET)
        assert len(server.received) == 1


@pytest.mark.parametrize(
    "event", ["before-parameter-build.dynamodb", "provide-client-params.dynamodb.GetItem", "before-call", "before-sign"]
)
async def test_the_check_sees_what_hooks_made_of_the_request(event: str) -> None:
    def alter(params: dict[str, Any] | None = None, request: Any = None, **_: Any) -> None:  # botocore's own, by event
        if request is not None:
            request.data = json.dumps(OTHER).encode()
        elif params is not None and "body" in params:
            params["body"] = json.dumps(OTHER).encode()
        elif params is not None:
            params["Key"] = OTHER["Key"]

    seen: list[tuple[str, Request]] = []
    session = AioSession()
    session.get_component("event_emitter").register_last(event, alter)
    async with FaultServer(Answer()) as server:
        async with open_aiobotocore(settings_of(server, session=session)) as transport:
            await transport.send("GetItem", dict(GET), check=lambda *given: seen.append(given))
        assert seen == [("GetItem", OTHER)]
        assert server.received[0].body == OTHER


async def test_requests_at_once_have_each_its_own_check_and_credentials() -> None:
    async with FaultServer(Answer()) as server, open_aiobotocore(settings_of(server)) as transport:
        seen: dict[str, list[str]] = {}

        async def one(name: str) -> None:
            request = {"TableName": "users", "Key": {"user_id": {"S": name}}}
            check = lambda _, sent: seen.setdefault(name, []).append(sent["Key"]["user_id"]["S"])  # noqa: E731
            await transport.send("GetItem", request, check=check, credentials=Credentials(f"KEY{name}", "secret"))

        names = [str(number) for number in range(20)]
        await asyncio.gather(*map(one, names))
        assert seen == {name: [name] for name in names}
        for received in server.received:
            name = received.body["Key"]["user_id"]["S"]
            assert f"Credential=KEY{name}/" in received.headers["authorization"]


async def test_a_request_is_signed_with_the_credentials_it_was_given() -> None:
    async with FaultServer(Answer()) as server, open_aiobotocore(settings_of(server)) as transport:
        await transport.send("GetItem", GET, credentials=TENANT)
        assert key_that_signed(server) == "TENANTKEY"
        assert server.received[-1].headers["x-amz-security-token"] == "token"
        await transport.send("GetItem", GET)
        assert key_that_signed(server) == "OWNKEY"
        assert "x-amz-security-token" not in server.received[-1].headers


async def test_a_client_without_credentials_of_its_own_sends_with_given_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    async with FaultServer(Answer()) as server:
        settings = settings_of(server, credentials=None, session=AioSession())
        async with open_aiobotocore(settings) as transport:
            await transport.send("GetItem", GET, credentials=TENANT)
        assert key_that_signed(server) == "TENANTKEY"


async def test_a_request_that_nobody_signed_with_the_given_credentials_is_not_sent() -> None:
    config = botocore.config.Config(signature_version=UNSIGNED)
    async with FaultServer(Answer()) as server, open_aiobotocore(settings_of(server, config=config)) as transport:
        with pytest.raises(InvalidOperation, match="not signed"):
            await transport.send("GetItem", GET, credentials=TENANT)
        assert server.received == []


async def test_given_credentials_do_not_go_to_the_endpoint_of_the_clients_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OWNKEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_ACCOUNT_ID", "111111111111")
    hosts: list[str] = []

    def note(request: Any, **_: Any) -> None:  # a botocore.awsrequest.AWSPreparedRequest
        hosts.append(request.url)

    session = AioSession()
    session.get_component("event_emitter").register("before-send.dynamodb", note)
    async with open_aiobotocore(Settings(region="eu-west-1", session=session)) as transport:
        for credentials in (None, TENANT):
            with pytest.raises(TenantViolation):
                await transport.send("GetItem", GET, check=refuse, credentials=credentials)
    assert hosts == ["https://111111111111.ddb.eu-west-1.amazonaws.com/", "https://dynamodb.eu-west-1.amazonaws.com/"]


async def test_the_gate_is_asked_behind_hooks_and_does_without_the_request() -> None:
    def shut() -> None:
        raise DeadlineExceeded("too late")

    async with FaultServer(Answer()) as server, open_aiobotocore(settings_of(server)) as transport:
        with pytest.raises(DeadlineExceeded) as caught:
            await transport.send("GetItem", GET, gate=shut)
        assert not caught.value.ambiguous
        assert server.received == []
        await transport.send("GetItem", GET, gate=lambda: None)
        assert len(server.received) == 1
