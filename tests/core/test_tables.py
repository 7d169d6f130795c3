"""What tables are made of, and the conversations that create and delete them: played by hand, without a client."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from dynamorm_py.core import tables
from dynamorm_py.core.errors import DeadlineExceeded, InvalidOperation, TableInUse, TableNotFound, Throttled
from dynamorm_py.core.schema import Index, Key, Schema, field_attribute
from dynamorm_py.core.tables import CreateTables, DeleteTables
from dynamorm_py.core.wire import Call, Conversation, Pause, Request, Scope

SCOPE = Scope(prefix="test-")


def s(name: str) -> Any:
    return field_attribute(name, "S", name)


def n(name: str) -> Any:
    return field_attribute(name, "N", name)


def schema(model: str = "Order", table: str = "orders", **changes: Any) -> Schema:
    fields = ("customer", "number", "city", "country", "amount", "day", "expires")
    parts: dict[str, Any] = {"fields": {name: name for name in fields}, "key": Key((s("customer"),), (n("number"),))}
    return Schema(model, table, **{**parts, **changes})


def by(name: str, *indexes: Index) -> dict[str, Index]:
    return {name: indexes[0], **{index.name: index for index in indexes[1:]}}


PLACE = Index("by_place", "global", Key((s("country"), s("city")), (n("amount"), s("day"))))
DAY = Index("by_day", "local", Key((s("customer"),), (s("day"),)), "KEYS_ONLY")
AMOUNT = Index("by_amount", "global", Key((s("customer"),), (n("amount"),)), ("city", "day"))


@cache
def validator() -> tuple[ParamValidator, Any]:
    return ParamValidator(), botocore.session.Session().get_service_model("dynamodb")


def checked(call: Call) -> Call:
    check, service = validator()
    report = check.validate(call.request, service.operation_model(call.operation).input_shape)
    assert not report.has_errors(), report.generate_report()
    return call


def create_request(*schemas: Schema) -> Request:
    return checked(CreateTables(schemas).first_call(SCOPE)).request


def play(conversation: Conversation[None], answers: Sequence[Any]) -> list[Call | Pause]:
    """The steps of a conversation whose calls are answered in turn: with a response, or by raising."""
    steps: list[Call | Pause] = []
    waiting = iter(answers)
    try:
        step = next(conversation)
        while True:
            assert isinstance(step, Call | Pause)
            steps.append(step)
            answer = None if isinstance(step, Pause) else next(waiting)
            if isinstance(step, Call):
                checked(step)
            step = conversation.throw(answer) if isinstance(answer, Exception) else conversation.send(answer)
    except StopIteration:
        assert list(waiting) == []
        return steps


def names(steps: list[Call | Pause]) -> list[str]:
    return [step.operation if isinstance(step, Call) else "Pause" for step in steps]


def described(status: str = "ACTIVE", *indexes: str) -> dict[str, Any]:
    return {
        "Table": {"TableStatus": status, "GlobalSecondaryIndexes": [{"IndexStatus": index} for index in indexes]},
    }


def test_a_plain_table() -> None:
    assert create_request(schema()) == {
        "TableName": "test-orders",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "customer", "AttributeType": "S"},
            {"AttributeName": "number", "AttributeType": "N"},
        ],
        "KeySchema": [
            {"AttributeName": "customer", "KeyType": "HASH"},
            {"AttributeName": "number", "KeyType": "RANGE"},
        ],
    }


def test_indexes_with_their_keys_in_order_and_each_attribute_defined_once() -> None:
    request = create_request(schema(indexes=by("by_place", PLACE, DAY, AMOUNT)))
    assert request["GlobalSecondaryIndexes"] == [
        {
            "IndexName": "by_place",
            "KeySchema": [
                {"AttributeName": "country", "KeyType": "HASH"},
                {"AttributeName": "city", "KeyType": "HASH"},
                {"AttributeName": "amount", "KeyType": "RANGE"},
                {"AttributeName": "day", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        },
        {
            "IndexName": "by_amount",
            "KeySchema": [
                {"AttributeName": "customer", "KeyType": "HASH"},
                {"AttributeName": "amount", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["city", "day"]},
        },
    ]
    assert request["LocalSecondaryIndexes"] == [
        {
            "IndexName": "by_day",
            "KeySchema": [
                {"AttributeName": "customer", "KeyType": "HASH"},
                {"AttributeName": "day", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ]
    defined = [definition["AttributeName"] for definition in request["AttributeDefinitions"]]
    assert defined == ["customer", "number", "country", "city", "amount", "day"]


def test_models_on_one_table_share_it() -> None:
    narrow = Index("by_amount", "global", AMOUNT.key, ("day", "country"))
    request = create_request(
        schema("Order", indexes=by("by_amount", AMOUNT)), schema("Refund", indexes=by("by_amount", narrow, DAY))
    )
    (index,) = request["GlobalSecondaryIndexes"]
    assert index["Projection"]["NonKeyAttributes"] == ["city", "day", "country"]
    assert [index["IndexName"] for index in request["LocalSecondaryIndexes"]] == ["by_day"]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (schema("Refund", key=Key((s("customer"),))), "different keys"),
        (schema("Refund", indexes=by("by_amount", Index("by_amount", "global", PLACE.key))), "by_amount differently"),
        (schema("Refund", indexes=by("by_amount", Index("by_amount", "global", AMOUNT.key))), "by_amount differently"),
        (schema("Refund", time_to_live="until"), "time to live"),
        (schema("Refund", indexes=by("x", Index("x", "global", Key((s("amount"),))))), "amount has two types"),
    ],
)
def test_models_that_disagree_about_their_table_are_named(other: Schema, message: str) -> None:
    order = schema("Order", indexes=by("by_amount", AMOUNT), time_to_live="expires")
    with pytest.raises(InvalidOperation, match=message) as caught:
        CreateTables((order, other)).first_call(SCOPE)
    assert "Order and Refund" in str(caught.value)


def test_more_local_indexes_than_dynamodb_takes_are_refused() -> None:
    six = [Index(f"by_{number}", "local", DAY.key) for number in range(6)]
    with pytest.raises(InvalidOperation, match="at most 5"):
        create_request(schema(indexes=by("by_0", *six)))


def test_more_projected_attributes_than_dynamodb_takes_are_refused() -> None:
    wide = [
        Index(f"by_{number}", "global", AMOUNT.key, tuple(f"a{position}" for position in range(51)))
        for number in range(2)
    ]
    with pytest.raises(InvalidOperation, match="at most 100"):
        create_request(schema(indexes=by("by_0", *wide)))


def test_no_models_are_no_tables() -> None:
    with pytest.raises(InvalidOperation):
        CreateTables(()).first_call(SCOPE)
    with pytest.raises(InvalidOperation):
        DeleteTables(()).first_call(SCOPE)


def test_creating_waits_for_the_table_and_its_indexes() -> None:
    steps = play(
        CreateTables((schema(indexes=by("by_place", PLACE)),)).converse(SCOPE),
        [
            {},
            TableNotFound("not yet"),
            described("CREATING", "CREATING"),
            described("ACTIVE", "CREATING"),
            described("ACTIVE", "ACTIVE"),
        ],
    )
    assert names(steps) == ["CreateTable", *["DescribeTable", "Pause"] * 3, "DescribeTable"]
    assert [step.seconds for step in steps if isinstance(step, Pause)] == [tables.POLL_SECONDS] * 3


@pytest.mark.behaviour("2.9")
def test_creating_turns_the_time_to_live_on() -> None:
    steps = play(CreateTables((schema(time_to_live="expires"),)).converse(SCOPE), [{}, described(), {}])
    assert names(steps) == ["CreateTable", "DescribeTable", "UpdateTimeToLive"]
    last = steps[-1]
    assert isinstance(last, Call)
    assert last.request["TimeToLiveSpecification"] == {"Enabled": True, "AttributeName": "expires"}


def test_all_tables_are_created_before_one_is_waited_for() -> None:
    several = (schema(), schema("User", "users"), schema("Refund"))
    steps = play(CreateTables(several).converse(SCOPE), [{}, {}, described(), described()])
    assert names(steps) == ["CreateTable", "CreateTable", "DescribeTable", "DescribeTable"]


def test_a_table_that_exists_is_named() -> None:
    with pytest.raises(TableInUse, match=r"Order\.create_tables: the table test-orders exists already"):
        play(CreateTables((schema(),)).converse(SCOPE), [TableInUse("Table already exists")])


def test_deleting_waits_until_the_table_is_gone() -> None:
    steps = play(
        DeleteTables((schema("Order"), schema("Refund"))).converse(SCOPE),
        [{}, described("DELETING"), TableNotFound("gone")],
    )
    assert names(steps) == ["DeleteTable", "DescribeTable", "Pause", "DescribeTable"]


def test_deleting_a_table_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(TableNotFound, match="the table test-orders does not exist"):
        play(DeleteTables((schema(),)).converse(SCOPE), [TableNotFound("not found")])


def test_other_errors_name_the_models() -> None:
    with pytest.raises(Throttled, match=r"Order, Refund\.delete_tables"):
        play(DeleteTables((schema("Order"), schema("Refund"))).converse(SCOPE), [Throttled("slow down")])


def test_waiting_ends() -> None:
    answers = [{}, *[described("CREATING")] * tables.MAX_POLLS]
    with pytest.raises(DeadlineExceeded, match="not active after 300 seconds"):
        play(CreateTables((schema(),)).converse(SCOPE), answers)
