"""What a handler and its middleware learn of the invocation that they serve."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, cast

from typing_extensions import TypeVar

from dynamorm_py.client import Client
from dynamorm_py.core.errors import InvalidOperation
from dynamorm_py.core.records import Record, field, replace

if TYPE_CHECKING:
    from dynamorm_py.aws_lambda.unit_of_work import Unit
    from dynamorm_py.client.tenants import TenantClient

# What `tenant_from()` calls itself in its errors. Where anything else misses a tenant, the function is wrong.
NAMING = "tenant_from"

# A bare `Invocation` is of whatever event and answer its handler declares.
E = TypeVar("E", default=Any)
R = TypeVar("R", default=Any)
F = TypeVar("F")


class LambdaContext(Protocol):
    """What the runtime hands to a function beside its event.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    @property
    def aws_request_id(self) -> str: ...
    @property
    def function_name(self) -> str: ...
    @property
    def function_version(self) -> str: ...
    @property
    def invoked_function_arn(self) -> str: ...
    @property
    def memory_limit_in_mb(self) -> str: ...
    @property
    def log_group_name(self) -> str: ...
    @property
    def log_stream_name(self) -> str: ...
    def get_remaining_time_in_millis(self) -> int: ...


class Invocation(Record, Generic[E, R]):
    """One invocation, of an event `E` that is answered with an `R`.

    - `event`: what the handler is given. Middleware may put something else in its place; `raw` stays as it came.
    - `context`: the runtime's; None where a test or script calls the entry point without one.
    - `db`: the client, which is ambient in the handler too. Inside `tenant_from()` it is the tenant's.
    - `tenant`: whose invocation it is, None outside of `tenant_from()`.
    - `deadline`: when the runtime ends the invocation, an aware datetime; None without a context.
    - `cold_start`: whether it is the first invocation of its execution environment.
    - `request_id`: the one of Lambda's logs.
    - `init_milliseconds`: of a cold start, from the import of this package until the client was open and connected.
    - `state`: what middleware wants to hand on; a dict of this invocation alone.
    """

    event: E
    context: LambdaContext
    db: Client | TenantClient
    cold_start: bool
    request_id: str
    raw: Any = None  # JSON as the event's source sends it
    deadline: datetime | None = None
    init_milliseconds: float | None = None
    state: dict[str, Any] = field(default_factory=dict)
    tenant: str | None = None
    _unit: Unit | None = field(default=None, repr=False)

    @property
    def unit(self) -> Unit:
        """The unit of work, to which writes are added: see `UnitOfWork`, without which there is none."""
        if self._unit is None:
            raise InvalidOperation("there is no unit of work here: give the app middleware=[UnitOfWork()]")
        return self._unit

    def remaining(self) -> float | None:
        """The seconds until the runtime ends the invocation; None without a context."""
        if self.deadline is None:
            return None
        return (self.deadline - datetime.now(UTC)).total_seconds()

    def with_event(self, event: F) -> Invocation[F, R]:
        """The same invocation with another event, for middleware to go on with."""
        return cast("Invocation[F, R]", replace(self, event=event))

    def with_tenant(self, tenant: str, db: TenantClient) -> Invocation[E, R]:
        """The same invocation in a tenant's scope."""
        return replace(self, tenant=tenant, db=db)

    def with_unit(self, unit: Unit) -> Invocation[E, R]:
        """The same invocation under a unit of work."""
        return replace(self, _unit=unit)


CallNext: TypeAlias = Callable[[Invocation[E, R]], Awaitable[R]]

_current: ContextVar[Invocation[Any, Any] | None] = ContextVar("dynamorm_py.invocation", default=None)


def current_invocation() -> Invocation[Any, Any] | None:
    """The invocation that this code serves, None outside of any: as the outermost middleware is given it, and inside
    `tenant_from()` the tenant's."""
    return _current.get()


def enter_invocation(invocation: Invocation[Any, Any]) -> None:
    """Makes it the current one in this context, which is the invocation's own."""
    _current.set(invocation)


@contextmanager
def as_current(invocation: Invocation[Any, Any]) -> Iterator[None]:
    """Makes it the current one for a block."""
    token = _current.set(invocation)
    try:
        yield
    finally:
        _current.reset(token)


def deadline_of(context: object) -> datetime | None:
    """When the runtime ends the invocation that it gave this context for."""
    milliseconds = getattr(context, "get_remaining_time_in_millis", None)
    return None if milliseconds is None else datetime.now(UTC) + timedelta(milliseconds=milliseconds())
