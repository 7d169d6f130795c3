"""Reads of parts that a checker refuses to take for wholes."""

from dynamorm_py import Query
from tests.typing.accepted.models import User
from tests.typing.accepted.views import Visit


async def views() -> None:
    keys: Query[Visit] = Visit.keys.query("it")  # error
    print(keys)
    whole: Visit = await Visit.names.query("it").one()  # error
    print(whole)
    view = await User.by_email.query("a").project(User.visits).one()
    text: str = view[User.visits]  # error
    print(text)
    print(view["visits"])  # error
    User.scan(4)  # error
    User.scan().project("visits")  # error
    User.scan().explain(400, 1000)  # error
