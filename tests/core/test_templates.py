"""Templates: what their text says, read back by parsers of its languages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from dynamorm_py.core.errors import InvalidOperation
from dynamorm_py.core.schema import Index, Key, Schema
from dynamorm_py.core.table_settings import Provisioned, TableSettings
from dynamorm_py.core.tables import tables_of
from dynamorm_py.core.templates import TemplateFormat, table_template
from dynamorm_py.core.wire import Scope
from tests.core.reading_templates import read_template
from tests.core.test_tables import AMOUNT, DAY, PLACE, by, n, s, schema

ODD = 'a "quoted" ${name} %{of} \\ \t é 😀'


@dataclass(frozen=True)
class Modelled:
    """As much of a model class as a template needs."""

    __dynamorm_schema__: Schema


def models(*schemas: Schema) -> list[Modelled]:
    return [Modelled(schema) for schema in schemas]


ORDER = schema(indexes=by("by_place", PLACE, AMOUNT, DAY), time_to_live="expires")
USER = schema("User", "users", key=Key((s(ODD),)), indexes={})
EVERYTHING = TableSettings(billing=Provisioned(3, 4), stream="NEW_AND_OLD_IMAGES", deletion_protection=True)
FORMATS: list[TemplateFormat] = ["cloudformation", "sam", "terraform"]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("settings", [None, EVERYTHING], ids=["plain", "settings"])
@pytest.mark.parametrize("prefix", ["", "test-"])
def test_read_back_it_is_the_request_that_creates_the_table(
    form: TemplateFormat, settings: TableSettings | None, prefix: str
) -> None:
    text = table_template(models(ORDER, USER), format=form, prefix=prefix, settings=settings)
    wanted = tables_of((ORDER, USER), Scope(prefix), settings)
    assert read_template(text, form) == [(table.create_request(), table.time_to_live) for table in wanted]


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_models_make_the_same_text(form: TemplateFormat) -> None:
    one, other = (table_template(models(ORDER, USER), format=form) for _ in range(2))
    assert one == other
    assert one.endswith("}\n")
    assert table_template(Modelled(ORDER), format=form) == table_template(models(ORDER), format=form)


@pytest.mark.parametrize("form", FORMATS)
def test_models_on_one_table_are_one_table(form: TemplateFormat) -> None:
    refund = schema("Refund", indexes=by("by_day", DAY))
    ((request, _),) = read_template(table_template(models(ORDER, refund), format=form), form)
    assert request["TableName"] == "orders"
    other = schema("Refund", key=Key((n("number"),)))
    with pytest.raises(InvalidOperation, match="Order and Refund give it different keys"):
        table_template(models(ORDER, other), format=form)


def test_cloudformation() -> None:
    template = json.loads(table_template(models(schema(time_to_live="expires")), prefix="test-"))
    assert template == {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {
            "OrdersTable": {
                "Type": "AWS::DynamoDB::Table",
                "DeletionPolicy": "Retain",
                "UpdateReplacePolicy": "Retain",
                "Properties": {
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
                    "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
                },
            }
        },
    }


def test_sam_is_a_stack_with_its_transform() -> None:
    sam = json.loads(table_template(models(ORDER), format="sam"))
    assert sam.pop("Transform") == "AWS::Serverless-2016-10-31"
    assert sam == json.loads(table_template(models(ORDER), format="cloudformation"))


def test_terraform() -> None:
    narrow = schema(indexes=by("by_amount", AMOUNT, DAY), time_to_live="expires")
    text = table_template(models(narrow), format="terraform", settings=TableSettings(stream="KEYS_ONLY"))
    assert (
        text
        == """\
resource "aws_dynamodb_table" "orders" {
  name             = "orders"
  billing_mode     = "PAY_PER_REQUEST"
  hash_key         = "customer"
  range_key        = "number"
  stream_enabled   = true
  stream_view_type = "KEYS_ONLY"

  attribute {
    name = "customer"
    type = "S"
  }

  attribute {
    name = "number"
    type = "N"
  }

  attribute {
    name = "amount"
    type = "N"
  }

  attribute {
    name = "day"
    type = "S"
  }

  global_secondary_index {
    name               = "by_amount"
    projection_type    = "INCLUDE"
    non_key_attributes = ["city", "day"]

    key_schema {
      attribute_name = "customer"
      key_type       = "HASH"
    }

    key_schema {
      attribute_name = "amount"
      key_type       = "RANGE"
    }
  }

  local_secondary_index {
    name            = "by_day"
    range_key       = "day"
    projection_type = "KEYS_ONLY"
  }

  ttl {
    attribute_name = "expires"
    enabled        = true
  }

  lifecycle {
    prevent_destroy = true
  }
}
"""
    )


@pytest.mark.parametrize(
    ("form", "names"),
    [
        ("cloudformation", ["ABTable", "ABTable2", "2fastTable", "MyUsersTable"]),
        ("terraform", ["a-b", "a_b", "table_2fast", "my_users"]),
    ],
)
def test_resources_have_names_of_their_own(form: TemplateFormat, names: list[str]) -> None:
    tables = [schema("M", name) for name in ("a-b", "a.b", "2fast", "my_users")]
    text = table_template(models(*tables), format=form, prefix="test-")
    if form == "terraform":
        assert [line.split('"')[3] for line in text.splitlines() if line.startswith("resource")] == names
    else:
        assert list(json.loads(text)["Resources"]) == names


@pytest.mark.parametrize("given", ["yaml", "Terraform", ""])
def test_other_formats_are_refused(given: Any) -> None:
    with pytest.raises(InvalidOperation, match="cloudformation, sam, terraform can be chosen"):
        table_template(models(ORDER), format=given)


def test_no_models_are_refused() -> None:
    with pytest.raises(InvalidOperation, match="name the models"):
        table_template([])


def test_names_that_dynamodb_refuses_are_refused() -> None:
    with pytest.raises(InvalidOperation, match="index name 'to/do'"):
        table_template(models(schema(indexes=by("to/do", Index("to/do", "global", AMOUNT.key)))))
    with pytest.raises(InvalidOperation, match="table name 'so long"):
        table_template(models(schema("M", "so long")))
