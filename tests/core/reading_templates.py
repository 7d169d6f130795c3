"""Templates read back into what creates their tables, by the rules of the tools that would deploy them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import hcl2

from dynamorm_py.core.templates import TemplateFormat
from dynamorm_py.core.wire import Request

# The parameters of CreateTable, and the attribute of the time to live.
Creation = tuple[Request, str | None]


def read_template(text: str, form: TemplateFormat) -> list[Creation]:
    return list(_resources(text) if form == "terraform" else _stack(json.loads(text)))


def _stack(template: dict[str, Any]) -> Iterator[Creation]:
    for resource in template["Resources"].values():
        assert resource["Type"] == "AWS::DynamoDB::Table"
        request = dict(resource["Properties"])
        expires = request.pop("TimeToLiveSpecification", None)
        if "StreamSpecification" in request:
            request["StreamSpecification"] = {"StreamEnabled": True, **request["StreamSpecification"]}
        yield request, expires and expires["AttributeName"]


def _resources(text: str) -> Iterator[Creation]:
    for resource in hcl2.loads(text)["resource"]:
        ((kind, labelled),) = _own(resource).items()
        assert _text(kind) == "aws_dynamodb_table"
        ((_, body),) = _own(labelled).items()
        yield _table(_own(body))


def _table(body: dict[str, Any]) -> Creation:
    request: Request = {
        "TableName": _text(body.pop("name")),
        "BillingMode": _text(body.pop("billing_mode")),
        "AttributeDefinitions": [
            {"AttributeName": _text(each["name"]), "AttributeType": _text(each["type"])}
            for each in body.pop("attribute")
        ],
        "KeySchema": _key(body),
        **_capacity(body),
    }
    indexes = {"GlobalSecondaryIndexes": "global_secondary_index", "LocalSecondaryIndexes": "local_secondary_index"}
    for member, block in indexes.items():
        if block in body:
            request[member] = [_index(_own(index), request["KeySchema"][0]) for index in body.pop(block)]
    if body.pop("stream_enabled", False):
        view = _text(body.pop("stream_view_type"))
        request["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": view}
    if body.pop("deletion_protection_enabled", False):
        request["DeletionProtectionEnabled"] = True
    (expires,) = body.pop("ttl", [None])
    assert expires is None or expires["enabled"] is True
    assert [_own(each) for each in body.pop("lifecycle")] == [{"prevent_destroy": True}]
    assert body == {}
    return request, expires and _text(expires["attribute_name"])


def _index(body: dict[str, Any], partition: dict[str, str]) -> Request:
    # A local index has its table's partition key, and says its sort key alone.
    key = (
        [partition, {"AttributeName": _text(body.pop("range_key")), "KeyType": "RANGE"}]
        if "range_key" in body
        else [
            {"AttributeName": _text(part["attribute_name"]), "KeyType": _text(part["key_type"])}
            for part in body.pop("key_schema")
        ]
    )
    projection: Request = {"ProjectionType": _text(body.pop("projection_type"))}
    if "non_key_attributes" in body:
        projection["NonKeyAttributes"] = [_text(name) for name in body.pop("non_key_attributes")]
    index = {"IndexName": _text(body.pop("name")), "KeySchema": key, "Projection": projection, **_capacity(body)}
    assert body == {}
    return index


def _key(body: dict[str, Any]) -> list[dict[str, str]]:
    arguments = {"hash_key": "HASH", "range_key": "RANGE"}
    return [
        {"AttributeName": _text(body.pop(argument)), "KeyType": role}
        for argument, role in arguments.items()
        if argument in body
    ]


def _capacity(body: dict[str, Any]) -> Request:
    if "read_capacity" not in body:
        return {}
    units = {"ReadCapacityUnits": body.pop("read_capacity"), "WriteCapacityUnits": body.pop("write_capacity")}
    return {"ProvisionedThroughput": units}


def _own(block: dict[str, Any]) -> dict[str, Any]:
    """A block without the parser's mark."""
    return {name: value for name, value in block.items() if name != "__is_block__"}


_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


def _text(literal: str) -> str:
    """What a quoted literal of HCL means; one that holds a template has no place here.
    https://developer.hashicorp.com/terraform/language/expressions/strings
    """
    assert literal[0] == literal[-1] == '"'
    inner = literal[1:-1]
    assert not re.search(r"(?<!\$)\$\{|(?<!%)%\{", inner)

    def unescaped(found: re.Match[str]) -> str:
        if found["code"]:
            return chr(int(found["code"], 16))
        return _ESCAPES[found["one"]] if found["one"] else found[0][1:]

    return re.sub(r"\\u(?P<code>[0-9a-f]{4})|\\(?P<one>.)|\$\$\{|%%\{", unescaped, inner)
