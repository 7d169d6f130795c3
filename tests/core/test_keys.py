"""Templates write tuples injectively and in order; the laws are checked on any values, the formats on examples."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamorm_py.core.errors import InvalidKey, InvalidModel
from dynamorm_py.core.keys import (
    MAX_PARTITION_KEY,
    MAX_SORT_KEY,
    Template,
    check_key_value,
    decode_part,
    encode_part,
)
from dynamorm_py.core.values import decode, encode, encode_number
from dynamorm_py.core.wire import AttributeValue

# Many values near the escape, the delimiter and each other, since that is where an order breaks.
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    st.text(alphabet="\x00\x1f !\"#$%&'+,-./09AZaz~\x7f\x80é\uffff\U00010000", min_size=1, max_size=6),
)
NUMBERS = st.one_of(
    st.integers(-200, 200).map(Decimal),
    st.builds(
        lambda digits, exponent: Decimal(digits).scaleb(exponent),
        st.integers(-(10**12), 10**12),
        st.integers(-100, 100),
    ),
    st.builds(lambda whole, part: Decimal(f"{whole}.{part}"), st.integers(-99, 99), st.integers(0, 999)),
)
BINARIES = st.binary(min_size=1, max_size=6)
FLAGS = st.booleans()

VALUES: dict[str, st.SearchStrategy[Any]] = {"S": TEXTS, "N": NUMBERS, "B": BINARIES, "BOOL": FLAGS}


def values_of(tag: str) -> st.SearchStrategy[Any]:
    return VALUES[tag]


def pairs(tag: str) -> st.SearchStrategy[tuple[Any, Any]]:
    return st.tuples(values_of(tag), values_of(tag))


@st.composite
def two_tuples(draw: st.DrawFn) -> tuple[list[str], list[Any], list[Any]]:
    """Types, and two tuples of values of these types, that often share their first members."""
    tags = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=4))
    first = [draw(values_of(tag)) for tag in tags]
    shared = draw(st.integers(0, len(tags)))
    second = first[:shared] + [draw(values_of(tag)) for tag in tags[shared:]]
    return tags, first, second


def template_of(count: int, ending: str = "") -> Template:
    return Template.parse("T#" + "#X".join(f"{{f{index}}}" for index in range(count)) + ending)


def named(values: list[Any]) -> dict[str, AttributeValue]:
    return {f"f{index}": encode(value) for index, value in enumerate(values)}


class TestCheckKeyValue:
    @pytest.mark.parametrize(
        ("av", "tag", "limit"),
        [
            ({"S": "é" * 1024}, "S", MAX_PARTITION_KEY),
            ({"S": "a" * 1024}, "S", MAX_SORT_KEY),
            ({"B": b"\xff" * 1024}, "B", MAX_SORT_KEY),
            ({"N": "0"}, "N", 1),
            ({"N": "1" + "0" * 100}, "N", 1),
        ],
    )
    @pytest.mark.behaviour("1.19")
    def test_what_dynamodb_local_took_passes(self, av: AttributeValue, tag: str, limit: int) -> None:
        check_key_value(av, "pk", tag, limit)

    @pytest.mark.parametrize(
        ("av", "tag", "limit", "rule"),
        [
            ({"S": "é" * 1024 + "a"}, "S", MAX_PARTITION_KEY, "pk: .*2048 bytes, this one has 2049"),
            ({"B": b"x" * 1025}, "B", MAX_SORT_KEY, "pk: .*1024 bytes, this one has 1025"),
            ({"S": ""}, "S", MAX_SORT_KEY, "pk: .*empty"),
            ({"B": b""}, "B", MAX_SORT_KEY, "pk: .*empty"),
            ({"N": "1"}, "S", MAX_SORT_KEY, "pk: .*of type S, the value is of type N"),
            ({"NULL": True}, "S", MAX_SORT_KEY, "pk: .*NULL"),
        ],
    )
    @pytest.mark.behaviour("1.9", "1.19")
    def test_what_dynamodb_local_refused_is_refused(self, av: AttributeValue, tag: str, limit: int, rule: str) -> None:
        with pytest.raises(InvalidKey, match=rule):
            check_key_value(av, "pk", tag, limit)


class TestParts:
    # Stored keys depend on these formats: a change of one of these lines loses data.
    @pytest.mark.parametrize(
        ("av", "text"),
        [
            ({"S": "plain"}, "plain"),
            ({"S": "a b#c$d"}, "a$20b$23c$24d"),
            ({"S": "\x00\n%"}, "$00$0a%"),
            ({"S": "é😀"}, "é😀"),
            ({"N": "0"}, "o"),
            ({"N": "1"}, "p5001"),
            ({"N": "12.5"}, "p501125"),
            ({"N": "1000"}, "p5031"),
            ({"N": "0.001"}, "p4971"),
            ({"N": "-1"}, "n4998~"),
            ({"N": "-12.5"}, "n498874~"),
            ({"N": "1" + "0" * 125}, "p6251"),
            ({"N": "0." + "0" * 129 + "1"}, "p3701"),
            ({"B": b"\x01\xff"}, "01ff"),
            ({"BOOL": True}, "1"),
            ({"BOOL": False}, "0"),
        ],
    )
    def test_formats(self, av: AttributeValue, text: str) -> None:
        assert encode_part(av) == text
        assert decode_part(text, next(iter(av))) == av

    @pytest.mark.behaviour("1.4")
    def test_numbers_of_one_value_have_one_text(self) -> None:
        assert encode_part({"N": "1.50"}) == encode_part({"N": "15E-1"}) == encode_part({"N": "1.5"})

    @given(st.one_of(*VALUES.values()))
    def test_decoding_gives_the_value_back(self, value: Any) -> None:
        av = encode(value)
        assert decode_part(encode_part(av), next(iter(av))) == av

    @given(st.one_of(*map(pairs, VALUES)))
    @pytest.mark.behaviour("1.13", "1.16")
    def test_the_order_of_the_texts_is_the_order_of_the_values(self, pair: tuple[Any, Any]) -> None:
        a, b = pair
        left, right = encode_part(encode(a)).encode(), encode_part(encode(b)).encode()
        assert (left < right) == (a < b)
        assert (left == right) == (a == b)

    @given(st.one_of(*VALUES.values()))
    def test_no_character_is_below_the_escape(self, value: Any) -> None:
        assert min(encode_part(encode(value))) >= "$"

    @pytest.mark.parametrize(
        ("text", "tag"),
        [
            ("", "S"),
            ("$2G", "S"),
            ("$0A", "S"),
            ("$41", "S"),
            ("$25", "S"),
            ("a$", "S"),
            ("a$2", "S"),
            ("a#b", "S"),
            ("a b", "S"),
            ("a\n", "S"),
            ("", "N"),
            ("1", "N"),
            ("o1", "N"),
            ("p500", "N"),
            ("p50010", "N"),  # 1.0
            ("p50001", "N"),  # 0.1 with the wrong exponent
            ("p6261", "N"),
            ("p3691", "N"),
            ("p500" + "1" * 39, "N"),
            ("p5001~", "N"),
            ("n4998", "N"),
            ("n49989~", "N"),  # -1.0
            ("n~", "N"),
            ("p500\u0661", "N"),  # an Arabic digit
            ("p5001\n", "N"),
            ("", "B"),
            ("0", "B"),
            ("FF", "B"),
            ("01 ff", "B"),
            ("zz", "B"),
            ("", "BOOL"),
            ("true", "BOOL"),
            ("2", "BOOL"),
            ("a", "SS"),
        ],
    )
    def test_a_text_that_is_never_written_is_never_read(self, text: str, tag: str) -> None:
        with pytest.raises(InvalidKey):
            decode_part(text, tag)

    @given(st.text(alphabet="$0123456789abcfGnop~# é", max_size=8), st.sampled_from(sorted(VALUES)))
    def test_what_is_read_is_written_the_same(self, text: str, tag: str) -> None:
        try:
            av = decode_part(text, tag)
        except InvalidKey:
            return
        assert encode_part(av) == text

    @pytest.mark.parametrize(
        ("av", "rule"),
        [
            ({"S": ""}, "empty"),
            ({"B": b""}, "empty"),
            ({"NULL": True}, "not NULL"),
            ({"L": []}, "not L"),
            ({"SS": ["a"]}, "not SS"),
            ({"N": "abc"}, "not a number"),
            ({"N": "NaN"}, "not a number"),
            ({"N": "1E999"}, "not a number"),
        ],
    )
    def test_what_has_no_text_is_refused(self, av: AttributeValue, rule: str) -> None:
        with pytest.raises(InvalidKey, match=rule):
            encode_part(av)


class TestParse:
    def test_fields_and_literals_in_order(self) -> None:
        template = Template.parse("TENANT#{tenant_id}#ORDER#{placed_at}#END")
        assert template.fields == ("tenant_id", "placed_at")
        assert template.literals == ("TENANT#", "#ORDER#", "#END")
        assert template.constant_prefix == "TENANT#"

    def test_a_literal_may_stand_before_a_field_in_its_segment(self) -> None:
        assert Template.parse("v{version}#n{name}").build({"version": {"N": "1"}, "name": {"S": "x"}}) == "vp5001#nx"

    def test_a_template_may_be_constant(self) -> None:
        template = Template.parse("META#1")
        assert template.fields == ()
        assert template.constant_prefix == template.build({}) == "META#1"
        assert template.prefix({}) == ("META#1", ())
        assert template.parse_key("META#1", {}) == {}
        with pytest.raises(InvalidKey):
            template.parse_key("META#12", {})

    @pytest.mark.parametrize(
        ("text", "rule"),
        [
            ("", "empty"),
            ("{a}{b}", "separator"),
            ("{a}-{b}", "'-' follows a field"),
            ("{a}x", "'x' follows a field"),
            ("{a}x#{b}", "'x#' follows a field"),
            ("A#{a", "brace"),
            ("A#a}", "brace"),
            ("{{a}}", "brace"),
            ("A#{}", "does not name a field"),
            ("A#{a.b}", "does not name a field"),
            ("A#{a b}", "does not name a field"),
            ("A#{1}", "does not name a field"),
            ("{a}#{b}#{a}", "{a} occurs twice"),
        ],
    )
    def test_what_would_not_be_injective_or_in_order_is_refused(self, text: str, rule: str) -> None:
        with pytest.raises(InvalidModel, match=rule):
            Template.parse(text)

    def test_templates_are_values(self) -> None:
        assert Template.parse("A#{a}") == Template.parse("A#{a}")
        assert Template.parse("A#{a}") != Template.parse("A#{a}", raw=True)
        assert len({Template.parse("A#{a}"), Template.parse("A#{a}")}) == 1


class TestBuild:
    ORDER = Template.parse("O#{a}#{b}")

    def test_values_are_escaped(self) -> None:
        assert self.ORDER.build({"a": {"S": "x#y"}, "b": {"N": "-2"}}) == "O#x$23y#n4997~"

    def test_a_missing_field_is_named(self) -> None:
        with pytest.raises(InvalidKey, match=r"^b is missing; the key O#{a}#{b} needs a, b"):
            self.ORDER.build({"a": {"S": "x"}})

    def test_a_field_that_cannot_stand_in_a_key_is_named(self) -> None:
        with pytest.raises(InvalidKey, match=r"^b: .*empty"):
            self.ORDER.build({"a": {"S": "x"}, "b": {"S": ""}})

    @given(two_tuples(), st.sampled_from(["", "#", "#END"]))
    @pytest.mark.behaviour("1.16")
    def test_keys_sort_as_their_tuples_and_never_meet(
        self, drawn: tuple[list[str], list[Any], list[Any]], ending: str
    ) -> None:
        tags, first, second = drawn
        template = template_of(len(tags), ending)
        left, right = template.build(named(first)).encode(), template.build(named(second)).encode()
        assert (left < right) == (first < second)
        assert (left == right) == (first == second)

    @given(two_tuples(), st.sampled_from(["", "#", "#END"]))
    def test_a_key_gives_its_fields_back(self, drawn: tuple[list[str], list[Any], list[Any]], ending: str) -> None:
        tags, first, _ = drawn
        template = template_of(len(tags), ending)
        types = {f"f{index}": tag for index, tag in enumerate(tags)}
        assert template.parse_key(template.build(named(first)), types) == named(first)


class TestPrefix:
    TEMPLATE = Template.parse("O#{a}#X#{b}#END")

    def test_it_goes_up_to_the_first_missing_field(self) -> None:
        a, b = {"S": "1"}, {"S": "2"}
        assert self.TEMPLATE.prefix({}) == ("O#", ())
        assert self.TEMPLATE.prefix({"a": a}) == ("O#1#X#", ("a",))
        assert self.TEMPLATE.prefix({"a": a, "b": b}) == ("O#1#X#2#END", ("a", "b"))

    def test_a_gap_is_refused(self) -> None:
        with pytest.raises(InvalidKey, match="b is given without a"):
            self.TEMPLATE.prefix({"b": {"S": "2"}})

    @given(two_tuples(), st.data())
    def test_a_key_begins_with_the_prefix_of_exactly_its_own_leading_fields(
        self, drawn: tuple[list[str], list[Any], list[Any]], data: st.DataObject
    ) -> None:
        tags, first, second = drawn
        template = template_of(len(tags))
        given_fields = data.draw(st.integers(0, len(tags) - 1))
        text, used = template.prefix(named(first[:given_fields]))
        assert used == template.fields[:given_fields]
        assert template.build(named(first)).startswith(text)
        shared = first[:given_fields] == second[:given_fields]
        assert template.build(named(second)).startswith(text) == shared


class TestParseKey:
    TEMPLATE = Template.parse("O#{a}#X#{b}")
    TYPES: ClassVar = {"a": "S", "b": "N"}

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "O#",
            "P#1#X#o",
            "O#1",
            "O#1#o",
            "O#1#Y#o",
            "O##X#o",
            "O#1#X#",
            "O#1#X#o#",
            "O#1#X#7",
            "O#1#2#X#o",
            "o#1#X#o",
        ],
    )
    def test_a_key_of_another_template_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidKey):
            self.TEMPLATE.parse_key(text, self.TYPES)

    def test_the_field_that_does_not_fit_is_named(self) -> None:
        with pytest.raises(InvalidKey, match=r"^b: "):
            self.TEMPLATE.parse_key("O#1#X#7", self.TYPES)

    @given(st.text(alphabet="O#X$2 1op", max_size=10))
    def test_what_is_read_is_built_the_same(self, tail: str) -> None:
        try:
            values = self.TEMPLATE.parse_key("O#" + tail, self.TYPES)
        except InvalidKey:
            return
        assert self.TEMPLATE.build(values) == "O#" + tail


class TestRaw:
    def test_values_go_in_verbatim(self) -> None:
        template = Template.parse("USER:{name}-{number}.json", raw=True)
        key = template.build({"name": {"S": "a b#$"}, "number": {"N": "1.50"}})
        assert key == "USER:a b#$-1.5.json"
        assert template.parse_key(key, {"name": "S", "number": "N"}) == {"name": {"S": "a b#$"}, "number": {"N": "1.5"}}

    def test_fields_without_a_separator_are_refused(self) -> None:
        with pytest.raises(InvalidModel, match="separator"):
            Template.parse("{a}{b}", raw=True)

    @pytest.mark.parametrize(
        ("text", "value"),
        [("{a}#{b}", "x#y"), ("{a}--{b}", "x-"), ("{a}.json#{b}", "x.json#y"), ("{a}aba{b}", "xab")],
    )
    def test_a_value_that_could_not_be_told_from_what_follows_is_refused(self, text: str, value: str) -> None:
        template = Template.parse(text, raw=True)
        with pytest.raises(InvalidKey, match=r"^a: .*told"):
            template.build({"a": {"S": value}, "b": {"S": "z"}})
        with pytest.raises(InvalidKey, match=r"^a: .*told"):
            template.prefix({"a": {"S": value}})

    @pytest.mark.parametrize("text", ["1-07", "1-+7", "1-7.0", "1-x", "1-", "-7"])
    def test_only_what_build_writes_is_read(self, text: str) -> None:
        with pytest.raises(InvalidKey):
            Template.parse("{a}-{b}", raw=True).parse_key(text, {"a": "S", "b": "N"})

    @given(
        st.text(alphabet="-ab#", min_size=1, max_size=5),
        st.text(alphabet="-ab#", min_size=1, max_size=5),
        st.sampled_from(["#", "-", "--", "-a-", "ab"]),
        st.sampled_from(["", "--", "b"]),
    )
    def test_what_can_be_built_is_read_back(self, a: str, b: str, separator: str, ending: str) -> None:
        template = Template.parse(f"P{{a}}{separator}{{b}}{ending}", raw=True)
        values: dict[str, AttributeValue] = {"a": {"S": a}, "b": {"S": b}}
        try:
            key = template.build(values)
        except InvalidKey:
            return
        assert template.parse_key(key, {"a": "S", "b": "S"}) == values


@given(NUMBERS)
def test_a_part_keeps_a_number_exact(number: Decimal) -> None:
    part = encode_part({"N": encode_number(number)})
    assert decode(decode_part(part, "N")) == number
