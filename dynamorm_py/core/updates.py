"""Update actions: frozen nodes, and their compilation to one update expression.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
Each clause stands at most once; SET reads the values from before the update; DynamoDB refuses two paths of which one
is, or lies inside, the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal as LiteralType
from typing import TypeAlias

from dynamorm_py.core.errors import InvalidOperation
from dynamorm_py.core.expressions import AttributePath, Literal, check_expression_size
from dynamorm_py.core.placeholders import Placeholders
from dynamorm_py.core.records import Record
from dynamorm_py.core.wire import AttributeValue


class IfNotExists(Record):
    """`if_not_exists(path, default)`: the value at the path, or the default where there is none."""

    path: AttributePath
    default: Literal | AttributePath

    def compile(self, placeholders: Placeholders) -> str:
        return f"if_not_exists({self.path.compile(placeholders)}, {self.default.compile(placeholders)})"


class Arithmetic(Record):
    """`left + right` or `left - right`; DynamoDB takes exactly two operands."""

    left: Literal | AttributePath | IfNotExists
    sign: LiteralType["+", "-"]
    right: Literal | AttributePath | IfNotExists

    def compile(self, placeholders: Placeholders) -> str:
        return f"{self.left.compile(placeholders)} {self.sign} {self.right.compile(placeholders)}"


class ListAppend(Record):
    """`list_append(first, second)`."""

    first: Literal | AttributePath | IfNotExists
    second: Literal | AttributePath | IfNotExists

    def compile(self, placeholders: Placeholders) -> str:
        return f"list_append({self.first.compile(placeholders)}, {self.second.compile(placeholders)})"


NewValue: TypeAlias = Literal | AttributePath | IfNotExists | Arithmetic | ListAppend


class Assign(Record):
    """`SET path = value`."""

    path: AttributePath
    value: NewValue

    clause = "SET"

    def compile(self, placeholders: Placeholders) -> str:
        return f"{self.path.compile(placeholders)} = {self.value.compile(placeholders)}"


class Remove(Record):
    """`REMOVE path`."""

    path: AttributePath

    clause = "REMOVE"

    def compile(self, placeholders: Placeholders) -> str:
        return self.path.compile(placeholders)


class Add(Record):
    """`ADD path value`: a number is added, a set united; an absent attribute counts as 0 or the empty set."""

    path: AttributePath
    value: AttributeValue

    clause = "ADD"

    def compile(self, placeholders: Placeholders) -> str:
        return f"{self.path.compile(placeholders)} {placeholders.value(self.value)}"


class Discard(Record):
    """`DELETE path value`: the members of the value leave the set; a set left empty leaves the item."""

    path: AttributePath
    value: AttributeValue

    clause = "DELETE"

    def compile(self, placeholders: Placeholders) -> str:
        return f"{self.path.compile(placeholders)} {placeholders.value(self.value)}"


Action: TypeAlias = Assign | Remove | Add | Discard
CLAUSES = ("SET", "REMOVE", "ADD", "DELETE")


def compile_update(actions: Sequence[Action], placeholders: Placeholders) -> str:
    """The actions as one update expression, each clause once, in a fixed order."""
    check_overlap(actions)
    clauses = []
    for clause in CLAUSES:
        parts = [action.compile(placeholders) for action in actions if action.clause == clause]
        if parts:
            clauses.append(f"{clause} {', '.join(parts)}")
    return check_expression_size(" ".join(clauses))


def check_overlap(actions: Sequence[Action]) -> None:
    seen: dict[str, list[AttributePath]] = {}
    for action in actions:
        for earlier in seen.setdefault(action.path.attribute, []):
            if action.path.overlaps(earlier):
                raise InvalidOperation(
                    f"two actions of one update overlap: {earlier} and {action.path}; give each path once"
                )
        seen[action.path.attribute].append(action.path)


def repeats_harmlessly(actions: Sequence[Action]) -> bool:
    """Whether carrying out the actions a second time would leave the same item as once."""
    written = [action.path for action in actions]
    return all(_repeats_harmlessly(action, written) for action in actions)


def _repeats_harmlessly(action: Action, written: Sequence[AttributePath]) -> bool:
    if isinstance(action, Add):
        return "N" not in action.value
    if isinstance(action, Remove):
        # Removing a list's element shifts those behind it, so the second removal takes another one.
        return not any(isinstance(segment, int) for segment in action.path.segments)
    if isinstance(action, Discard):
        return True
    if isinstance(action.path.segments[-1], int):
        return False  # a SET behind a list's end appends, so a second one appends again
    # A SET that copies from a path which the same update writes would copy something else the second time.
    sources = list(_sources(action.value))
    if isinstance(action.value, IfNotExists) and action.value.path == action.path:
        sources.remove(action.path)
    return not isinstance(action.value, Arithmetic | ListAppend) and not any(
        source.overlaps(path) for source in sources for path in written
    )


def action_paths(action: Action) -> Iterator[AttributePath]:
    """Every path that an action writes or reads."""
    yield action.path
    if isinstance(action, Assign):
        yield from _sources(action.value)


def literals_in(value: NewValue) -> Iterator[Literal]:
    """Every value that an assignment writes, or part of which it writes."""
    if isinstance(value, Literal):
        yield value
    elif isinstance(value, IfNotExists):
        if isinstance(value.default, Literal):
            yield value.default
    elif isinstance(value, Arithmetic | ListAppend):
        for operand in (value.first, value.second) if isinstance(value, ListAppend) else (value.left, value.right):
            yield from literals_in(operand)


def _sources(value: NewValue) -> Iterator[AttributePath]:
    if isinstance(value, AttributePath):
        yield value
    elif isinstance(value, IfNotExists):
        yield value.path
        yield from _sources(value.default)
    elif isinstance(value, Arithmetic):
        yield from _sources(value.left)
        yield from _sources(value.right)
    elif isinstance(value, ListAppend):
        yield from _sources(value.first)
        yield from _sources(value.second)
