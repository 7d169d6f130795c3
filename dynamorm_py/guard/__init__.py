"""The wire guard: what a tenant's request may be, and what may come back, judged from the request and answer alone.

It is the last to see a request before it is serialised and the first to see the answer, and it shares nothing with what
compiled the request, keys and expressions included: what it decodes and parses, it does in its own way. So a fault on
either side is stopped by the other. It refuses by default: operations, members, tables, indexes and expressions that it
does not know do not pass.

It sees no effects: what a write, a delete or a count did to items that do not come back, it cannot tell. That their
keys are the tenant's own, it can.

- `tables`: the physical tables, and what a tenant's items in them look like
- `grammar`: DynamoDB's expressions, read strictly
- `requests`, `answers`: the rules, operation by operation
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dynamorm_py.core.errors import DynamormError, TenantViolation
from dynamorm_py.core.wire import Response
from dynamorm_py.guard import answers
from dynamorm_py.guard.requests import CHECKS, token_beginning
from dynamorm_py.guard.tables import Bearer, GuardedTable, Holdings

__all__ = ["Bearer", "Guard", "GuardedTable", "token_beginning"]


class Guard:
    """The guard of one tenant. `tables` looks a physical table up by its exact name.

    The id is used as it is; with other characters than an id may have it raises `TenantViolation`, as everything here
    does. Messages name tables, attributes and rules, and nothing that was stored.
    """

    __slots__ = ("_holdings",)

    def __init__(self, tenant: str, tables: Callable[[str], GuardedTable | None]) -> None:
        self._holdings = Holdings(tenant, tables)

    # What a request and its answer hold depends on the operation, and is judged here, not presumed.
    def check(self, operation: str, request: Mapping[str, Any]) -> None:
        """Raises unless the request can only read and write what is the tenant's, or read what is shared by all."""
        check = CHECKS.get(operation)
        if check is None:
            raise TenantViolation(f"{operation} is not among the operations that a tenant may use")
        check(self._holdings, request)

    def admit(self, operation: str, request: Mapping[str, Any], response: Response) -> Response:
        """The answer to a checked request; members that are not known are left out. Raises if it holds anything that is
        not the tenant's, and then nothing of the answer is handed on."""
        return answers.admit(self._holdings, operation, request, response)

    def strip(self, error: DynamormError, operation: str, request: Mapping[str, Any]) -> None:
        """Takes foreign items out of an error that answered a checked request, and out of those that caused it
        (`ConditionFailed.item`, `TransactionCanceled.reasons`, the answer that botocore's error keeps), all in
        DynamoDB's form. Raises in the error's place if there were any."""
        if not answers.strip(self._holdings, operation, request, error):
            raise TenantViolation("the error brought along what is not the tenant's; it was taken out") from None
