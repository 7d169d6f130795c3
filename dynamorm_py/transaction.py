"""`transact_write` and `transact_get`: operations of any models and tables, all or nothing."""

from __future__ import annotations

from typing import Any, TypeVar, overload

from dynamorm_py.context import bound_tenant
from dynamorm_py.core.errors import InvalidOperation, TenantViolation
from dynamorm_py.core.operations import GetItem, SingleItem
from dynamorm_py.core.transactions import Member, TransactGet, TransactWrite
from dynamorm_py.operation import Operation, WriteOperation

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")


def transact_write(*operations: Operation[Any], token: str | None = None) -> WriteOperation[None]:
    """Applies up to 100 writes and checks together, or none of them.

        await transact_write(
            Account.update("a", Account.balance.subtract(10), condition=Account.balance >= 10),
            Account.update("b", Account.balance.add(10)),
            token=payment_id,
        )

    Raises `TransactionCanceled`, whose `reasons` stand in the order of the operations. With `token` (at most 36
    characters) the same transaction can be repeated for ten minutes and is applied once; without one, each await gets
    its own, which covers the client's own retries.
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
    """
    plan = TransactWrite(members_of(operations, "transact_write"), token)
    return WriteOperation(plan, tenant_of(operations, "transact_write"))


@overload
def transact_get(first: Operation[A], /) -> Operation[tuple[A]]: ...
@overload
def transact_get(first: Operation[A], second: Operation[B], /) -> Operation[tuple[A, B]]: ...
@overload
def transact_get(first: Operation[A], second: Operation[B], third: Operation[C], /) -> Operation[tuple[A, B, C]]: ...
@overload
def transact_get(
    first: Operation[A], second: Operation[B], third: Operation[C], fourth: Operation[D], /
) -> Operation[tuple[A, B, C, D]]: ...
@overload
def transact_get(*operations: Operation[A]) -> Operation[tuple[A, ...]]: ...
def transact_get(*operations: Operation[Any]) -> Operation[Any]:
    """Reads up to 100 items as they were at one moment; the results stand in the order of the reads.

        user, order = await transact_get(User.get("u1"), Order.get("u1", "o1"))

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactGetItems.html
    """
    members = []
    for operation in operations:
        plan = getattr(operation, "plan", None)
        if not isinstance(plan, GetItem):
            raise InvalidOperation("a transaction reads with get() and get_or_raise()", operation="transact_get")
        members.append(plan)
    return Operation(TransactGet(tuple(members)), tenant_of(operations, "transact_get"))


def tenant_of(operations: tuple[Operation[Any], ...], verb: str) -> str | None:
    """The tenant in whose scope operations that go together were made; `TenantViolation` where there are two."""
    tenants = {operation.tenant for operation in operations} | {bound_tenant()}
    tenants.discard(None)
    if len(tenants) > 1:
        raise TenantViolation("the operations were made in the scopes of several tenants", operation=verb)
    return tenants.pop() if tenants else None


def members_of(operations: tuple[Operation[Any], ...], verb: str) -> tuple[Member, ...]:
    """The operations as members of a batch or transaction. A save with nothing to save has nothing to add to either."""
    members = []
    for operation in operations:
        if not isinstance(operation, Operation):
            raise InvalidOperation(f"{type(operation).__name__} is not an operation: call a verb first", operation=verb)
        plan = operation.plan
        if getattr(plan, "silent", False):
            continue
        if not isinstance(plan, SingleItem) or isinstance(plan, GetItem):
            named = getattr(plan, "verb", type(plan).__name__)  # and not its repr, which shows what the items hold
            raise InvalidOperation(f"{named}() does not write one item", operation=verb)
        members.append(Member(plan, operation))
    return tuple(members)
