"""Where models and clients meet: the `Runner` protocol, and the context variable that holds the ambient one.

Neither column imports the other. An operation asks for the runner of the context it is awaited in; a client makes
itself that runner for a block.
"""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from contextvars import ContextVar
from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR
from types import FrameType, TracebackType
from typing import Any, Generic, Protocol, TypeVar
from weakref import ref

from dynamorm_py.core.errors import InvalidOperation, NoClient, TenantRequired, TenantViolation
from dynamorm_py.core.operations import Operation
from dynamorm_py.core.wire import Call, Response, Scope

T = TypeVar("T")


class Runner(Protocol):
    """What carries operations out: a client, or whatever stands in for one."""

    @property
    def scope(self) -> Scope:
        """What operations are compiled under."""
        ...

    def run_plan(self, plan: Operation[T], /) -> Coroutine[Any, Any, T]:
        """Carries a conversation out to its end."""
        ...

    async def send(self, call: Call, /) -> Response:
        """Sends one request."""
        ...

    def check(self) -> None:
        """Raises `TenantViolation` where it is a tenant's, and the block was left for which `entered` gave it."""
        ...

    def left(self) -> None:
        """The block was left for which `entered` gave this runner."""
        ...


R = TypeVar("R", bound=Runner)
R_co = TypeVar("R_co", bound=Runner, covariant=True)


class Entered(Protocol[R_co]):
    """What can be made ambient."""

    def entered(self) -> R_co:
        """The runner that becomes ambient for a block in its place; itself, as a rule."""
        ...


class Entry:
    """A runner that was made ambient, and what was ambient before it."""

    __slots__ = ("_outer", "_owner", "_yielding", "left", "runner")

    def __init__(self, runner: Runner, outer: Entry | None, *, yielding: bool) -> None:
        self.runner = runner
        self.left = False
        self._outer = outer
        self._yielding = yielding
        self._owner = _task() if yielding else None

    def remaining(self) -> Entry | None:
        """The innermost one around it that was not left."""
        entry = self._outer
        while entry is not None and entry.left:
            entry = entry._outer
        return entry

    def leave(self) -> None:
        self.left = True
        innermost = _ambient.get()
        if self is innermost or (not self._yielding and self._is_around(innermost)):
            # What was entered within it and never left stands in a generator that was given up.
            _ambient.set(self.remaining())

    def was_left_behind(self) -> bool:
        """Whether it was left from another context than this one, in which it was entered.

        An event loop finalises a generator that nobody closed in a task of its own. Tasks that were started in the
        block see an entry that was left just as well, and have to be refused: they are other tasks than the one that
        entered it.
        """
        return self._owner is not None and self._owner == _task()

    def _is_around(self, entry: Entry | None) -> bool:
        while entry is not None and entry is not self:
            entry = entry._outer
        return entry is not None


_ambient: ContextVar[Entry | None] = ContextVar("dynamorm_py.ambient", default=None)


def _task() -> ref[Any] | None:  # of asyncio.Task[Any]
    """The task that runs, None outside of event loops."""
    import asyncio  # noqa: PLC0415  # only blocks in generators ask for it

    try:
        task = asyncio.current_task()
    except RuntimeError:
        return None
    return None if task is None else ref(task)


def ambient_or_none() -> Runner | None:
    """The innermost client of this context, None where there is none."""
    entry = _ambient.get()
    if entry is not None and entry.left and entry.was_left_behind():
        entry = entry.remaining()
        _ambient.set(entry)
    return None if entry is None else entry.runner


def ambient() -> Runner:
    """The innermost client of this context; raises `NoClient` where there is none."""
    runner = ambient_or_none()
    if runner is None:
        raise NoClient("no client is open here: await inside `async with Client()`, or use db.run(operation)")
    return runner


def bound_tenant() -> str | None:
    """The tenant in whose scope this context is, None outside of all scopes."""
    runner = ambient_or_none()
    return None if runner is None else runner.scope.tenant


def tenant_here() -> str:
    """The tenant in whose scope this context is; raises `TenantRequired` where there is none."""
    tenant = bound_tenant()
    if tenant is None:
        raise TenantRequired("no tenant is known here: give the tenant, or work inside `with use(db.for_tenant(id))`")
    return tenant


def check_step(runner: Runner, *, named: bool = False) -> None:
    """Refuses to go on with what a runner began, behind the end of its scope or in another one.

    Where no client is ambient, its own scope is the only one there is. A client that is not bound is another scope,
    unless the runner was `named` where the work was made: then only other tenants are.
    """
    runner.check()
    here = ambient_or_none()
    if here is None or here is runner:
        return
    tenant = here.scope.tenant
    if tenant != runner.scope.tenant and not (named and tenant is None):
        raise TenantViolation("it was begun in another scope than this one, and can go on in that one only")


def enter(runner: Runner, *, yielding: bool = False) -> Entry:
    """Makes a runner ambient until `leave` is called with what it gives; `yielding` where a generator does."""
    ambient_or_none()  # what was left behind is no longer around it
    entry = Entry(runner, _ambient.get(), yielding=yielding)
    _ambient.set(entry)
    return entry


def leave(entry: Entry) -> None:
    """Undoes `enter`, in whatever order entries are left. A generator may be resumed in another context than it entered
    one in; there nothing is ambient that would have to be undone."""
    entry.leave()


class use(Generic[R]):  # noqa: N801  # it reads as a verb, `with use(client)`
    """Makes a client ambient for a block:

    with use(reporting):
        user = await User.get("u1")

    Inside a tenant's scope, `TenantViolation` where a generator enters another one: what is ambient in a generator is
    ambient in whoever iterates it. Generators that `contextlib` drives are meant to do that.
    """

    __slots__ = ("_client", "_entry", "_runner")

    def __init__(self, client: Entered[R]) -> None:
        self._client = client
        self._runner: R | None = None
        self._entry: Entry | None = None

    def __enter__(self) -> R:
        if self._runner is not None:
            raise InvalidOperation("use() makes one block: call it anew for the next")
        runner = self._runner = self._client.entered()
        frame = sys._getframe(1)
        around = bound_tenant()
        if around is not None and around != runner.scope.tenant and _is_iterated(frame):
            runner.left()
            raise TenantViolation(
                "a generator cannot enter another scope than the tenant's that it is iterated in, for it would be that "
                "of whoever iterates it, too: take the items before, or give the query its client with .on(…)"
            )
        self._entry = enter(runner, yielding=_yields(frame))
        return runner

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        entry, self._entry = self._entry, None
        if entry is not None:
            leave(entry)
            entry.runner.left()


def _yields(frame: FrameType) -> bool:
    return frame.f_code.co_flags & (CO_GENERATOR | CO_ASYNC_GENERATOR) != 0


def _is_iterated(frame: FrameType | None) -> bool:
    """Whether a block stands in a generator that anybody but a context manager takes steps of. What a context manager
    enters belongs to the frame that has its `with`."""
    while frame is not None:
        if not _is_contextlib(frame):
            if not _yields(frame):
                return False
            if frame.f_back is None or not _is_contextlib(frame.f_back):
                return True
        frame = frame.f_back
    return False


def _is_contextlib(frame: FrameType) -> bool:
    return frame.f_globals.get("__name__") == "contextlib"
