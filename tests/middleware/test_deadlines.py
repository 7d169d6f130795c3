"""Until when requests may be sent."""

from __future__ import annotations

import asyncio

import pytest

from dynamorm_py.core.errors import DeadlineExceeded, Throttled
from dynamorm_py.core.wire import Call, Response
from dynamorm_py.middleware import compose
from dynamorm_py.middleware.deadlines import Deadlines, gate_of, remaining, until
from dynamorm_py.middleware.retries import Retries, Retry, sleep

CALL = Call("GetItem", {})


class Wire:
    """Counts what is sent; fails with what it is given."""

    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self.sent = 0

    async def __call__(self, call: Call) -> Response:
        self.sent += 1
        if self._failures:
            raise self._failures.pop(0)
        return {}


async def test_without_a_bound_everything_is_sent() -> None:
    wire = Wire()
    assert remaining() is None
    assert await Deadlines()(CALL, wire) == {}
    assert wire.sent == 1


async def test_within_the_bound_requests_are_sent_and_after_it_none() -> None:
    wire = Wire()
    with until(60):
        await Deadlines()(CALL, wire)
    with until(0), pytest.raises(DeadlineExceeded, match="GetItem: the request was not sent: the time for it"):
        await Deadlines()(CALL, wire)
    assert wire.sent == 1


def test_of_nested_bounds_the_nearest_counts() -> None:
    moment = 100.0

    def clock() -> float:
        return moment

    with until(10, clock=clock):
        with until(20, clock=clock):
            assert remaining(clock=clock) == 10
        with until(5, clock=clock), until(None, clock=clock):
            assert remaining(clock=clock) == 5
        moment = 104.0
        assert remaining(clock=clock) == 6


async def test_what_outlives_the_block_sends_nothing_more() -> None:
    wire, left = Wire(), asyncio.Event()

    async def outlive() -> Response:
        await left.wait()
        return await Deadlines()(CALL, wire)

    with until(None):
        task = asyncio.create_task(outlive())
    left.set()
    with pytest.raises(DeadlineExceeded, match="has ended"):
        await task
    assert wire.sent == 0


async def test_the_last_failure_is_told_at_once_where_no_time_is_left_for_another_attempt() -> None:
    waits: list[float] = []

    async def record(seconds: float) -> None:
        waits.append(seconds)

    retries = Retries(Retry(attempts=4, base=30, cap=30), draw=lambda: 1.0, sleep=record)
    wire = Wire(Throttled("slow down"), Throttled("slow down"))
    with until(20), pytest.raises(Throttled) as failed:
        await compose([retries, Deadlines()], wire)(CALL)
    assert (wire.sent, waits, failed.value.attempts, failed.value.throttles) == (1, [], 1, 1)


async def test_a_wait_ends_with_the_time() -> None:
    async with asyncio.timeout(5):
        with until(0.01):
            await sleep(3600)


async def test_the_gate_shuts_while_a_request_waits() -> None:
    assert gate_of("GetItem") is None
    with until(None):
        gate = gate_of("GetItem")
        assert gate is not None
        gate()
        # What is over for the block is over for what it has started.
        waiting = asyncio.get_running_loop().create_future()

        async def wait() -> None:
            await waiting
            gate()

        task = asyncio.create_task(wait())
    waiting.set_result(None)
    with pytest.raises(DeadlineExceeded, match="GetItem: the request was not sent: the work"):
        await task
