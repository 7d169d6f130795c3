"""What ought to happen: DynamoDB and the library's rules over plain dicts.

An item is a dict of field values without what is absent. A verb gives an `Outcome`: the error it raises, or what it
does. Nothing here knows requests, expressions, encodings or keys as text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dynamorm_py import (
    ConditionFailed,
    DynamormError,
    IncompleteIndexKey,
    InvalidOperation,
    ItemAlreadyExists,
    ItemNotFound,
    NotUnique,
    ServiceError,
    VersionConflict,
)
from tests.fuzz.models import Index, Kind
from tests.fuzz.terms import Change, Fields, Invalid, Term, changed

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Outcome:
    """`error` is raised, with `failing` as the item behind it; without one, `item` is what is stored under the key
    afterwards, None for nothing. Where `unsure`, a ConditionFailed that changes nothing is right as well."""

    error: type[DynamormError] | None = None
    failing: Fields | None = None
    item: Fields | None = None
    unsure: bool = False


class Store:
    """Every item of a run, and its clock."""

    def __init__(self) -> None:
        # Far ahead: DynamoDB Local deletes what has expired by its own clock, and nothing is to vanish here.
        self.now = datetime(2124, 1, 1, tzinfo=UTC)
        self._items: dict[tuple[str, Key], Fields] = {}

    def find(self, kind: Kind, key: Key) -> Fields | None:
        return deepcopy(self._items.get((kind.name, key)))

    def store(self, kind: Kind, key: Key, item: Fields | None) -> None:
        if item is None:
            self._items.pop((kind.name, key), None)
        else:
            self._items[kind.name, key] = deepcopy(item)

    def of(self, kind: Kind) -> list[Fields]:
        return [deepcopy(item) for (name, _), item in self._items.items() if name == kind.name]

    def keys(self, kind: Kind) -> list[Key]:
        return [key for name, key in self._items if name == kind.name]

    def expired(self, item: Fields) -> bool:
        return "expires" in item and item["expires"] <= self.now

    def visible(self, kind: Kind, key: Key) -> Fields | None:
        """What a get returns."""
        item = self.find(kind, key)
        return None if item is None or self.expired(item) else item

    # Reads

    def query(self, kind: Kind, index: Index, partition: Fields, where: Term | None, keep: Term | None) -> list[Fields]:
        """In the order of the index; items of one place in it in any order."""
        found = [
            item
            for item in self.of(kind)
            if all(name in item for name in (*index.partition, *index.sort))
            and all(item[name] == value for name, value in partition.items())
            and (where is None or where.holds(item))
            and (keep is None or keep.holds(item))
            and not self.expired(item)
        ]
        return sorted(found, key=lambda item: place(index, item))

    # Writes

    def create(self, kind: Kind, item: Fields) -> Outcome:
        found = self.find(kind, key_of(kind, item))
        if found is not None and not self.expired(found):
            return Outcome(ItemAlreadyExists, found)
        if self._taken(kind, item):
            return Outcome(NotUnique)
        return Outcome(item=self._fresh(kind, item))

    def put_new(self, kind: Kind, item: Fields) -> Outcome:
        if kind.uniques:
            return Outcome(InvalidOperation)
        found = self.find(kind, key_of(kind, item))
        if kind.versioned and found is not None:
            return Outcome(VersionConflict, found)
        return Outcome(item=self._fresh(kind, item))

    def put_loaded(self, kind: Kind, seen: Fields, item: Fields) -> Outcome:
        found = self.find(kind, key_of(kind, item))
        refused = self._stale(kind, seen, found)
        if refused is not None:
            return refused
        if self._taken(kind, item):
            return Outcome(NotUnique)
        kept = {name: seen[name] for name in ("created",) if name in seen}
        return Outcome(item={**self._stamped(kind, item, seen), **kept})

    def save(self, kind: Kind, seen: Fields, item: Fields) -> Outcome | None:
        """None where nothing is sent."""
        differing = difference(kind, seen, item)
        if not differing:
            return None
        found = self.find(kind, key_of(kind, item))
        if found is None and not kind.versioned:
            return Outcome(ItemNotFound)
        claims = unique_values(kind, item) != unique_values(kind, seen)
        refused = self._stale(kind, seen, found, claims=claims)
        if refused is not None or found is None:
            return refused
        if self._taken(kind, item):
            return Outcome(NotUnique)
        after = {name: value for name, value in found.items() if name not in differing or name in item}
        after |= {name: item[name] for name in differing if name in item}
        return Outcome(
            item=self._stamped(kind, after, found), unsure=_relies_on_stale(kind, set(differing), seen, found)
        )

    def update(
        self,
        kind: Kind,
        key: Key,
        changes: tuple[Change, ...],
        condition: Term | None,
        *,
        upsert: bool = False,
        seen: Fields | None = None,
    ) -> Outcome:
        """By key, or, with `seen`, of a loaded instance."""
        named = dict(zip(kind.key, key, strict=True))
        refused = _refused_update(kind, changes, named, seen)
        # An upsert of a composed key has the fields behind it to write.
        if refused is not None or not (changes or kind.kept or (upsert and kind.composed)):
            return Outcome(refused or InvalidOperation)
        found = self.find(kind, key)
        if seen is not None and kind.versioned and (found is None or found["version"] != seen["version"]):
            return Outcome(VersionConflict, found)
        if found is None and not upsert:
            return Outcome(ItemNotFound)
        claims = False
        if seen is not None:
            claims = unique_values(kind, changed(seen, _plain(changes))) != unique_values(kind, seen)
            if claims and found is not None and not kind.versioned and not _as_seen(kind, seen, found):
                return Outcome(ConditionFailed, found)
        if condition is not None and not condition.holds(found or {}):
            return Outcome(ConditionFailed, found)
        try:
            after = changed({**named, **(found or {})}, changes)
        except Invalid:
            return Outcome(ServiceError)
        if claims and self._taken(kind, after):
            return Outcome(NotUnique)
        stamped = self._stamped(kind, after, found or {})
        if kind.stamped and found is None:
            stamped["created"] = self.now
        written = {change.field for change in changes}
        unsure = seen is not None and _relies_on_stale(kind, written, seen, found or {})
        return Outcome(item=stamped, unsure=unsure)

    def delete(
        self, kind: Kind, key: Key, condition: Term | None, *, instance: bool = False, seen: Fields | None = None
    ) -> Outcome:
        if kind.uniques and seen is None:
            return Outcome(InvalidOperation)
        found = self.find(kind, key)
        if instance and seen is not None:
            refused = self._stale(kind, seen, found)
            if refused is not None:
                return refused
        if condition is not None and not condition.holds(found or {}):
            return Outcome(ConditionFailed, found)
        return Outcome(item=None)

    def check(self, kind: Kind, key: Key, condition: Term) -> Outcome:
        found = self.find(kind, key)
        return Outcome(item=found) if condition.holds(found or {}) else Outcome(ConditionFailed, found)

    def _fresh(self, kind: Kind, item: Fields) -> Fields:
        stamps = {"version": 0} if kind.versioned else {}
        return {**item, **stamps, **({"created": self.now, "updated": self.now} if kind.stamped else {})}

    def _stamped(self, kind: Kind, item: Fields, before: Fields) -> Fields:
        version = {"version": before.get("version", -1) + 1} if kind.versioned else {}
        return {**item, **version, **({"updated": self.now} if kind.stamped else {})}

    def _stale(self, kind: Kind, seen: Fields, found: Fields | None, *, claims: bool = True) -> Outcome | None:
        """Why a loaded instance may not be written, if it was overtaken in a way that the library checks."""
        if kind.versioned:
            current = found is not None and found["version"] == seen["version"]
            return None if current else Outcome(VersionConflict, found)
        if claims and kind.uniques and not _as_seen(kind, seen, found or {}):
            return Outcome(ConditionFailed, found)
        return None

    def _taken(self, kind: Kind, item: Fields) -> bool:
        mine = unique_values(kind, item)
        others = [other for other in self.of(kind) if key_of(kind, other) != key_of(kind, item)]
        return any(
            value is not None and value == theirs
            for other in others
            for value, theirs in zip(mine, unique_values(kind, other), strict=True)
        )


def key_of(kind: Kind, item: Fields) -> Key:
    return tuple(item[name] for name in kind.key)


def place(index: Index, item: Fields) -> Key:
    return tuple(item[name] for name in index.sort)


def stored(kind: Kind, values: Fields) -> Fields:
    """An instance's values as an item: None is absent unless the field stores it, and so is an empty set."""
    return {
        name: deepcopy(value)
        for name, value in values.items()
        if name not in kind.kept and not (value is None and name not in kind.nulls) and value != set()
    }


def read(kind: Kind, item: Fields) -> Fields:
    """An item as an instance shows it."""
    return {name: deepcopy(item.get(name, kind.absent.get(name))) for name in kind.everything}


def difference(kind: Kind, seen: Fields, item: Fields) -> list[str]:
    """The fields that a save writes: those that no longer read as they did."""
    before, now = read(kind, seen), read(kind, item)
    names = (*kind.fields, *(("expires",) if kind.expiring else ()))
    return [name for name in names if before[name] != now[name]]


def unique_values(kind: Kind, item: Fields) -> list[Key | None]:
    """What an item claims, for each constraint; None where a part is absent."""
    return [
        tuple(item[name] for name in names) if all(name in item for name in names) else None for names in kind.uniques
    ]


def _as_seen(kind: Kind, seen: Fields, found: Fields) -> bool:
    names = {name for constraint in kind.uniques for name in constraint}
    return all(seen.get(name) == found.get(name) for name in names)


def _plain(changes: Iterable[Change]) -> tuple[Change, ...]:
    return tuple(change for change in changes if change.plain)


def _composed(kind: Kind) -> Iterable[tuple[str, ...]]:
    """The fields of every template of an index."""
    for index in kind.indexes:
        if index.composed:
            yield index.partition
            yield index.sort


def _refused_update(
    kind: Kind, changes: tuple[Change, ...], named: Fields, seen: Fields | None
) -> type[DynamormError] | None:
    """What is refused before anything is sent."""
    written = {change.field: change for change in changes}
    unique = {name for constraint in kind.uniques for name in constraint}
    if written.keys() & unique and (seen is None or any(not written[name].plain for name in written.keys() & unique)):
        return InvalidOperation
    gone = [name for name, change in written.items() if change.plain and name not in changed({}, (change,))]
    for fields in _composed(kind):
        if not written.keys() & set(fields):
            continue
        absent = [name for name in fields if name not in written and name not in named]
        if any(name in gone or (seen is not None and name in absent and name not in seen) for name in fields):
            continue  # the item leaves the index
        known: Callable[[str], bool] = lambda name: name in named or (seen is not None and name in seen)  # noqa: E731
        if any(not written[name].plain if name in written else not known(name) for name in fields):
            return IncompleteIndexKey
    return None


def _relies_on_stale(kind: Kind, written: set[str], seen: Fields, found: Fields) -> bool:
    """Whether an index key is made of fields that were overtaken: an unversioned write may then be refused."""
    if kind.versioned:
        return False
    for fields in _composed(kind):
        if written & set(fields) and any(seen.get(name) != found.get(name) for name in fields):
            return True
    return False
