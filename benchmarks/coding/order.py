"""The item that is decoded and encoded: ten attributes of the types that items have, a document among them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from dynamorm_py import Attr, Model, field, partition_key


class Address(Model):
    street: Attr[str]
    city: Attr[str]
    zip_code: Attr[int]


class Order(Model, table="orders"):
    order_id: Attr[str] = partition_key()
    number: Attr[int]
    total: Attr[Decimal]
    paid: Attr[bool]
    placed_at: Attr[datetime]
    tags: Attr[set[str]] = field(default_factory=set)
    lines: Attr[list[str]] = field(default_factory=list)
    stock: Attr[dict[str, int]] = field(default_factory=dict)
    address: Attr[Address]
    note: Attr[str | None] = field(default=None)


ORDER = Order(
    order_id="o-1",
    number=1,
    total=Decimal("19.99"),
    paid=True,
    placed_at=datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC),
    tags={"vip", "europe"},
    lines=["a", "b", "c"],
    stock={"x": 1, "y": 2},
    address=Address(street="Via Appia 1", city="Rome", zip_code=184),
    note="Leave it at the door, please.",
)
CHANGED = ORDER.model_copy(update={"number": 2})
