"""What dynalite does differently. DynamoDB Local is right where they differ; these tests notice when dynalite catches
up, and more of the suite can be marked for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from dynamorm_py import (
    Attr,
    Client,
    ConditionFailed,
    ItemAlreadyExists,
    ItemNotFound,
    Model,
    ServiceError,
    partition_key,
    sort_key,
    time_to_live,
    transact_write,
)
from dynamorm_py.testing import LocalEndpoint


class Leaf(Model, table="leaves"):
    tree: Attr[str] = partition_key()
    number: Attr[int] = sort_key()
    text: Attr[str]


class Fallen(Model, table="fallen"):
    id: Attr[str] = partition_key()
    gone: Attr[datetime | None] = time_to_live(default=None)


@pytest.fixture
async def db(dynalite: LocalEndpoint, table_prefix: str) -> AsyncIterator[Client]:
    async with dynalite.client(table_prefix=table_prefix) as client:
        await client.create_tables(Leaf)
        yield client
        await client.delete_tables(Leaf)


async def test_it_does_not_return_the_item_behind_a_failed_condition(db: Client) -> None:
    leaf = await Leaf(tree="t", number=1, text="a").create()
    with pytest.raises(ItemAlreadyExists) as exists:
        await Leaf(tree="t", number=1, text="b").create()
    assert exists.value.item is None
    with pytest.raises(ConditionFailed) as failed:
        await Leaf.delete("t", 1, condition=Leaf.text == "b")
    assert failed.value.item is None
    # So an item whose condition fails cannot be told from one that is not there.
    with pytest.raises(ItemNotFound):
        await Leaf.update("t", 1, Leaf.text.set("c"), condition=Leaf.text == "b")
    assert await Leaf.get("t", 1) == leaf


async def test_it_has_no_transactions(db: Client) -> None:
    with pytest.raises(ServiceError) as caught:
        await transact_write(Leaf(tree="t", number=1, text="a").create())
    assert caught.value.code == "UnknownOperationException"
    assert await Leaf.get("t", 1) is None


async def test_it_has_no_time_to_live(db: Client) -> None:
    with pytest.raises(ServiceError) as caught:
        await db.create_tables(Fallen)
    assert caught.value.code == "UnknownOperationException"
    await db.delete_tables(Fallen)


async def test_queries_conditions_and_cursors_are_the_same(db: Client) -> None:
    for number in (10, -1, 2, 9):
        await Leaf(tree="t", number=number, text=f"text {number}").create()
    await Leaf(tree="u", number=1, text="text 1").create()
    everything = Leaf.query("t")
    assert [leaf.number for leaf in await everything.all()] == [-1, 2, 9, 10]
    assert [leaf.number for leaf in await everything.where(Leaf.number.between(0, 9)).descending().all()] == [9, 2]
    assert [leaf.number for leaf in await everything.filter(~(Leaf.text == "text 2")).limit(2).all()] == [-1, 9]
    assert await everything.count() == 4
    page = await everything.limit(3).page()
    assert [leaf.number for leaf in await everything.after(page.cursor).all()] == [10]
    assert len(await Leaf.scan(segments=3).all()) == 5
    view = await everything.where(Leaf.number == 9).project(Leaf.text).one()
    assert view[Leaf.text] == "text 9"
