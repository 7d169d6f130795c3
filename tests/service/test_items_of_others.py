"""Items that other programs wrote, and that hold some of a model's fields in their key alone."""

from __future__ import annotations

from typing import Any

import pytest

from dynamorm_py import Attr, Client, GlobalIndex, Model, PrimaryKey, field, version_number
from dynamorm_py.core.wire import Call


class Entry(Model, table="entries"):
    owner: Attr[str]
    number: Attr[int]
    title: Attr[str]
    day: Attr[str] = field(default="2024")
    version: Attr[int] = version_number()
    key = PrimaryKey("OWNER#{owner}", "ENTRY#{number}", partition_attribute="PK", sort_attribute="SK", raw=True)
    by_day = GlobalIndex(partition_key="DAY#{day}", partition_attribute="GSI", raw=True)


KEY = {"PK": {"S": "OWNER#a b"}, "SK": {"S": "ENTRY#7"}}
WRITTEN = {**KEY, "title": {"S": "t"}, "other": {"BOOL": True}}


async def stored(db: Client, key: dict[str, Any]) -> dict[str, Any]:
    response = await db.send(Call("GetItem", {"TableName": db.scope.prefix + "entries", "Key": key}))
    return dict(response.get("Item") or {})


@pytest.mark.behaviour("1.73")
@pytest.mark.dynalite
async def test_fields_that_only_the_key_holds_are_read_from_it(db: Client) -> None:
    await db.create_tables(Entry)
    await db.send(Call("PutItem", {"TableName": db.scope.prefix + "entries", "Item": WRITTEN}))
    entry = await Entry.get_or_raise("a b", 7)
    assert (entry.owner, entry.number, entry.title) == ("a b", 7, "t")
    assert await Entry.query("a b").where(Entry.number == 7).one() == entry
    assert await Entry.scan().all() == [entry]
    assert await Entry.batch_get([("a b", 7), ("a b", 8)]) == [entry, None]


@pytest.mark.behaviour("1.73")
@pytest.mark.dynalite
async def test_writing_them_back_changes_what_was_changed(db: Client) -> None:
    await db.create_tables(Entry)
    await db.send(Call("PutItem", {"TableName": db.scope.prefix + "entries", "Item": WRITTEN}))
    entry = await Entry.get_or_raise("a b", 7)
    entry.title = "u"
    await entry.save()
    assert await stored(db, KEY) == {**WRITTEN, "title": {"S": "u"}, "version": {"N": "0"}}
    await entry.update(Entry.day.set("2025"))
    assert [each.number for each in await Entry.by_day.query("2025").all()] == [7]
    await entry.put()
    item = await stored(db, KEY)
    assert (item["owner"], item["number"], item["other"]) == ({"S": "a b"}, {"N": "7"}, {"BOOL": True})
    await entry.delete()
    assert await Entry.get("a b", 7) is None
