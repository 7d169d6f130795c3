"""A thousand requests of fifty tenants at the same time in one process, which take turns wherever they can."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from dynamorm_py import (
    Client,
    Credentials,
    TenantViolation,
    batch_write,
    transact_get,
    transact_write,
    use,
)
from dynamorm_py.asgi import DynamormMiddleware, Message, Receive, Send
from dynamorm_py.batch import batch_writer
from dynamorm_py.context import bound_tenant
from dynamorm_py.core.wire import Call, Response
from dynamorm_py.testing import LocalEndpoint
from dynamorm_py.transports import Check
from tests.isolation.models import Country, Doc, Memo, Note, Order, pages

REQUESTS = 1000
# Ids that begin like each other, and one that is the beginning of all.
TENANTS = ["t", *(f"t{number}" for number in range(49))]
NAMES = ("n1", "n2", "n3")


class Yielding(Client):
    """Lets others go first before and after every request, once or more."""

    random = Random(0)

    async def _deliver(
        self, call: Call, *, check: Check | None = None, credentials: Credentials | None = None
    ) -> Response:
        await turns(self.random)
        response = await super()._deliver(call, check=check, credentials=credentials)
        await turns(self.random)
        return response


async def turns(random: Random) -> None:
    for _ in range(random.randint(1, 4)):
        await asyncio.sleep(0)


class Crowd:
    """The work of the requests, and what they saw: each thing as the tenant who asked, and the tenant whose it is."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.random = Random(1)
        self.seen: Counter[tuple[str | None, str]] = Counter()
        self.refused = 0
        self.left_running: list[asyncio.Task[Any]] = []

    def saw(self, tenant: str, *things: Any) -> None:
        self.seen[bound_tenant(), tenant] += 1
        for thing in things:
            self.seen[thing.tenant_id, tenant] += 1
            self.seen[thing.text.partition(":")[0], tenant] += 1

    async def serve(self, tenant: str, number: int) -> None:
        """One request, in whose scope this runs, with parts that go on side by side."""
        name = NAMES[number % 3]
        parts: list[Callable[[str, str, str], Awaitable[None]]] = [self.store, self.search, self.together, self.reach]
        self.random.shuffle(parts)
        async with asyncio.TaskGroup() as group:
            for part in parts[:3]:
                group.create_task(self.part(part, tenant, name, f"{tenant}:{number}"))
        await turns(self.random)
        self.saw(tenant)
        if number % 20 == 0:
            self.left_running.append(asyncio.create_task(self.late(tenant)))

    async def part(self, part: Callable[[str, str, str], Awaitable[None]], tenant: str, name: str, text: str) -> None:
        await turns(self.random)
        await part(tenant, name, text)

    async def store(self, tenant: str, name: str, text: str) -> None:
        await Doc(name=name, text=text, label="red").put()
        found = await Doc.get_or_raise(name)
        self.saw(tenant, found)
        self.saw(tenant, await Doc.update(name, Doc.count.add(1)))
        async with batch_writer() as writer:
            await writer.add(Note(name=name, text=text, label="red").put(), Memo(name=name, text=text).put())

    async def search(self, tenant: str, name: str, text: str) -> None:
        async for doc in Doc.query().page_size(1):
            self.saw(tenant, doc)
            await turns(self.random)
        page = await Note.by_label.query("red").page_size(1).page()
        self.saw(tenant, *page.items)
        if page.cursor:
            self.saw(tenant, *(await Note.by_label.query("red").after(page.cursor).all()))
        self.saw(tenant, *(await pages.query().all()))
        assert await Country.get("shared") is not None

    async def together(self, tenant: str, name: str, text: str) -> None:
        # The same token, whoever the tenant is.
        await batch_write(Note(name="both", text=text).put(), Doc(name="both", text=text).put())
        await transact_write(
            Memo.update(name, Memo.text.set(text), Memo.label.set("blue"), upsert=True),
            token=f"{self.name}{number_of(text) // len(TENANTS)}",
        )
        found = await transact_get(Doc.get("both"), Note.get("both"))
        self.saw(tenant, *(each for each in found if each is not None))
        self.saw(tenant, *(each for each in await Doc.batch_get(NAMES) if each is not None))

    async def reach(self, tenant: str, name: str, text: str) -> None:
        other = self.random.choice([each for each in TENANTS if each != tenant])
        with pytest.raises(TenantViolation):
            await Doc.get(other, name)
        with pytest.raises(TenantViolation):
            await Doc(tenant_id=other, name=name, text=text).put()
        self.refused += 1

    async def late(self, tenant: str) -> None:
        """Goes on behind its request."""
        while True:
            await turns(self.random)
            self.saw(tenant, *(await Doc.query().all()))


def number_of(text: str) -> int:
    return int(text.partition(":")[2])


async def nothing() -> Message:
    return {"type": "http.disconnect"}


async def nowhere(message: Message) -> None:
    return None


@pytest.mark.slow
async def test_a_thousand_requests_at_once_do_not_cross(dynamodb_local: LocalEndpoint) -> None:
    credentials = Credentials(dynamodb_local.access_key, dynamodb_local.secret_key)
    name = f"c{uuid4().hex[:12]}-"
    client = Yielding(
        region=dynamodb_local.region,
        endpoint_url=dynamodb_local.endpoint_url,
        credentials=credentials,
        table_prefix=name,
    )
    async with client as db:
        await db.create_tables(Doc, Order, Note, Memo, Country)
        await Country(name="shared").put()
        crowd = Crowd(name)

        async def app(scope: Message, receive: Receive, send: Send) -> None:
            await crowd.serve(scope["state"]["tenant"], scope["state"]["number"])

        served = DynamormMiddleware(app, client=db, tenant_from=lambda scope: str(scope["state"]["tenant"]))

        async def request(number: int) -> None:
            """Through the web application, or in a scope that is opened here."""
            tenant = TENANTS[number % len(TENANTS)]
            if number < REQUESTS / 2:
                state = {"tenant": tenant, "number": number}
                await served({"type": "http", "state": state}, nothing, nowhere)
            else:
                with use(db.for_tenant(tenant)):
                    await crowd.serve(tenant, number)

        async with asyncio.TaskGroup() as group:
            for number in range(REQUESTS):
                group.create_task(request(number))
        late = await asyncio.gather(*crowd.left_running, return_exceptions=True)
        everything = await stored(db)
        await db.delete_tables(Doc, Order, Note, Memo, Country)
    assert [pair for pair in crowd.seen if pair[0] != pair[1]] == []
    assert {tenant for _, tenant in crowd.seen} == set(TENANTS)
    assert crowd.seen.total() > 10 * REQUESTS
    assert crowd.refused > REQUESTS / 2
    assert {type(outcome) for outcome in late} == {TenantViolation}
    assert len(late) == REQUESTS // 20
    assert [item for item in everything if item.text.partition(":")[0] not in (item.tenant_id, "-")] == []
    assert {item.tenant_id for item in everything} == set(TENANTS)


async def stored(db: Client) -> list[Any]:
    everybody = db.across_tenants(reason="a test")
    return [*(await Doc.scan().on(everybody).all()), *(await pages.scan().on(everybody).all())]
