"""`Client`: one open connection to DynamoDB, and everything that operations are compiled and carried out under."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import Token
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeVar

from dynamorm_py.client.connection import Connection, Place
from dynamorm_py.client.conversations import Driver
from dynamorm_py.context import Runner, enter, leave
from dynamorm_py.core.errors import ClientClosed, DynamormError, InvalidOperation
from dynamorm_py.core.operations import Operation as Plan
from dynamorm_py.core.raw_calls import raw_call
from dynamorm_py.core.schema import Schema
from dynamorm_py.core.wire import Call, Response, Scope
from dynamorm_py.middleware import Middleware, compose
from dynamorm_py.middleware.deadlines import Deadlines
from dynamorm_py.middleware.retries import Retries, Retry, sleep
from dynamorm_py.middleware.telemetry import CallRecord, Telemetry
from dynamorm_py.transports import Credentials, Settings, Timeouts, Transport

if TYPE_CHECKING:
    # What works on tables is imported by the methods that do: no handler needs it, and its classes take as long to make
    # as all the rest of a client, which a cold start would pay for.
    from dynamorm_py.core.plans import TablePlan
    from dynamorm_py.core.table_descriptions import TableDescription
    from dynamorm_py.core.table_settings import TableSettings
    from dynamorm_py.core.tables import HasSchema

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Secret = str | bytes


class HasPlan(Protocol[T_co]):
    """An operation, as every verb of a model returns one."""

    @property
    def plan(self) -> Plan[T_co]: ...


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
    - `session`: an aiobotocore session. Without one, all clients of a process share one.
    - `config`: a botocore or aiobotocore `Config`. It wins over this library's own settings (`timeouts`, the 64
      connections of the pool), except that its `retries` are ignored: the client of botocore makes one attempt, and
      `retry` is the only policy.
    - `transport`: `"aiobotocore"`, or `"auto"`, which chooses it.
    - `table_prefix`: is put before the name of every table.
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
        transport: Literal["auto", "aiobotocore"] = "auto",
        table_prefix: str = "",
        cursor_secret: Secret | Sequence[Secret] | None = None,
        retry: Retry | None = None,
        timeouts: Timeouts | None = None,
        clock: Callable[[], datetime] = _utc_now,
        on_call: Callable[[CallRecord], None] | None = None,
    ) -> None:
        if transport not in ("auto", "aiobotocore"):
            raise InvalidOperation(f"there is no transport {transport!r}: 'auto' and 'aiobotocore' can be chosen")
        self._settings = Settings(region, endpoint_url, credentials, session, config, timeouts or Timeouts())
        self._scope = Scope(table_prefix, clock, _secrets(cursor_secret), _token)
        retries = Retries(retry or Retry())
        layers: list[Middleware] = [Telemetry(on_call), retries, Deadlines()]
        self._send = compose(layers, self._deliver)
        self._driver = Driver(self._send, retries.back_off, sleep)
        self._connection: Connection | None = None
        self._inherited: list[Connection] = []
        self._token: Token[Runner | None] | None = None

    @property
    def scope(self) -> Scope:
        """What operations are compiled under: table prefix, clock, secrets of the cursors."""
        return self._scope

    @property
    def is_open(self) -> bool:
        """Whether it can be used here: it was opened by this loop, thread and process, and not closed since."""
        connection = self._connection
        return connection is not None and connection.transport is not None and connection.place == Place.here()

    async def __aenter__(self) -> Self:
        """Opens the client and makes it ambient. Nothing is sent."""
        self._make_room()
        connection = Connection(_opener(self._settings))
        self._connection = connection
        try:
            await connection.open()
        except BaseException:
            self._connection = None
            raise
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
        plan = getattr(operation, "plan", None)
        if plan is None:
            raise InvalidOperation(
                f"run() takes an operation, not {type(operation).__name__}: a query's are all(), page(), first(), ..."
            )
        return await self.run_plan(plan)

    async def run_plan(self, plan: Plan[T], /) -> T:
        """Carries out what an operation describes."""
        return await self._driver.run(plan.converse(self._scope))

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
        call = raw_call(operation, request)
        try:
            return await self.send(call)
        except DynamormError as error:
            raise error.about(operation=operation) from error.__cause__

    def load(self) -> None:
        """Imports the library that it is opened on, which opening does otherwise: most of what a cold start takes."""
        _opener(self._settings)

    async def warm(self) -> bool:
        """Opens a connection, and has everything loaded and built that a first request needs; whether it succeeded.

        What travels is an unsigned `GET /` to the endpoint, which needs no permission, shows in no trail, and which
        DynamoDB answers for anybody. It is never repeated, and fails without an error.
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

    async def _deliver(self, call: Call) -> Response:
        # Checked for every attempt: a client can be closed while a repetition waits.
        if self._connection is None:
            raise ClientClosed("the client is not open: use it inside `async with`")
        return await self._connection.checked().send(call.operation, call.request)

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


def _schemas(models: Sequence[HasSchema]) -> tuple[Schema, ...]:
    return tuple(model.__dynamorm_schema__ for model in models)


def _secrets(given: Secret | Sequence[Secret] | None) -> tuple[bytes, ...]:
    if given is None:
        return ()
    secrets = (given,) if isinstance(given, str | bytes) else tuple(given)
    if not secrets or not all(secrets):
        raise InvalidOperation("a cursor secret is not empty: leave it out for cursors that are not signed")
    return tuple(secret.encode() if isinstance(secret, str) else secret for secret in secrets)


def _opener(settings: Settings) -> AbstractAsyncContextManager[Transport]:
    # aiobotocore and botocore take some 200 ms to import: a process that only defines models, or that opens its client
    # on another transport, never loads them.
    from dynamorm_py.transports.aiobotocore import open_aiobotocore  # noqa: PLC0415

    return open_aiobotocore(settings)
