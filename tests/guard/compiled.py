"""Expressions of the real compiler, drawn at random, as requests carry them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from dynamorm_py.core.errors import InvalidOperation
from dynamorm_py.core.expressions import (
    AttributePath,
    Between,
    Comparison,
    Condition,
    Function,
    Literal,
    Membership,
    Size,
    compile_condition,
    compile_projection,
)
from dynamorm_py.core.placeholders import Placeholders
from dynamorm_py.core.updates import (
    Add,
    Arithmetic,
    Assign,
    Discard,
    IfNotExists,
    ListAppend,
    Remove,
    compile_update,
)

Request = dict[str, Any]

# Names that would be keywords, functions or syntax if they stood in a text.
NAMES = ["total", "and", "OR", "size", "SET", "a.b", "#n0", ":v0", "x y", "é", "0", "contains", "[0]", "(", ")"]
segments = st.one_of(st.sampled_from(NAMES), st.text(min_size=1, max_size=4), st.integers(0, 99))
paths = st.builds(
    lambda name, rest: AttributePath((name, *rest)), st.sampled_from(NAMES), st.lists(segments, max_size=4)
)
literals = st.sampled_from(["x", "y", "AND pk = :v0"]).map(lambda text: Literal({"S": text}))
sizes = paths.map(Size)
operands = st.one_of(paths, sizes, literals)
leaves = st.one_of(
    st.builds(
        lambda left, sign, right: lambda: Comparison(left, sign, right),
        st.one_of(paths, sizes),
        st.sampled_from(["=", "<>", "<", "<=", ">", ">="]),
        operands,
    ),
    st.builds(lambda operand, low, high: lambda: Between(operand, low, high), st.one_of(paths, sizes), paths, operands),
    st.builds(
        lambda operand, options: lambda: Membership(operand, tuple(options)),
        st.one_of(paths, sizes),
        st.lists(operands, min_size=1, max_size=5),
    ),
    st.builds(lambda path: lambda: Function("attribute_exists", path), paths),
    st.builds(lambda path: lambda: Function("attribute_not_exists", path), paths),
    st.builds(lambda path: lambda: Function("attribute_type", path, Literal({"S": "S"})), paths),
    st.builds(lambda path, other: lambda: Function("begins_with", path, other), paths, st.one_of(paths, literals)),
    st.builds(lambda path, other: lambda: Function("contains", path, other), paths, operands),
)
trees: Any = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda term: lambda: ~term(), inner),
        st.builds(lambda left, right: lambda: left() & right(), inner, inner),
        st.builds(lambda left, right: lambda: left() | right(), inner, inner),
    ),
    max_leaves=20,
)


@st.composite
def conditions(draw: st.DrawFn) -> tuple[str, Request]:
    return written(draw, draw(trees), compile_condition)


@st.composite
def updates(draw: st.DrawFn) -> tuple[str, Request]:
    return written(draw, lambda: draw(st.lists(actions, min_size=1, max_size=8)), compile_update)


@st.composite
def projections(draw: st.DrawFn) -> tuple[str, Request]:
    return written(draw, lambda: draw(st.lists(paths, min_size=1, max_size=8)), compile_projection)


def written(draw: st.DrawFn, build: Any, compile_: Any) -> tuple[str, Request]:
    """A text with its aliases; what the compiler refuses itself is not drawn."""
    placeholders = Placeholders()
    request: Request = {}
    try:
        text: str = compile_(build(), placeholders)
    except InvalidOperation:
        return draw(st.nothing())
    placeholders.write_into(request)
    return text, request


def nested(depth: int) -> Condition:
    """A condition whose text goes as deep as the limit on operators lets it."""
    condition: Condition = Comparison(AttributePath(("a",)), "=", AttributePath(("b",)))
    for number in range(depth):
        other = Function("attribute_exists", AttributePath((f"x{number}",)))
        condition = other & condition if number % 2 else other | condition
    return condition


defaults = st.one_of(paths, literals)
fallbacks = st.one_of(defaults, st.builds(IfNotExists, paths, defaults))
actions = st.one_of(
    st.builds(
        Assign,
        paths,
        st.one_of(
            fallbacks,
            st.builds(Arithmetic, fallbacks, st.sampled_from(["+", "-"]), fallbacks),
            st.builds(ListAppend, fallbacks, fallbacks),
        ),
    ),
    st.builds(Remove, paths),
    st.builds(Add, paths, st.just({"N": "1"})),
    st.builds(Discard, paths, st.just({"SS": ["x"]})),
)
