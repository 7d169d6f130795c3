"""Tables as text for the tools that own them in production: CloudFormation, SAM, Terraform.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html
https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/dynamodb_table
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from dynamorm_py.core.errors import InvalidOperation
from dynamorm_py.core.table_settings import TableSettings
from dynamorm_py.core.tables import HasSchema, TableDefinition, tables_of
from dynamorm_py.core.wire import Request, Scope

TemplateFormat: TypeAlias = Literal["cloudformation", "sam", "terraform"]


def table_template(
    models: HasSchema | Iterable[HasSchema],
    *,
    format: TemplateFormat = "cloudformation",  # noqa: A002  # what the callers of such functions call it
    prefix: str = "",
    settings: TableSettings | None = None,
) -> str:
    """The tables of the models as a template, whose deployment makes what `Client.create_tables` makes.

    "cloudformation" and "sam" are JSON, which both read as they read YAML; "terraform" is HCL for the `hashicorp/aws`
    provider, from version 6.29 on where there are global indexes. `prefix` is put before the tables' names, as
    `Client(table_prefix=...)` does. The same models make the same text. What is deployed keeps its tables when the
    template, or a table in it, goes away (`DeletionPolicy`, `prevent_destroy`).

        print(table_template([User, Order], format="terraform"))
    """
    several = models if isinstance(models, Iterable) else (models,)
    schemas = [model.__dynamorm_schema__ for model in several]
    write = _WRITERS.get(format)
    if write is None:
        raise InvalidOperation(f"there is no format {format!r}: {', '.join(_WRITERS)} can be chosen")
    tables = tables_of(schemas, Scope(prefix), settings)
    return write([_Exported(table.name.removeprefix(prefix), table, table.create_request()) for table in tables])


@dataclass(frozen=True, slots=True)
class _Exported:
    """A table with the parameters of its `CreateTable`; `name` is without the prefix, as resources are called in every
    environment."""

    name: str
    table: TableDefinition
    request: Request


def _cloudformation(tables: list[_Exported]) -> str:
    return _stack(tables, {"AWSTemplateFormatVersion": "2010-09-09"})


def _sam(tables: list[_Exported]) -> str:
    # Not AWS::Serverless::SimpleTable, which has neither sort keys nor indexes.
    return _stack(tables, {"AWSTemplateFormatVersion": "2010-09-09", "Transform": "AWS::Serverless-2016-10-31"})


def _stack(tables: list[_Exported], head: Mapping[str, str]) -> str:
    names = _distinct("".join(map(_capitalised, re.findall(r"[a-zA-Z0-9]+", each.name))) + "Table" for each in tables)
    resources = {
        name: {
            "Type": "AWS::DynamoDB::Table",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": _properties(each),
        }
        for name, each in zip(names, tables, strict=True)
    }
    return json.dumps({**head, "Resources": resources}, indent=2) + "\n"


def _properties(exported: _Exported) -> Mapping[str, object]:
    properties = dict(exported.request)
    if "StreamSpecification" in properties:
        properties["StreamSpecification"] = {"StreamViewType": properties["StreamSpecification"]["StreamViewType"]}
    if exported.table.time_to_live is not None:
        properties["TimeToLiveSpecification"] = {"AttributeName": exported.table.time_to_live, "Enabled": True}
    return properties


def _terraform(tables: list[_Exported]) -> str:
    labels = _distinct(re.sub(r"^(?=[^a-zA-Z_])", "table_", re.sub(r"[^\w-]", "_", each.name)) for each in tables)
    blocks = (
        _written(f'resource "aws_dynamodb_table" "{label}"', _resource(each))
        for label, each in zip(labels, tables, strict=True)
    )
    return "\n".join("\n".join(lines) + "\n" for lines in blocks)


# The arguments of a block, and the blocks in it, each with its name.
_Body: TypeAlias = tuple[dict[str, str | int | bool | list[str] | None], list[tuple[str, "_Body"]]]


def _resource(exported: _Exported) -> _Body:
    request = exported.request
    hash_key, range_key = _simple_key(request["KeySchema"])
    stream = request.get("StreamSpecification")
    arguments: dict[str, str | int | bool | list[str] | None] = {
        "name": request["TableName"],
        "billing_mode": request["BillingMode"],
        **_capacity(request),
        "hash_key": hash_key,
        "range_key": range_key,
        "stream_enabled": True if stream else None,
        "stream_view_type": stream and stream["StreamViewType"],
        "deletion_protection_enabled": request.get("DeletionProtectionEnabled"),
    }
    blocks: list[tuple[str, _Body]] = [
        ("attribute", ({"name": each["AttributeName"], "type": each["AttributeType"]}, []))
        for each in request["AttributeDefinitions"]
    ]
    blocks += [("global_secondary_index", _global_index(index)) for index in request.get("GlobalSecondaryIndexes", ())]
    blocks += [("local_secondary_index", _local_index(index)) for index in request.get("LocalSecondaryIndexes", ())]
    if exported.table.time_to_live is not None:
        blocks.append(("ttl", ({"attribute_name": exported.table.time_to_live, "enabled": True}, [])))
    blocks.append(("lifecycle", ({"prevent_destroy": True}, [])))
    return arguments, blocks


def _global_index(index: Request) -> _Body:
    # The provider's hash_key and range_key are deprecated here, and know one attribute each.
    key: list[tuple[str, _Body]] = [
        ("key_schema", ({"attribute_name": part["AttributeName"], "key_type": part["KeyType"]}, []))
        for part in index["KeySchema"]
    ]
    return {"name": index["IndexName"], **_projection(index), **_capacity(index)}, key


def _local_index(index: Request) -> _Body:
    _, range_key = _simple_key(index["KeySchema"])
    return {"name": index["IndexName"], "range_key": range_key, **_projection(index)}, []


def _projection(index: Request) -> dict[str, str | list[str] | None]:
    projection = index["Projection"]
    return {"projection_type": projection["ProjectionType"], "non_key_attributes": projection.get("NonKeyAttributes")}


def _capacity(request: Request) -> dict[str, int | None]:
    units: Mapping[str, int] = request.get("ProvisionedThroughput", {})
    return {"read_capacity": units.get("ReadCapacityUnits"), "write_capacity": units.get("WriteCapacityUnits")}


def _simple_key(schema: Iterable[Mapping[str, str]]) -> tuple[str | None, str | None]:
    parts = {part["KeyType"]: part["AttributeName"] for part in schema}
    return parts.get("HASH"), parts.get("RANGE")


def _written(head: str, body: _Body) -> list[str]:
    """A block's lines, as `terraform fmt` leaves them."""
    given = {name: value for name, value in body[0].items() if value is not None}
    width = max(map(len, given), default=0)
    lines = [f"{name:<{width}} = {_literal(value)}" for name, value in given.items()]
    for name, inner in body[1]:
        lines += ["", *_written(name, inner)]
    return [f"{head} {{", *("  " + line if line else line for line in lines), "}"]


def _literal(value: str | int | bool | list[str]) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, str):
        return _quoted(value)
    return json.dumps(value)


def _quoted(text: str) -> str:
    """A literal of HCL: `${` and `%{` would begin a template.
    https://developer.hashicorp.com/terraform/language/expressions/strings
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "$${").replace("%{", "%%{")
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\u{ord(found[0]):04x}", escaped) + '"'


def _distinct(names: Iterable[str]) -> Iterator[str]:
    """Names that differ: `a-b` and `a.b` are two tables, and would be one resource."""
    seen: set[str] = set()
    for name in names:
        number, own = 2, name
        while own in seen:
            own, number = f"{name}{number}", number + 1
        seen.add(own)
        yield own


def _capitalised(word: str) -> str:
    return word[0].upper() + word[1:]


_WRITERS: dict[str, Callable[[list[_Exported]], str]] = {
    "cloudformation": _cloudformation,
    "sam": _sam,
    "terraform": _terraform,
}
