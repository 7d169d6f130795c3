"""Clients that are bound to a tenant, and the named one that reaches across: both ride on an open `Client`.

Making one is cheap: no connection, no credentials, nothing that would have to be closed.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar
from weakref import WeakSet

from dynamorm_py.client.conversations import Driver
from dynamorm_py.core.errors import DynamormError, InvalidModel, InvalidOperation, TenantViolation
from dynamorm_py.core.operations import Operation as Plan
from dynamorm_py.core.raw_calls import raw_call
from dynamorm_py.core.records import Record, replace
from dynamorm_py.core.schema import Schema
from dynamorm_py.core.tenant_tables import TenantTables
from dynamorm_py.core.tenants import check_tenant
from dynamorm_py.core.wire import Call, Request, Response, Scope
from dynamorm_py.guard import Guard
from dynamorm_py.middleware import Middleware, compose
from dynamorm_py.transports import Check, Credentials

if TYPE_CHECKING:
    from types import TracebackType

    from dynamorm_py.client.offboarding import Export, Models
    from dynamorm_py.core.offboarding import Progress
    from dynamorm_py.core.operations import HasPlan

T = TypeVar("T")

# One record for each request through the bypass. A warning, so that it is seen where nobody set logging up.
audit = logging.getLogger("dynamorm_py.audit")


class CredentialProvider(Protocol):
    """Who has credentials for each tenant; see `dynamorm_py.tenancy.TenantCredentials`."""

    async def __aenter__(self) -> object:
        """Opens it, as every client does that opens and uses it; `__aexit__` closes it behind the last."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> bool | None: ...

    async def credentials_for(self, tenant: str, /) -> Credentials: ...


class LimitProvider(Protocol):
    """Who bounds what each tenant may do at a time; see `dynamorm_py.tenancy.TenantLimits`."""

    def layer(self, tenant: str, /) -> Middleware: ...


class Deliver(Protocol):
    """How a client hands a request to its open transport, once."""

    def __call__(
        self, call: Call, /, *, check: Check | None = None, credentials: Credentials | None = None
    ) -> Awaitable[Response]: ...


class KnownTables(TenantTables):
    """The tables of one client's tenants. Those of all clients of a process are held against each other: prefixes `a_`
    and `a_b_` must not make one table of `b_users` and `users`."""

    _all: ClassVar[WeakSet[KnownTables]] = WeakSet()

    def __init__(self, place: object) -> None:
        super().__init__()
        self._place = place
        self._prefixes: dict[str, str] = {}
        KnownTables._all.add(self)

    def admit(self, schema: Schema, prefix: str) -> None:
        if self.knows(schema):
            return  # what is held against the tables of other clients has been
        name = prefix + schema.table
        if name not in self._prefixes:
            for other in KnownTables._all:
                if other._place == self._place and other._prefixes.get(name, prefix) != prefix:
                    raise InvalidModel(
                        f"the table {name} is known by another prefix already, to another client: two models would "
                        "take it for their own; choose prefixes and table names that cannot meet",
                        model=schema.model,
                    )
        super().admit(schema, prefix)
        self._prefixes[name] = prefix


# For how many tenants a client keeps what it derived from their ids.
MAX_BONDS = 1024


class Bond:
    """What follows from a tenant's id, for all clients that are bound to it: it holds nothing of any one scope."""

    __slots__ = ("guard", "scope", "tenant")

    def __init__(self, tenant: str, scope: Scope, tables: KnownTables) -> None:
        self.tenant = check_tenant(tenant)
        self.scope = replace(scope, tenant=self.tenant)
        self.guard = Guard(self.tenant, tables.get)


class Line(Record):
    """What a client lends to those that ride on it: its scope, the layers around its transport, and the transport."""

    __slots__ = ("__dict__",)  # for what it keeps of tenants

    scope: Scope
    tables: KnownTables
    outer: Sequence[Middleware]
    inner: Sequence[Middleware]
    deliver: Deliver
    is_open: Callable[[], bool]
    back_off: Callable[[int], Awaitable[None]]
    sleep: Callable[[float], Awaitable[None]]
    credentials: CredentialProvider | None = None
    limits: LimitProvider | None = None

    def bound(self, tenant: str) -> TenantClient:
        """A client that is bound to a tenant."""
        # Whatever is no text is refused, and may not even be hashable.
        bond = self._bonds(tenant) if type(tenant) is str else self._bond(tenant)
        return TenantClient(self, bond, Lease())

    def _bond(self, tenant: str) -> Bond:
        return Bond(tenant, self.scope, self.tables)

    @cached_property
    def _bonds(self) -> Callable[[str], Bond]:
        return lru_cache(MAX_BONDS)(self._bond)


class Lease:
    """For how long a scope holds: until its block is left, or one that it was entered in."""

    __slots__ = ("_ended", "_outer")

    def __init__(self, outer: Lease | None = None) -> None:
        self._outer = outer
        self._ended = False

    def end(self) -> None:
        self._ended = True

    def check(self) -> None:
        """Raises `TenantViolation` once it has ended."""
        lease: Lease | None = self
        while lease is not None:
            if lease._ended:
                raise TenantViolation("the block of this tenant's scope was left, and the scope ended with it")
            lease = lease._outer


class _Rider:
    """What the clients have in common that ride on another one's connection."""

    def __init__(self, line: Line, scope: Scope) -> None:
        self._line = line
        self._scope = scope
        self._riding: Driver | None = None

    @property
    def _driver(self) -> Driver:
        # Made by the first request: many a scope is entered in which there is none.
        driver = self._riding
        if driver is None:
            line = self._line
            send = compose((*line.outer, *self._limits(), *line.inner), self._deliver)
            driver = self._riding = Driver(send, line.back_off, line.sleep)
        return driver

    def _limits(self) -> Sequence[Middleware]:
        return ()

    @property
    def scope(self) -> Scope:
        """What operations are compiled under."""
        return self._scope

    async def run(self, operation: HasPlan[T]) -> T:
        """Carries an operation out on this client, whichever is ambient."""
        return await self.run_plan(operation.plan_in(self._scope))

    def run_plan(self, plan: Plan[T], /) -> Coroutine[Any, Any, T]:
        """Carries out what an operation describes."""
        return self._driver.run(plan.converse(self._scope))

    async def send(self, call: Call, /) -> Response:
        """Sends one low-level request, under the retry policy."""
        return await self._driver.send(call)

    async def _deliver(self, call: Call) -> Response:
        raise NotImplementedError


class TenantClient(_Rider):
    """A client that compiles, sends and receives one tenant's items only; made by `Client.for_tenant(id)`.

        with use(db.for_tenant("acme")):
            order = await Order.get("o1")

    Each block that makes it ambient is a scope of its own, which ends with the block: a task that goes on behind it
    gets `TenantViolation`.
    """

    def __init__(self, line: Line, bond: Bond, lease: Lease) -> None:
        super().__init__(line, bond.scope)
        self._bond = bond
        self._lease = lease

    @property
    def is_open(self) -> bool:
        """Whether the client that it rides on can be used here."""
        return self._line.is_open()

    @property
    def tenant(self) -> str:
        """Whose items it works on."""
        return self._bond.tenant

    def run_plan(self, plan: Plan[T], /) -> Coroutine[Any, Any, T]:
        """Carries out what an operation describes."""
        self._lease.check()
        return super().run_plan(plan)

    async def call(self, operation: str, request: Mapping[str, Any]) -> Response:
        """Refused: nothing looks into a request that is written by hand before it is sent. See `Client.call`."""
        raise TenantViolation("a tenant's scope sends no raw requests: use the verbs of models", operation=operation)

    def export(self, models: Models, *, after: str | None = None, page_size: int | None = None) -> Export:
        """Everything that the tenant has in the models' tables, as lines of JSON::

            async for line in db.for_tenant("acme").export([Order, User]):
                file.write(line + "\n")

        A line is `{"Table": …, "Model": …, "Item": {…}}`, the item in DynamoDB's own JSON; nothing is lost or rounded,
        and nothing left out: sentinels of unique constraints, expired items and those of other models are there too. It
        can be resumed: `export.pages()` gives a cursor with each page, which `after` takes. `page_size` is DynamoDB's
        `Limit`.

        It reads the one partition of each table that is the tenant alone. `InvalidOperation` where this cannot be all
        that the tenant has, because a partition key has further fields, or text behind the tenant, or a template and
        unique constraints beside it: `db.across_tenants(reason=…).export(models, tenant=id)` scans for it.
        """
        from dynamorm_py.client.offboarding import Export, estate_of  # noqa: PLC0415  # few programs ask for it

        return Export(self, estate_of(models, "export"), after, page_size)

    async def delete_all(
        self,
        models: Models,
        *,
        confirm: str,
        after: str | None = None,
        page_size: int | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> int:
        """Deletes everything that the tenant has in the models' tables, for good, and gives back how many items that
        were. `confirm` is the tenant's id once more.

            await db.for_tenant("acme").delete_all([Order, User], confirm="acme")

        `progress` is called after each page, with a cursor that `after` takes where the work was broken off; it may be
        begun anew just as well. What it deletes, and where it is refused, is as with `export`. In the end everything is
        read once more: `UnprocessedItems` if something was written meanwhile.
        """
        from dynamorm_py.client.offboarding import delete_all, estate_of  # noqa: PLC0415  # as export
        from dynamorm_py.core.offboarding import check_confirmed  # noqa: PLC0415

        check_confirmed(self._bond.tenant, confirm)
        return await delete_all(self, estate_of(models, "delete_all"), after, page_size, progress)

    def entered(self) -> TenantClient:
        """The client that becomes ambient for a block: the same one, for as long as the block lasts."""
        return TenantClient(self._line, self._bond, Lease(self._lease))

    def check(self) -> None:
        """Raises `TenantViolation` once the block was left for which it was made ambient."""
        self._lease.check()

    def left(self) -> None:
        """Ends the scope; the block was left."""
        self._lease.end()

    def __repr__(self) -> str:
        return f"<TenantClient of {self._bond.tenant}>"

    async def _deliver(self, call: Call) -> Response:
        self._lease.check()
        provider = self._line.credentials
        credentials = None if provider is None else await provider.credentials_for(self._bond.tenant)
        try:
            response = await self._line.deliver(call, check=self._check, credentials=credentials)
        except DynamormError as error:
            self._bond.guard.strip(error, call.operation, call.request)
            raise
        self._lease.check()
        return self._bond.guard.admit(call.operation, call.request, response)

    def _limits(self) -> Sequence[Middleware]:
        limits = self._line.limits
        return () if limits is None else (limits.layer(self._bond.tenant),)

    def _check(self, operation: str, request: Request) -> None:
        # The scope may have ended while the request waited for credentials, a connection, or another attempt.
        self._lease.check()
        self._bond.guard.check(operation, request)


class BypassClient(_Rider):
    """A client that reaches across tenants, by name; made by `Client.across_tenants(reason=…)`.

    Keys name their tenant. It is never ambient: operations are given to it, `await db.across_tenants(…).run(operation)`
    and `query.on(…)`. Each request leaves a record, with the reason, in the log `dynamorm_py.audit`.
    """

    def __init__(self, line: Line, reason: str) -> None:
        if not reason.strip():
            raise InvalidOperation("across_tenants(reason=…) needs a reason: it stands in the audit log")
        self._reason = reason
        super().__init__(line, replace(line.scope, bypass=True))

    async def call(self, operation: str, request: Mapping[str, Any]) -> Response:
        """Sends any request in DynamoDB's own form; see `Client.call`."""
        try:
            return await self.send(raw_call(operation, request))
        except DynamormError as error:
            raise error.about(operation=operation) from error.__cause__

    def export(self, models: Models, *, tenant: str, after: str | None = None, page_size: int | None = None) -> Export:
        """As `TenantClient.export`, of a tenant that is named, and by a Scan of each table whose partition key is not
        the tenant's id alone: it finds what the tenant has, whichever program wrote it. A Scan reads, and is charged
        for, the items of all tenants."""
        from dynamorm_py.client.offboarding import Export, estate_of  # noqa: PLC0415  # few programs ask for it

        return Export(self, estate_of(models, "export", tenant), after, page_size)

    async def delete_all(
        self,
        models: Models,
        *,
        tenant: str,
        confirm: str,
        after: str | None = None,
        page_size: int | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> int:
        """As `TenantClient.delete_all`, of a tenant that is named, and by a Scan, as `export`. Each item is looked at
        once more before it is deleted."""
        from dynamorm_py.client.offboarding import delete_all, estate_of  # noqa: PLC0415  # as export
        from dynamorm_py.core.offboarding import check_confirmed  # noqa: PLC0415

        check_confirmed(tenant, confirm)
        return await delete_all(self, estate_of(models, "delete_all", tenant), after, page_size, progress)

    def entered(self) -> BypassClient:
        """Refused: what reaches across tenants is named where it does."""
        raise InvalidOperation("across_tenants() is never ambient: use its run(), or query.on(…)")

    def check(self) -> None:
        """Nothing: it belongs to no scope."""

    def left(self) -> None:
        """Nothing is to be left."""

    def __repr__(self) -> str:
        return f"<BypassClient for {self._reason!r}>"

    async def _deliver(self, call: Call) -> Response:
        tables = sorted({target.table for target in call.targets})
        details = {"reason": self._reason, "operation": call.operation, "tables": tables}
        audit.warning("%s across tenants on %s: %s", call.operation, ", ".join(tables), self._reason, extra=details)
        return await self._line.deliver(call)
