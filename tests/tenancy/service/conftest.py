"""The fixtures of the service suite, under a tenant: `db` and every other client sign with acme's key, are bound to
acme, and speak to DynamoDB Local through the judge, on both transports.

Tables are root's business. The judge has a thread and a loop of its own, so that a test that counts its tasks counts
its own. In the end it must have refused nothing: what it refuses, the nets before it let through. And whatever the
tables hold then is acme's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from dynamorm_py import TenantClient, use
from dynamorm_py.client import Client, Credentials
from dynamorm_py.core.tables import HasSchema
from dynamorm_py.core.tenancy import enter_table
from dynamorm_py.core.wire import Call, Response, Scope
from dynamorm_py.testing import LocalEndpoint
from tests.faults.server import in_a_thread
from tests.tenancy.conftest import KEYS, ROOT, Court
from tests.tenancy.service.models import SUFFIX, TENANT
from tests.tenancy.service.veil import veil_of

if TYPE_CHECKING:
    from dynamorm_py.core.operations import HasPlan

T = TypeVar("T")


class TenantsClient:
    """What a test of the service suite knows as its client."""

    def __init__(self, court: Court, bound: TenantClient) -> None:
        self._court = court
        self._bound = bound

    @property
    def scope(self) -> Scope:
        return self._bound.scope

    async def run(self, operation: HasPlan[T]) -> T:
        return await self._bound.run(operation)

    async def send(self, call: Call) -> Response:
        """A request that a test wrote by hand, under the tenant's guard too."""
        name = call.request["TableName"].removesuffix(SUFFIX)
        veil = veil_of(name.removeprefix(self.scope.prefix))
        request = {**veil.request(TENANT, call.request), "TableName": name + SUFFIX}
        response = await self._bound.send(Call(call.operation, request))
        return {**response, "Item": veil.item(TENANT, response["Item"])} if "Item" in response else response

    async def create_tables(self, *models: HasSchema) -> None:
        await self._court.admit(*models)
        for model in models:
            # As the compiler does; a test may write a request by hand before it uses a verb.
            enter_table(model.__dynamorm_schema__, self.scope)

    async def delete_tables(self, *models: HasSchema) -> None:
        await self._court.root.delete_tables(*models)


class TenantsEngine:
    """What a test of the service suite knows as DynamoDB Local."""

    def __init__(self, court: Court, transport: str) -> None:
        self.court = court
        self.endpoint_url = court.judge.endpoint_url
        self._transport = transport

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[TenantsClient]:  # the options of `Client`
        async with self._client(KEYS[TENANT], **options) as client:
            with use(client.for_tenant(TENANT)) as bound:
                yield TenantsClient(self.court, bound)

    def unbound(self) -> Client:
        """One that signs with the tenant's key, and has no scope: nothing but the judge is before it."""
        return self._client(KEYS[TENANT])

    def root(self) -> Client:
        return self._client(ROOT)

    def _client(self, key: str, **options: Any) -> Client:
        reach = {
            "region": self.court.region,
            "endpoint_url": self.endpoint_url,
            "credentials": Credentials(key, "secret"),
            "table_prefix": self.court.prefix,
            "transport": self._transport,
        }
        return Client(**{**reach, **options})


TRANSPORTS = ("direct", "aiobotocore")
OpenClient = Callable[..., AbstractAsyncContextManager[TenantsClient]]


async def check_owner(court: Court, name: str) -> None:
    """Everything that a test leaves in a table is the tenant's, whatever was asked on the way."""
    veil = veil_of(name.removeprefix(court.prefix).removesuffix(SUFFIX))
    request: dict[str, Any] = {"TableName": name}
    while True:
        page = await court.root.call("Scan", request)
        for item in page["Items"]:
            veil.item(TENANT, item)
        if "LastEvaluatedKey" not in page:
            return
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def dynamodb_local(dynamodb_local: LocalEndpoint, transport: str) -> AsyncIterator[TenantsEngine]:
    court = Court(dynamodb_local)
    # Each form of the policy has the whole suite before it, the tenant's own and that which names a session tag.
    court.by_tag = transport == "aiobotocore"
    sitting = in_a_thread(court.judge)
    sitting.__enter__()
    try:
        engine = TenantsEngine(court, transport)
        async with engine.root() as court.root:
            yield engine
            behind = await court.root.call("ListTables", {"ExclusiveStartTableName": court.prefix})
            for name in behind["TableNames"]:
                if name.startswith(court.prefix):
                    await check_owner(court, name)
                    await court.root.call("DeleteTable", {"TableName": name})
    finally:
        # On another thread: the connections that it waits for end on this one's loop.
        await asyncio.to_thread(sitting.__exit__, None, None, None)
    assert court.judge.refusals == []


@pytest.fixture
def engine(dynamodb_local: TenantsEngine) -> TenantsEngine:
    return dynamodb_local


@pytest.fixture
def table_prefix(dynamodb_local: TenantsEngine) -> str:
    return dynamodb_local.court.prefix


@pytest.fixture
def open_client(engine: TenantsEngine) -> OpenClient:
    return engine.client


@pytest.fixture
async def db(open_client: OpenClient) -> AsyncIterator[TenantsClient]:
    async with open_client() as client:
        yield client


@pytest.fixture
def local_db(db: TenantsClient) -> TenantsClient:
    return db


@pytest.fixture(autouse=True)
def scope() -> Iterator[None]:
    """A scope for what sends nothing, and so opens no client."""
    with use(Client(region="eu-west-1").for_tenant(TENANT)):
        yield
