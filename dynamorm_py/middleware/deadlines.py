"""Until when requests may be sent: a bound that lasts for a block of code and everything that the block starts.

It is a context variable, so tasks inherit it, also those that outlive the block: for them the bound has passed for
good. Nested bounds hold together, and the nearest one counts.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial

from dynamorm_py.core.errors import DeadlineExceeded
from dynamorm_py.core.wire import Call, Response
from dynamorm_py.middleware import Send


class _Bound:
    """`due` is a time of the clock, None for no limit; `ended` is set when the block is left."""

    __slots__ = ("due", "ended", "outer")

    def __init__(self, due: float | None, outer: _Bound | None) -> None:
        self.due = due
        self.outer = outer
        self.ended = False


_bound: ContextVar[_Bound | None] = ContextVar("dynamorm_py.deadline", default=None)


@contextmanager
def until(seconds: float | None, *, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Lets requests be sent for so many seconds from now, or, with None, for as long as the block lasts."""
    bound = _Bound(None if seconds is None else clock() + seconds, _bound.get())
    token = _bound.set(bound)
    try:
        yield
    finally:
        bound.ended = True
        _bound.reset(token)


def remaining(*, clock: Callable[[], float] = time.monotonic) -> float | None:
    """The seconds that are left, 0 or less where there are none; None without a limit."""
    bound, least = _bound.get(), None
    while bound is not None:
        if bound.ended:
            return 0.0
        if bound.due is not None:
            left = bound.due - clock()
            least = left if least is None else min(least, left)
        bound = bound.outer
    return least


def has_ended() -> bool:
    """Whether a block that this context belongs to has been left."""
    bound = _bound.get()
    while bound is not None:
        if bound.ended:
            return True
        bound = bound.outer
    return False


def refuse_late(operation: str) -> None:
    """Raises `DeadlineExceeded` for a request of this name that would be sent too late."""
    left = remaining()
    if left is not None and left <= 0:
        why = "the work that it belongs to has ended" if has_ended() else "the time for it has run out"
        raise DeadlineExceeded(f"the request was not sent: {why}", operation=operation)


def gate_of(operation: str) -> Callable[[], None] | None:
    """What refuses the request once more, behind whatever it waits for; None where there is no limit."""
    return None if _bound.get() is None else partial(refuse_late, operation)


class Deadlines:
    """The middleware that refuses what would be sent too late. Inside the retries, so that every attempt passes it."""

    def __call__(self, call: Call, send: Send, /) -> Awaitable[Response]:
        refuse_late(call.operation)
        return send(call)
