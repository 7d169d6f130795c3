"""Sources of credentials, with botocore as the oracle for the environment's."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator

import botocore.session
import pytest
from botocore.exceptions import NoCredentialsError, PartialCredentialsError

from dynamorm_py.core.errors import AccessDenied
from dynamorm_py.transports import Credentials, Settings
from dynamorm_py.transports.aiobotocore import forget_credentials
from dynamorm_py.transports.credentials import AsksForAccount, in_environment, source_for
from tests.aws_lambda.credentials_server import CredentialsServer, handing_out
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
    source.forget()
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
    source.forget()
    assert (await source.current()).access_key == "second"
    environ.clear()
    source.forget()
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
    source.forget()
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
