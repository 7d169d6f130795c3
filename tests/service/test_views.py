"""Partial views: what a projection or an index brings of an item, and that nothing else is made up."""

from __future__ import annotations

import copy
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from dynamorm_py import (
    Attr,
    Client,
    FieldNotRead,
    GlobalIndex,
    InvalidItem,
    InvalidOperation,
    LocalIndex,
    Model,
    Partial,
    PrimaryKey,
    Query,
    Table,
    attr,
    batch_write,
    field,
    partition_key,
    sort_key,
    unique,
)
from dynamorm_py.core.wire import Call
from dynamorm_py.testing import LocalEndpoint
from tests.service.library import FUTURE, NOW, PAST, Address, Book, Member


def ada(**more: Any) -> Member:
    return Member(
        **{
            "club": "c#1",
            "joined": -3,
            "name": "Ada",
            "email": "ada@x.org",
            "visits": 5,
            "nick": "a",
            "tags": {"x", "y"},
            "notes": ["n0", "n1", "n2", "n3"],
            "fees": Decimal("1.5"),
            "secret": SecretStr("hush"),
            "address": Address(city="Rome"),
            "homes": [Address(city="A"), Address(city="B", zip_code="1"), Address(city="C")],
            "expires": FUTURE,
            **more,
        }
    )


@pytest.fixture
async def member(db: Client) -> Member:
    await db.create_tables(Member)
    return await ada().create()


async def only(query: Query[Member], *paths: Any) -> Partial[Member]:
    return await query.project(*paths).one()


async def overwrite(db: Client, attribute: str, value: dict[str, Any]) -> None:
    """Sets an attribute of the member's item behind the model's back."""
    request = {
        "TableName": db.scope.prefix + "members",
        "Key": Member.get("c#1", -3, "Ada").request["Key"],
        "UpdateExpression": "SET #n = :v",
        "ExpressionAttributeNames": {"#n": attribute},
        "ExpressionAttributeValues": {":v": value},
    }
    await db.send(Call("UpdateItem", request))


# moto refuses an alias before a list index as unused, and does not read from the table what a local index lacks.
on_dynamodb_local = pytest.mark.parametrize("engine", ["dynamodb_local"], indirect=True)


@pytest.mark.behaviour("2.19")
async def test_a_projection_brings_what_was_asked_for_and_the_keys(member: Member) -> None:
    view = await only(Member.query("c#1"), Member.visits, Member.tags, Member.fees)
    assert view[Member.visits] == view.visits == 5
    assert view[Member.tags] == {"x", "y"}
    assert view[Member.fees] == Decimal("1.5")
    # What composed keys tell is there too, and the time to live, without which nobody could tell what has expired.
    assert view.present == {"visits", "tags", "fees", "club", "joined", "name", "expires"}
    assert view.missing == {"email", "nick", "notes", "secret", "address", "homes"}
    assert view.key == {"club": "c#1", "joined": -3, "name": "Ada"}
    assert view.expires == FUTURE


@pytest.mark.behaviour("1.61", "2.19")
async def test_what_was_not_read_raises(member: Member) -> None:
    view = await only(Member.query("c#1"), Member.visits)
    with pytest.raises(FieldNotRead, match="email was not read") as caught:
        _ = view.email
    assert isinstance(caught.value, AttributeError)
    assert caught.value.model == "Member"
    with pytest.raises(FieldNotRead, match="email was not read"):
        _ = view[Member.email]
    assert not hasattr(view, "email")
    assert getattr(view, "email", None) is None
    with pytest.raises(AttributeError, match="Member has no field nonsense") as unknown:
        _ = view.nonsense
    assert not isinstance(unknown.value, FieldNotRead)


@pytest.mark.behaviour("1.7", "2.19")
async def test_absent_attributes_read_as_none_or_empty_and_never_as_a_default(member: Member, db: Client) -> None:
    await Member(club="c#2", joined=1, name="Bo", email="b").create()
    await Member.update({"club": "c#2", "joined": 1, "name": "Bo"}, Member.visits.remove())
    view = await only(Member.query("c#2"), Member.nick, Member.tags, Member.fees, Member.visits, Member.address)
    assert view[Member.nick] is None
    assert view[Member.fees] is None
    assert view[Member.address] is None
    assert view[Member.tags] == set()
    # The model would say 0; the item says nothing.
    with pytest.raises(FieldNotRead, match="visits was read, but the item does not have it"):
        _ = view[Member.visits]
    with pytest.raises(FieldNotRead, match="visits was read, but the item does not have it"):
        _ = view.visits
    assert "visits" in view.missing


@on_dynamodb_local
async def test_parts_of_fields(member: Member) -> None:
    view = await only(Member.query("c#1"), Member.address[Address.city], Member.homes[1], Member.notes)
    assert view[Member.address[Address.city]] == "Rome"
    assert view[Member.address.city] == "Rome"
    assert view[Member.homes[1]] == Address(city="B", zip_code="1")
    assert view[Member.homes[1][Address.zip_code]] == "1"
    assert view[Member.notes[2]] == "n2"
    assert {"address", "homes"} <= view.missing
    with pytest.raises(FieldNotRead, match=r"address was not read: only address\.city of it was"):
        _ = view[Member.address]
    with pytest.raises(FieldNotRead, match=r"address was not read: only address\.city of it was"):
        _ = view.address
    with pytest.raises(FieldNotRead, match=r"address\.zip_code was not read"):
        _ = view[Member.address[Address.zip_code]]
    with pytest.raises(FieldNotRead, match=r"homes\[0\] was not read"):
        _ = view[Member.homes[0]]


@on_dynamodb_local
@pytest.mark.behaviour("1.32")
async def test_elements_of_lists_are_told_apart_although_they_move_up(member: Member) -> None:
    view = await only(
        Member.query("c#1"), Member.notes[3], Member.notes[1], Member.notes[9], Member.homes[2][Address.city]
    )
    assert view[Member.notes[1]] == "n1"
    assert view[Member.notes[3]] == "n3"
    assert view[Member.homes[2][Address.city]] == "C"
    with pytest.raises(FieldNotRead, match=r"notes\[9\] was read, but the item does not have it"):
        _ = view[Member.notes[9]]
    with pytest.raises(FieldNotRead, match=r"notes\[2\] was not read"):
        _ = view[Member.notes[2]]


@on_dynamodb_local
async def test_absent_parts_read_as_none_where_they_can(member: Member) -> None:
    view = await only(
        Member.query("c#1"),
        Member.address[Address.zip_code],
        Member.homes[0][Address.zip_code],
        attr("nothing", "here"),
    )
    assert view[Member.address[Address.zip_code]] is None
    assert view[Member.homes[0][Address.zip_code]] is None
    assert view[attr("nothing", "here")] is None


def test_parts_of_several_elements_cannot_be_told_apart() -> None:
    query = Member.query("c")
    with pytest.raises(InvalidOperation, match=r"homes\[0\] is asked for in part"):
        query.project(Member.homes[0][Address.city], Member.homes[2][Address.city])
    # One element in several parts can, and whole elements before one in part.
    query.project(Member.homes[1][Address.city], Member.homes[1][Address.zip_code], Member.homes[0])


@pytest.mark.behaviour("1.32")
def test_overlapping_paths_are_refused() -> None:
    for paths in ((Member.address, Member.address[Address.city]), (Member.visits, Member.visits)):
        with pytest.raises(InvalidOperation, match="one contains the other"):
            _ = Member.query("c").project(*paths).request


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Member.query("c").project(), "one or more paths"),
        (lambda: Member.query("c").project(Member.visits).project(Member.tags), "can be given once"),
        (lambda: Member.query("c").project(Book.rank).request, "a path of Book"),
        (lambda: Member.by_email.query("e").project(Member.fees).request, "by_email does not copy fees"),
        (lambda: Member.by_nick.scan().project(Member.email).request, "by_nick does not copy email"),
    ],
)
def test_what_cannot_be_projected_is_refused(made: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidOperation, match=message):
        made()


def test_the_request_asks_for_the_keys_first_and_once() -> None:
    request = Book.by_genre.query("x").project(Book.title, Book.number, Book.rank).request
    names = request["ExpressionAttributeNames"]
    asked = [names[alias] for alias in request["ProjectionExpression"].split(", ")]
    assert asked == ["genre", "rank", "shelf", "number", "expires", "title"]


@pytest.mark.behaviour("1.61", "2.19")
async def test_an_index_of_keys_returns_views(member: Member) -> None:
    for query in (Member.by_email.query("ada@x.org"), Member.by_email.scan()):
        view = await query.one()
        assert view.present == {"club", "joined", "name", "email"}
        assert view.key == {"club": "c#1", "joined": -3, "name": "Ada"}
        with pytest.raises(FieldNotRead):
            _ = view[Member.visits]
    local = await Member.by_visits.query("c#1").where(Member.visits > 3).one()
    assert local.present == {"club", "joined", "name", "visits"}


async def test_an_index_of_names_returns_views(member: Member) -> None:
    view = await Member.by_nick.query("a").one()
    assert view.present == {"club", "joined", "name", "nick", "visits", "expires"}
    assert view[Member.nick] == "a"
    narrow = await Member.by_nick.query("a").project(Member.visits).one()
    assert narrow[Member.visits] == 5


@on_dynamodb_local
async def test_a_local_index_reads_what_it_does_not_copy_from_the_table(member: Member) -> None:
    view = await Member.by_visits.query("c#1").project(Member.email, Member.address[Address.city]).one()
    assert view[Member.email] == "ada@x.org"
    assert view[Member.address[Address.city]] == "Rome"


@pytest.mark.behaviour("1.60")
async def test_load_reads_the_whole_item(member: Member) -> None:
    view = await Member.by_email.query("ada@x.org").one()
    loaded = await view.load()
    assert loaded == member
    assert view.load(consistent=True).request["ConsistentRead"] is True
    await member.delete()
    assert await view.load() is None


async def test_pages_and_cursors_of_views(member: Member) -> None:
    await batch_write(*(ada(joined=n, name=f"m{n}", secret=None).put() for n in range(5)))
    query = Member.query("c#1").project(Member.visits)
    page = await query.limit(2).page()
    assert [view.joined for view in page.items] == [-3, 0]
    assert [view.joined for view in await query.after(page.cursor).all()] == [1, 2, 3, 4]
    cursor = page.cursor_at(page.items[0])
    assert [view.joined async for view in query.after(cursor).limit(2)] == [0, 1]
    assert len(await Member.scan(segments=3).project(Member.visits).all()) == 6


async def test_expired_items_are_missing_from_views_too(dynamodb_local: LocalEndpoint, table_prefix: str) -> None:
    async with dynamodb_local.client(table_prefix=table_prefix, clock=lambda: NOW) as db:
        await db.create_tables(Member)
        await ada(expires=PAST).put()
        await ada(name="Bo", expires=FUTURE).put()
        for query in (Member.query("c#1"), Member.scan(), Member.scan(segments=2)):
            assert [view.name for view in await query.project(Member.visits).all()] == ["Bo"]
        assert [view.name for view in await Member.by_nick.query("a").all()] == ["Bo"]
        # An index that does not copy the time to live cannot tell; the item itself can.
        views = await Member.by_email.query("ada@x.org").all()
        assert len(views) == 2
        assert [loaded.name for view in views if (loaded := await view.load()) is not None] == ["Bo"]
        await db.delete_tables(Member)


async def test_a_stored_value_that_does_not_fit_is_an_error(member: Member, db: Client) -> None:
    await overwrite(db, "visits", {"N": "-1"})
    with pytest.raises(InvalidItem, match="visits: Input should be greater than or equal to 0") as caught:
        await only(Member.query("c#1"), Member.visits)
    assert caught.value.model == "Member"
    assert caught.value.key is not None
    view = await only(Member.query("c#1"), Member.tags)
    assert view.tags == {"x", "y"}


async def test_views_are_compared_and_shown_by_what_they_hold(member: Member) -> None:
    query = Member.query("c#1")
    view = await only(query, Member.visits, Member.secret)
    assert view == await only(query, Member.secret, Member.visits)
    assert view != await only(query, Member.secret)
    assert view != member
    await Member.update({"club": "c#1", "joined": -3, "name": "Ada"}, Member.visits.add(1))
    assert view != await only(query, Member.visits, Member.secret)
    assert repr(view).startswith("Partial[Member](club='c#1', joined=-3, name='Ada', visits=5, secret=SecretStr(")
    assert "hush" not in repr(view)
    city = await only(query, Member.address[Address.city])
    assert city == await only(query, Member.address[Address.city])
    await Member.update({"club": "c#1", "joined": -3, "name": "Ada"}, Member.address[Address.city].set("Oslo"))
    assert city != await only(query, Member.address[Address.city])


async def test_views_are_read_only(member: Member) -> None:
    view: Any = await only(Member.query("c#1"), Member.visits)
    with pytest.raises(AttributeError, match="read-only"):
        view.visits = 3
    with pytest.raises(AttributeError, match="read-only"):
        del view.visits
    with pytest.raises(TypeError):
        iter(view)
    with pytest.raises(TypeError):
        hash(view)
    with pytest.raises(TypeError):
        view.key["club"] = "other"
    assert copy.copy(view) is view
    assert copy.deepcopy(view) == view


class Oddity(Model, table="oddities"):
    """Names that a view has itself, an alias, other attribute names, and a field without repr."""

    part: Attr[str] = partition_key(name="p")
    number: Attr[int] = sort_key(name="n")
    key: Attr[str] = field(default="k", name="the key")
    present: Attr[int] = field(default=1)
    hidden: Attr[str] = field(default="h", repr=False)
    aliased: Attr[int] = field(default=2, alias="other", name="a.b")
    by_present = GlobalIndex(partition_key="present", projection=("key", "aliased", "hidden"))
    by_key = LocalIndex(sort_key="key", projection="KEYS_ONLY")


async def test_names_of_all_kinds(db: Client) -> None:
    await db.create_tables(Oddity)
    await Oddity(part="p", number=1, other=5).create()
    views = [
        await Oddity.query("p").project(Oddity.key, Oddity.present, Oddity.aliased, Oddity.hidden).one(),
        await Oddity.by_present.query(1).one(),
    ]
    for view in views:
        assert view.key == {"part": "p", "number": 1}
        assert view[Oddity.key] == "k"
        assert view[Oddity.present] == 1
        assert view[Oddity.aliased] == view.aliased == 5
        assert view.present == {"part", "number", "key", "present", "hidden", "aliased"}
        assert "hidden" not in repr(view)


class Raw(Model, table="raws"):
    """Keys that others wrote, some of them in another form."""

    left: Attr[str]
    right: Attr[str]
    value: Attr[int] = field(default=0)
    keys = PrimaryKey("L-{left}", "{right}", raw=True)
    by_value = GlobalIndex(partition_key="value", projection="KEYS_ONLY")


async def test_raw_keys_tell_their_fields_where_they_can(db: Client) -> None:
    await db.create_tables(Raw)
    await Raw(left="a", right="b", value=1).create()
    view = await Raw.by_value.query(1).one()
    assert view.key == {"left": "a", "right": "b"}
    assert await view.load() == Raw(left="a", right="b", value=1)
    stranger = {"pk": {"S": "else"}, "sk": {"S": "b"}, "value": {"N": "2"}}
    await db.send(Call("PutItem", {"TableName": db.scope.prefix + "raws", "Item": stranger}))
    view = await Raw.by_value.query(2).one()
    assert view.right == "b"
    with pytest.raises(InvalidItem, match="key does not tell left"):
        _ = view.key


async def test_values_of_untyped_paths_are_plain(member: Member, db: Client) -> None:
    await overwrite(db, "extra", {"M": {"deep": {"L": [{"N": "1"}, {"S": "x"}]}}})
    view = await only(Member.query("c#1"), attr("extra"))
    assert view[attr("extra")] == {"deep": [1, "x"]}
    assert view[attr("extra", "deep", 1)] == "x"
    with pytest.raises(FieldNotRead):
        _ = view[attr("elsewhere")]
    with pytest.raises(InvalidOperation, match="a path of Book"):
        _ = view[Book.rank]


class Cat(Model, table="pets"):
    owner: Attr[str] = partition_key()
    name: Attr[str] = sort_key()
    lives: Attr[int] = field(default=9)
    by_name = GlobalIndex(partition_key="name", projection="KEYS_ONLY")


class Dog(Model, table="pets"):
    owner: Attr[str] = partition_key()
    name: Attr[str] = sort_key()
    tricks: Attr[int] = field(default=0)
    email: Attr[str | None] = field(default=None)
    emails = unique("email")


pets = Table("pets", Cat, Dog)


async def test_views_and_scans_of_one_model_among_several(db: Client) -> None:
    await db.create_tables(Cat, Dog)
    await Cat(owner="o", name="Tom").create()
    await Dog(owner="o", name="Rex", email="rex@x.org").create()
    for scan in (Dog.scan(), Dog.scan(segments=3), Dog.query("o")):
        assert [dog.name for dog in await scan.all()] == ["Rex"]
        assert [view.name for view in await scan.project(Dog.tricks).all()] == ["Rex"]
        assert await scan.count() == 1
    assert sorted(pet.name for pet in await pets.scan().all()) == ["Rex", "Tom"]
    assert await pets.scan().count() == 2
    with pytest.raises(InvalidOperation, match="copies parts of items"):
        pets.index("by_name")
    with pytest.raises(InvalidOperation, match="items of several models are returned whole"):
        pets.query("o").project(Dog.name)
