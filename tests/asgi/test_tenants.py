"""Requests of many tenants in one application, each in its tenant's scope."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, MutableMapping
from contextlib import AsyncExitStack
from typing import Any

import pytest

from dynamorm_py import Attr, Client, InvalidValue, Model, TenantRequired, TenantViolation, sort_key, tenant_key
from dynamorm_py.asgi import Application, DynamormMiddleware, Message, Receive, Send
from dynamorm_py.context import bound_tenant
from dynamorm_py.testing import EmbeddedDynamoDB


class Note(Model, table="asgi_notes"):
    tenant_id: Attr[str] = tenant_key()
    note_id: Attr[str] = sort_key()


@pytest.fixture
def embedded() -> Iterator[EmbeddedDynamoDB]:
    with EmbeddedDynamoDB() as dynamodb:
        yield dynamodb


async def nothing() -> Message:
    return {"type": "http.disconnect"}


async def nowhere(message: Message) -> None:
    return None


async def asked(app: Application, **state: Any) -> None:
    await app({"type": "http", "state": state}, nothing, nowhere)


def of_state(scope: MutableMapping[str, Any]) -> str | None:
    tenant: str | None = scope["state"].get("tenant")
    return tenant


async def test_each_request_works_in_the_scope_of_its_tenant(embedded: EmbeddedDynamoDB) -> None:
    seen = []
    left_running = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        name = scope["state"]["name"]
        await Note(note_id=name).create()
        await asyncio.sleep(0)
        seen.append((bound_tenant(), sorted([note.note_id async for note in Note.query()])))
        left_running.append(asyncio.create_task(later(name)))

    async def later(name: str) -> None:
        await over.wait()
        await Note(note_id=f"{name} too late").put()

    over = asyncio.Event()
    async with embedded.client(tenancy="required") as db:
        await db.create_tables(Note)
        served = DynamormMiddleware(app, client=db, tenant_from=of_state)
        await asyncio.gather(*(asked(served, tenant=f"t{n}", name=f"n{n}") for n in range(20)))
        over.set()
        outcomes = await asyncio.gather(*left_running, return_exceptions=True)
        stored = await db.across_tenants(reason="a test").run(Note.scan().all())
    assert sorted(seen) == sorted((f"t{n}", [f"n{n}"]) for n in range(20))
    assert {type(outcome) for outcome in outcomes} == {TenantViolation}
    assert {(note.tenant_id, note.note_id) for note in stored} == {(f"t{n}", f"n{n}") for n in range(20)}


async def test_the_source_may_be_async(embedded: EmbeddedDynamoDB) -> None:
    seen = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        seen.append(bound_tenant())

    async def looked_up(scope: Message) -> str | None:
        await asyncio.sleep(0)
        return of_state(scope)

    async with embedded.client() as db:
        await asked(DynamormMiddleware(app, client=db, tenant_from=looked_up), tenant="acme")
        await asked(DynamormMiddleware(app, client=db))
    assert seen == ["acme", None]


async def test_who_names_no_tenant_is_not_served(embedded: EmbeddedDynamoDB) -> None:
    async def never(scope: Message, receive: Receive, send: Send) -> None:
        raise AssertionError("the application was called")

    async with AsyncExitStack() as stack:
        db: Client = await stack.enter_async_context(embedded.client())
        served = DynamormMiddleware(never, client=db, tenant_from=of_state)
        with pytest.raises(TenantRequired, match="the request names no tenant"):
            await asked(served)
        with pytest.raises(InvalidValue, match="1 to 256 letters"):
            await asked(served, tenant="*")
