"""Several models on one table."""

from __future__ import annotations

import pytest

from dynamorm_py import (
    Attr,
    Client,
    GlobalIndex,
    InvalidItem,
    InvalidKey,
    InvalidModel,
    Model,
    PrimaryKey,
    Table,
    attr,
    field,
    partition_key,
)
from dynamorm_py.core.wire import Call


class Member(Model, table="app"):
    user_id: Attr[str]
    name: Attr[str]
    joined: Attr[str] = field(default="2024")
    key = PrimaryKey("USER#{user_id}", "#PROFILE")
    by_date = GlobalIndex(partition_key="D#{joined}", sort_key="M#{user_id}")


class Purchase(Model, table="app"):
    user_id: Attr[str]
    number: Attr[int]
    day: Attr[str] = field(default="2024")
    key = PrimaryKey("USER#{user_id}", "ORDER#{number}")
    by_date = GlobalIndex(partition_key="D#{day}", sort_key="P#{number}")


class Product(Model, table="app"):
    sku: Attr[str]
    key = PrimaryKey("PRODUCT#{sku}", "#PRODUCT")


app = Table("app", Member, Purchase, Product)


async def stocked(db: Client) -> tuple[Member, list[Purchase], Product]:
    await db.create_tables(Member, Purchase, Product)
    member = await Member(user_id="u1", name="Ada").create()
    purchases = [await Purchase(user_id="u1", number=number).create() for number in (2, 10, 1)]
    return member, sorted(purchases, key=lambda each: each.number), await Product(sku="s1").create()


@pytest.mark.dynalite
async def test_a_partition_holds_items_of_several_models(db: Client) -> None:
    member, purchases, product = await stocked(db)
    assert await app.query(user_id="u1").all() == [member, *purchases]
    assert await app.query({"sku": "s1"}).all() == [product]
    assert await app.query(user_id="u1").where(attr("sk").begins_with("ORDER#")).all() == purchases
    assert await app.query(user_id="u1").filter(Purchase.number > 1).all() == purchases[1:]
    assert await Purchase.query("u1").all() == purchases
    assert await app.query(user_id="u1").count() == 4


@pytest.mark.dynalite
async def test_an_index_is_a_collection_too(db: Client) -> None:
    member, purchases, _ = await stocked(db)
    assert await app.index("by_date").query(joined="2024").all() == [member, *purchases]
    assert await Purchase.by_date.query("2024").all() == purchases


@pytest.mark.dynalite
async def test_a_scan_reads_every_model(db: Client) -> None:
    member, purchases, product = await stocked(db)
    found = await app.scan().all()
    assert len(found) == 5
    assert all(each in found for each in (member, *purchases, product))
    assert {repr(each) for each in await app.scan(segments=3).all()} == {repr(each) for each in found}
    assert await Product.scan().all() == [product]
    assert await Product.scan().count() == 1


@pytest.mark.dynalite
async def test_the_entity_is_written_and_read(db: Client) -> None:
    await stocked(db)
    key = {"pk": {"S": "USER#u1"}, "sk": {"S": "#PROFILE"}}
    table = db.scope.prefix + "app"
    item = (await db.send(Call("GetItem", {"TableName": table, "Key": key})))["Item"]
    assert item["entity"] == {"S": "Member"}
    stranger = {**item, "sk": {"S": "#STRANGER"}, "entity": {"S": "Stranger"}}
    await db.send(Call("PutItem", {"TableName": table, "Item": stranger}))
    with pytest.raises(InvalidItem, match="none of the table's models"):
        await app.query(user_id="u1").all()


@pytest.mark.dynalite
async def test_pages_of_a_collection(db: Client) -> None:
    member, purchases, _ = await stocked(db)
    page = await app.query(user_id="u1").limit(2).page()
    rest = await app.query(user_id="u1").after(page.cursor).all()
    assert [*page.items, *rest] == [member, *purchases]


def test_keys_that_say_too_little_are_refused() -> None:
    with pytest.raises(InvalidKey, match="several models"):
        app.query("x")
    with pytest.raises(InvalidKey, match="no model"):
        app.query(name="x")


def test_models_that_do_not_fit_are_refused() -> None:
    class Elsewhere(Model, table="elsewhere"):
        other: Attr[str] = partition_key()

    class Odd(Model, table="app"):
        odd: Attr[str] = partition_key()

    for stranger in (Elsewhere, Odd):
        with pytest.raises(InvalidModel, match=r"Elsewhere|Odd"):
            Table("app", Member, stranger)
    with pytest.raises(InvalidModel, match="belongs to another Table"):
        Table("app", Member, entity_attribute="kind")
