"""What scans, projections and indexes that copy parts of an item give back."""

from collections.abc import Mapping
from typing import Any, assert_type

from dynamorm_py import (
    Attr,
    Explanation,
    GlobalIndex,
    LocalIndex,
    Model,
    Operation,
    Page,
    Partial,
    Query,
    field,
    partition_key,
    sort_key,
)
from tests.typing.accepted.models import Address, Line, Order, User


class Visit(Model, table="visits"):
    page: Attr[str] = partition_key()
    number: Attr[int] = sort_key()
    country: Attr[str]
    length: Attr[float | None] = field(default=None)
    whole = GlobalIndex("whole", "country", projection="ALL")
    keys = GlobalIndex(partition_key="country", projection="KEYS_ONLY")
    names = GlobalIndex("names", "country", "number", projection=("length",))
    local = LocalIndex(sort_key="length")
    local_keys = LocalIndex("local_keys", "length", projection="KEYS_ONLY")


async def scans() -> None:
    assert_type(User.scan(), Query[User])
    assert_type(await User.scan(segments=4).filter(User.visits > 3).all(), list[User])
    async for user in User.scan(segments=2):
        assert_type(user, User)
    assert_type(User.by_email.scan(segments=2), Query[User])
    assert_type(Visit.keys.scan(), Query[Partial[Visit]])


async def indexes() -> None:
    assert_type(Visit.whole.query("it"), Query[Visit])
    assert_type(Visit.local.query("/"), Query[Visit])
    assert_type(Visit.keys.query("it"), Query[Partial[Visit]])
    assert_type(Visit.names.query("it"), Query[Partial[Visit]])
    assert_type(Visit.local_keys.query("/"), Query[Partial[Visit]])
    assert_type(await Visit.keys.query("it").limit(3).first(), Partial[Visit] | None)
    assert_type(Visit.keys.query("it").project(Visit.number), Query[Partial[Visit]])


async def projections() -> None:
    query = Order.query("t1").project(Order.order_id, Order.address[Address.city], Order.lines[0])
    assert_type(query, Query[Partial[Order]])
    assert_type(await query.page(), Page[Partial[Order]])
    async for view in query:
        assert_type(view[Order.order_id], str)
        assert_type(view[Order.address], Address)
        assert_type(view[Order.address[Address.city]], str)
        assert_type(view[Order.address[Address.zip_code]], str | None)
        assert_type(view[Order.lines[0]], Line)
        assert_type(view.order_id, Any)
        assert_type(view.present, frozenset[str])
        assert_type(view.missing, frozenset[str])
        assert_type(view.key, Mapping[str, object])
        loading: Operation[Order | None] = view.load()
        print(loading.request)
        assert_type(await view.load(consistent=True), Order | None)


def explanations() -> None:
    assert_type(User.scan().explain(item_size=400, items=1000), Explanation)
    assert_type(User.get("u1").explain(item_size=400), Explanation)
