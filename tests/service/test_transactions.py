"""Transactions: all or nothing, and reasons that point at the operations."""

from __future__ import annotations

from typing import Any

import pytest

from dynamorm_py import Client, ConditionFailed, InvalidOperation, ItemAlreadyExists, ItemNotFound, VersionConflict
from dynamorm_py.core.errors import NotUnique, ServiceError, TransactionCanceled
from dynamorm_py.core.wire import Call
from dynamorm_py.testing import EmbeddedDynamoDB
from dynamorm_py.transaction import transact_get, transact_write
from tests.service.shop import Account, Doc, Profile, User


@pytest.mark.behaviour("1.48", "1.49", "2.24")
async def test_all_of_it_or_nothing(db: Client) -> None:
    await db.create_tables(User, Doc)
    first = await User(user_id="u1", email="a", visits=5).create()
    doc = await Doc(owner="o", doc_id=1, title="t").create()
    doc.title = "u"
    new = User(user_id="u2", email="b")
    await transact_write(
        new.create(),
        User.update("u1", User.visits.subtract(5), condition=User.visits >= 5),
        doc.save(),
        Doc.check("o", 2, condition=Doc.owner.not_exists()),
    )
    assert (await User.get_or_raise("u1")).visits == 0
    assert await User.get("u2") == new
    assert (doc.version, (await Doc.get_or_raise("o", 1)).title) == (1, "u")
    new.nick = "known to be stored"
    await new.save()

    operations = (
        User(user_id="u3", email="c").create(),
        User.update("u1", User.visits.subtract(5), condition=User.visits >= 5),
        first.delete(),
    )
    with pytest.raises(InvalidOperation, match="same item"):
        await transact_write(*operations)
    with pytest.raises(TransactionCanceled) as caught:
        await transact_write(*operations[:2])
    untouched, failed = caught.value.reasons
    assert (untouched.code, untouched.error, untouched.operation) == ("None", None, operations[0])
    assert (failed.code, failed.operation) == ("ConditionalCheckFailed", operations[1])
    assert isinstance(failed.error, ConditionFailed)
    assert failed.item == await User.get("u1")
    assert await User.get("u3") is None


@pytest.mark.behaviour("1.49", "2.24")
async def test_each_reason_is_what_the_operation_alone_would_have_raised(db: Client) -> None:
    await db.create_tables(User, Doc)
    await User(user_id="u1", email="a").create()
    stale = await Doc(owner="o", doc_id=1, title="t").create()
    await Doc.update("o", 1, Doc.title.set("theirs"))
    stale.title = "mine"
    with pytest.raises(TransactionCanceled) as caught:
        await transact_write(
            User(user_id="u1", email="b").create(), stale.save(), User.update("nobody", User.visits.add(1))
        )
    assert [type(reason.error) for reason in caught.value.reasons] == [ItemAlreadyExists, VersionConflict, ItemNotFound]
    assert (stale.version, (await Doc.get_or_raise("o", 1)).title) == (0, "theirs")


@pytest.mark.behaviour("1.48", "2.24")
async def test_a_hundred_actions_and_not_one_more(db: Client) -> None:
    await db.create_tables(User)
    users = [User(user_id=f"u{number}", email="a") for number in range(101)]
    await transact_write(*(user.create() for user in users[:100]))
    assert await User.by_email.query("a").count() == 100
    with pytest.raises(InvalidOperation, match="at most 100"):
        await transact_write(*(user.put() for user in users))


@pytest.mark.behaviour("1.51")
async def test_a_token_applies_once(local_db: Client, table_prefix: str) -> None:
    payment = table_prefix[:36]  # the engine knows the tokens of other tests too
    await local_db.create_tables(User)
    await User(user_id="u1", email="a").create()
    for _ in range(2):
        await transact_write(User.update("u1", User.visits.add(1)), token=payment)
    assert (await User.get_or_raise("u1")).visits == 1
    with pytest.raises(ServiceError) as caught:
        await transact_write(User.update("u1", User.visits.add(2)), token=payment)
    assert caught.value.code == "IdempotentParameterMismatchException"
    for token in ("", "t" * 37):
        with pytest.raises(InvalidOperation, match="token= has 1 to 36 characters"):
            await transact_write(User.update("u1", User.visits.add(4)), token=token)
    assert (await User.get_or_raise("u1")).visits == 1


async def test_the_embedded_engine_knows_no_tokens(embedded: EmbeddedDynamoDB, table_prefix: str) -> None:
    # A difference to DynamoDB that tests of one's own code have to know about.
    async with embedded.client(table_prefix=table_prefix) as db:
        await db.create_tables(User)
        await User(user_id="u1", email="a").create()
        for _ in range(2):
            await transact_write(User.update("u1", User.visits.add(1)), token="payment-1")
        assert (await User.get_or_raise("u1")).visits == 2


def test_a_transaction_reads_with_gets_alone() -> None:
    strange: Any
    for strange in ("u1", User(user_id="u1", email="a").put(), User.query("u1")):
        with pytest.raises(InvalidOperation, match=r"transact_get: a transaction reads with get\(\)"):
            _ = transact_get(strange)


async def test_exactly_once_returns_the_new_item(db: Client) -> None:
    await db.create_tables(User)
    await User(user_id="u1", email="a").create()
    assert (await User.update("u1", User.visits.add(3), exactly_once=True)).visits == 3
    with pytest.raises(ItemNotFound):
        await User.update("u2", User.visits.add(3), exactly_once=True)
    with pytest.raises(ConditionFailed) as caught:
        await User.update("u1", User.visits.add(3), condition=User.visits < 1, exactly_once=True)
    assert caught.value.item.visits == 3


@pytest.mark.behaviour("1.52")
async def test_reads_in_order_with_missing_and_repeated_ones(db: Client) -> None:
    await db.create_tables(User, Doc)
    user = await User(user_id="u1", email="a").create()
    doc = await Doc(owner="o", doc_id=1, title="t").create()
    assert await transact_get(Doc.get("o", 1), User.get("nobody"), User.get_or_raise("u1"), Doc.get("o", 1)) == (
        doc,
        None,
        user,
        doc,
    )
    with pytest.raises(ItemNotFound):
        await transact_get(User.get_or_raise("nobody"))
    assert await transact_get() == ()


async def test_unique_values_are_claimed_and_released(db: Client) -> None:
    await db.create_tables(Account)
    first = await Account(account_id="a1", email="x@y.z", slug="one").create()
    with pytest.raises(NotUnique) as caught:
        await Account(account_id="a2", email="x@y.z", slug="two").create()
    assert caught.value.fields == ("email",)
    with pytest.raises(NotUnique, match="org, slug"):
        await Account(account_id="a2", email="b", slug="one").create()
    with pytest.raises(ItemAlreadyExists):
        await Account(account_id="a1", email="c", slug="three").create()
    assert await Account.get("a2") is None

    first.email = "new@y.z"
    await first.save()
    second = await Account(account_id="a2", email="x@y.z", slug="two").create()
    second.email = "new@y.z"
    with pytest.raises(NotUnique):
        await second.save()
    await first.delete()
    await second.save()
    assert (await Account.get_or_raise("a2")).email == "new@y.z"


async def test_absent_values_are_not_constrained(db: Client) -> None:
    await db.create_tables(Account)
    await Account(account_id="a1", slug="one").create()
    second = await Account(account_id="a2", slug="two").create()
    assert (await second.update(Account.email.set("e"))).email == "e"
    assert (await second.update(Account.email.set(None), Account.balance.add(1))).balance == 1
    await Account(account_id="a3", slug="three", email="e").create()


async def test_what_could_orphan_a_unique_value_is_refused(db: Client) -> None:
    await db.create_tables(Account)
    await Account(account_id="a1", email="e").create()
    with pytest.raises(InvalidOperation, match="load"):
        await Account.update("a1", Account.email.set("f"))
    with pytest.raises(InvalidOperation, match="loaded instance"):
        await Account.delete("a1")
    with pytest.raises(InvalidOperation, match="create"):
        await Account(account_id="a1", email="f").put()
    assert (await Account.update("a1", Account.balance.add(5))).balance == 5


async def test_a_unique_value_that_was_changed_meanwhile_is_not_orphaned(db: Client) -> None:
    await db.create_tables(Account, Profile)
    await Account(account_id="a1", email="old").create()
    mine, theirs = await Account.get_or_raise("a1"), await Account.get_or_raise("a1")
    theirs.email = "theirs"
    await theirs.save()
    mine.email = "mine"
    with pytest.raises(ConditionFailed):
        await mine.save()
    with pytest.raises(ConditionFailed):
        await mine.delete()
    await Account(account_id="a2", email="old", slug="other").create()

    profile = await Profile(realm="r", number=1, handle="h").create()
    await profile.update(Profile.handle.set("i"))
    await Profile(realm="r", number=2, handle="h").create()
    assert profile.version == 1
    assert [each.number for each in await Profile.query("r").all()] == [1, 2]
    await profile.delete()
    await Profile(realm="q", number=1, handle="i").create()


async def test_put_claims_what_an_older_item_never_claimed(db: Client) -> None:
    await db.create_tables(Account)
    table = db.scope.prefix + "accounts"
    old = {
        "account_id": {"S": "old"},
        "email": {"S": "e"},
        "org": {"S": "o"},
        "slug": {"S": "s1"},
        "balance": {"N": "0"},
    }
    await db.send(Call("PutItem", {"TableName": table, "Item": old}))
    account = await Account.get_or_raise("old")
    await account.put()
    with pytest.raises(NotUnique):
        await Account(account_id="new", email="e").create()
    await account.put()
    await account.delete()
    await Account(account_id="new", email="e", slug="s1").create()


async def test_conditions_of_put_and_save(db: Client) -> None:
    await db.create_tables(User)
    user = await User(user_id="u1", email="a").put(condition=User.user_id.not_exists())
    with pytest.raises(ConditionFailed):
        await User(user_id="u1", email="b").put(condition=User.user_id.not_exists())
    user.visits = 3
    with pytest.raises(ConditionFailed):
        await user.save(condition=User.email == "b")
    await user.save(condition=User.email == "a")
    assert (await User.get_or_raise("u1")).visits == 3
    with pytest.raises(InvalidOperation, match="new instance"):
        await User(user_id="u2", email="a").save(condition=User.email == "a")
    user.user_id = "u3"
    for write in (user.save, user.put):
        with pytest.raises(InvalidOperation, match="part of the key"):
            await write()


async def test_an_instance_changed_in_a_transaction_is_read_again_before_it_is_written(db: Client) -> None:
    await db.create_tables(Doc)
    doc = await Doc(owner="o", doc_id=1, title="t").create()
    await transact_write(doc.update(Doc.title.set("u")))
    doc.title = "mine"
    for write in (doc.save, doc.put, doc.delete, lambda: doc.update(Doc.title.set("v"))):
        with pytest.raises(InvalidOperation, match="refresh"):
            await write()
    await doc.refresh()
    assert (doc.title, doc.version) == ("u", 1)
    doc.title = "mine"
    await doc.save()
    assert doc.version == 2
