"""What the benchmarks talk to answers as DynamoDB does, as far as it is asked."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from benchmarks.rivals.adapters.orm import KEYS, Order
from benchmarks.rivals.work import BATCH, KEY, ORDER, SET, order
from benchmarks.setting.canned_service import PAGE, CannedService
from dynamorm_py import Client, Credentials, ServiceError, batch_write, use


@pytest.fixture
def service() -> Iterator[CannedService]:
    with CannedService() as running:
        yield running


@pytest.fixture(params=["direct", "aiobotocore"])
def client(service: CannedService, request: pytest.FixtureRequest) -> Client:
    return Client(
        region="us-east-1",
        endpoint_url=service.endpoint_url,
        credentials=Credentials("testing", "testing"),
        transport=request.param,
    )


async def test_items_are_those_of_the_work(client: Client) -> None:
    async with client:
        read = await Order.get(*KEY)
        assert read is not None
        assert read.model_dump() == ORDER
        updated = await Order.update(*KEY, Order.status.set(SET["status"]))
        assert updated.model_dump() == ORDER


@pytest.mark.parametrize("count", [0, 1, PAGE, PAGE + 1, 2 * PAGE + 7])
async def test_a_customer_has_as_many_orders_as_its_name_says(
    client: Client, service: CannedService, count: int
) -> None:
    async with client:
        expected = [order(f"q{count}", number) for number in range(1, count + 1)]
        assert [one.model_dump() for one in await Order.query(f"q{count}").all()] == expected
        assert service.requests() == {"Query": max(1, -(-count // PAGE))}
        scan = Order.scan().filter(Order.customer_id == f"q{count}")
        assert [one.model_dump() for one in await scan.all()] == expected
        assert service.requests() == {"Scan": max(1, -(-count // PAGE))}


async def test_batches_answer_the_keys_that_were_asked_for(client: Client, service: CannedService) -> None:
    async with client:
        found = await Order.batch_get(KEYS)
        assert [one.order_id for one in found if one is not None] == [key["order_id"] for key in KEYS]
        assert len(found) == BATCH
        await batch_write(*(Order(**order("b1", number)).put() for number in range(26)))
        assert service.requests() == {"BatchGetItem": 1, "BatchWriteItem": 2}


async def test_what_it_does_not_know_it_refuses(client: Client) -> None:
    async with client:
        with use(client), pytest.raises(ServiceError, match="UnknownOperationException"):
            await client.call("DescribeLimits", {})


def test_a_request_may_come_in_parts_and_two_at_once(service: CannedService) -> None:
    request = b"POST / HTTP/1.1\r\nx-amz-target: DynamoDB_20120810.PutItem\r\ncontent-length: 2\r\nhost: h\r\n\r\n{}"
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(request[:50])
        connection.sendall(request[50:] + request)
        answered = b""
        while answered.count(b"\r\n\r\n{}") < 2:
            received = connection.recv(4096)
            assert received, "it closed the connection"
            answered += received
    assert answered.count(b"HTTP/1.1 200 ") == 2
    assert service.requests() == {"PutItem": 2}
