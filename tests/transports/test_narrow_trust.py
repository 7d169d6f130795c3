"""The aiobotocore transport trusts Amazon's roots first, and all whom botocore trusts where an issuer is unknown."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession

from dynamorm_py.core.errors import TransportError
from dynamorm_py.core.wire import Request
from dynamorm_py.transports import Credentials, Settings, Transport, narrow_trust
from dynamorm_py.transports.aiobotocore import open_aiobotocore
from dynamorm_py.transports.narrow_trust import narrow_bundle
from dynamorm_py.transports.trust import AMAZON_ROOTS
from tests.faults.listener import Listener
from tests.faults.server import HOST, Answer, FaultServer
from tests.transports.conftest import SetEnviron
from tests.transports.reach import ADD, GET, KEY, KEYS

DYNAMODB = "dynamodb.eu-west-1.amazonaws.com"
REGIONAL = Settings(region="eu-west-1", credentials=KEYS)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@contextmanager
def bundle_of(authority: trustme.CA) -> Iterator[str]:
    with authority.cert_pem.tempfile() as path:
        yield path


def served_with(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(DYNAMODB).configure_cert(context)
    return context


@asynccontextmanager
async def proxy_to(server: FaultServer) -> AsyncIterator[str]:
    """An HTTP proxy behind which every host is that server."""

    async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        there, away = await asyncio.open_connection(HOST, server.port)
        writer.write(b"HTTP/1.1 200 connected\r\n\r\n")
        await asyncio.gather(pipe(reader, away), pipe(there, writer))

    async with Listener(tunnel) as listener:
        yield f"http://{HOST}:{listener.port}"


@asynccontextmanager
async def behind_a_proxy(server: FaultServer, set_environ: SetEnviron) -> AsyncIterator[Transport]:
    async with proxy_to(server) as url:
        set_environ(HTTPS_PROXY=url)
        async with open_aiobotocore(REGIONAL) as transport:
            yield transport


async def test_another_issuer_has_botocores_own_bundle_asked(authority: trustme.CA, set_environ: SetEnviron) -> None:
    checked: list[Request] = []

    def check(operation: str, request: Request) -> None:
        checked.append(request)

    async with FaultServer(Answer({"Item": KEY}), tls=served_with(authority)) as server:
        async with behind_a_proxy(server, set_environ) as transport:
            with bundle_of(authority) as bundle:
                set_environ(AWS_CA_BUNDLE=bundle)  # what is set once the first client is open is for the second alone
                for _ in range(2):
                    assert (await transport.send("GetItem", GET, check=check))["Item"] == KEY
                assert await transport.warm()
        assert [request.body for request in server.received[:2]] == [GET, GET]
    assert checked == [GET] * 3  # once for the connection that was not trusted


async def test_many_at_once_open_one_other_client(
    authority: trustme.CA, set_environ: SetEnviron, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []
    create_client = AioSession.create_client

    def counted(session: AioSession, *names: Any, **options: Any) -> Any:
        opened.append(options["verify"])
        return create_client(session, *names, **options)

    monkeypatch.setattr(AioSession, "create_client", counted)
    async with FaultServer(Answer({"Item": KEY}), tls=served_with(authority)) as server:
        async with behind_a_proxy(server, set_environ) as transport:
            with bundle_of(authority) as bundle:
                set_environ(AWS_CA_BUNDLE=bundle)
                answers = await asyncio.gather(*(transport.send("GetItem", GET) for _ in range(8)))
        assert [answer["Item"] for answer in answers] == [KEY] * 8
        assert server.operations == ["GetItem"] * 8
    assert opened == [str(AMAZON_ROOTS), None]


async def test_an_issuer_that_nobody_knows_is_refused(authority: trustme.CA, set_environ: SetEnviron) -> None:
    async with FaultServer(Answer(), tls=served_with(authority)) as server:
        async with behind_a_proxy(server, set_environ) as transport:
            with pytest.raises(TransportError, match="nothing was sent") as caught:
                await transport.send("UpdateItem", ADD)
            assert not await transport.warm()
        assert server.received == []
    assert not caught.value.ambiguous


async def test_whom_the_first_client_trusts_is_asked_nothing_more(
    authority: trustme.CA, set_environ: SetEnviron, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bundle_of(authority) as roots, bundle_of(trustme.CA()) as foreign:
        monkeypatch.setattr(narrow_trust, "AMAZON_ROOTS", Path(roots))
        tls = served_with(authority)
        async with (
            FaultServer(Answer({"Item": KEY}), tls=tls) as server,
            behind_a_proxy(server, set_environ) as transport,
        ):
            set_environ(AWS_CA_BUNDLE=foreign)
            assert await transport.warm()
            assert (await transport.send("GetItem", GET))["Item"] == KEY


async def test_an_answer_that_is_an_error_asks_nobody_else(
    authority: trustme.CA, set_environ: SetEnviron, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bundle_of(authority) as roots:
        monkeypatch.setattr(narrow_trust, "AMAZON_ROOTS", Path(roots))
        async with FaultServer(Answer({}, 500), tls=served_with(authority)) as server:
            async with behind_a_proxy(server, set_environ) as transport:
                with pytest.raises(Exception, match="500") as caught:
                    await transport.send("UpdateItem", ADD)
            assert len(server.received) == 1
    assert not isinstance(caught.value, TransportError)


@pytest.mark.parametrize(
    ("settings", "variables", "narrow"),
    [
        (REGIONAL, {}, True),
        (Settings(), {"AWS_DEFAULT_REGION": "us-east-1"}, True),
        (Settings(region="cn-north-1"), {}, False),
        (Settings(region="us-gov-west-1"), {}, False),
        (Settings(region="eu-west-1", endpoint_url="https://dynamodb.example.org"), {}, False),
        (Settings(region="eu-west-1", session=AioSession()), {}, False),
        (Settings(region="eu-west-1", config=AioConfig(proxies={"https": "http://proxy:3128"})), {}, False),
        (REGIONAL, {"AWS_ENDPOINT_URL": "https://dynamodb.example.org"}, False),
        (REGIONAL, {"AWS_CA_BUNDLE": "/etc/ssl/bundle.pem"}, False),
        (REGIONAL, {"REQUESTS_CA_BUNDLE": "/etc/ssl/bundle.pem"}, False),
        (REGIONAL, {"AWS_USE_FIPS_ENDPOINT": "true"}, False),
    ],
)
def test_few_are_trusted_where_nothing_was_said_about_trust(
    set_environ: SetEnviron, settings: Settings, variables: dict[str, str], narrow: bool
) -> None:
    set_environ(**variables)
    assert narrow_bundle(settings) == (str(AMAZON_ROOTS) if narrow else None)


def test_a_profile_may_say_whom_to_trust(set_environ: SetEnviron, write_config: Any) -> None:
    write_config("config", "[default]\nca_bundle = /etc/ssl/bundle.pem\n")
    set_environ()
    assert narrow_bundle(Settings(region="eu-west-1", credentials=Credentials("key", "secret"))) is None
