"""Every kind of type that pydantic knows: written, read, updated, compared, and used in keys, on every engine."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, NotRequired, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from pydantic import (
    AfterValidator,
    AnyUrl,
    Base64Bytes,
    Base64Str,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    EmailStr,
    Field,
    HttpUrl,
    Json,
    PlainSerializer,
    PositiveInt,
    Secret,
    SecretBytes,
    SecretStr,
    SerializerFunctionWrapHandler,
    StringConstraints,
    WrapSerializer,
    WrapValidator,
    computed_field,
    create_model,
    field_serializer,
    field_validator,
)
from pydantic.dataclasses import dataclass as pydantic_dataclass
from typing_extensions import TypeAliasType, TypedDict

from dynamorm_py import (
    Attr,
    Client,
    ConditionFailed,
    GlobalIndex,
    InvalidOperation,
    Model,
    PrimaryKey,
    ServiceError,
    batch_write,
    field,
    partition_key,
    sort_key,
    transact_write,
)
from dynamorm_py.core.wire import Call

T = TypeVar("T")

pytestmark = pytest.mark.behaviour("2.3", "2.4")


class Colour(Enum):
    RED = "red"
    GREEN = "green"


class Mood(StrEnum):
    GOOD = "good"
    BAD = "bad"


class Level(IntEnum):
    LOW = -1
    HIGH = 12


class Mixed(Enum):
    TEXT = "t"
    NUMBER = 1


class Address(Model):
    city: Attr[str]
    zip_code: Attr[str | None] = field(default=None, alias="zipCode")
    tags: Attr[set[str]] = field(default_factory=set)


class Plain(BaseModel):
    model_config = ConfigDict(frozen=True, serialize_by_alias=True)

    number: Decimal = Field(validation_alias="Number", serialization_alias="NUMBER")
    when: datetime | None = None
    _cache: str = "not stored"

    @computed_field  # type: ignore[prop-decorator]  # as pydantic says of properties
    @property
    def double(self) -> Decimal:
        return self.number * 2


class Exact(BaseModel):
    """What pydantic by itself would not read back, or round."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    raw: bytearray
    waits: set[timedelta] = Field(default_factory=set)
    more: list[Exact] = Field(default_factory=list)


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    barks: bool = True


class Tree(BaseModel):
    name: str
    children: list[Tree] = Field(default_factory=list)


class Box(BaseModel, Generic[T]):
    content: T


class Celsius(BaseModel):
    degrees: Decimal

    @field_validator("degrees", mode="before")
    @classmethod
    def parsed(cls, value: object) -> object:
        return value.removesuffix(" °C") if isinstance(value, str) else value

    @field_serializer("degrees")
    def written(self, value: Decimal) -> str:
        return f"{value} °C"


@dataclass
class Point:
    x: int
    y: Decimal = Decimal("0.5")


@pydantic_dataclass
class Span:
    start: date
    end: date | None = None


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


class Pair(NamedTuple):
    first: int
    second: str = "b"


class Money:
    """A type of one's own, which pydantic knows nothing of."""

    def __init__(self, amount: Decimal, currency: str) -> None:
        self.amount = amount
        self.currency = currency

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and (self.amount, self.currency) == (other.amount, other.currency)

    def __hash__(self) -> int:
        return hash((self.amount, self.currency))

    @classmethod
    def parse(cls, value: object) -> object:
        if isinstance(value, str):
            currency, amount = value.split()
            return cls(Decimal(amount), currency)
        return value

    def text(self) -> str:
        return f"{self.currency} {self.amount}"


def doubled(value: int, handler: SerializerFunctionWrapHandler) -> int:
    number: int = handler(value)
    return number * 2


def halved(value: Any, handler: Any) -> int:
    number: int = handler(value)
    return number // 2


UserId = NewType("UserId", str)
Name = TypeAliasType("Name", Annotated[str, StringConstraints(strip_whitespace=True, max_length=5)])
Pet = Annotated[Cat | Dog, Field(discriminator="kind")]
Priced = Annotated[Money, BeforeValidator(Money.parse), PlainSerializer(Money.text, return_type=str)]
Joined = Annotated[
    list[str],
    BeforeValidator(lambda value: value.split(",") if isinstance(value, str) else value),
    PlainSerializer(",".join, return_type=str),
]
# Stored as twice the number, and halved when it is read.
Doubled = Annotated[int, WrapSerializer(doubled), WrapValidator(halved)]


def plain(number: Decimal, when: datetime | None = None) -> Plain:
    return Plain.model_validate({"Number": number, "when": when})


ROME = Address.model_validate({"city": "Rome", "zipCode": "1", "tags": {"a"}})
BERLIN = datetime(2024, 7, 1, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))


@dataclass
class Case:
    """A type, two or more values that differ, and, for the first, the attribute value that is stored."""

    name: str
    annotation: Any  # whatever an annotation can be
    values: Sequence[Any]
    stored: Mapping[str, Any] | None = None
    options: dict[str, Any] = dataclasses.field(default_factory=dict)  # of the model's configuration
    default: Any = ...

    def __str__(self) -> str:
        return self.name


SCALARS = [
    Case("str", str, ["a#b $ ß 𝄞 \x00", "", "--", "<script>", "'; DROP TABLE users", "é"], {"S": "a#b $ ß 𝄞 \x00"}),
    Case("int", int, [10**37 + 1, 0, -7, 10**125, -(10**38) + 1], {"N": str(10**37 + 1)}),
    Case("float", float, [0.1, 0.0, -1.5, 1e-130, 9.99e125, 1e21, 2.0**60], {"N": "0.1"}),
    Case(
        "decimal",
        Decimal,
        [
            Decimal("-1.2345678901234567890123456789012345678"),
            Decimal("9.9999999999999999999999999999999999999E+125"),
            Decimal("1E-130"),
            Decimal(0),
            Decimal("1.50"),
        ],
        {"N": "-1.2345678901234567890123456789012345678"},
    ),
    Case("bool", bool, [True, False], {"BOOL": True}),
    Case("bytes", bytes, [b"\x00\xff", b"", b"text"], {"B": b"\x00\xff"}),
    Case("bytearray", bytearray, [bytearray(b"\x00\xff"), bytearray()], {"B": b"\x00\xff"}),
    Case(
        "datetime",
        datetime,
        [BERLIN, datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)],
        {"S": "2024-07-01T00:30:00.000000Z"},
    ),
    Case("date", date, [date(2024, 2, 29), date.min, date.max], {"S": "2024-02-29"}),
    Case("time", time, [time(1, 2, 3), time(23, 59, 59, 999999), time.min], {"S": "01:02:03.000000"}),
    Case("time_zone", time, [time(1, tzinfo=timezone(timedelta(hours=2))), time(2, tzinfo=UTC)]),
    Case(
        "timedelta",
        timedelta,
        [timedelta(days=-1, microseconds=1), timedelta(days=999999, microseconds=1), timedelta(0), timedelta.max],
        {"N": "-86399.999999"},
    ),
    Case("uuid", UUID, [UUID(int=1), UUID(int=2**128 - 1)], {"S": "00000000-0000-0000-0000-000000000001"}),
    Case("enum", Colour, list(Colour), {"S": "red"}),
    Case("str_enum", Mood, list(Mood), {"S": "good"}),
    Case("int_enum", Level, list(Level), {"N": "-1"}),
    Case("mixed_enum", Mixed, list(Mixed), {"S": "t"}),
    Case("enum_values", Colour, ["red", "green"], {"S": "red"}, {"use_enum_values": True}),
    Case("literal", Literal["a", 2], ["a", 2], {"S": "a"}),
    Case(
        "http_url", HttpUrl, [HttpUrl("https://x.org/a?b=c#d"), HttpUrl("http://y.org")], {"S": "https://x.org/a?b=c#d"}
    ),
    Case("any_url", AnyUrl, [AnyUrl("ftp://x.org/"), AnyUrl("s3://bucket/key")], {"S": "ftp://x.org/"}),
    Case("email", EmailStr, ["a@example.com", "b@example.com"], {"S": "a@example.com"}),
    Case("ipv4_address", IPv4Address, [IPv4Address("10.0.0.1"), IPv4Address("1.1.1.1")], {"S": "10.0.0.1"}),
    Case("ipv6_address", IPv6Address, [IPv6Address("::1"), IPv6Address("fe80::1")], {"S": "::1"}),
    Case("ipv4_network", IPv4Network, [IPv4Network("10.0.0.0/8"), IPv4Network("1.0.0.0/24")], {"S": "10.0.0.0/8"}),
    Case("ipv4_interface", IPv4Interface, [IPv4Interface("10.0.0.1/8"), IPv4Interface("1.0.0.1/24")]),
    Case("path", Path, [Path("/a/b.txt"), Path("c")], {"S": "/a/b.txt"}),
    Case("pure_path", PurePosixPath, [PurePosixPath("/a/b"), PurePosixPath("c")], {"S": "/a/b"}),
    Case("secret_str", SecretStr, [SecretStr("hush"), SecretStr("")], {"S": "hush"}),
    Case("secret_bytes", SecretBytes, [SecretBytes(b"hush"), SecretBytes(b"x")], {"B": b"hush"}),
    Case("secret_date", Secret[date], [Secret(date(2024, 1, 1)), Secret(date.min)], {"S": "2024-01-01"}),
    Case("new_type", UserId, [UserId("u1"), UserId("u2")], {"S": "u1"}),
    Case("named_alias", Name, ["a", "abcde"], {"S": "a"}),
    Case("byte_size", ByteSize, [ByteSize(1024), ByteSize(1)], {"N": "1024"}),
    Case("constrained", Annotated[int, Field(ge=0, lt=10)], [0, 9], {"N": "0"}),
    Case("positive", PositiveInt, [1, 2], {"N": "1"}),
    Case("strict", Annotated[date, Field(strict=True)], [date.min, date.max], {"S": "0001-01-01"}),
    Case("strict_model", UUID, [UUID(int=1), UUID(int=2)], None, {"strict": True}),
    Case("none", None, [None, None], None),
    Case("own_type", Priced, [Money(Decimal("1.50"), "EUR"), Money(Decimal(2), "USD")], {"S": "EUR 1.50"}),
    Case("own_type_optional", Priced | None, [Money(Decimal("1.50"), "EUR"), None], {"S": "EUR 1.50"}),
    Case("joined", Joined, [["a", "b"], ["c"]], {"S": "a,b"}),
    Case("wrapped", Doubled, [5, 7], {"N": "10"}),
    Case("after", Annotated[str, AfterValidator(str.lower)], ["a", "b"], {"S": "a"}),
    Case("json", Annotated[list[int], Json], [[1, 2], []], {"S": "[1,2]"}),
    Case("json_any", Annotated[Any, Json], [{"a": [1, None]}, "text"], {"S": '{"a":[1,null]}'}),
    Case("base64_str", Base64Str, ["hiya", "x"], {"S": "aGl5YQ=="}),
    Case("base64_bytes", Base64Bytes, [b"hiya", b""], {"B": b"aGl5YQ=="}),
]

COLLECTIONS = [
    Case("list", list[int], [[1, -(10**30)], []], {"L": [{"N": "1"}, {"N": str(-(10**30))}]}),
    Case("list_of_none", list[str | None], [["a", None], [None]], {"L": [{"S": "a"}, {"NULL": True}]}),
    Case(
        "nested_lists",
        list[list[set[str]]],
        [[[{"a"}, set()], []], []],
        {"L": [{"L": [{"SS": ["a"]}, {"L": []}]}, {"L": []}]},
    ),
    Case("fixed_tuple", tuple[int, str, date], [(1, "a", date.min), (2, "", date.max)]),
    Case("variable_tuple", tuple[Decimal, ...], [(Decimal("0.1"), Decimal(1)), ()], {"L": [{"N": "0.1"}, {"N": "1"}]}),
    Case("bytearrays", list[bytearray], [[bytearray(b"a")], []], {"L": [{"B": b"a"}]}),
    Case("timedeltas", dict[str, tuple[int, timedelta]], [{"a": (1, timedelta(days=999999, microseconds=1))}, {}]),
    Case("revived", Exact, [Exact(raw=bytearray(b"a"), waits={timedelta.max}), Exact(raw=bytearray())]),
    Case("deque", deque[int], [deque([1, 2]), deque(range(0))]),
    Case("sequence", Sequence[UUID], [[UUID(int=1)], []]),
    Case("str_set", set[str], [{"b", "a", ""}, set(), {"c"}], {"SS": ["", "a", "b"]}),
    Case("int_set", set[int], [{1, 2, 10**30}, set(), {3}]),
    Case("decimal_set", set[Decimal], [{Decimal("0.10"), Decimal(-1)}, set(), {Decimal(3)}], {"NS": ["-1", "0.1"]}),
    Case("bytes_set", set[bytes], [{b"\xff", b"\x00"}, set(), {b"x"}], {"BS": [b"\x00", b"\xff"]}),
    Case("uuid_set", set[UUID], [{UUID(int=1), UUID(int=2)}, set()]),
    Case("enum_set", set[Colour], [{Colour.RED}, set(), {Colour.GREEN}], {"SS": ["red"]}),
    Case("str_frozenset", frozenset[str], [frozenset("ab"), frozenset[str]()], {"SS": ["a", "b"]}),
    Case("int_frozenset", frozenset[int], [frozenset([1]), frozenset[int]()], {"NS": ["1"]}),
    Case("decimal_frozenset", frozenset[Decimal], [frozenset([Decimal("0.1")]), frozenset[Decimal]()]),
    Case("bytes_frozenset", frozenset[bytes], [frozenset([b"a"]), frozenset[bytes]()]),
    Case("optional_set", set[str] | None, [{"a"}, None], {"SS": ["a"]}),
    Case("dict", dict[str, int], [{"a b.c": 1, "size": 2}, {}], {"M": {"a b.c": {"N": "1"}, "size": {"N": "2"}}}),
    Case("int_keys", dict[int, str], [{1: "a", -2: "b"}, {}], {"M": {"1": {"S": "a"}, "-2": {"S": "b"}}}),
    Case("enum_keys", dict[Colour, date], [{Colour.RED: date.min}, {}], {"M": {"red": {"S": "0001-01-01"}}}),
    Case("uuid_keys", dict[UUID, bool], [{UUID(int=1): True}, {}]),
    Case("date_keys", dict[date, bool], [{date.min: True}, {}]),
    Case("ordered_dict", OrderedDict[str, int], [OrderedDict(a=1), OrderedDict[str, int](())]),
    Case("dict_of_models", dict[str, Plain], [{"a": plain(Decimal("0.1"))}, {}]),
    Case("any", Any, ["a", 10**37, Decimal("0.1"), True, None, b"x", [1, {"a": {1, 2}}], {"deep": {"x": None}}, {"s"}]),
    Case("object", object, ["a", [1, None]]),
]

STRUCTURES = [
    Case("optional", int | None, [1, None], {"N": "1"}),
    Case("optional_default", int | None, [1, None, 7], {"N": "1"}, default=7),
    Case("union", int | str | bool, [5, "5", True], {"N": "5"}),
    Case("union_of_models", Cat | Point | None, [Cat(lives=3), Point(1), None]),
    Case("discriminated", Pet, [Dog(), Cat(lives=1)], {"M": {"kind": {"S": "dog"}, "barks": {"BOOL": True}}}),
    Case("list_of_discriminated", list[Pet], [[Dog(barks=False), Cat()], []]),
    Case(
        "nested_model",
        Plain,
        [plain(Decimal("0.1"), when=BERLIN), plain(Decimal(3))],
        {"M": {"number": {"N": "0.1"}, "when": {"S": "2024-07-01T00:30:00.000000Z"}}},
    ),
    Case(
        "document",
        Address,
        [ROME, Address(city="")],
        {"M": {"city": {"S": "Rome"}, "zip_code": {"S": "1"}, "tags": {"SS": ["a"]}}},
    ),
    Case("optional_document", Address | None, [Address(city="Rome"), None]),
    Case("list_of_documents", list[Address], [[Address(city="Rome")], []]),
    Case(
        "decorated",
        Celsius,
        [Celsius(degrees=Decimal("36.6")), Celsius(degrees=Decimal(0))],
        {"M": {"degrees": {"S": "36.6 °C"}}},
    ),
    Case("dataclass", Point, [Point(1, Decimal("0.1")), Point(2)], {"M": {"x": {"N": "1"}, "y": {"N": "0.1"}}}),
    Case("pydantic_dataclass", Span, [Span(date.min, date.max), Span(date.max)]),
    Case(
        "typed_dict",
        Movie,
        [{"title": "a", "year": 1}, {"title": "b"}],
        {"M": {"title": {"S": "a"}, "year": {"N": "1"}}},
    ),
    Case("named_tuple", Pair, [Pair(1, "a"), Pair(2)], {"L": [{"N": "1"}, {"S": "a"}]}),
    Case("recursive", Tree, [Tree(name="a", children=[Tree(name="b")]), Tree(name="c")]),
    Case("generic_int", Box[int], [Box[int](content=1), Box[int](content=2)], {"M": {"content": {"N": "1"}}}),
    Case(
        "generic_model",
        Box[Plain],
        [Box[Plain](content=plain(Decimal(1))), Box[Plain](content=plain(Decimal(2)))],
    ),
]

CASES = [*SCALARS, *COLLECTIONS, *STRUCTURES]


class Anything(Model):
    model_config = ConfigDict(arbitrary_types_allowed=True)


def sample(case: Case) -> Any:  # a model class whose field has the case's type
    """A model with a field `value` of the type, in the table `samples`."""
    base = create_model("Base", __base__=Anything, __cls_kwargs__=case.options)
    return create_model(
        "Sample",
        __base__=base,
        __cls_kwargs__={"table": "samples"},
        owner=(str, partition_key()),
        number=(int, sort_key()),
        value=(case.annotation, case.default),
    )


def same(found: Any, value: Any) -> bool:
    """Equal, and of one type. A moment comes back in UTC, whatever the zone it was given in."""
    return found == value and type(found) is type(value)


async def raw(db: Client, number: int) -> dict[str, Any]:
    key = {"owner": {"S": "o"}, "number": {"N": str(number)}}
    response = await db.send(
        Call("GetItem", {"TableName": db.scope.prefix + "samples", "Key": key, "ConsistentRead": True})
    )
    return dict(response["Item"])


def taken(case: Case, value: Any) -> Any:
    """What the constructor takes for a value: pydantic reads these three from their encoded form alone."""
    if case.annotation in (Base64Str, Base64Bytes):
        encoded = base64.b64encode(value.encode() if isinstance(value, str) else value)
        return encoded.decode() if isinstance(value, str) else encoded
    if case.name.startswith("json"):
        return json.dumps(value)
    if case.annotation == Doubled:
        return value * 2
    return value


@pytest.mark.behaviour("2.5")
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_type_is_written_read_updated_and_compared(db: Client, case: Case) -> None:
    sample_model = sample(case)
    await db.create_tables(sample_model)
    given = [sample_model(owner="o", number=n, value=taken(case, value)) for n, value in enumerate(case.values)]
    assert all(same(each.value, value) for each, value in zip(given, case.values, strict=True))
    await given[0].create()
    await batch_write(*(each.put() for each in given[1:]))
    found = await sample_model.query("o").all()
    assert found == given
    assert all(same(each.value, value) for each, value in zip(found, case.values, strict=True))
    for each in found:
        with pytest.raises(InvalidOperation, match="nothing was changed"):
            _ = each.save().request
    if case.stored is not None:
        assert (await raw(db, 0))["value"] == case.stored

    first, second = case.values[:2]
    value = sample_model.value
    if case.annotation is None:
        return
    changed = await sample_model.update("o", 0, value.set(second), condition=value == first)
    assert same(changed.value, second)
    with pytest.raises(ConditionFailed) as caught:
        await sample_model.update("o", 0, value.set(first), condition=(value == first) | value.is_in([first]))
    assert caught.value.item == changed
    query = sample_model.query("o").filter(value.is_in([first, second]))
    assert [each.number for each in await query.filter(value == second).all()] == [0, 1]
    assert await query.filter((value != second) & (value == first)).all() == []

    changed.value = first
    await changed.save()
    await transact_write(
        sample_model.update("o", 0, value.set(second), condition=value == first),
        sample_model.check("o", 1, condition=value == second),
        sample_model(owner="o", number=20, value=taken(case, first)).create(),
    )
    got = await sample_model.batch_get([("o", 20), ("o", 0)])
    assert [each.value for each in got] == [first, second]


# Values in their order, for types that can be keys.
KEYS = [
    Case("str", str, [" ", "#", "$", "A#b", "a", "é", "𝄞"], {"S": " "}),
    Case("int", int, [-(10**37), -12, -1, 0, 1, 9, 10, 10**37], {"N": str(-(10**37))}),
    Case("float", float, [-1e125, -0.1, 0.0, 1e-130, 2.5, 1e21], None),
    Case("decimal", Decimal, [Decimal("-1.5"), Decimal("-1.05"), Decimal(0), Decimal("1E-130"), Decimal("1.1")]),
    Case("bytes", bytes, [b"\x00", b"\x00\x00", b"a", b"\xff"], {"B": b"\x00"}),
    Case("bytearray", bytearray, [bytearray(b"\x00"), bytearray(b"a")]),
    Case("datetime", datetime, [datetime(999, 1, 1, tzinfo=UTC), BERLIN - timedelta(microseconds=1), BERLIN]),
    Case("date", date, [date.min, date(2024, 2, 29), date.max]),
    Case("time", time, [time.min, time(1, 2, 3), time.max]),
    Case("timedelta", timedelta, [timedelta(days=-2), timedelta(days=-1, microseconds=1), timedelta(0), timedelta(1)]),
    Case("uuid", UUID, [UUID(int=1), UUID(int=2**127)]),
    Case("enum", Colour, [Colour.GREEN, Colour.RED], {"S": "green"}),
    Case("str_enum", Mood, [Mood.BAD, Mood.GOOD]),
    Case("int_enum", Level, [Level.LOW, Level.HIGH], {"N": "-1"}),
    Case("literal", Literal["a", "b"], ["a", "b"]),
    Case("http_url", HttpUrl, [HttpUrl("http://a.org/"), HttpUrl("http://b.org/")]),
    Case("email", EmailStr, ["a@example.com", "b@example.com"]),
    Case("ipv4_address", IPv4Address, [IPv4Address("1.1.1.1"), IPv4Address("10.0.0.1")]),
    Case("ipv4_network", IPv4Network, [IPv4Network("1.0.0.0/24"), IPv4Network("10.0.0.0/8")]),
    Case("path", Path, [Path("/a"), Path("/b")]),
    Case("secret_str", SecretStr, [SecretStr("a"), SecretStr("b")], {"S": "a"}),
    Case("secret_bytes", SecretBytes, [SecretBytes(b"a"), SecretBytes(b"b")], {"B": b"a"}),
    Case("new_type", UserId, [UserId("a"), UserId("b")]),
    Case("named_alias", Name, ["a", "b"]),
    Case("constrained", Annotated[int, Field(ge=0)], [0, 1]),
    Case("own_type", Priced, [Money(Decimal(1), "EUR"), Money(Decimal(1), "USD")], {"S": "EUR 1"}),
    Case("joined", Joined, [["a"], ["a", "b"]], {"S": "a"}),
    Case("wrapped", Doubled, [5, 7], {"N": "10"}),
    Case("union_of_texts", UUID | Colour, [UUID(int=1), Colour.GREEN]),
]


def keyed(case: Case) -> tuple[Any, Any, Any]:
    """Models with the type as partition key, as sort key and index key, and in templates."""
    partition = create_model(
        "Partition", __base__=Anything, __cls_kwargs__={"table": "by_value"}, value=(case.annotation, partition_key())
    )
    sort = create_model(
        "Sort",
        __base__=IndexedByValue,
        __cls_kwargs__={"table": "sorted"},
        owner=(str, partition_key()),
        value=(case.annotation, sort_key()),
    )
    template = create_model(
        "Template",
        __base__=KeyedByTemplate,
        __cls_kwargs__={"table": "templates"},
        owner=(str, ...),
        value=(case.annotation, ...),
    )
    return partition, sort, template


class IndexedByValue(Anything):
    by_value = GlobalIndex(partition_key="value", sort_key="owner")


class KeyedByTemplate(Anything):
    key = PrimaryKey("O#{owner}", "V#{value}#end")
    by_value = GlobalIndex(partition_key="V#{value}", sort_key="{owner}#{value}")


@pytest.mark.behaviour("2.5", "1.16", "1.17")
@pytest.mark.parametrize("case", KEYS, ids=str)
async def test_a_type_in_a_key(db: Client, case: Case) -> None:
    partition, sort, template = keyed(case)
    await db.create_tables(partition, sort, template)
    given = [taken(case, value) for value in case.values]
    await batch_write(*(partition(value=each).put() for each in given))
    await batch_write(*(sort(owner="o", value=each).put() for each in given))
    await batch_write(*(template(owner="o", value=each).put() for each in given))
    for model, owner in ((partition, ()), (sort, ("o",)), (template, ("o",))):
        found = await model.batch_get([(*owner, value) for value in case.values])
        assert all(same(each.value, value) for each, value in zip(found, case.values, strict=True))
    before, middle, *after = case.values
    assert await partition.get(middle) == await partition.query(middle).one()
    for model in (sort, template):
        query = model.query("o")
        assert [each.value for each in await query.all()] == case.values
        assert [each.value for each in await query.where(model.value == middle).all()] == [middle]
        assert [each.value for each in await query.where(model.value >= middle).all()] == [middle, *after]
        assert [each.value for each in await query.where(model.value < middle).all()] == [before]
        assert [each.value for each in await model.by_value.query(middle).all()] == [middle]
    await sort.delete("o", middle)
    assert await sort.get("o", middle) is None


async def test_a_truth_value_in_a_template(db: Client) -> None:
    class Flagged(Model, table="flagged"):
        owner: Attr[str]
        done: Attr[bool]
        key = PrimaryKey("O#{owner}", "D#{done}")

    await db.create_tables(Flagged)
    await Flagged(owner="o", done=True).create()
    await Flagged(owner="o", done=False).create()
    assert [each.done for each in await Flagged.query("o").all()] == [False, True]
    assert await Flagged.get("o", True) == Flagged(owner="o", done=True)


class Shop(Anything, table="shops"):
    """Paths into documents."""

    shop_id: Attr[str] = partition_key()
    address: Attr[Address]
    stock: Attr[dict[int, int]] = field(default_factory=dict)
    prices: Attr[list[Priced]] = field(default_factory=list)
    film: Attr[Movie | None] = field(default=None)
    spot: Attr[Point | None] = field(default=None)
    pair: Attr[tuple[int, date] | None] = field(default=None)


@pytest.mark.behaviour("2.5")
async def test_parts_of_documents_have_their_types(db: Client) -> None:
    await db.create_tables(Shop)
    euro, dollar = Money(Decimal(1), "EUR"), Money(Decimal(2), "USD")
    shop = Shop(
        shop_id="s",
        address=ROME,
        stock={7: 1},
        prices=[euro],
        film={"title": "t"},
        spot=Point(1),
        pair=(1, date.min),
    )
    await shop.create()
    spot: Any = Shop.spot
    film: Any = Shop.film
    shop = await Shop.update(
        "s",
        Shop.address[Address.zip_code].set(None),
        Shop.address[Address.tags].set(set()),
        Shop.stock[7].add(2),
        Shop.prices.append(dollar),
        spot.y.set(Decimal("0.1")),
        film["year"].set("1999"),
        Shop.pair[1].set(date.max),
        condition=(Shop.address[Address.zip_code] == "1")
        & Shop.prices.contains(euro)
        & (Shop.prices[0] == euro)
        & (Shop.stock[7] == 1),
    )
    assert shop == Shop(
        shop_id="s",
        address=Address(city="Rome"),
        stock={7: 3},
        prices=[euro, dollar],
        film={"title": "t", "year": 1999},
        spot=Point(1, Decimal("0.1")),
        pair=(1, date.max),
    )
    shop = await Shop.update(
        "s",
        Shop.prices[0].set(dollar),
        condition=(Shop.address[Address.zip_code] == None)  # noqa: E711  # a condition, not a comparison
        & (Shop.address[Address.tags] == set()),
    )
    assert shop.prices == [dollar, dollar]


async def test_an_empty_set_is_absent_and_can_be_asked_for(db: Client) -> None:
    sample_model = sample(Case("set", set[str], []))
    await db.create_tables(sample_model)
    await sample_model(owner="o", number=0, value={"a"}).create()
    value = sample_model.value
    emptied = await sample_model.update("o", 0, value.set(set()), condition=value != set())
    assert emptied.value == set()
    assert "value" not in await raw(db, 0)
    filled = await sample_model.update("o", 0, value.add_to_set("b"), condition=value == set())
    assert filled.value == {"b"}
    assert await sample_model.query("o").filter(value.is_in([set(), {"b"}])).count() == 1
    await sample_model.update("o", 0, value.remove_from_set("b"), condition=value.is_in([{"b"}]))
    assert await sample_model.query("o").filter(value.is_in([set(), {"b"}])).count() == 1


class Derived(Model, table="derived"):
    """What is not stored: private attributes, computed fields, excluded fields, output shapes."""

    derived_id: Attr[str] = partition_key()
    first: Attr[str] = field(alias="firstName")
    hidden: Attr[str] = field(default="default", exclude=True)
    _cache: str = "private"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def shout(self) -> str:
        return self.first.upper()

    def model_dump(self, **options: Any) -> dict[str, Any]:
        return {"overridden": True}


async def test_only_fields_are_stored(db: Client) -> None:
    await db.create_tables(Derived)
    derived = Derived.model_validate({"derived_id": "d", "firstName": "f", "hidden": "seen"})
    derived._cache = "changed"
    await derived.create()
    response = await db.send(
        Call("GetItem", {"TableName": db.scope.prefix + "derived", "Key": {"derived_id": {"S": "d"}}})
    )
    assert response["Item"] == {"derived_id": {"S": "d"}, "first": {"S": "f"}}
    found = await Derived.get_or_raise("d")
    assert (found.first, found.hidden, found._cache, found.shout) == ("f", "default", "private", "F")
    with pytest.raises(InvalidOperation, match="Derived: hidden is excluded from what is stored"):
        Derived.hidden.set("x")


@pytest.mark.behaviour("2.4")
async def test_a_secret_is_stored_and_never_shown(db: Client) -> None:
    class Login(Model, table="logins"):
        login_id: Attr[str] = partition_key()
        password: Attr[Annotated[SecretStr, Field(min_length=4)]]

    await db.create_tables(Login)
    login = await Login(login_id="l", password=SecretStr("hush hush")).create()
    assert (await Login.get_or_raise("l")).password.get_secret_value() == "hush hush"
    assert "hush" not in repr(login)
    with pytest.raises(InvalidOperation) as caught:
        Login.password.set(SecretStr("no"))
    assert "Login: password: " in str(caught.value)
    assert "'no'" not in str(caught.value)


@pytest.mark.behaviour("1.6")
async def test_a_sum_without_room_fails_the_write(local_db: Client) -> None:
    class Total(Model, table="totals"):
        total_id: Attr[str] = partition_key()
        amount: Attr[Decimal]

    await local_db.create_tables(Total)
    total = await Total(total_id="t", amount=Decimal("9E+125")).create()
    with pytest.raises(ServiceError, match="overflow") as caught:
        await Total.update("t", Total.amount.add(Decimal("9E+125")))
    assert caught.value.code == "ValidationException"
    with pytest.raises(ServiceError, match="overflow"):
        await transact_write(
            Total(total_id="u", amount=Decimal(1)).create(), Total.update("t", Total.amount.add(Decimal("9E+125")))
        )
    assert await Total.get("t") == total
    assert await Total.get("u") is None
