"""Edges of DynamoDB that a mapper meets: every reserved word as a name, and cursors at the very end of a range."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import create_model

from dynamorm_py import Attr, Client, InvalidModel, LocalIndex, Model, attr, field, partition_key, sort_key

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html
RESERVED = (Path(__file__).parent / "reserved_words.txt").read_text().split()
ODD = ["a.b", "a-b", "a b", "1st", "#n0", ":v0", "é", "'", '"']
# So many that one expression holds a comparison of each.
PORTION = 90


@pytest.mark.behaviour("1.21", "2.14")
@pytest.mark.dynalite
async def test_every_reserved_word_is_a_name_like_any_other(db: Client) -> None:
    names = [*(word.lower() for word in RESERVED), *ODD]
    for start in range(0, len(names), PORTION):
        await use_as_names(db, names[start : start + PORTION])


@pytest.mark.behaviour("1.21")
async def test_a_name_may_look_like_a_list_s_element(local_db: Client) -> None:
    # On DynamoDB Local alone: moto reads such a name as a path, although it stands behind an alias.
    await use_as_names(local_db, ["a[1]", "b[1]", "c[1]", "a[0]", "b[0].c"])


async def use_as_names(db: Client, names: list[str]) -> None:
    """The first three in keys and a local index, and the others in filters, projections, updates and conditions."""
    fields: dict[str, Any] = {
        f"field_{each}": (Attr[int], field(default=1, name=name)) for each, name in enumerate(names[3:])
    }
    model = cast(Any, create_model("Words", __base__=keyed(*names[:3]), **fields))
    await db.create_tables(model)
    await model(hash="h", range=1, other=2).create()
    paths = [getattr(model, each) for each in fields]
    every = paths[0] == 1
    for path in paths[1:]:
        every &= path == 1
    assert len(await model.query("h").where(model.range == 1).filter(every).all()) == 1
    assert len(await model.by_other.query("h").where(model.other > 1).filter(every).all()) == 1
    view = await model.query("h").project(*paths).one()
    assert [view[path] for path in paths] == [1] * len(paths)
    updated = await model.update("h", 1, *(path.set(2) for path in paths), condition=every)
    assert [getattr(updated, each) for each in fields] == [2] * len(paths)
    assert await model.query("h").filter(every).count() == 0
    await db.delete_tables(model)


def keyed(hash_name: str, range_name: str, other_name: str) -> type[Model]:
    class Keyed(Model, table="words"):
        hash: Attr[str] = partition_key(name=hash_name)
        range: Attr[int] = sort_key(name=range_name)
        other: Attr[int] = field(default=2, name=other_name)
        by_other = LocalIndex(sort_key="other")

    return Keyed


class Step(Model, table="steps"):
    run: Attr[str] = partition_key()
    number: Attr[int] = sort_key()
    kind: Attr[str] = field(default="plain")
    by_kind = LocalIndex(sort_key="kind")


@pytest.mark.behaviour("1.56", "2.16")
@pytest.mark.dynalite
async def test_behind_the_far_end_of_a_range_is_nothing(db: Client) -> None:
    # DynamoDB refuses a start key that lies on the bound at which the table's keys end, and so never returns one.
    await db.create_tables(Step)
    for number in (1, 2, 3, 4):
        await Step(run="r", number=number).create()
    forward = [Step.number.between(1, 3), Step.number <= 3, Step.number == 3, Step.number < 4]
    backward = [Step.number.between(2, 4), Step.number >= 2, Step.number == 2, Step.number > 1]
    queries = [Step.query("r").where(each) for each in forward]
    queries += [Step.query("r").where(each).descending() for each in backward]
    for query in queries:
        page = await query.page()
        for position, item in enumerate(page.items):
            rest = await query.after(page.cursor_at(item)).all()
            assert [*page.items[: position + 1], *rest] == list(page.items)


@pytest.mark.behaviour("1.55", "1.56")
@pytest.mark.dynalite
async def test_a_page_that_a_limit_cut_at_the_far_end_of_a_range_is_the_last(db: Client) -> None:
    await db.create_tables(Step)
    for number in (1, 2, 3, 4):
        await Step(run="r", number=number, kind="odd" if number % 2 else "even").create()
    odd = Step.query("r").where(Step.number <= 3).filter(Step.kind == "odd")
    page = await odd.limit(2).page()
    assert ([each.number for each in page.items], page.cursor) == ([1, 3], None)
    page = await odd.limit(1).page()
    assert [each.number for each in await odd.after(page.cursor).all()] == [3]


@pytest.mark.behaviour("1.56", "2.16")
@pytest.mark.dynalite
async def test_behind_the_far_end_of_an_index_are_those_of_the_same_key(db: Client) -> None:
    await db.create_tables(Step)
    for number in (1, 2, 3):
        await Step(run="r", number=number).create()
    query = Step.by_kind.query("r").where(Step.kind <= "plain")
    page = await query.page()
    for position, item in enumerate(page.items):
        rest = await query.after(page.cursor_at(item)).all()
        assert [*page.items[: position + 1], *rest] == list(page.items)


@pytest.mark.behaviour("1.68")
def test_a_table_is_named_and_not_by_its_arn() -> None:
    with pytest.raises(InvalidModel, match=r"Elsewhere: table='arn:.*letters, digits"):

        class Elsewhere(Model, table="arn:aws:dynamodb:eu-west-1:123456789012:table/users"):
            id: Attr[str] = partition_key()


@pytest.mark.behaviour("1.21")
@pytest.mark.dynalite
async def test_a_dotted_name_is_no_path(db: Client) -> None:
    await db.create_tables(Step)
    await Step(run="r", number=1).create()
    await Step.update("r", 1, attr("a").set({"b": 1}), attr("a.b").set(2))
    assert await Step.query("r").filter((attr("a", "b") == 1) & (attr("a.b") == 2)).count() == 1
