"""Requests written by hand: which operations there are, and which may be sent again."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from dynamorm_py.core.errors import InvalidOperation
from dynamorm_py.core.raw_calls import OPERATIONS, raw_call
from dynamorm_py.core.wire import Call, Repetition, Target


def test_every_operation_is_one_of_dynamodbs() -> None:
    service: Any = botocore.session.Session().get_service_model("dynamodb")
    assert set(service.operation_names) >= OPERATIONS
    assert len(OPERATIONS) >= 56


def members(shape: Any) -> set[str]:  # a botocore.model.StructureShape
    return set(shape.members)


def accepted(operation: str, request: dict[str, Any]) -> bool:
    try:
        raw_call(operation, request)
    except InvalidOperation:
        return False
    return True


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_the_members_of_a_request_are_those_that_botocore_knows(operation: str) -> None:
    service: Any = botocore.session.Session().get_service_model("dynamodb")
    known = members(service.operation_model(operation).input_shape)
    assert accepted(operation, dict.fromkeys(known))
    with pytest.raises(InvalidOperation, match=f"{operation} has no member 'Nothing'") as caught:
        raw_call(operation, {"Nothing": 1})
    named = str(caught.value).rpartition("its members are ")[2].split(", ")
    assert set(named) == known or not known


def test_the_parts_of_a_transaction_are_looked_through_too() -> None:
    service: Any = botocore.session.Session().get_service_model("dynamodb")
    for operation in ("TransactWriteItems", "TransactGetItems"):
        actions = service.operation_model(operation).input_shape.members["TransactItems"].member.members
        for action, shape in actions.items():
            assert accepted(operation, {"TransactItems": [{action: dict.fromkeys(members(shape))}]})
            with pytest.raises(InvalidOperation, match=f"{action} has no member 'ConditionExpresion'"):
                raw_call(operation, {"TransactItems": [{action: {"ConditionExpresion": "x"}}]})
    # The form is DynamoDB's to refuse.
    assert accepted("TransactWriteItems", {"TransactItems": [7]})
    assert accepted("TransactWriteItems", {"TransactItems": None})
    assert accepted("TransactWriteItems", {"TransactItems": [{"Putt": {}}, {"Put": None}]})


@pytest.mark.parametrize(
    "operation",
    [
        "GetItem",
        "BatchGetItem",
        "TransactGetItems",
        "Query",
        "Scan",
        "DescribeTable",
        "ListTables",
        "GetResourcePolicy",
    ],
)
def test_what_reads_may_be_sent_again(operation: str) -> None:
    assert raw_call(operation, {}).repetition is Repetition.HARMLESS


@pytest.mark.parametrize(
    "operation", ["PutItem", "UpdateItem", "TransactWriteItems", "ExecuteStatement", "CreateTable", "UpdateTable"]
)
def test_what_writes_is_not_sent_again_without_a_token(operation: str) -> None:
    assert raw_call(operation, {}).repetition is Repetition.HARMFUL


@pytest.mark.parametrize("operation", ["TransactWriteItems", "ExecuteTransaction"])
def test_what_carries_a_token_may_be_sent_again(operation: str) -> None:
    assert raw_call(operation, {}).repetition is Repetition.HARMFUL
    assert raw_call(operation, {"ClientRequestToken": "t"}).repetition is Repetition.HARMLESS


def test_the_request_is_sent_as_it_is() -> None:
    request = {"TableName": "users", "IndexName": "by_email", "Select": "COUNT"}
    call = raw_call("Query", request)
    assert call == Call("Query", request, (Target("users", "by_email"),))
    assert call.request is not request
    assert raw_call("ListTables", {}).targets == ()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("getitem", "its name is GetItem"),
        ("update_table", "its name is UpdateTable"),
        ("GetPaginator", "API reference"),
    ],
)
def test_other_names_are_refused(name: Any, hint: str) -> None:
    with pytest.raises(InvalidOperation, match=hint):
        raw_call(name, {})
