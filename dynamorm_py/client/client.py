"""`Client`: one open connection to DynamoDB, and everything that operations are compiled and carried out under."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from dynamorm_py.client.connection import Connection, Place
from dynamorm_py.client.conversations import Driver
from dynamorm_py.context import Entry, enter, leave
from dynamorm_py.core.errors import ClientClosed, DynamormError, InvalidOperation
from dynamorm_py.core.operations import Operation as Plan
from dynamorm_py.core.records import replace
from dynamorm_py.core.schema import Schema
from dynamorm_py.core.wire import Call, Response, Scope
from dynamorm_py.middleware import Middleware, compose
from dynamorm_py.middleware.deadlines import Deadlines, gate_of
from dynamorm_py.middleware.retries import Retries, Retry, sleep
from dynamorm_py.middleware.telemetry import CallRecord, Telemetry
from dynamorm_py.transports import Check, Credentials, Settings, Timeouts
from dynamorm_py.transports.choice import Choice, Wanted
from dynamorm_py.transports.opening import load, opened

if TYPE_CHECKING:
    from dynamorm_py.client.tenants import BypassClient, CredentialProvider, LimitProvider, Line, TenantClient
    from dynamorm_py.core.operations import HasPlan

    # What works on tables is imported by the methods that do: no handler needs it, and its classes take as long to make
    # as all the rest of a client, which a cold start would pay for.
    from dynamorm_py.core.plans import TablePlan
    from dynamorm_py.core.table_descriptions import TableDescription
    from dynamorm_py.core.table_settings import TableSettings
    from dynamorm_py.core.tables import HasSchema

_logger = logging.getLogger("dynamorm_py.client")

T = TypeVar("T")

Secret = str | bytes


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _token() -> str:
    return os.urandom(16).hex()


class Client:
    """A client of DynamoDB::

        async with Client(region="eu-west-1") as db:
            user = await User.get("u1")

    Inside the block it is the ambient client of its context. It belongs to the event loop, thread and process that
    opened it, is opened once at a time, and can be opened again after it was closed.

    - `region`, `endpoint_url`, `credentials`: what is not given comes from the environment, in the order that every AWS
      SDK has.
    - `session`: an aiobotocore session. Without one, all clients of an event loop share one.
    - `config`: a botocore or aiobotocore `Config`. It wins over this library's own settings (`timeouts`, the 64
      connections of the pool), except that its `retries` are ignored: the client of botocore makes one attempt, and
      `retry` is the only policy.
    - `transport`: `"direct"` (connections of this library's own), `"aiobotocore"`, or `"auto"`, which takes the direct
      one unless something is configured that only aiobotocore heeds. See `transport` on the open client.
    - `table_prefix`: is put before the name of every table.
    - `tenancy`: `"required"` refuses every model that has no `tenant_key()` and is not `shared=True`.
    - `tenant_credentials`, `tenant_limits`: credentials and bounds of each tenant's own; see `dynamorm_py.tenancy`.
    - `cursor_secret`: signs the cursors of pages. Of a sequence, the first signs and all verify: so they rotate.
    - `retry`, `timeouts`: see `Retry` and `Timeouts`.
    - `clock`: the time, for timestamps and times to live; returns an aware datetime.
    - `on_call`: is called with a `CallRecord` after every call, in the event loop, and should be quick.
    """

    def __init__(
        self,
        *,
        region: str | None = None,
        endpoint_url: str | None = None,
        credentials: Credentials | None = None,
        session: Any = None,  # aiobotocore.session.AioSession, which is not loaded before the client is opened
        config: Any = None,  # botocore.config.Config, likewise
        transport: Literal["auto", "direct", "aiobotocore"] = "auto",
        table_prefix: str = "",
        tenancy: Literal["required"] | None = None,
        tenant_credentials: CredentialProvider | None = None,
        tenant_limits: LimitProvider | None = None,
        cursor_secret: Secret | Sequence[Secret] | None = None,
        retry: Retry | None = None,
        timeouts: Timeouts | None = None,
        clock: Callable[[], datetime] = _utc_now,
        on_call: Callable[[CallRecord], None] | None = None,
    ) -> None:
        if transport not in ("auto", "direct", "aiobotocore"):
            raise InvalidOperation(f"there is no transport {transport!r}: 'auto', 'direct' and 'aiobotocore' are")
        self._settings = Settings(region, endpoint_url, credentials, session, config, timeouts or Timeouts())
        self._wanted: Wanted = transport
        if tenancy not in (None, "required"):
            raise InvalidOperation(f"tenancy is 'required' or left out, not {tenancy!r}")
        self._scope = Scope(table_prefix, clock, _secrets(cursor_secret), _token, strict=tenancy is not None)
        self._retries = Retries(retry or Retry())
        self._telemetry = Telemetry(on_call)
        layers: list[Middleware] = [self._telemetry, self._retries, Deadlines()]
        self._send = compose(layers, self._deliver)
        self._driver = Driver(self._send, self._retries.back_off, sleep)
        self._tenant_credentials = tenant_credentials
        self._tenant_limits = tenant_limits
        self._connection: Connection | None = None
        self._inherited: list[Connection] = []
        self._token: Entry | None = None

    @property
    def scope(self) -> Scope:
        """What operations are compiled under: table prefix, clock, secrets of the cursors."""
        return self._scope

    @property
    def transport(self) -> Choice | None:
        """The transport that it was opened on: its `name`, "direct" or "aiobotocore", and `why`. None while it is not
        open."""
        return None if self._connection is None else self._connection.choice

    @property
    def is_open(self) -> bool:
        """Whether it can be used here: it was opened by this loop, thread and process, and not closed since."""
        connection = self._connection
        return connection is not None and connection.transport is not None and connection.place == Place.here()

    async def __aenter__(self) -> Self:
        """Opens the client and makes it ambient. Nothing is sent."""
        self._make_room()
        connection = Connection(opened(self._settings, self._wanted), self._tenant_credentials)
        self._connection = connection
        try:
            await connection.open()
        except BaseException:
            self._connection = None
            raise
        _logger.debug("opened on %s", connection.choice)
        self._token = enter(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        token, self._token = self._token, None
        if token is not None:
            leave(token)
        connection = self._connection
        if connection is None:
            return
        if connection.place.is_gone:
            self._abandon(connection)
            return
        connection.place.check()
        self._connection = None
        await connection.close()

    async def run(self, operation: HasPlan[T]) -> T:
        """Carries an operation out on this client, whichever is ambient."""
        if not hasattr(operation, "plan_in"):
            raise InvalidOperation(
                f"run() takes an operation, not {type(operation).__name__}: a query's are all(), page(), first(), ..."
            )
        return await self.run_plan(operation.plan_in(self._scope))

    def run_plan(self, plan: Plan[T], /) -> Coroutine[Any, Any, T]:
        """Carries out what an operation describes."""
        return self._driver.run(plan.converse(self._scope))

    async def send(self, call: Call, /) -> Response:
        """Sends one low-level request, under the retry policy."""
        return await self._send(call)

    # What a request holds, and what its answer does, is the operation's own: DynamoDB has more than fifty.
    async def call(self, operation: str, request: Mapping[str, Any]) -> Response:
        """Sends any request, in DynamoDB's own form, and gives back its answer, in the same::

            answer = await db.call("DescribeLimits", {})

        `operation` is the API's name. Nothing is added to the request, not even the table prefix; it goes through the
        same middleware as everything else, and errors are this library's. Only what reads (`Get…`, `BatchGet…`,
        `TransactGet…`, `Query`, `Scan`, `Describe…`, `List…`) and what carries a `ClientRequestToken` is sent again
        after a lost answer; the rest is `WriteOutcomeUnknown` then.
        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html
        """
        from dynamorm_py.core.raw_calls import raw_call  # noqa: PLC0415  # models never ask for it

        call = raw_call(operation, request)
        try:
            return await self.send(call)
        except DynamormError as error:
            raise error.about(operation=operation) from error.__cause__

    def load(self) -> None:
        """Imports what it is opened on, which opening does otherwise: where that is aiobotocore, it is most of what a
        cold start takes."""
        load(self._settings, self._wanted)

    async def warm(self) -> bool:
        """Opens a connection, and has everything loaded and built that a first request needs; whether it succeeded.

        The direct transport sends nothing for it. With aiobotocore, what travels is an unsigned `GET /` to the
        endpoint, which needs no permission, shows in no trail, and which DynamoDB answers for anybody. It is never
        repeated, and fails without an error.
        """
        if self._connection is None:
            raise ClientClosed("the client is not open: use it inside `async with`")
        return await self._connection.checked().warm()

    async def create_tables(self, *models: HasSchema, settings: TableSettings | None = None) -> None:
        """Creates the tables of the models, on demand capacity unless `settings` say otherwise, and returns when they
        and their indexes are active.

        Models on one table share it. `TableInUse` if one of the tables exists already.
        """
        from dynamorm_py.core.tables import CreateTables  # noqa: PLC0415

        await self.run_plan(CreateTables(_schemas(models), settings))

    async def ensure_tables(self, *models: HasSchema, settings: TableSettings | None = None) -> None:
        """Creates the tables that do not exist, and returns when they are active. Those that exist stay as they are.

        `InvalidOperation`, before anything is created, if one that exists has another key than its models, or lacks one
        of their indexes, or has it with another key or projection. `settings` are those of new tables alone.
        """
        from dynamorm_py.core.plans import EnsureTables  # noqa: PLC0415

        await self.run_plan(EnsureTables(_schemas(models), settings))

    async def delete_tables(self, *models: HasSchema) -> None:
        """Deletes the tables of the models, with all they hold, and returns when they are gone. `TableNotFound` if one
        does not exist."""
        from dynamorm_py.core.tables import DeleteTables  # noqa: PLC0415

        await self.run_plan(DeleteTables(_schemas(models)))

    async def describe_table(self, model: HasSchema) -> TableDescription:
        """The live table of a model: status, counts, key, indexes, settings. `TableNotFound` if there is none."""
        from dynamorm_py.core.table_descriptions import DescribeTable  # noqa: PLC0415

        return await self.run_plan(DescribeTable(model.__dynamorm_schema__))

    async def plan_tables(self, *models: HasSchema, settings: TableSettings | None = None) -> TablePlan:
        """In what the live tables differ from the models, and from `settings` as far as they are given; changes
        nothing::

            plan = await db.plan_tables(User, Order)
            print(plan)
        """
        from dynamorm_py.core.plans import PlanTables  # noqa: PLC0415

        return await self.run_plan(PlanTables(_schemas(models), settings))

    async def apply_tables(
        self,
        plan: TablePlan,
        *,
        drop_indexes: Sequence[str] = (),
        drop_tables: Sequence[str] = (),
        timeout: float | None = None,  # noqa: ASYNC109  # of each single wait, which is counted in polls
    ) -> TablePlan:
        """Makes the changes of a plan, one at a time, and gives back the plan of what is left.

        No index and no table is dropped unless it is named, as the plan names it: `drop_indexes=("users/by_name",)`,
        `drop_tables=("users",)`. An index that differs is dropped and created anew, and so is a table, without its
        items.

        The tables are looked at again: what was done meanwhile is skipped, and a difference that the plan does not have
        is `InvalidOperation`, before anything is changed. `timeout` bounds the wait for each change, in seconds, by
        default 300: filling an index of a large table takes longer. After `DeadlineExceeded` the change goes on in
        DynamoDB, and applying a new plan waits for it.
        """
        from dynamorm_py.core.plans import ApplyTables  # noqa: PLC0415
        from dynamorm_py.core.tables import POLL_SECONDS  # noqa: PLC0415

        polls = None if timeout is None else max(1, round(timeout / POLL_SECONDS))
        return await self.run_plan(ApplyTables(plan, tuple(drop_indexes), tuple(drop_tables), polls))

    async def verify_tables(self, *models: HasSchema) -> None:
        """Holds the live tables against all models that tell of tenants on them: what is not as they declare it could
        hold a tenant's items where nobody looks for them. To be called where a service starts, or is deployed::

            await db.verify_tables(Order, User)

        `InvalidOperation`, which lists every difference in all the tables: a table that is missing or has another key,
        an index that is missing, has other key attributes or another order of them, or copies other attributes, and an
        index that no model declares; models of a table that disagree about the tenant in it, or of which some are a
        tenant's and some are not. Of the tables nothing but `DescribeTable` is asked.
        """
        from dynamorm_py.core.table_verification import VerifyTables  # noqa: PLC0415

        await self._driver.run(VerifyTables(_schemas(models)).converse(self._line.scope))

    def for_tenant(self, tenant: str) -> TenantClient:
        """A client that compiles, sends and receives this tenant's items only. It rides on this one's connection and
        costs next to nothing, so that every request can have its own::

            with use(db.for_tenant("acme")):
                order = await Order.get("o1")

        `InvalidValue` unless the id has 1 to 256 letters, digits and `_ . : / = + - @`; it is taken as it is.
        """
        return self._line.bound(tenant)

    def across_tenants(self, *, reason: str) -> BypassClient:
        """A client that reaches across tenants, for what has to: its keys name the tenant, it is never ambient, and
        each of its requests leaves a record with the reason in the log `dynamorm_py.audit`::

            everything = await Order.scan().on(db.across_tenants(reason="monthly report")).all()
        """
        from dynamorm_py.client.tenants import BypassClient  # noqa: PLC0415

        return BypassClient(self._line, reason)

    def entered(self) -> Self:
        """Itself: it becomes ambient for a block."""
        return self

    def check(self) -> None:
        """Nothing: it belongs to no scope."""

    def left(self) -> None:
        """A block was left in which it was ambient."""

    @cached_property
    def _line(self) -> Line:
        from dynamorm_py.client.tenants import KnownTables, Line  # noqa: PLC0415

        # From now on it is known which tables are tenants', outside of their scopes too.
        tables = KnownTables(_place(self._settings))
        self._scope = replace(self._scope, tables=tables)
        return Line(
            self._scope,
            tables,
            (self._telemetry,),
            (self._retries, Deadlines()),
            self._deliver,
            lambda: self.is_open,
            self._retries.back_off,
            sleep,
            self._tenant_credentials,
            self._tenant_limits,
        )

    def _deliver(
        self, call: Call, *, check: Check | None = None, credentials: Credentials | None = None
    ) -> Awaitable[Response]:
        # Checked for every attempt: a client can be closed while a repetition waits.
        if self._connection is None:
            raise ClientClosed("the client is not open: use it inside `async with`")
        transport = self._connection.checked()
        # The time may run out while the request waits for credentials, or for a connection.
        gate = gate_of(call.operation)
        return transport.send(call.operation, call.request, check=check, credentials=credentials, gate=gate)

    def _make_room(self) -> None:
        """Lets the client be opened anew where it was left open in a loop or process that is gone, and only there."""
        connection = self._connection
        if connection is None:
            return
        if not connection.place.is_gone:
            connection.place.check()
            raise InvalidOperation("the client is open already: it can be opened again after it was closed")
        self._abandon(connection)

    def _abandon(self, connection: Connection) -> None:
        self._connection = None
        if connection.place.process != os.getpid():
            # Its sockets are the parent's: if it were dropped, its finalisers would end the parent's connections.
            self._inherited.append(connection)


def _place(settings: Settings) -> tuple[str, str]:
    """Where the tables are, as far as it can be told without asking anybody."""
    endpoint = settings.endpoint_url or os.environ.get("AWS_ENDPOINT_URL_DYNAMODB", os.environ.get("AWS_ENDPOINT_URL"))
    region = settings.region or os.environ.get("AWS_DEFAULT_REGION", "")
    return region.lower(), (endpoint or "").rstrip("/").lower()


def _schemas(models: Sequence[HasSchema]) -> tuple[Schema, ...]:
    return tuple(model.__dynamorm_schema__ for model in models)


def _secrets(given: Secret | Sequence[Secret] | None) -> tuple[bytes, ...]:
    if given is None:
        return ()
    secrets = (given,) if isinstance(given, str | bytes) else tuple(given)
    if not secrets or not all(secrets):
        raise InvalidOperation("a cursor secret is not empty: leave it out for cursors that are not signed")
    return tuple(secret.encode() if isinstance(secret, str) else secret for secret in secrets)
