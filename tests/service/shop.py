"""The models that the service suite shares."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from dynamorm_py import (
    Attr,
    GlobalIndex,
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
from dynamorm_py.model import unique


class User(Model, table="users"):
    user_id: Attr[str] = partition_key()
    email: Attr[str]
    visits: Attr[int] = field(default=0, ge=0)
    tags: Attr[set[str]] = field(default_factory=set)
    nick: Attr[str | None] = field(default=None)
    history: Attr[list[str]] = field(default_factory=list)
    by_email = GlobalIndex(partition_key="email")


class Doc(Model, table="docs"):
    """Versioned, stamped, and with a time to live."""

    owner: Attr[str] = partition_key()
    doc_id: Attr[int] = sort_key()
    title: Attr[str]
    score: Attr[Decimal] = field(default=Decimal(0))
    version: Attr[int] = version_number()
    created: Attr[datetime] = created_timestamp()
    updated: Attr[datetime] = updated_timestamp()
    expires: Attr[datetime | None] = time_to_live(default=None)


class Order(Model, table="shop"):
    """Composed keys."""

    tenant: Attr[str]
    placed_at: Attr[datetime]
    order_id: Attr[str]
    customer: Attr[str | None] = field(default=None)
    status: Attr[str] = field(default="open")
    key = PrimaryKey("T#{tenant}#ORDER", "{placed_at}#{order_id}")
    by_customer = GlobalIndex("by_customer", partition_key="T#{tenant}#C#{customer}", sort_key="{placed_at}")
    by_status = GlobalIndex(partition_key="T#{tenant}#S#{status}", sort_key="{placed_at}#{order_id}")


class Account(Model, table="accounts"):
    """Unique constraints, without a version."""

    account_id: Attr[str] = partition_key()
    email: Attr[str | None] = field(default=None)
    org: Attr[str] = field(default="o")
    slug: Attr[str] = field(default="s")
    balance: Attr[int] = field(default=0)
    emails = unique("email")
    slugs = unique("org", "slug")


class Profile(Model, table="profiles"):
    """Unique constraints, with a version and a sort key."""

    realm: Attr[str] = partition_key()
    number: Attr[int] = sort_key()
    handle: Attr[str]
    version: Attr[int] = version_number()
    handles = unique("handle")
