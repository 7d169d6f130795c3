"""What reaches the service, and what the caller is told, when answers are lost on the way back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal

import pytest

from dynamorm_py.client import CallRecord, Client, Credentials, Retry, Timeouts
from dynamorm_py.core.errors import (
    ConditionFailed,
    RequestTimeout,
    ServiceError,
    Throttled,
    TransportError,
    WriteOutcomeUnknown,
)
from dynamorm_py.core.wire import Call, Repetition
from dynamorm_py.middleware import Send, compose
from dynamorm_py.middleware.retries import Retries
from dynamorm_py.transports import Settings, Transport
from dynamorm_py.transports.aiobotocore import open_aiobotocore
from dynamorm_py.transports.direct import open_direct
from tests.faults.server import HOST, Answer, FaultServer, Hang, LoseTheAnswer, ResetTheConnection, fault

KEY = {"user_id": {"S": "u1"}}

GET = Call("GetItem", {"TableName": "users", "Key": KEY})
ADD = Call(
    "UpdateItem",
    {
        "TableName": "users",
        "Key": KEY,
        "UpdateExpression": "ADD #n0 :v0",
        "ExpressionAttributeNames": {"#n0": "visits"},
        "ExpressionAttributeValues": {":v0": {"N": "1"}},
    },
    repetition=Repetition.HARMFUL,
)
PUT = Call("PutItem", {"TableName": "users", "Item": KEY})
CREATE = Call(
    "PutItem",
    {
        "TableName": "users",
        "Item": KEY,
        "ConditionExpression": "attribute_not_exists(#n0)",
        "ExpressionAttributeNames": {"#n0": "user_id"},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    },
    repetition=Repetition.SETTLED,
)

FOUND = Answer({"Item": KEY})
DONE = Answer({})
INTERNAL = fault("InternalServerError", "try again", 500)

AMBIGUOUS = {
    "the connection closes without an answer": LoseTheAnswer(),
    "the connection closes within the answer": LoseTheAnswer(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"),
    "the connection is reset": ResetTheConnection(),
    "an internal error": INTERNAL,
    "an answer that is no DynamoDB's": Answer({}, status=502),
    "a checksum that does not fit": Answer({"Item": KEY}, headers={"x-amz-crc32": "1"}),
    "a body that is no text": LoseTheAnswer(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n\xff\xfe"),
}
ambiguous = pytest.mark.parametrize("behaviour", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())

Reach = Callable[..., AbstractAsyncContextManager[Client]]
Sending = Callable[..., AbstractAsyncContextManager[Send]]

TRANSPORTS: dict[Literal["direct", "aiobotocore"], Callable[[Settings], AbstractAsyncContextManager[Transport]]] = {
    "direct": open_direct,
    "aiobotocore": open_aiobotocore,
}


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> Literal["direct", "aiobotocore"]:
    name: Literal["direct", "aiobotocore"] = request.param
    return name


@pytest.fixture
def client_of(transport: Literal["direct", "aiobotocore"]) -> Reach:
    """Makes clients that wait for nothing between their attempts."""

    def client(server: FaultServer, **options: Any) -> Client:
        reach: dict[str, Any] = {
            "region": "eu-west-1",
            "endpoint_url": server.endpoint_url,
            "credentials": Credentials("key", "secret"),
            "transport": transport,
            "retry": Retry(attempts=3, base=0),
        }
        return Client(**{**reach, **options})

    return client


@pytest.fixture
def sending(transport: Literal["direct", "aiobotocore"]) -> Sending:
    """Opens the retries around a transport, with waits of the largest draw that are recorded instead of waited."""

    @asynccontextmanager
    async def opened(endpoint_url: str, waits: list[float] | None = None, sleep: Any = None) -> AsyncIterator[Send]:
        async def record(seconds: float) -> None:
            (waits if waits is not None else []).append(seconds)

        retries = Retries(Retry(attempts=3, base=0.5), draw=lambda: 1.0, sleep=sleep or record)
        settings = Settings("eu-west-1", endpoint_url, Credentials("key", "secret"))
        async with TRANSPORTS[transport](settings) as sender:

            async def deliver(call: Call) -> Any:
                return await sender.send(call.operation, call.request)

            yield compose([retries], deliver)

    return opened


@ambiguous
@pytest.mark.behaviour("1.36", "1.66", "1.67", "2.26")
async def test_an_add_whose_answer_is_lost_arrives_once_and_its_outcome_is_unknown(
    client_of: Reach, behaviour: Any
) -> None:
    async with FaultServer(behaviour) as server, client_of(server) as db:
        with pytest.raises(WriteOutcomeUnknown) as caught:
            await db.send(ADD)
        assert server.operations == ["UpdateItem"]
        assert caught.value.attempts == 1
        lost = caught.value.__cause__
        assert isinstance(lost, TransportError | ServiceError)
        assert type(lost.__cause__).__module__.split(".")[0] in {"botocore", "builtins", "dynamorm_py", "httptools"}


@ambiguous
async def test_a_read_is_sent_again(client_of: Reach, behaviour: Any) -> None:
    async with FaultServer(behaviour, FOUND) as server, client_of(server) as db:
        response = await db.send(GET)
        assert response["Item"] == KEY
        assert server.operations == ["GetItem", "GetItem"]


@ambiguous
@pytest.mark.behaviour("1.66", "1.67")
async def test_a_write_that_may_be_repeated_is_sent_again(client_of: Reach, behaviour: Any) -> None:
    async with FaultServer(behaviour, DONE) as server, client_of(server) as db:
        await db.send(PUT)
        assert server.operations == ["PutItem", "PutItem"]
        assert server.received[0] == server.received[1]


@ambiguous
async def test_a_condition_that_fails_after_a_lost_answer_says_so(client_of: Reach, behaviour: Any) -> None:
    refused = fault("ConditionalCheckFailedException", "The conditional request failed", Item=KEY)
    async with FaultServer(behaviour, refused) as server, client_of(server) as db:
        with pytest.raises(ConditionFailed) as caught:
            await db.send(CREATE)
        assert caught.value.after_ambiguity
        assert caught.value.item == KEY
        assert len(server.received) == 2


async def test_a_condition_that_fails_at_once_is_certain(client_of: Reach) -> None:
    refused = fault("ConditionalCheckFailedException", "The conditional request failed")
    async with FaultServer(refused) as server, client_of(server) as db:
        with pytest.raises(ConditionFailed) as caught:
            await db.send(CREATE)
        assert not caught.value.after_ambiguity
        assert caught.value.item is None
        assert len(server.received) == 1


@pytest.mark.parametrize("call", [PUT, CREATE], ids=["repeatable", "conditional"])
async def test_a_write_that_never_gets_an_answer_is_unknown(client_of: Reach, call: Call) -> None:
    async with FaultServer(LoseTheAnswer()) as server, client_of(server) as db:
        with pytest.raises(WriteOutcomeUnknown) as caught:
            await db.send(call)
        assert len(server.received) == 3
        assert caught.value.attempts == 3


async def test_a_read_that_never_gets_an_answer_says_what_happened_last(client_of: Reach) -> None:
    async with FaultServer(LoseTheAnswer(), INTERNAL) as server, client_of(server) as db:
        with pytest.raises(ServiceError) as caught:
            await db.send(GET)
        assert (caught.value.code, caught.value.status) == ("InternalServerError", 500)
        assert caught.value.request_id == "REQUEST-1"
        assert len(server.received) == 3


async def test_a_write_refused_after_a_lost_answer_is_unknown_all_the_same(client_of: Reach) -> None:
    async with FaultServer(LoseTheAnswer(), fault("AccessDeniedException", "no")) as server, client_of(server) as db:
        with pytest.raises(WriteOutcomeUnknown):
            await db.send(PUT)
        assert len(server.received) == 2


async def test_an_answer_that_takes_too_long_is_lost(client_of: Reach) -> None:
    timeouts = Timeouts(read=0.05)
    async with FaultServer(Hang()) as server, client_of(server, timeouts=timeouts) as db:
        with pytest.raises(RequestTimeout):
            await db.send(GET)
        assert len(server.received) == 3
        with pytest.raises(WriteOutcomeUnknown):
            await db.send(ADD)
        assert len(server.received) == 4


async def test_throttling_is_waited_out_as_the_policy_says(sending: Sending) -> None:
    throttled = fault(
        "ProvisionedThroughputExceededException",
        "slow down",
        ThrottlingReasons=[{"reason": "TableWriteKeyRangeThroughputExceeded", "resource": "arn:table/users"}],
    )
    waits: list[float] = []
    async with FaultServer(throttled, throttled, DONE) as server, sending(server.endpoint_url, waits) as send:
        await send(ADD)
        assert len(server.received) == 3
        assert waits == [0.5, 1.0]


@pytest.mark.parametrize(
    ("code", "member"),
    [
        ("ProvisionedThroughputExceededException", "ThrottlingReasons"),
        ("RequestLimitExceeded", "ThrottlingReasons"),
        ("ThrottlingException", "throttlingReasons"),
    ],
)
@pytest.mark.behaviour("1.65")
async def test_throttling_to_the_end_says_why(client_of: Reach, code: str, member: str) -> None:
    reason = {"reason": "TableReadProvisionedThroughputExceeded", "resource": "arn:aws:dynamodb:table/users"}
    throttled = fault(code, "slow down", 400, **{member: [reason]})
    async with FaultServer(throttled) as server, client_of(server) as db:
        with pytest.raises(Throttled) as caught:
            await db.send(ADD)
        assert caught.value.reasons == (reason,)
        assert len(server.received) == 3


async def test_a_refused_connection_is_tried_again_even_for_an_add(sending: Sending) -> None:
    server = FaultServer(DONE)
    await server.start()
    port = int(server.endpoint_url.rpartition(":")[2])
    await server.stop()
    waits: list[float] = []

    async def listen_on_the_second_wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            await server.start(port)

    async with sending(f"http://{HOST}:{port}", sleep=listen_on_the_second_wait) as send:
        await send(ADD)
    await server.stop()
    assert server.operations == ["UpdateItem"]
    assert len(waits) == 2


@pytest.mark.parametrize("call", [GET, ADD], ids=["read", "write"])
async def test_nobody_listening_is_certain(client_of: Reach, call: Call) -> None:
    server = FaultServer(DONE)
    await server.start()
    await server.stop()
    async with client_of(server) as db:
        with pytest.raises(TransportError) as caught:
            await db.send(call)
    assert not caught.value.ambiguous
    assert caught.value.attempts == 3


async def test_a_record_counts_every_attempt(client_of: Reach) -> None:
    records: list[CallRecord] = []
    consumed = Answer({"Item": KEY, "ConsumedCapacity": {"TableName": "users", "CapacityUnits": 0.5}})
    async with FaultServer(LoseTheAnswer(), consumed) as server, client_of(server, on_call=records.append) as db:
        await db.send(GET)
        server.script(LoseTheAnswer())
        with pytest.raises(WriteOutcomeUnknown) as caught:
            await db.send(ADD)
    assert [(record.operation, record.attempts, record.consumed) for record in records] == [
        ("GetItem", 2, 0.5),
        ("UpdateItem", 1, None),
    ]
    assert records[1].error is caught.value


@pytest.mark.behaviour("1.67")
@pytest.mark.parametrize("transport", ["aiobotocore"], indirect=True)
async def test_botocores_own_retries_stay_off_whatever_the_config_says(client_of: Reach) -> None:
    from aiobotocore.config import AioConfig

    config = AioConfig(retries={"total_max_attempts": 5, "mode": "standard"})
    async with FaultServer(LoseTheAnswer()) as server, client_of(server, config=config, retry=Retry(attempts=1)) as db:
        with pytest.raises(TransportError):
            await db.send(GET)
        assert len(server.received) == 1


@pytest.mark.behaviour("2.28")
async def test_one_connection_carries_many_requests_and_ends_with_the_client(client_of: Reach) -> None:
    async with FaultServer(FOUND) as server:
        async with client_of(server) as db:
            for _ in range(3):
                await db.send(GET)
        assert server.connections == 1
        # Leaving this block waits for the server's side of every connection to end.
