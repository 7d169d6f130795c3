"""How conversations are carried out: answers, errors, pauses, concurrency, cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from dynamorm_py.client.conversations import Driver
from dynamorm_py.core.errors import TableNotFound, Throttled
from dynamorm_py.core.wire import Call, Conversation, Pause, Response, Together


class World:
    """Answers each call with its own operation's name, unless an operation is given something else to do."""

    def __init__(self, **does: Callable[[], Any]) -> None:
        self._does = does
        self.log: list[object] = []
        self.driver = Driver(self.send, self.back_off, self.sleep)

    async def send(self, call: Call) -> Response:
        self.log.append(call.operation)
        if call.operation in self._does:
            await self._does[call.operation]()
        return {"answer": call.operation}

    async def back_off(self, attempt: int) -> None:
        self.log.append(("back_off", attempt))

    async def sleep(self, seconds: float) -> None:
        self.log.append(("sleep", seconds))


async def fail() -> None:
    raise TableNotFound("no such table")


def asking(*operations: str) -> Conversation[list[str]]:
    answers = []
    for operation in operations:
        response = yield Call(operation, {})
        answers.append(response["answer"])
    return answers


async def test_answers_go_in_and_the_result_comes_out() -> None:
    world = World()
    assert await world.driver.run(asking("A", "B")) == ["A", "B"]
    assert world.log == ["A", "B"]


async def test_a_conversation_may_need_no_request() -> None:
    assert await World().driver.run(asking()) == []


async def test_pauses_are_backed_off_or_slept() -> None:
    def conversation() -> Conversation[None]:
        yield Pause(1)
        yield Pause(2, 0.5)

    world = World()
    await world.driver.run(conversation())
    assert world.log == [("back_off", 1), ("sleep", 0.5)]


async def test_an_error_can_be_answered_by_another_step() -> None:
    def conversation() -> Conversation[str]:
        try:
            yield Call("Fails", {})
        except TableNotFound:
            response = yield Call("Instead", {})
            return str(response["answer"])
        return "no error"

    assert await World(Fails=fail).driver.run(conversation()) == "Instead"


async def test_an_error_can_be_translated() -> None:
    def conversation() -> Conversation[None]:
        try:
            yield Call("Fails", {})
        except TableNotFound as error:
            raise LookupError("translated") from error

    with pytest.raises(LookupError, match="translated"):
        await World(Fails=fail).driver.run(conversation())


@pytest.mark.behaviour("2.28")
async def test_cancellation_closes_the_conversation() -> None:
    closed: list[str] = []

    async def cancel() -> None:
        raise asyncio.CancelledError

    def conversation() -> Conversation[None]:
        try:
            yield Call("Cancelled", {})
        finally:
            closed.append("closed")

    with pytest.raises(asyncio.CancelledError):
        await World(Cancelled=cancel).driver.run(conversation())
    assert closed == ["closed"]


async def test_results_of_concurrent_conversations_stand_in_order() -> None:
    last_is_done = asyncio.Event()

    async def finish() -> None:
        last_is_done.set()

    def conversation() -> Conversation[Any]:
        results = yield Together((asking("First"), asking("Second"), asking("Last")), concurrency=3)
        return results

    # The first cannot end before the last has: only concurrency gets this done.
    world = World(First=last_is_done.wait, Last=finish)
    assert await world.driver.run(conversation()) == [["First"], ["Second"], ["Last"]]


async def test_no_more_run_at_once_than_asked_for() -> None:
    running, most = 0, 0

    async def count() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    def conversation() -> Conversation[Any]:
        return (yield Together(tuple(asking("Counted", "Counted") for _ in range(10)), concurrency=3))

    results = await World(Counted=count).driver.run(conversation())
    assert len(results) == 10
    assert most == 3


async def test_nothing_together_is_an_empty_list() -> None:
    def conversation() -> Conversation[Any]:
        return (yield Together((), concurrency=4))

    assert await World().driver.run(conversation()) == []


@pytest.mark.behaviour("2.20", "2.28")
async def test_the_first_error_cancels_the_others_and_is_raised_itself() -> None:
    cause = OSError("below")
    closed: list[str] = []

    async def fail_with_cause() -> None:
        raise Throttled("slow down") from cause

    async def hang() -> None:
        await asyncio.Event().wait()

    def hanging() -> Conversation[None]:
        try:
            yield Call("Hangs", {})
        finally:
            closed.append("hanging")

    def conversation() -> Conversation[Any]:
        return (yield Together((hanging(), asking("Fails"), asking("Never")), concurrency=2))

    world = World(Hangs=hang, Fails=fail_with_cause)
    with pytest.raises(Throttled) as caught:
        await world.driver.run(conversation())
    assert caught.value.__cause__ is cause
    assert closed == ["hanging"]
    assert world.log == ["Hangs", "Fails"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_error_of_concurrent_conversations_reaches_the_one_that_started_them() -> None:
    def conversation() -> Conversation[str]:
        try:
            yield Together((asking("Fails"), asking("Other")), concurrency=2)
        except TableNotFound:
            return "met"
        return "no error"

    assert await World(Fails=fail).driver.run(conversation()) == "met"


@pytest.mark.behaviour("2.28")
async def test_cancellation_reaches_concurrent_conversations() -> None:
    started = asyncio.Event()
    closed: list[int] = []

    async def hang() -> None:
        started.set()
        await asyncio.Event().wait()

    def hanging(number: int) -> Conversation[None]:
        try:
            yield Call("Hangs", {})
        finally:
            closed.append(number)

    def conversation() -> Conversation[Any]:
        return (yield Together((hanging(1), hanging(2)), concurrency=2))

    task = asyncio.create_task(World(Hangs=hang).driver.run(conversation()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(closed) == [1, 2]
