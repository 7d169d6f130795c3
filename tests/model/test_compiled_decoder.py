"""The compiled decoder gives what the generic recursion gives: the same data of the same types, and the same errors."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ConfigDict, PrivateAttr

from dynamorm_py import (
    Attr,
    InvalidItem,
    Model,
    PrimaryKey,
    created_timestamp,
    field,
    partition_key,
    sort_key,
    time_to_live,
    version_number,
)
from dynamorm_py.core.wire import AttributeValue, Item
from dynamorm_py.model.compiled_later import WORTHWHILE, CompiledLater
from dynamorm_py.model.mapping import snapshot_of
from tests.service.test_pydantic_types import CASES, Case, sample, taken

TEXTS = st.text(max_size=5) | st.sampled_from(["2024-05-06T07:08:09.000000Z", "a", "red", "1"])
NUMBERS = st.sampled_from(
    ["0", "1", "-7", "1.5", "19.99", "1E2", "1.0", "9" * 38, "1" + "0" * 125, "", "x", "1.x", "NaN"]
)
BINARIES = st.binary(max_size=3)
SCALARS: st.SearchStrategy[AttributeValue] = st.one_of(
    TEXTS.map(lambda text: {"S": text}),
    NUMBERS.map(lambda text: {"N": text}),
    BINARIES.map(lambda data: {"B": data}),
    st.booleans().map(lambda flag: {"BOOL": flag}),
    st.just({"NULL": True}),
    st.lists(TEXTS, min_size=1, max_size=3, unique=True).map(lambda members: {"SS": members}),
    st.lists(NUMBERS, min_size=1, max_size=3, unique=True).map(lambda members: {"NS": members}),
    st.lists(BINARIES, min_size=1, max_size=3, unique=True).map(lambda members: {"BS": members}),
    st.sampled_from([{}, {"X": 1}]),
)
NAMES = st.sampled_from(["a", "city", "number", "raw", "waits", "kind", "content", "x", "title", "7"])
VALUES: st.SearchStrategy[AttributeValue] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda members: {"L": members}),
        st.dictionaries(NAMES, inner, max_size=3).map(lambda members: {"M": members}),
    ),
    max_leaves=5,
)


def exact(value: object) -> object:
    """What tells values apart that are equal and of several types: 1, True and Decimal("1.0")."""
    if isinstance(value, dict):
        return {name: exact(member) for name, member in value.items()}
    if isinstance(value, list):
        return [exact(member) for member in value]
    if isinstance(value, set):
        return frozenset(map(exact, value))
    return type(value), str(value)


def outcome(decode: Callable[[Item], dict[str, object]], item: Item) -> object:
    try:
        return exact(decode(item))
    except InvalidItem as error:
        return error.message


def decoders(model: Any) -> tuple[Callable[[Item], dict[str, object]], Callable[[Item], dict[str, object]]]:
    mapping = model.__dynamorm_mapping__
    return mapping.compiled_plain(), mapping.plain


@pytest.mark.behaviour("2.4", "2.5")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_a_type_is_stored_as(case: Case) -> None:
    model = sample(case)
    compiled, generic = decoders(model)
    mapping = model.__dynamorm_mapping__
    assert compiled is not generic
    for number, value in enumerate(case.values):
        instance = model(owner="o", number=number, value=taken(case, value))
        item = mapping.encode(instance)
        assert outcome(compiled, item) == outcome(generic, item)
        if "value" in item:
            assert item["value"] == mapping.codecs["value"].encode(value)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_whatever_may_be_stored(case: Case) -> None:
    compiled, generic = decoders(sample(case))

    @settings(max_examples=30)
    @given(VALUES)
    def agree(value: AttributeValue) -> None:
        item = {"owner": {"S": "o"}, "number": {"N": "1"}, "value": value}
        assert outcome(compiled, item) == outcome(generic, item)

    agree()


class Line(Model):
    label: Attr[str]
    amount: Attr[Decimal | None] = field(default=None)


class Order(Model, table="orders"):
    order_id: Attr[str] = partition_key(name="id")
    version: Attr[int] = version_number()
    created: Attr[datetime] = created_timestamp()
    expires: Attr[datetime | None] = time_to_live(default=None)
    paid: Attr[bool]
    state: Attr[str] = field(default="new", name="a 'quoted' \"name\"\n")
    tags: Attr[set[str]]
    scores: Attr[set[int]] = field(default_factory=set)
    parent: Attr[str | None]
    note: Attr[str | None] = field(default=None, null="store")
    rank: Attr[int | None] = field(default=7)
    lines: Attr[list[Line]] = field(default_factory=list)
    first: Attr[Line | None] = field(default=None)
    matrix: Attr[dict[str, list[int | None]]] = field(default_factory=dict)
    hidden: Attr[str] = field(default="", exclude=True)
    anything: Attr[Any] = field(default=None)


ATTRIBUTES = [*Order.__dynamorm_mapping__.attributes.values(), "unknown"]


@given(st.dictionaries(st.sampled_from(ATTRIBUTES), VALUES))
def test_whole_items(item: Item) -> None:
    compiled, generic = decoders(Order)
    assert outcome(compiled, item) == outcome(generic, item)


ORDER = Order(
    order_id="o",
    paid=True,
    expires=datetime(2024, 5, 6, tzinfo=UTC),
    tags={"a"},
    parent=None,
    lines=[Line(label="x", amount=Decimal("1.50")), Line(label="y")],
    matrix={"a": [1, None]},
)


@given(
    st.dictionaries(st.sampled_from(ATTRIBUTES), VALUES, max_size=2), st.sets(st.sampled_from(ATTRIBUTES), max_size=2)
)
def test_items_of_which_little_is_strange(strange: Item, absent: set[str]) -> None:
    compiled, generic = decoders(Order)
    item = {**Order.__dynamorm_mapping__.encode(ORDER), "version": {"N": "0"}, **strange}
    item = {name: value for name, value in item.items() if name not in absent}
    assert outcome(compiled, item) == outcome(generic, item)


def test_an_item_that_is_as_the_fields_say_is_not_decoded_twice() -> None:
    mapping: Any = Order.__dynamorm_mapping__
    item = {**mapping.encode(ORDER), "version": {"N": "0"}, "created": {"S": "2024-05-06T07:08:09.000000Z"}}

    mapping.plain = refused  # what the compiled one falls back to
    try:
        decoded = mapping.compiled_plain()(item)
    finally:
        del mapping.plain
    assert decoded == mapping.plain(item)


def refused(item: Item) -> dict[str, object]:
    raise AssertionError(item)


class Mailbox(Model, table="mail"):
    owner: Attr[str]
    number: Attr[int]
    subject: Attr[str] = field(default="")
    key = PrimaryKey("O#{owner}", "{number}")


def test_every_read_gives_the_same_instance_however_many_there_were() -> None:
    mapping: Any = Mailbox.__dynamorm_mapping__
    written = mapping.schema.with_keys(mapping.encode(Mailbox(owner="o", number=5, subject="hi")))
    told_by_keys = {name: written[name] for name in ("pk", "sk", "subject")}
    found = [mapping.decode(item) for item in [written, told_by_keys] * (WORTHWHILE + 3)]
    assert set(map(repr, found)) == {"Mailbox(owner='o', number=5, subject='hi')"}
    broken = {**written, "subject": {"NULL": True}, "owner": {"N": "5"}}
    messages = set()
    for _ in range(WORTHWHILE):
        with pytest.raises(InvalidItem, match="owner: Input should be a valid string") as caught:
            mapping.decode(broken)
        messages.add(str(caught.value))
    assert len(messages) == 1


class Open(Model, table="open"):
    model_config = ConfigDict(extra="allow")

    owner: Attr[str] = partition_key()


def test_attributes_that_no_field_names_are_kept_however_many_items_were_read() -> None:
    mapping: Any = Open.__dynamorm_mapping__
    item = {"owner": {"S": "o"}, "more": {"L": [{"N": "1"}]}}
    assert all(mapping.decode(item).more == [1] for _ in range(WORTHWHILE * 2))


class Reading(Model, table="readings"):
    sensor: Attr[str] = partition_key()
    number: Attr[int] = sort_key()
    value: Attr[Decimal | None] = field(default=None, ge=0)
    lines: Attr[list[Line]] = field(default_factory=list)

    _seen: bool = PrivateAttr(default=False)

    def after_read(self) -> None:
        self._seen = True


def reading(number: int) -> Item:
    return {"sensor": {"S": "s"}, "number": {"N": str(number)}, "value": {"N": "1.5"}, "unknown": {"S": "kept"}}


def letter(number: int) -> Item:
    mapping = Mailbox.__dynamorm_mapping__
    return mapping.schema.with_keys(mapping.encode(Mailbox(owner="o", number=number)))


def all_or_error(decode: Callable[[Any], Any], items: Any) -> object:
    try:
        return decode(items)
    except InvalidItem as error:
        return error.message, error.key


class TestPages:
    """`decode_all`, whose short way is taken once many items were read."""

    @pytest.fixture(autouse=True)
    def _read_often(self) -> None:
        for model, item in ((Reading, reading(1)), (Mailbox, letter(1))):
            for _ in range(WORTHWHILE + 1):
                model.__dynamorm_mapping__.decode(item)

    def test_every_instance_is_as_if_it_were_read_alone(self) -> None:
        mapping = Reading.__dynamorm_mapping__
        items = [reading(number) for number in range(100)]
        found = mapping.decode_all(items)
        assert found == [mapping.decode(item) for item in items]
        assert all(each._seen and snapshot_of(each) is item for each, item in zip(found, items, strict=True))

    def test_fields_that_only_the_key_tells_are_told(self) -> None:
        mapping = Mailbox.__dynamorm_mapping__
        told = [{name: letter(number)[name] for name in ("pk", "sk")} for number in range(20)]
        assert [each.number for each in mapping.decode_all(told)] == list(range(20))

    @given(
        st.lists(
            st.dictionaries(st.sampled_from(["sensor", "number", "value", "lines"]), VALUES, max_size=1), max_size=2
        )
    )
    def test_the_first_item_that_does_not_fit_is_the_one_that_is_named(self, strange: list[Item]) -> None:
        mapping = Reading.__dynamorm_mapping__
        items = [reading(number) for number in range(20)]
        for number, values in enumerate(strange):
            items[7 + number] |= values
        expected = all_or_error(lambda items: [mapping.decode(item) for item in items], items)
        assert all_or_error(mapping.decode_all, items) == expected


class TestCompiledLater:
    def test_it_is_made_once_and_when_it_is_worth_it(self) -> None:
        made: list[str] = []

        def make() -> Callable[[int], str]:
            made.append("made")
            return lambda argument: f"compiled {argument}"

        function = CompiledLater(lambda argument: f"plain {argument}", make)
        first = [function.call(number) for number in range(WORTHWHILE)]
        assert first == [f"plain {number}" for number in range(WORTHWHILE)]
        assert made == []
        assert [function.call(1), function.call(2)] == ["compiled 1", "compiled 2"]
        assert made == ["made"]

    def test_it_is_not_compiled_before_it_is_made(self) -> None:
        seen: list[bool] = []

        def make() -> Callable[[int], int]:
            seen.append(later.is_compiled)
            return lambda argument: argument

        later: CompiledLater[int, int] = CompiledLater(lambda argument: argument, make)
        for number in range(WORTHWHILE + 1):
            later.call(number)
        assert seen == [False]
        assert later.is_compiled

    def test_one_that_was_looked_up_before_goes_on(self) -> None:
        function: CompiledLater[int, int] = CompiledLater(lambda argument: argument, lambda: lambda argument: -argument)
        call = function.call
        assert [call(1) for _ in range(WORTHWHILE + 2)] == [1] * WORTHWHILE + [-1, -1]


def test_a_process_that_reads_little_compiles_nothing() -> None:
    program = """
import sys
from dynamorm_py import Attr, Model, partition_key

class User(Model, table="users"):
    name: Attr[str] = partition_key()

item = {"name": {"S": "n"}}
seen = []
for reads in (3, 1000):
    for _ in range(reads):
        assert User.__dynamorm_mapping__.decode(item) == User(name="n")
    seen.append("dynamorm_py.model.compiled_decoder" in sys.modules)
print(seen)
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout == "[False, True]\n"
