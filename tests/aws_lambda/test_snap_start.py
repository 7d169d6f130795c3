"""SnapStart and credentials: what is undone before a snapshot or expires in a freeze, and done anew after it."""

from __future__ import annotations

import random
import signal
import threading
from datetime import UTC, datetime

import pytest

from tests.aws_lambda.authority import Authority
from tests.aws_lambda.conftest import Function
from tests.aws_lambda.counting_proxy import CountingProxy
from tests.aws_lambda.credentials_server import handing_out
from tests.engines.availability import required
from tests.faults.server import Answer, FaultServer, in_a_thread

if not required():
    pytest.importorskip("awslambdaric", reason="the Lambda runtime client has wheels for Linux only")

FOUND = Answer({"Item": {"name": {"S": "a"}}})
SNAP_START = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
# botocore renews credentials a quarter of an hour before they expire.
RENEWED_BEFORE = 15 * 60

SNAPSHOT = """
    import random
    from snapshot_restore_py import register_after_restore, register_before_snapshot
    from dynamorm_py import Attr, Client, Model, partition_key
    from dynamorm_py.aws_lambda import Invocation, LambdaApp

    class Entry(Model, table="snapshot_entries"):
        name: Attr[str] = partition_key()

    steps = []

    class Watched(Client):
        async def __aenter__(self):
            steps.append("open")
            return await super().__aenter__()

        async def __aexit__(self, *error):
            steps.append("close")
            await super().__aexit__(*error)

        async def warm(self):
            connected = await super().warm()
            steps.append(f"connect {connected}")
            return connected

    # What every environment that is restored from the snapshot would begin with.
    random.seed(42)

    app = LambdaApp(client=Watched(), models=[Entry])
    register_before_snapshot(steps.append, "before the snapshot")

    @app.handler
    async def handler(event, ctx: Invocation):
        entry = await Entry.get("a")
        return {"steps": steps, "entry": entry, "random": random.random(), "cold": ctx.cold_start}

    register_after_restore(steps.append, "after the restoring")
"""


def key_of(authorization: str) -> str:
    return authorization.partition("Credential=")[2].partition("/")[0]


def test_the_client_is_closed_for_the_snapshot_and_opened_after_it(function: Function) -> None:
    with (
        in_a_thread(FaultServer(FOUND)) as server,
        handing_out(3600) as (_, credentials),
        function(SNAPSHOT, **SNAP_START, **credentials, AWS_ENDPOINT_URL_DYNAMODB=server.endpoint_url) as runtime,
    ):
        before = list(server.operations)
        runtime.restore()
        restored = list(server.operations)
        first, second = runtime.invoke({}), runtime.invoke({})
        keys = [key_of(request.headers.get("authorization", "")) for request in server.received]
    assert (before, restored) == ([], [])
    assert first.payload["steps"] == [
        "open",
        "connect True",
        "close",
        "before the snapshot",
        "open",
        "connect True",
        "after the restoring",
    ]
    assert (first.payload["entry"], first.payload["cold"]) == ({"name": "a"}, True)
    assert second.payload["steps"] == first.payload["steps"]
    # INIT has fetched the first ones, which no request carries.
    assert keys == ["KEY2", "KEY2"]
    assert first.payload["random"] != random.Random(42).random()


def test_two_environments_of_one_snapshot_draw_different_numbers(function: Function) -> None:
    drawn = []
    for _ in range(2):
        with function(SNAPSHOT.replace('await Entry.get("a")', "None"), **SNAP_START) as runtime:
            drawn.append(runtime.invoke({}).payload["random"])
    assert drawn[0] != drawn[1]


def test_without_snap_start_nothing_is_undone(function: Function) -> None:
    source = SNAPSHOT.replace('await Entry.get("a")', "None")
    with function(source) as runtime:
        payload = runtime.invoke({}).payload
    assert payload["steps"] == ["open", "connect False"]
    assert payload["random"] == random.Random(42).random()


def test_a_restoring_without_a_network_is_made_up_for_by_the_invocation(function: Function) -> None:
    source = SNAPSHOT.replace(
        'steps.append("open")\n            return',
        'steps.append("open")\n            if steps.count("open") == 2:\n'
        '                raise ConnectionError("no network yet")\n            return',
    ).replace('await Entry.get("a")', "None")
    with function(source, **SNAP_START) as runtime:
        runtime.restore()
        answer = runtime.invoke({})
    assert answer.error is None
    assert answer.payload["steps"].count("open") == 3
    assert "ConnectionError: no network yet" in runtime.log


def test_the_connection_is_opened_anew_over_tls(function: Function, authority: Authority) -> None:
    with (
        in_a_thread(FaultServer(FOUND)) as server,
        CountingProxy(server.endpoint_url, tls=authority.server) as proxy,
        function(SNAPSHOT, **SNAP_START, **authority.environment, AWS_ENDPOINT_URL_DYNAMODB=proxy.url) as runtime,
    ):
        assert proxy.wait_until_idle_ones_are_closed()
        answer = runtime.invoke({})
        assert proxy.connections == 2
    assert (answer.error, answer.payload["entry"]) == (None, {"name": "a"})


def test_credentials_that_expired_in_a_freeze_are_renewed_before_they_are_used(function: Function) -> None:
    with (
        in_a_thread(FaultServer(FOUND)) as server,
        handing_out(RENEWED_BEFORE + 2, 3600) as (credentials_server, credentials),
        function(SNAPSHOT, **credentials, AWS_ENDPOINT_URL_DYNAMODB=server.endpoint_url) as runtime,
    ):
        runtime.process.send_signal(signal.SIGSTOP)
        expiry = credentials_server.expiries[0]
        # It is the passing of time itself that is waited for.
        threading.Event().wait(max(0.0, (expiry - datetime.now(UTC)).total_seconds() - RENEWED_BEFORE))
        runtime.process.send_signal(signal.SIGCONT)
        answer = runtime.invoke({})
        keys = [key_of(request.headers.get("authorization", "")) for request in server.received]
    assert answer.error is None
    assert keys == ["KEY2"]
    assert len(credentials_server.expiries) == 2
