"""What was begun in a scope goes on in that one only, and scopes that are not left in order harm nobody."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

import pytest

from dynamorm_py import Attr, Client, InvalidOperation, Model, TenantViolation, batch_writer, sort_key, tenant_key, use
from dynamorm_py.client.tenants import TenantClient
from dynamorm_py.context import ambient_or_none, bound_tenant
from dynamorm_py.testing import EmbeddedDynamoDB


class Entry(Model, table="scopes_entries"):
    tenant_id: Attr[str] = tenant_key()
    name: Attr[str] = sort_key()


@pytest.fixture
async def db() -> AsyncIterator[Client]:
    """With three entries of acme's."""
    with EmbeddedDynamoDB() as dynamodb:
        async with dynamodb.client() as client:
            await client.create_tables(Entry)
            with use(client.for_tenant("acme")):
                for name in ("n1", "n2", "n3"):
                    await Entry(name=name).create()
            yield client


STEPS: dict[str, Callable[[TenantClient], Any]] = {
    "items": lambda acme: aiter(Entry.query()),
    "items of small pages": lambda acme: aiter(Entry.query().page_size(1)),
    "pages": lambda acme: Entry.query().page_size(1).pages(),
    "items on a client": lambda acme: aiter(Entry.query().on(acme)),
    "lines": lambda acme: aiter(acme.export([Entry])),
    "pages of lines": lambda acme: acme.export([Entry], page_size=1).pages(),
}


@pytest.mark.parametrize("kind", STEPS)
async def test_an_iteration_goes_on_in_no_other_scope(kind: str, db: Client) -> None:
    with use(db.for_tenant("acme")) as acme:
        steps = STEPS[kind](acme)
        await anext(steps)
        with use(db.for_tenant("globex")), pytest.raises(TenantViolation, match="another scope"):
            await anext(steps)


@pytest.mark.parametrize("kind", STEPS)
async def test_nor_behind_the_end_of_its_own(kind: str, db: Client) -> None:
    with use(db.for_tenant("acme")) as acme:
        steps = STEPS[kind](acme)
        await anext(steps)
    with pytest.raises(TenantViolation, match="scope ended"):
        await anext(steps)


@pytest.mark.parametrize("kind", ["items", "pages"])
async def test_nor_under_a_client_that_is_not_bound(kind: str, db: Client) -> None:
    with use(db.for_tenant("acme")) as acme:
        steps = STEPS[kind](acme)
        await anext(steps)
        with use(db), pytest.raises(TenantViolation, match="another scope"):
            await anext(steps)
        await anext(steps)


async def test_a_client_that_is_named_is_refused_where_another_tenant_is(db: Client) -> None:
    acme = db.for_tenant("acme")
    query = Entry.query().on(acme)
    made_outside = aiter(query)
    await anext(made_outside)
    with use(db.for_tenant("globex")):
        for steps in (made_outside, aiter(query), query.pages(), aiter(acme.export([Entry]))):
            with pytest.raises(TenantViolation):
                await anext(steps)
    with use(acme):
        assert [entry.name async for entry in made_outside] == ["n2", "n3"]
    assert [entry.name async for entry in query] == ["n1", "n2", "n3"]


async def test_an_iterator_that_was_made_in_a_scope_begins_in_no_other(db: Client) -> None:
    query = Entry.query()
    with use(db.for_tenant("acme")):
        steps = aiter(query)
    with use(db.for_tenant("globex")), pytest.raises(TenantViolation, match="made in a tenant's scope"):
        await anext(steps)


@pytest.mark.parametrize("elsewhere", [lambda db: db, lambda db: db.for_tenant("globex")])
async def test_a_batch_writer_writes_in_its_own_scope_only(elsewhere: Callable[[Client], Any], db: Client) -> None:
    with use(db.for_tenant("acme")):
        async with batch_writer() as writer:
            put = Entry(name="n4").put()
            await writer.add(put)
            with use(elsewhere(db)):
                with pytest.raises(TenantViolation, match="another scope"):
                    await writer.flush()
                with pytest.raises(TenantViolation):
                    await writer.add(put)
            assert writer.written == 0
        assert writer.written == 1


async def names_of(client: TenantClient) -> AsyncGenerator[str, None]:
    with use(client):
        async for entry in Entry.query():
            yield entry.name


def numbers_in(client: Client | TenantClient) -> Generator[int, None, None]:
    with use(client):
        yield 1
        yield 2


@contextmanager
def working_in(client: TenantClient) -> Iterator[None]:
    with use(client):
        yield


async def names_through_a_manager(client: TenantClient) -> AsyncIterator[str]:
    with working_in(client):
        async for entry in Entry.query():
            yield entry.name


@pytest.mark.parametrize("generator", [names_of, names_through_a_manager])
async def test_a_generator_cannot_enter_another_scope_than_its_readers(
    generator: Callable[[TenantClient], AsyncIterator[str]], db: Client
) -> None:
    with use(db.for_tenant("globex")):
        with pytest.raises(TenantViolation, match="a generator cannot enter another scope"):
            await anext(generator(db.for_tenant("acme")))
        for client in (db, db.for_tenant("acme")):
            with pytest.raises(TenantViolation, match="a generator cannot enter another scope"):
                list(numbers_in(client))
        assert bound_tenant() == "globex"
        assert await Entry.query().all() == []


async def test_context_managers_and_functions_enter_what_they_like(db: Client) -> None:
    @asynccontextmanager
    async def both(inner: TenantClient) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.enter_context(working_in(inner))
            stack.enter_context(use(inner))
            with working_in(inner):
                yield

    async def within() -> int:
        with use(db.for_tenant("acme")):
            return await Entry.query().count()

    with use(db.for_tenant("globex")):
        async with both(db.for_tenant("acme")):
            assert bound_tenant() == "acme"
            assert await Entry.query().count() == 3
        assert bound_tenant() == "globex"
        assert await within() == 3
        assert await Entry.query().count() == 0


async def test_what_a_generator_entered_outside_of_scopes_is_its_readers_too(db: Client) -> None:
    """What the documentation warns of: contextvars know no generators."""
    seen = []
    async for name in names_of(db.for_tenant("acme")):
        seen.append((name, bound_tenant()))
        with use(db.for_tenant("globex")):
            assert bound_tenant() == "globex"
    assert seen == [("n1", "acme"), ("n2", "acme"), ("n3", "acme")]
    assert bound_tenant() is None


async def test_a_block_that_is_left_takes_what_was_entered_in_it(db: Client) -> None:
    with use(db.for_tenant("acme")):
        given_up = numbers_in(db.for_tenant("acme"))
        next(given_up)
    assert ambient_or_none() is db
    with use(db.for_tenant("globex")) as globex:
        given_up.close()
        assert ambient_or_none() is globex
    assert ambient_or_none() is db


async def test_a_generator_that_is_closed_ends_no_block_but_its_own(db: Client) -> None:
    names = names_of(db.for_tenant("acme"))
    await anext(names)
    with use(db.for_tenant("globex")) as globex:
        await names.aclose()
        assert ambient_or_none() is globex
        await Entry(name="n1").create()
    assert ambient_or_none() is db


async def test_a_generator_that_the_loop_finalises_leaves_no_dead_scope(db: Client) -> None:
    late = asyncio.Event()

    async def task() -> int:
        await late.wait()
        return await Entry.query().count()

    with use(db.for_tenant("acme")) as acme:
        names = names_of(db.for_tenant("acme"))
        await anext(names)
        started_within = asyncio.create_task(task())
        await asyncio.sleep(0)
        del names
        gc.collect()
        for _ in range(3):
            await asyncio.sleep(0)
        assert ambient_or_none() is acme
        assert await Entry.query().count() == 3
        late.set()
        with pytest.raises(TenantViolation, match="scope ended"):
            await started_within


async def test_use_makes_one_block(db: Client) -> None:
    block = use(db)
    with block, pytest.raises(InvalidOperation, match="call it anew"), block:
        raise AssertionError("it was entered twice")
    assert ambient_or_none() is db
