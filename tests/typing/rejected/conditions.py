"""Operands that a checker refuses."""

from tests.typing.accepted.models import Address, Order, User


def conditions() -> None:
    print(User.visits > "x")  # error
    print(User.email < 3)  # error
    print(User.email == User.visits)  # error
    print(User.visits.between("a", "b"))  # error
    print(User.visits.is_in(["a"]))  # error
    print(User.visits.begins_with("1"))  # error
    print(User.tags.contains(3))  # error
    print(User.email.contains(3))  # error
    print(User.visits.contains(3))  # error
    print(User.email.is_true())  # error
    print(User.tags.size() > "x")  # error
    print(Order.address[Address.city] < 3)  # error
    print(User.visits[0])  # error
    print(User.history["a"])  # error


def equality_with_another_type() -> None:
    # Every type has an `==` that takes any object, so the comparison alone is a bool to the checkers; its use is wrong.
    print(User.by_email.query("a").filter(User.visits == "x"))  # error
    print(User.by_email.query("a").filter(Order.address[Address.city] == 3))  # error
