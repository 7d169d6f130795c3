"""Records what another implementation of IAM's evaluation makes of many cases, for `test_evaluator.py` to hold ours
against: `python -m tests.tenancy.judge.record` writes `cases.json`. It needs node and npm; the tests need neither.

https://www.npmjs.com/package/@cloud-copilot/iam-simulate
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

PACKAGE = "@cloud-copilot/iam-simulate@0.1.173"
HERE = Path(__file__).parent
CASES = HERE / "cases.json"

TABLE = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders"
INDEX = f"{TABLE}/index/by_customer"
ACTIONS = ["BatchGetItem", "BatchWriteItem", "ConditionCheckItem", "GetItem", "PutItem", "Query"]
TAG = "${aws:PrincipalTag/tenant}"


def statement(conditions: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    actions = [f"dynamodb:{action}" for action in ACTIONS]
    plain: dict[str, Any] = {"Effect": "Allow", "Action": actions, "Resource": [TABLE, INDEX], **changes}
    return plain if conditions is None else {**plain, "Condition": conditions}


def leading(operator: str, *values: str) -> dict[str, Any]:
    return {operator: {"dynamodb:LeadingKeys": list(values)}, "Null": {"dynamodb:LeadingKeys": "false"}}


# The forms that are generated, and beside them such as a mistake would make of them.
STATEMENTS: list[list[dict[str, Any]]] = [
    [statement(leading("ForAllValues:StringLike", "T#acme", "T#acme#*"))],
    [statement(leading("ForAllValues:StringEquals", "acme"))],
    [statement(leading("ForAllValues:StringLike", f"T#{TAG}", f"T#{TAG}#*"))],
    [statement(leading("ForAllValues:StringEquals", TAG))],
    [statement(leading("ForAllValues:StringLike", "${*}${?}${$}#acme", "${*}${?}${$}#acme#*"))],
    [statement(leading("ForAllValues:StringLike", "T#acme*"))],
    [statement(leading("ForAllValues:StringLike", "T#acm?#*"))],
    [statement(leading("ForAllValues:StringEquals", "T#acme*", "T#acme"))],
    [statement(leading("ForAnyValue:StringLike", "T#acme", "T#acme#*"))],
    [statement({"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["acme"]}})],
    [statement({"Null": {"dynamodb:LeadingKeys": "true"}})],
    [statement()],
    [statement(Resource=f"{TABLE}*", Action="dynamodb:*Item")],
    [statement(Resource=TABLE, Action="dynamodb:getitem")],
    [statement(), statement(leading("ForAnyValue:StringLike", "T#beta*"), Effect="Deny")],
    [
        statement(leading("ForAllValues:StringLike", "T#acme", "T#acme#*")),
        statement(Resource=f"{TABLE}2", Action="dynamodb:GetItem"),
    ],
]
REQUESTS = [
    ("GetItem", TABLE),
    ("GetItem", f"{TABLE}2"),
    ("GetItem", TABLE.replace("orders", "Orders")),
    ("PutItem", TABLE),
    ("BatchWriteItem", TABLE),
    ("ConditionCheckItem", TABLE),
    ("Query", TABLE),
    ("Query", INDEX),
    ("Query", f"{INDEX}2"),
    ("Scan", TABLE),
]
KEYS: list[list[str]] = [
    [],
    ["T#acme"],
    ["T#acme#ORDER"],
    ["T#acme#"],
    ["T#acme2#ORDER"],
    ["T#ACME#ORDER"],
    ["T#beta#ORDER"],
    ["T#acme#1", "T#acme#2"],
    ["T#acme#1", "T#beta#1"],
    ["acme"],
    ["acme#1"],
    ["*?$#acme"],
    ["xy$#acme#1"],
    ["T#${aws:PrincipalTag/tenant}"],
    ["T##ORDER"],
]
TENANTS = [None, "acme", "T", "a.b+c"]


def cases() -> Iterator[dict[str, Any]]:
    for policy, (action, resource), keys, tenant in product(range(len(STATEMENTS)), REQUESTS, KEYS, TENANTS):
        by_tag = TAG in json.dumps(STATEMENTS[policy])
        # Away from the table itself, and without a tag to look at, few keys say all there is to say.
        if (not by_tag and tenant is not None) or (
            (action, resource) not in REQUESTS[:1] + REQUESTS[7:8] and keys[:1] not in ([], ["T#acme"])
        ):
            continue
        context: dict[str, Any] = {"dynamodb:LeadingKeys": keys} if keys else {}
        if tenant is not None:
            context["aws:PrincipalTag/tenant"] = tenant
        yield {"policy": policy, "action": f"dynamodb:{action}", "resource": resource, "context": context}


def main() -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        raise SystemExit("recording needs node and npm")
    policies = [{"Version": "2012-10-17", "Statement": statements} for statements in STATEMENTS]
    asked = list(cases())
    with tempfile.TemporaryDirectory() as folder:
        install = [npm, "install", "--prefix", folder, "--no-audit", "--no-fund", "--silent", PACKAGE]
        subprocess.run(install, check=True)
        ran = subprocess.run(
            [node, str(HERE / "simulate.mjs"), folder],
            input=json.dumps({"policies": policies, "cases": asked}),
            capture_output=True,
            text=True,
            check=True,
        )
    outcomes = json.loads(ran.stdout)
    unclear = [(case, outcome) for case, outcome in zip(asked, outcomes, strict=True) if not isinstance(outcome, str)]
    if unclear:
        raise SystemExit(f"not understood: {unclear[0]}")
    recorded = [
        json.dumps({**case, "allowed": outcome == "Allowed"}) for case, outcome in zip(asked, outcomes, strict=True)
    ]
    lines = ",\n".join(recorded)
    CASES.write_text(f'{{"by": {json.dumps(PACKAGE)},\n"policies": {json.dumps(policies)},\n"cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
