"""What a class and its instances answer for a field, and the conditions that paths take."""

from typing import Any, assert_type

from dynamorm_py import Condition, Path, attr
from tests.typing.accepted.models import Address, Event, Order, User


def attributes(user: User) -> None:
    assert_type(user.visits, int)
    assert_type(user.tags, set[str])
    assert_type(user.nick, str | None)
    assert_type(user.plain, int)
    assert_type(User.visits, Path[int])
    assert_type(User.nick, Path[str | None])
    assert_type(Order.address[Address.city], Path[str])
    assert_type(Order.address.city, Path[Any])
    assert_type(User.history[0], Path[int])
    assert_type(User.counts["a"], Path[int])
    assert_type(attr("a", "b", 0), Path[Any])


def comparisons() -> None:
    assert_type(User.visits > 3, Condition)
    assert_type(User.email == "a", Condition)
    assert_type(User.nick == None, Condition)  # noqa: E711  # the very comparison that is meant
    assert_type(User.nick != "x", Condition)
    assert_type(User.email == User.nick, Condition)
    assert_type(User.nick == User.email, Condition)
    assert_type(User.visits >= User.limit, Condition)
    assert_type(User.visits.between(1, User.limit), Condition)
    assert_type(User.email.is_in(["a", "b"]), Condition)
    assert_type(User.email.begins_with("a"), Condition)
    assert_type(User.nick.begins_with("a"), Condition)
    assert_type(User.photo.begins_with(b"a"), Condition)
    assert_type(User.tags.contains("vip"), Condition)
    assert_type(User.email.contains("@"), Condition)
    assert_type(User.history.contains(3), Condition)
    assert_type(User.active.is_true() & ~User.active.is_false(), Condition)
    assert_type(User.nick.is_none() | User.nick.exists() | User.nick.not_exists(), Condition)
    assert_type(User.tags.size() > 3, Condition)
    assert_type(User.nick.has_type("S"), Condition)
    assert_type(Event.number == 3, Condition)
    assert_type(attr("anything", 0) == "x", Condition)
    assert_type(Order.address[Address.city].begins_with("R"), Condition)
