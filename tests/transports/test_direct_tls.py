"""TLS: which certificates are refused, and when another bundle is asked."""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from dynamorm_py.core.errors import TransportError
from dynamorm_py.transports import Timeouts, trust
from dynamorm_py.transports import direct as direct_module
from dynamorm_py.transports.credentials import GivenCredentials
from dynamorm_py.transports.direct import DirectTransport
from dynamorm_py.transports.endpoints import Endpoint
from tests.faults.server import Answer, FaultServer, Hang, LoseTheAnswer, Then
from tests.transports.reach import ADD, GET, KEY, KEYS

FOUND = Answer({"Item": KEY})
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("trust") / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture(scope="module")
def foreign_bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("trust") / "foreign.pem"
    trustme.CA().cert_pem.write_to_path(path)
    return str(path)


def served_with(authority: trustme.CA, name: str = "localhost", **dates: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, **dates).configure_cert(context)
    return context


@asynccontextmanager
async def over_tls(
    server: FaultServer, ca_bundle: str | None, *, amazon_roots: bool = False, connect: float = 5.0
) -> AsyncIterator[DirectTransport]:
    endpoint = Endpoint("https", "localhost", server.port, "eu-west-1", amazon_roots, ca_bundle)
    transport = DirectTransport(endpoint, GivenCredentials(KEYS), Timeouts(connect=connect))
    try:
        yield transport
    finally:
        await transport.close()


async def refusal(server: FaultServer, ca_bundle: str | None, *, amazon_roots: bool = False) -> ssl.SSLError:
    """What a request is refused with, for which nothing was sent."""
    async with over_tls(server, ca_bundle, amazon_roots=amazon_roots) as transport:
        with pytest.raises(TransportError, match="nothing was sent") as caught:
            await transport.send("UpdateItem", ADD)
        assert not await transport.warm()
    assert not caught.value.ambiguous
    assert server.received == []
    assert isinstance(caught.value.__cause__, ssl.SSLError)
    return caught.value.__cause__


async def test_one_trusted_connection_carries_many_requests(authority: trustme.CA, bundle: str) -> None:
    async with FaultServer(FOUND, tls=served_with(authority)) as server, over_tls(server, bundle) as transport:
        assert await transport.warm()
        for _ in range(3):
            assert (await transport.send("GetItem", GET))["Item"] == KEY
        assert server.connections == 1


@pytest.mark.parametrize("size", [40, 16_000, 17_000, 65_000, 66_000, 300_000, 5_000_000])
async def test_requests_and_answers_of_any_size_pass_whole(authority: trustme.CA, bundle: str, size: int) -> None:
    item = {"user_id": {"S": "u1"}, "text": {"S": "0123456789ü" * (size // 12)}}
    async with FaultServer(Answer({"Attributes": item}), tls=served_with(authority)) as server:
        async with over_tls(server, bundle) as transport:
            response = await transport.send("PutItem", {"TableName": "users", "Item": item})
        assert response["Attributes"] == item == server.received[0].body["Item"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no uvloop for Windows")
def test_they_pass_on_uvloop_too(authority: trustme.CA, bundle: str) -> None:
    uvloop = pytest.importorskip("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test_requests_and_answers_of_any_size_pass_whole(authority, bundle, 300_000))
        runner.run(test_a_close_meanwhile_is_seen_before_a_write_is_sent(authority, bundle))


async def test_a_close_meanwhile_is_seen_before_a_write_is_sent(authority: trustme.CA, bundle: str) -> None:
    async with FaultServer(Then(FOUND), tls=served_with(authority)) as server:
        async with over_tls(server, bundle) as transport:
            for _ in range(3):
                await transport.send("UpdateItem", ADD)
                await server.hung_up()
        assert (len(server.received), server.connections) == (3, 3)


async def test_a_lost_answer_leaves_the_outcome_open(authority: trustme.CA, bundle: str) -> None:
    async with FaultServer(LoseTheAnswer(), tls=served_with(authority)) as server:
        async with over_tls(server, bundle) as transport:
            with pytest.raises(TransportError) as caught:
                await transport.send("UpdateItem", ADD)
        assert caught.value.ambiguous
        assert len(server.received) == 1


@pytest.mark.parametrize("amazon_roots", [False, True])
async def test_an_unknown_issuer_is_refused(authority: trustme.CA, foreign_bundle: str, amazon_roots: bool) -> None:
    async with FaultServer(FOUND, tls=served_with(authority)) as server:
        error = await refusal(server, foreign_bundle, amazon_roots=amazon_roots)
    assert "certificate verify failed" in str(error)


async def test_nobodys_certificate_is_trusted_without_a_bundle(authority: trustme.CA) -> None:
    async with FaultServer(FOUND, tls=served_with(authority)) as server:
        assert "certificate verify failed" in str(await refusal(server, None))


@pytest.mark.parametrize("amazon_roots", [False, True])
async def test_an_expired_certificate_is_refused(authority: trustme.CA, bundle: str, amazon_roots: bool) -> None:
    expired = served_with(authority, not_before=NOW - timedelta(days=9), not_after=NOW - timedelta(days=2))
    async with FaultServer(FOUND, tls=expired) as server:
        assert "expired" in str(await refusal(server, bundle, amazon_roots=amazon_roots))


@pytest.mark.parametrize("amazon_roots", [False, True])
async def test_a_certificate_of_another_host_is_refused(authority: trustme.CA, bundle: str, amazon_roots: bool) -> None:
    async with FaultServer(FOUND, tls=served_with(authority, "dynamodb.example.org")) as server:
        assert "ostname mismatch" in str(await refusal(server, bundle, amazon_roots=amazon_roots))


async def test_an_unknown_issuer_has_the_other_bundle_asked_once(
    authority: trustme.CA, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    def first() -> ssl.SSLContext:
        tries.append("roots")
        return trust.amazon_roots()

    monkeypatch.setattr(direct_module, "amazon_roots", first)
    server = FaultServer(Then(FOUND), tls=served_with(authority))
    async with server, over_tls(server, bundle, amazon_roots=True) as transport:
        for _ in range(3):
            assert (await transport.send("GetItem", GET))["Item"] == KEY
            await server.hung_up()
    assert tries == ["roots"]


@pytest.fixture
def one_bundle_alone(bundle: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The roots that are tried first know the issuer; whoever asks another bundle fails."""

    def no_other(path: str | None) -> ssl.SSLContext:
        raise AssertionError("another bundle was asked")

    trusting = ssl.create_default_context(cafile=bundle)
    monkeypatch.setattr(direct_module, "amazon_roots", lambda: trusting)
    monkeypatch.setattr(direct_module, "bundle", no_other)
    return iter(())


@pytest.mark.usefixtures("one_bundle_alone")
@pytest.mark.parametrize(
    ("name", "days"), [("localhost", -2), ("dynamodb.example.org", 9)], ids=["expired", "another host"]
)
async def test_what_no_bundle_can_mend_has_no_other_asked(authority: trustme.CA, name: str, days: int) -> None:
    context = served_with(authority, name, not_before=NOW - timedelta(days=9), not_after=NOW + timedelta(days=days))
    async with FaultServer(FOUND, tls=context) as server:
        await refusal(server, None, amazon_roots=True)


async def test_a_handshake_that_does_not_come_about_in_time_is_certain() -> None:
    class Silent(FaultServer):
        async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
            return await Hang()(reader, writer)

    async with Silent() as server, over_tls(server, None, connect=0.05) as transport:
        with pytest.raises(TransportError, match="no connection within") as caught:
            await transport.send("UpdateItem", ADD)
        assert not caught.value.ambiguous


async def test_a_server_that_speaks_no_tls_is_refused() -> None:
    class Plain(FaultServer):
        async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return False

    async with Plain() as server:
        assert isinstance(await refusal(server, None), ssl.SSLError)


def test_there_is_no_switch() -> None:
    """Nothing in the package names what turns verification off."""
    for source in Path(direct_module.__file__).parent.rglob("*.py"):
        text = source.read_text()
        assert "CERT_NONE" not in text
        assert "check_hostname" not in text
        assert "_create_unverified_context" not in text
