"""The models that the samples are about: every kind of field and key, as a user would write them."""

from datetime import datetime
from decimal import Decimal

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


class User(Model, table="users"):
    user_id: Attr[str] = partition_key()
    email: Attr[str]
    visits: Attr[int] = field(default=0, ge=0)
    limit: Attr[int] = field(default=0)
    tags: Attr[set[str]] = field(default_factory=set)
    nick: Attr[str | None] = field(default=None)
    active: Attr[bool] = field(default=True)
    score: Attr[Decimal | None] = field(default=None)
    photo: Attr[bytes | None] = field(default=None)
    history: Attr[list[int]] = field(default_factory=list)
    notes: Attr[list[str] | None] = field(default=None)
    counts: Attr[dict[str, int]] = field(default_factory=dict)
    plain: int = 3
    by_email = GlobalIndex(partition_key="email")


class Address(Model):
    city: Attr[str]
    zip_code: Attr[str | None] = field(default=None)


class Line(BaseModel):
    sku: str


class Order(Model, table="orders"):
    tenant_id: Attr[str]
    order_id: Attr[str]
    placed_at: Attr[datetime]
    address: Attr[Address]
    lines: Attr[list[Line]] = field(default_factory=list)
    version: Attr[int] = version_number()
    created: Attr[datetime] = created_timestamp()
    updated: Attr[datetime] = updated_timestamp()
    expires: Attr[datetime | None] = time_to_live(default=None)
    key = PrimaryKey("TENANT#{tenant_id}#ORDER", "{placed_at}#{order_id}")
    by_order = LocalIndex(sort_key="order_id")


class Event(Model, table="events"):
    stream: Attr[str] = partition_key()
    number: Attr[int] = sort_key(ge=0)
