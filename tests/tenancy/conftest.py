"""A court: DynamoDB Local behind a judge that evaluates the generated policies, and clients with keys of their own.

`court.admit(Order, …)` creates tables and has the policies name them; `court.client("acme")` is one that signs with
acme's key, still to be opened; `judged_db` is such a client, open, ambient, not bound: nothing but the judge stands
between it and other tenants' items.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from dynamorm_py.client import Client, Credentials
from dynamorm_py.core.tables import HasSchema
from dynamorm_py.tenancy import iam_policy
from dynamorm_py.testing import LocalEndpoint
from tests.tenancy.judge.evaluator import Policy
from tests.tenancy.judge.proxy import ACCOUNT, Judge

ROOT = "ROOTKEY"
# DynamoDB Local takes letters and digits only.
KEYS = {"acme": "ACMEKEY", "beta": "BETAKEY", "T": "TKEY", "acme2": "ACME2KEY"}


@dataclass
class Court:
    """A judge, the models whose tables it knows, and who comes before it. `by_tag` has it apply one policy to all
    tenants, which names them by a session tag."""

    judge: Judge
    region: str
    prefix: str
    root: Client
    models: list[HasSchema] = field(default_factory=list)
    by_tag: bool = False

    async def admit(self, *models: HasSchema) -> None:
        await self.root.create_tables(*models)
        self.models += models

    def policy(self, tenant: str) -> Policy:
        who = {"session_tag": "tenant"} if self.by_tag else {"tenant": tenant}
        return iam_policy(self.models, **who, region=self.region, account=ACCOUNT, table_prefix=self.prefix)

    def client(self, tenant: str) -> Client:
        return _client(self.judge, self.region, KEYS[tenant], self.prefix)


def _client(judge: Judge, region: str, key: str, prefix: str) -> Client:
    credentials = Credentials(key, "secret")
    return Client(region=region, endpoint_url=judge.endpoint_url, credentials=credentials, table_prefix=prefix)


@asynccontextmanager
async def _held(engine: LocalEndpoint) -> AsyncIterator[Court]:
    policies: list[Callable[[str], Policy]] = []
    owners = {ROOT: None, **{key: tenant for tenant, key in KEYS.items()}}
    prefix = f"c{uuid4().hex[:12]}-"
    judge = Judge(engine, owners, lambda tenant: policies[0](tenant))
    async with judge, _client(judge, engine.region, ROOT, prefix) as root:
        court = Court(judge, engine.region, prefix, root)
        policies.append(court.policy)
        yield court
        if court.models:
            await root.delete_tables(*court.models)


@pytest.fixture
async def court(dynamodb_local: LocalEndpoint) -> AsyncIterator[Court]:
    async with _held(dynamodb_local) as held:
        yield held


@pytest.fixture
async def judged_db(court: Court) -> AsyncIterator[Client]:
    """A client with acme's key."""
    async with court.client("acme") as db:
        yield db
