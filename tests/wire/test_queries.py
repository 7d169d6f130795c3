"""The requests of queries: key conditions, filters, limits, and what is refused before anything is sent."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from dynamorm_py import Attr, Condition, GlobalIndex, InvalidKey, InvalidOperation, Model, PrimaryKey, Query, attr
from dynamorm_py import field as model_field
from tests.wire.compiled import NOW, call_of, request_of
from tests.wire.models import Order, Plain, Thing

PLACED = datetime(2024, 1, 2, tzinfo=UTC)
LATER = datetime(2024, 2, 3, tzinfo=UTC)
P, L = "2024-01-02T00:00:00.000000Z", "2024-02-03T00:00:00.000000Z"


def key_condition(query: Query[Any]) -> tuple[str, list[str], list[Any]]:
    """The key condition's text, and the names and values behind its placeholders; there is no filter."""
    request = request_of(query)
    assert "FilterExpression" not in request
    values = request["ExpressionAttributeValues"].values()
    return (
        request["KeyConditionExpression"],
        list(request["ExpressionAttributeNames"].values()),
        [next(iter(value.values())) for value in values],
    )


def test_a_query_of_the_table() -> None:
    call = call_of(Order.query("t"))
    assert call.operation == "Query"
    assert call.request == {
        "TableName": "orders",
        "KeyConditionExpression": "#n0 = :v0",
        "ExpressionAttributeNames": {"#n0": "pk"},
        "ExpressionAttributeValues": {":v0": {"S": "TENANT#t#ORDER"}},
        "ReturnConsumedCapacity": "TOTAL",
    }


def test_a_query_of_an_index_with_everything() -> None:
    query = (
        Order.by_customer.query("t", "c")
        .where((Order.state == "paid") & (Order.placed_at >= PLACED))
        .filter(Order.total > Decimal(10))
        .filter(Order.note.exists())
        .descending()
        .page_size(50)
    )
    assert request_of(query) == {
        "TableName": "orders",
        "IndexName": "by_customer",
        "KeyConditionExpression": "#n0 = :v0 AND #n1 BETWEEN :v1 AND :v2",
        "FilterExpression": "#n2 > :v3 AND attribute_exists(#n3)",
        "ExpressionAttributeNames": {"#n0": "by_customer_pk", "#n1": "by_customer_sk", "#n2": "total", "#n3": "note"},
        "ExpressionAttributeValues": {
            ":v0": {"S": "TENANT#t#C#c"},
            ":v1": {"S": f"paid#{P}"},
            ":v2": {"S": "paid$"},
            ":v3": {"N": "10"},
        },
        "ScanIndexForward": False,
        "Limit": 50,
        "ReturnConsumedCapacity": "TOTAL",
    }


@pytest.mark.parametrize(
    "query",
    [
        lambda: Order.by_customer.query("t", "c"),
        lambda: Order.by_customer.query(customer_id="c", tenant_id="t"),
        lambda: Order.by_customer.query({"tenant_id": "t", "customer_id": "c"}),
    ],
)
def test_a_partition_can_be_given_in_every_way(query: Any) -> None:
    assert request_of(query())["ExpressionAttributeValues"] == {":v0": {"S": "TENANT#t#C#c"}}


def test_a_partition_that_is_incomplete_is_refused() -> None:
    with pytest.raises(InvalidKey, match=r"Order\.by_customer\.query: .* customer_id is missing"):
        Order.by_customer.query("t")
    with pytest.raises(InvalidKey, match=r"Order\.query: .* 2 values were given"):
        Order.query("t", PLACED)


NATIVE = [
    (Plain.number == 3, "#n1 = :v1", ["3"]),
    (Plain.number < 3, "#n1 < :v1", ["3"]),
    (Plain.number <= 3, "#n1 <= :v1", ["3"]),
    (Plain.number > 3, "#n1 > :v1", ["3"]),
    (Plain.number >= 3, "#n1 >= :v1", ["3"]),
    (Plain.number.between(1, 3), "#n1 BETWEEN :v1 AND :v2", ["1", "3"]),
]


@pytest.mark.parametrize(("condition", "text", "values"), NATIVE)
def test_ranges_of_a_sort_key_attribute(condition: Condition, text: str, values: list[str]) -> None:
    assert key_condition(Plain.query("d").where(condition)) == (
        f"#n0 = :v0 AND {text}",
        ["device", "number"],
        ["d", *values],
    )


def test_begins_with_on_a_sort_key_attribute() -> None:
    query = Plain.by_street.query("d").where(Plain.street.begins_with("Via "))
    assert key_condition(query)[0] == "#n0 = :v0 AND begins_with(#n1, :v1)"


# The table's sort key is {placed_at}#{order_id}, the index's {state}#{placed_at}.
COMPOSED = [
    (Order.placed_at == PLACED, "begins_with(#n1, :v1)", [f"{P}#"]),
    (Order.placed_at < PLACED, "#n1 < :v1", [P]),
    (Order.placed_at <= PLACED, "#n1 < :v1", [f"{P}$"]),
    (Order.placed_at > PLACED, "#n1 >= :v1", [f"{P}$"]),
    (Order.placed_at >= PLACED, "#n1 >= :v1", [P]),
    (Order.placed_at.between(PLACED, LATER), "#n1 BETWEEN :v1 AND :v2", [P, f"{L}$"]),
    ((Order.placed_at == PLACED) & (Order.order_id == "o"), "#n1 = :v1", [f"{P}#o"]),
    ((Order.order_id == "o") & (Order.placed_at == PLACED), "#n1 = :v1", [f"{P}#o"]),
    ((Order.placed_at == PLACED) & (Order.order_id <= "o"), "#n1 BETWEEN :v1 AND :v2", [f"{P}#", f"{P}#o$"]),
    ((Order.placed_at == PLACED) & (Order.order_id > "o"), "#n1 BETWEEN :v1 AND :v2", [f"{P}#o$", f"{P}$"]),
    ((Order.placed_at == PLACED) & (Order.order_id >= "o"), "#n1 BETWEEN :v1 AND :v2", [f"{P}#o", f"{P}$"]),
    (
        (Order.placed_at == PLACED) & Order.order_id.between("a", "b"),
        "#n1 BETWEEN :v1 AND :v2",
        [f"{P}#a", f"{P}#b$"],
    ),
    ((Order.placed_at == PLACED) & Order.order_id.begins_with("o 1"), "begins_with(#n1, :v1)", [f"{P}#o$201"]),
]


@pytest.mark.parametrize(("condition", "text", "values"), COMPOSED)
def test_ranges_of_a_composed_sort_key(condition: Condition, text: str, values: list[str]) -> None:
    assert key_condition(Order.query("t").where(condition)) == (
        f"#n0 = :v0 AND {text}",
        ["pk", "sk"],
        ["TENANT#t#ORDER", *values],
    )


def test_what_between_cannot_say_is_also_filtered_on_the_plain_attribute() -> None:
    request = request_of(Order.query("t").where((Order.placed_at == PLACED) & (Order.order_id < "o")))
    assert request["KeyConditionExpression"] == "#n0 = :v0 AND #n1 BETWEEN :v1 AND :v2"
    assert request["FilterExpression"] == "#n2 < :v3"
    assert request["ExpressionAttributeNames"]["#n2"] == "order_id"


class Sectioned(Model, table="sectioned"):
    """A constant before the sort key's field, and a sort key that is constant as a whole."""

    owner: Attr[str]
    number: Attr[int]
    title: Attr[str] = model_field(default="")
    key = PrimaryKey("OWNER#{owner}", "NOTE#{number}")
    profile = GlobalIndex(partition_key="ALL#NOTES", sort_key="{title}")


def test_a_constant_prefix_is_always_part_of_the_condition() -> None:
    assert key_condition(Sectioned.query("o"))[0] == "#n0 = :v0 AND begins_with(#n1, :v1)"
    assert key_condition(Sectioned.query("o"))[2] == ["OWNER#o", "NOTE#"]
    assert key_condition(Sectioned.query("o").where(Sectioned.number == 1))[2] == ["OWNER#o", "NOTE#p5001"]
    assert key_condition(Sectioned.query("o").where(Sectioned.number <= 1))[2] == ["OWNER#o", "NOTE#", "NOTE#p5001$"]


def test_a_partition_without_fields_takes_none() -> None:
    assert request_of(Sectioned.profile.query())["ExpressionAttributeValues"] == {":v0": {"S": "ALL#NOTES"}}
    with pytest.raises(InvalidKey, match=r"Sectioned\.profile\.query: the key is nothing, and 1 values were given"):
        Sectioned.profile.query("x")


@pytest.mark.behaviour("1.30")
def test_an_index_with_several_key_attributes() -> None:
    everything = (Plain.street == "Via") & (Plain.house > 3)
    assert key_condition(Plain.by_place.query("IT", "Rome").where(everything)) == (
        "#n0 = :v0 AND #n1 = :v1 AND #n2 = :v2 AND #n3 > :v3",
        ["country", "city", "street", "house"],
        ["IT", "Rome", "Via", "3"],
    )
    first = Plain.by_place.query("IT", "Rome").where(Plain.street.begins_with("V"))
    assert key_condition(first)[0] == "#n0 = :v0 AND #n1 = :v1 AND begins_with(#n2, :v2)"


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (Plain.house == 3, "a condition on house but none on street before it"),
        ((Plain.street > "V") & (Plain.house == 3), "street takes == here"),
    ],
)
@pytest.mark.behaviour("1.30")
def test_key_attributes_are_given_from_left_to_right(condition: Condition, message: str) -> None:
    with pytest.raises(InvalidOperation, match=rf"Plain\.by_place\.query: .*{message}"):
        request_of(Plain.by_place.query("IT", "Rome").where(condition))


@pytest.mark.behaviour("1.30")
def test_every_partition_attribute_is_needed() -> None:
    with pytest.raises(InvalidKey, match=r"Plain\.by_place\.query: .* city is missing"):
        Plain.by_place.query("IT")


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (Order.order_id == "o", "a condition on order_id, but placed_at before it has none: it needs =="),
        ((Order.placed_at > PLACED) & (Order.order_id == "o"), "placed_at before it has a range: it needs =="),
        ((Order.placed_at > PLACED) & (Order.placed_at < LATER), "one condition on placed_at: .*between"),
        ((Order.placed_at > PLACED) | (Order.placed_at < LATER), "a key condition takes"),
        (~(Order.placed_at > PLACED), "a key condition takes"),
        (Order.placed_at != PLACED, "a key condition takes"),
        (Order.placed_at.is_in([PLACED]), "a key condition takes"),
        (Order.placed_at.exists(), "a key condition takes"),
        (Order.placed_at > Order.expires, "a key condition takes .* with values"),
        (Order.order_id.size() > 3, "a key condition takes"),
        (Order.total > Decimal(3), "conditions on the sort key of placed_at, order_id"),
        (attr("sk").begins_with("x"), "conditions on the sort key of placed_at, order_id"),
        (attr("placed_at", 0) == "x", "conditions on the sort key"),
        (Plain.number == 3, "a path of Plain, not of Order"),
    ],
)
@pytest.mark.behaviour("1.27", "1.29")
def test_what_a_key_condition_cannot_say_is_refused(condition: Condition, message: str) -> None:
    with pytest.raises(InvalidOperation, match=rf"Order\.query: .*{message}"):
        request_of(Order.query("t").where(condition))


def test_where_needs_a_sort_key() -> None:
    with pytest.raises(InvalidOperation, match=r"Thing\.query: .*there is none here"):
        request_of(Thing.query("1").where(Thing.text == "a"))


@pytest.mark.behaviour("1.29")
def test_where_can_be_given_once() -> None:
    with pytest.raises(InvalidOperation, match=r"Plain\.query: where\(\) can be given once"):
        Plain.query("d").where(Plain.number > 1).where(Plain.number < 3)


def test_steps_take_what_they_are_for() -> None:
    wrong: Any
    for wrong in (True, "x", Thing.text.set("x")):
        with pytest.raises(InvalidOperation, match=r"Plain\.query: where\(\) takes a Condition, not"):
            Plain.query("d").where(wrong)
        with pytest.raises(InvalidOperation, match=r"Plain\.query: filter\(\) takes a Condition, not"):
            Plain.query("d").filter(wrong)
        with pytest.raises(InvalidOperation, match=r"Plain\.query: project\(\) takes a Path, not"):
            Plain.query("d").project(wrong)


def test_a_key_value_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(InvalidKey, match=r"Plain\.by_street\.query: street: .*empty"):
        request_of(Plain.by_street.query("d").where(Plain.street == ""))
    with pytest.raises(InvalidKey, match=r"Plain\.by_street\.query: street: .* at most 1024 bytes"):
        request_of(Plain.by_street.query("d").where(Plain.street > "x" * 1025))
    with pytest.raises(InvalidKey, match=r"Order\.query: sk: .* at most 1024 bytes"):
        request_of(Order.query("t").where((Order.placed_at == PLACED) & (Order.order_id == "x" * 1000)))
    with pytest.raises(InvalidKey, match=r"Plain\.query: number: .* type N"):
        request_of(Plain.query("d").where(attr("number") == "x"))


@pytest.mark.behaviour("1.29")
def test_a_filter_on_the_key_of_the_query_is_refused() -> None:
    for query in (
        Plain.query("d").filter(Plain.number > 3),
        Plain.query("d").filter(Plain.device == "d"),
        Order.query("t").filter(attr("sk").begins_with("x")),
        Order.by_state.query("new").filter((Order.note == "x") | (Order.total > Decimal(1))),
    ):
        with pytest.raises(InvalidOperation, match=r"is part of the key of this query.*use where\(\)"):
            request_of(query)


def test_a_field_behind_a_composed_key_can_be_filtered() -> None:
    assert request_of(Order.query("t").filter(Order.order_id.contains("x")))["FilterExpression"] == "contains(#n1, :v1)"
    assert request_of(Order.by_state.query("new").filter(Order.placed_at > PLACED))["FilterExpression"] == "#n1 > :v1"


def test_two_filters_keep_their_grouping() -> None:
    either = (Order.total > Decimal(1)) | Order.note.exists()
    text = request_of(Order.query("t").filter(either).filter(Order.customer_id == "c"))["FilterExpression"]
    assert text == "(#n1 > :v1 OR attribute_exists(#n2)) AND #n3 = :v2"


def test_a_filter_that_can_never_hold_sends_nothing() -> None:
    query = Order.query("t").filter(Order.customer_id.is_in([]))
    with pytest.raises(InvalidOperation, match=r"Order\.query: this read sends nothing"):
        request_of(query)
    assert "FilterExpression" not in request_of(Order.query("t").filter(~Order.customer_id.is_in([])))


@pytest.mark.behaviour("1.59", "2.15")
def test_consistent_reads() -> None:
    assert request_of(Plain.query("d").consistent())["ConsistentRead"] is True
    assert request_of(Plain.by_street.query("d").consistent())["ConsistentRead"] is True
    with pytest.raises(InvalidOperation, match=r"Order\.by_state\.query: by_state is a global index"):
        request_of(Order.by_state.query("new").consistent())


@pytest.mark.parametrize(
    ("query", "limit"),
    [
        (Plain.query("d"), None),
        (Plain.query("d").limit(5), 5),
        (Plain.query("d").page_size(5), 5),
        (Plain.query("d").limit(5).page_size(3), 3),
        (Plain.query("d").limit(3).page_size(5), 3),
        (Plain.query("d").filter(Plain.city == "x").limit(5), None),
        (Plain.query("d").filter(Plain.city == "x").limit(5).page_size(7), 7),
    ],
)
@pytest.mark.behaviour("2.16")
def test_limit_is_what_comes_back_and_page_size_what_dynamodb_looks_at(query: Query[Any], limit: int | None) -> None:
    assert request_of(query).get("Limit") == limit


@pytest.mark.parametrize("change", [{"limit": -1}, {"page_size": 0}, {"max_requests": 0}])
def test_limits_that_make_no_sense_are_refused(change: dict[str, int]) -> None:
    ((name, number),) = change.items()
    with pytest.raises(InvalidOperation, match=rf"Plain\.query: {name} cannot be {number}"):
        request_of(getattr(Plain.query("d"), name)(number))


def test_a_limit_of_none_at_all_sends_nothing() -> None:
    with pytest.raises(InvalidOperation, match="sends nothing"):
        request_of(Plain.query("d").limit(0))


def test_terminals_ask_for_no_more_than_they_need() -> None:
    query = Plain.query("d")
    assert request_of(query.first())["Limit"] == 1
    assert request_of(query.one())["Limit"] == 2
    assert request_of(query.exists()) == {**request_of(query), "Select": "COUNT", "Limit": 1}
    assert request_of(query.count()) == {**request_of(query), "Select": "COUNT"}


def test_a_count_leaves_out_what_has_expired() -> None:
    request = request_of(Order.query("t").count())
    assert request["FilterExpression"] == "attribute_not_exists(#n1) OR #n1 > :v1"
    assert request["ExpressionAttributeValues"][":v1"] == {"N": str(int(NOW.timestamp()))}
    assert "FilterExpression" not in request_of(Order.query("t").include_expired().count())


def test_steps_leave_the_query_they_are_taken_from_as_it_was() -> None:
    query = Plain.query("d")
    before = request_of(query)
    query.where(Plain.number > 3).filter(Plain.city == "x").limit(3).descending().consistent()
    assert request_of(query) == before


@pytest.mark.behaviour("1.21")
def test_odd_names_in_keys() -> None:
    class Reserved(Model, table="reserved"):
        hash: Attr[str]
        date: Attr[str]
        key = PrimaryKey("hash", "date")

    text, names, _ = key_condition(Reserved.query("h").where(Reserved.date > "2"))
    assert (text, names) == ("#n0 = :v0 AND #n1 > :v1", ["hash", "date"])
