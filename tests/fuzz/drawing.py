"""What is drawn: values, items, conditions, actions."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.fuzz import terms
from tests.fuzz.models import Index, Kind
from tests.fuzz.reference import Key
from tests.fuzz.terms import Change, Fields, Term

Drawn = st.SearchStrategy[Any]

# Few values, so that they meet; among them those that delimit, escape, sort or count differently from what they seem.
WORDS: Drawn = st.sampled_from(["a", "ab", "b", "B", "#", "a#b", "$", "a$23b", " ", "é", "\uffff", "😀"])
TEXTS: Drawn = st.one_of(WORDS, st.sampled_from(["", "'; DROP", ":v0"]))
INTS: Drawn = st.sampled_from([-12, -2, -1, 0, 1, 2, 9, 10, 11, 100])
DECIMALS: Drawn = st.sampled_from([Decimal(text) for text in ("0", "-1.5", "-1.25", "2", "2.50", "10", "1E+3", "0.1")])
TYPES: dict[str, Drawn] = {
    "word": WORDS,
    # Fewer still, for what makes partitions of an index: several items are to meet in one.
    "tag": st.sampled_from(["a", "a#b", "é"]),
    "text": TEXTS,
    "int": INTS,
    "decimal": DECIMALS,
    "words": st.sets(st.sampled_from(["x", "y", "é"]), max_size=3),
    "ints": st.sets(st.sampled_from([-1, 0, 7]), max_size=3),
    "list": st.lists(st.sampled_from(["x", "y", ""]), max_size=3),
    "map": st.dictionaries(st.sampled_from(["a", "a.b", "size"]), INTS, max_size=2),
}
# The keys of a run, for each field that is part of one.
KEYS: dict[str, Drawn] = {
    "id": st.sampled_from(["1", "2", "3"]),
    "sensor": st.sampled_from(["s", "t"]),
    "at": st.sampled_from([-10, -1, 0, 2, 10]),
    "area": st.sampled_from(["n", "n#"]),
    "number": st.sampled_from([-1, 2, 10]),
    "part": st.sampled_from(["a", "a#", "b"]),
    "tenant": st.sampled_from(["t"]),
    "line": st.sampled_from([-10, -1, 0, 1, 2, 10]),
    "realm": st.sampled_from(["r"]),
}


def a_value(kind: Kind, name: str, run: str) -> Drawn:
    """A value of a field, of this run where runs must not meet; None too, where the field may be None."""
    values = KEYS[name] if name in kind.key else TYPES[kind.fields[name]]
    if name in kind.rooms:
        values = values.map(lambda value: run + value)
    if name not in kind.key and kind.absent.get(name, ...) is None:
        return st.one_of(st.none(), values)
    return values


def a_key(kind: Kind, run: str) -> st.SearchStrategy[Key]:
    return st.tuples(*(a_value(kind, name, run) for name in kind.key))


def an_expiry(now: datetime) -> Drawn:
    return st.one_of(st.none(), st.sampled_from([-1, 0, 1, 5]).map(lambda minutes: now + timedelta(minutes=minutes)))


def an_item(kind: Kind, run: str, now: datetime) -> st.SearchStrategy[Fields]:
    """The values of a whole instance."""
    names = (*kind.key, *kind.fields)
    values = {name: a_value(kind, name, run) for name in names}
    return st.fixed_dictionaries(values | ({"expires": an_expiry(now)} if kind.expiring else {}))


def some_values(kind: Kind, run: str, now: datetime) -> st.SearchStrategy[Fields]:
    """New values for some fields that are not part of the key."""
    values: dict[str, Drawn] = {name: a_value(kind, name, run) for name in kind.fields}
    if kind.expiring:
        values["expires"] = an_expiry(now)
    return st.fixed_dictionaries({}, optional=values)


def a_condition(kind: Kind, run: str, but: tuple[str, ...] = ()) -> st.SearchStrategy[Term]:
    """A condition on any fields but those."""
    names = [name for name in kind.fields if name not in but]
    leaves = st.sampled_from(names).flatmap(lambda name: _about(kind, name, run))
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(terms.Both, inner, inner), st.builds(terms.Either, inner, inner), st.builds(terms.Not, inner)
        ),
        max_leaves=4,
    )


def _about(kind: Kind, name: str, run: str) -> Drawn:
    sort = kind.fields[name]
    values = a_value(kind, name, run).filter(lambda value: value is not None and value != set())
    field = st.just(name)
    equality = st.sampled_from(["==", "!="])
    found: list[Drawn] = [
        st.builds(terms.Compare, field, equality, values),
        st.builds(terms.Exists, field, st.booleans()),
        st.builds(terms.IsNone, field),
    ]
    if sort in ("tag", "word", "text", "int", "decimal"):
        found += [
            st.builds(terms.Compare, field, st.sampled_from(terms.ORDERED), values),
            st.builds(lambda bounds: terms.Between(name, *sorted(bounds)), st.tuples(values, values)),
            st.builds(terms.Among, field, st.lists(values, min_size=1, max_size=3).map(tuple)),
        ]
        others = [other for other in kind.fields if other != name and kind.fields[other] == sort]
        if others:
            found.append(
                st.builds(terms.CompareFields, field, st.sampled_from(list(terms.OPERATORS)), st.sampled_from(others))
            )
    if sort in ("tag", "word", "text"):
        some = WORDS.map(lambda text: run + text if name in kind.rooms else text)
        found += [st.builds(terms.Begins, field, some), st.builds(terms.Contains, field, WORDS)]
    if sort in ("words", "ints", "list"):
        member = st.sampled_from(["x", "y", "é"] if sort != "ints" else [-1, 0, 7])
        found.append(st.builds(terms.Contains, field, member))
    if sort in ("words", "ints", "list", "map"):
        found.append(st.builds(terms.SizeIs, field, st.sampled_from(list(terms.OPERATORS)), st.integers(0, 3)))
    if sort == "map":
        entry = st.sampled_from(["a", "a.b", "size"])
        found.append(st.builds(terms.Entry, field, entry, st.sampled_from(list(terms.OPERATORS)), INTS))
    if sort == "list":
        found.append(st.builds(terms.Entry, field, st.integers(0, 2), equality, st.sampled_from(["x", "y"])))
    return st.one_of(found)


def a_range(kind: Kind, index: Index, run: str) -> st.SearchStrategy[Term | None]:
    """A condition on a sort key, or none: equal from the left, and then at most a range."""
    values = [a_value(kind, name, run).filter(lambda value: value is not None) for name in index.sort]

    def leading(equal: int, ranged: bool, drawn: list[Any], last: Any) -> Term | None:
        found: Term | None = None
        for name, value in zip(index.sort[:equal], drawn, strict=False):
            term = terms.Compare(name, "==", value)
            found = term if found is None else terms.Both(found, term)
        if ranged and equal < len(index.sort):
            term = last[equal]
            found = term if found is None else terms.Both(found, term)
        return found

    return st.builds(
        leading,
        st.integers(0, len(index.sort)),
        st.booleans(),
        st.tuples(*values).map(list),
        st.tuples(*(_range_of(name, each) for name, each in zip(index.sort, values, strict=True))),
    )


def _range_of(name: str, values: Drawn) -> Drawn:
    return st.one_of(
        st.builds(terms.Compare, st.just(name), st.sampled_from(terms.ORDERED), values),
        st.builds(lambda bounds: terms.Between(name, *sorted(bounds)), st.tuples(values, values)),
        values.map(
            lambda value: terms.Begins(name, value) if isinstance(value, str) else terms.Compare(name, ">", value)
        ),
    )


def some_changes(kind: Kind, run: str, *, least: int = 0, sure: bool = False) -> st.SearchStrategy[tuple[Change, ...]]:
    """Actions on different fields. `sure` leaves out those that DynamoDB refuses where an operand is missing."""
    chosen = st.lists(st.sampled_from(list(kind.fields)), min_size=least, max_size=3, unique=True)
    return chosen.flatmap(lambda names: st.tuples(*(_change(kind, name, run, sure) for name in names)))


def _change(kind: Kind, name: str, run: str, sure: bool) -> Drawn:
    sort = kind.fields[name]
    field = st.just(name)
    values = a_value(kind, name, run)
    given = values.filter(lambda value: value is not None and value != set())
    found: list[Drawn] = [st.builds(terms.Set, field, values, st.just(name in kind.nulls))]
    if name not in kind.required:
        found.append(st.builds(terms.Drop, field))
    found.append(st.builds(terms.Otherwise, field, given))
    if sort in ("int", "decimal"):
        amount = INTS if sort == "int" else DECIMALS
        found.append(st.builds(terms.Count, field, amount, st.booleans()))
        if not sure:
            found.append(st.builds(terms.Plus, field, amount))
    if sort == "text" and not sure:
        # From a field that may hold NULL a required one would take it.
        others = [other for other in kind.fields if kind.fields[other] == "text" and other not in (name, *kind.nulls)]
        if others:
            found.append(st.builds(terms.Take, field, st.sampled_from(others)))
    if sort in ("words", "ints"):
        members = st.sampled_from(["x", "y", "é"] if sort == "words" else [-1, 0, 7])
        found.append(
            st.builds(terms.Members, field, st.lists(members, min_size=1, max_size=2).map(tuple), st.booleans())
        )
    if sort == "list":
        words = st.sampled_from(["x", "y"])
        found.append(st.builds(terms.Extend, field, st.lists(words, min_size=1, max_size=2).map(tuple), st.booleans()))
        if not sure:
            found.append(st.builds(terms.SetElement, field, st.integers(0, 3), words))
            found.append(st.builds(terms.DropElement, field, st.integers(0, 3)))
    if sort == "map" and not sure:
        entry = st.sampled_from(["a", "a.b", "size"])
        found += [st.builds(terms.Put, field, entry, INTS), st.builds(terms.CountEntry, field, entry, INTS)]
    return st.one_of(found)
