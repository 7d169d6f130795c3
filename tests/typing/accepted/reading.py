"""What reads give back."""

from typing import assert_type

from dynamorm_py import Client, Operation, Page, Query
from tests.typing.accepted.models import Event, Order, User


async def one_item() -> None:
    assert_type(await User.get("u1"), User | None)
    assert_type(await User.get_or_raise("u1"), User)
    assert_type(await User.get("u1", consistent=True), User | None)
    assert_type(await User.get(user_id="u1"), User | None)
    assert_type(await User.get({"user_id": "u1"}), User | None)
    assert_type(await Event.get_or_raise("s", 3), Event)
    operation: Operation[User | None] = User.get("u1")
    print(operation.request)
    user = await User.get_or_raise("u1")
    assert_type(await user.refresh(), User)


async def many_items(db: Client) -> None:
    assert_type(User.by_email.query("b@x.org"), Query[User])
    assert_type(Order.by_order.query("t1"), Query[Order])
    assert_type(Event.query("s").where(Event.number >= 3), Query[Event])
    query = User.by_email.query("b@x.org").filter(User.tags.contains("vip")).limit(20).page_size(5).max_requests(3)
    assert_type(query, Query[User])
    assert_type(query.descending().consistent().include_expired().after(None).on(db), Query[User])
    async for user in query:
        assert_type(user, User)
    async for page in query.pages():
        assert_type(page, Page[User])
        assert_type(page.items, tuple[User, ...])
        assert_type(page.cursor, str | None)
    assert_type(await query.page(), Page[User])
    assert_type(await query.all(), list[User])
    assert_type(await query.first(), User | None)
    assert_type(await query.one(), User)
    assert_type(await query.count(), int)
    assert_type(await query.exists(), bool)
    assert_type(await db.run(User.get("u1")), User | None)
