"""Every update action, as the expression and maps that DynamoDB is sent."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from dynamorm_py import Action, InvalidOperation, InvalidValue, attr
from tests.wire.compiled import request_of
from tests.wire.models import Address, Line, Odd, Order, Plain, Thing


def compiled(*actions: Action) -> tuple[str, list[str], list[dict[str, Any]]]:
    """The update's text, and the names and values behind its placeholders; an upsert has no condition of its own."""
    request = request_of(Thing.update("1", *actions, upsert=True))
    assert request["ReturnValues"] == "ALL_NEW"
    assert "ConditionExpression" not in request
    return (
        request["UpdateExpression"],
        list(request["ExpressionAttributeNames"].values()),
        list(request.get("ExpressionAttributeValues", {}).values()),
    )


def S(text: str) -> dict[str, str]:  # noqa: N802  # DynamoDB's own name
    return {"S": text}


def N(text: str) -> dict[str, str]:  # noqa: N802  # DynamoDB's own name
    return {"N": text}


ZERO: dict[str, str] = N("0")
EMPTY: dict[str, list[Any]] = {"L": []}
# Where a test makes mistakes that type checkers refuse.
Things: Any = Thing

ACTIONS = [
    (Thing.text.set("a"), "SET #n0 = :v0", ["text"], [S("a")]),
    (Thing.text.set(""), "SET #n0 = :v0", ["text"], [S("")]),
    (Thing.number.set(3), "SET #n0 = :v0", ["number"], [N("3")]),
    (Thing.ratio.set(0.1), "SET #n0 = :v0", ["ratio"], [N("0.1")]),
    (Thing.amount.set(Decimal("1E+20")), "SET #n0 = :v0", ["amount"], [N("100000000000000000000")]),
    (
        Thing.moment.set(datetime(2024, 1, 2, tzinfo=UTC)),
        "SET #n0 = :v0",
        ["moment"],
        [S("2024-01-02T00:00:00.000000Z")],
    ),
    (Thing.tags.set({"a"}), "SET #n0 = :v0", ["tags"], [{"SS": ["a"]}]),
    (Thing.tags.set(set()), "REMOVE #n0", ["tags"], []),
    (Thing.words.set([]), "SET #n0 = :v0", ["words"], [EMPTY]),
    (Thing.nick.set(None), "REMOVE #n0", ["nick"], []),
    (Thing.kept.set(None), "SET #n0 = :v0", ["kept"], [{"NULL": True}]),
    (
        Thing.address.set(Address(city="Rome")),
        "SET #n0 = :v0",
        ["address"],
        [{"M": {"city": S("Rome"), "zip_code": {"NULL": True}}}],
    ),
    (
        Thing.lines.set([Line(sku="a")]),
        "SET #n0 = :v0",
        ["lines"],
        [{"L": [{"M": {"sku": S("a"), "quantity": N("1")}}]}],
    ),
    (Thing.text.set(Thing.other), "SET #n0 = #n1", ["text", "other"], []),
    (Thing.number.set(Thing.number + 1), "SET #n0 = #n0 + :v0", ["number"], [N("1")]),
    (Thing.number.set(Thing.number - 1), "SET #n0 = #n0 - :v0", ["number"], [N("1")]),
    (Thing.number.set(Thing.number + Thing.counts["a"]), "SET #n0 = #n0 + #n1.#n2", ["number", "counts", "a"], []),
    (Thing.number.set_if_not_exists(1), "SET #n0 = if_not_exists(#n0, :v0)", ["number"], [N("1")]),
    (Thing.number.add(2), "ADD #n0 :v0", ["number"], [N("2")]),
    (Thing.number.subtract(2), "ADD #n0 :v0", ["number"], [N("-2")]),
    (Thing.number.subtract(-2), "ADD #n0 :v0", ["number"], [N("2")]),
    (Thing.number.subtract(0), "ADD #n0 :v0", ["number"], [N("0")]),
    (Thing.amount.add(Decimal("0.10")), "ADD #n0 :v0", ["amount"], [N("0.1")]),
    (Thing.counts["a"].add(1), "SET #n0.#n1 = if_not_exists(#n0.#n1, :v0) + :v1", ["counts", "a"], [ZERO, N("1")]),
    (
        Thing.counts["a"].subtract(1),
        "SET #n0.#n1 = if_not_exists(#n0.#n1, :v0) + :v1",
        ["counts", "a"],
        [ZERO, N("-1")],
    ),
    (
        Thing.words.append("a", "b"),
        "SET #n0 = list_append(if_not_exists(#n0, :v0), :v1)",
        ["words"],
        [EMPTY, {"L": [S("a"), S("b")]}],
    ),
    (
        Thing.words.prepend("a"),
        "SET #n0 = list_append(:v0, if_not_exists(#n0, :v1))",
        ["words"],
        [{"L": [S("a")]}, EMPTY],
    ),
    (Thing.words[2].set("x"), "SET #n0[2] = :v0", ["words"], [S("x")]),
    (Thing.words[2].remove(), "REMOVE #n0[2]", ["words"], []),
    (Thing.text.remove(), "REMOVE #n0", ["text"], []),
    (Thing.tags.add_to_set("a", "b", "a"), "ADD #n0 :v0", ["tags"], [{"SS": ["a", "b"]}]),
    (Thing.sizes.add_to_set(1), "ADD #n0 :v0", ["sizes"], [{"NS": ["1"]}]),
    (Thing.tags.add_to_set({"b", "a"}, "c"), "ADD #n0 :v0", ["tags"], [{"SS": ["a", "b", "c"]}]),
    (Thing.tags.remove_from_set({"b", "a"}), "DELETE #n0 :v0", ["tags"], [{"SS": ["a", "b"]}]),
    (Thing.tags.remove_from_set("a"), "DELETE #n0 :v0", ["tags"], [{"SS": ["a"]}]),
    (Thing.address[Address.city].set("Rome"), "SET #n0.#n1 = :v0", ["address", "city"], [S("Rome")]),
    (Thing.lines[0].quantity.set(2), "SET #n0[0].#n1 = :v0", ["lines", "quantity"], [N("2")]),
    (attr("new", "a.b").set({"x": 1}), "SET #n0.#n1 = :v0", ["new", "a.b"], [{"M": {"x": N("1")}}]),
]


@pytest.mark.parametrize(("action", "text", "names", "values"), ACTIONS)
@pytest.mark.behaviour("1.7", "1.35", "1.36", "1.37")
def test_action(action: Action, text: str, names: list[str], values: list[dict[str, Any]]) -> None:
    assert compiled(action) == (text, names, values)


@pytest.mark.behaviour("1.33")
def test_each_clause_stands_once_in_a_fixed_order() -> None:
    text, names, _ = compiled(
        Thing.tags.remove_from_set("x"),
        Thing.number.add(1),
        Thing.nick.remove(),
        Thing.text.set("a"),
        Thing.sizes.add_to_set(1),
        Thing.other.set("b"),
    )
    assert text == "SET #n0 = :v0, #n1 = :v1 REMOVE #n2 ADD #n3 :v2, #n4 :v3 DELETE #n5 :v4"
    assert names == ["text", "other", "nick", "number", "sizes", "tags"]


@pytest.mark.behaviour("1.23", "2.13")
def test_condition_and_actions_share_their_placeholders() -> None:
    request = request_of(Thing.update("1", Thing.number.add(1), condition=Thing.number < 10))
    assert request == {
        "TableName": "things",
        "Key": {"id": {"S": "1"}},
        "UpdateExpression": "ADD #n0 :v0",
        "ConditionExpression": "attribute_exists(#n1) AND #n0 < :v1",
        "ExpressionAttributeNames": {"#n0": "number", "#n1": "id"},
        "ExpressionAttributeValues": {":v0": {"N": "1"}, ":v1": {"N": "10"}},
        "ReturnValues": "ALL_NEW",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def test_a_condition_of_alternatives_stands_in_parentheses_beside_the_library_s_own() -> None:
    either = (Thing.number < 10) | Thing.flag.is_true()
    request = request_of(Thing.update("1", Thing.number.add(1), condition=either))
    assert request["ConditionExpression"] == "attribute_exists(#n1) AND (#n0 < :v1 OR #n2 = :v2)"


def test_odd_names_are_aliased() -> None:
    request = request_of(Odd.update("k", Odd.size.add(1), Odd.dotted.set("x"), Odd.numbered.remove()))
    assert set(request["ExpressionAttributeNames"].values()) == {"size", "a.b", "1st", "hash"}


@pytest.mark.parametrize(
    "actions",
    [
        (Thing.text.set("a"), Thing.text.set("b")),
        (Thing.text.set("a"), Thing.text.remove()),
        (Thing.address.remove(), Thing.address[Address.city].set("x")),
        (Thing.address[Address.city].set("x"), Thing.address.remove()),
        (Thing.words[0].set("x"), Thing.words.append("y")),
        (attr("a", "b").set(1), attr("a").set(2)),
    ],
)
@pytest.mark.behaviour("1.33", "2.22")
def test_overlapping_paths_are_refused(actions: tuple[Action, ...]) -> None:
    with pytest.raises(InvalidOperation, match=r"Thing\.update: two actions of one update overlap"):
        request_of(Thing.update("1", *actions))


def test_siblings_do_not_overlap() -> None:
    assert compiled(Thing.words[0].set("x"), Thing.words[1].set("y"))[0] == "SET #n0[0] = :v0, #n0[1] = :v1"
    assert compiled(attr("a.b").set(1), attr("a", "b").set(1))[0] == "SET #n0 = :v0, #n1.#n2 = :v1"


MOMENT = datetime(2024, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (Order.order_id.set("x"), "order_id is part of the key"),
        (Order.tenant_id.remove(), "tenant_id is part of the key"),
        (attr("pk").set("x"), "pk is part of the key"),
        (attr("sk").set("x"), "sk is part of the key"),
        (attr("by_customer_pk").set("x"), "by_customer_pk is composed from other fields"),
        (Order.version.set(3), "version is kept by the library"),
        (Order.version.add(1), "version is kept by the library"),
        (Order.created.set(MOMENT), "created is kept by the library"),
        (Order.updated.remove(), "updated is kept by the library"),
        (Order.customer_id.remove(), "customer_id is required, and without it the item could not be read again"),
    ],
)
@pytest.mark.behaviour("1.20", "2.10")
def test_what_is_not_the_caller_s_cannot_be_changed(action: Action, message: str) -> None:
    with pytest.raises(InvalidOperation, match=rf"Order\.update: {message}"):
        request_of(Order.update("t", MOMENT, "o", action))


@pytest.mark.behaviour("1.20")
def test_a_plain_key_cannot_be_changed_either() -> None:
    with pytest.raises(InvalidOperation, match=r"Plain\.update: number is part of the key"):
        request_of(Plain.update("d", 1, Plain.number.add(1)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Things.counts["a"].add_to_set(1), "top-level attributes only"),
        (lambda: Thing.tags.add_to_set(), "at least one member"),
        (lambda: Thing.tags.add_to_set(set()), "at least one member"),
        (lambda: Thing.words.append(), "nothing to append"),
        (lambda: attr("s").add_to_set("a", 1), "only one of them"),
        (lambda: attr("s").add_to_set([1]), "holds text, numbers or bytes"),
        (lambda: Things.number.add("x"), "takes a number"),
        (lambda: attr("n").add(True), "takes a number"),
    ],
)
def test_nonsense_is_refused_with_its_reason(make: Any, message: str) -> None:
    with pytest.raises(InvalidOperation, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Thing.number.set(-1), r"Thing: number: .*greater than or equal to 0"),
        (lambda: Things.number.set("x"), r"Thing: number: .*valid integer"),
        (lambda: Thing.amount.set(Decimal("NaN")), r"Thing: amount.*finite"),
        (lambda: Thing.amount.set(Decimal("1" * 39)), r"Thing: amount.*38"),
        (lambda: Thing.ratio.set(float("inf")), r"Thing: ratio"),
        (lambda: Things.tags.add_to_set(3), r"tags"),
        (lambda: Thing.moment.set(datetime(2024, 1, 1)), r"Thing: moment.*naive datetime"),  # noqa: DTZ001
    ],
)
def test_a_value_that_the_field_refuses_is_refused_with_its_name(make: Any, message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        make()


def test_an_update_without_an_action_is_refused() -> None:
    with pytest.raises(InvalidOperation, match=r"Thing\.update: an update needs at least one action"):
        request_of(Thing.update("1"))


def test_a_condition_is_no_action() -> None:
    with pytest.raises(InvalidOperation, match=r"Thing\.update: a condition is given as condition="):
        Things.update("1", Thing.number > 3)


def test_a_path_of_another_model_is_refused() -> None:
    with pytest.raises(InvalidOperation, match=r"Thing\.update: total is a path of Order, not of Thing"):
        request_of(Thing.update("1", Order.total.set(Decimal(1))))
