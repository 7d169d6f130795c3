"""What `on_call` is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from dynamorm_py.core.errors import Throttled, TransportError
from dynamorm_py.core.wire import Call, Response, Target
from dynamorm_py.middleware import compose
from dynamorm_py.middleware.retries import Retries, Retry
from dynamorm_py.middleware.telemetry import CallRecord, Telemetry, observing

CALL = Call("GetItem", {}, (Target("users"),))


class Clock:
    """Goes on by a quarter of a second whenever it is read."""

    def __init__(self) -> None:
        self._ticks: Iterator[int] = iter(range(1000))

    def __call__(self) -> float:
        return next(self._ticks) * 0.25


async def recorded(outcome: Response | BaseException) -> list[CallRecord]:
    async def send(call: Call) -> Response:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    records: list[CallRecord] = []
    with pytest.raises(type(outcome)) if isinstance(outcome, BaseException) else nullcontext():
        await Telemetry(records.append, clock=Clock())(CALL, send)
    return records


async def test_a_call_is_one_record() -> None:
    assert await recorded({}) == [CallRecord("GetItem", (Target("users"),), 1, 250.0)]


async def test_consumed_capacity_is_summed_over_tables() -> None:
    one, several = {"CapacityUnits": 0.5}, [{"CapacityUnits": 1.5}, {"CapacityUnits": 2}]
    assert [record.consumed for record in await recorded({"ConsumedCapacity": one})] == [0.5]
    assert [record.consumed for record in await recorded({"ConsumedCapacity": several})] == [3.5]


async def test_an_error_is_recorded_and_raised() -> None:
    error = Throttled("slow down")
    error.attempts = 4
    assert await recorded(error) == [CallRecord("GetItem", (Target("users"),), 4, 250.0, error=error)]


async def test_a_cancelled_call_has_no_count() -> None:
    (record,) = await recorded(asyncio.CancelledError())
    assert record.attempts is None
    assert isinstance(record.error, asyncio.CancelledError)


async def test_repetitions_belong_to_one_record() -> None:
    failures = [Throttled("slow down"), Throttled("slow down")]
    records: list[CallRecord] = []

    async def send(call: Call) -> Response:
        if failures:
            raise failures.pop()
        return {}

    await compose([Telemetry(records.append), Retries(Retry(base=0))], send)(CALL)
    assert [record.attempts for record in records] == [3]


async def test_a_failing_callback_fails_no_call(caplog: pytest.LogCaptureFixture) -> None:
    async def send(call: Call) -> Response:
        return {"Item": {}}

    def on_call(record: CallRecord) -> None:
        raise LookupError("no such metric")

    assert await Telemetry(on_call)(CALL, send) == {"Item": {}}
    assert "on_call failed for GetItem" in caplog.text


async def test_an_observer_is_told_of_the_calls_of_its_block_and_of_the_tasks_started_there() -> None:
    async def send(call: Call) -> Response:
        return {}

    own: list[CallRecord] = []
    first: list[CallRecord] = []
    second: list[CallRecord] = []
    telemetry = Telemetry(own.append)
    with observing(first.append):
        await telemetry(CALL, send)
        with observing(second.append):
            await asyncio.ensure_future(telemetry(CALL, send))
    await telemetry(CALL, send)
    assert (len(own), len(first), len(second)) == (3, 2, 1)


@pytest.mark.parametrize(
    ("operation", "asked"), [("GetItem", {"ReturnConsumedCapacity": "TOTAL"}), ("DescribeTable", {})]
)
async def test_an_observer_can_ask_for_what_is_consumed(operation: str, asked: dict[str, str]) -> None:
    requests: list[dict[str, object]] = []

    async def send(call: Call) -> Response:
        requests.append(call.request)
        return {}

    call = Call(operation, {})
    with observing(lambda record: None, capacity=True):
        await Telemetry()(call, send)
    await Telemetry()(call, send)
    assert requests == [asked, {}]
    assert call.request == {}


async def test_throttled_attempts_are_counted() -> None:
    failures = [Throttled("slow down"), TransportError("refused")]
    records: list[CallRecord] = []

    async def send(call: Call) -> Response:
        if failures:
            raise failures.pop()
        return {}

    await compose([Telemetry(records.append), Retries(Retry(base=0))], send)(CALL)
    failures += [Throttled("slow down")] * 4
    with pytest.raises(Throttled):
        await compose([Telemetry(records.append), Retries(Retry(base=0))], send)(CALL)
    assert [(record.attempts, record.throttles) for record in records] == [(3, 1), (4, 4)]
