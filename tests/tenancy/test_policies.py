"""IAM policies of tenants: what they allow, by an evaluator that was held against another implementation of IAM."""

from __future__ import annotations

from typing import Any

import pytest

from dynamorm_py import (
    Attr,
    GlobalIndex,
    InvalidOperation,
    InvalidValue,
    LocalIndex,
    Model,
    PrimaryKey,
    partition_key,
    sort_key,
    tenant_key,
)
from dynamorm_py.core.tables import HasSchema
from dynamorm_py.tenancy import iam_policy, session_policy
from tests.tenancy.judge.evaluator import Ask, allows

REACH: dict[str, Any] = {"region": "eu-west-1", "account": "111122223333"}
ARN = "arn:aws:dynamodb:eu-west-1:111122223333:table/"


class Order(Model, table="policy_orders"):
    org: Attr[str] = tenant_key()
    number: Attr[str]
    customer: Attr[str]
    key = PrimaryKey("ORG#{org}#ORDER", "{number}")
    by_customer = GlobalIndex(partition_key="ORG#{org}#C#{customer}", sort_key="{number}")
    by_name = LocalIndex(sort_key="{customer}")


class Note(Model, table="policy_notes"):
    org: Attr[str] = tenant_key()
    number: Attr[str] = sort_key()


class Plan(Model, table="policy_plans", shared=True):
    name: Attr[str] = partition_key()


class Stray(Model, table="strays"):
    name: Attr[str] = partition_key()


def test_the_policy_of_templates() -> None:
    assert iam_policy(Order, tenant="acme", **REACH) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": [
                    "dynamodb:BatchGetItem",
                    "dynamodb:BatchWriteItem",
                    "dynamodb:ConditionCheckItem",
                    "dynamodb:DeleteItem",
                    "dynamodb:GetItem",
                    "dynamodb:PutItem",
                    "dynamodb:Query",
                    "dynamodb:UpdateItem",
                ],
                "Resource": [
                    f"{ARN}policy_orders",
                    f"{ARN}policy_orders/index/by_customer",
                    f"{ARN}policy_orders/index/by_name",
                ],
                "Condition": {
                    "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ORG#acme", "ORG#acme#*"]},
                    "Null": {"dynamodb:LeadingKeys": "false"},
                },
            }
        ],
    }


def test_the_policy_of_native_keys_compares_for_equality() -> None:
    [statement] = iam_policy(Note, tenant="acme", **REACH)["Statement"]
    assert statement["Condition"] == {
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["acme"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }


def test_the_policy_of_a_session_tag_names_the_tenant_by_it() -> None:
    [statement] = iam_policy([Order], session_tag="tenant", **REACH)["Statement"]
    tag = "${aws:PrincipalTag/tenant}"
    assert statement["Condition"]["ForAllValues:StringLike"] == {
        "dynamodb:LeadingKeys": [f"ORG#{tag}", f"ORG#{tag}#*"],
    }


def test_shared_tables_are_opened_for_reading() -> None:
    [statement] = iam_policy(Plan, tenant="acme", **REACH)["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Action": ["dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:Query"],
        "Resource": [f"{ARN}policy_plans"],
    }


def test_region_partition_and_prefix_stand_in_the_arn() -> None:
    policy = iam_policy(Plan, tenant="a", region="*", account="111122223333", partition="aws-cn", table_prefix="dev-")
    assert policy["Statement"][0]["Resource"] == ["arn:aws-cn:dynamodb:*:111122223333:table/dev-policy_plans"]


def test_models_on_one_table_share_a_statement() -> None:
    class Client(Model, table="policy_app"):
        org: Attr[str] = tenant_key()
        name: Attr[str]
        key = PrimaryKey("{org}", "{name}")
        by_name = GlobalIndex(partition_key="{org}#{name}")

    class Invoice(Model, table="policy_app"):
        org: Attr[str] = tenant_key()
        number: Attr[str]
        key = PrimaryKey("{org}", "I#{number}")
        by_number = GlobalIndex(partition_key="{org}#{number}")

    several: list[list[HasSchema]] = [[Client, Invoice], [Invoice, Client, Invoice]]
    for models in several:
        [statement] = iam_policy(models, tenant="acme", **REACH)["Statement"]
        assert statement["Resource"] == [
            f"{ARN}policy_app",
            f"{ARN}policy_app/index/by_name",
            f"{ARN}policy_app/index/by_number",
        ]
        assert statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] == ["acme", "acme#*"]


def test_a_native_key_beside_an_index_of_a_template_takes_both_forms() -> None:
    class Mixed(Model, table="mixed"):
        org: Attr[str] = tenant_key()
        number: Attr[str] = sort_key()
        by_number = GlobalIndex(partition_key="{org}#{number}")

    [statement] = iam_policy(Mixed, tenant="acme", **REACH)["Statement"]
    assert statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] == ["acme", "acme#*"]


def test_what_is_a_wildcard_to_iam_is_literal_in_a_prefix() -> None:
    class Odd(Model, table="odd"):
        org: Attr[str] = tenant_key()
        key = PrimaryKey("*?$#{org}", "X#")

    policy = iam_policy(Odd, tenant="acme", **REACH)
    patterns = policy["Statement"][0]["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    assert patterns == ["${*}${?}${$}#acme", "${*}${?}${$}#acme#*"]
    assert allows(policy, get("odd", "*?$#acme"))
    assert not allows(policy, get("odd", "xy$#acme"))


def get(table: str, *leading: str) -> Ask:
    return Ask("dynamodb:GetItem", ARN + table, {"dynamodb:LeadingKeys": leading} if leading else {})


@pytest.mark.behaviour("1.72")
@pytest.mark.parametrize("tenant", ["acme", "T", "a:b/c=d+e-f@g.h_i"])
@pytest.mark.parametrize("by_tag", [False, True])
def test_a_tenant_reaches_its_own_keys_only(tenant: str, by_tag: bool) -> None:
    policy = iam_policy([Order, Note, Plan], **{"session_tag": "org"} if by_tag else {"tenant": tenant}, **REACH)

    def may(action: str, resource: str, *leading: str) -> bool:
        context = {"dynamodb:LeadingKeys": leading, "aws:PrincipalTag/org": [tenant]}
        return allows(policy, Ask(f"dynamodb:{action}", ARN + resource, context))

    own = f"ORG#{tenant}#ORDER"
    for action in ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "BatchGetItem", "ConditionCheckItem"):
        assert may(action, "policy_orders", own)
        assert not may(action, "policy_orders", "ORG#other#ORDER")
    assert may("BatchWriteItem", "policy_orders", own, f"ORG#{tenant}")
    assert not may("BatchWriteItem", "policy_orders", own, "ORG#other#ORDER")
    assert may("Query", "policy_orders/index/by_customer", f"ORG#{tenant}#C#c1")
    assert not may("Query", "policy_orders/index/by_customer", "c1")
    assert not may("Query", "policy_orders/index/undeclared", own)
    assert not may("Scan", "policy_orders")
    assert not may("Scan", "policy_orders", own)
    assert not may("GetItem", "policy_orders")
    assert not may("PartiQLSelect", "policy_orders", own)
    for foreign in (
        f"ORG#{tenant}x",
        f"ORG#{tenant}x#1",
        f"ORG#x{tenant}",
        tenant,
        f"ORG#{tenant.swapcase()}#1",
        "ORG#",
    ):
        assert not may("GetItem", "policy_orders", foreign)
    assert may("GetItem", "policy_notes", tenant)
    assert not may("GetItem", "policy_notes", f"{tenant}#")
    assert not may("GetItem", "policy_notes", "*")
    assert may("GetItem", "policy_plans", "gold")
    assert may("Query", "policy_plans", "gold")
    assert not may("PutItem", "policy_plans", "gold")
    assert may("ConditionCheckItem", "policy_plans", "gold")
    for write in ("UpdateItem", "DeleteItem", "BatchWriteItem"):
        assert not may(write, "policy_plans", tenant)
    assert not may("GetItem", "strays", tenant)


def test_without_the_session_tag_nothing_of_tenants_is_allowed() -> None:
    policy = iam_policy([Order, Note], session_tag="org", **REACH)
    for key in ("ORG#acme#ORDER", "ORG##ORDER", "ORG#${aws:PrincipalTag/org}"):
        assert not allows(policy, get("policy_orders", key))
        assert not allows(policy, get("policy_notes", key))


def test_a_model_of_nobody_is_refused() -> None:
    with pytest.raises(InvalidOperation, match="Stray is neither a tenant's nor shared"):
        iam_policy([Order, Stray], tenant="acme", **REACH)


def test_models_that_do_not_agree_on_a_table_are_refused() -> None:
    class Other(Model, table="policy_orders"):
        org: Attr[str] = tenant_key()
        key = PrimaryKey("{org}#OTHER", "X#")

    several: list[list[HasSchema]] = [[Order, Other], [Other, Order]]
    for models in several:
        with pytest.raises(InvalidOperation, match="do not agree"):
            iam_policy(models, tenant="acme", **REACH)


@pytest.mark.parametrize("tenant", ["", "a b", "*", "acme*", "a?", "${aws:userid}", "a#b", "ä", "a" * 257])
def test_what_is_no_id_of_a_tenant_is_refused(tenant: str) -> None:
    with pytest.raises(InvalidValue):
        iam_policy(Order, tenant=tenant, **REACH)


@pytest.mark.parametrize(
    "changes",
    [
        {"region": "eu-west-1:*"},
        {"region": ""},
        {"account": "*"},
        {"account": "1111"},
        {"partition": "*"},
        {"table_prefix": "*"},
        {"table_prefix": "a/index/"},
        {"tenant": None},
        {"session_tag": "tenant"},
        {"tenant": None, "session_tag": "tenant}*${x"},
        {"tenant": None, "session_tag": "aws:tenant"},
        {"tenant": None, "session_tag": "Aws:tenant"},
    ],
)
def test_what_cannot_stand_in_a_policy_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidOperation):
        iam_policy(Order, **{"tenant": "acme", **REACH, **changes})


def test_a_policy_needs_models() -> None:
    none: list[HasSchema] = []
    with pytest.raises(InvalidOperation, match="name the models"):
        iam_policy(none, tenant="acme", **REACH)


def test_a_session_policy_is_compact() -> None:
    policy = iam_policy(Note, tenant="acme", **REACH)
    text = session_policy(policy)
    assert '"Version":"2012-10-17"' in text
    assert " " not in text


def test_a_session_policy_ends_at_2048_characters() -> None:
    def with_length(length: int) -> dict[str, Any]:
        policy: dict[str, Any] = {"Version": "2012-10-17", "Statement": [], "Id": ""}
        policy["Id"] = "x" * (length - len(session_policy(policy)))
        return policy

    assert len(session_policy(with_length(2048))) == 2048
    with pytest.raises(InvalidOperation, match="2049 characters, and STS takes 2048"):
        session_policy(with_length(2049))


def test_a_session_policy_has_the_characters_of_a_policy() -> None:
    assert "é" in session_policy({"Version": "2012-10-17", "Id": "é"})
    with pytest.raises(InvalidOperation, match="cannot stand"):
        session_policy({"Version": "2012-10-17", "Id": "→"})
