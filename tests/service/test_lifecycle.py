"""Create, read, update, delete: what is stored, what comes back, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from dynamorm_py import (
    Client,
    ConditionFailed,
    IncompleteIndexKey,
    InvalidItem,
    ItemAlreadyExists,
    ItemNotFound,
    ServiceError,
    VersionConflict,
    attr,
)
from dynamorm_py.core.wire import Call
from tests.service.shop import Doc, Order, User

OpenClient = Callable[..., AbstractAsyncContextManager[Client]]


class Clock:
    """A clock that stands still until it is told to move."""

    def __init__(self) -> None:
        self.time = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def move(self, **by: int) -> None:
        self.time += timedelta(**by)


async def stored(db: Client, table: str, **key: Any) -> dict[str, Any]:
    response = await db.send(
        Call("GetItem", {"TableName": db.scope.prefix + table, "Key": key, "ConsistentRead": True})
    )
    return dict(response.get("Item") or {})


@pytest.mark.behaviour("1.39", "1.41")
async def test_create_stores_and_never_overwrites(db: Client) -> None:
    await db.create_tables(User)
    user = User(user_id="u1", email="a@x.org", tags={"x", "y"})
    assert await user.create() is user
    assert await User.get("u1") == user
    with pytest.raises(ItemAlreadyExists) as caught:
        await User(user_id="u1", email="other").create()
    assert caught.value.item == user
    assert (await User.get_or_raise("u1")).email == "a@x.org"


@pytest.mark.behaviour("2.11")
@pytest.mark.dynalite
async def test_a_missing_item_is_none_or_an_error(db: Client) -> None:
    await db.create_tables(User)
    assert await User.get("nobody") is None
    with pytest.raises(ItemNotFound, match=r"User\.get_or_raise\(user_id='nobody'\)"):
        await User.get_or_raise("nobody")


async def test_keys_are_given_in_three_ways(db: Client) -> None:
    await db.create_tables(Doc)
    await Doc(owner="o", doc_id=7, title="t").create()
    assert await Doc.get("o", 7) == await Doc.get(owner="o", doc_id=7) == await Doc.get({"owner": "o", "doc_id": 7})


@pytest.mark.behaviour("1.7", "1.10", "1.39")
@pytest.mark.dynalite
async def test_put_replaces(db: Client) -> None:
    await db.create_tables(User)
    await User(user_id="u1", email="a", nick="n").create()
    await User(user_id="u1", email="b").put()
    assert await stored(db, "users", user_id={"S": "u1"}) == {
        "user_id": {"S": "u1"},
        "email": {"S": "b"},
        "visits": {"N": "0"},
        "history": {"L": []},
    }


@pytest.mark.behaviour("1.7", "1.35", "1.37", "1.40")
@pytest.mark.dynalite
async def test_update_is_atomic_and_returns_the_new_item(db: Client) -> None:
    await db.create_tables(User)
    await User(user_id="u1", email="a", tags={"x"}).create()
    user = await User.update(
        "u1",
        User.visits.add(2),
        User.email.set("b"),
        User.tags.add_to_set("y", "z"),
        User.history.append("one", "two"),
        condition=User.visits < 10,
    )
    assert user == User(user_id="u1", email="b", visits=2, tags={"x", "y", "z"}, history=["one", "two"])
    user = await User.update(
        "u1", User.visits.subtract(1), User.tags.remove_from_set("x", "y", "z"), User.history.prepend("zero")
    )
    assert (user.visits, user.tags, user.history) == (1, set(), ["zero", "one", "two"])
    user = await User.update("u1", User.history[1].remove(), User.nick.set_if_not_exists("n"))
    assert (user.history, user.nick) == (["zero", "two"], "n")
    user = await User.update(
        "u1", User.nick.set(User.nick.if_not_exists("m")), attr("n").set(attr("n").if_not_exists(5) - 2)
    )
    assert (user.nick, (await stored(db, "users", user_id={"S": "u1"}))["n"]) == ("n", {"N": "3"})
    user = await User.update("u1", User.visits.set(User.visits + 5), User.nick.set(None))
    assert (user.visits, user.nick) == (6, None)
    assert "nick" not in await stored(db, "users", user_id={"S": "u1"})


@pytest.mark.behaviour("1.34", "2.22")
@pytest.mark.dynalite
async def test_a_change_inside_what_is_not_there_names_it(db: Client) -> None:
    await db.create_tables(User)
    await User(user_id="u1", email="a").create()
    with pytest.raises(
        ServiceError, match=r"User\.update\(user_id='u1'\): .*: the item has no a\.b to change a part of"
    ):
        await User.update("u1", attr("a", "b", "c").set(1), User.visits.add(1))
    assert (await User.get_or_raise("u1")).visits == 0


@pytest.mark.dynalite
async def test_a_stored_item_that_does_not_fit_names_the_verb_and_the_key(db: Client) -> None:
    await db.create_tables(User)
    request = {"TableName": db.scope.prefix + "users", "Item": {"user_id": {"S": "u1"}}}
    await db.send(Call("PutItem", request))
    with pytest.raises(InvalidItem, match=r"User\.get\(user_id='u1'\): .*email: Field required"):
        await User.get("u1")


@pytest.mark.behaviour("1.38")
@pytest.mark.dynalite
async def test_an_update_of_an_absent_item_does_not_create_it(db: Client) -> None:
    await db.create_tables(User)
    with pytest.raises(ItemNotFound, match=r"User\.update\(user_id='u1'\)"):
        await User.update("u1", User.visits.add(1))
    assert await User.get("u1") is None


@pytest.mark.behaviour("1.38")
async def test_upsert_creates_and_needs_what_is_required(db: Client) -> None:
    await db.create_tables(User, Doc)
    user = await User.update("u1", User.visits.add(1), User.email.set("a"), upsert=True)
    assert user == User(user_id="u1", email="a", visits=1)
    with pytest.raises(ValueError, match="email"):
        await User.update("u2", User.visits.add(1), upsert=True)
    doc = await Doc.update("o", 1, Doc.title.set("t"), upsert=True)
    assert (doc.version, doc.created) == (0, doc.updated)
    assert (await Doc.update("o", 1, Doc.title.set("u"), upsert=True)).version == 1


@pytest.mark.behaviour("1.41")
async def test_a_failed_condition_carries_the_item(db: Client) -> None:
    await db.create_tables(User)
    user = await User(user_id="u1", email="a", visits=9).create()
    with pytest.raises(ConditionFailed) as caught:
        await User.update("u1", User.visits.add(1), condition=User.visits < 5)
    assert caught.value.item == user
    assert not isinstance(caught.value, VersionConflict)
    assert caught.value.key == {"user_id": "u1"}
    with pytest.raises(ConditionFailed):
        await User.delete("u1", condition=User.visits < 5)
    assert await User.get("u1") == user


@pytest.mark.behaviour("1.42")
@pytest.mark.dynalite
async def test_delete_by_key_and_by_instance(db: Client) -> None:
    await db.create_tables(User)
    user = await User(user_id="u1", email="a").create()
    await User.delete("u1")
    await User.delete("u1")
    await user.delete()
    assert await User.get("u1") is None


@pytest.mark.behaviour("1.40", "1.44")
@pytest.mark.dynalite
async def test_save_writes_only_what_changed(db: Client) -> None:
    await db.create_tables(User)
    await User(user_id="u1", email="a").save()
    mine, theirs = await User.get_or_raise("u1"), await User.get_or_raise("u1")
    theirs.nick = "theirs"
    await theirs.save()
    mine.email = "mine"
    request = mine.save().request
    assert set(request["ExpressionAttributeNames"].values()) == {"email", "user_id"}
    assert await mine.save() is mine
    mine.visits = 3
    await mine.save()
    assert await User.get_or_raise("u1") == User(user_id="u1", email="mine", nick="theirs", visits=3)


@pytest.mark.behaviour("1.44")
@pytest.mark.dynalite
async def test_save_without_a_change_sends_nothing(db: Client, open_client: OpenClient) -> None:
    await db.create_tables(User)
    await User(user_id="u1", email="a").create()
    calls: list[str] = []
    async with open_client(on_call=lambda record: calls.append(record.operation)):
        user = await User.get_or_raise("u1")
        assert await user.save() is user
    assert calls == ["GetItem"]


@pytest.mark.behaviour("2.8")
async def test_save_of_a_deleted_item(db: Client) -> None:
    await db.create_tables(User, Doc)
    user = await User(user_id="u1", email="a").create()
    doc = await Doc(owner="o", doc_id=1, title="t").create()
    await User.delete("u1")
    await Doc.delete("o", 1)
    user.email, doc.title = "b", "u"
    with pytest.raises(ItemNotFound):
        await user.save()
    with pytest.raises(VersionConflict):
        await doc.save()
    assert await User.get("u1") is None


@pytest.mark.behaviour("1.73")
@pytest.mark.dynalite
async def test_unknown_attributes_survive(db: Client) -> None:
    await db.create_tables(User)
    await User(user_id="u1", email="a").create()
    await User.update("u1", attr("added_by_a_newer_writer").set({"deep": [1, {"x": b"\x00"}]}))
    user = await User.get_or_raise("u1")
    user.email = "b"
    await user.save()
    user = await User.get_or_raise("u1")
    user.visits = 4
    await user.put()
    item = await stored(db, "users", user_id={"S": "u1"})
    assert item["added_by_a_newer_writer"] == {"M": {"deep": {"L": [{"N": "1"}, {"M": {"x": {"B": b"\x00"}}}]}}}
    assert (item["email"], item["visits"]) == ({"S": "b"}, {"N": "4"})


@pytest.mark.behaviour("1.74", "2.7")
async def test_versions_and_timestamps(db: Client, open_client: OpenClient) -> None:
    await db.create_tables(Doc)
    clock = Clock()
    start = clock.time
    async with open_client(clock=clock):
        doc = Doc(owner="o", doc_id=1, title="t")
        doc.version = 17
        await doc.create()
        assert (doc.version, doc.created, doc.updated) == (0, start, start)
        clock.move(minutes=1)
        updated = await Doc.update("o", 1, Doc.score.add(Decimal("0.1")))
        assert (updated.version, updated.created, updated.updated) == (1, start, start + timedelta(minutes=1))
        clock.move(minutes=1)
        bare = await Doc.update("o", 1)
        assert (bare.version, bare.updated) == (2, start + timedelta(minutes=2))
        bare.title = "u"
        await bare.save()
        assert (bare.version, bare.created) == (3, start)
        clock.move(minutes=1)
        await bare.put()
        assert (bare.version, bare.created, bare.updated) == (4, start, start + timedelta(minutes=3))
        assert await Doc.get("o", 1) == bare


@pytest.mark.behaviour("1.74", "2.8", "2.9")
async def test_a_stale_version_is_a_conflict(db: Client) -> None:
    await db.create_tables(Doc)
    stale = await Doc(owner="o", doc_id=1, title="t").create()
    fresh = await Doc.update("o", 1, Doc.title.set("theirs"))
    stale.title = "mine"
    for operation in (stale.save, stale.put, stale.delete, lambda: stale.update(Doc.title.set("mine"))):
        with pytest.raises(VersionConflict) as caught:
            await operation()
        assert caught.value.item == fresh
    assert await Doc.get("o", 1) == fresh
    await fresh.delete()
    with pytest.raises(VersionConflict):
        await stale.delete()


async def test_put_of_a_new_object_does_not_reset_a_version(db: Client) -> None:
    await db.create_tables(Doc)
    await Doc(owner="o", doc_id=1, title="t").put()
    with pytest.raises(VersionConflict):
        await Doc(owner="o", doc_id=1, title="u").put()
    assert (await Doc.get_or_raise("o", 1)).title == "t"


async def test_update_of_an_instance_moves_it_on(db: Client) -> None:
    await db.create_tables(Doc)
    doc = await Doc(owner="o", doc_id=1, title="t").create()
    assert await doc.update(Doc.title.set("u")) is doc
    assert (doc.title, doc.version) == ("u", 1)
    with pytest.raises(ConditionFailed) as caught:
        await doc.update(Doc.title.set("v"), condition=Doc.title == "something else")
    assert not isinstance(caught.value, VersionConflict)
    doc.title = "w"
    await doc.save()
    assert doc.version == 2


async def test_refresh_reads_in_place(db: Client) -> None:
    await db.create_tables(Doc)
    doc = await Doc(owner="o", doc_id=1, title="t").create()
    await Doc.update("o", 1, Doc.title.set("theirs"))
    assert await doc.refresh() is doc
    assert (doc.title, doc.version) == ("theirs", 1)
    doc.title = "mine"
    await doc.save()
    await Doc.delete("o", 1)
    with pytest.raises(ItemNotFound):
        await doc.refresh()


@pytest.mark.behaviour("1.15", "2.9")
async def test_an_expired_item_reads_as_missing_and_can_be_replaced(db: Client, open_client: OpenClient) -> None:
    await db.create_tables(Doc)
    clock = Clock()
    # DynamoDB Local deletes by the time of this machine: what expires by ours must not have expired by that.
    clock.time = clock.time.replace(year=2124)
    async with open_client(clock=clock):
        await Doc(owner="o", doc_id=1, title="old", expires=clock.time + timedelta(minutes=5)).create()
        await Doc(owner="o", doc_id=2, title="stays").create()
        assert (await stored(db, "docs", owner={"S": "o"}, doc_id={"N": "1"}))["expires"] == {"N": "4870653190"}
        with pytest.raises(ItemAlreadyExists):
            await Doc(owner="o", doc_id=1, title="new").create()
        clock.move(minutes=6)
        assert await Doc.get("o", 1) is None
        expired = await Doc.get("o", 1, include_expired=True)
        assert expired is not None
        assert expired.title == "old"
        assert [doc.doc_id for doc in await Doc.query("o").all()] == [2]
        assert await Doc.query("o").count() == 1
        assert [doc.doc_id for doc in await Doc.query("o").include_expired().all()] == [1, 2]
        assert (await Doc(owner="o", doc_id=1, title="new").create()).title == "new"
        assert await Doc.get("o", 1) is not None


@pytest.mark.behaviour("1.11")
@pytest.mark.dynalite
async def test_composed_keys_and_their_indexes(db: Client) -> None:
    await db.create_tables(Order)
    noon = datetime(2024, 1, 1, 12, tzinfo=UTC)
    order = await Order(tenant="t1", placed_at=noon, order_id="#1", customer="c").create()
    item = await stored(db, "shop", pk={"S": "T#t1#ORDER"}, sk={"S": "2024-01-01T12:00:00.000000Z#$231"})
    assert item["by_customer_pk"] == {"S": "T#t1#C#c"}
    assert item["by_status_sk"] == {"S": "2024-01-01T12:00:00.000000Z#$231"}
    assert await Order.get("t1", noon, "#1") == order
    assert [each.order_id async for each in Order.by_customer.query("t1", "c")] == ["#1"]
    await Order.update("t1", noon, "#1", Order.customer.set(None), Order.status.set("paid"))
    assert await Order.by_customer.query("t1", "c").all() == []
    assert await Order.by_status.query("t1", "open").all() == []
    assert [each.order_id for each in await Order.by_status.query("t1", "paid").all()] == ["#1"]


@pytest.mark.dynalite
async def test_an_index_key_cannot_go_stale(db: Client) -> None:
    await db.create_tables(Order)
    noon = datetime(2024, 1, 1, 12, tzinfo=UTC)
    order = await Order(tenant="t1", placed_at=noon, order_id="1", customer="c").create()
    with pytest.raises(IncompleteIndexKey, match="status"):
        await Order.update("t1", noon, "1", Order.status.set(Order.customer))
    order.customer = "d"
    await order.save()
    assert await Order.by_customer.query("t1", "c").exists() is False
    assert [each.order_id for each in await Order.by_customer.query("t1", "d").all()] == ["1"]


@pytest.mark.behaviour("2.6")
@pytest.mark.dynalite
async def test_values_are_never_part_of_an_expression(db: Client) -> None:
    await db.create_tables(User)
    for hostile in ("--", "<script>", "'; DROP TABLE users", ":v0", "#n0", "\x00", "𝄞", '"'):
        await User(user_id=hostile, email=hostile, tags={hostile}).create()
        found = await User.by_email.query(hostile).filter(User.tags.contains(hostile)).one()
        assert (found.user_id, found.tags) == (hostile, {hostile})
        assert (await User.update(hostile, User.nick.set(hostile), condition=User.email == hostile)).nick == hostile


@pytest.mark.dynalite
async def test_an_operation_can_be_awaited_again(db: Client) -> None:
    await db.create_tables(User)
    await User(user_id="u1", email="a").create()
    operation = User.update("u1", User.visits.add(1))
    assert [(await operation).visits, (await operation).visits, (await db.run(operation)).visits] == [1, 2, 3]
