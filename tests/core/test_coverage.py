"""Which paths a projection covers, and where their values stand in what came back."""

from __future__ import annotations

from typing import Any

import pytest

from dynamorm_py.core.coverage import Coverage
from dynamorm_py.core.errors import InvalidOperation
from dynamorm_py.core.expressions import AttributePath


def path(*segments: str | int) -> AttributePath:
    return AttributePath(segments)


def numbers(*values: int) -> dict[str, Any]:
    return {"L": [{"N": str(value)} for value in values]}


def test_a_path_covers_itself_and_what_is_inside() -> None:
    coverage = Coverage((path("a"), path("b", "c"), path("l", 2)))
    for covered in (path("a"), path("a", "x", 0), path("b", "c"), path("b", "c", "d"), path("l", 2), path("l", 2, "x")):
        assert coverage.covers(covered)
    for uncovered in (path("b"), path("b", "d"), path("l"), path("l", 0), path("z"), path("b.c")):
        assert not coverage.covers(uncovered)
    assert list(coverage.inside(path("b"))) == [path("b", "c")]
    assert list(coverage.inside(path("z"))) == []


# The items are what DynamoDB Local 1.25.1 answers to these projections of l = [0, 1, 2, 3].
@pytest.mark.parametrize(
    ("asked", "answer", "found"),
    [
        ([("l", 2), ("l", 0)], {"l": numbers(0, 2)}, {("l", 0): "0", ("l", 2): "2"}),
        ([("l", 9), ("l", 1)], {"l": numbers(1)}, {("l", 1): "1", ("l", 9): None}),
        ([("l",)], {"l": numbers(0, 1, 2, 3)}, {("l", 2): "2", ("l", 4): None}),
        ([("l", 7)], {}, {("l", 7): None}),
        ([("l", "x")], {}, {("l", "x"): None}),
        (
            [("ll", 1, 1), ("ll", 0)],
            {"ll": {"L": [numbers(0, 1), numbers(11)]}},
            {("ll", 0, 0): "0", ("ll", 0, 1): "1", ("ll", 1, 1): "11"},
        ),
        (
            [("m", 1, "a"), ("m", 0)],
            {"m": {"L": [{"M": {"a": {"N": "5"}}}]}},
            {("m", 0, "a"): "5", ("m", 1, "a"): None},
        ),
    ],
)
def test_elements_that_moved_up_are_found(
    asked: list[tuple[str | int, ...]],
    answer: dict[str, Any],
    found: dict[tuple[str | int, ...], str | None],
) -> None:
    coverage = Coverage(tuple(path(*segments) for segments in asked))
    for segments, text in found.items():
        assert coverage.covers(path(*segments))
        value = coverage.value(answer, path(*segments))
        assert value == (None if text is None else {"N": text})


def test_parts_of_an_element_before_another_are_refused() -> None:
    with pytest.raises(InvalidOperation, match=r"m\[1\] is asked for in part"):
        Coverage((path("m", 1, "a"), path("m", 3)))
    with pytest.raises(InvalidOperation, match=r"x\.m\[0\] is asked for in part"):
        Coverage((path("x", "m", 0, 2), path("x", "m", 1, 0)))
