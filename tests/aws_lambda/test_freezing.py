"""What a function finds after it was frozen: connections that the server has closed, or that lead nowhere."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dynamorm_py import Attr, Model, partition_key
from dynamorm_py.testing import LambdaRuntime, LocalEndpoint
from tests.aws_lambda.authority import Authority
from tests.aws_lambda.conftest import Function
from tests.aws_lambda.counting_proxy import CountingProxy
from tests.engines.availability import required

if not required():
    pytest.importorskip("awslambdaric", reason="the Lambda runtime client has wheels for Linux only")

# Shorter than any real server's, and longer than it takes from one invocation to the next.
IDLE_SECONDS = 1.0


class Counter(Model, table="freezing_counters"):
    name: Attr[str] = partition_key()
    value: Attr[int]


# Adding is the write that is not repeated after a lost answer: a connection that is dead shows.
COUNTING = """
    from dynamorm_py import Attr, Client, Model, partition_key
    from dynamorm_py.aws_lambda import Invocation, LambdaApp

    class Counter(Model, table="freezing_counters"):
        name: Attr[str] = partition_key()
        value: Attr[int]

    records = []
    app = LambdaApp(client=Client(on_call=records.append), models=[Counter], idle_limit={idle_limit})

    @app.handler
    async def handler(event, ctx: Invocation):
        records.clear()
        counter = await Counter.update("one", Counter.value.add(1), upsert=True)
        return [counter.value, [record.attempts for record in records], id(ctx.db)]
"""


@pytest.fixture
async def table(dynamodb_local: LocalEndpoint) -> AsyncIterator[LocalEndpoint]:
    async with dynamodb_local.client() as db:
        await db.create_tables(Counter)
        yield dynamodb_local
        await db.delete_tables(Counter)


@contextmanager
def frozen(runtime: LambdaRuntime) -> Iterator[None]:
    runtime.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        runtime.process.send_signal(signal.SIGCONT)


@pytest.fixture(params=["tcp", "tls"])
def authority_or_none(request: pytest.FixtureRequest, tmp_path: Path) -> Authority | None:
    return Authority(tmp_path) if request.param == "tls" else None


def environment_of(table: LocalEndpoint, proxy: CountingProxy, authority: Authority | None) -> dict[str, str]:
    trusting = authority.environment if authority else {}
    return {**table.environment, "AWS_ENDPOINT_URL_DYNAMODB": proxy.url, **trusting}


def test_a_thousand_invocations_go_through_one_client_and_one_connection(
    function: Function, table: LocalEndpoint
) -> None:
    with (
        CountingProxy(table.endpoint_url) as proxy,
        function(COUNTING.format(idle_limit=60), **environment_of(table, proxy, None)) as runtime,
    ):
        payloads = [runtime.invoke({}).payload for _ in range(1000)]
        assert proxy.connections == 1
    client = payloads[0][2]
    assert payloads == [[value, [1], client] for value in range(1, 1001)]


def test_after_a_freeze_that_the_server_did_not_wait_for_the_first_attempt_succeeds(
    function: Function, table: LocalEndpoint, authority_or_none: Authority | None
) -> None:
    tls = authority_or_none.server if authority_or_none else None
    with (
        CountingProxy(table.endpoint_url, tls=tls, idle_limit=IDLE_SECONDS) as proxy,
        function(COUNTING.format(idle_limit=3600), **environment_of(table, proxy, authority_or_none)) as runtime,
    ):
        answers = [runtime.invoke({})]
        for _ in range(2):
            with frozen(runtime):
                assert proxy.wait_until_idle_ones_are_closed()
            answers.append(runtime.invoke({}))
    assert [answer.error for answer in answers] == [None] * 3
    assert [answer.payload[:2] for answer in answers] == [[1, [1]], [2, [1]], [3, [1]]]
    assert proxy.connections >= 3


def test_a_connection_that_was_idle_for_too_long_is_not_used_though_nobody_closed_it(
    function: Function, table: LocalEndpoint, authority_or_none: Authority | None
) -> None:
    tls = authority_or_none.server if authority_or_none else None
    with (
        CountingProxy(table.endpoint_url, tls=tls) as proxy,
        function(COUNTING.format(idle_limit=0), **environment_of(table, proxy, authority_or_none)) as runtime,
    ):
        first = runtime.invoke({})
        with frozen(runtime):
            proxy.silence()
        second = runtime.invoke({})
    assert [answer.error for answer in (first, second)] == [None] * 2
    assert [answer.payload[:2] for answer in (first, second)] == [[1, [1]], [2, [1]]]
