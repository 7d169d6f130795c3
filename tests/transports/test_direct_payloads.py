"""JSON in and out: botocore's serializer and parser, over its own model of the service, are the oracles."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from botocore.model import Shape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.session import get_session
from hypothesis import given
from hypothesis import strategies as st

from dynamorm_py.core.errors import InvalidOperation
from dynamorm_py.transports.payloads import ITEM_OPERATIONS, TIMED_REQUESTS, TIMES, decode, decode_error, encode

SERVICE: Any = get_session().get_service_model("dynamodb")

# Names that look like tags, and text that looks like a tagged value.
NAMES = st.sampled_from(["B", "BS", "S", "N", "M", "L", '"B":"', "CreationDateTime", "name", "ü"])

VALUES = st.recursive(
    st.one_of(
        st.builds(lambda text: {"S": text}, st.text(st.characters(exclude_categories=["Cs"]))),
        st.builds(lambda number: {"N": str(number)}, st.integers()),
        st.builds(lambda data: {"B": data}, st.binary()),
        st.builds(lambda data: {"B": bytearray(data)}, st.binary()),
        st.builds(lambda data: {"BS": data}, st.lists(st.binary(), min_size=1, max_size=3)),
        st.builds(lambda texts: {"SS": texts}, st.lists(st.sampled_from(["a", "B", '"B":"']), min_size=1)),
        st.sampled_from([{"BOOL": True}, {"BOOL": False}, {"NULL": True}]),
    ),
    lambda parts: st.one_of(
        st.builds(lambda values: {"L": values}, st.lists(parts, max_size=3)),
        st.builds(lambda values: {"M": values}, st.dictionaries(NAMES, parts, max_size=3)),
    ),
    max_leaves=8,
)
ITEMS = st.dictionaries(NAMES, VALUES, min_size=1, max_size=4)


def by_botocore(operation: str, request: dict[str, Any]) -> Any:
    serialized: Any = create_serializer("json").serialize_to_request(request, SERVICE.operation_model(operation))
    return json.loads(serialized["body"])


def parsed_by_botocore(operation: str, body: bytes) -> dict[str, Any]:
    shape = SERVICE.operation_model(operation).output_shape
    parsed: dict[str, Any] = create_parser("json").parse({"status_code": 200, "headers": {}, "body": body}, shape)
    del parsed["ResponseMetadata"]
    return parsed


@given(ITEMS)
def test_a_request_has_the_body_that_botocore_gives_it(item: dict[str, Any]) -> None:
    request = {"TableName": "users", "Item": item, "ReturnValues": "ALL_OLD"}
    assert json.loads(encode("PutItem", request)) == by_botocore("PutItem", request)


@given(ITEMS)
def test_an_answer_reads_as_botocore_reads_it(item: dict[str, Any]) -> None:
    body = json.dumps({"Item": by_botocore("PutItem", {"TableName": "users", "Item": item})["Item"]}).encode()
    assert decode("GetItem", body) == parsed_by_botocore("GetItem", body)
    compact = json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False).encode()
    assert decode("GetItem", compact) == decode("GetItem", body)


@pytest.mark.parametrize(
    "value", [{"B": "AAEC"}, {"BS": ["AAEC", "/w=="]}, {"S": "BOOL B BS"}], ids=["B", "BS", "none"]
)
def test_a_long_answer_reads_as_botocore_reads_it(value: dict[str, Any]) -> None:
    items = [{"name": {"S": "x" * 500}, "flag": {"BOOL": True}} for _ in range(20)]
    body = json.dumps({"Items": [*items, {"last": value}]}).encode()
    assert decode("Query", body) == parsed_by_botocore("Query", body)


def test_encoding_leaves_the_request_as_it_was() -> None:
    request = {"TableName": "users", "Item": {"picture": {"B": b"\xfb\xff"}}}
    encode("PutItem", request)
    assert request == {"TableName": "users", "Item": {"picture": {"B": b"\xfb\xff"}}}


def test_text_given_for_a_binary_value_counts_as_its_bytes() -> None:
    request = {"TableName": "users", "Item": {"picture": {"B": "ü"}, "pictures": {"BS": ["a", b"b"]}}}
    assert json.loads(encode("PutItem", request)) == by_botocore("PutItem", request)


@pytest.mark.parametrize("value", [object(), "\ud800", float], ids=["object", "surrogate", "class"])
def test_what_has_no_json_form_is_refused(value: Any) -> None:
    with pytest.raises(InvalidOperation):
        encode("PutItem", {"TableName": "users", "Item": {"name": {"S": value}}})


def test_times_in_requests_are_seconds() -> None:
    moment = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    request = {
        "TableArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/users",
        "S3Bucket": "bucket",
        "ClientToken": "token",
        "ExportTime": moment,
        "IncrementalExportSpecification": {"ExportFromTime": moment, "ExportToTime": moment},
    }
    ours = json.loads(encode("ExportTableToPointInTime", request))
    assert ours == by_botocore("ExportTableToPointInTime", request)
    assert ours["ExportTime"] == int(moment.timestamp())


@pytest.mark.parametrize("operation", SERVICE.operation_names)
def test_every_operations_answer_reads_as_botocore_reads_it(operation: str) -> None:
    shape = SERVICE.operation_model(operation).output_shape
    for seed in range(5):
        body = json.dumps(drawn(shape, Random(seed))).encode()
        assert decode(operation, body) == parsed_by_botocore(operation, body)


def test_the_tables_are_those_of_the_services_model() -> None:
    answers = {name: SERVICE.operation_model(name).output_shape for name in SERVICE.operation_names}
    requests = {name: SERVICE.operation_model(name).input_shape for name in SERVICE.operation_names}
    assert {name for shape in answers.values() for name in members(shape, "timestamp")} == TIMES
    assert {name for name, shape in answers.items() if members(shape, "timestamp")}.isdisjoint(ITEM_OPERATIONS)
    assert {name for name, shape in requests.items() if members(shape, "timestamp")} == TIMED_REQUESTS


def test_an_errors_item_has_bytes() -> None:
    body = b'{"__type":"x#ConditionalCheckFailedException","Item":{"picture":{"B":"+/8="}}}'
    assert decode_error(body)["Item"] == {"picture": {"B": b"\xfb\xff"}}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"<html>"])
def test_what_is_no_json_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode("GetItem", body)


def members(shape: Shape | None, kind: str, name: str = "", seen: tuple[str, ...] = ()) -> set[str]:
    """The names of members that are of a kind, however deep."""
    part: Any = shape
    if part is None or part.name in seen:
        return set()
    if part.type_name == kind:
        return {name}
    seen = (*seen, part.name)
    if part.type_name == "structure":
        return {found for below, inner in part.members.items() for found in members(inner, kind, below, seen)}
    if part.type_name == "list":
        return members(part.member, kind, name, seen)
    return members(part.value, kind, name, seen) if part.type_name == "map" else set()


def drawn(shape: Any, random: Random, seen: tuple[str, ...] = ()) -> Any:
    """An answer's JSON, as the model of the service allows it."""
    if shape is None:
        return {}
    if shape.name == "AttributeValue":
        return random.choice(
            [{"S": "B"}, {"N": "1.5"}, {"B": "+/8="}, {"BS": ["AAEC", "/w=="]}, {"L": [{"B": "AA=="}]}]
        )
    seen = (*seen, shape.name)
    if shape.type_name == "structure":
        kept = [name for name, part in shape.members.items() if part.name not in seen]
        return {name: drawn(shape.members[name], random, seen) for name in kept if random.random() < 0.9}
    if shape.type_name == "list":
        return [drawn(shape.member, random, seen) for _ in range(random.randint(0, 2))]
    if shape.type_name == "map":
        return {f"name{number}": drawn(shape.value, random, seen) for number in range(random.randint(0, 2))}
    plain = {"string": "B", "boolean": True, "timestamp": random.choice([1.7e9, 1_700_000_000.481]), "blob": "AA=="}
    return plain.get(shape.type_name, random.choice([0, 7, 2.5] if shape.type_name == "double" else [0, 7]))
