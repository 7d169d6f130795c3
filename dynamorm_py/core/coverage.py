"""What a projection brought: which paths were read, and where their values stand in the item that came back.

DynamoDB answers a projection with the parts of the item in their places, except that the elements of a list move up:
`l[2], l[0]` comes back as two elements in ascending order, and an element of which nothing was found leaves no gap.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ProjectionExpressions.html
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from dynamorm_py.core.errors import InvalidOperation
from dynamorm_py.core.expressions import AttributePath
from dynamorm_py.core.records import Record
from dynamorm_py.core.wire import AttributeValue, Item

_Segments = tuple[str | int, ...]


class Coverage(Record):
    """The paths that were read of an item, none of which contains another."""

    __slots__ = ("__dict__",)  # for the cached property

    paths: tuple[AttributePath, ...]

    def __post_init__(self) -> None:
        for parent, elements in self._elements.items():
            *before, _ = sorted(elements)
            for index in before:
                if (*parent, index) not in self._whole:
                    raise InvalidOperation(
                        f"{AttributePath(parent)}[{index}] is asked for in part, beside later elements of its list: "
                        "DynamoDB moves elements up, so nobody could tell which is which. Project whole elements"
                    )

    def covers(self, path: AttributePath) -> bool:
        """Whether the path was read, by itself or as part of something else."""
        return any(path.segments[:length] in self._whole for length in range(1, len(path.segments) + 1))

    def inside(self, path: AttributePath) -> Iterator[AttributePath]:
        """The paths that were read of something that was not read as a whole."""
        return (read for read in self.paths if read.segments[: len(path.segments)] == path.segments)

    def value(self, item: Item, path: AttributePath) -> AttributeValue | None:
        """What stands at a path that is covered; None where the item has nothing there."""
        value: AttributeValue | None = {"M": item}
        for position, segment in enumerate(path.segments):
            if value is None:
                return None
            value = self._step(value, path.segments[:position], segment)
        return value

    def _step(self, value: AttributeValue, parent: _Segments, segment: str | int) -> AttributeValue | None:
        if isinstance(segment, str):
            member: AttributeValue | None = value.get("M", {}).get(segment)
            return member
        elements = self._elements.get(parent)
        rank = segment if elements is None else sum(index < segment for index in elements)
        members: list[AttributeValue] = value.get("L", [])
        return members[rank] if rank < len(members) else None

    @cached_property
    def _whole(self) -> frozenset[_Segments]:
        return frozenset(path.segments for path in self.paths)

    @cached_property
    def _elements(self) -> dict[_Segments, set[int]]:
        """Of the lists that were read in part: which elements."""
        elements: dict[_Segments, set[int]] = {}
        for path in self.paths:
            for position, segment in enumerate(path.segments):
                if isinstance(segment, int):
                    elements.setdefault(path.segments[:position], set()).add(segment)
        return elements
