"""Operations as values: what every verb returns.

An operation is frozen and can be awaited, printed, compiled, run on a named client, or put into a batch or transaction.
Awaiting it twice sends it twice.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from dynamorm_py.context import ambient, ambient_or_none, bound_tenant
from dynamorm_py.core import operations as core
from dynamorm_py.core.errors import TenantViolation
from dynamorm_py.core.wire import Request, Scope

if TYPE_CHECKING:
    from dynamorm_py.core.explanation import Explanation

T_co = TypeVar("T_co", covariant=True)


def check_origin(tenant: str | None, scope: Scope) -> None:
    """Refuses what was made in a tenant's scope anywhere else."""
    if tenant is not None and tenant != scope.tenant:
        raise TenantViolation("it was made in a tenant's scope, and can be run in that tenant's scope only")


if TYPE_CHECKING:
    # A Protocol takes longer to make than a record, and nothing but type checkers asks for this one.
    class HasScope(Protocol):
        """A client, as far as compiling needs one."""

        @property
        def scope(self) -> Scope: ...


class Operation(Generic[T_co]):
    """A request that has not been sent yet: `await` it, look at its `request`, or hand it to `db.run()`."""

    __slots__ = ("_plan", "_tenant")

    def __init__(self, plan: core.Operation[T_co], tenant: str | None = None) -> None:
        self._plan = plan
        self._tenant = bound_tenant() if tenant is None else tenant

    @property
    def tenant(self) -> str | None:
        """The tenant in whose scope it was made, and in whose scope alone it can be run; None outside of all scopes."""
        return self._tenant

    def plan_in(self, scope: Scope) -> core.Operation[T_co]:
        """The pure description, for a scope to run. Raises `TenantViolation` in another one than it was made in."""
        check_origin(self._tenant, scope)
        return self._plan

    @property
    def plan(self) -> core.Operation[T_co]:
        """The pure description that is compiled and run."""
        return self._plan

    @property
    def request(self) -> Request:
        """The first low-level request as a plain dict, compiled under the ambient client, or under none."""
        return self._compiled(self._scope())

    def compile(self, client: HasScope) -> Request:
        """The first low-level request, compiled under a given client: its table prefix, clock and secrets."""
        return self._compiled(client.scope)

    def explain(self, *, item_size: int, items: int = 1) -> Explanation:
        """What a read would do, and what it would cost if it found so many `items` of `item_size` bytes each, compiled
        as `request` is. Nothing is sent. Raises `InvalidOperation` for writes."""
        # Imported here because programs that explain nothing, such as functions that start cold, should not pay for it.
        from dynamorm_py.core.explanation import explain  # noqa: PLC0415

        scope = self._scope()
        return explain(self.plan_in(scope), scope, item_size=item_size, items=items)

    def __await__(self) -> Generator[Any, Any, T_co]:
        runner = ambient()
        return runner.run_plan(self.plan_in(runner.scope)).__await__()

    def _scope(self) -> Scope:
        runner = ambient_or_none()
        return runner.scope if runner is not None else _UNBOUND

    def _compiled(self, scope: Scope) -> Request:
        return self.plan_in(scope).first_call(scope).request

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._plan!r}>"


class WriteOperation(Operation[T_co]):
    """An operation that changes something. Dropped without having been awaited, embedded or looked at, it warns, as a
    coroutine does: a forgotten `await` would otherwise lose the write silently."""

    __slots__ = ("_touched",)

    def __init__(self, plan: core.Operation[T_co], tenant: str | None = None) -> None:
        super().__init__(plan, tenant)
        self._touched = False

    @property
    def plan(self) -> core.Operation[T_co]:
        """The pure description that is compiled and run."""
        self._touched = True
        return self._plan

    def plan_in(self, scope: Scope) -> core.Operation[T_co]:
        """The pure description, for a scope to run. Raises `TenantViolation` in another one than it was made in."""
        self._touched = True  # what is refused was not forgotten
        return super().plan_in(scope)

    def __await__(self) -> Generator[Any, Any, T_co]:
        self._touched = True
        return super().__await__()

    def _compiled(self, scope: Scope) -> Request:
        self._touched = True
        return super()._compiled(scope)

    def __repr__(self) -> str:
        self._touched = True
        return super().__repr__()

    def __del__(self, warn: Callable[..., None] = warnings.warn) -> None:
        # `warn` is bound at definition: at the interpreter's end the module's names may be gone.
        if not getattr(self, "_touched", True):
            verb = getattr(self._plan, "verb", "write")
            schema = getattr(self._plan, "schema", None)
            name = f"{schema.model}.{verb}" if schema else verb
            warn(f"the operation {name} was never awaited", RuntimeWarning, stacklevel=2, source=self)


class NotAwaitable:
    """What a verb returns when it is called without the key it needs: type checkers refuse to await it, and the call
    itself has raised already."""

    __slots__ = ()


_UNBOUND = Scope(clock=lambda: datetime.now(UTC))
