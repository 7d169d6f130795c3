"""The retry policy, played against scripted outcomes: what is sent again, when, and what it says in the end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dynamorm_py.core.errors import (
    AccessDenied,
    CancellationReason,
    ClientClosed,
    ConditionFailed,
    DynamormError,
    InvalidOperation,
    RequestTimeout,
    ServiceError,
    TableNotFound,
    Throttled,
    TransactionCanceled,
    TransactionConflict,
    TransportError,
    WriteOutcomeUnknown,
)
from dynamorm_py.core.wire import Call, Repetition, Response
from dynamorm_py.middleware.retries import Retries, Retry

READ = Call("GetItem", {}, repetition=Repetition.HARMFUL)  # a read stays a read, whatever it is marked
HARMLESS = Call("PutItem", {})
SETTLED = Call("PutItem", {}, repetition=Repetition.SETTLED)
HARMFUL = Call("UpdateItem", {}, repetition=Repetition.HARMFUL)
CALLS = [READ, HARMLESS, SETTLED, HARMFUL]


def canceled(*codes: str) -> TransactionCanceled:
    error = TransactionCanceled("cancelled", code="TransactionCanceledException", status=400)
    error.reasons = tuple(CancellationReason(code) for code in codes)
    return error


def in_doubt(error: DynamormError) -> DynamormError:
    error.ambiguous = True
    return error


class Script:
    """A `send` that raises the given errors in turn, and then answers."""

    def __init__(self, *errors: BaseException) -> None:
        self._errors = list(errors)
        self.sent = 0

    async def __call__(self, call: Call) -> Response:
        self.sent += 1
        if self._errors:
            raise self._errors.pop(0)
        return {"Item": {}, "ResponseMetadata": {"RequestId": "r", "RetryAttempts": 0}}


class Waits(list[float]):
    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


async def play(call: Call, *errors: BaseException, attempts: int = 3) -> tuple[Script, Response]:
    script = Script(*errors)
    return script, await Retries(Retry(attempts=attempts), draw=lambda: 1.0, sleep=Waits())(call, script)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "error",
    [
        Throttled("slow down", code="ThrottlingException"),
        TransactionConflict("conflict", code="TransactionConflictException"),
        TransportError("refused"),
        canceled("None", "TransactionConflict"),
        canceled("ThrottlingError", "ProvisionedThroughputExceeded"),
        ServiceError("still at it", code="TransactionInProgressException"),
    ],
    ids=lambda value: getattr(value, "message", None),
)
@pytest.mark.behaviour("1.50", "1.53", "2.25")
async def test_what_was_surely_not_applied_is_sent_again(call: Call, error: DynamormError) -> None:
    script, _ = await play(call, error, error)
    assert script.sent == 3


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "error",
    [
        ConditionFailed("no"),
        TableNotFound("no"),
        AccessDenied("no"),
        ServiceError("no", code="ValidationException"),
        ClientClosed("no"),
        canceled("ConditionalCheckFailed", "TransactionConflict"),
        canceled("ValidationError"),
        canceled(),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.behaviour("1.50", "2.25")
async def test_what_another_attempt_cannot_help_is_raised_at_once(call: Call, error: DynamormError) -> None:
    with pytest.raises(type(error)) as caught:
        await play(call, error)
    assert caught.value is error
    assert error.attempts == 1


async def test_the_error_of_the_last_attempt_is_raised() -> None:
    first, last = Throttled("first"), TransactionConflict("last")
    with pytest.raises(TransactionConflict) as caught:
        await play(HARMFUL, first, last, attempts=2)
    assert caught.value is last
    assert last.attempts == 2


@pytest.mark.parametrize("call", [READ, HARMLESS, SETTLED])
async def test_after_a_lost_answer_what_may_be_repeated_is(call: Call) -> None:
    script, _ = await play(call, in_doubt(TransportError("lost")))
    assert script.sent == 2


@pytest.mark.behaviour("1.36", "2.26")
async def test_a_harmful_repetition_is_never_made() -> None:
    lost = in_doubt(RequestTimeout("lost"))
    with pytest.raises(WriteOutcomeUnknown) as caught:
        await play(HARMFUL, Throttled("slow down"), lost)
    assert caught.value.__cause__ is lost
    assert caught.value.attempts == 2


@pytest.mark.parametrize("call", [HARMLESS, SETTLED])
@pytest.mark.parametrize("last", [Throttled("slow"), TransportError("refused"), AccessDenied("no"), ClientClosed("no")])
@pytest.mark.behaviour("1.66")
async def test_a_write_in_doubt_is_never_reported_as_failed(call: Call, last: DynamormError) -> None:
    with pytest.raises(WriteOutcomeUnknown) as caught:
        await play(call, in_doubt(TransportError("lost")), last, attempts=2)
    assert caught.value.__cause__ is last


async def test_a_cancellation_under_the_same_token_is_certain() -> None:
    reason = canceled("ConditionalCheckFailed")
    with pytest.raises(TransactionCanceled) as caught:
        await play(Call("TransactWriteItems", {}), in_doubt(TransportError("lost")), reason)
    assert caught.value is reason


@pytest.mark.parametrize("call", [HARMFUL, SETTLED, Call("TransactWriteItems", {})], ids=lambda call: call.operation)
@pytest.mark.parametrize("judgement", [canceled("ConditionalCheckFailed"), ConditionFailed("no")])
async def test_what_comes_as_an_internal_error_is_no_judgement(call: Call, judgement: DynamormError) -> None:
    broken = in_doubt(judgement)
    with pytest.raises(WriteOutcomeUnknown) as caught:
        await play(call, broken, broken, attempts=2)
    assert caught.value.__cause__ is broken


async def test_a_failed_condition_after_a_lost_answer_is_marked() -> None:
    failed = ConditionFailed("no")
    with pytest.raises(ConditionFailed):
        await play(SETTLED, in_doubt(TransportError("lost")), failed)
    assert failed.after_ambiguity


@pytest.mark.parametrize("operation", ["Query", "BatchGetItem", "DescribeTable", "ListTables", "GetResourcePolicy"])
async def test_a_read_in_doubt_raises_its_own_error(operation: str) -> None:
    lost = in_doubt(RequestTimeout("lost"))
    with pytest.raises(RequestTimeout) as caught:
        await play(Call(operation, {}), lost, lost, attempts=2)
    assert caught.value is lost


async def test_the_response_says_how_often_it_was_repeated() -> None:
    _, once = await play(READ)
    _, twice = await play(READ, Throttled("slow down"))
    assert once["ResponseMetadata"] == {"RequestId": "r", "RetryAttempts": 0}
    assert twice["ResponseMetadata"] == {"RequestId": "r", "RetryAttempts": 1, "ThrottledAttempts": 1}
    assert twice["Item"] == {}


@pytest.mark.behaviour("1.46", "2.23")
async def test_waits_are_drawn_below_a_doubling_capped_bound() -> None:
    draws = iter([1.0, 0.5, 0.0, 1.0, 1.0])
    waits = Waits()
    policy = Retry(attempts=6, base=0.1, cap=0.5)
    await Retries(policy, draw=lambda: next(draws), sleep=waits)(READ, Script(*[Throttled("slow")] * 5))
    assert waits == [0.1, 0.1, 0.0, 0.5, 0.5]


def test_no_number_of_attempts_overflows() -> None:
    assert Retry(attempts=10_000).wait(9_999, 1.0) == Retry().cap


@pytest.mark.behaviour("2.28")
async def test_cancellation_passes_through() -> None:
    script = Script(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await Retries(Retry())(HARMLESS, script)
    assert script.sent == 1


@pytest.mark.parametrize("options", [{"attempts": 0}, {"base": -1.0}, {"cap": -1.0}])
def test_a_policy_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOperation):
        Retry(**options)
