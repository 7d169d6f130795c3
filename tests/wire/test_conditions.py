"""Every condition, as the text and maps that DynamoDB is sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from dynamorm_py import Condition, InvalidOperation, InvalidValue, attr
from dynamorm_py.core.wire import Request
from tests.wire.compiled import request_of
from tests.wire.models import Address, Odd, Order, Thing


def compiled(condition: Condition) -> tuple[str, list[str], list[dict[str, Any]]]:
    """The condition's text, and the names and values behind its placeholders, in their order."""
    request = request_of(Thing.delete("1", condition=condition))
    assert request["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
    return (
        request["ConditionExpression"],
        list(request.get("ExpressionAttributeNames", {}).values()),
        list(request.get("ExpressionAttributeValues", {}).values()),
    )


def S(text: str) -> dict[str, str]:  # noqa: N802  # DynamoDB's own name
    return {"S": text}


def N(text: str) -> dict[str, str]:  # noqa: N802  # DynamoDB's own name
    return {"N": text}


# Where a test makes mistakes that type checkers refuse.
Things: Any = Thing
NOON = datetime(2024, 5, 6, 12, tzinfo=timezone(timedelta(hours=2)))

OPERATORS = [
    (Thing.text == "a", "#n0 = :v0", ["text"], [S("a")]),
    (Thing.text != "a", "#n0 <> :v0", ["text"], [S("a")]),
    (Thing.number < 3, "#n0 < :v0", ["number"], [N("3")]),
    (Thing.number <= 3, "#n0 <= :v0", ["number"], [N("3")]),
    (Thing.number > 3, "#n0 > :v0", ["number"], [N("3")]),
    (Thing.number >= 3, "#n0 >= :v0", ["number"], [N("3")]),
    (Thing.ratio > 0.1, "#n0 > :v0", ["ratio"], [N("0.1")]),
    (Thing.amount == Decimal("1.50"), "#n0 = :v0", ["amount"], [N("1.5")]),
    (Thing.data == b"\x00\xff", "#n0 = :v0", ["data"], [{"B": b"\x00\xff"}]),
    (Thing.flag == True, "#n0 = :v0", ["flag"], [{"BOOL": True}]),  # noqa: E712  # the very comparison that is meant
    (Thing.flag.is_true(), "#n0 = :v0", ["flag"], [{"BOOL": True}]),
    (Thing.flag.is_false(), "#n0 = :v0", ["flag"], [{"BOOL": False}]),
    (Thing.moment == NOON, "#n0 = :v0", ["moment"], [S("2024-05-06T10:00:00.000000Z")]),
    (Thing.words == ["a"], "#n0 = :v0", ["words"], [{"L": [S("a")]}]),
    (Thing.tags == {"b", "a"}, "#n0 = :v0", ["tags"], [{"SS": ["a", "b"]}]),
    (Thing.counts == {"a": 1}, "#n0 = :v0", ["counts"], [{"M": {"a": N("1")}}]),
    (Thing.text == Thing.other, "#n0 = #n1", ["text", "other"], []),
    (Thing.number < Thing.counts["a"], "#n0 < #n1.#n2", ["number", "counts", "a"], []),
    (Thing.number.between(1, 9), "#n0 BETWEEN :v0 AND :v1", ["number"], [N("1"), N("9")]),
    (Thing.text.between(Thing.other, "z"), "#n0 BETWEEN #n1 AND :v0", ["text", "other"], [S("z")]),
    (Thing.text.begins_with("a"), "begins_with(#n0, :v0)", ["text"], [S("a")]),
    (Thing.data.begins_with(b"a"), "begins_with(#n0, :v0)", ["data"], [{"B": b"a"}]),
    (Thing.text.contains("a"), "contains(#n0, :v0)", ["text"], [S("a")]),
    (Thing.tags.contains("a"), "contains(#n0, :v0)", ["tags"], [S("a")]),
    (Thing.sizes.contains(3), "contains(#n0, :v0)", ["sizes"], [N("3")]),
    (Thing.words.contains("a"), "contains(#n0, :v0)", ["words"], [S("a")]),
    (Thing.text.is_in(["a", "b"]), "#n0 IN (:v0, :v1)", ["text"], [S("a"), S("b")]),
    (Thing.text.exists(), "attribute_exists(#n0)", ["text"], []),
    (Thing.text.not_exists(), "attribute_not_exists(#n0)", ["text"], []),
    (Thing.text.has_type("S"), "attribute_type(#n0, :v0)", ["text"], [S("S")]),
    (Thing.nick.is_none(), "attribute_not_exists(#n0) OR #n0 = :v0", ["nick"], [{"NULL": True}]),
    (Thing.nick == None, "attribute_not_exists(#n0) OR #n0 = :v0", ["nick"], [{"NULL": True}]),  # noqa: E711
    (Thing.nick != None, "NOT (attribute_not_exists(#n0) OR #n0 = :v0)", ["nick"], [{"NULL": True}]),  # noqa: E711
    (Thing.tags.size() >= 2, "size(#n0) >= :v0", ["tags"], [N("2")]),
    (Thing.tags.size() == Thing.words.size(), "size(#n0) = size(#n1)", ["tags", "words"], []),
    (Thing.tags.size().between(1, 2), "size(#n0) BETWEEN :v0 AND :v1", ["tags"], [N("1"), N("2")]),
    (Thing.tags.size().is_in([1]), "size(#n0) IN (:v0)", ["tags"], [N("1")]),
]


@pytest.mark.parametrize(("condition", "text", "names", "values"), OPERATORS)
@pytest.mark.behaviour("1.10", "1.28", "2.12")
def test_operator(condition: Condition, text: str, names: list[str], values: list[dict[str, Any]]) -> None:
    assert compiled(condition) == (text, names, values)


A, B, C = Thing.text == "a", Thing.number > 1, Thing.flag.is_true()
GROUPS = [
    (A & B & C, "#n0 = :v0 AND #n1 > :v1 AND #n2 = :v2"),
    (A & (B & C), "#n0 = :v0 AND #n1 > :v1 AND #n2 = :v2"),
    (A | B | C, "#n0 = :v0 OR #n1 > :v1 OR #n2 = :v2"),
    (A & (B | C), "#n0 = :v0 AND (#n1 > :v1 OR #n2 = :v2)"),
    ((A & B) | C, "#n0 = :v0 AND #n1 > :v1 OR #n2 = :v2"),
    (A & B | A & C, "#n0 = :v0 AND #n1 > :v1 OR #n0 = :v2 AND #n2 = :v3"),
    ((A | B) & (A | C), "(#n0 = :v0 OR #n1 > :v1) AND (#n0 = :v2 OR #n2 = :v3)"),
    (~A, "NOT #n0 = :v0"),
    (~A & B, "NOT #n0 = :v0 AND #n1 > :v1"),
    (~(A & B), "NOT (#n0 = :v0 AND #n1 > :v1)"),
    (~(A | B) & C, "NOT (#n0 = :v0 OR #n1 > :v1) AND #n2 = :v2"),
    (~~A, "#n0 = :v0"),
    (~Thing.text.exists(), "NOT attribute_exists(#n0)"),
]


@pytest.mark.parametrize(("condition", "text"), GROUPS)
@pytest.mark.behaviour("1.31", "2.12")
def test_grouping_is_kept_with_no_parenthesis_too_many(condition: Condition, text: str) -> None:
    assert compiled(condition)[0] == text


PATHS = [
    (attr("a", "b", 0, "c") == 1, "#n0.#n1[0].#n2 = :v0", ["a", "b", "c"]),
    (attr("a.b") == 1, "#n0 = :v0", ["a.b"]),
    (attr("a", "b") == 1, "#n0.#n1 = :v0", ["a", "b"]),
    (attr("a", "a") == 1, "#n0.#n0 = :v0", ["a"]),
    (attr("m", 3, 4) == 1, "#n0[3][4] = :v0", ["m"]),
    (attr("#n0", ":v0") == 1, "#n0.#n1 = :v0", ["#n0", ":v0"]),
    (Thing.address[Address.city] == "x", "#n0.#n1 = :v0", ["address", "city"]),
    (Thing.address.city == "x", "#n0.#n1 = :v0", ["address", "city"]),
    (Thing.lines[0].sku == "x", "#n0[0].#n1 = :v0", ["lines", "sku"]),
    (Thing.counts["a.b"] == 3, "#n0.#n1 = :v0", ["counts", "a.b"]),
    (Thing.words[2] == "x", "#n0[2] = :v0", ["words"]),
    (attr("first name") == 1, "#n0 = :v0", ["first name"]),
]


@pytest.mark.parametrize(("condition", "text", "names"), PATHS)
@pytest.mark.behaviour("1.21")
def test_paths_into_documents(condition: Condition, text: str, names: list[str]) -> None:
    assert compiled(condition)[:2] == (text, names)


@pytest.mark.behaviour("1.21")
def test_reserved_words_and_odd_names_are_aliased() -> None:
    condition = (
        (Odd.size > 1)
        & (Odd.status == "a")
        & (Odd.dotted == "b")
        & (Odd.dashed == "c")
        & (Odd.spaced == "d")
        & (Odd.numbered == "e")
        & Odd.table_name.exists()
    )
    request = request_of(Odd.delete("k", condition=condition))
    assert request["Key"] == {"hash": {"S": "k"}}
    assert request["ExpressionAttributeNames"] == {
        "#n0": "size",
        "#n1": "status",
        "#n2": "a.b",
        "#n3": "a-b",
        "#n4": "a b",
        "#n5": "1st",
        "#n6": "table",
    }


@pytest.mark.parametrize("value", ["--", "<script>", "'; DROP", "#n0", ":v0", "𐀀 é"])
@pytest.mark.behaviour("1.22", "2.6")
def test_values_never_enter_the_text(value: str) -> None:
    assert compiled(Thing.text == value) == ("#n0 = :v0", ["text"], [{"S": value}])


def test_a_comparison_may_lie_outside_the_field_s_constraints() -> None:
    assert compiled(Thing.number > -1) == ("#n0 > :v0", ["number"], [{"N": "-1"}])


@pytest.mark.behaviour("1.24", "2.12")
def test_in_takes_100_values() -> None:
    text, _, values = compiled(Thing.number.is_in(range(100)))
    assert (text.count(":v"), len(values)) == (100, 100)
    with pytest.raises(InvalidOperation, match="at most 100 values, got 101"):
        Thing.number.is_in(range(101))


@pytest.mark.behaviour("1.25", "2.12")
def test_in_an_empty_list_is_decided_without_dynamodb() -> None:
    nothing = Thing.number.is_in([])
    assert compiled(nothing | A) == compiled(A)
    assert compiled(~nothing & A) == compiled(A)
    assert "ConditionExpression" not in request_of(Thing.delete("1", condition=~nothing))
    with pytest.raises(InvalidOperation, match=r"Thing\.delete: the condition can never hold"):
        request_of(Thing.delete("1", condition=nothing & A))


@pytest.mark.behaviour("1.13", "1.26", "2.12")
def test_reversed_bounds_are_refused() -> None:
    for low, high in ((2, 1), (-1, -2)):
        with pytest.raises(InvalidOperation, match=r"Thing: number: between\(\) takes the lower bound first"):
            Thing.number.between(low, high)
    with pytest.raises(InvalidOperation, match="lower bound first"):
        Thing.text.between("b", "a")
    with pytest.raises(InvalidOperation, match="lower bound first"):
        Thing.text.between("😀", "\uffff")  # code points above U+FFFF sort last, unlike in UTF-16
    assert compiled(Thing.number.between(1, 1))[0] == "#n0 BETWEEN :v0 AND :v1"


@pytest.mark.behaviour("1.26")
def test_bounds_of_two_types_are_refused() -> None:
    with pytest.raises(InvalidOperation, match="two bounds of one type"):
        attr("a").between(1, "b")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Thing.text == Thing.text,
        lambda: Thing.text.contains(Thing.text),
        lambda: Thing.tags.size() == Thing.tags.size(),
        lambda: Thing.number.between(Thing.number, 3),
        lambda: attr("a").is_in([attr("a")]),
    ],
)
@pytest.mark.behaviour("1.28")
def test_a_comparison_with_itself_is_refused(make: Any) -> None:
    with pytest.raises(InvalidOperation, match="compared with itself"):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Things.text.begins_with(3), "takes text or bytes, not N"),
        (lambda: attr("a").has_type("X"), "takes one of B, BOOL"),
        (lambda: attr(0), "begins with an attribute name"),
        (lambda: attr("a", -1), "counts from 0"),
        (lambda: attr("a", ""), "names are not empty"),
        (lambda: attr("a", True), "names and list indices"),
        (lambda: Things.tags.size() > 1.5, "whole number"),
        (lambda: bool(A), "no truth value"),
        (lambda: 1 < Things.number < 3, "no truth value"),
        (lambda: Things.flag.is_true() and B, "no truth value"),
        (lambda: not Things.flag.is_true(), "no truth value"),
        (lambda: bool(Thing.flag), "no truth value"),
        (lambda: A & Things.__name__, "combines with conditions only"),
    ],
)
@pytest.mark.behaviour("1.27")
def test_nonsense_is_refused_with_its_reason(make: Any, message: str) -> None:
    with pytest.raises(InvalidOperation, match=message):
        make()


def test_values_of_another_type_are_refused_with_model_and_field() -> None:
    with pytest.raises(InvalidValue, match=r"Thing.*number"):
        Thing.number == "many"  # noqa: B015  # what is compared with is refused at once
    with pytest.raises(InvalidValue, match=r"Thing.*amount"):
        Thing.amount > Decimal("NaN")  # noqa: B015


def test_paths_of_another_model_are_refused() -> None:
    with pytest.raises(InvalidOperation, match=r"Thing\.delete: total is a path of Order, not of Thing"):
        request_of(Thing.delete("1", condition=Order.total > Decimal(1)))


def test_a_path_of_a_base_class_is_its_subclasses_too() -> None:
    class Special(Thing, table="special"):
        pass

    request = request_of(Special.delete("1", condition=Thing.text == "a"))
    assert request["ConditionExpression"] == "#n0 = :v0"


@pytest.mark.behaviour("1.24")
def test_300_operators_are_the_most() -> None:
    def many(number: int) -> Request:
        condition = Thing.number == 0
        for value in range(1, number):
            condition |= Thing.number == value
        return request_of(Thing.delete("1", condition=condition))

    assert many(150)["ConditionExpression"].count("OR") == 149
    with pytest.raises(InvalidOperation, match="at most 300 operators"):
        many(151)


@pytest.mark.behaviour("1.24")
def test_4_kb_of_text_are_the_most() -> None:
    wide = attr("a")
    for _ in range(2000):
        wide = wide["a"]
    with pytest.raises(InvalidOperation, match="at most 4096 bytes"):
        request_of(Thing.delete("1", condition=wide == 1))


def test_the_same_operation_compiles_to_the_same_bytes() -> None:
    condition = A & (B | Thing.tags.contains("x"))
    first, second = (request_of(Thing.delete("1", condition=condition)) for _ in range(2))
    assert repr(first) == repr(second)


def test_times_are_compared_in_utc() -> None:
    assert compiled(Thing.moment < NOON)[2] == compiled(Thing.moment < NOON.astimezone(UTC))[2]
