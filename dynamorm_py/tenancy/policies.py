"""IAM policies of tenants: what one tenant's credentials may do on the tables of some models.

They rest on `dynamodb:LeadingKeys`, which holds the partition key values of a request, of the table or of the index
that is queried. It does not hold the values that a write gives to the key attributes of indexes: IAM does not see them.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from dynamorm_py.core.errors import InvalidOperation
from dynamorm_py.core.schema import Schema
from dynamorm_py.core.tables import HasSchema
from dynamorm_py.core.tenants import check_tenant

# A JSON document, whose statements differ in their members.
Policy: TypeAlias = dict[str, Any]

# Transactions need no action of their own: DynamoDB asks for those of their parts.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
# No Scan and no PartiQL: a request of these may name no partition key, or one by means of an expression.
READS = ("BatchGetItem", "ConditionCheckItem", "GetItem", "Query")
WRITES = ("BatchWriteItem", "DeleteItem", "PutItem", "UpdateItem")

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length
MAX_SESSION_POLICY = 2048

_TABLE_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}")
_REGION = re.compile(r"[a-z0-9-]+|\*")
_ACCOUNT = re.compile(r"[0-9]{12}")
_PARTITION = re.compile(r"aws[a-z-]*")
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#id_tags_rules_creating; no space, which is valid in a
# key but not in a policy variable that names it unless quoted.
SESSION_TAG = re.compile(r"(?!aws:)[a-zA-Z0-9_.:/=+\-@]{1,128}", re.IGNORECASE)
# In a policy, these are a wildcard, a wildcard and the beginning of a variable; so they are written as variables.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars
_SPECIAL = re.compile(r"[*?$]")
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: the characters of a policy.
_WRITABLE = re.compile(r"[\t\n\r\x20-\xff]*")


def iam_policy(
    models: HasSchema | Iterable[HasSchema],
    *,
    tenant: str | None = None,
    session_tag: str | None = None,
    region: str,
    account: str,
    partition: str = "aws",
    table_prefix: str = "",
) -> Policy:
    """The least policy with which a tenant's client works, as a JSON document in Python's form::

        iam_policy([User, Order], tenant="acme", region="eu-west-1", account="111122223333")
        iam_policy([User, Order], session_tag="tenant", region="eu-west-1", account="111122223333")

    The first is one tenant's, to be attached or passed as a session policy (see `session_policy`). The second serves
    all: it names the tenant by the session tag under which the role was assumed (`${aws:PrincipalTag/tenant}`), so it
    is attached to the role once.

    The tables of tenants, and their declared indexes, are opened for what operates on items (no Scan, no PartiQL, no
    table management) where every partition key in the request is the tenant's. Tables that are `shared` are opened for
    reading. `region` may be `*`, for global tables; `partition` is `aws-cn` in China and `aws-us-gov` in GovCloud;
    `table_prefix` is the client's.

    A request without partition keys would fulfil `ForAllValues`, so the keys are required too (`Null`).
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html

    Raises `InvalidOperation` for models that are neither tenants' nor shared, and for names that cannot stand in a
    policy, `InvalidValue` for what is not a tenant's id. It was checked against an evaluator of policies, not on AWS.
    """
    who = _who(tenant, session_tag)
    tables = _tables(models, table_prefix)
    arns = f"arn:{_valid(partition, _PARTITION, 'partition')}:dynamodb:{_valid(region, _REGION, 'region')}"
    arns = f"{arns}:{_valid(account, _ACCOUNT, 'account')}:table/"
    statements = [_tenants_statement(arns, tables, leading, who) for leading in _distinct(tables)]
    shared = [table for table in tables if table.leading is None]
    if shared:
        statements.append(_statement(READS, _arns(arns, shared)))
    return {"Version": "2012-10-17", "Statement": statements}


def session_policy(policy: Policy) -> str:
    """The policy as `AssumeRole` takes it: compact JSON.

    Raises `InvalidOperation` where it has more than the 2,048 characters that STS accepts. STS also packs it, with the
    session tags, into the session token, whose space is limited: how much of it is taken only its answer says
    (`TenantCredentials.packed_policy_size`). Where either does not suffice, attach the policy of a session tag to the
    role: `iam_policy(models, session_tag=…)`.
    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    """
    text = json.dumps(policy, separators=(",", ":"), ensure_ascii=False)
    if len(text) > MAX_SESSION_POLICY:
        raise InvalidOperation(
            f"the session policy has {len(text)} characters, and STS takes {MAX_SESSION_POLICY}: attach the policy of "
            "a session tag to the role instead, iam_policy(models, session_tag=…)"
        )
    _valid(text, _WRITABLE, "policy")
    return text


@dataclass(frozen=True, slots=True)
class _Leading:
    """What partition keys look like: the text before the tenant, and whether the tenant is the whole of them."""

    prefix: str
    whole: bool

    def condition(self, who: str) -> Mapping[str, Mapping[str, object]]:
        own = _SPECIAL.sub(r"${\g<0>}", self.prefix) + who
        operator = "StringEquals" if self.whole else "StringLike"
        return {
            f"ForAllValues:{operator}": {"dynamodb:LeadingKeys": [own] if self.whole else [own, f"{own}#*"]},
            "Null": {"dynamodb:LeadingKeys": "false"},
        }


@dataclass(slots=True)
class _Table:
    """A physical table over all its models; `leading` is None where it is shared."""

    name: str
    leading: _Leading | None
    indexes: set[str] = field(default_factory=set)


def _who(tenant: str | None, session_tag: str | None) -> str:
    if (tenant is None) == (session_tag is None):
        raise InvalidOperation("give tenant=… for the policy of one, or session_tag=… for that of all")
    if session_tag is None:
        return check_tenant(tenant)
    return f"${{aws:PrincipalTag/{_valid(session_tag, SESSION_TAG, 'session_tag')}}}"


def _tables(models: HasSchema | Iterable[HasSchema], prefix: str) -> list[_Table]:
    several = models if isinstance(models, Iterable) else (models,)
    tables: dict[str, _Table] = {}
    for schema in _schemas(several):
        name = _valid(prefix + schema.table, _TABLE_NAME, "table name")
        leading = _leading(schema)
        table = tables.setdefault(name, _Table(name, leading))
        if table.leading != leading:
            table.leading = _both(name, table.leading, leading)
        table.indexes |= set(schema.indexes)
    if not tables:
        raise InvalidOperation("name the models whose tables are meant")
    return [tables[name] for name in sorted(tables)]


def _schemas(models: Iterable[HasSchema]) -> Iterator[Schema]:
    for model in models:
        schema = model.__dynamorm_schema__
        yield from schema.members.values() or (schema,)


def _leading(schema: Schema) -> _Leading | None:
    if schema.tenant is None:
        if schema.shared:
            return None
        raise InvalidOperation(f"{schema.model} is neither a tenant's nor shared: no policy of a tenant can open it")
    keys = (schema.key, *(index.key for index in schema.indexes.values()))
    return _Leading(schema.tenant.prefix, all(key.partition[0].template is None for key in keys))


def _both(table: str, one: _Leading | None, other: _Leading | None) -> _Leading:
    if one is None or other is None or one.prefix != other.prefix:
        raise InvalidOperation(f"the models on {table} do not agree on how its keys begin with the tenant")
    return _Leading(one.prefix, False)


def _distinct(tables: Iterable[_Table]) -> list[_Leading]:
    return list(dict.fromkeys(table.leading for table in tables if table.leading is not None))


def _tenants_statement(arns: str, tables: Iterable[_Table], leading: _Leading, who: str) -> Policy:
    own = [table for table in tables if table.leading == leading]
    return {**_statement((*READS, *WRITES), _arns(arns, own)), "Condition": leading.condition(who)}


def _statement(actions: Iterable[str], resources: list[str]) -> Policy:
    return {"Effect": "Allow", "Action": [f"dynamodb:{action}" for action in sorted(actions)], "Resource": resources}


def _arns(arns: str, tables: Iterable[_Table]) -> list[str]:
    return [
        arn
        for table in tables
        for arn in (arns + table.name, *(f"{arns}{table.name}/index/{name}" for name in sorted(table.indexes)))
    ]


def _valid(text: str, form: re.Pattern[str], what: str) -> str:
    if not form.fullmatch(text):
        raise InvalidOperation(f"{text[:80]!r} cannot stand as {what} in a policy")
    return text
