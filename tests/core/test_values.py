"""Values are stored exactly or refused; what DynamoDB Local (1.25.1) answered stands here as tables."""

from __future__ import annotations

import decimal
from collections import OrderedDict, UserDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamorm_py.core.errors import InvalidItem, InvalidValue
from dynamorm_py.core.values import (
    MAX_DEPTH,
    MAX_ITEM_SIZE,
    decode,
    decode_item,
    depth_of,
    encode,
    encode_number,
    is_empty_set,
    item_size,
    same,
    size_bound,
)
from dynamorm_py.core.wire import AttributeValue

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
INTS = st.integers(-(10**38) + 1, 10**38 - 1)
DECIMALS = st.builds(
    lambda negative, digits, exponent: Decimal((negative, digits, exponent)),
    st.integers(0, 1),
    st.lists(st.integers(0, 9), min_size=1, max_size=38).map(tuple),
    st.integers(-130, 88),
)
FLOATS = st.one_of(
    st.just(0.0), st.floats(1e-130, 9.99e125), st.floats(-9.99e125, -1e-130), st.integers(-99, 99).map(float)
)
PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), TEXTS, INTS, DECIMALS, st.binary(), st.frozensets(INTS, min_size=1)),
    lambda children: st.one_of(
        st.lists(children, max_size=4), st.dictionaries(TEXTS.filter(bool), children, max_size=4)
    ),
    max_leaves=12,
)


def nested(levels: int, inside: AttributeValue) -> AttributeValue:
    for _ in range(levels):
        inside = {"L": [inside]}
    return inside


def nested_lists(levels: int, inside: object) -> object:
    for _ in range(levels):
        inside = [inside]
    return inside


class Color(Enum):
    RED = "red"


class Size(IntEnum):
    BIG = 3


class Mood(StrEnum):
    GOOD = "good"


class Level(str, Enum):  # noqa: UP042 - the older spelling, whose str() is not its value
    LOW = "low"

    def __str__(self) -> str:
        return "not the value"


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Address:
    zip: str
    lines: list[str]


class Name(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "not the text"


class Cents(int):
    def __repr__(self) -> str:
        return "not the number"


class Ratio(float):
    def __repr__(self) -> str:
        return "not the number"


class Secret:
    def __init__(self, text: str) -> None:
        self.text = text


class DeepSecret(Secret):
    pass


class TestNumbers:
    @pytest.mark.parametrize(
        ("sent", "returned"),
        [
            ("0.0", "0"),
            ("-0", "0"),
            ("0E-200", "0"),
            ("0E+999", "0"),
            ("-5", "-5"),
            ("1.50", "1.5"),
            ("100", "100"),
            ("1E+2", "100"),
            ("123456.789000", "123456.789"),
            ("1e-1", "0.1"),
            ("1E-7", "0.0000001"),
            ("1E-38", "0." + "0" * 37 + "1"),
            ("1E-130", "0." + "0" * 129 + "1"),
            ("-1E-130", "-0." + "0" * 129 + "1"),
            ("1.5E-130", "0." + "0" * 129 + "15"),
            (
                "1.2345678901234567890123456789012345678E-130",
                "0." + "0" * 129 + "12345678901234567890123456789012345678",
            ),
            ("0.00012345678901234567890123456789012345678", "0.00012345678901234567890123456789012345678"),
            ("1.2345678901234567890123456789012345678", "1.2345678901234567890123456789012345678"),
            ("1E+20", "1" + "0" * 20),
            ("1E+40", "1" + "0" * 40),
            ("1234567890123456789012345678901234567800", "1234567890123456789012345678901234567800"),
            ("12345678901234567890123456789012345678E+80", "12345678901234567890123456789012345678" + "0" * 80),
            ("9.9E+125", "99" + "0" * 124),
            ("-9.9999999999999999999999999999999999999E+125", "-" + "9" * 38 + "0" * 88),
        ],
    )
    @pytest.mark.behaviour("1.1", "1.3", "1.4", "2.3")
    def test_the_text_is_the_one_that_dynamodb_local_returned(self, sent: str, returned: str) -> None:
        assert encode_number(Decimal(sent)) == returned

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0, "0"),
            (-17, "-17"),
            (10**38 - 1, "9" * 38),
            (10**125, "1" + "0" * 125),
            (-(10**40), "-1" + "0" * 40),
            (1.0, "1"),
            (-0.0, "0"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (1e16, "1" + "0" * 16),
            (1e22, "1" + "0" * 22),
            (1e-7, "0.0000001"),
            (0.1 + 0.2, "0.30000000000000004"),
            (123456789.123, "123456789.123"),
            (Cents(5), "5"),
            (Ratio(0.5), "0.5"),
            (Size.BIG, "3"),
        ],
    )
    @pytest.mark.behaviour("1.2", "1.3")
    def test_ints_and_floats(self, value: float, text: str) -> None:
        assert encode_number(value) == text

    @pytest.mark.parametrize(
        ("value", "rule"),
        [
            (float("nan"), "NaN"),
            (float("inf"), "NaN and infinities"),
            (Decimal("NaN"), "NaN"),
            (Decimal("sNaN"), "NaN"),
            (Decimal("-Infinity"), "NaN and infinities"),
            (10**38 + 1, "38 significant digits, this number has 39"),
            (-(10**38) - 1, "38 significant digits"),
            (Decimal("1." + "1" * 38), "38 significant digits, this number has 39"),
            (Decimal("1E126"), "magnitudes from 1E-130"),
            (Decimal("9.9E-131"), "magnitudes from 1E-130"),
            (Decimal("1E999999"), "magnitudes"),
            (10**126, "magnitudes"),
            pytest.param(-(10**5000), "magnitudes", id="more-digits-than-Python-writes-out"),
            (5e-324, "magnitudes"),
            (1e300, "magnitudes"),
            (True, "bool is not a number"),
        ],
    )
    @pytest.mark.behaviour("1.1", "1.3", "1.5", "2.3")
    def test_what_dynamodb_would_refuse_or_change_is_refused(self, value: float | Decimal, rule: str) -> None:
        with pytest.raises(InvalidValue, match=rule):
            encode_number(value)

    @given(st.one_of(DECIMALS, INTS.map(Decimal)))
    def test_the_decimal_context_plays_no_part(self, value: Decimal) -> None:
        with decimal.localcontext(decimal.Context(prec=1, Emax=1, Emin=-1, traps=[])):
            text = encode_number(value)
            back = decode({"N": text})
        assert text == encode_number(value)
        assert back == value

    @given(FLOATS)
    @pytest.mark.behaviour("1.2")
    def test_a_float_comes_back_as_itself(self, value: float) -> None:
        assert float(encode_number(value)) == value

    @given(st.one_of(INTS, DECIMALS, FLOATS))
    @pytest.mark.behaviour("1.4")
    def test_equal_numbers_have_equal_texts(self, value: float | Decimal) -> None:
        text = encode_number(value)
        assert encode_number(Decimal(text)) == text
        assert "E" not in text.upper()


class TestScalars:
    @pytest.mark.parametrize(
        ("value", "av"),
        [
            (None, {"NULL": True}),
            (True, {"BOOL": True}),
            (False, {"BOOL": False}),
            ("", {"S": ""}),
            ("é😀", {"S": "é😀"}),
            (Name("x"), {"S": "x"}),
            (7, {"N": "7"}),
            (Cents(7), {"N": "7"}),
            (0.5, {"N": "0.5"}),
            (Decimal("1.20"), {"N": "1.2"}),
            (b"", {"B": b""}),
            (bytearray(b"a"), {"B": b"a"}),
            (memoryview(b"ab")[1:], {"B": b"b"}),
            (Color.RED, {"S": "red"}),
            (Size.BIG, {"N": "3"}),
            (Mood.GOOD, {"S": "good"}),
            (Level.LOW, {"S": "low"}),
            (UUID("12345678-1234-5678-1234-567812345678"), {"S": "12345678-1234-5678-1234-567812345678"}),
            (date(2024, 1, 2), {"S": "2024-01-02"}),
            (time(3, 4, 5), {"S": "03:04:05.000000"}),
            (time(3, 4, 5, 6, tzinfo=timezone(timedelta(hours=2))), {"S": "03:04:05.000006+02:00"}),
            (timedelta(days=1, microseconds=1), {"N": "86400.000001"}),
            (timedelta(microseconds=-1), {"N": "-0.000001"}),
            (timedelta.max, {"N": "86399999999999.999999"}),
            (ip_address("10.0.0.1"), {"S": "10.0.0.1"}),
            (ip_address("::1"), {"S": "::1"}),
            (ip_network("10.0.0.0/8"), {"S": "10.0.0.0/8"}),
            (ip_interface("10.0.0.1/8"), {"S": "10.0.0.1/8"}),
            (PurePosixPath("/a/b"), {"S": "/a/b"}),
        ],
    )
    @pytest.mark.behaviour("1.5", "1.12", "1.17")
    def test_each_type_has_its_form(self, value: object, av: AttributeValue) -> None:
        assert encode(value) == av

    @pytest.mark.behaviour("1.12")
    def test_subclasses_become_exact_builtins(self) -> None:
        assert type(encode(Name("x"))["S"]) is str
        assert type(encode(Mood.GOOD)["S"]) is str
        assert type(encode(bytearray(b"x"))["B"]) is bytes

    @pytest.mark.parametrize(
        ("moment", "text"),
        [
            (datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "2024-01-02T03:04:05.000006Z"),
            (datetime(2024, 1, 2, tzinfo=UTC), "2024-01-02T00:00:00.000000Z"),
            (datetime(2024, 1, 2, 1, tzinfo=timezone(timedelta(hours=2))), "2024-01-01T23:00:00.000000Z"),
            (datetime(7, 1, 2, tzinfo=UTC), "0007-01-02T00:00:00.000000Z"),
        ],
    )
    @pytest.mark.behaviour("1.14")
    def test_moments_are_in_utc_at_a_fixed_width(self, moment: datetime, text: str) -> None:
        assert encode(moment) == {"S": text}

    @given(*[st.datetimes(timezones=st.timezones(), allow_imaginary=False)] * 2)
    @pytest.mark.behaviour("1.14")
    def test_moments_sort_as_their_texts(self, a: datetime, b: datetime) -> None:
        try:
            left, right = encode(a)["S"], encode(b)["S"]
        except InvalidValue:
            return  # outside the years 1 to 9999 in UTC
        # Python compares two datetimes of one zone by the clock on the wall, which shows some hours twice.
        assert (left < right) == (a.astimezone(UTC) < b.astimezone(UTC))
        assert datetime.fromisoformat(left) == a.astimezone(UTC)

    @pytest.mark.behaviour("1.14")
    def test_a_naive_datetime_is_refused(self) -> None:
        with pytest.raises(InvalidValue, match=r"^created: .*naive"):
            encode(datetime(2024, 1, 2), "created")  # noqa: DTZ001 - it is what the test is about

    def test_a_datetime_whose_zone_knows_no_offset_is_naive(self) -> None:
        class Nowhere(tzinfo):
            def utcoffset(self, dt: datetime | None) -> timedelta | None:
                return None

            dst = utcoffset

            def tzname(self, dt: datetime | None) -> str | None:
                return None

        with pytest.raises(InvalidValue, match="naive"):
            encode(datetime(2024, 1, 2, tzinfo=Nowhere()))

    def test_a_moment_that_utc_cannot_show_is_refused(self) -> None:
        with pytest.raises(InvalidValue, match="years 1 to 9999"):
            encode(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2))))

    def test_a_lone_surrogate_is_refused(self) -> None:
        with pytest.raises(InvalidValue, match=r"^name: .*surrogate"):
            encode("a\ud800", "name")


class TestCollections:
    def test_lists_tuples_and_maps(self) -> None:
        assert encode([1, "a"]) == encode((1, "a")) == {"L": [{"N": "1"}, {"S": "a"}]}
        assert encode(Point(1, 2)) == {"L": [{"N": "1"}, {"N": "2"}]}
        assert encode(Address("1", ["a"])) == {"M": {"zip": {"S": "1"}, "lines": {"L": [{"S": "a"}]}}}

    @pytest.mark.parametrize("kind", [dict, OrderedDict, MappingProxyType, UserDict])
    def test_every_mapping_is_a_map(self, kind: Callable[[dict[str, object]], object]) -> None:
        assert encode(kind({"a": None})) == {"M": {"a": {"NULL": True}}}

    def test_keys_of_maps(self) -> None:
        assert encode({1: "a", -2: "b"}) == {"M": {"1": {"S": "a"}, "-2": {"S": "b"}}}
        assert encode({Color.RED: 1, Mood.GOOD: 2}) == {"M": {"red": {"N": "1"}, "good": {"N": "2"}}}

    @pytest.mark.parametrize(
        ("value", "rule"),
        [
            ({True: 1}, "^m: .*bool"),
            ({None: 1}, "^m: .*NoneType"),
            ({1.5: 1}, "^m: .*float"),
            ({b"x": 1}, "^m: .*convert the bytes key to str"),
            ({1: "a", "1": "b"}, "^m: two keys"),
            ({"": 1}, "^m: .*empty"),
            ({"\ud800": 1}, "^m: .*surrogate"),
        ],
    )
    def test_other_keys_are_refused(self, value: object, rule: str) -> None:
        with pytest.raises(InvalidValue, match=rule):
            encode(value, "m")

    @pytest.mark.parametrize(
        ("value", "av"),
        [
            ({"b", "a"}, {"SS": ["a", "b"]}),
            (frozenset({""}), {"SS": [""]}),
            ({10, 9, Decimal("1.5")}, {"NS": ["1.5", "10", "9"]}),
            ({b"b", b"a"}, {"BS": [b"a", b"b"]}),
            ({Color.RED, "red", "x"}, {"SS": ["red", "x"]}),
            ({UUID(int=1)}, {"SS": ["00000000-0000-0000-0000-000000000001"]}),
            ({datetime(2024, 1, 2, tzinfo=UTC)}, {"SS": ["2024-01-02T00:00:00.000000Z"]}),
        ],
    )
    def test_sets(self, value: object, av: AttributeValue) -> None:
        assert encode(value) == av

    @pytest.mark.behaviour("1.4", "1.8")
    def test_equal_numbers_are_one_member(self) -> None:
        class Loose(int):
            __hash__ = object.__hash__

            def __eq__(self, other: object) -> bool:
                return self is other

        assert encode({Loose(1), Loose(1), 1}) == {"NS": ["1"]}

    @pytest.mark.parametrize(
        ("value", "rule"),
        [
            ({True}, "^s: .*bool"),
            ({1, "a"}, "^s: .*mixes"),
            ({"a", b"a"}, "^s: .*mixes"),
            ({None}, "^s: .*NoneType"),
            ({(1, 2)}, "^s: .*tuple"),
            ({frozenset({1})}, "^s: .*frozenset"),
            ({float("nan")}, "^s: .*NaN"),
        ],
    )
    @pytest.mark.behaviour("1.5", "1.8")
    def test_sets_that_dynamodb_does_not_have_are_refused(self, value: object, rule: str) -> None:
        with pytest.raises(InvalidValue, match=rule):
            encode(value, "s")

    def test_an_empty_set_becomes_an_empty_list(self) -> None:
        assert encode(set()) == encode(frozenset()) == {"L": []}
        assert encode({"tags": set()}) == {"M": {"tags": {"L": []}}}

    def test_is_empty_set(self) -> None:
        assert is_empty_set(set())
        assert is_empty_set(frozenset())
        assert not any(map(is_empty_set, ({1}, [], {}, None, "", 0)))


class TestPaths:
    @pytest.mark.parametrize(
        ("value", "path", "where"),
        [
            (object(), "", "the value: the type object"),
            (object(), "price", "price: "),
            ({"zip": object()}, "address", "address.zip: "),
            (["a", "b", object()], "tags", r"tags\[2\]: "),
            ({"a": [{"b": {1: object()}}]}, "x", r"x\.a\[0\]\.b\.1: "),
            ({"a": [object()]}, "", r"a\[0\]: "),
            (Address("1", ["\ud800"]), "home", r"home\.lines\[0\]: "),
        ],
    )
    def test_an_error_says_where(self, value: object, path: str, where: str) -> None:
        with pytest.raises(InvalidValue, match="^" + where):
            encode(value, path)

    def test_an_error_names_the_type_and_what_to_do(self) -> None:
        with pytest.raises(InvalidValue, match=r"^a: the type \S*Secret cannot be stored; .*serializer"):
            encode(Secret("s"), "a")

    def test_a_class_is_not_its_instance(self) -> None:
        with pytest.raises(InvalidValue, match="the type type cannot be stored"):
            encode(Address)


class TestConverters:
    CONVERTERS = MappingProxyType({Secret: lambda secret: secret.text, Address: lambda address: address.zip})

    def test_a_foreign_type_becomes_plain_data_at_any_depth(self) -> None:
        assert encode(Secret("s"), converters=self.CONVERTERS) == {"S": "s"}
        assert encode({"a": [Secret("s")]}, converters=self.CONVERTERS) == {"M": {"a": {"L": [{"S": "s"}]}}}
        assert encode({Secret("s")}, converters=self.CONVERTERS) == {"SS": ["s"]}

    def test_it_holds_for_subclasses(self) -> None:
        assert encode(DeepSecret("s"), converters=self.CONVERTERS) == {"S": "s"}

    def test_it_comes_before_the_form_of_a_dataclass(self) -> None:
        assert encode(Address("1", []), converters=self.CONVERTERS) == {"S": "1"}

    def test_it_comes_before_the_built_in_base_of_its_type_only(self) -> None:
        assert encode(Name("x"), converters={Name: lambda name: [1]}) == {"L": [{"N": "1"}]}
        assert encode("x", converters={Name: lambda name: [1]}) == {"S": "x"}
        assert encode(Name("x"), converters={object: lambda name: [1]}) == {"S": "x"}

    def test_without_it_the_type_stays_refused(self) -> None:
        encode(Secret("s"), converters=self.CONVERTERS)
        with pytest.raises(InvalidValue, match="Secret"):
            encode(Secret("s"))

    def test_one_that_converts_nothing_is_refused(self) -> None:
        with pytest.raises(InvalidValue, match=r"converter of .*Secret returned"):
            encode(Secret("s"), converters={Secret: lambda secret: secret})


class TestDepth:
    @pytest.mark.parametrize(
        ("levels", "inside"), [(31, "x"), (31, {"a"}), (30, []), (30, {}), (30, set()), (30, {"a": 1})]
    )
    @pytest.mark.behaviour("1.18")
    def test_what_dynamodb_local_took_is_encoded(self, levels: int, inside: object) -> None:
        assert depth_of(encode(nested_lists(levels, inside))) == MAX_DEPTH

    @pytest.mark.parametrize("inside", [["x"], [], {}, set(), {"a": 1}, Address("1", [])])
    @pytest.mark.behaviour("1.18")
    def test_the_first_level_that_dynamodb_local_refused_is_refused(self, inside: object) -> None:
        with pytest.raises(InvalidValue, match=r"^a(\[0\]){31}: .*at most 31 lists and maps"):
            encode(nested_lists(MAX_DEPTH, inside), "a")

    def test_a_list_that_holds_itself_is_refused(self) -> None:
        endless: list[object] = []
        endless.append(endless)
        with pytest.raises(InvalidValue, match="at most 31"):
            encode(endless)

    def test_depth_of(self) -> None:
        assert depth_of({"S": "x"}) == depth_of({"SS": ["x"]}) == 0
        assert depth_of({"L": []}) == depth_of({"M": {}}) == 1
        assert depth_of({"L": [{"S": "x"}, {"M": {"a": {"N": "1"}, "b": {"L": []}}}]}) == 3


class TestDecode:
    @pytest.mark.parametrize(
        ("av", "value"),
        [
            ({"S": "x"}, "x"),
            ({"N": "-12"}, -12),
            ({"N": "1.5"}, Decimal("1.5")),
            ({"N": "1E+2"}, Decimal("1E+2")),
            ({"N": "1" + "0" * 125}, 10**125),
            ({"B": b"x"}, b"x"),
            ({"BOOL": False}, False),
            ({"NULL": True}, None),
            ({"L": [{"S": "x"}, {"L": []}]}, ["x", []]),
            ({"M": {"a": {"M": {}}}}, {"a": {}}),
            ({"SS": ["a", "b"]}, {"a", "b"}),
            ({"NS": ["1", "1.5"]}, {1, Decimal("1.5")}),
            ({"BS": [b"a"]}, {b"a"}),
        ],
    )
    def test_each_type(self, av: AttributeValue, value: object) -> None:
        decoded = decode(av)
        assert decoded == value
        assert type(decoded) is type(value)

    @pytest.mark.parametrize(
        "av", [{}, {"X": 1}, {"S": "a", "N": "1"}, {"N": "abc"}, {"N": "NaN"}, {"N": ""}, {"L": [{"Y": 1}]}]
    )
    def test_what_is_no_attribute_value_is_refused(self, av: AttributeValue) -> None:
        with pytest.raises(InvalidItem):
            decode(av)

    def test_the_decimal_context_plays_no_part(self) -> None:
        with decimal.localcontext(decimal.Context(prec=2, traps=[])):
            assert str(decode({"N": "1.2345"})) == "1.2345"
            with pytest.raises(InvalidItem):
                decode({"N": "abc"})

    def test_an_item(self) -> None:
        assert decode_item({"a": {"N": "1"}, "b": {"NULL": True}}) == {"a": 1, "b": None}

    @given(PLAIN)
    def test_plain_data_round_trips(self, value: object) -> None:
        av = encode(value)
        assert decode(av) == value
        assert encode(decode(av)) == av


class TestSame:
    @pytest.mark.parametrize(
        ("a", "b"),
        [
            (None, None),
            ({"S": "x"}, {"S": "x"}),
            ({"N": "1"}, {"N": "1.0"}),
            ({"N": "100"}, {"N": "1E2"}),
            ({"SS": ["a", "b"]}, {"SS": ["b", "a"]}),
            ({"NS": ["1", "2.50"]}, {"NS": ["2.5", "1.0"]}),
            ({"BS": [b"a", b"b"]}, {"BS": [b"b", b"a"]}),
            ({"L": [{"N": "1"}]}, {"L": [{"N": "1.0"}]}),
            ({"M": {"a": {"L": [{"NS": ["1", "2"]}]}}}, {"M": {"a": {"L": [{"NS": ["2", "1"]}]}}}),
        ],
    )
    def test_equal(self, a: AttributeValue | None, b: AttributeValue | None) -> None:
        assert same(a, b)
        assert same(b, a)

    @pytest.mark.parametrize(
        ("a", "b"),
        [
            (None, {"NULL": True}),
            ({"S": "1"}, {"N": "1"}),
            ({"S": "1"}, {"S": "1.0"}),
            ({"N": "1"}, {"N": "1." + "0" * 36 + "1"}),
            ({"BOOL": True}, {"BOOL": False}),
            ({"B": b"a"}, {"B": b"b"}),
            ({"SS": ["a"]}, {"SS": ["a", "b"]}),
            ({"SS": ["a"]}, {"L": [{"S": "a"}]}),
            ({"L": [{"S": "a"}, {"S": "b"}]}, {"L": [{"S": "b"}, {"S": "a"}]}),
            ({"L": [{"S": "a"}]}, {"L": [{"S": "a"}, {"S": "a"}]}),
            ({"M": {"a": {"S": "x"}}}, {"M": {"b": {"S": "x"}}}),
            ({"M": {"a": {"S": "x"}}}, {"M": {}}),
        ],
    )
    def test_unequal(self, a: AttributeValue | None, b: AttributeValue | None) -> None:
        assert not same(a, b)
        assert not same(b, a)

    def test_numbers_are_compared_exactly_under_any_decimal_context(self) -> None:
        with decimal.localcontext(decimal.Context(prec=1)):
            assert not same({"NS": ["1.0001"]}, {"NS": ["1.0002"]})
            assert not same({"N": "1.0001"}, {"N": "1.0002"})


class TestItemSize:
    # What an attribute took, beyond its name, from an item filled up to the limit on DynamoDB Local.
    @pytest.mark.parametrize(
        ("av", "size"),
        [
            ({"S": ""}, 0),
            ({"S": "é€😀"}, 9),
            ({"B": b"abc"}, 3),
            ({"BOOL": True}, 1),
            ({"NULL": True}, 1),
            ({"N": "0"}, 1),
            ({"N": "1"}, 2),
            ({"N": "12"}, 2),
            ({"N": "123"}, 3),
            ({"N": "100"}, 2),
            ({"N": "1000"}, 2),
            ({"N": "0.1"}, 2),
            ({"N": "0.01"}, 2),
            ({"N": "1.5"}, 3),
            ({"N": "12.5"}, 3),
            ({"N": "1.25"}, 3),
            ({"N": "-1"}, 3),
            ({"N": "-123"}, 4),
            ({"N": "1" * 37}, 20),
            ({"N": "1" * 38}, 20),
            ({"N": "-" + "1" * 38}, 21),
            ({"N": "-2.9368886886203682755641721095915278783"}, 21),
            ({"L": []}, 3),
            ({"M": {}}, 3),
            ({"L": [{"S": "a"}, {"S": "b"}]}, 7),
            ({"M": {"kk": {"S": "a"}}}, 7),
            ({"L": [{"L": []}]}, 7),
            ({"SS": ["a", "bcd"]}, 4),
            ({"NS": ["1", "2", "123"]}, 7),
            ({"BS": [b"a", b"bc"]}, 3),
        ],
    )
    @pytest.mark.behaviour("1.13", "1.43")
    def test_sizes_that_dynamodb_local_counted(self, av: AttributeValue, size: int) -> None:
        assert item_size({"a": av}) == 1 + size

    @given(DECIMALS)
    def test_a_number_counts_the_same_in_every_spelling(self, number: Decimal) -> None:
        canonical = encode_number(number)
        spellings = [f"{number:E}", f"-{canonical}".replace("--", ""), f"{number:f}", f"00{number.copy_abs():f}"]
        sizes = [item_size({"": {"N": text}}) for text in spellings]
        assert sizes[0] == sizes[2] == item_size({"": {"N": canonical}})
        assert sizes[3] == item_size({"": {"N": encode_number(number.copy_abs())}})
        assert sizes[1] == item_size({"": {"N": encode_number(number.copy_negate())}})

    def test_names_count_in_utf8(self) -> None:
        assert item_size({"é": {"S": "x"}, "id": {"S": "y"}}) == 2 + 1 + 2 + 1

    @pytest.mark.behaviour("1.43")
    def test_the_largest_item_that_dynamodb_local_took(self) -> None:
        assert item_size({"k": {"S": "k"}, "p": {"S": "x" * 409_597}}) == MAX_ITEM_SIZE

    @given(st.dictionaries(TEXTS.filter(bool), PLAIN, max_size=4))
    def test_a_map_is_its_members_and_their_overhead(self, data: dict[str, Any]) -> None:
        item = encode(data)["M"]
        assert item_size({"m": {"M": item}}) == 1 + 3 + len(item) + item_size(item)

    @given(st.dictionaries(TEXTS.filter(bool), PLAIN, max_size=4))
    def test_no_item_has_more_bytes_than_its_bound(self, data: dict[str, Any]) -> None:
        item = encode(data)["M"]
        assert item_size(item) <= size_bound(item)

    @pytest.mark.parametrize("value", ["0", "1", "-1", "0.1", "1" + "0" * 125, "-0." + "0" * 129 + "1"])
    def test_the_least_that_a_value_adds_to_the_bound(self, value: str) -> None:
        least: list[AttributeValue] = [
            {"N": value},
            {"NS": [value]},
            {"L": []},
            {"M": {}},
            {"NULL": True},
            {"SS": [""]},
        ]
        for av in least:
            assert item_size({"": av}) <= size_bound({"": av})

    def test_text_that_stands_in_many_places_counts_in_each(self) -> None:
        text = "x" * 1000
        assert size_bound({str(number): {"S": text} for number in range(10)}) > 10_000

    def test_what_is_of_no_built_in_type_is_measured(self) -> None:
        class Text(str):
            __slots__ = ()

        item: dict[str, AttributeValue] = {"a": {"S": Text("bcd")}}
        assert size_bound(item) == item_size(item) == 4


def test_nested_values_round_trip_at_the_limit() -> None:
    av = nested(MAX_DEPTH, {"S": "x"})
    assert encode(decode(av)) == av
