"""How a model is declared, what its class and its instances answer, and what is refused before anything is sent."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar
from uuid import UUID, uuid4

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    PlainSerializer,
    ValidationError,
    ValidationInfo,
    create_model,
    field_serializer,
    field_validator,
    model_serializer,
)

from dynamorm_py import (
    Attr,
    GlobalIndex,
    InvalidItem,
    InvalidKey,
    InvalidModel,
    InvalidOperation,
    InvalidValue,
    LocalIndex,
    Model,
    PrimaryKey,
    attr,
    field,
    partition_key,
    sort_key,
    time_to_live,
    version_number,
)
from dynamorm_py.model.mapping import snapshot_of

T = TypeVar("T")
NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
NESTED_LISTS = 31
META: Any = type(Model)  # which type checkers take for a function of one argument


def untyped(value: object) -> Any:
    return value


def read(model: type[Model], **plain: Any) -> Any:
    """An instance as it comes back from the table, of an item with these attribute values."""
    return model.__dynamorm_mapping__.decode(plain)


def stored(instance: Model) -> dict[str, Any]:
    """The item that `put()` would store."""
    item: dict[str, Any] = instance.put().request["Item"]
    return item


class Person(Model, table="people"):
    person_id: Attr[str] = partition_key()
    name: Attr[str] = field(default="", max_length=5, name="full name")
    age: Attr[int] = field(default=0, ge=0)
    nick: Attr[str | None] = field(default=None)
    tags: Attr[set[str]] = field(default_factory=set)
    born: Attr[date | None]
    plain: int = 3

    constant: ClassVar[int] = 7


# Declaring


@pytest.mark.behaviour("2.1")
@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: subclass(extra=(str | None, partition_key(default=None))), "Made: extra is part of the table's key"),
        (lambda: subclass(extra=(int | str, partition_key())), "Made: extra is part of a key, and its type cannot be"),
        (lambda: subclass(extra=(BaseModel, partition_key())), "Made: extra is part of a key, and its type cannot be"),
        (lambda: subclass(extra=(Unspoken, partition_key())), "Made: extra .* says so by its return type"),
        (lambda: subclass(extra=(str, partition_key(name=""))), "Made: extra is stored as ''"),
        (lambda: subclass(extra=(str, field(name="$owner"))), r"Made: extra is stored as \$owner"),
        (lambda: subclass(extra=(str, partition_key(name="x" * 256))), "Made: the key attribute .* 255 bytes"),
        (lambda: subclass(extra=(str, partition_key(exclude=True))), "Made: extra is excluded"),
        (lambda: keyed(extra=(str, field(exclude=True))), "Made: extra is excluded from what is stored"),
        (lambda: keyed(extra=(int, version_number(exclude=True))), "Made: extra is excluded from what is stored"),
        (lambda: keyed(extra=(str, field(null=untyped("stored")))), "Made: extra has null='stored'"),
        (lambda: keyed(extra=(int, version_number()), more=(int, version_number())), "Made: extra and more are both"),
        (lambda: create_model("Made", __base__=(Saved, Model)), "Made: save is the name of a verb"),
        (lambda: META("Made", (Model,), {"query": GlobalIndex(partition_key="x")}), "Made: query is the name"),
        (lambda: META("Made", (Person,), {"nick": GlobalIndex(partition_key="name")}), "Made: nick is a field"),
        (
            lambda: META("Made", (Person,), {"by_age": GlobalIndex(partition_key="age", projection=untyped("SOME"))}),
            "Made: index by_age: a projection is",
        ),
    ],
)
def test_what_cannot_be_mapped_is_refused_with_class_and_field(declare: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidModel, match=message):
        declare()


def subclass(**fields: Any) -> Any:
    return create_model("Made", __base__=Model, __cls_kwargs__={"table": "made"}, **fields)


def keyed(**fields: Any) -> Any:
    return subclass(key=(str, partition_key()), **fields)


class Saved(BaseModel):
    save: str = "a field called as a verb"


Unspoken = Annotated[str, PlainSerializer(lambda value: value)]


@pytest.mark.behaviour("2.2")
def test_a_class_answers_paths_and_an_instance_values() -> None:
    assert repr(Person.age) == "<Path Person.age>"
    assert repr(Person.name) == "<Path Person.full name>"
    assert repr(Person.plain) == "<Path Person.plain>"
    person = Person(person_id="p", born=None, age=2)
    assert (person.age, person.plain, person.constant, Person.constant) == (2, 3, 7, 7)
    assert hasattr(Person, "age")
    assert not hasattr(Person, "aeg")
    with pytest.raises(AttributeError, match="Person has no field or index 'aeg'"):
        _ = untyped(Person).aeg
    with pytest.raises(AttributeError, match="has no attribute 'aeg'"):
        _ = untyped(person).aeg


@pytest.mark.behaviour("2.2")
def test_a_subclass_sees_its_fields_and_not_its_siblings() -> None:
    class Adult(Person):
        age: Attr[int] = field(default=18, ge=18)
        by_name = GlobalIndex(partition_key="name")

    class Child(Person):
        school: Attr[str]

    assert Adult(person_id="p", born=None).age == 18
    assert Child.model_fields.keys() - Person.model_fields.keys() == {"school"}
    assert not hasattr(Child, "by_name")
    assert not hasattr(Person, "school")
    with pytest.raises(InvalidValue, match=r"Adult: age: .*greater than or equal to 18"):
        Adult.age.set(17)
    assert Person.age.set(17) is not None
    assert Adult.update("p", Person.nick.set("n")).request["TableName"] == "people"
    with pytest.raises(InvalidOperation, match="school is a path of Child, not of Adult"):
        _ = Adult.update("p", Child.school.set("s")).request


@pytest.mark.behaviour("2.2")
def test_mixins_of_either_kind_flatten() -> None:
    class Named(BaseModel):
        name: str = "plain pydantic"

    class Counted(Model):
        count: Attr[int] = field(default=1, name="n")

    class Thing(Named, Counted, table="things"):
        thing_id: Attr[str] = partition_key()

    assert stored(Thing(thing_id="t")) == {"thing_id": {"S": "t"}, "name": {"S": "plain pydantic"}, "n": {"N": "1"}}
    assert repr(Thing.count) == "<Path Thing.n>"


@pytest.mark.behaviour("2.2")
def test_generic_models() -> None:
    class Envelope(Model, Generic[T], table="envelopes"):
        envelope_id: Attr[str] = partition_key()
        content: Attr[T]

    dated = Envelope[date]
    assert stored(dated(envelope_id="e", content=date.min))["content"] == {"S": "0001-01-01"}
    back = read(dated, envelope_id={"S": "e"}, content={"S": "0001-01-01"})
    assert (type(back), back.content) == (dated, date.min)
    with pytest.raises(InvalidValue, match="content"):
        untyped(dated).content.set("no date")
    assert Envelope[int].get("e").request == Envelope.get("e").request


class Node(Model, table="nodes"):
    """Names a class that is defined further down, and itself."""

    node_id: Attr[str] = partition_key()
    parent: Attr[Node | None] = field(default=None)
    leaf: Attr[Leaf | None]
    leaves: Attr[set[LeafName]]
    by_leaf = GlobalIndex(partition_key="node_id")


LeafName = str


class Leaf(Model):
    colour: Attr[str] = field(default="green")


@pytest.mark.behaviour("2.2")
def test_forward_references_and_self_references() -> None:
    assert Node.get("n").request["Key"] == {"node_id": {"S": "n"}}
    parent = Node(node_id="m", leaf=None, leaves={"a"})
    node = Node(node_id="n", parent=parent, leaf=Leaf(), leaves=set())
    item = stored(node)
    assert item["leaf"] == {"M": {"colour": {"S": "green"}}}
    assert read(Node, **item) == node
    assert read(Node, node_id={"S": "n"}) == Node(node_id="n", leaf=None, leaves=set())
    assert repr(Node.leaf[Leaf.colour]) == "<Path Node.leaf.colour>"
    assert repr(Node.parent[Node.leaf][Leaf.colour]) == "<Path Node.parent.leaf.colour>"


def test_a_name_that_is_never_defined_is_refused() -> None:
    class Hopeful(Model, table="hopeful"):
        key: Attr[str] = partition_key()
        other: Attr[NotYet]  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore[reportUndefinedVariable]  # the mistake

    with pytest.raises(InvalidModel, match="Hopeful: a field's type names what is not defined yet"):
        _ = Hopeful.get("k")


@pytest.mark.behaviour("2.2")
def test_create_model() -> None:
    made: Any = create_model(
        "Made", __base__=Model, __cls_kwargs__={"table": "made"}, key=(str, partition_key()), value=(int, field(ge=0))
    )
    assert stored(made(key="k", value=1)) == {"key": {"S": "k"}, "value": {"N": "1"}}
    with pytest.raises(InvalidValue, match="Made: value: "):
        made.value.set(-1)


def test_generated_ids_stay() -> None:
    class Ticket(Model, table="tickets"):
        ticket_id: Attr[UUID] = partition_key(default_factory=uuid4)

    first, second = Ticket(), Ticket()
    assert first.ticket_id != second.ticket_id
    assert stored(first) == {"ticket_id": {"S": str(first.ticket_id)}}


# None, absence and what is unknown


class Nullable(Model, table="nullables"):
    key: Attr[str] = partition_key()
    absent: Attr[str | None] = field(default=None)
    kept: Attr[str | None] = field(default=None, null="store")
    seven: Attr[int | None] = field(default=7)
    required: Attr[str | None]
    several: Attr[frozenset[int]]
    default: Attr[int] = field(default=3)


@pytest.mark.behaviour("1.10", "1.7")
def test_what_none_is_stored_as() -> None:
    nothing = Nullable(key="k", seven=None, required=None, several=frozenset())
    assert stored(nothing) == {
        "key": {"S": "k"},
        "kept": {"NULL": True},
        "seven": {"NULL": True},
        "default": {"N": "3"},
    }
    assert read(Nullable, **stored(nothing)) == nothing
    bare = read(Nullable, key={"S": "k"})
    assert (bare.absent, bare.kept, bare.seven, bare.required, bare.several) == (None, None, 7, None, frozenset())
    # What another writer stored as NULL is no value of an int.
    assert read(Nullable, key={"S": "k"}, default={"NULL": True}, several={"NULL": True}).default == 3


@pytest.mark.parametrize(
    ("action", "clause", "value"),
    [
        (lambda: Nullable.absent.set(None), "REMOVE #n0", None),
        (lambda: Nullable.required.set(None), "REMOVE #n0", None),
        (lambda: Nullable.several.set(frozenset()), "REMOVE #n0", None),
        (lambda: Nullable.kept.set(None), "SET #n0 = :v0", {"NULL": True}),
        (lambda: Nullable.seven.set(None), "SET #n0 = :v0", {"NULL": True}),
        (lambda: attr("document", "inside").set(None), "SET #n0.#n1 = :v0", {"NULL": True}),
        (lambda: attr("document", "inside").set(set()), "SET #n0.#n1 = :v0", {"L": []}),
    ],
)
@pytest.mark.behaviour("1.10", "1.7")
def test_what_setting_nothing_does(action: Callable[[], Any], clause: str, value: object) -> None:
    request = Nullable.update("k", action()).request
    assert request["UpdateExpression"] == clause
    assert request.get("ExpressionAttributeValues", {}).get(":v0") == value


def test_comparing_with_nothing() -> None:
    def condition(made: Any) -> str:
        text: str = Nullable.delete("k", condition=made).request["ConditionExpression"]
        return text

    assert condition(Nullable.several == frozenset()) == "attribute_not_exists(#n0)"
    assert condition(Nullable.several != frozenset()) == "attribute_exists(#n0)"
    assert condition(Nullable.absent.is_in(["a", None])) == "#n0 IN (:v0) OR attribute_not_exists(#n0) OR #n0 = :v1"
    assert condition(Nullable.several.is_in([frozenset()])) == "attribute_not_exists(#n0)"


def test_none_for_a_field_that_has_none_is_refused() -> None:
    with pytest.raises(InvalidValue, match="Nullable: default: cannot be None"):
        Nullable.default.set(None)


def test_extra_attributes() -> None:
    class Open(Model, table="open"):
        model_config = ConfigDict(extra="allow")
        key: Attr[str] = partition_key()

    class Closed(Model, table="closed"):
        model_config = ConfigDict(extra="forbid")
        key: Attr[str] = partition_key()

    opened = read(Open, key={"S": "k"}, size={"N": "1"}, gone={"S": "x"})
    assert (opened.size, opened.model_extra) == (1, {"size": 1, "gone": "x"})
    opened.size = Decimal("1.5")
    del opened.gone
    request = opened.save().request
    assert request["UpdateExpression"] == "SET #n0 = :v0 REMOVE #n1"
    assert request["ExpressionAttributeNames"].items() >= {"#n0": "size", "#n1": "gone"}.items()
    closed = read(Closed, key={"S": "k"}, size={"N": "1"})
    assert closed == Closed(key="k")
    assert stored(closed)["size"] == {"N": "1"}
    with pytest.raises(ValidationError):
        Closed.model_validate({"key": "k", "size": 1})


# Configuration


class Colour(Enum):
    RED = "red"


def test_strict_models_read_what_they_wrote() -> None:
    class Strict(Model, table="strict"):
        model_config = ConfigDict(strict=True)
        key: Attr[UUID] = partition_key()
        when: Attr[datetime]
        colour: Attr[Colour]
        pair: Attr[tuple[int, date]]
        seen: Attr[frozenset[Decimal]]

    strict = Strict(key=UUID(int=1), when=NOON, colour=Colour.RED, pair=(1, date.min), seen=frozenset([Decimal(1)]))
    assert read(Strict, **stored(strict)) == strict
    with pytest.raises(ValidationError):
        Strict.model_validate({**strict.model_dump(), "colour": "red"})


def test_frozen_models_take_their_version_on_acknowledgement() -> None:
    class Frozen(Model, table="frozen"):
        model_config = ConfigDict(frozen=True)
        key: Attr[str] = partition_key()
        version: Attr[int] = version_number()

    frozen = Frozen(key="k")
    plan: Any = frozen.create().plan
    assert plan.acknowledge({"key": {"S": "k"}, "version": {"N": "4"}}) is frozen
    assert frozen.version == 4
    with pytest.raises(ValidationError, match="frozen"):
        frozen.key = "other"


def test_validate_assignment() -> None:
    class Careful(Model, table="careful"):
        model_config = ConfigDict(validate_assignment=True)
        key: Attr[str] = partition_key()
        when: Attr[date]

    careful = read(Careful, key={"S": "k"}, when={"S": "2024-05-06"})
    careful.when = "2024-05-07"
    assert careful.when == date(2024, 5, 7)
    assert careful.save().request["ExpressionAttributeValues"][":v0"] == {"S": "2024-05-07"}
    with pytest.raises(ValidationError):
        careful.when = "never"


def test_aliases_are_for_callers_and_names_for_the_table() -> None:
    class Aliased(Model, table="aliased"):
        model_config = ConfigDict(serialize_by_alias=True)
        key: Attr[str] = partition_key(alias="theKey")
        value: Attr[int] = field(validation_alias="in", serialization_alias="out", name="attribute")

    aliased = Aliased.model_validate({"theKey": "k", "in": 1})
    assert stored(aliased) == {"key": {"S": "k"}, "attribute": {"N": "1"}}
    assert read(Aliased, **stored(aliased)) == aliased
    assert aliased.model_dump() == {"theKey": "k", "out": 1}


def test_a_serializer_of_the_whole_model_shapes_output_only() -> None:
    class Shaped(Model, table="shaped"):
        key: Attr[str] = partition_key()
        price: Attr[Decimal]

        @model_serializer
        def label(self) -> str:
            return f"{self.key}: {self.price}"

        @field_serializer("price")
        def euros(self, value: Decimal) -> str:
            return f"{value} EUR"

        @field_validator("price", mode="before")
        @classmethod
        def parsed(cls, value: Any) -> Any:
            return value.removesuffix(" EUR") if isinstance(value, str) else value

    shaped = Shaped(key="k", price=Decimal("1.50"))
    assert untyped(shaped).model_dump() == "k: 1.50"
    assert stored(shaped) == {"key": {"S": "k"}, "price": {"S": "1.50 EUR"}}
    assert read(Shaped, **stored(shaped)) == shaped
    update = Shaped.update("k", Shaped.price.set(Decimal(2)), condition=Shaped.price == Decimal("1.50")).request
    assert list(update["ExpressionAttributeValues"].values()) == [{"S": "2 EUR"}, {"S": "1.50 EUR"}]


def test_validators_that_look_at_other_fields() -> None:
    class Range(Model, table="ranges"):
        key: Attr[str] = partition_key()
        low: Attr[int]
        high: Attr[int]
        limit: Attr[int] = field(default=9)

        @field_validator("high")
        @classmethod
        def above(cls, value: int, info: ValidationInfo) -> int:
            if value < info.data["low"]:
                raise ValueError("high is below low")
            return value

        @field_validator("limit")
        @classmethod
        def limited(cls, value: int, info: ValidationInfo) -> int:
            low: int = info.data.get("low", value)
            return max(value, low)

    assert read(Range, key={"S": "k"}, low={"N": "1"}, high={"N": "2"}).high == 2
    assert Range.limit.set(3) is not None
    with pytest.raises(InvalidValue, match=r"Range: high: its validator needs the field 'low'.* save\(\)"):
        Range.high.set(3)


# What an instance carries


def loaded() -> Person:
    person: Person = read(Person, person_id={"S": "p"}, age={"N": "1"}, unknown={"S": "kept"})
    return person


@pytest.mark.parametrize(
    "copied",
    [
        copy.copy,
        copy.deepcopy,
        Person.model_copy,
        lambda person: person.model_copy(deep=True),
        lambda person: pickle.loads(pickle.dumps(person)),  # noqa: S301  # its own
    ],
    ids=["copy", "deepcopy", "model_copy", "deep model_copy", "pickle"],
)
def test_copies_carry_what_was_read(copied: Callable[[Person], Person]) -> None:
    person = loaded()
    twin = copied(person)
    assert twin == person
    twin.age = 2
    assert twin.save().request["UpdateExpression"] == "SET #n0 = :v0"
    assert twin.put().request["Item"]["unknown"] == {"S": "kept"}
    assert person.age == 1


def test_what_was_read_takes_no_part_in_equality() -> None:
    person = loaded()
    fresh = Person(person_id="p", age=1, born=None)
    assert person == fresh
    assert snapshot_of(fresh) is None
    assert "unknown" not in repr(person)
    assert person.model_copy(update={"age": 5}).save().request["ExpressionAttributeValues"][":v0"] == {"N": "5"}


def test_hooks() -> None:
    class Hooked(Model, table="hooked"):
        key: Attr[str] = partition_key()
        slug: Attr[str] = field(default="")
        _reads: int = 0

        def before_write(self) -> None:
            if self.key == "refused":
                raise ValueError("not this one")
            self.slug = self.key.lower()

        def after_read(self) -> None:
            self._reads += 1

    assert stored(Hooked(key="ABC"))["slug"] == {"S": "abc"}
    with pytest.raises(ValueError, match="not this one"):
        _ = Hooked(key="refused").create()
    hooked = read(Hooked, key={"S": "ABC"}, slug={"S": "old"})
    assert (hooked._reads, hooked.slug) == (1, "old")
    assert hooked.save().request["ExpressionAttributeValues"][":v0"] == {"S": "abc"}
    assert hooked._reads == 1


# Bad input, refused before anything is sent


class Strictly(Model, table="strictly"):
    key: Attr[str] = partition_key()
    rank: Attr[Decimal] = sort_key()
    number: Attr[int] = field(default=0, ge=0, lt=100)
    ratio: Attr[float] = field(default=0.0)
    price: Attr[Decimal] = field(default=Decimal(0))
    when: Attr[datetime] = field(default=NOON)
    numbers: Attr[set[int]] = field(default_factory=set)
    deep: Attr[Any] = field(default=None)
    kind: Attr[Literal["a", "b"]] = field(default="a")
    code: Attr[str | None] = field(default=None, max_length=3)
    flag: Attr[bool] = field(default=False)
    by_code = GlobalIndex(partition_key="code")
    by_when = LocalIndex(sort_key="{when}#{code}")


NAIVE = datetime(2024, 1, 1)  # noqa: DTZ001  # the mistake that is refused
DIGITS = Decimal("1." + "0" * 37 + "1")


def deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


def made(**values: Any) -> Strictly:
    return Strictly.model_construct(**{"key": "k", "rank": Decimal(1), **values})


@pytest.mark.behaviour("1.1", "1.3", "1.5", "1.8", "1.9", "1.14", "1.18", "2.3")
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ratio": float("nan")}, "Strictly.put: ratio: NaN and infinities"),
        ({"ratio": float("inf")}, "Strictly.put: ratio: NaN and infinities"),
        ({"ratio": 5e-324}, "Strictly.put: ratio: DynamoDB stores magnitudes from 1E-130"),
        ({"price": Decimal("NaN")}, "Strictly.put: price: NaN and infinities"),
        ({"price": DIGITS}, "Strictly.put: price: .*this number has 39"),
        ({"rank": DIGITS}, "Strictly.put: rank: .*this number has 39"),
        ({"when": NAIVE}, "Strictly.put: when: a naive datetime"),
        ({"numbers": {1, "a"}}, "Strictly.put: numbers: "),
        ({"numbers": {True}}, "Strictly.put: numbers: "),
        ({"number": True}, "Strictly.put: number: a bool is not a number"),
        ({"number": "1"}, "Strictly.put: number: .*another type than its annotation's"),
        ({"deep": {1, "a"}}, "Strictly.put: deep: a set holds members of one type"),
        ({"deep": {True}}, "Strictly.put: deep: a set holds text, numbers or binary"),
        ({"deep": {"a": [float("nan")]}}, r"Strictly.put: deep.a\[0\]: NaN"),
        ({"deep": object()}, "Strictly.put: deep: the type object cannot be stored"),
        ({"deep": deep(NESTED_LISTS + 1)}, "Strictly.put: deep.*at most 31"),
        ({"key": ""}, "Strictly.put: key: a key attribute cannot be empty"),
        ({"key": "k" * 2049}, "Strictly.put: key: .*at most 2048 bytes"),
        ({"code": ""}, "Strictly.put: index by_code: code: a key attribute cannot be empty"),
        ({"deep": "x" * (400 * 1024)}, r"Strictly.put.*400 KB"),
    ],
)
def test_an_item_that_dynamodb_would_refuse_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOperation, match=message):
        _ = made(**values).put().request


@pytest.mark.behaviour("1.1", "1.3", "1.5", "1.8", "1.9", "1.14", "1.18", "2.3")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Strictly.ratio.set(float("nan")), "Strictly: ratio: NaN"),
        (lambda: Strictly.price.set(DIGITS), "Strictly: price: .*39"),
        (lambda: Strictly.price.add(DIGITS), "Strictly: price: .*39"),
        (lambda: Strictly.price.add(Decimal("Infinity")), "Strictly: price: NaN and infinities"),
        (lambda: Strictly.when.set(NAIVE), "Strictly: when: a naive datetime"),
        (lambda: Strictly.when == NAIVE, "Strictly: when: a naive datetime"),
        (lambda: Strictly.number.set(-1), "Strictly: number: .*greater than or equal to 0"),
        (lambda: Strictly.number.set(True), "Strictly: number: a bool is not a number"),
        (lambda: Strictly.number == True, "Strictly: number: a bool is not a number"),  # noqa: E712
        (lambda: Strictly.number.add(0.5), "Strictly: number: takes whole numbers"),
        (lambda: Strictly.numbers.add_to_set(True), r"Strictly: numbers\[\]: a bool is not a number"),
        (lambda: Strictly.numbers.set({True, 2}), "Strictly: numbers: a bool is not a number"),
        (lambda: attr("numbers").add_to_set(1, "a"), "a set holds text, numbers or bytes, and only one of them"),
        (lambda: attr("numbers").set({1, "a"}), "numbers: a set holds members of one type"),
        (lambda: Strictly.kind.set(untyped("c")), "Strictly: kind: .*'a' or 'b'"),
        (lambda: Strictly.code.set("long"), "Strictly: code: .*at most 3 characters"),
        (lambda: Strictly.number < untyped("one"), "Strictly: number: .*valid integer"),
        (lambda: Strictly.flag < untyped(True), "flag <: only text, numbers and bytes have an order, BOOL has none"),
        (lambda: Strictly.code <= untyped(None), "code <=: only text, .* NULL has none"),
        (lambda: Strictly.numbers.between({1}, {2}), r"numbers between\(\): only text, .* NS has none"),
        (lambda: attr("deep") > [1], "deep >: only text, .* L has none"),
        (lambda: Strictly.when < untyped(5.5j), "Strictly: when: "),
        (lambda: Strictly.get("k", untyped("one")), r"Strictly.get: rank: .*decimal"),
        (lambda: Strictly.get("k", DIGITS), r"Strictly.get: rank: .*39"),
        (lambda: Strictly.get("k", untyped(True)), r"Strictly.get: rank: .*integer, float, string or Decimal"),
        (lambda: Strictly.get("", 1).request, r"Strictly.get.*key: a key attribute cannot be empty"),
        (lambda: Strictly.query(untyped(None)), r"Strictly.query: key cannot be None in a key"),
        (lambda: Strictly.by_code.query("").request, r"Strictly.*code: a key attribute cannot be empty"),
        (lambda: update(Person.age.set(1)), "Strictly.update.*: age is a path of Person, not of Strictly"),
        (lambda: update(Strictly.number.set(Person.age)), "Strictly.update.*age is a path of Person"),
        (lambda: update(Strictly.number.set(1), condition=Person.age == 1), "Strictly.update.*age is a path of Person"),
        (lambda: update(Strictly.deep.set(deep(NESTED_LISTS + 1))), "Strictly.* deep"),
        (lambda: update(Strictly.code.set("")), "Strictly.update.*code.*cannot be empty"),
    ],
)
def test_an_operand_that_dynamodb_would_refuse_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidOperation, match=message):
        make()


def update(*actions: Any, condition: Any = None) -> object:
    return Strictly.update({"key": "k", "rank": Decimal(1)}, *actions, condition=condition).request


def test_the_deepest_value_fits_and_what_is_below_it_does_not() -> None:
    assert update(Strictly.deep.set(deep(NESTED_LISTS))) is not None
    inside = attr("deep", 0, 0)
    assert update(inside.set(deep(NESTED_LISTS - 2))) is not None
    with pytest.raises(InvalidValue, match="deep"):
        update(inside.set(deep(NESTED_LISTS - 1)))


def shouted(text: str) -> str:
    return text.upper()


class Tidy(Model, table="tidied"):
    model_config = ConfigDict(str_strip_whitespace=True)

    key: Attr[str] = partition_key()


class Worded(Model, table="worded"):
    key: Attr[str] = partition_key()
    short: Attr[str] = field(max_length=3)
    day: Attr[date]
    loud: Attr[Annotated[str, PlainSerializer(shouted)]]
    checked: Attr[str]

    @field_validator("checked")
    @classmethod
    def lower(cls, text: str) -> str:
        return text.lower()


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        (Worded.key, " Ann ", " Ann "),
        (Worded.key, "Änn", "Änn"),
        (Tidy.key, " Ann ", "Ann"),
        (Worded.loud, "Ann", "ANN"),
        (Worded.checked, "Ann", "ann"),
        (Worded.day, "2024-05-06", "2024-05-06"),
    ],
)
def test_a_text_is_stored_as_its_field_says(path: Any, text: str, value: str) -> None:
    assert path.set(text).value.value == {"S": value}


@pytest.mark.parametrize(("path", "text"), [(Worded.short, "long"), (Worded.day, "noon"), (Worded.key, "\ud800")])
def test_a_text_that_its_field_refuses_is_refused(path: Any, text: str) -> None:
    with pytest.raises(InvalidValue):
        path.set(text)


@pytest.mark.parametrize(
    "condition",
    [
        lambda: Strictly.number == -1,
        lambda: Strictly.number < 1000,
        lambda: Strictly.number.between(-5, 500),
        lambda: Strictly.code == "longer",
        lambda: Strictly.code.is_in(["longer", "x"]),
        lambda: Strictly.code.begins_with("longer"),
    ],
)
def test_comparing_with_what_the_constraints_exclude_is_allowed(condition: Callable[[], Any]) -> None:
    assert Strictly.query("k").filter(condition()).request["FilterExpression"]


def test_an_item_that_does_not_fit_names_model_key_and_field() -> None:
    with pytest.raises(InvalidItem, match=r"Person\(person_id='p'\): .* item.age: .*valid integer") as caught:
        read(Person, person_id={"S": "p"}, age={"S": "many"})
    assert isinstance(caught.value.__cause__, ValidationError)
    assert "many" not in str(caught.value)


def test_a_time_to_live_that_is_no_number_of_seconds() -> None:
    class Expiring(Model, table="expiring"):
        key: Attr[str] = partition_key()
        expires: Attr[datetime | None] = time_to_live(default=None)

    assert read(Expiring, key={"S": "k"}, expires={"N": "1714996800"}).expires == NOON
    with pytest.raises(InvalidItem, match=r"Expiring\(key='k'\): expires: a time to live is in seconds"):
        read(Expiring, key={"S": "k"}, expires={"N": "1714996800000"})
    with pytest.raises(InvalidValue, match="Expiring: expires"):
        Expiring.expires.set(NAIVE)


def test_a_template_refuses_what_it_cannot_hold() -> None:
    class Composed(Model, table="composed"):
        owner: Attr[str]
        when: Attr[datetime]
        key = PrimaryKey("O#{owner}", "{when}")

    with pytest.raises(InvalidKey, match=r"Composed\.put: .*owner.*cannot be empty"):
        _ = Composed(owner="", when=NOON).put().request
    with pytest.raises(InvalidOperation, match=r"Composed\.get: when: a naive datetime"):
        _ = Composed.get("o", NAIVE)
