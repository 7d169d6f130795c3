"""Ranges over composed sort keys: the compiled request selects exactly the items whose fields meet the conditions, with
tuples compared as tuples and keys by their UTF-8 bytes."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamorm_py import Attr, Condition, Model, PrimaryKey
from tests.wire.compiled import request_of
from tests.wire.grammar import selects


class Bare(Model, table="t"):
    p: Attr[str]
    a: Attr[str]
    b: Attr[int]
    c: Attr[datetime]
    key = PrimaryKey("P#{p}", "{a}#{b}#{c}")


class Prefixed(Model, table="t"):
    p: Attr[str]
    a: Attr[str]
    b: Attr[int]
    c: Attr[datetime]
    key = PrimaryKey("P#{p}", "KIND#{a}#{b}#{c}")


class Suffixed(Model, table="t"):
    p: Attr[str]
    a: Attr[str]
    b: Attr[int]
    c: Attr[datetime]
    key = PrimaryKey("P#{p}", "v{a}#N#{b}#{c}#END")


MIDNIGHT = datetime(2024, 1, 1, tzinfo=UTC)
MODELS: list[Any] = [Bare, Prefixed, Suffixed]

# Characters around the delimiter and the escape, of every UTF-8 length, and above the surrogates.
texts = st.text(st.sampled_from('\x00 "#$%&a~é\uffff😀'), min_size=1, max_size=3)
numbers = st.one_of(st.integers(-12, 12), st.integers(-(10**37), 10**37))
moments = st.integers(-(10**9), 10**9).map(lambda microseconds: MIDNIGHT + timedelta(microseconds=microseconds))
tuples = st.tuples(texts, numbers, moments)
fields: list[Any] = [texts, numbers, moments]

Chosen = tuple[Callable[[Any], Condition], Callable[[Any], bool]]
COMPARATORS: list[Callable[[Any, Any], Any]] = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq]


@st.composite
def conditions(draw: st.DrawFn) -> tuple[Any, Condition | None, Callable[[tuple[Any, ...]], bool]]:
    """A model, a condition on the first fields of its sort key, and what the condition says of a tuple."""
    model = draw(st.sampled_from(MODELS))
    paths = [model.a, model.b, model.c]
    depth = draw(st.integers(0, 3))
    equal = [draw(field) for field in fields[:depth]]
    terms = [path == value for path, value in zip(paths, equal, strict=False)]
    ranged: Callable[[Any], bool] = lambda value: True  # noqa: E731  # replaced below, where there is a range
    if depth < 3 and draw(st.booleans()):
        term, ranged = draw(ranges(paths[depth], depth))
        terms.append(term)

    def meets(values: tuple[Any, ...]) -> bool:
        return list(values[:depth]) == equal and (depth == 3 or ranged(values[depth]))

    condition = None
    for term in terms:
        condition = term if condition is None else condition & term
    return model, condition, meets


@st.composite
def ranges(draw: st.DrawFn, path: Any, depth: int) -> tuple[Condition, Callable[[Any], bool]]:
    kind = draw(st.sampled_from(["comparison", "between", *(["begins_with"] if depth == 0 else [])]))
    if kind == "begins_with":
        start = draw(texts)
        return path.begins_with(start), lambda value: bool(value.startswith(start))
    if kind == "between":
        low, high = sorted([draw(fields[depth]), draw(fields[depth])])
        return path.between(low, high), lambda value: bool(low <= value <= high)
    compare, bound = draw(st.sampled_from(COMPARATORS[:4])), draw(fields[depth])
    return compare(path, bound), lambda value: bool(compare(value, bound))


@given(conditions(), st.lists(tuples, max_size=12))
def test_the_request_selects_what_the_condition_means(chosen: Any, values: list[tuple[Any, ...]]) -> None:
    model, condition, meets = chosen
    query = model.query("p") if condition is None else model.query("p").where(condition)
    request = request_of(query)
    for a, b, c in values:
        item = request_of(model(p="p", a=a, b=b, c=c).put())["Item"]
        assert selects(request, item) == meets((a, b, c))


@given(st.data())
def test_items_of_the_very_bound_are_told_apart(data: st.DataObject) -> None:
    # Random bounds seldom meet random items; here the items are the bounds' neighbours.
    model = data.draw(st.sampled_from(MODELS))
    values = data.draw(st.lists(tuples, min_size=1, max_size=6))
    bound = data.draw(st.sampled_from(values))
    position = data.draw(st.integers(0, 2))
    compare = data.draw(st.sampled_from(COMPARATORS))
    paths = [model.a, model.b, model.c]
    condition = compare(paths[position], bound[position])
    for earlier in range(position):
        condition &= paths[earlier] == bound[earlier]
    request = request_of(model.query("p").where(condition))
    for a, b, c in values:
        expected = (a, b, c)[:position] == bound[:position] and compare((a, b, c)[position], bound[position])
        assert selects(request, request_of(model(p="p", a=a, b=b, c=c).put())["Item"]) == expected


@given(st.lists(tuples, min_size=2, max_size=8, unique=True))
@pytest.mark.behaviour("1.16")
def test_keys_sort_as_their_tuples_do_and_never_meet(values: list[tuple[Any, ...]]) -> None:
    for model in MODELS:
        keys = [request_of(model(p="p", a=a, b=b, c=c).put())["Item"]["sk"]["S"].encode() for a, b, c in sorted(values)]
        assert keys == sorted(set(keys))


@pytest.mark.parametrize("template", ["{a}", "KIND#{a}", "{a}#END"])
@pytest.mark.parametrize("compare", COMPARATORS)
@given(values=st.lists(texts, min_size=1, max_size=6), data=st.data())
def test_a_key_of_one_field(
    template: str, compare: Callable[[Any, Any], Any], values: list[str], data: st.DataObject
) -> None:
    class Single(Model, table="t"):
        p: Attr[str]
        a: Attr[str]
        key = PrimaryKey("P#{p}", template)

    bound = data.draw(st.sampled_from(values))
    request = request_of(Single.query("p").where(compare(Single.a, bound)))
    for value in values:
        assert selects(request, request_of(Single(p="p", a=value).put())["Item"]) == compare(value, bound)


@pytest.mark.parametrize("compare", COMPARATORS)
def test_decimals_are_compared_by_value(compare: Callable[[Any, Any], Any]) -> None:
    class Priced(Model, table="t"):
        p: Attr[str]
        price: Attr[Decimal]
        key = PrimaryKey("P#{p}", "PRICE#{price}")

    prices = [Decimal(text) for text in ("-1E+20", "-10", "-9.99", "-1E-9", "0", "1E-9", "0.5", "9.99", "10", "1E+20")]
    for bound in prices:
        request = request_of(Priced.query("p").where(compare(Priced.price, bound)))
        found = [price for price in prices if selects(request, request_of(Priced(p="p", price=price).put())["Item"])]
        assert found == [price for price in prices if compare(price, bound)]
