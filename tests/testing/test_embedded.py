from __future__ import annotations

import asyncio
import socket
import sys
import threading
from http.client import HTTPConnection
from typing import Any

import pytest

from dynamorm_py.testing import EmbeddedDynamoDB
from tests.engines.raw_client import raw_client


async def create_table(client: Any) -> None:
    await client.create_table(
        TableName="users",
        KeySchema=[{"AttributeName": "user_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "user_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


async def table_names(dynamodb: EmbeddedDynamoDB) -> list[str]:
    async with raw_client(dynamodb) as client:
        names: list[str] = (await client.list_tables())["TableNames"]
        return names


async def test_keeps_what_was_put() -> None:
    item = {"user_id": {"S": "u1"}, "visits": {"N": "3"}}
    with EmbeddedDynamoDB() as dynamodb:
        async with raw_client(dynamodb) as client:
            await create_table(client)
            await client.put_item(TableName="users", Item=item)
            answer = await client.get_item(TableName="users", Key={"user_id": {"S": "u1"}})
    assert answer["Item"] == item


async def test_begins_empty_after_another_has_ended() -> None:
    with EmbeddedDynamoDB() as first:
        async with raw_client(first) as client:
            await create_table(client)
        assert await table_names(first) == ["users"]
    with EmbeddedDynamoDB() as second:
        assert await table_names(second) == []


async def test_two_at_once_do_not_share_tables() -> None:
    with EmbeddedDynamoDB() as left:
        with EmbeddedDynamoDB() as right:
            async with raw_client(left) as client:
                await create_table(client)
            assert await table_names(right) == []
        assert await table_names(left) == ["users"]


async def test_the_same_engine_can_be_started_again() -> None:
    dynamodb = EmbeddedDynamoDB(region="eu-west-1")
    with dynamodb:
        async with raw_client(dynamodb) as client:
            await create_table(client)
    with dynamodb:
        assert await table_names(dynamodb) == []


def test_leaves_no_thread_and_no_port_behind_even_with_an_idle_connection() -> None:
    before = set(threading.enumerate())
    with EmbeddedDynamoDB() as dynamodb:
        asyncio.run(table_names(dynamodb))
        port = int(dynamodb.endpoint_url.rpartition(":")[2])
        idle = socket.create_connection(("127.0.0.1", port))
        asyncio.run(table_names(dynamodb))
    with idle:
        assert idle.recv(1) == b""
    assert set(threading.enumerate()) == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_each_header_comes_once() -> None:
    with EmbeddedDynamoDB() as dynamodb:
        connection = HTTPConnection("127.0.0.1", int(dynamodb.endpoint_url.rpartition(":")[2]))
        connection.request("POST", "/", b"{}", {"X-Amz-Target": "DynamoDB_20120810.ListTables"})
        names = [name.lower() for name, _ in connection.getresponse().getheaders()]
        connection.close()
    assert "server" in names
    assert sorted(set(names)) == sorted(names)


async def test_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with EmbeddedDynamoDB() as dynamodb:
        await table_names(dynamodb)
    assert capfd.readouterr() == ("", "")


def test_environment_leads_to_it() -> None:
    with EmbeddedDynamoDB(region="eu-west-1") as dynamodb:
        environment = dynamodb.environment
        assert environment["AWS_ENDPOINT_URL_DYNAMODB"] == dynamodb.endpoint_url
    assert environment["AWS_REGION"] == "eu-west-1"


def test_has_no_address_outside_its_block() -> None:
    with pytest.raises(RuntimeError, match="inside its `with` block"):
        _ = EmbeddedDynamoDB().endpoint_url


def test_cannot_be_entered_twice() -> None:
    with EmbeddedDynamoDB() as dynamodb, pytest.raises(RuntimeError, match="runs already"):
        dynamodb.__enter__()


def test_says_which_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "dynamorm_py.testing.embedded")
    monkeypatch.setitem(sys.modules, "moto.moto_server.werkzeug_app", None)
    with pytest.raises(ImportError, match=r"pip install 'dynamorm-py\[embedded\]'"):
        import dynamorm_py.testing.embedded  # noqa: F401
