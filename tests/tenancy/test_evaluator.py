"""The judge's evaluation of policies, held against what another implementation made of the same cases."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.tenancy.judge.evaluator import Ask, NotUnderstood, Policy, allows
from tests.tenancy.judge.record import CASES, STATEMENTS, cases

RECORDED = json.loads(CASES.read_text())


def test_the_recorded_cases_are_those_that_would_be_recorded() -> None:
    assert [policy["Statement"] for policy in RECORDED["policies"]] == STATEMENTS
    assert [{name: case[name] for name in case if name != "allowed"} for case in RECORDED["cases"]] == list(cases())


@pytest.mark.parametrize("number", range(len(STATEMENTS)))
def test_each_case_is_decided_as_it_was_recorded(number: int) -> None:
    policy = RECORDED["policies"][number]
    asked = [case for case in RECORDED["cases"] if case["policy"] == number]
    outcomes = {case["allowed"] for case in asked}
    assert outcomes == {True, False}
    differing = [case for case in asked if allows(policy, ask(case)) != case["allowed"]]
    assert differing == []


def ask(case: dict[str, Any]) -> Ask:
    context = {name: [value] if isinstance(value, str) else value for name, value in case["context"].items()}
    return Ask(case["action"], case["resource"], context)


def statement(**changes: Any) -> Policy:
    plain = {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [{**plain, **changes}]}


@pytest.mark.parametrize(
    "policy",
    [
        {"Statement": []},
        {"Version": "2008-10-17", "Statement": []},
        statement(NotAction="dynamodb:PutItem"),
        statement(Condition={"StringNotLike": {"dynamodb:LeadingKeys": "a"}}),
        statement(Condition={"ForAllValues:StringLikeIfExists": {"dynamodb:LeadingKeys": "a"}}),
        statement(Condition={"StringLike": {"dynamodb:LeadingKeys": "a"}}),
        statement(Condition={"Null": {"dynamodb:LeadingKeys": "maybe"}}),
    ],
)
def test_what_it_does_not_know_it_does_not_decide(policy: Policy) -> None:
    with pytest.raises(NotUnderstood):
        allows(policy, Ask("dynamodb:GetItem", "arn", {"dynamodb:LeadingKeys": ["a", "b"]}))
