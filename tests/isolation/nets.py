"""Taking the nets down, one by one or all of them. The product has no switches for it: what is replaced here are the
functions by which each net holds, where they are used."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any

import pytest

from dynamorm_py import batch, operation, query, transaction
from dynamorm_py.aws_lambda import unit_of_work
from dynamorm_py.client import offboarding
from dynamorm_py.client.tenants import KnownTables, Lease, TenantClient
from dynamorm_py.context import Runner, bound_tenant
from dynamorm_py.core import operations, reading, search, tenant_tables, uniqueness, writes
from dynamorm_py.core.cursors import Place, decode_cursor
from dynamorm_py.core.raw_calls import raw_call
from dynamorm_py.core.records import replace
from dynamorm_py.core.schema import Schema
from dynamorm_py.core.tenant_tables import TenantTables
from dynamorm_py.core.wire import Response, Scope
from dynamorm_py.guard import Guard
from dynamorm_py.model import writes as model_writes
from dynamorm_py.operation import Operation

_derived = Scope.token


class Net(Enum):
    """What may stop a crossing. The compiler's net includes the scope that an operation was made in, and the registry
    of tables, which is asked whenever something is compiled."""

    COMPILER = "compiler"
    GUARD = "guard"
    READ = "read check"
    LEASE = "lease of the scope"


def leave_only(standing: frozenset[Net], patch: pytest.MonkeyPatch) -> None:
    """Takes down every net but these."""
    for net, take_down in _DOWN.items():
        if net not in standing:
            take_down(patch)


def _compiler(patch: pytest.MonkeyPatch) -> None:
    for module in (operations, search, writes, model_writes):
        patch.setattr(module, "enter_table", _entered)
    for module in (operations, search):
        patch.setattr(module, "with_tenant", _filled)
    for module in (writes, model_writes):
        patch.setattr(module, "check_item", _pass)
    patch.setattr(writes, "_check_protected", _pass)
    patch.setattr(reading, "_check_key", _pass)
    patch.setattr(reading, "decode_cursor", _decoded)
    patch.setattr(search, "_under", _under)
    patch.setattr(uniqueness, "_check_scope", _pass)
    patch.setattr(Scope, "token", _token)
    for module in (operation, query, batch):
        patch.setattr(module, "check_origin", _pass)
    for module in (query, batch, offboarding):
        patch.setattr(module, "check_step", _lease_alone)
    for module in (transaction, batch):
        patch.setattr(module, "tenant_of", _of_this_scope)
    patch.setattr(unit_of_work, "tenant_of", lambda *_: _Anybody())
    patch.setattr(KnownTables, "admit", TenantTables.admit)
    patch.setattr(tenant_tables, "_check_same", _pass)
    patch.setattr(TenantClient, "call", _called)


def _guard(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Guard, "check", _pass)


def _read_check(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Guard, "admit", _admitted)
    patch.setattr(Guard, "strip", _pass)


def _lease(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Lease, "check", _pass)


_DOWN: Mapping[Net, Callable[[pytest.MonkeyPatch], None]] = {
    Net.COMPILER: _compiler,
    Net.GUARD: _guard,
    Net.READ: _read_check,
    Net.LEASE: _lease,
}


def _pass(*_: object, **__: object) -> None:
    return None


def _lease_alone(runner: Runner, *, named: bool = False) -> None:
    runner.check()


def _entered(schema: Schema, scope: Scope, *, writes: bool = False) -> str:
    if scope.tables is not None:
        for each in schema.members.values() or (schema,):
            scope.tables.admit(each, scope.prefix)
    return scope.prefix + schema.table


def _filled(schema: Schema, scope: Scope, values: Mapping[str, Any]) -> Mapping[str, Any]:
    if schema.tenant is None or scope.tenant is None or schema.tenant.field in values:
        return values
    return {schema.tenant.field: {"S": scope.tenant}, **values}


def _under(given: search.Search, scope: Scope) -> search.Search:
    if given.values is None:
        return given
    return replace(given, values=_filled(given.schema, scope, given.values))


def _decoded(cursor: str, binding: bytes, secrets: Sequence[bytes]) -> Place:
    """The place that any cursor holds, whatever it is bound to."""
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    return decode_cursor(cursor, raw[1 : 1 + len(binding)], secrets)


def _token(scope: Scope, given: str | None = None) -> str | None:
    """The caller's own token, as it is. Others stay the tenant's: else it would always be them that the guard stops."""
    return given if given is not None else _derived(scope)


def _of_this_scope(operations: tuple[Operation[Any], ...], verb: str) -> str | None:
    return bound_tenant()


class _Anybody:
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


async def _called(client: TenantClient, name: str, request: Mapping[str, Any]) -> Response:
    return await client.send(raw_call(name, request))


def _admitted(guard: Guard, name: str, request: Mapping[str, Any], response: Response) -> Response:
    return response
