"""Names and constructors that a checker refuses."""

from datetime import datetime

import dynamorm_py
from tests.typing.accepted.models import Address, Order, User


def attributes(user: User, moment: datetime) -> None:
    print(User.nope)  # error
    print(user.nope)  # error
    print(User(user_id=1, email="a"))  # error
    print(User(user_id="u1"))  # error
    print(User(user_id="u1", email="a", nope=1))  # error
    print(User("u1", "a"))  # error
    user.visits = "x"  # error
    user.visits = None  # error
    address = Address(city="Rome")
    print(Order(tenant_id="t", order_id="o", placed_at=moment, address=address, version=3))  # error
    print(Order(tenant_id="t", order_id="o", placed_at=moment, address=address, created=moment))  # error
    print(Order(tenant_id="t", order_id="o", placed_at=moment, address="Rome"))  # error
    print(dynamorm_py.nope)  # error
