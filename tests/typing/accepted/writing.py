"""What writes take and give back."""

from datetime import datetime
from decimal import Decimal
from typing import assert_type

from dynamorm_py import Operation
from tests.typing.accepted.models import Address, Order, User


async def instances(moment: datetime) -> None:
    user = User(user_id="u1", email="a@x.org")
    assert_type(await user.create(), User)
    assert_type(await user.put(), User)
    assert_type(await user.save(), User)
    assert_type(await user.update(User.visits.add(1), condition=User.visits < 10), User)
    assert_type(await user.delete(condition=User.visits == 0), None)
    order = Order(tenant_id="t", order_id="o", placed_at=moment, address=Address(city="Rome"))
    assert_type(order.version, int)
    assert_type(await order.save(), Order)
    user.visits = 3
    user.nick = None


async def by_key(moment: datetime) -> None:
    changed = await User.update("u1", User.visits.add(1), User.email.set("b@x.org"), condition=User.visits < 10)
    assert_type(changed, User)
    assert_type(await User.update({"user_id": "u1"}, User.nick.set(None), upsert=True), User)
    assert_type(await Order.update("t", moment, "o", Order.address[Address.city].set("Rome")), Order)
    assert_type(await User.delete("u1"), None)
    assert_type(await Order.delete("t", moment, "o", condition=Order.version == 3), None)
    operation: Operation[User] = User.update("u1", User.visits.add(1))
    print(operation.request)


def actions() -> None:
    User.visits.add(1)
    User.visits.subtract(2)
    User.visits.set(User.visits + 1)
    User.visits.set(User.limit - User.visits)
    User.visits.set_if_not_exists(1)
    User.score.add(Decimal("1.5"))
    User.tags.add_to_set("a", "b")
    User.tags.add_to_set({"a"}, "b")
    User.tags.remove_from_set("a")
    User.tags.set({"a"})
    User.history.append(1, 2)
    User.history.prepend(3)
    User.history[0].set(4)
    User.history[0].remove()
    User.notes.append("x")
    User.counts["a"].add(1)
    User.counts["a"].remove()
    User.nick.remove()
