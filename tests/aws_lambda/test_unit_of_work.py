"""`UnitOfWork`: everything in one transaction before the answer leaves, or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Self

import pytest

from dynamorm_py import (
    Attr,
    CallRecord,
    Client,
    Credentials,
    InvalidOperation,
    Model,
    TransactionCanceled,
    WriteOutcomeUnknown,
    field,
    partition_key,
    version_number,
)
from dynamorm_py.aws_lambda import Deadline, Invocation, LambdaApp, Unit, UnitOfWork
from dynamorm_py.testing import EmbeddedDynamoDB
from tests.aws_lambda.context import Context
from tests.faults.server import FaultServer, Hang, in_a_thread


class Entry(Model, table="unit_entries"):
    name: Attr[str] = partition_key()
    value: Attr[int] = field(default=0)
    version: Attr[int] = version_number()


class Ledger:
    """An app with a unit of work on a table of its own, and the requests that it sent."""

    def __init__(self, embedded: EmbeddedDynamoDB) -> None:
        self.records: list[CallRecord] = []
        self.app = LambdaApp(client=embedded.client(on_call=self.records.append), middleware=[UnitOfWork()])

        @self.app.handler
        async def tables(event: str, ctx: Invocation) -> None:
            assert isinstance(ctx.db, Client)
            await (ctx.db.create_tables(Entry) if event == "create" else ctx.db.delete_tables(Entry))

        @self.app.handler
        async def names(event: None) -> list[str]:
            return sorted([entry.name async for entry in Entry.scan()])

        self._tables, self._names = tables, names

    def __enter__(self) -> Self:
        self._tables("create", None)
        self.records.clear()
        return self

    def __exit__(self, *_: object) -> None:
        self._tables("delete", None)
        self.app.close()

    @property
    def names(self) -> list[str]:
        found: list[str] = self._names(None, None)
        return found

    @property
    def writes(self) -> list[str]:
        return [record.operation for record in self.records if record.operation != "Scan"]


@pytest.fixture
def ledger(embedded: EmbeddedDynamoDB) -> Iterator[Ledger]:
    with Ledger(embedded) as ledger:
        yield ledger


def test_all_writes_are_one_transaction_after_the_handler(ledger: Ledger) -> None:
    @ledger.app.handler
    async def handler(event: str, ctx: Invocation) -> dict[str, Any]:
        ctx.unit.add(Entry(name="a").create(), Entry(name="b").put())
        ctx.unit.add(Entry.update("c", Entry.value.set(3), upsert=True))
        return {"statusCode": 201, "before": await Entry.get("a"), "count": len(ctx.unit)}

    assert handler("event", None) == {"statusCode": 201, "before": None, "count": 3}
    assert ledger.writes == ["GetItem", "TransactWriteItems"]
    assert ledger.names == ["a", "b", "c"]


def test_the_answer_shows_what_the_commit_made_of_an_instance(ledger: Ledger) -> None:
    @ledger.app.handler
    async def handler(event: int, ctx: Invocation) -> Entry:
        entry = await Entry.get("a") or Entry(name="a")
        entry.value = event
        ctx.unit.add(entry.save())
        return entry

    assert [handler(value, None)["version"] for value in (1, 2)] == [0, 1]


def test_without_writes_nothing_is_sent(ledger: Ledger) -> None:
    @ledger.app.handler
    async def handler(event: str) -> str:
        return event

    assert handler("event", None) == "event"
    assert ledger.writes == []


class Interrupted(BaseException):
    """As what ends a program."""


@pytest.mark.parametrize(
    ("kind", "raised"),
    [(LookupError, LookupError), (asyncio.CancelledError, RuntimeError), (Interrupted, Interrupted)],
)
def test_after_an_error_nothing_is_written(
    ledger: Ledger, kind: type[BaseException], raised: type[BaseException]
) -> None:
    @ledger.app.handler
    async def handler(event: str, ctx: Invocation) -> None:
        ctx.unit.add(Entry(name="a").create())
        raise kind

    with pytest.raises(raised):
        handler("event", None)
    assert (ledger.writes, ledger.names) == ([], [])


@pytest.mark.parametrize(("status", "written"), [(200, ["a"]), (399, ["a"]), (400, []), (503, [])])
def test_after_an_answer_that_refuses_nothing_is_written(ledger: Ledger, status: int, written: list[str]) -> None:
    @ledger.app.handler
    async def handler(event: str, ctx: Invocation) -> dict[str, int]:
        ctx.unit.add(Entry(name="a").create())
        return {"statusCode": status}

    assert handler("event", None) == {"statusCode": status}
    assert ledger.names == written


def test_after_an_answer_that_is_no_json_nothing_is_written(ledger: Ledger) -> None:
    @ledger.app.handler
    async def handler(event: str, ctx: Invocation) -> object:
        ctx.unit.add(Entry(name="a").create())
        return object()

    with pytest.raises(Exception, match="serialize"):
        handler("event", None)
    assert ledger.names == []


def test_a_condition_that_fails_takes_the_place_of_the_answer(ledger: Ledger) -> None:
    @ledger.app.handler
    async def handler(event: str, ctx: Invocation) -> str:
        ctx.unit.add(Entry(name=event).create(), Entry(name="b").create())
        return "done"

    assert handler("a", None) == "done"
    with pytest.raises(TransactionCanceled) as canceled:
        handler("c", None)
    assert [reason.code for reason in canceled.value.reasons] == ["None", "ConditionalCheckFailed"]
    assert ledger.names == ["a", "b"]


def test_more_than_a_transaction_takes_is_refused(ledger: Ledger) -> None:
    @ledger.app.handler
    async def handler(event: int, ctx: Invocation) -> int:
        for number in range(event):
            ctx.unit.add(Entry(name=f"{number:03}").put())
        return len(ctx.unit)

    with pytest.raises(InvalidOperation, match="at most 100"):
        handler(101, None)
    assert ledger.names == []
    assert handler(100, None) == 100
    assert len(ledger.names) == 100


def test_reads_and_values_that_are_no_operations_are_refused(ledger: Ledger) -> None:
    given: list[Any] = [Entry.get("a"), Entry.scan(), "a"]

    @ledger.app.handler
    async def handler(event: int, ctx: Invocation) -> None:
        ctx.unit.add(given[event])

    for number in range(len(given)):
        with pytest.raises(InvalidOperation):
            handler(number, None)


def test_a_unit_ends_with_its_invocation(ledger: Ledger) -> None:
    units: list[Unit] = []

    @ledger.app.handler
    async def handler(event: str, ctx: Invocation) -> int:
        units.append(ctx.unit)
        return len(ctx.unit)

    assert [handler("event", None) for _ in range(2)] == [0, 0]
    assert units[0] is not units[1]
    with pytest.raises(InvalidOperation, match="has ended"):
        units[0].add(Entry(name="a").put())


def test_when_the_time_runs_out_in_the_commit_nobody_knows() -> None:
    with in_a_thread(FaultServer(Hang())) as server:
        credentials = Credentials("key", "secret")
        client = Client(region="eu-west-1", endpoint_url=server.endpoint_url, credentials=credentials)
        app = LambdaApp(client=client, middleware=[Deadline(reserve=0.2), UnitOfWork()])

        @app.handler
        async def handler(event: str, ctx: Invocation) -> None:
            ctx.unit.add(Entry(name="a").put())

        with pytest.raises(WriteOutcomeUnknown, match=r"unit\.commit"):
            handler("event", Context(1000))
        app.close()
        assert server.operations == ["TransactWriteItems"]
