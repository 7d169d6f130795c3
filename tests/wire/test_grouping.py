"""Condition trees keep their grouping: what is written, read again by another program, is the tree that was built."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamorm_py import Condition, attr
from tests.wire.compiled import request_of
from tests.wire.grammar import Tree, parse
from tests.wire.models import Thing

NAMES = ["a", "b", "c", "a.b"]
LEAVES = {
    "=": lambda path: path == 1,
    "<": lambda path: path < 1,
    "between": lambda path: path.between(1, 2),
    "in": lambda path: path.is_in([1, 2]),
    "attribute_exists": lambda path: path.exists(),
    "contains": lambda path: path.contains("x"),
    "size": lambda path: path.size() > 1,
}

leaves = st.tuples(st.just("leaf"), st.sampled_from(sorted(LEAVES)), st.sampled_from(NAMES))
trees: Any = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner),
        st.tuples(st.just("and"), inner, inner),
        st.tuples(st.just("or"), inner, inner),
    ),
    max_leaves=12,
)


def build(tree: Tree) -> Condition:
    kind, *rest = tree
    if kind == "leaf":
        condition: Condition = LEAVES[rest[0]](attr(rest[1]))
        return condition
    terms = [build(term) for term in rest]
    if kind == "not":
        return ~terms[0]
    return terms[0] & terms[1] if kind == "and" else terms[0] | terms[1]


def normal(tree: Tree) -> Tree:
    """The same tree with `and` in `and`, and `or` in `or`, as one, and without double negations."""
    kind, *rest = tree
    if kind == "leaf":
        return tree
    terms = [normal(term) for term in rest]
    if kind == "not":
        return terms[0][1] if terms[0][0] == "not" else ("not", terms[0])
    return (kind, *(each for term in terms for each in (term[1:] if term[0] == kind else (term,))))


def leaves_as_built(tree: Tree, names: dict[str, str]) -> Tree:
    """A parsed tree with its leaves named as the strategies name them."""
    kind, *rest = tree
    if kind in ("and", "or", "not"):
        return (kind, *(leaves_as_built(term, names) for term in rest))
    if isinstance(rest[0], tuple):
        return ("leaf", "size", names[rest[0][1]])
    return ("leaf", kind, names[rest[0]])


def inner_pairs(text: str) -> list[tuple[int, int]]:
    """Where parentheses group: those that belong to a function or to IN follow a word or `IN `."""
    pairs, open_at = [], []
    for position, character in enumerate(text):
        if character == "(":
            open_at.append(position)
        elif character == ")":
            start = open_at.pop()
            before = text[:start]
            if not before or before.endswith(("(", "AND ", "OR ", "NOT ")):
                pairs.append((start, position))
    return pairs


@given(trees)
@pytest.mark.behaviour("2.12")
def test_what_is_written_is_what_was_built(tree: Tree) -> None:
    request = request_of(Thing.delete("1", condition=build(tree)))
    parsed = parse(request["ConditionExpression"])
    assert leaves_as_built(parsed, request["ExpressionAttributeNames"]) == normal(tree)


@given(trees)
@pytest.mark.behaviour("1.31", "2.12")
def test_no_parenthesis_is_redundant(tree: Tree) -> None:
    text = request_of(Thing.delete("1", condition=build(tree)))["ConditionExpression"]
    for start, end in inner_pairs(text):
        without = text[:start] + text[start + 1 : end] + text[end + 1 :]
        assert parse(without) != parse(text)


@given(trees)
def test_the_same_tree_compiles_to_the_same_bytes(tree: Tree) -> None:
    first, second = (request_of(Thing.delete("1", condition=build(tree))) for _ in range(2))
    assert repr(first) == repr(second)
