"""The compiled encoder gives what the generic way gives: the same items, in the same order, and the same errors."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, TypeVar
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, SecretStr, create_model, field_serializer

from dynamorm_py import (
    Attr,
    InvalidOperation,
    Model,
    created_timestamp,
    field,
    partition_key,
    time_to_live,
    updated_timestamp,
    version_number,
)
from dynamorm_py.core.wire import Item
from dynamorm_py.model.compiled_later import WORTHWHILE
from tests.model.test_compiled_decoder import TEXTS, exact
from tests.service.test_pydantic_types import CASES, Case, Colour, sample, taken

M = TypeVar("M", bound=BaseModel)


def outcome(encode: Callable[[Any], Item], instance: Model) -> object:
    """The item, with its attributes in their order, or the error's text."""
    try:
        item = encode(instance)
    except InvalidOperation as error:
        return type(error), str(error)
    return list(item), exact(item)


def encoders(model: Any) -> tuple[Callable[[Any], Item], Callable[[Any], Item]]:
    mapping = model.__dynamorm_mapping__
    return mapping.compiled_item_of(), mapping.item_of


def holding(instance: M, values: dict[str, object]) -> M:
    """The instance with values that nobody validated, as an assignment leaves them."""
    vars(instance).update(values)
    return instance


@pytest.mark.behaviour("2.4", "2.5")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_type(case: Case) -> None:
    model = sample(case)
    compiled, generic = encoders(model)
    assert compiled is not generic
    for number, value in enumerate(case.values):
        instance = model(owner="o", number=number, value=taken(case, value))
        assert outcome(compiled, instance) == outcome(generic, instance)


class Part(BaseModel):
    kinds: set[str] = set()
    colour: Colour | None = None


class Line(Model):
    label: Attr[str]
    amount: Attr[Decimal | None] = field(default=None)
    parts: Attr[list[Part]] = field(default_factory=list)
    by_place: Attr[dict[str, Part]] = field(default_factory=dict)


class Branch(BaseModel):
    name: str
    under: list[Branch] = []


class Masked(BaseModel):
    name: str
    code: str = Field(default="1234", exclude=True)


class Loose(BaseModel, extra="allow"):
    name: str


def shouted(text: str) -> str:
    return text.upper()


class Order(Model, table="orders"):
    order_id: Attr[str] = partition_key(name="id")
    version: Attr[int] = version_number()
    created: Attr[datetime] = created_timestamp()
    updated: Attr[datetime] = updated_timestamp()
    expires: Attr[datetime | None] = time_to_live(default=None)
    paid: Attr[bool]
    count: Attr[int] = field(default=1, ge=0)
    weight: Attr[float] = field(default=1.5)
    price: Attr[Decimal] = field(default=Decimal("9.50"))
    day: Attr[date] = field(default=date(2024, 5, 6))
    token: Attr[UUID] = field(default=UUID(int=7))
    raw: Attr[bytes] = field(default=b"raw")
    lasts: Attr[timedelta] = field(default=timedelta(seconds=3))
    placed: Attr[datetime] = field(default=datetime(2024, 5, 6, tzinfo=UTC))
    state: Attr[str] = field(default="new", name="a 'quoted' \"name\"\n")
    tags: Attr[set[str]] = field(default_factory=set)
    parent: Attr[str | None]
    note: Attr[str | None] = field(default=None, null="store")
    rank: Attr[int | None] = field(default=7)
    names: Attr[list[str]] = field(default_factory=list)
    lines: Attr[list[Line]] = field(default_factory=list)
    matrix: Attr[dict[str, list[int]]] = field(default_factory=dict)
    loose: Attr[list[int | None]] = field(default_factory=list)
    by_number: Attr[dict[int, str]] = field(default_factory=dict)
    by_shout: Attr[dict[Annotated[str, PlainSerializer(shouted)], int]] = field(default={"loud": 1})
    by_short: Attr[dict[Annotated[str, Field(max_length=3)], int]] = field(default={"key": 1})
    colour: Attr[Colour] = field(default=Colour.RED)
    shade: Attr[Colour | None] = field(default=None, null="store")
    lucky: Attr[frozenset[int]] = field(default=frozenset({3, 20}))
    spare: Attr[set[str] | None] = field(default=None, null="store")
    first: Attr[Line | None] = field(default=None)
    tree: Attr[Branch] = field(default=Branch(name="root", under=[Branch(name="leaf")]))
    masked: Attr[Masked] = field(default=Masked(name="m"))
    open: Attr[Loose] = field(default=Loose.model_validate({"name": "l", "more": 1}))
    loud: Attr[Annotated[str, PlainSerializer(shouted)]] = field(default="loud")
    decorated: Attr[str] = field(default="decorated")
    secret: Attr[SecretStr] = field(default=SecretStr("hidden"))
    hidden: Attr[str] = field(default="", exclude=True)
    anything: Attr[Any] = field(default=None)

    @field_serializer("decorated")
    def _turn(self, value: str) -> str:
        return value[::-1]


class Long(Line):
    more: Attr[int]


def order() -> Order:
    return Order(
        order_id="o",
        paid=True,
        parent=None,
        names=["é", "a"],
        lines=[
            Line(label="x", amount=Decimal("1.50"), parts=[Part(kinds={"b", "a"}, colour=Colour.GREEN), Part()]),
            Line(label="é", by_place={"left": Part()}),
        ],
        matrix={"a": [1, -(10**37)], "b": []},
        loose=[1, None],
        by_number={7: "seven"},
        tags={"b", "a"},
    )


class Odd(str):
    """Text, and a type of its own."""

    __slots__ = ()


SCALARS: st.SearchStrategy[object] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 10**38 - 1, 10**38, -(10**38), 10**40 + 1, 10**126]),
    st.floats(),
    st.decimals(),
    TEXTS,
    st.sampled_from(["", "é", "\ud800", Odd("odd"), Colour.GREEN, SecretStr("s"), UUID(int=1), date(2024, 1, 2)]),
    st.sampled_from([datetime(2024, 5, 6, tzinfo=UTC), datetime(2024, 5, 6), timedelta(days=-1)]),  # noqa: DTZ001  # naive, to be refused
    st.sampled_from([Line(label="l"), Part(kinds={"k"}), Long(label="l", more=1), holding(Part(), {"kinds": {1}})]),
    st.binary(max_size=2),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.lists(inner, max_size=2).map(tuple),
        st.dictionaries(st.sampled_from(["a", "", "é", "\ud800", 7, None, Odd("odd")]), inner, max_size=2),
        st.sets(st.sampled_from(["a", "b", 1, 2.5]), max_size=2),
    ),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(list(Order.model_fields)), VALUES, max_size=2))
def test_whatever_was_assigned(values: dict[str, object]) -> None:
    compiled, generic = encoders(Order)
    assert outcome(compiled, holding(order(), values)) == outcome(generic, holding(order(), values))


@given(st.dictionaries(st.sampled_from(["label", "amount", "parts", "by_place", "more"]), VALUES, max_size=2))
def test_whatever_was_assigned_inside_a_document(values: dict[str, object]) -> None:
    compiled, generic = encoders(Order)
    instances = [holding(order(), {"first": holding(Line(label="l"), values)}) for _ in range(2)]
    assert outcome(compiled, instances[0]) == outcome(generic, instances[1])


@given(st.sets(st.sampled_from(list(Order.model_fields)), max_size=2))
def test_fields_that_are_not_there(absent: set[str]) -> None:
    compiled, generic = encoders(Order)
    instance = order()
    for name in absent:
        del vars(instance)[name]
    assert outcome(compiled, instance) == outcome(generic, instance)


def test_an_instance_that_is_as_its_fields_say_goes_no_other_way() -> None:
    mapping: Any = Order.__dynamorm_mapping__
    expected, dumped = mapping.item_of(order()), []

    def dump(instance: Model, only: set[str]) -> Any:
        dumped.append(only)
        return type(mapping)._dumped(mapping, instance, only)

    mapping.item_of, mapping._dumped = refused, dump
    try:
        assert mapping.compiled_item_of()(order()) == expected
    finally:
        del mapping.item_of, mapping._dumped
    shaped = {
        "anything",
        "by_number",
        "by_shout",
        "decorated",
        "expires",
        "loose",
        "loud",
        "masked",
        "open",
        "secret",
        "tree",
    }
    assert dumped == [shaped]


def refused(instance: Model) -> Item:
    raise AssertionError(instance)


def made(name: str, fields: dict[str, Any], base: type[BaseModel] = BaseModel, **options: Any) -> Any:
    """A model class of fields whose types only the test's own code knows."""
    make: Any = create_model
    return make(name, __base__=base, __cls_kwargs__=options, **{field: (kind, ...) for field, kind in fields.items()})


def nest(levels: int, width: int) -> Any:
    """A model whose fields are models whose fields are models, and so on."""
    inner: Any = int
    for level in range(levels):
        inner = made(f"Level{level}", {f"f{number}": inner for number in range(width)})
    return inner


def filled(kind: Any) -> Any:
    return kind(**{name: filled(info.annotation) for name, info in kind.model_fields.items()}) if kind is not int else 1


def holder(kind: Any) -> Any:
    base = made("Named", {}, Model)
    return made("Holder", {"deep": kind, "name": Annotated[str, partition_key()]}, base, table="holders")


def test_models_that_hold_models_that_hold_models_do_not_make_an_endless_source() -> None:
    model = holder(nest(6, 6))  # 46,656 numbers
    mapping = model.__dynamorm_mapping__
    dumped: list[set[str]] = []

    def dump(instance: Model, only: set[str]) -> Any:
        dumped.append(only)
        return {"deep": {}}

    mapping._dumped = dump
    assert mapping.compiled_item_of()(model.model_construct(name="n", deep=None))["deep"] == {"M": {}}
    assert dumped == [{"deep"}]


def test_a_few_models_inside_models_are_encoded_without_being_dumped() -> None:
    model = holder(nest(3, 4))
    mapping = model.__dynamorm_mapping__
    instance = model(name="n", deep=filled(nest(3, 4)).model_dump())
    expected = mapping.item_of(instance)
    mapping.item_of = mapping._dumped = refused
    assert mapping.compiled_item_of()(instance) == expected


class Counter(Model, table="counters"):
    name: Attr[str] = partition_key()
    count: Attr[Annotated[int, Field(ge=0)]] = field(default=0)


def test_what_an_instance_is_stored_as_does_not_depend_on_how_many_there_were() -> None:
    encode = Counter.__dynamorm_mapping__.encode
    instance = Counter(name="é", count=3)
    items = [encode(instance) for _ in range(WORTHWHILE * 2)]
    assert all(item == {"name": {"S": "é"}, "count": {"N": "3"}} for item in items)
    instance.count = True
    with pytest.raises(InvalidOperation, match="count: a bool is not a number") as caught:
        encode(instance)
    assert caught.value.model == "Counter"


class Open(Model, table="open"):
    model_config = ConfigDict(extra="allow")

    owner: Attr[str] = partition_key()


def test_attributes_that_no_field_names_are_stored_however_many_items_were_written() -> None:
    encode = Open.__dynamorm_mapping__.encode
    instance = Open.model_validate({"owner": "o", "more": [1]})
    expected = {"owner": {"S": "o"}, "more": {"L": [{"N": "1"}]}}
    assert all(encode(instance) == expected for _ in range(WORTHWHILE * 2))


def test_a_process_that_writes_little_compiles_nothing() -> None:
    program = """
import sys
from dynamorm_py import Attr, Model, partition_key

class User(Model, table="users"):
    name: Attr[str] = partition_key()

seen = []
for writes in (3, 1000):
    for _ in range(writes):
        assert User.__dynamorm_mapping__.encode(User(name="n")) == {"name": {"S": "n"}}
    seen.append("dynamorm_py.model.compiled_encoder" in sys.modules)
print(seen)
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout == "[False, True]\n"
