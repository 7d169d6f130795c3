"""Changes that a checker refuses."""

from tests.typing.accepted.models import User


def actions() -> None:
    print(User.email.add(1))  # error
    print(User.tags.add(1))  # error
    print(User.visits.add("x"))  # error
    print(User.email.subtract(1))  # error
    print(User.visits.set("x"))  # error
    print(User.visits.set_if_not_exists("x"))  # error
    print(User.visits.append(1))  # error
    print(User.visits.prepend(1))  # error
    print(User.history.append("x"))  # error
    print(User.history.add_to_set(1))  # error
    print(User.tags.add_to_set(3))  # error
    print(User.tags.add_to_set({3}))  # error
    print(User.tags.remove_from_set(3))  # error
    print(User.email + 1)  # error
