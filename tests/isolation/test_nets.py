"""Each net alone: every planted crossing gets through where all nets are down, and is stopped by each of those that are
said to stop it, and by no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from uuid import uuid4

import pytest

from dynamorm_py import InvalidModel, InvalidOperation, ServiceError, TenantRequired, TenantViolation, use
from dynamorm_py.testing import LocalEndpoint
from tests.isolation.crossings import CROSSINGS, SECRET, Account, Crossing, Longer, Prefixed, Stage, Stranger
from tests.isolation.models import Country, Doc, Memo, Note
from tests.isolation.nets import Net, leave_only
from tests.isolation.worlds import text_of

NUMBERS = count()
EVERY = frozenset(Net)
# With no net, with each alone, and with all of them.
STANDING = (frozenset[Net](), *(frozenset({net}) for net in Net), EVERY)


@pytest.fixture(scope="module")
def prefix(dynamodb_local: LocalEndpoint) -> Iterator[str]:
    """Before the names of tables that are made for all these tests."""
    name = f"n{uuid4().hex[:12]}-"

    async def made(there: bool) -> None:
        for end, models in (("", (Doc, Note, Memo, Country, Stranger, Account, Prefixed)), ("a_", (Longer,))):
            async with dynamodb_local.client(table_prefix=name + end) as db:
                await (db.create_tables(*models) if there else db.delete_tables(*models))

    asyncio.run(made(True))
    yield name
    asyncio.run(made(False))


@asynccontextmanager
async def staged(engine: LocalEndpoint, prefix: str) -> AsyncIterator[Stage]:
    """Clients that know nothing of what others did, and tenants that nobody else is."""
    number = next(NUMBERS)
    async with (
        engine.client(table_prefix=f"{prefix}a_b_") as short,
        engine.client(table_prefix=f"{prefix}a_") as long,
        engine.client(table_prefix=prefix) as db,
    ):
        # One is the beginning of the other.
        stage = Stage(db, prefix, f"acme{number}", f"acme{number}.", long)
        stage.hold["a_b_"] = short
        await stage.set_up()
        yield stage


async def stopped(crossing: Crossing, stage: Stage) -> bool:
    """Whether nothing came of it."""
    result: object = None
    refusal = ""
    with use(stage.thief):
        try:
            result = await crossing.act(stage)
        except (TenantViolation, TenantRequired, InvalidModel, InvalidOperation) as error:
            refusal = text_of(error)
        except ServiceError:
            # It came as far as the service, which is as far as it can come.
            if not crossing.service:
                raise
            return False
    assert SECRET not in refusal
    return bool(refusal) or not await crossing.happened(stage, result)


@pytest.mark.parametrize("crossing", CROSSINGS, ids=lambda crossing: crossing.name)
async def test_each_net_stops_what_it_is_said_to(
    crossing: Crossing, dynamodb_local: LocalEndpoint, prefix: str
) -> None:
    found = {}
    for standing in STANDING:
        async with staged(dynamodb_local, prefix) as stage:
            with pytest.MonkeyPatch.context() as patch:
                leave_only(standing, patch)
                found[standing] = await stopped(crossing, stage)
    assert found == {standing: bool(standing & crossing.nets) for standing in STANDING}


def test_the_compiler_and_the_guard_each_stop_all_but_what_is_not_theirs_by_nature() -> None:
    lacking = [crossing.name for crossing in CROSSINGS if not crossing.nets >= {Net.COMPILER, Net.GUARD}]
    assert lacking == [crossing.name for crossing in CROSSINGS if crossing.why]


def test_the_read_check_stops_all_that_returns_an_item() -> None:
    returning = [crossing for crossing in CROSSINGS if crossing.returns]
    assert len(returning) > 20
    assert all(Net.READ in crossing.nets for crossing in returning)


@pytest.mark.parametrize("net", Net)
def test_no_net_is_there_for_nothing(net: Net) -> None:
    assert [crossing.name for crossing in CROSSINGS if crossing.nets == {net}] != []
