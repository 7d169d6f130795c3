"""A client on each engine, for the tests of what is done to whole tables of tenants."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from dynamorm_py.client import Client
from dynamorm_py.testing import LocalEndpoint

ENGINES = ("embedded", "dynamodb_local")


@asynccontextmanager
async def fresh(engine: LocalEndpoint, **options: Any) -> AsyncIterator[Client]:  # the options of Client
    """An open client whose tables are nobody else's, and are gone behind it."""
    prefix = f"o{uuid4().hex[:12]}-"
    async with engine.client(**{"table_prefix": prefix, **options}) as db:
        yield db
        for name in (await db.call("ListTables", {}))["TableNames"]:
            if name.startswith(prefix):
                await db.call("DeleteTable", {"TableName": name})
