"""`UnitOfWork`: all writes of an invocation in one transaction, which is committed before the answer leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python

from dynamorm_py.aws_lambda.invocation import CallNext, Invocation
from dynamorm_py.client import Client
from dynamorm_py.core.errors import InvalidOperation, TenantViolation, WriteOutcomeUnknown
from dynamorm_py.core.transactions import MAX_ACTIONS
from dynamorm_py.middleware.deadlines import remaining
from dynamorm_py.operation import Operation
from dynamorm_py.transaction import members_of, tenant_of, transact_write

if TYPE_CHECKING:
    from dynamorm_py.client.tenants import TenantClient

# The first status that says that a request was not carried out.
# https://www.rfc-editor.org/rfc/rfc9110#section-15.5
_FIRST_ERROR = 400


class Unit:
    """The writes that an invocation has asked for so far. Nothing of them is visible before the commit, to anybody: a
    read in the handler sees the items as they were."""

    def __init__(self, tenant: str | None = None) -> None:
        self._operations: list[Operation[Any]] = []
        self._open = True
        self._tenant = tenant

    def __len__(self) -> int:
        return len(self._operations)

    def add(self, *operations: Operation[Any]) -> None:
        """Adds writes and checks of single items: `ctx.unit.add(order.create(), Stock.update(...))`.

        `InvalidOperation` for anything else, for more than the 100 actions that a transaction takes, and after the
        handler has ended. Instances change (version, timestamps) with the commit.
        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-transactions
        """
        members_of(operations, "unit.add")
        if tenant_of(operations, "unit.add") != self._tenant:
            raise TenantViolation(
                "a unit of work takes its own tenant's writes only: put tenant_from() outside of UnitOfWork()",
                operation="unit.add",
            )
        if not self._open:
            raise InvalidOperation("the unit of work has ended, and nothing more can be added", operation="unit.add")
        if len(self._operations) + len(operations) > MAX_ACTIONS:
            raise InvalidOperation(
                f"a unit of work is one transaction, which takes at most {MAX_ACTIONS} actions", operation="unit.add"
            )
        self._operations += operations

    def end(self) -> None:
        """Lets nothing more be added."""
        self._open = False

    async def commit(self, db: Client | TenantClient) -> None:
        """Sends the transaction, if there is anything in it. `TransactionCanceled` says whose condition failed;
        `WriteOutcomeUnknown` is raised where the time ran out meanwhile."""
        self.end()
        if not self._operations:
            return
        try:
            await db.run(transact_write(*self._operations))
        except asyncio.CancelledError as cancelled:
            left = remaining()
            if left is None or left > 0:
                raise
            raise WriteOutcomeUnknown(
                "the time ran out while the unit of work was committed: it may or may not have been applied",
                operation="unit.commit",
            ) from cancelled


class UnitOfWork:
    """Middleware that gives the handler `ctx.unit`, and commits it when the handler has answered::

        app = LambdaApp(middleware=[errors(), Deadline(), UnitOfWork()])

        @app.handler
        async def handler(event: Purchase, ctx: Invocation) -> Receipt:
            ctx.unit.add(order.create(), Stock.update(sku, Stock.left.subtract(1), condition=Stock.left >= 1))
            return Receipt(order_id=order.order_id)

    Everything is written in one transaction, or nothing: after an exception, a cancellation, the end of the time, or an
    answer whose `statusCode` is 400 or more, nothing is sent. An answer that is no JSON raises before anything is sent.
    What the commit raises takes the answer's place.
    """

    async def __call__(self, ctx: Invocation[Any, Any], call_next: CallNext[Any, Any], /) -> Any:  # as `Middleware`
        unit = Unit(ctx.tenant)
        try:
            answer = await call_next(ctx.with_unit(unit))
            if not _is_refusal(answer):
                if not isinstance(answer, bytes):
                    to_jsonable_python(answer)
                await unit.commit(ctx.db)
            return answer
        finally:
            unit.end()


def _is_refusal(answer: object) -> bool:
    status = answer.get("statusCode") if isinstance(answer, Mapping) else None
    return isinstance(status, int) and status >= _FIRST_ERROR
