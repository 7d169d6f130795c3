"""Batches: chunks, order, duplicates, leftovers."""

from __future__ import annotations

from typing import Any

import pytest

from dynamorm_py import Client, InvalidKey, InvalidOperation, TableNotFound
from dynamorm_py.batch import batch_write, batch_writer
from tests.service.shop import Account, Doc, User


@pytest.mark.behaviour("1.47", "2.23")
async def test_writes_of_more_than_one_request(db: Client) -> None:
    await db.create_tables(User, Doc)
    progress: list[tuple[int, int]] = []
    users = [User(user_id=f"u{number}", email="a") for number in range(26)]
    await batch_write(
        *(user.put() for user in users),
        Doc.delete("o", 1),
        progress=lambda done, total: progress.append((done, total)),
        concurrency=1,
    )
    assert progress == [(25, 27), (27, 27)]
    assert await User.by_email.query("a").count() == 26
    users[0].visits = 3
    await users[0].save()
    await batch_write(*(User.delete(user.user_id) for user in users[:25]))
    assert [user.user_id for user in await User.by_email.query("a").all()] == ["u25"]


@pytest.mark.behaviour("1.47", "2.23")
@pytest.mark.dynalite
async def test_what_a_batch_cannot_carry_is_refused(db: Client) -> None:
    await db.create_tables(User, Account)
    user = User(user_id="u1", email="a")
    for operation in (
        user.create(),
        User.update("u1", User.visits.add(1)),
        User.delete("u1", condition=User.visits > 1),
    ):
        with pytest.raises(InvalidOperation, match="batch"):
            await batch_write(operation)
    with pytest.raises(InvalidOperation, match="same item"):
        await batch_write(user.put(), User.delete("u1"))
    for nothing in (User.get("u1"), batch_write(user.put())):
        with pytest.raises(InvalidOperation, match=r"^batch_write: \w+\(\) does not write one item$"):
            await batch_write(nothing)
    assert await User.get("u1") is None


def test_one_key_is_no_list_of_keys() -> None:
    one: Any
    for one in ("u1", b"u1", {"owner": "o", "doc_id": 1}):
        with pytest.raises(InvalidKey, match=r"Doc\.batch_get: .* a list of keys, not one"):
            _ = Doc.batch_get(one)


async def test_a_batch_of_which_nothing_was_written_raises_what_stopped_it(db: Client) -> None:
    await db.create_tables(User)
    with pytest.raises(TableNotFound):
        await batch_write(Doc.delete("o", 1))


@pytest.mark.behaviour("1.45", "2.21")
async def test_reads_in_order_with_missing_and_repeated_keys(db: Client) -> None:
    await db.create_tables(Doc)
    await batch_write(*(Doc(owner="o", doc_id=number, title=str(number)).put() for number in range(0)))
    for number in range(3):
        await Doc(owner="o", doc_id=number, title=str(number)).create()
    found = await Doc.batch_get([("o", 2), {"owner": "o", "doc_id": 0}, ("o", 9), ("o", 2)], consistent=True)
    assert [doc.title if doc else None for doc in found] == ["2", "0", None, "2"]
    assert await Doc.batch_get([]) == []


@pytest.mark.behaviour("1.45", "2.21")
@pytest.mark.dynalite
async def test_a_hundred_and_one_keys_are_two_requests(db: Client, open_client: object) -> None:
    await db.create_tables(User)
    await batch_write(*(User(user_id=f"u{number}", email="a").put() for number in range(101)))
    progress: list[int] = []
    keys = [f"u{number}" for number in reversed(range(101))]
    users = await User.batch_get(keys, progress=lambda done, total: progress.append(done))
    assert [user.user_id if user else None for user in users] == keys
    assert len(progress) == 2


@pytest.mark.dynalite
async def test_large_items_share_fewer_requests(db: Client) -> None:
    await db.create_tables(User)
    progress: list[int] = []
    users = [User(user_id=f"u{number}", email="a", nick="x" * size) for number, size in enumerate([300_000] * 5 + [9])]
    await batch_write(*(user.put() for user in users), concurrency=1, progress=lambda done, _: progress.append(done))
    assert progress == [2, 4, 6]
    assert await User.batch_get([user.user_id for user in users]) == users


@pytest.mark.dynalite
async def test_a_writer_streams(db: Client) -> None:
    await db.create_tables(User)
    async with batch_writer(concurrency=2) as writer:
        for number in range(60):
            await writer.add(User(user_id=f"u{number}", email="a").put())
        assert writer.written == 50
    assert writer.written == 60
    assert await User.by_email.query("a").count() == 60


@pytest.mark.dynalite
async def test_a_writer_whose_block_fails_writes_no_more(db: Client) -> None:
    await db.create_tables(User)
    with pytest.raises(ZeroDivisionError):
        await _write_and_fail()
    assert await User.get("never") is None


async def _write_and_fail() -> None:
    async with batch_writer() as writer:
        await writer.add(User(user_id="never", email="a").put())
        _ = 1 / 0
