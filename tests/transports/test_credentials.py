"""Sources of credentials, with botocore as the oracle for the environment's."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import botocore.session
import pytest
from botocore.exceptions import ClientError, NoCredentialsError, PartialCredentialsError

from dynamorm_py.core.errors import AccessDenied
from dynamorm_py.transports import Credentials, Settings, Transport
from dynamorm_py.transports.aiobotocore import forget_credentials, open_aiobotocore, shared_session
from dynamorm_py.transports.credentials import AsksForAccount, in_environment, source_for
from dynamorm_py.transports.direct import open_direct
from dynamorm_py.transports.session_credentials import MEMORY, SessionCredentials
from tests.aws_lambda.credentials_server import CredentialsServer, handing_out
from tests.faults.listener import Listener
from tests.faults.server import Answer, FaultServer
from tests.transports.conftest import Environ, SetEnviron

NOTHING = Settings()


@pytest.fixture(autouse=True)
def a_new_session() -> Iterator[None]:
    """What another test's session has found is not found again."""
    forget_credentials()
    yield
    forget_credentials()


@pytest.fixture
def containers(set_environ: SetEnviron) -> Iterator[Callable[..., CredentialsServer]]:
    """Starts a server of credentials that live so many seconds each, and leads the environment to it."""
    stopping: list[Callable[[], object]] = []

    def start(*valid_for: float) -> CredentialsServer:
        context = handing_out(*valid_for)
        server, environ = context.__enter__()
        stopping.append(lambda: context.__exit__(None, None, None))
        set_environ(**environ)
        return server

    yield start
    for stop in stopping:
        stop()


async def test_what_is_given_is_taken() -> None:
    given = Credentials("given", "secret")
    source = source_for(Settings(credentials=given), {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "other"})
    assert await source.current() is given
    source.forget("given")
    assert await source.current() is given
    assert not isinstance(source, AsksForAccount)


@pytest.mark.parametrize(
    "environ",
    [
        {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"},
        {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"},
        {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SECURITY_TOKEN": "old"},
        {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_SECURITY_TOKEN": "old",
            "AWS_SESSION_TOKEN": "token",
        },
        {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": ""},
    ],
    ids=lambda environ: "+".join(environ),
)
async def test_the_environment_is_read_as_botocore_reads_it(set_environ: SetEnviron, environ: Environ) -> None:
    source = source_for(NOTHING, set_environ(**environ))
    found = await source.current()
    theirs = botocore.session.Session().get_credentials().get_frozen_credentials()
    assert (found.access_key, found.secret_key, found.session_token) == (
        theirs.access_key,
        theirs.secret_key,
        theirs.token,
    )
    assert await source.current() is found


async def test_forgetting_reads_the_environment_again() -> None:
    environ = {"AWS_ACCESS_KEY_ID": "first", "AWS_SECRET_ACCESS_KEY": "secret"}
    source = source_for(NOTHING, environ)
    environ["AWS_ACCESS_KEY_ID"] = "second"
    assert (await source.current()).access_key == "first"
    source.forget("another")
    assert (await source.current()).access_key == "first"
    source.forget("first")
    assert (await source.current()).access_key == "second"
    environ.clear()
    source.forget("second")
    assert (await source.current()).access_key == "second"


@pytest.mark.parametrize("missing", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_half_of_the_keys_are_none(missing: str) -> None:
    environ = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    assert in_environment({**environ, missing: ""}) is None
    assert in_environment({**environ, "AWS_CREDENTIAL_EXPIRATION": "2030-01-01T00:00:00Z"}) is None
    assert in_environment(environ) == Credentials("key", "secret")


def test_keys_of_the_environment_load_no_botocore() -> None:
    script = (
        "import sys\n"
        "from dynamorm_py.transports import Settings\n"
        "from dynamorm_py.transports.credentials import source_for\n"
        "source_for(Settings(), {'AWS_ACCESS_KEY_ID': 'key', 'AWS_SECRET_ACCESS_KEY': 'secret'})\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert not {"botocore", "aiobotocore", "aiohttp"} & set(done.stdout.split())


async def test_a_container_s_keys_are_fetched_once_and_renewed_in_time(
    containers: Callable[..., CredentialsServer], set_environ: SetEnviron
) -> None:
    server = containers(1, 3600)
    source = source_for(NOTHING, set_environ())
    assert server.expiries == []
    found = await source.current()
    assert (found.access_key, found.session_token) == ("KEY2", "token")
    assert await source.current() is found
    assert len(server.expiries) == 2


async def test_many_first_requests_fetch_once(
    containers: Callable[..., CredentialsServer], set_environ: SetEnviron
) -> None:
    server = containers(3600)
    source = source_for(NOTHING, set_environ())
    found = await asyncio.gather(*(source.current() for _ in range(20)))
    assert {each.access_key for each in found} == {"KEY1"}
    assert len(server.expiries) == 1


async def test_forgetting_fetches_anew(containers: Callable[..., CredentialsServer], set_environ: SetEnviron) -> None:
    containers(3600)
    source = source_for(NOTHING, set_environ())
    assert (await source.current()).access_key == "KEY1"
    source.forget("KEY1")
    assert (await source.current()).access_key == "KEY2"
    # A source that is made after a snapshot was restored starts from nothing, too.
    forget_credentials()
    assert (await source_for(NOTHING, set_environ()).current()).access_key == "KEY3"


async def test_without_keys_it_says_how_to_give_some(set_environ: SetEnviron) -> None:
    source = source_for(NOTHING, set_environ())
    with pytest.raises(AccessDenied, match="no credentials were found: set AWS_ACCESS_KEY_ID") as caught:
        await source.current()
    assert isinstance(caught.value.__cause__, NoCredentialsError)
    assert not caught.value.ambiguous


async def test_half_of_the_keys_are_refused_as_botocore_refuses_them(set_environ: SetEnviron) -> None:
    source = source_for(NOTHING, set_environ(AWS_ACCESS_KEY_ID="key"))
    with pytest.raises(AccessDenied, match="incomplete") as caught:
        await source.current()
    assert isinstance(caught.value.__cause__, PartialCredentialsError)


async def test_whose_the_keys_are(set_environ: SetEnviron) -> None:
    expiring = {"AWS_CREDENTIAL_EXPIRATION": "2100-01-01T00:00:00Z", "AWS_ACCOUNT_ID": "123456789012"}
    environ = set_environ(AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="secret", **expiring)
    source = source_for(NOTHING, environ)
    assert isinstance(source, AsksForAccount)
    assert await source.account_id() == "123456789012"


async def test_late_refusals_of_old_keys_fetch_once(
    containers: Callable[..., CredentialsServer], set_environ: SetEnviron
) -> None:
    server = containers(3600)
    source, neighbour = source_for(NOTHING, set_environ()), source_for(NOTHING, set_environ())
    assert (await source.current()).access_key == (await neighbour.current()).access_key == "KEY1"
    for _ in range(3):
        source.forget("KEY1")
        neighbour.forget("KEY1")
        assert (await source.current()).access_key == (await neighbour.current()).access_key == "KEY2"
    assert len(server.expiries) == 2


async def test_a_refusal_reaches_the_source_with_the_key_that_signed(
    containers: Callable[..., CredentialsServer], set_environ: SetEnviron
) -> None:
    credentials = containers(3600)
    set_environ(AWS_REGION="eu-west-1")
    refusal = Answer({"__type": "com.amazon.coral.service#UnrecognizedClientException"}, status=400)
    async with (
        FaultServer(*[refusal] * 5, Answer({})) as server,
        open_direct(Settings(region="eu-west-1", endpoint_url=server.endpoint_url)) as transport,
    ):
        sent = await asyncio.gather(*(transport.send("ListTables", {}) for _ in range(5)), return_exceptions=True)
        assert await transport.send("ListTables", {})
    assert {type(error) for error in sent} == {AccessDenied}
    assert len(credentials.expiries) == 2


def test_every_event_loop_and_every_thread_has_locks_of_its_own(
    containers: Callable[..., CredentialsServer], set_environ: SetEnviron
) -> None:
    # Always due, so that every request waits for the lock of the keys.
    containers(1)
    environ = set_environ()

    async def found() -> int:
        source = source_for(NOTHING, environ)
        await source.current()
        return len(await asyncio.gather(*(source.current() for _ in range(3))))

    def run(_: int) -> int:
        return asyncio.run(asyncio.wait_for(found(), 20))

    assert [run(0), run(0)] == [3, 3]
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(run, range(4))) == [3] * 4


def test_the_session_of_a_closed_loop_is_let_go() -> None:
    async def session() -> weakref.ref[object]:
        return weakref.ref(shared_session())

    gone = asyncio.run(session())
    asyncio.run(session())
    gc.collect()
    assert gone() is None


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_keys_that_are_nowhere_are_looked_for_once_in_a_while(
    set_environ: SetEnviron, write_config: Callable[[str, str], None], tmp_path: Path
) -> None:
    set_environ()
    log = tmp_path / "log"
    write_config("config", f'[default]\ncredential_process = sh -c "echo once >> {log}; exit 1"\n')
    clock = Clock()
    source = SessionCredentials(clock=clock)
    for searches, now in ((1, 0.0), (1, MEMORY - 0.1), (2, MEMORY)):
        clock.now = now
        found = await asyncio.gather(*(source.current() for _ in range(8)), return_exceptions=True)
        assert {type(error) for error in found} == {AccessDenied}
        assert len(log.read_text().split()) == searches


async def test_keys_that_appear_are_found_when_the_failure_is_forgotten(set_environ: SetEnviron) -> None:
    set_environ()
    clock = Clock()
    source = SessionCredentials(clock=clock)
    with pytest.raises(AccessDenied):
        await source.current()
    set_environ(AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="secret")
    with pytest.raises(AccessDenied):
        await source.current()
    clock.now = MEMORY
    assert (await source.current()).access_key == "key"


ROLE = "[default]\nregion = eu-west-1\nrole_arn = arn:aws:iam::123456789012:role/x\n"
SSO = "sso_region = eu-west-1\nsso_account_id = 123456789012\nsso_role_name = r\n"
START = "sso_start_url = https://x.awsapps.com/start\n"
BASE = "source_profile = base\n[profile base]\naws_access_key_id = key\naws_secret_access_key = secret\n"
UNFETCHED = {
    "a role that STS refuses": ROLE + BASE,
    "a source profile that is missing": ROLE + "source_profile = nowhere\n",
    "a web identity without its token": ROLE + "web_identity_token_file = /nonexistent\n",
    "SSO without a login": f"[default]\n{SSO}{START}",
    "a session of SSO without a login": f"[default]\nsso_session = s\n{SSO}[sso-session s]\n{SSO}{START}",
    "a program that fails": "[default]\ncredential_process = false\n",
    "a program that is missing": "[default]\ncredential_process = /nonexistent/program\n",
    "a program that prints no JSON": "[default]\ncredential_process = echo nothing\n",
}

REFUSED_BY_STS = (
    b'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
    b"<Code>AccessDenied</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>"
)


async def refuse_as_sts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = b"HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(REFUSED_BY_STS)
    await reader.readuntil(b"\r\n\r\n")
    writer.write(head + REFUSED_BY_STS)
    await writer.drain()


@pytest.mark.parametrize("opening", [open_direct, open_aiobotocore], ids=["direct", "aiobotocore"])
@pytest.mark.parametrize("config", UNFETCHED.values(), ids=UNFETCHED)
async def test_keys_that_cannot_be_fetched_deny_access_and_nothing_is_sent(
    opening: Callable[[Settings], AbstractAsyncContextManager[Transport]],
    config: str,
    set_environ: SetEnviron,
    write_config: Callable[[str, str], None],
) -> None:
    write_config("config", config)
    async with FaultServer(Answer({})) as server, Listener(refuse_as_sts) as sts:
        set_environ(AWS_ENDPOINT_URL_STS=f"http://127.0.0.1:{sts.port}")
        with pytest.raises(AccessDenied) as caught:
            async with opening(Settings(region="eu-west-1", endpoint_url=server.endpoint_url)) as transport:
                await transport.send("DeleteItem", {"TableName": "t", "Key": {"k": {"S": "a"}}})
        assert server.received == []
    assert not caught.value.ambiguous
    assert caught.value.__cause__ is not None
    if "source_profile = base" in config:
        assert isinstance(caught.value.__cause__, ClientError)
