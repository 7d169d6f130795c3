"""A court: DynamoDB Local behind a judge that evaluates the generated policies, and clients with keys of their own.

`court.admit(Order, …)` creates tables and has the policies name them; `court.client("acme")` is one that signs with
acme's key, still to be opened; `judged_db` is such a client, open, ambient, not bound: nothing but the judge stands
between it and other tenants' items.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
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


def _nobody(key: str) -> str:
    raise LookupError(key)


class Court:
    """A judge, the models whose tables it knows, and who comes before it. `by_tag` has it apply one policy to all
    tenants, which names them by a session tag; `owner_of_others` says whose keys are that it did not give itself."""

    def __init__(self, engine: LocalEndpoint) -> None:
        self.region = engine.region
        self.prefix = f"c{uuid4().hex[:12]}-"
        self.by_tag = False
        self.owner_of_others: Callable[[str], str] = _nobody
        self.judge = Judge(engine, self._owner_of, self.policy)
        self._models: list[HasSchema] = []
        self._owners: dict[str, str | None] = {ROOT: None, **{key: tenant for tenant, key in KEYS.items()}}

    @asynccontextmanager
    async def sitting(self) -> AsyncIterator[Court]:
        async with self.judge, self._client(ROOT) as self.root:
            yield self
            if self._models:
                await self.root.delete_tables(*self._models)

    async def admit(self, *models: HasSchema) -> None:
        """Creates the models' tables, and has the policies name them."""
        await self.root.create_tables(*models)
        self._models += models

    def policy(self, tenant: str) -> Policy:
        who: dict[str, Any] = {"session_tag": "tenant"} if self.by_tag else {"tenant": tenant}
        return iam_policy(self._models, **who, region=self.region, account=ACCOUNT, table_prefix=self.prefix)

    def client(self, tenant: str) -> Client:
        """A client with a tenant's key, still to be opened."""
        return self._client(KEYS[tenant])

    def _owner_of(self, key: str) -> str | None:
        return self._owners[key] if key in self._owners else self.owner_of_others(key)

    def _client(self, key: str) -> Client:
        return Client(
            region=self.region,
            endpoint_url=self.judge.endpoint_url,
            credentials=Credentials(key, "secret"),
            table_prefix=self.prefix,
        )


@pytest.fixture
async def court(dynamodb_local: LocalEndpoint) -> AsyncIterator[Court]:
    async with Court(dynamodb_local).sitting() as sitting:
        yield sitting


@pytest.fixture
async def judged_db(court: Court) -> AsyncIterator[Client]:
    """A client with acme's key."""
    async with court.client("acme") as db:
        yield db
