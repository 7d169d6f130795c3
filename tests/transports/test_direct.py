"""The direct transport on a server whose answers are scripted: what it sends, reads, refuses, and sends again."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import sys
import threading
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from dynamorm_py.core.errors import (
    AccessDenied,
    ClientClosed,
    ConditionFailed,
    DeadlineExceeded,
    RequestTimeout,
    ServiceError,
    TransportError,
)
from dynamorm_py.core.wire import Request
from dynamorm_py.transports import Credentials, Timeouts
from dynamorm_py.transports import connections as connections_module
from dynamorm_py.transports import direct as direct_module
from dynamorm_py.transports.direct import DirectTransport, open_direct
from dynamorm_py.transports.endpoints import Endpoint
from tests.faults.server import (
    HOST,
    Answer,
    Behaviour,
    Bytes,
    FaultServer,
    Hang,
    LoseTheAnswer,
    ResetTheConnection,
    Then,
    fault,
    in_a_thread,
    one_by_one,
)
from tests.transports.reach import ADD, GET, KEY, KEYS, TRANSACTION, direct, settings_of

ANOTHER = {"user_id": {"S": "u2"}}
FOUND, FOUND_ANOTHER = Answer({"Item": KEY}), Answer({"Item": ANOTHER})
BODY = json.dumps({"Item": KEY}).encode()
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\n"
WHOLE = HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n3\r\n%b\r\n%x\r\n%b\r\n0\r\n" % (BODY[:3], len(BODY) - 3, BODY[3:])


# What it sends, and how it reads what comes


async def test_a_request_arrives_as_it_was_given_and_the_answer_as_botocore_gives_it() -> None:
    async with FaultServer(FOUND) as server, direct(server) as transport:
        response = await transport.send("GetItem", GET)
    assert server.received[0].body == GET
    assert server.received[0].operation == "GetItem"
    assert server.received[0].headers["host"] == f"{HOST}:{server.port}"
    assert response["Item"] == KEY
    metadata = response["ResponseMetadata"]
    assert metadata["HTTPHeaders"]["x-amz-crc32"] == str(zlib.crc32(BODY))
    assert (metadata["HTTPStatusCode"], metadata["RequestId"], metadata["RetryAttempts"]) == (200, "REQUEST-1", 0)


@pytest.mark.parametrize(
    "answer",
    {
        "whole": Bytes((WHOLE,)),
        "byte by byte": one_by_one(WHOLE),
        "chunked": Bytes((CHUNKED + b"\r\n",)),
        "chunked, byte by byte": one_by_one(CHUNKED + b"\r\n"),
        "chunked, with a trailer": Bytes((CHUNKED + b"x-late: 1\r\n\r\n",)),
        "after a provisional answer": Bytes((b"HTTP/1.1 100 Continue\r\nx-note: 1\r\n\r\n", WHOLE)),
        "with an empty header": Bytes((WHOLE.replace(b"content-type", b"x-empty:\r\ncontent-type"),)),
    }.items(),
    ids=lambda item: item[0],
)
async def test_every_form_of_answer_is_read_and_its_connection_kept(answer: tuple[str, Behaviour]) -> None:
    async with FaultServer(answer[1]) as server, direct(server) as transport:
        for _ in range(3):
            response = await transport.send("GetItem", GET)
            assert response["Item"] == KEY
            assert response["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/x-amz-json-1.0"
        assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    {
        "connection: close": Then(Answer({"Item": KEY}, headers={"connection": "close"})),
        "announced, and not carried out": Answer({"Item": KEY}, headers={"connection": "close"}),
        "HTTP/1.0": Bytes((WHOLE.replace(b"HTTP/1.1", b"HTTP/1.0"),)),
        "bytes behind it": Bytes((WHOLE + b"garbage\r\n\r\n",)),
        "an answer behind it": Bytes((WHOLE + WHOLE,)),
        "half an answer behind it": Bytes((WHOLE + WHOLE[:40],)),
    }.items(),
    ids=lambda item: item[0],
)
async def test_after_some_answers_the_connection_is_not_used_again(answer: tuple[str, Behaviour]) -> None:
    async with FaultServer(answer[1], FOUND) as server, direct(server) as transport:
        assert (await transport.send("UpdateItem", ADD))["Item"] == KEY
        assert (await transport.send("UpdateItem", ADD))["Item"] == KEY
        assert (server.connections, len(server.received)) == (2, 2)


async def test_what_comes_unasked_is_nobodys_answer() -> None:
    read, sent = asyncio.Event(), asyncio.Event()

    class Chatty:
        async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
            writer.write(WHOLE)
            await read.wait()
            writer.write(WHOLE.replace(b"u1", b"u2"))
            await writer.drain()
            sent.set()
            return True

    async with FaultServer(Chatty(), FOUND) as server, direct(server) as transport:
        assert (await transport.send("GetItem", GET))["Item"] == KEY
        read.set()
        await sent.wait()
        assert (await transport.send("GetItem", GET))["Item"] == KEY
        assert server.connections == 2


UNREADABLE = {
    "a checksum that does not fit": Answer({"Item": KEY}, headers={"x-amz-crc32": "1"}),
    "a checksum that is none": Answer({"Item": KEY}, headers={"x-amz-crc32": "none"}),
    "an error's checksum that does not fit": Answer({"__type": "x"}, 400, headers={"x-amz-crc32": "1"}),
    "no JSON": Bytes((HEAD + b"content-length: 1\r\n\r\n{",)),
    "no text": Bytes((HEAD + b"content-length: 2\r\n\r\n\xff\xfe",)),
    "no object": Bytes((HEAD + b"content-length: 2\r\n\r\n[]",)),
    "nothing": Bytes((HEAD + b"content-length: 0\r\n\r\n",)),
    "a shorter length than the body's": Bytes((HEAD + b"content-length: 5\r\n\r\n" + BODY,)),
    "no HTTP": Bytes((b"SSH-2.0-OpenSSH_9.6\r\n",)),
    "another protocol": Bytes((b"HTTP/1.1 101 Switching\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",)),
    "two lengths": Bytes((HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\n" + BODY,)),
}
LOST = {
    "the connection closes without an answer": LoseTheAnswer(),
    "the connection closes within the head": LoseTheAnswer(WHOLE[:30]),
    "the connection closes within the body": LoseTheAnswer(WHOLE[:-1]),
    "the connection closes within a chunk": LoseTheAnswer(CHUNKED[:-20]),
    "the connection is reset": ResetTheConnection(),
    "an answer that ends with the connection": LoseTheAnswer(HEAD + b"\r\n" + BODY),
}


@pytest.mark.parametrize("behaviour", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_an_answer_that_cannot_be_read_leaves_the_outcome_open(behaviour: Behaviour) -> None:
    async with FaultServer(behaviour, FOUND) as server, direct(server) as transport:
        with pytest.raises(TransportError, match="could not be read") as caught:
            await transport.send("UpdateItem", ADD)
        assert caught.value.ambiguous
        assert caught.value.__cause__ is not None
        assert (await transport.send("GetItem", GET))["Item"] == KEY
        assert server.operations == ["UpdateItem", "GetItem"]


@pytest.mark.parametrize("behaviour", LOST.values(), ids=LOST.keys())
async def test_a_lost_answer_on_a_fresh_connection_is_not_asked_for_again(behaviour: Behaviour) -> None:
    async with FaultServer(behaviour) as server, direct(server) as transport:
        with pytest.raises(TransportError) as caught:
            await transport.send("GetItem", GET)
        assert caught.value.ambiguous
        assert len(server.received) == 1


# Kept connections that turn out dead


async def test_a_connection_that_was_closed_meanwhile_is_replaced_before_a_write_is_sent() -> None:
    async with FaultServer(Then(FOUND)) as server, direct(server) as transport:
        for _ in range(3):
            await transport.send("UpdateItem", ADD)
            await server.hung_up()
        assert (len(server.received), server.connections) == (3, 3)


async def test_many_connections_that_were_closed_meanwhile_are_replaced() -> None:
    async with FaultServer(FOUND) as server, direct(server) as transport:
        await asyncio.gather(*(transport.send("GetItem", GET) for _ in range(10)))
        first = server.connections
        server.script(Then(FOUND))
        await asyncio.gather(*(transport.send("UpdateItem", ADD) for _ in range(10)))
        await server.hung_up()
        await asyncio.gather(*(transport.send("UpdateItem", ADD) for _ in range(10)))
        assert len(server.received) == 30
        assert server.connections == first + 10


async def test_a_connection_that_lay_idle_too_long_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FaultServer(FOUND) as server, direct(server) as transport:
        await transport.send("GetItem", GET)
        await transport.send("GetItem", GET)
        assert server.connections == 1
        monkeypatch.setattr(connections_module, "IDLE_SECONDS", -1.0)
        await transport.send("GetItem", GET)
        assert server.connections == 2


@pytest.mark.parametrize("behaviour", LOST.values(), ids=LOST.keys())
async def test_a_read_on_a_kept_connection_is_sent_a_second_time(behaviour: Behaviour) -> None:
    checked: list[str] = []
    async with FaultServer(FOUND, behaviour, FOUND) as server, direct(server) as transport:
        await transport.send("GetItem", GET)
        response = await transport.send("GetItem", GET, check=lambda operation, _: checked.append(operation))
        assert response["Item"] == KEY
        assert (len(server.received), server.connections) == (3, 2)
        assert checked == ["GetItem", "GetItem"]


async def test_the_second_sending_takes_a_new_connection() -> None:
    async with FaultServer(FOUND) as server, direct(server) as transport:
        await asyncio.gather(*(transport.send("GetItem", GET) for _ in range(2)))
        assert server.connections == 2
        server.script(LoseTheAnswer(), FOUND)
        await transport.send("GetItem", GET)
        assert server.connections == 3


async def test_a_read_is_sent_twice_and_not_a_third_time() -> None:
    async with FaultServer(FOUND, LoseTheAnswer()) as server, direct(server) as transport:
        await transport.send("GetItem", GET)
        with pytest.raises(TransportError) as caught:
            await transport.send("GetItem", GET)
        assert caught.value.ambiguous
        assert len(server.received) == 3


@pytest.mark.parametrize("behaviour", LOST.values(), ids=LOST.keys())
async def test_a_write_on_a_kept_connection_is_sent_once_and_its_outcome_is_open(behaviour: Behaviour) -> None:
    async with FaultServer(FOUND, behaviour, FOUND) as server, direct(server) as transport:
        await transport.send("GetItem", GET)
        with pytest.raises(TransportError) as caught:
            await transport.send("UpdateItem", ADD)
        assert caught.value.ambiguous
        assert server.operations == ["GetItem", "UpdateItem"]


async def test_a_write_under_a_token_is_left_to_the_retries() -> None:
    """They know that its outcome is open, whatever becomes of its second sending."""
    refused = fault("AccessDeniedException", "no")
    async with FaultServer(FOUND, LoseTheAnswer(), refused) as server, direct(server) as transport:
        await transport.send("GetItem", GET)
        with pytest.raises(TransportError) as caught:
            await transport.send("TransactWriteItems", {**TRANSACTION, "ClientRequestToken": "t"})
    assert caught.value.ambiguous
    assert server.operations == ["GetItem", "TransactWriteItems"]


# Time, and giving up


@pytest.mark.parametrize("beginning", [b"", WHOLE[:60]], ids=["no answer", "half an answer"])
async def test_an_answer_that_does_not_come_in_time_is_lost(beginning: bytes) -> None:
    class Stall:
        async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
            writer.write(beginning)
            await writer.drain()
            return await Hang()(reader, writer)

    async with FaultServer(FOUND, Stall(), FOUND) as server, direct(server, read=0.3) as transport:
        await transport.send("GetItem", GET)
        with pytest.raises(RequestTimeout) as caught:
            await transport.send("GetItem", GET)
        assert caught.value.ambiguous
        assert (await transport.send("GetItem", GET))["Item"] == KEY
        assert (server.connections, len(server.received)) == (2, 3)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_what_arrived_while_this_process_slept_is_in_time(loop: str) -> None:
    answered = threading.Event()

    class Answers:
        async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
            await FOUND(reader, writer)
            answered.set()
            return True

    async def sleep_over_the_answer(server: FaultServer) -> Any:
        async with direct(server, read=0.05) as transport:
            await transport.warm()
            sending = asyncio.create_task(transport.send("GetItem", GET))
            await asyncio.sleep(0)
            asleep_since = time.monotonic()
            while not answered.is_set() or time.monotonic() < asleep_since + 0.1:
                time.sleep(0.01)  # noqa: ASYNC251 - as a frozen process does
            return await sending

    factory = uvloops() if loop == "uvloop" else asyncio.new_event_loop
    with in_a_thread(FaultServer(Answers())) as server, asyncio.Runner(loop_factory=factory) as runner:
        assert runner.run(sleep_over_the_answer(server))["Item"] == KEY


async def test_a_large_request_is_given_longer_and_the_next_one_is_not() -> None:
    large = {"TableName": "users", "Item": {"text": {"S": "x" * 3_000_000}}}
    async with FaultServer(Answer(), Hang()) as server, direct(server, read=0.05) as transport:
        await transport.send("PutItem", large)
        assert server.received[0].body == large
        async with asyncio.timeout(1):
            with pytest.raises(RequestTimeout):
                await transport.send("GetItem", GET)


async def test_nobody_listening_is_certain() -> None:
    async with FaultServer(FOUND) as server:
        settings = settings_of(server)
    async with open_direct(settings) as transport:
        with pytest.raises(TransportError, match="nothing was sent") as caught:
            await transport.send("UpdateItem", ADD)
        assert not caught.value.ambiguous
        assert isinstance(caught.value.__cause__, ConnectionRefusedError)
        assert not await transport.warm()


async def test_a_host_that_has_no_address_is_certain() -> None:
    endpoint = Endpoint("http", "no-such-host.invalid", 80, "eu-west-1")
    transport = DirectTransport(endpoint, Fixed(KEYS), Timeouts(connect=10))
    with pytest.raises(TransportError, match="nothing was sent") as caught:
        await transport.send("GetItem", GET)
    assert not caught.value.ambiguous
    await transport.close()


@pytest.fixture
def hole() -> Iterator[tuple[str, int]]:
    """An address that swallows packets: it listens, and its line is full."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind((HOST, 0))
        listening.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield listening.getsockname()


def to_addresses(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    async def resolved(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]

    def is_no_number(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", is_no_number)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)


async def test_an_address_that_swallows_packets_leaves_time_for_the_next(
    monkeypatch: pytest.MonkeyPatch, hole: tuple[str, int]
) -> None:
    async with FaultServer(FOUND) as server, direct(server, connect=0.6) as transport:
        to_addresses(monkeypatch, hole, (HOST, server.port))
        assert (await transport.send("GetItem", GET))["Item"] == KEY


async def test_where_every_address_swallows_packets_nothing_was_sent(
    monkeypatch: pytest.MonkeyPatch, hole: tuple[str, int]
) -> None:
    async with FaultServer(FOUND) as server, direct(server, connect=0.1) as transport:
        to_addresses(monkeypatch, hole, hole)
        with pytest.raises(TransportError, match=r"no connection within 0.1 s, so nothing was sent") as caught:
            await transport.send("GetItem", GET)
        assert not caught.value.ambiguous


@pytest.mark.parametrize("turns", range(6))
async def test_who_gives_up_while_connecting_leaves_no_socket_open(
    monkeypatch: pytest.MonkeyPatch, hole: tuple[str, int], turns: int
) -> None:
    # A socket that is left open is a ResourceWarning, which is an error here.
    async with FaultServer(FOUND) as server, direct(server) as transport:
        to_addresses(monkeypatch, hole, hole)
        task = asyncio.create_task(transport.send("GetItem", GET))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gc.collect()
        to_addresses(monkeypatch, (HOST, server.port))
        assert (await transport.send("GetItem", GET))["Item"] == KEY


async def test_a_cancelled_request_takes_its_connection_with_it() -> None:
    async with FaultServer(FOUND, Hang(), FOUND_ANOTHER) as server, direct(server) as transport:
        await transport.send("GetItem", GET)
        task = asyncio.create_task(transport.send("GetItem", GET))
        await server.arrived(2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.hung_up()
        assert (await transport.send("GetItem", GET))["Item"] == ANOTHER
        assert server.connections == 2


@pytest.mark.parametrize("turns", range(12))
async def test_wherever_a_request_is_cancelled_the_next_one_gets_its_own_answer(turns: int) -> None:
    async with FaultServer(FOUND, FOUND_ANOTHER) as server, direct(server) as transport:
        task = asyncio.create_task(transport.send("GetItem", GET))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        outcome = (await asyncio.gather(task, return_exceptions=True))[0]
        server.script(FOUND_ANOTHER)
        assert isinstance(outcome, asyncio.CancelledError) or (isinstance(outcome, dict) and outcome["Item"] == KEY)
        assert (await transport.send("GetItem", GET))["Item"] == ANOTHER


async def test_closing_ends_requests_under_way_and_those_in_line() -> None:
    async with FaultServer(Hang()) as server:
        async with direct(server) as transport:
            tasks = [asyncio.create_task(transport.send("GetItem", GET)) for _ in range(70)]
            await server.arrived(64)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert sorted({type(outcome) for outcome in outcomes}, key=str) == [ClientClosed, TransportError]
        assert len(server.received) == 64
        with pytest.raises(ClientClosed):
            await transport.send("GetItem", GET)


async def test_as_many_connections_as_requests_run_at_once_up_to_64() -> None:
    async with FaultServer(FOUND) as server, direct(server) as transport:
        responses = await asyncio.gather(*(transport.send("GetItem", GET) for _ in range(300)))
        assert [response["Item"] for response in responses] == [KEY] * 300
        assert server.connections <= 64


# Warming up, checks, credentials


async def test_warming_up_opens_a_connection_and_sends_nothing() -> None:
    async with FaultServer(FOUND) as server, direct(server) as transport:
        assert await transport.warm()
        assert await transport.warm()
        await transport.send("GetItem", GET)
        assert (server.connections, server.operations) == (1, ["GetItem"])


async def test_warming_up_without_credentials_still_opens_a_connection() -> None:
    async with FaultServer(FOUND) as server:
        endpoint = Endpoint("http", HOST, server.port, "eu-west-1")
        transport = DirectTransport(endpoint, Fixed(None), Timeouts())
        assert await transport.warm()
        with pytest.raises(AccessDenied):
            await transport.send("GetItem", GET)
        await transport.close()
        assert server.received == []


async def test_a_check_that_refuses_leaves_nothing_sent_and_the_connection_usable() -> None:
    def refuse(operation: str, request: Request) -> None:
        assert (operation, request) == ("GetItem", GET)
        raise PermissionError("not yours")

    async with FaultServer(FOUND) as server, direct(server) as transport:
        await transport.send("GetItem", GET)
        with pytest.raises(PermissionError, match="not yours"):
            await transport.send("GetItem", GET, check=refuse)
        assert len(server.received) == 1
        await transport.send("GetItem", GET)
        assert server.connections == 1


async def test_the_gate_is_asked_behind_the_wait_for_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct_module, "MAX_CONNECTIONS", 1)
    is_open = True

    def gate() -> None:
        if not is_open:
            raise DeadlineExceeded("too late")

    async with FaultServer(Hang(), FOUND) as server, direct(server) as transport:
        first = asyncio.create_task(transport.send("GetItem", GET))
        await server.arrived(1)
        second = asyncio.create_task(transport.send("PutItem", GET, gate=gate))
        await asyncio.sleep(0)
        is_open = False
        first.cancel()
        with pytest.raises(DeadlineExceeded):
            await second
        assert len(server.received) == 1
        await transport.send("GetItem", GET, gate=None)
        assert len(server.received) == 2


async def test_what_the_check_saw_is_what_is_sent() -> None:
    request = {"TableName": "users", "Key": {"user_id": {"S": "mine"}}}

    def see(_: str, seen: Request) -> None:
        assert seen["Key"] == {"user_id": {"S": "mine"}}
        # Whoever changes the request once it was checked comes too late.
        asyncio.get_running_loop().call_soon(request.update, {"Key": {"user_id": {"S": "theirs"}}})

    async with FaultServer(FOUND) as server, direct(server) as transport:
        await transport.send("GetItem", request, check=see)
        assert server.received[0].body["Key"] == {"user_id": {"S": "mine"}}


async def test_a_request_can_be_signed_with_other_credentials() -> None:
    async with FaultServer(FOUND) as server, direct(server) as transport:
        await transport.send("GetItem", GET, credentials=Credentials("tenant", "secret", "token"))
        await transport.send("GetItem", GET)
    first, second = (request.headers for request in server.received)
    assert "Credential=tenant/" in first["authorization"]
    assert first["x-amz-security-token"] == "token"
    assert "Credential=key/" in second["authorization"]
    assert "x-amz-security-token" not in second


class Fixed:
    """Credentials that are there, or are not; counts how often they are to be forgotten."""

    def __init__(self, credentials: Credentials | None) -> None:
        self.credentials = credentials
        self.forgotten = 0

    def at_hand(self) -> None:
        """Asked every time."""

    async def current(self) -> Credentials:
        if self.credentials is None:
            raise AccessDenied("no credentials were found")
        return self.credentials

    def forget(self, access_key: str) -> None:
        assert self.credentials is not None
        assert access_key == self.credentials.access_key
        self.forgotten += 1


@pytest.mark.parametrize("code", ["ExpiredTokenException", "UnrecognizedClientException"])
async def test_credentials_that_are_refused_are_looked_for_anew(code: str) -> None:
    source = Fixed(KEYS)
    async with FaultServer(fault(code, "expired"), FOUND) as server:
        transport = DirectTransport(Endpoint("http", HOST, server.port, "eu-west-1"), source, Timeouts())
        with pytest.raises(AccessDenied):
            await transport.send("GetItem", GET)
        assert source.forgotten == 1
        server.script(fault(code, "expired"))
        with pytest.raises(AccessDenied):
            await transport.send("GetItem", GET, credentials=Credentials("tenant", "secret"))
        assert source.forgotten == 1
        await transport.close()


# Errors


async def test_an_error_has_its_code_status_and_request_id() -> None:
    item = {"user_id": {"S": "u1"}, "picture": {"B": "AAEC"}}
    refused = fault("ConditionalCheckFailedException", "no", Item=item)
    async with FaultServer(refused) as server, direct(server) as transport:
        with pytest.raises(ConditionFailed, match="no") as caught:
            await transport.send("PutItem", {"TableName": "users", "Item": KEY})
    error = caught.value
    assert (error.code, error.status, error.request_id) == ("ConditionalCheckFailedException", 400, "REQUEST-1")
    assert error.item == {"user_id": {"S": "u1"}, "picture": {"B": b"\x00\x01\x02"}}
    assert not error.ambiguous


HTML = b"<html>try later</html>"


@pytest.mark.parametrize("status", [302, 404, 502, 503])
async def test_an_answer_of_whoever_stands_between_has_its_status_for_a_code(status: int) -> None:
    answer = b"HTTP/1.1 %d no\r\ncontent-length: %d\r\n\r\n" % (status, len(HTML)) + HTML
    async with FaultServer(Bytes((answer,))) as server, direct(server) as transport:
        with pytest.raises(ServiceError) as caught:
            await transport.send("GetItem", GET)
    assert (caught.value.code, caught.value.status) == (str(status), status)
    assert caught.value.ambiguous == (status >= 500)


# Other event loops


def uvloops() -> Callable[[], asyncio.AbstractEventLoop]:
    return pytest.importorskip("uvloop").new_event_loop  # type: ignore[no-any-return]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no uvloop for Windows")
@pytest.mark.parametrize(
    "journey",
    [
        test_a_request_arrives_as_it_was_given_and_the_answer_as_botocore_gives_it,
        test_a_connection_that_was_closed_meanwhile_is_replaced_before_a_write_is_sent,
        test_many_connections_that_were_closed_meanwhile_are_replaced,
        test_a_cancelled_request_takes_its_connection_with_it,
        test_nobody_listening_is_certain,
        test_closing_ends_requests_under_way_and_those_in_line,
        test_as_many_connections_as_requests_run_at_once_up_to_64,
    ],
)
def test_it_works_on_uvloop(journey: Callable[[], Awaitable[Any]]) -> None:
    async def go() -> None:
        await journey()

    with asyncio.Runner(loop_factory=uvloops()) as runner:
        runner.run(go())
