"""Conditions and actions in the reference's own words: what each means for a plain dict, and how a caller spells it."""

from __future__ import annotations

import operator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Protocol

from dynamorm_py import Action, Condition, Model

Fields = dict[str, Any]


class Invalid(Exception):
    """DynamoDB refuses the update: an operand is missing."""


class Term(Protocol):
    """A condition."""

    def holds(self, item: Fields) -> bool: ...
    def spelt(self, model: Any) -> Condition: ...  # a model class, whose fields are looked up by name


class Change(Protocol):
    """An action on one field. `plain` tells a caller's own value from one that DynamoDB computes."""

    @property
    def field(self) -> str: ...
    @property
    def plain(self) -> bool: ...
    def apply(self, before: Fields, after: Fields) -> None: ...
    def spelt(self, model: Any) -> Action: ...


OPERATORS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
ORDERED = ("<", "<=", ">", ">=")


def compared(left: Any, name: str, right: Any) -> bool:
    """NULL equals NULL alone, and has no order."""
    if name in ORDERED and (left is None or right is None):
        return False
    return bool(OPERATORS[name](left, right))


@dataclass(frozen=True)
class Compare:
    """A field against a value. What is absent differs from everything, and is neither less nor greater."""

    field: str
    name: str
    value: Any

    def holds(self, item: Fields) -> bool:
        if self.field not in item:
            return self.name == "!="
        return compared(item[self.field], self.name, self.value)

    def spelt(self, model: Any) -> Condition:
        return OPERATORS[self.name](getattr(model, self.field), self.value)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class CompareFields:
    """A field against another one of the same type."""

    field: str
    name: str
    other: str

    def holds(self, item: Fields) -> bool:
        if self.field not in item or self.other not in item:
            return self.name == "!="
        return compared(item[self.field], self.name, item[self.other])

    def spelt(self, model: Any) -> Condition:
        return OPERATORS[self.name](getattr(model, self.field), getattr(model, self.other))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Between:
    field: str
    low: Any
    high: Any

    def holds(self, item: Fields) -> bool:
        value = item.get(self.field)
        return value is not None and bool(self.low <= value <= self.high)

    def spelt(self, model: Any) -> Condition:
        return getattr(model, self.field).between(self.low, self.high)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Among:
    field: str
    values: tuple[Any, ...]

    def holds(self, item: Fields) -> bool:
        return self.field in item and item[self.field] in self.values

    def spelt(self, model: Any) -> Condition:
        return getattr(model, self.field).is_in(self.values)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Begins:
    field: str
    text: str

    def holds(self, item: Fields) -> bool:
        value = item.get(self.field)
        return value is not None and value.startswith(self.text)

    def spelt(self, model: Any) -> Condition:
        return getattr(model, self.field).begins_with(self.text)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Contains:
    field: str
    part: Any

    def holds(self, item: Fields) -> bool:
        value = item.get(self.field)
        return value is not None and self.part in value

    def spelt(self, model: Any) -> Condition:
        return getattr(model, self.field).contains(self.part)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Exists:
    field: str
    wanted: bool

    def holds(self, item: Fields) -> bool:
        return (self.field in item) is self.wanted

    def spelt(self, model: Any) -> Condition:
        path = getattr(model, self.field)
        return path.exists() if self.wanted else path.not_exists()  # type: ignore[no-any-return]


@dataclass(frozen=True)
class IsNone:
    """Absent, or NULL."""

    field: str

    def holds(self, item: Fields) -> bool:
        return item.get(self.field) is None

    def spelt(self, model: Any) -> Condition:
        return getattr(model, self.field).is_none()  # type: ignore[no-any-return]


@dataclass(frozen=True)
class SizeIs:
    """Of a set, list or map: how many members it has."""

    field: str
    name: str
    number: int

    def holds(self, item: Fields) -> bool:
        if self.field not in item:
            return self.name == "!="
        return bool(OPERATORS[self.name](len(item[self.field]), self.number))

    def spelt(self, model: Any) -> Condition:
        return OPERATORS[self.name](getattr(model, self.field).size(), self.number)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Entry:
    """An entry of a map, or an element of a list, against a value."""

    field: str
    place: str | int
    name: str
    value: Any

    def holds(self, item: Fields) -> bool:
        try:
            found = item[self.field][self.place]
        except (KeyError, IndexError):
            return self.name == "!="
        return compared(found, self.name, self.value)

    def spelt(self, model: Any) -> Condition:
        return OPERATORS[self.name](getattr(model, self.field)[self.place], self.value)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Both:
    left: Term
    right: Term

    def holds(self, item: Fields) -> bool:
        return self.left.holds(item) and self.right.holds(item)

    def spelt(self, model: Any) -> Condition:
        return self.left.spelt(model) & self.right.spelt(model)


@dataclass(frozen=True)
class Either:
    left: Term
    right: Term

    def holds(self, item: Fields) -> bool:
        return self.left.holds(item) or self.right.holds(item)

    def spelt(self, model: Any) -> Condition:
        return self.left.spelt(model) | self.right.spelt(model)


@dataclass(frozen=True)
class Not:
    term: Term

    def holds(self, item: Fields) -> bool:
        return not self.term.holds(item)

    def spelt(self, model: Any) -> Condition:
        return ~self.term.spelt(model)


@dataclass(frozen=True)
class Set:
    """A value; None and an empty set take the attribute away, unless the field stores NULL."""

    field: str
    value: Any
    stores_null: bool = False

    plain = True

    def apply(self, before: Fields, after: Fields) -> None:
        if (self.value is None and not self.stores_null) or self.value == set():
            after.pop(self.field, None)
        else:
            after[self.field] = deepcopy(self.value)

    def spelt(self, model: Any) -> Action:
        return getattr(model, self.field).set(self.value)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Take:
    """The value of another field, from before the update."""

    field: str
    other: str

    plain = False

    def apply(self, before: Fields, after: Fields) -> None:
        if self.other not in before:
            raise Invalid
        after[self.field] = deepcopy(before[self.other])

    def spelt(self, model: Any) -> Action:
        return getattr(model, self.field).set(getattr(model, self.other))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Plus:
    """`SET a = a + n`, which needs `a`."""

    field: str
    number: Any

    plain = False

    def apply(self, before: Fields, after: Fields) -> None:
        if self.field not in before:
            raise Invalid
        after[self.field] = before[self.field] + self.number

    def spelt(self, model: Any) -> Action:
        path = getattr(model, self.field)
        return path.set(path + self.number)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Count:
    """`ADD`, up or down; what is absent counts as 0."""

    field: str
    number: Any
    down: bool

    plain = False

    def apply(self, before: Fields, after: Fields) -> None:
        after[self.field] = before.get(self.field, 0) + (-self.number if self.down else self.number)

    def spelt(self, model: Any) -> Action:
        path = getattr(model, self.field)
        return path.subtract(self.number) if self.down else path.add(self.number)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Otherwise:
    """A value where there is none; NULL is one."""

    field: str
    value: Any

    plain = False

    def apply(self, before: Fields, after: Fields) -> None:
        after[self.field] = deepcopy(before.get(self.field, self.value))

    def spelt(self, model: Any) -> Action:
        return getattr(model, self.field).set_if_not_exists(self.value)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Drop:
    """Takes the attribute away."""

    field: str

    plain = True

    def apply(self, before: Fields, after: Fields) -> None:
        after.pop(self.field, None)

    def spelt(self, model: Any) -> Action:
        return getattr(model, self.field).remove()  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Extend:
    """Appends to a list, or puts before it."""

    field: str
    values: tuple[str, ...]
    front: bool

    plain = False

    def apply(self, before: Fields, after: Fields) -> None:
        old = before.get(self.field, [])
        after[self.field] = [*self.values, *old] if self.front else [*old, *self.values]

    def spelt(self, model: Any) -> Action:
        path = getattr(model, self.field)
        return path.prepend(*self.values) if self.front else path.append(*self.values)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Members:
    """Adds members to a set, or takes them out; a set left empty is gone."""

    field: str
    values: tuple[Any, ...]
    out: bool

    plain = False

    def apply(self, before: Fields, after: Fields) -> None:
        old = before.get(self.field, set())
        new = old - set(self.values) if self.out else old | set(self.values)
        if new:
            after[self.field] = new
        else:
            after.pop(self.field, None)

    def spelt(self, model: Any) -> Action:
        path = getattr(model, self.field)
        return path.remove_from_set(*self.values) if self.out else path.add_to_set(*self.values)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Put:
    """Sets an entry of a map, which has to be there."""

    field: str
    name: str
    number: int

    plain = False

    def apply(self, before: Fields, after: Fields) -> None:
        if self.field not in before:
            raise Invalid
        after[self.field] = {**before[self.field], self.name: self.number}

    def spelt(self, model: Any) -> Action:
        return getattr(model, self.field)[self.name].set(self.number)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class CountEntry:
    """Counts in an entry of a map, which has to be there."""

    field: str
    name: str
    number: int

    plain = False

    def apply(self, before: Fields, after: Fields) -> None:
        if self.field not in before:
            raise Invalid
        after[self.field] = {**before[self.field], self.name: before[self.field].get(self.name, 0) + self.number}

    def spelt(self, model: Any) -> Action:
        return getattr(model, self.field)[self.name].add(self.number)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class SetElement:
    """Sets a list's element; behind its end, appends."""

    field: str
    place: int
    value: str

    plain = False

    def apply(self, before: Fields, after: Fields) -> None:
        if self.field not in before:
            raise Invalid
        old = before[self.field]
        after[self.field] = [*old[: self.place], self.value, *old[self.place + 1 :]]

    def spelt(self, model: Any) -> Action:
        return getattr(model, self.field)[self.place].set(self.value)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class DropElement:
    """Takes a list's element out, if it has so many."""

    field: str
    place: int

    plain = False

    def apply(self, before: Fields, after: Fields) -> None:
        if self.field not in before:
            raise Invalid
        old = before[self.field]
        after[self.field] = [*old[: self.place], *old[self.place + 1 :]]

    def spelt(self, model: Any) -> Action:
        return getattr(model, self.field)[self.place].remove()  # type: ignore[no-any-return]


def changed(item: Fields, changes: tuple[Change, ...]) -> Fields:
    """The item behind an update; raises `Invalid`."""
    after = deepcopy(item)
    for change in changes:
        change.apply(item, after)
    return after


def values_of(instance: Model, names: tuple[str, ...]) -> Fields:
    return {name: deepcopy(getattr(instance, name)) for name in names}
