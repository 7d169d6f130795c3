"""What may come back to a tenant, in answers and in errors."""

from __future__ import annotations

import traceback
from copy import deepcopy
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from dynamorm_py import ConditionFailed, DynamormError, TenantViolation, TransactionCanceled
from dynamorm_py.core.errors import CancellationReason
from tests.guard.owned import (
    BATCH_GET,
    BATCH_WRITE,
    DELETE,
    GET,
    INDEX_QUERY,
    OWN,
    PUT,
    QUERY,
    TRANSACT_GET,
    TRANSACT_WRITE,
    UPDATE,
    Request,
    guard,
    item,
    key,
)

SERVICE: Any = botocore.session.get_session().get_service_model("dynamodb")
PLAIN = {"ConsumedCapacity": {"TableName": "test_orders"}, "ResponseMetadata": {"RequestId": "r"}}
NOTE = {"tenant_id": {"S": "acme"}, "note_id": {"N": "1"}}
COLLECTION = {"ItemCollectionKey": {"pk": key()["pk"]}, "SizeEstimateRangeGB": [0.0, 1.0]}

# Whole answers to the own requests, with every member that they can have.
ANSWERS: dict[str, tuple[str, Request, Request]] = {
    "get": ("GetItem", GET, {"Item": item(), **PLAIN}),
    "get of nothing": ("GetItem", GET, PLAIN),
    "batch get": (
        "BatchGetItem",
        BATCH_GET,
        {
            "Responses": {"test_orders": [item()], "test_notes": [NOTE], "test_plans": [{"plan": {"S": "globex"}}]},
            "UnprocessedKeys": {"test_orders": {"Keys": [key()], "ConsistentRead": True}},
        },
    ),
    "batch get of nothing": ("BatchGetItem", BATCH_GET, {"Responses": {}, "UnprocessedKeys": {}}),
    "transact get": ("TransactGetItems", TRANSACT_GET, {"Responses": [{"Item": item()}, {}]}),
    "query": (
        "Query",
        QUERY,
        {"Items": [item(), key()], "Count": 2, "ScannedCount": 2, "LastEvaluatedKey": key(), **PLAIN},
    ),
    "query of an index": (
        "Query",
        INDEX_QUERY,
        {"Count": 2, "ScannedCount": 2, "LastEvaluatedKey": {**key(), "customer_pk": item()["customer_pk"]}},
    ),
    "put": ("PutItem", PUT, {"Attributes": item(), "ItemCollectionMetrics": COLLECTION}),
    "update": ("UpdateItem", UPDATE, {"Attributes": item(), "ItemCollectionMetrics": COLLECTION}),
    "delete": ("DeleteItem", DELETE, {"Attributes": item(), "ItemCollectionMetrics": COLLECTION}),
    "delete of nothing": ("DeleteItem", DELETE, {"Attributes": {}}),
    "batch write": (
        "BatchWriteItem",
        BATCH_WRITE,
        {
            "UnprocessedItems": {
                "test_orders": [{"PutRequest": {"Item": item()}}, {"DeleteRequest": {"Key": key()}}],
                "test_notes": [{"DeleteRequest": {"Key": NOTE}}],
            },
            "ItemCollectionMetrics": {"test_orders": [COLLECTION]},
        },
    ),
    "transact write": ("TransactWriteItems", TRANSACT_WRITE, {"ItemCollectionMetrics": {"test_orders": [COLLECTION]}}),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_own_answers_are_handed_on_as_they_are(name: str) -> None:
    operation, request, answer = ANSWERS[name]
    before = deepcopy(answer)
    assert guard().admit(operation, request, answer) is answer
    assert answer == before


@pytest.mark.parametrize("name", ANSWERS)
def test_own_answers_are_answers(name: str) -> None:
    operation, _, answer = ANSWERS[name]
    members = {name: value for name, value in answer.items() if name not in PLAIN}
    report = ParamValidator().validate(members, SERVICE.operation_model(operation).output_shape)
    assert not report.has_errors(), report.generate_report()


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where in an answer there is text of the tenant, outside of what is shared."""
    if isinstance(value, dict):
        return [each for name, inner in value.items() for each in places(inner, (*path, name))]
    if isinstance(value, list):
        return [each for position, inner in enumerate(value) for each in places(inner, (*path, position))]
    return [path] if isinstance(value, str) and "acme" in value else []


PLANTED = [(name, path) for name, (_, _, answer) in ANSWERS.items() for path in places(answer)]


def test_every_operation_has_a_place_for_something_foreign() -> None:
    assert {ANSWERS[name][0] for name, _ in PLANTED} == {operation for operation, _ in OWN.values()}
    assert len(PLANTED) > 30


@pytest.mark.parametrize(("name", "path"), PLANTED, ids=str)
@pytest.mark.parametrize("tenant", ["globex", "acme2"])
def test_whatever_is_foreign_is_not_handed_on(name: str, path: tuple[Any, ...], tenant: str) -> None:
    operation, request, answer = ANSWERS[name]
    planted = deepcopy(answer)
    at: Any = planted
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = at[path[-1]].replace("acme", tenant)
    with pytest.raises(TenantViolation) as raised:
        guard().admit(operation, request, planted)
    assert tenant not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(
    "value", [{"N": "1"}, {"B": b"TENANT#acme"}, {"NULL": True}, {}, {"S": None}, {"S": []}, None, 3]
)
def test_keys_of_other_types_are_nobodys(value: Any) -> None:
    for name in ("pk", "customer_pk", "tenant_id"):
        with pytest.raises(TenantViolation):
            guard().admit("Query", QUERY, {"Items": [{**item(), name: value}]})


def test_two_types_at_once_are_nobodys() -> None:
    for name in ("pk", "customer_pk", "tenant_id"):
        with pytest.raises(TenantViolation):
            guard().admit("Query", QUERY, {"Items": [{**item(), name: {**item()[name], "N": "1"}}]})


@pytest.mark.parametrize("odd", [{}, {"sk": {"S": "x"}}, None, "TENANT#acme", [], 3])
def test_what_has_no_key_is_nobodys(odd: Any) -> None:
    with pytest.raises(TenantViolation):
        guard().admit("Query", QUERY, {"Items": [item(), odd]})


def test_a_poisoned_index_item_is_stopped() -> None:
    # Written past this library: it stands in the tenant's index, and belongs to another.
    poisoned = {**item("globex"), "customer_pk": item()["customer_pk"]}
    with pytest.raises(TenantViolation):
        guard().admit("Query", INDEX_QUERY, {"Items": [item(), poisoned]})
    borrowed = {**item(), "customer_pk": item("globex")["customer_pk"]}
    with pytest.raises(TenantViolation):
        guard().admit("Query", QUERY, {"Items": [borrowed]})


def test_tables_that_were_not_asked_for_are_refused() -> None:
    answers: tuple[Request, ...] = (
        {"Responses": {"test_other": [{}]}},
        {"UnprocessedKeys": {"test_other": {"Keys": [key()]}}},
    )
    for answer in answers:
        with pytest.raises(TenantViolation):
            guard().admit("BatchGetItem", BATCH_GET, answer)
    only = {"RequestItems": {"test_orders": BATCH_GET["RequestItems"]["test_orders"]}}
    with pytest.raises(TenantViolation):
        guard().admit("BatchGetItem", only, {"Responses": {"test_plans": [{"plan": {"S": "free"}}]}})
    with pytest.raises(TenantViolation):
        guard().admit("BatchWriteItem", BATCH_WRITE, {"UnprocessedItems": {"test_plans": []}})


@pytest.mark.parametrize(
    "entry",
    [
        {"UpdateRequest": {"Key": key()}},
        {},
        {"PutRequest": {"Key": key()}},
        {"PutRequest": {"Item": item()}, "x": 1},
        3,
    ],
)
def test_unknown_entries_are_refused(entry: Any) -> None:
    with pytest.raises(TenantViolation):
        guard().admit("BatchWriteItem", BATCH_WRITE, {"UnprocessedItems": {"test_orders": [entry]}})


@pytest.mark.parametrize(
    "answers",
    [[{"Item": item()}], [{}, {}, {}], [{"Item": item()}, {"Other": {}}], [None, {}], {"Item": item()}, "x"],
)
def test_a_transaction_is_answered_entry_by_entry(answers: Any) -> None:
    with pytest.raises(TenantViolation):
        guard().admit("TransactGetItems", TRANSACT_GET, {"Responses": answers})


@pytest.mark.parametrize("name", ANSWERS)
def test_members_that_are_not_known_are_left_out(name: str) -> None:
    operation, request, answer = ANSWERS[name]
    more = {**answer, "Siblings": [item("globex")], "items": [item("globex")]}
    assert guard().admit(operation, request, more) == answer


def test_answers_of_other_operations_are_refused() -> None:
    with pytest.raises(TenantViolation):
        guard().admit("Scan", {"TableName": "test_orders"}, {"Items": [item()]})


def failed(condition_item: Any) -> ConditionFailed:
    """As the transport raises it: with botocore's error, which keeps the answer, behind it."""
    response: Any = {"Error": {"Code": "ConditionalCheckFailedException"}, "Item": deepcopy(condition_item)}
    error = ConditionFailed("the condition failed")
    error.item = deepcopy(condition_item)
    error.__cause__ = ClientError(response, "PutItem")
    return error


def cancelled(*items: Any) -> TransactionCanceled:
    response: Any = {
        "Error": {"Code": "TransactionCanceledException"},
        "CancellationReasons": [{"Code": "x"} if each is None else {"Code": "x", "Item": each} for each in items],
    }
    error = TransactionCanceled("cancelled")
    error.reasons = tuple(CancellationReason("x", item=each) for each in items)
    error.__cause__ = ClientError(response, "TransactWriteItems")
    return error


def held(error: BaseException) -> str:
    """Everything that an error brings along."""
    text = ""
    each: Any = error
    while each is not None:
        text += repr((vars(each), each.args, str(each)))
        each = each.__cause__ or each.__context__
    return text


def stripped(error: DynamormError, operation: str, request: Request) -> TenantViolation:
    """What is raised in the error's place, as it comes out of an `except` block."""

    def answered() -> None:
        try:
            raise error
        except DynamormError as caught:
            guard().strip(caught, operation, request)

    with pytest.raises(TenantViolation) as raised:
        answered()
    assert raised.value.__suppress_context__
    return raised.value


def test_own_items_in_errors_stay() -> None:
    for own in (item(), None):
        error = failed(own)
        guard().strip(error, "PutItem", PUT)
        assert error.item == own
        assert isinstance(error.__cause__, ClientError)
        assert error.__cause__.response.get("Item") == own
    error_of_many = cancelled(item(), None, item(), None, {"plan": {"S": "globex"}})
    before = held(error_of_many)
    guard().strip(error_of_many, "TransactWriteItems", TRANSACT_WRITE)
    assert held(error_of_many) == before


def test_errors_without_items_stay() -> None:
    error = DynamormError("whatever")
    guard().strip(error, "GetItem", GET)
    assert error.args == ("whatever",)


@pytest.mark.parametrize(
    "foreign", [item("globex"), {**item(), "tenant_id": {"S": "globex"}}, {"x": {"S": "globex"}}, {"pk": "globex"}]
)
def test_a_foreign_item_is_taken_out_of_a_failed_condition(foreign: Any) -> None:
    for operation, request in (("PutItem", PUT), ("UpdateItem", UPDATE), ("DeleteItem", DELETE)):
        error = failed(foreign)
        assert "globex" not in held(stripped(error, operation, request))
        assert "globex" not in held(error)


def test_a_foreign_item_is_taken_out_of_a_cancelled_transaction() -> None:
    error = cancelled(item(), None, item("globex"), None, {"plan": {"S": "free"}})
    assert "globex" not in held(stripped(error, "TransactWriteItems", TRANSACT_WRITE))
    assert "globex" not in held(error)
    assert [reason.item for reason in error.reasons] == [item(), None, None, None, {"plan": {"S": "free"}}]


def test_reasons_that_do_not_match_the_entries_hold_nobodys_items() -> None:
    error = cancelled(item(), item())
    stripped(error, "TransactWriteItems", TRANSACT_WRITE)
    assert [reason.item for reason in error.reasons] == [None, None]


def test_items_are_found_behind_other_errors() -> None:
    error = DynamormError("outcome unknown")
    error.__context__ = failed(item("globex"))
    assert "globex" not in held(stripped(error, "PutItem", PUT))
    assert "globex" not in held(error)


def test_an_item_in_the_cause_alone_is_found() -> None:
    error = failed(None)
    assert isinstance(error.__cause__, ClientError)
    response: Any = error.__cause__.response
    response["Item"] = item("globex")
    stripped(error, "PutItem", PUT)
    assert "Item" not in response
