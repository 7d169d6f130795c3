"""The models that the state machine drives, each keyed in another way, and what the reference has to know of them.

A `Kind` states in the reference's own words what a model's class body declares; nothing of it is read from the library.
Fields in `rooms` are part of some partition: a run's values there begin with the run's own name, so that all runs share
the tables and none sees another's items.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from dynamorm_py import (
    Attr,
    GlobalIndex,
    LocalIndex,
    Model,
    PrimaryKey,
    created_timestamp,
    partition_key,
    sort_key,
    time_to_live,
    unique,
    updated_timestamp,
    version_number,
)
from dynamorm_py import field as model_field


class Note(Model, table="notes"):
    """A partition key alone, and a sparse index on plain attributes."""

    id: Attr[str] = partition_key()
    text: Attr[str]
    count: Attr[int] = model_field(default=0)
    group: Attr[str | None] = model_field(default=None)
    nick: Attr[str | None] = model_field(default=None, null="store")
    tags: Attr[set[str]] = model_field(default_factory=set)
    words: Attr[list[str]] = model_field(default_factory=list)
    counts: Attr[dict[str, int]] = model_field(default_factory=dict)
    by_group = GlobalIndex(partition_key="group", sort_key="count")
    names_by_group = GlobalIndex(partition_key="group", projection="KEYS_ONLY")


class Reading(Model, table="readings"):
    """A sort key that is a number, and a sparse local index."""

    sensor: Attr[str] = partition_key()
    at: Attr[int] = sort_key()
    value: Attr[Decimal] = model_field(default=Decimal(0))
    label: Attr[str | None] = model_field(default=None)
    codes: Attr[set[int]] = model_field(default_factory=set)
    by_label = LocalIndex(sort_key="label")


class Ticket(Model, table="tickets"):
    """Composed keys, without a version."""

    area: Attr[str]
    number: Attr[int]
    part: Attr[str]
    state: Attr[str] = model_field(default="open")
    person: Attr[str | None] = model_field(default=None)
    weight: Attr[int] = model_field(default=0)
    key = PrimaryKey("A#{area}#TICKET", "{number}#{part}")
    by_state = GlobalIndex(partition_key="A#{area}#S#{state}", sort_key="{number}#{part}")
    by_person = GlobalIndex(partition_key="A#{area}#P#{person}", sort_key="{weight}#{part}")


class Order(Model, table="orders"):
    """Composed keys, and all that the library keeps by itself."""

    tenant: Attr[str]
    line: Attr[int]
    state: Attr[str] = model_field(default="new")
    total: Attr[Decimal] = model_field(default=Decimal(0))
    note: Attr[str | None] = model_field(default=None)
    version: Attr[int] = version_number()
    created: Attr[datetime] = created_timestamp()
    updated: Attr[datetime] = updated_timestamp()
    expires: Attr[datetime | None] = time_to_live(default=None)
    key = PrimaryKey("T#{tenant}", "ORDER#{line}")
    by_state = GlobalIndex(partition_key="T#{tenant}#S#{state}", sort_key="{total}#{line}")


class Account(Model, table="accounts"):
    """Unique constraints, without a version."""

    id: Attr[str] = partition_key()
    email: Attr[str | None] = model_field(default=None)
    org: Attr[str] = model_field(default="")
    slug: Attr[str] = model_field(default="s")
    balance: Attr[int] = model_field(default=0)
    emails = unique("email")
    slugs = unique("org", "slug")


class Profile(Model, table="profiles"):
    """A unique constraint, with a version."""

    realm: Attr[str] = partition_key()
    number: Attr[int] = sort_key()
    handle: Attr[str]
    bio: Attr[str | None] = model_field(default=None)
    version: Attr[int] = version_number()
    handles = unique("handle")


@dataclass(frozen=True)
class Index:
    """`partition` and `sort` are fields; where `composed`, a template makes the key of them."""

    name: str
    partition: tuple[str, ...]
    sort: tuple[str, ...]
    composed: bool = False
    whole: bool = True

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        # Hypothesis prints what a failing run drew.
        printer.text(self.name or "the table")


@dataclass(frozen=True, eq=False)
class Kind:
    """A model in the reference's words. `fields` maps each field that a caller may change to its type's name, `absent`
    to what it reads as where the item lacks it; `required` ones are never absent."""

    model: type[Model]
    partition: tuple[str, ...]
    sort: tuple[str, ...]
    fields: dict[str, str]
    absent: dict[str, Any] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    nulls: frozenset[str] = frozenset()
    rooms: frozenset[str] = frozenset()
    indexes: tuple[Index, ...] = ()
    composed: bool = False
    versioned: bool = False
    stamped: bool = False
    expiring: bool = False
    uniques: tuple[tuple[str, ...], ...] = ()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(self.name)

    @property
    def name(self) -> str:
        return self.model.__name__

    @property
    def key(self) -> tuple[str, ...]:
        return (*self.partition, *self.sort)

    @property
    def table(self) -> Index:
        return Index("", self.partition, self.sort, self.composed)

    @property
    def kept(self) -> tuple[str, ...]:
        """What the library writes by itself."""
        return (*(("version",) if self.versioned else ()), *(("created", "updated") if self.stamped else ()))

    @property
    def everything(self) -> tuple[str, ...]:
        return (*self.key, *self.fields, *self.kept, *(("expires",) if self.expiring else ()))


NOTE = Kind(
    Note,
    ("id",),
    (),
    {
        "text": "text",
        "count": "int",
        "group": "tag",
        "nick": "text",
        "tags": "words",
        "words": "list",
        "counts": "map",
    },
    {"count": 0, "group": None, "nick": None, "tags": set(), "words": [], "counts": {}},
    required=frozenset({"text"}),
    nulls=frozenset({"nick"}),
    rooms=frozenset({"id", "group"}),
    indexes=(Index("by_group", ("group",), ("count",)), Index("names_by_group", ("group",), (), whole=False)),
)
READING = Kind(
    Reading,
    ("sensor",),
    ("at",),
    {"value": "decimal", "label": "word", "codes": "ints"},
    {"value": Decimal(0), "label": None, "codes": set()},
    rooms=frozenset({"sensor"}),
    indexes=(Index("by_label", ("sensor",), ("label",)),),
)
TICKET = Kind(
    Ticket,
    ("area",),
    ("number", "part"),
    {"state": "tag", "person": "tag", "weight": "int"},
    {"state": "open", "person": None, "weight": 0},
    rooms=frozenset({"area"}),
    indexes=(
        Index("by_state", ("area", "state"), ("number", "part"), composed=True),
        Index("by_person", ("area", "person"), ("weight", "part"), composed=True),
    ),
    composed=True,
)
ORDER = Kind(
    Order,
    ("tenant",),
    ("line",),
    {"state": "tag", "total": "decimal", "note": "text"},
    {"state": "new", "total": Decimal(0), "note": None, "expires": None},
    rooms=frozenset({"tenant"}),
    indexes=(Index("by_state", ("tenant", "state"), ("total", "line"), composed=True),),
    composed=True,
    versioned=True,
    stamped=True,
    expiring=True,
)
ACCOUNT = Kind(
    Account,
    ("id",),
    (),
    {"email": "word", "org": "word", "slug": "word", "balance": "int"},
    {"email": None, "org": "", "slug": "s", "balance": 0},
    # Their absence would only read as another value; the constraint is about what is stored.
    required=frozenset({"org", "slug"}),
    rooms=frozenset({"id", "email", "org"}),
    uniques=(("email",), ("org", "slug")),
)
PROFILE = Kind(
    Profile,
    ("realm",),
    ("number",),
    {"handle": "word", "bio": "text"},
    {"bio": None},
    required=frozenset({"handle"}),
    rooms=frozenset({"realm", "handle"}),
    versioned=True,
    uniques=(("handle",),),
)
KINDS = (NOTE, READING, TICKET, ORDER, ACCOUNT, PROFILE)
