"""Calls that a checker refuses."""

from tests.typing.accepted.models import User


async def verbs(user: User) -> None:
    await User.get()  # error
    await User.get_or_raise()  # error
    await User.update()  # error
    await User.delete()  # error
    print(User.get(["u1"]))  # error
    print(User.get("u1", consistent="yes"))  # error
    print(User.update("u1", condition=True))  # error
    print(user.update("u1", User.visits.add(1)))  # error
    print(user.delete("u1"))  # error
    print(User.by_email.query("a").filter(True))  # error
    print(User.by_email.query("a").limit("x"))  # error
    await User.by_email.query("a")  # error
    for found in User.by_email.query("a"):  # error
        print(found)
