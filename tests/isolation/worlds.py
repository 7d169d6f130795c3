"""Two worlds in which a tenant does the same: a quiet one, which it has for itself, and a busy one, where another
tenant goes about in the same tables. What it sees in the one it has to see in the other."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from dynamorm_py import Client, DynamormError, Page, Partial, TenantClient, use
from dynamorm_py.context import bound_tenant
from dynamorm_py.core.wire import Call, Response
from dynamorm_py.operation import Operation
from dynamorm_py.query import Query
from dynamorm_py.transports import Check, Credentials

# Every text that the tenant under test writes holds it, and nothing else does.
MARK = "mark-of-a"
# To come: the engine deletes what is past its time by its own clock.
BEGINNING = datetime.fromisoformat("2096-01-01T00:00:00+00:00")
# A cursor without a secret: a version, what it is bound to, and the place where to go on.
BOUND = 1 + 6 + 16


class Clock:
    """The time of both worlds."""

    def __init__(self) -> None:
        self.now = BEGINNING

    def __call__(self) -> datetime:
        return self.now

    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)


class OverheardClient(Client):
    """Keeps all that DynamoDB answers, as it came, with the tenant in whose scope it was asked."""

    def __init__(self, **options: Any) -> None:  # the options of Client
        super().__init__(**options)
        self.heard: list[tuple[str | None, str]] = []

    async def _deliver(
        self, call: Call, *, check: Check | None = None, credentials: Credentials | None = None
    ) -> Response:
        await asyncio.sleep(0)
        try:
            response = await super()._deliver(call, check=check, credentials=credentials)
        except DynamormError as error:
            self.heard.append((bound_tenant(), text_of(error)))
            raise
        self.heard.append((bound_tenant(), repr(response)))
        await asyncio.sleep(0)
        return response


class Raised(NamedTuple):
    """An error, by its type and by all that it tells."""

    kind: type[BaseException]
    text: str


@dataclass
class Session:
    """A tenant at work in one world, and what it has at hand from before."""

    world: World
    tenant: str
    bound: TenantClient
    instances: list[Any] = field(default_factory=list)
    cursors: list[tuple[Callable[[], Query[Any]], str]] = field(default_factory=list)
    iterators: list[Any] = field(default_factory=list)
    exports: list[tuple[list[Any], str]] = field(default_factory=list)

    async def observe(self, act: Act) -> Any:
        """What an act shows to the one who does it, in plain data."""
        with use(self.bound):
            try:
                shown = self.plain(await act(self))
            except (DynamormError, ValidationError) as error:
                shown = self.plain(error)
            return shown

    def plain(self, value: Any) -> Any:
        """A result or an error, all that can be seen of it, without what differs by the world's name alone."""
        if isinstance(value, BaseModel):
            return type(value).__name__, sorted((name, repr(each)) for name, each in value.model_dump().items())
        if isinstance(value, Partial):
            return "partial", repr(value)
        if isinstance(value, Page):
            items = [self.plain(item) for item in value.items]
            return items, place_of(value.cursor), value.count, value.scanned_count, value.consumed
        if isinstance(value, list | tuple):
            return [self.plain(each) for each in value]
        if isinstance(value, Operation):
            return "operation"
        if isinstance(value, BaseException):
            return Raised(type(value), text_of(value).replace(self.world.prefix, ""))
        return value


Act = Callable[[Session], Awaitable[Any]]


@dataclass
class World:
    """A client with tables of its own."""

    prefix: str
    client: OverheardClient
    sessions: list[Session] = field(default_factory=list)
    runs: int = 0

    @property
    def name_of_run(self) -> str:
        """For tokens, which DynamoDB remembers for ten minutes, whatever tables they were about."""
        return f"{self.prefix}{self.runs}"

    def begin(self) -> None:
        self.runs += 1
        self.sessions.clear()
        self.client.heard.clear()

    def session(self, tenant: str) -> Session:
        session = Session(self, tenant, self.client.for_tenant(tenant))
        self.sessions.append(session)
        return session

    async def items(self, table: str) -> list[dict[str, Any]]:
        answer = await self.client.call("Scan", {"TableName": self.prefix + table, "ConsistentRead": True})
        assert "LastEvaluatedKey" not in answer
        return list(answer["Items"])

    async def clear(self, table: str, key: tuple[str, ...]) -> None:
        name = self.prefix + table
        for item in await self.items(table):
            await self.client.call("DeleteItem", {"TableName": name, "Key": {each: item[each] for each in key}})


def text_of(error: BaseException) -> str:
    """All that an error and those behind it tell."""
    parts, seen = [], set[int]()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop(0)
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        told = {name: value for name, value in vars(each).items() if name not in _PASSING}
        for name in ("item", "reasons"):
            if name in told:
                told[name] = _told(told[name])
        parts.append(f"{type(each).__name__}: {each} {sorted(told.items(), key=str)}")
        waiting += [each.__cause__, each.__context__]
    return " / ".join(parts)


# What is of the request and not of what it met: its id, and the operations that the caller handed in.
_PASSING = ("request_id", "remaining", "response")


def _told(value: Any) -> str:
    if isinstance(value, tuple):
        return str([(each.code, each.message, _told(each.item), each.error and str(each.error)) for each in value])
    return repr(value)


def place_of(cursor: str | None) -> Any:
    """Where a cursor goes on."""
    if cursor is None:
        return None
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    with suppress(ValueError):
        return json.loads(raw[BOUND:])
    raise AssertionError("the cursor has another form than it had")
