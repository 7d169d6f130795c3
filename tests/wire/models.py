"""The models whose requests are compared: fields of every kind, composed keys, and odd names."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from dynamorm_py import (
    Attr,
    GlobalIndex,
    LocalIndex,
    Model,
    PrimaryKey,
    created_timestamp,
    field,
    partition_key,
    sort_key,
    time_to_live,
    updated_timestamp,
    version_number,
)


class Line(BaseModel):
    sku: str
    quantity: int = 1


class Address(Model):
    city: Attr[str]
    zip_code: Attr[str | None] = field(default=None)


class Thing(Model, table="things"):
    """One field of each kind."""

    id: Attr[str] = partition_key()
    text: Attr[str] = field(default="")
    other: Attr[str] = field(default="")
    number: Attr[int] = field(default=0, ge=0)
    ratio: Attr[float] = field(default=0.0)
    amount: Attr[Decimal] = field(default=Decimal(0))
    data: Attr[bytes] = field(default=b"")
    flag: Attr[bool] = field(default=False)
    tags: Attr[set[str]] = field(default_factory=set)
    sizes: Attr[set[int]] = field(default_factory=set)
    words: Attr[list[str]] = field(default_factory=list)
    counts: Attr[dict[str, int]] = field(default_factory=dict)
    address: Attr[Address | None] = field(default=None)
    lines: Attr[list[Line]] = field(default_factory=list)
    nick: Attr[str | None] = field(default=None)
    kept: Attr[str | None] = field(default=None, null="store")
    moment: Attr[datetime | None] = field(default=None)
    anything: Attr[Any] = field(default=None)


class Odd(Model, table="odd"):
    """Names that DynamoDB reserves or whose characters mean something in expressions."""

    key: Attr[str] = partition_key(name="hash")
    size: Attr[int] = field(default=0)
    status: Attr[str] = field(default="", name="status")
    dotted: Attr[str] = field(default="", name="a.b")
    dashed: Attr[str] = field(default="", name="a-b")
    spaced: Attr[str] = field(default="", name="a b")
    numbered: Attr[str] = field(default="", name="1st")
    table_name: Attr[str] = field(default="", name="table")


class Order(Model, table="orders"):
    """Composed keys, and all that the library keeps by itself."""

    tenant_id: Attr[str]
    placed_at: Attr[datetime]
    order_id: Attr[str]
    customer_id: Attr[str]
    state: Attr[str] = field(default="new")
    total: Attr[Decimal] = field(default=Decimal(0))
    note: Attr[str | None] = field(default=None)
    version: Attr[int] = version_number()
    created: Attr[datetime] = created_timestamp()
    updated: Attr[datetime] = updated_timestamp()
    expires: Attr[datetime | None] = time_to_live(default=None)
    key = PrimaryKey("TENANT#{tenant_id}#ORDER", "{placed_at}#{order_id}")
    by_customer = GlobalIndex(partition_key="TENANT#{tenant_id}#C#{customer_id}", sort_key="{state}#{placed_at}")
    by_state = GlobalIndex(partition_key="state", sort_key="total")
    by_note = LocalIndex(sort_key="note")


class Plain(Model, table="plain"):
    """A table with a sort key of its own attribute, and an index with several key attributes."""

    device: Attr[str] = partition_key()
    number: Attr[int] = sort_key()
    country: Attr[str] = field(default="IT")
    city: Attr[str] = field(default="Rome")
    street: Attr[str] = field(default="Via")
    house: Attr[int] = field(default=1)
    by_place = GlobalIndex(partition_key=("country", "city"), sort_key=("street", "house"))
    by_street = LocalIndex(sort_key="street")
