"""Operations as values: what every verb returns.

An operation is frozen and can be awaited, printed, compiled, run on a named client, or put into a batch or transaction.
Awaiting it twice sends it twice.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from dynamorm_py.context import ambient, ambient_or_none
from dynamorm_py.core import operations as core
from dynamorm_py.core.wire import Request, Scope

if TYPE_CHECKING:
    from dynamorm_py.core.explanation import Explanation

T_co = TypeVar("T_co", covariant=True)


class HasScope(Protocol):
    """A client, as far as compiling needs one."""

    @property
    def scope(self) -> Scope: ...


class Operation(Generic[T_co]):
    """A request that has not been sent yet: `await` it, look at its `request`, or hand it to `db.run()`."""

    __slots__ = ("_plan",)

    def __init__(self, plan: core.Operation[T_co]) -> None:
        self._plan = plan

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

        return explain(self.plan, self._scope(), item_size=item_size, items=items)

    def __await__(self) -> Generator[Any, Any, T_co]:
        return ambient().run_plan(self._plan).__await__()

    def _scope(self) -> Scope:
        runner = ambient_or_none()
        return runner.scope if runner is not None else _UNBOUND

    def _compiled(self, scope: Scope) -> Request:
        return self._plan.first_call(scope).request

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._plan!r}>"


class WriteOperation(Operation[T_co]):
    """An operation that changes something. Dropped without having been awaited, embedded or looked at, it warns, as a
    coroutine does: a forgotten `await` would otherwise lose the write silently."""

    __slots__ = ("_touched",)

    def __init__(self, plan: core.Operation[T_co]) -> None:
        super().__init__(plan)
        self._touched = False

    @property
    def plan(self) -> core.Operation[T_co]:
        """The pure description that is compiled and run."""
        self._touched = True
        return self._plan

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
