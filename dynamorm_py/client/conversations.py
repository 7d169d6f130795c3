"""Carries conversations out: the steps that the core names, taken on an event loop.

Errors of a step are thrown into the conversation, which may translate them or go on; a conversation is always closed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from dynamorm_py.core.errors import DynamormError
from dynamorm_py.core.records import Record
from dynamorm_py.core.wire import Call, Conversation, Pause, Together
from dynamorm_py.middleware import Send

T = TypeVar("T")


class Driver(Record):
    """`send` sends a call; `back_off` waits after the given attempt, `sleep` for a number of seconds."""

    send: Send
    back_off: Callable[[int], Awaitable[None]]
    sleep: Callable[[float], Awaitable[None]]

    async def run(self, conversation: Conversation[T]) -> T:
        """The conversation's result."""
        try:
            step = next(conversation)
            while True:
                try:
                    # Most conversations are of one call: it is sent from here, and not by a coroutine in between.
                    answer = await (self.send(step) if isinstance(step, Call) else self._take(step))
                except DynamormError as error:
                    step = conversation.throw(error)
                else:
                    step = conversation.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            conversation.close()

    # Any: its type depends on the step, see `core.wire.Conversation`.
    def _take(self, step: Pause | Together) -> Awaitable[Any]:
        if isinstance(step, Pause):
            return self.back_off(step.attempt) if step.seconds is None else self.sleep(step.seconds)
        return self._run_together(step)

    async def _run_together(self, together: Together) -> list[Any]:
        # Imported here for what it costs: only work that asks for concurrency pays, never a first read.
        import anyio  # noqa: PLC0415

        results: list[Any] = [None] * len(together.conversations)
        waiting = iter(enumerate(together.conversations))

        async def work() -> None:
            for position, conversation in waiting:
                results[position] = await self.run(conversation)

        try:
            async with anyio.create_task_group() as group:
                for _ in range(min(max(together.concurrency, 1), len(results))):
                    group.start_soon(work)
        except BaseExceptionGroup as errors:
            # The first error cancelled the others; it is what the caller can act on.
            first = errors.exceptions[0]
            raise first from first.__cause__
        finally:
            for _, conversation in waiting:
                conversation.close()
        return results
