"""Where models and clients meet: the `Runner` protocol, and the context variable that holds the ambient one.

Neither column imports the other. An operation asks for the runner of the context it is awaited in; a client makes
itself that runner for a block.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any, Protocol, TypeVar

from dynamorm_py.core.errors import NoClient, TenantRequired
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


_ambient: ContextVar[Runner | None] = ContextVar("dynamorm_py.ambient", default=None)


def ambient() -> Runner:
    """The innermost client of this context; raises `NoClient` where there is none."""
    runner = _ambient.get()
    if runner is None:
        raise NoClient("no client is open here: await inside `async with Client()`, or use db.run(operation)")
    return runner


def ambient_or_none() -> Runner | None:
    return _ambient.get()


def bound_tenant() -> str | None:
    """The tenant in whose scope this context is, None outside of all scopes."""
    runner = _ambient.get()
    return None if runner is None else runner.scope.tenant


def tenant_here() -> str:
    """The tenant in whose scope this context is; raises `TenantRequired` where there is none."""
    tenant = bound_tenant()
    if tenant is None:
        raise TenantRequired("no tenant is known here: give the tenant, or work inside `with use(db.for_tenant(id))`")
    return tenant


def enter(runner: Runner) -> Token[Runner | None]:
    """Makes a runner ambient until `leave` is called with the token."""
    return _ambient.set(runner)


def leave(token: Token[Runner | None]) -> None:
    """Undoes `enter`. A generator that is resumed elsewhere may leave in another context than it entered; there the
    variable was never set, and nothing is to be undone."""
    try:
        _ambient.reset(token)
    except ValueError:
        return


@contextmanager
def use(client: Entered[R]) -> Iterator[R]:
    """Makes a client ambient for a block:

    with use(reporting):
        user = await User.get("u1")
    """
    runner = client.entered()
    token = enter(runner)
    try:
        yield runner
    finally:
        leave(token)
        runner.left()
