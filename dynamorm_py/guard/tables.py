"""What the guard knows of a physical table, and what a tenant's own items in it look like.

A tenant's key is text that begins with a prefix and the tenant's id, alone or followed by `#`. An id holds no `#` and
nothing that is written in another form inside a key, so to compare the beginning, `#` included, is to decode the first
fields: `acme` is told from `acme2`, and no id can pose as a longer key of another.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, TypeAlias

from dynamorm_py.core.errors import TenantViolation
from dynamorm_py.core.records import Record

# What the value of a session tag may hold, without the space. Checked again here: with a `#` in it, an id would be the
# beginning of other tenants' keys. https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
_ID = re.compile(r"[a-zA-Z0-9_.:/=+\-@]{1,256}")


# What the keys of the sentinels of unique constraints begin with, behind the tenant, and the attribute that marks these
# items, and no others.
SENTINEL = "$unique#"
OWNER = "$owner"


class Bearer(Record):
    """A key attribute that carries the tenant: its value is `prefix` and the id, and, unless `whole`, what may follow
    after a `#`. A native key, which is nothing but the id, is whole and has no prefix."""

    name: str
    prefix: str
    whole: bool


class GuardedTable(Record):
    """One physical table, over all the models that live in it.

    `name` is its physical name; `key` its partition key attribute and its sort key attribute, where it has one;
    `indexes` gives by index name what carries the tenant in its partition key, and the names of all its key attributes;
    `tenant_attribute` is the plain attribute that holds the id in every item; `protected` are all key attributes of
    table and indexes. A `shared` table belongs to no tenant, has no bearers, and is only read.
    """

    name: str
    key: tuple[str, ...]
    partition: Bearer | None
    indexes: Mapping[str, tuple[Bearer, tuple[str, ...]]]
    tenant_attribute: str | None
    protected: frozenset[str]
    shared: bool = False

    __slots__ = ("__dict__",)

    @cached_property
    def index_bearers(self) -> tuple[Bearer, ...]:
        """What carries the tenant besides the table's own partition key, each once: indexes may share an attribute."""
        return tuple(dict.fromkeys(bearer for bearer, _ in self.indexes.values() if bearer != self.partition))


# A mark, in the order in which a loop over many items takes it apart.
_Parts: TypeAlias = tuple[str, str, tuple[str, ...]]


class Mark(Record):
    """What one attribute of a tenant's items holds: exactly this text, or text that begins in one of these ways."""

    name: str
    exact: str
    beginnings: tuple[str, ...]

    def owns(self, value: object) -> bool:
        """Whether an attribute value is text of this tenant. Whatever else it is, it is not the tenant's."""
        if not isinstance(value, dict) or len(value) != 1:
            return False
        text = value.get("S")
        return isinstance(text, str) and (text == self.exact or text.startswith(self.beginnings))


class Marks:
    """What one tenant's items in one table look like: `partition` must be there and be its own; `optional`, of which
    `tenant` is one, must be its own where they are."""

    __slots__ = ("_id", "_parts", "optional", "partition", "table", "tenant")

    def __init__(self, tenant: str, table: GuardedTable, partition: Bearer) -> None:
        self._id = tenant
        self.table = table
        self.partition = _mark(partition, tenant)
        self.optional = tuple(_mark(bearer, tenant) for bearer in table.index_bearers)
        self.tenant: Mark | None = None
        if table.tenant_attribute is not None:
            self.tenant = Mark(table.tenant_attribute, tenant, ())
            self.optional += (self.tenant,)
        self._parts = [_parts(mark) for mark in self.optional]

    def of_index(self, index: str) -> Mark:
        """The mark of an index's partition key."""
        return _mark(self.table.indexes[index][0], self._id)

    def is_sentinel(self, item: Mapping[str, Any]) -> bool:  # whatever is written, or the service answered
        """Whether an item, by its key, is the sentinel of a constraint within the tenant: in a partition of the
        tenant's own, or, where a partition key is the id alone, in that partition by its sort key."""
        if not self.partition.owns(item.get(self.partition.name)):
            return False
        if self.partition.beginnings:
            text: str = item[self.partition.name]["S"]
            return text.startswith(tuple(beginning + SENTINEL for beginning in self.partition.beginnings))
        return any(_begins(item.get(name)) for name in self.table.key[1:])

    def admit(self, items: Iterable[Any]) -> bool:  # whatever the service answered
        """Whether all of these items, or keys, are the tenant's own. Raises if they are no items at all."""
        (name, exact, beginnings), optional = _parts(self.partition), self._parts
        for item in items:
            # `owns`, written out: a page has thousands of attributes to look at, and the call would cost half of it.
            value = item[name]
            text = value["S"]
            if len(value) != 1 or not (text == exact or text.startswith(beginnings)):
                return False
            for other, only, ways in optional:
                if other in item:
                    value = item[other]
                    text = value["S"]
                    if len(value) != 1 or not (text == only or text.startswith(ways)):
                        return False
        return True


class Holdings:
    """A tenant, and the tables in which it may have something. `tables` looks a physical table up by its exact name."""

    __slots__ = ("_marks", "_tables", "tenant")

    def __init__(self, tenant: str, tables: Callable[[str], GuardedTable | None]) -> None:
        if not _ID.fullmatch(tenant):
            raise TenantViolation("a tenant's id has 1 to 256 letters (a-z, A-Z), digits and _ . : / = + - @")
        self.tenant = tenant
        self._tables = tables
        self._marks: dict[str, Marks] = {}

    def table(self, name: object) -> GuardedTable:
        """The table of that name. One that is not registered, or an ARN, is none of the tenant's."""
        table = self._tables(name) if isinstance(name, str) else None
        if table is None or table.name != name:
            raise TenantViolation("a request names a table that no model of this client lives in")
        return table

    def marks(self, table: GuardedTable) -> Marks | None:
        """What the tenant's items in a table look like; None where the table is shared by all."""
        if table.shared:
            return None
        marks = self._marks.get(table.name)
        # A table that got another model since is another object, which may protect more.
        if marks is None or marks.table is not table:
            if table.partition is None:
                raise TenantViolation(f"{table.name}: it is neither shared nor does its partition key name the tenant")
            marks = self._marks[table.name] = Marks(self.tenant, table, table.partition)
        return marks

    def own(self, name: object) -> Marks:
        """The marks of a table that is to be written."""
        table = self.table(name)
        marks = self.marks(table)
        if marks is None:
            raise TenantViolation(f"{table.name}: it is shared by all tenants, and only read by them")
        return marks


def _begins(value: object) -> bool:
    """Whether a sort key of text or bytes, in base64 perhaps, begins as a sentinel's does."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((tag, payload),) = value.items()
    if tag == "B" and isinstance(payload, str):
        try:
            payload = base64.b64decode(payload)
        except ValueError:
            return False
    if tag == "B":
        return isinstance(payload, (bytes, bytearray)) and payload.startswith(SENTINEL.encode())
    return tag == "S" and isinstance(payload, str) and payload.startswith(SENTINEL)


def _mark(bearer: Bearer, tenant: str) -> Mark:
    exact = bearer.prefix + tenant
    return Mark(bearer.name, exact, () if bearer.whole else (exact + "#",))


def _parts(mark: Mark) -> _Parts:
    return mark.name, mark.exact, mark.beginnings
