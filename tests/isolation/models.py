"""The models that tenants share tables through, each kept apart in another way, and what a step has to know of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dynamorm_py import (
    Attr,
    GlobalIndex,
    LocalIndex,
    Model,
    PrimaryKey,
    Table,
    created_timestamp,
    field,
    partition_key,
    sort_key,
    tenant_key,
    time_to_live,
    unique,
    updated_timestamp,
    version_number,
)


class Doc(Model, table="docs"):
    """The tenant is the partition key, as it is."""

    tenant_id: Attr[str] = tenant_key()
    name: Attr[str] = sort_key()
    text: Attr[str] = field(default="-")
    label: Attr[str | None] = field(default=None)
    count: Attr[int] = field(default=0)
    by_label = GlobalIndex(partition_key="{tenant_id}#{label}", sort_key="count")
    by_count = GlobalIndex(partition_key="tenant_id", sort_key="count")
    by_text = LocalIndex(sort_key="text")


class Order(Model, table="orders"):
    """Composed keys, and all that the library keeps by itself."""

    tenant_id: Attr[str] = tenant_key(name="owner")
    line: Attr[int]
    name: Attr[str]
    text: Attr[str] = field(default="-")
    label: Attr[str | None] = field(default=None)
    count: Attr[int] = field(default=0)
    version: Attr[int] = version_number()
    created: Attr[datetime] = created_timestamp()
    updated: Attr[datetime] = updated_timestamp()
    expires: Attr[datetime | None] = time_to_live(default=None)
    key = PrimaryKey("TENANT#{tenant_id}#ORDER", "{line}#{name}")
    by_label = GlobalIndex(partition_key="TENANT#{tenant_id}#L#{label}", sort_key="{line}#{name}")
    in_short = GlobalIndex(partition_key="TENANT#{tenant_id}#S#{label}", sort_key="{count}", projection="KEYS_ONLY")


class Note(Model, table="pages", extra="allow"):
    """Keeps what it does not know, on a table with another model."""

    tenant_id: Attr[str] = tenant_key()
    name: Attr[str]
    text: Attr[str] = field(default="-")
    label: Attr[str | None] = field(default=None)
    count: Attr[int] = field(default=0)
    key = PrimaryKey("T#{tenant_id}", "NOTE#{name}")
    by_label = GlobalIndex(partition_key="T#{tenant_id}#L#{label}", sort_key="{name}")


class Memo(Model, table="pages"):
    tenant_id: Attr[str] = tenant_key()
    name: Attr[str]
    text: Attr[str] = field(default="-")
    label: Attr[str | None] = field(default=None)
    count: Attr[int] = field(default=0)
    key = PrimaryKey("T#{tenant_id}", "MEMO#{name}")
    by_label = GlobalIndex(partition_key="T#{tenant_id}#L#{label}", sort_key="{name}")
    by_count = GlobalIndex(partition_key="T#{tenant_id}#C#{count}", sort_key="{name}")


pages = Table("pages", Note, Memo)


class Person(Model, table="persons"):
    """A value that is unique within the tenant, kept in partitions of its own."""

    tenant_id: Attr[str] = tenant_key()
    name: Attr[str]
    text: Attr[str] = field(default="-")
    label: Attr[str | None] = field(default=None)
    count: Attr[int] = field(default=0)
    key = PrimaryKey("{tenant_id}#PERSON", "{name}")
    by_label = GlobalIndex(partition_key="{tenant_id}#L#{label}", sort_key="{name}")
    labels = unique("label")


class Guest(Model, table="guests"):
    """A value that is unique within the tenant, kept in the tenant's own partition."""

    tenant_id: Attr[str] = tenant_key()
    name: Attr[str] = sort_key()
    text: Attr[str] = field(default="-")
    label: Attr[str | None] = field(default=None)
    count: Attr[int] = field(default=0)
    version: Attr[int] = version_number()
    labels = unique("label")


class Place(Model, table="places"):
    """An index with several key attributes, the first of which is the tenant."""

    tenant_id: Attr[str] = tenant_key()
    name: Attr[str] = sort_key()
    text: Attr[str] = field(default="-")
    label: Attr[str | None] = field(default=None)
    count: Attr[int] = field(default=0)
    by_label = GlobalIndex(partition_key=("tenant_id", "label"), sort_key=("count", "name"))


class Country(Model, table="countries", shared=True):
    """Everybody's to read."""

    name: Attr[str] = partition_key()
    text: Attr[str] = field(default="-")


@dataclass(frozen=True)
class Kind:
    """`key` are the fields of the key behind the tenant; `indexes` are those that are queried by the tenant and these
    fields."""

    model: Any  # a class of its own fields, all of which are called alike
    key: tuple[str, ...]
    indexes: dict[str, tuple[str, ...]]
    expires: bool = False
    extra: bool = False
    unique: bool = False
    conditional: bool = False  # its puts carry conditions


DOC = Kind(Doc, ("name",), {"by_label": ("label",), "by_count": (), "by_text": ()})
ORDER = Kind(Order, ("line", "name"), {"by_label": ("label",), "in_short": ("label",)}, expires=True, conditional=True)
NOTE = Kind(Note, ("name",), {"by_label": ("label",)}, extra=True)
MEMO = Kind(Memo, ("name",), {"by_label": ("label",), "by_count": ("count",)})
PERSON = Kind(Person, ("name",), {"by_label": ("label",)}, unique=True, conditional=True)
GUEST = Kind(Guest, ("name",), {}, unique=True, conditional=True)
PLACE = Kind(Place, ("name",), {"by_label": ("label",)})

KINDS = (DOC, ORDER, NOTE, MEMO, PERSON, GUEST)
