"""The direct transport, opened on a server of the tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from dynamorm_py.transports import Credentials, Settings, Timeouts
from dynamorm_py.transports.direct import DirectTransport, open_direct
from tests.faults.server import FaultServer

KEYS = Credentials("key", "secret")
KEY = {"user_id": {"S": "u1"}}
GET: dict[str, Any] = {"TableName": "users", "Key": KEY}
ADD: dict[str, Any] = {"TableName": "users", "Key": KEY, "UpdateExpression": "ADD visits :one"}
TRANSACTION: dict[str, Any] = {"TransactItems": [{"Put": {"TableName": "users", "Item": KEY}}]}


def settings_of(server: FaultServer, **changes: Any) -> Settings:
    reach: dict[str, Any] = {"region": "eu-west-1", "endpoint_url": server.endpoint_url, "credentials": KEYS}
    return Settings(**{**reach, **changes})


@asynccontextmanager
async def direct(server: FaultServer, *, read: float = 5.0, connect: float = 5.0) -> AsyncIterator[DirectTransport]:
    """Leaving the block closes the transport; the server's own block then waits for the end of every connection."""
    async with open_direct(settings_of(server, timeouts=Timeouts(connect, read))) as transport:
        yield transport
