"""Which transport is chosen, and why; and that what is chosen is opened."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import ModuleType
from typing import Any

import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.utils import get_environ_proxies
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from dynamorm_py.client import Client
from dynamorm_py.core.errors import InvalidOperation
from dynamorm_py.testing import EmbeddedDynamoDB
from dynamorm_py.transports import Credentials, Settings
from dynamorm_py.transports.aiobotocore import AiobotocoreTransport, forget_credentials
from dynamorm_py.transports.choice import Choice, choose
from dynamorm_py.transports.direct import DirectTransport, open_direct
from dynamorm_py.transports.endpoints import Endpoint, resolve
from dynamorm_py.transports.opening import Detours, opened
from dynamorm_py.transports.proxies import proxy_for
from tests.faults.server import Answer, FaultServer
from tests.transports.botocores_word import GET
from tests.transports.conftest import Environ, SetEnviron

KEYS = Credentials("key", "secret")
PLAIN = Settings(region="eu-west-1", credentials=KEYS)
OF_LAMBDA = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
    "AWS_LAMBDA_FUNCTION_NAME": "orders",
}


def test_in_lambda_it_is_direct(set_environ: SetEnviron) -> None:
    choice = choose(Settings(), "auto", set_environ(**OF_LAMBDA))
    assert choice == Choice("direct", "nothing that is configured takes aiobotocore")
    assert str(choice) == "direct, because nothing that is configured takes aiobotocore"


@pytest.mark.parametrize("wanted", ["direct", "aiobotocore"])
def test_what_is_asked_for_is_taken(set_environ: SetEnviron, wanted: Any) -> None:
    assert choose(PLAIN, wanted, set_environ()) == Choice(wanted, "it was asked for")


BINDING: list[tuple[Settings, Environ, str]] = [
    (Settings(region="eu-west-1", session=AioSession()), {}, "a session was given"),
    (Settings(region="eu-west-1", config=AioConfig()), {}, "a config was given"),
    (PLAIN, {"AWS_ENDPOINT_DISCOVERY_ENABLED": "true"}, "AWS_ENDPOINT_DISCOVERY_ENABLED is on"),
    (PLAIN, {"AWS_CSM_ENABLED": "true"}, "AWS_CSM_ENABLED is on"),
    (PLAIN, {"BOTOCORE_TCP_KEEPALIVE": "True"}, "BOTOCORE_TCP_KEEPALIVE is on"),
    (PLAIN, {"AWS_SDK_UA_APP_ID": "orders"}, "AWS_SDK_UA_APP_ID is set"),
    (PLAIN, {"AWS_DATA_PATH": "/models"}, "AWS_DATA_PATH is set"),
    (PLAIN, {"AWS_AUTH_SCHEME_PREFERENCE": "sigv4a"}, "AWS_AUTH_SCHEME_PREFERENCE is set"),
    (PLAIN, {"BOTOCORE_EXPERIMENTAL__PLUGINS": "a=b"}, "BOTOCORE_EXPERIMENTAL__PLUGINS is set"),
    (PLAIN, {"AWS_USE_FIPS_ENDPOINT": "true"}, "AWS_USE_FIPS_ENDPOINT"),
    (Settings(credentials=KEYS), {}, "no region is known"),
    (PLAIN, {"HTTPS_PROXY": "http://proxy:3128"}, "dynamodb.eu-west-1.amazonaws.com go through a proxy"),
]


@pytest.mark.parametrize(("settings", "environ", "why"), BINDING, ids=[why for _, _, why in BINDING])
def test_what_takes_aiobotocore(set_environ: SetEnviron, settings: Settings, environ: Environ, why: str) -> None:
    complete = set_environ(**environ)
    choice = choose(settings, "auto", complete)
    assert choice.name == "aiobotocore"
    assert why in choice.why
    with pytest.raises(InvalidOperation, match="the direct transport cannot do this: ") as caught:
        choose(settings, "direct", complete)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    "environ",
    [
        {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": ".amazonaws.com"},
        {"HTTP_PROXY": "http://proxy:3128"},
        {"AWS_ENDPOINT_DISCOVERY_ENABLED": "false"},
        {"AWS_CSM_ENABLED": "false", "BOTOCORE_TCP_KEEPALIVE": "0", "AWS_SDK_UA_APP_ID": ""},
        {"AWS_ACCOUNT_ID": "123456789012"},
        {"AWS_MAX_ATTEMPTS": "3", "AWS_RETRY_MODE": "standard", "AWS_DEFAULTS_MODE": "standard"},
    ],
    ids=repr,
)
def test_what_does_not(set_environ: SetEnviron, environ: Environ) -> None:
    assert choose(PLAIN, "auto", set_environ(**environ)).name == "direct"


def test_descriptions_of_the_user_s_own_take_aiobotocore(
    set_environ: SetEnviron, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = set_environ()
    (tmp_path / ".aws" / "models").mkdir(parents=True)
    assert choose(PLAIN, "auto", environ) == Choice("aiobotocore", "~/.aws/models may describe other endpoints")


def test_an_account_in_the_environment_prefers_its_own_endpoint(set_environ: SetEnviron) -> None:
    environ = set_environ(**OF_LAMBDA, AWS_ACCOUNT_ID="123456789012")
    choice = choose(Settings(), "auto", environ)
    assert choice == Choice("aiobotocore", "the account is known, and has an endpoint of its own")
    # Preferred is not required: the region's endpoint serves every account.
    assert choose(Settings(), "direct", environ).name == "direct"
    local = {**environ, "AWS_ENDPOINT_URL": "http://localhost:8000"}
    assert choose(Settings(), "auto", local).name == "direct"
    assert choose(Settings(), "auto", {**environ, "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled"}).name == "direct"


class Instrumentor:
    """As the OpenTelemetry instrumentors are: made anew, it is the one there is."""

    active = True

    @property
    def is_instrumented_by_opentelemetry(self) -> bool:
        return self.active


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("opentelemetry.instrumentation.botocore", "BotocoreInstrumentor"),
        ("opentelemetry.instrumentation.botocore", "AiobotocoreInstrumentor"),
        ("opentelemetry.instrumentation.aiohttp_client", "AioHttpClientInstrumentor"),
    ],
)
def test_what_opentelemetry_watches(
    set_environ: SetEnviron, monkeypatch: pytest.MonkeyPatch, module: str, name: str
) -> None:
    environ = set_environ()
    loaded = ModuleType(module)
    setattr(loaded, name, type(name, (Instrumentor,), {}))
    monkeypatch.setitem(sys.modules, module, loaded)
    assert choose(PLAIN, "auto", environ) == Choice("aiobotocore", f"OpenTelemetry's {name} is in place")
    # Who asks for it in so many words knows what is not watched then.
    assert choose(PLAIN, "direct", environ).name == "direct"
    setattr(loaded, name, type(name, (Instrumentor,), {"active": False}))
    assert choose(PLAIN, "auto", environ).name == "direct"


def test_what_x_ray_watches(set_environ: SetEnviron) -> None:
    pytest.importorskip("aws_xray_sdk")
    set_environ(**OF_LAMBDA)
    script = (
        "from aws_xray_sdk.core import patch, xray_recorder\n"
        "import os\n"
        "from dynamorm_py.transports import Settings\n"
        "from dynamorm_py.transports.choice import choose\n"
        "print(choose(Settings(), 'auto', os.environ))\n"
        "patch(['aiobotocore'])\n"
        "print(choose(Settings(), 'auto', os.environ))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    before, after = done.stdout.splitlines()
    assert before.startswith("direct, ")
    assert after == "aiobotocore, because the AWS X-Ray SDK is in place"


def test_without_its_parser_there_is_no_direct_transport(
    set_environ: SetEnviron, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "httptools", None)
    assert choose(PLAIN, "auto", set_environ()) == Choice("aiobotocore", "httptools is not installed")


HOSTS = ["http://localhost:8000", "https://ddb.example.org", "https://ddb.example.org:8443", "http://[::1]:8000"]
VARIABLES = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "REQUEST_METHOD"]
EXEMPTIONS = [
    "*",
    "localhost",
    ".example.org",
    "example.org",
    "ddb.example.org:8443",
    "ORG",
    "b.example.org",
    "",
    " , .",
    "[::1]",
]


@given(
    st.sampled_from(HOSTS),
    st.dictionaries(st.sampled_from(VARIABLES), st.sampled_from(["http://proxy:3128", ""])),
    st.dictionaries(st.sampled_from(["no_proxy", "NO_PROXY"]), st.lists(st.sampled_from(EXEMPTIONS)).map(",".join)),
)
def test_proxies_are_found_as_botocore_finds_them(url: str, proxies: Environ, exemptions: Environ) -> None:
    environ = {**proxies, **exemptions}
    endpoint = resolve(Settings(region="eu-west-1", endpoint_url=url), environ)
    assert isinstance(endpoint, Endpoint)
    with pytest.MonkeyPatch.context() as patch:
        for name in (*VARIABLES, "no_proxy", "NO_PROXY", "ALL_PROXY"):
            patch.delenv(name, raising=False)
        for name, value in environ.items():
            patch.setenv(name, value)
        assert proxy_for(endpoint, environ) == get_environ_proxies(url).get(endpoint.scheme)


# What is chosen is opened


@pytest.mark.parametrize("wanted", ["direct", "aiobotocore"])
async def test_what_was_chosen_is_opened(set_environ: SetEnviron, wanted: Any) -> None:
    set_environ()
    async with FaultServer(Answer({"Item": {}})) as server:
        settings = Settings(region="eu-west-1", endpoint_url=server.endpoint_url, credentials=KEYS)
        async with opened(settings, wanted) as (transport, choice):
            assert choice.name == wanted
            assert isinstance(transport, DirectTransport if wanted == "direct" else AiobotocoreTransport)
            assert (await transport.send("GetItem", GET))["Item"] == {}
        assert server.operations == ["GetItem"]


def test_only_asyncio_runs_the_direct_transport(set_environ: SetEnviron) -> None:
    set_environ()
    with pytest.raises(InvalidOperation, match="the event loop is not asyncio's"):
        opened(PLAIN, "direct").__aenter__().send(None)


@pytest.fixture
def keys_of_an_account(set_environ: SetEnviron, write_config: Callable[[str, str], None]) -> Environ:
    """A profile whose keys come from a program, which says whose they are."""
    keys = {"Version": 1, "AccessKeyId": "key", "SecretAccessKey": "secret", "AccountId": "123456789012"}
    printing = f"import base64; print(base64.b16decode('{json.dumps(keys).encode().hex().upper()}').decode())"
    write_config("config", f'[default]\nregion = eu-west-1\ncredential_process = {sys.executable} -c "{printing}"\n')
    forget_credentials()
    return set_environ()


async def test_keys_that_say_whose_they_are_prefer_the_endpoint_of_the_account(keys_of_an_account: Environ) -> None:
    assert choose(Settings(), "auto", keys_of_an_account).name == "direct"
    async with opened(Settings(), "auto") as (_, choice):
        assert choice == Choice("aiobotocore", "the account is known, and has an endpoint of its own")
    async with opened(Settings(), "direct") as (_, choice):
        assert choice.name == "direct"
    async with opened(Settings(endpoint_url="http://127.0.0.1:1"), "auto") as (_, choice):
        assert choice.name == "direct"
    forget_credentials()


async def test_without_keys_aiobotocore_says_so(set_environ: SetEnviron) -> None:
    set_environ()
    forget_credentials()
    async with opened(Settings(region="eu-west-1"), "auto") as (_, choice):
        assert choice == Choice("aiobotocore", "no credentials could be found or fetched")
    forget_credentials()


async def test_requests_to_another_host_take_a_detour(set_environ: SetEnviron) -> None:
    regional = resolve(PLAIN, set_environ())
    assert isinstance(regional, Endpoint)
    answers = [Answer({"Item": {}})] * 2
    async with FaultServer(*answers) as near, FaultServer(*answers) as far, AsyncExitStack() as stack:
        here, there = (
            Settings(region="eu-west-1", endpoint_url=server.endpoint_url, credentials=KEYS) for server in (near, far)
        )
        direct = await stack.enter_async_context(open_direct(here))
        transport = Detours(direct, regional, there, stack)
        await transport.send("GetItem", GET)
        assert (near.operations, far.operations) == (["GetItem"], [])
        checked: list[str] = []
        arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/users"
        for _ in range(2):
            await transport.send(
                "GetItem", {**GET, "TableName": arn}, check=lambda operation, _: checked.append(operation)
            )
        assert (near.operations, far.operations) == (["GetItem"], ["GetItem", "GetItem"])
        assert far.connections == 1
        assert checked == ["GetItem", "GetItem"]
        assert await transport.warm()


async def test_in_a_region_there_are_detours(set_environ: SetEnviron) -> None:
    set_environ()
    async with opened(PLAIN, "auto") as (transport, choice):
        assert isinstance(transport, Detours)
        assert choice.name == "direct"


# On the client


async def test_the_client_says_what_it_was_opened_on(set_environ: SetEnviron, caplog: pytest.LogCaptureFixture) -> None:
    set_environ()
    client = Client(region="eu-west-1", credentials=KEYS)
    assert client.transport is None
    with caplog.at_level(logging.DEBUG, "dynamorm_py.client"):
        async with client as db:
            assert db.transport == Choice("direct", "nothing that is configured takes aiobotocore")
    assert client.transport is None
    assert caplog.messages == ["opened on direct, because nothing that is configured takes aiobotocore"]


async def test_a_client_that_cannot_be_direct_is_not_opened(set_environ: SetEnviron) -> None:
    set_environ()
    client = Client(region="eu-west-1", credentials=KEYS, transport="direct", session=AioSession())
    with pytest.raises(InvalidOperation, match="a session was given; transport='aiobotocore' can"):
        async with client:
            raise AssertionError("opened")


@pytest.mark.parametrize(("wanted", "loads"), [("auto", "httptools"), ("aiobotocore", "aiobotocore")])
def test_loading_imports_what_opening_would(set_environ: SetEnviron, wanted: str, loads: str) -> None:
    environ = set_environ(**OF_LAMBDA)
    script = f"import sys; from dynamorm_py import Client; Client(transport={wanted!r}).load(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60, env=environ
    )
    assert {"httptools", "aiobotocore"} & set(done.stdout.split()) == {loads}


def test_what_moto_mocks(set_environ: SetEnviron) -> None:
    environ = set_environ()
    with EmbeddedDynamoDB():  # moto's own server mocks nothing here
        assert choose(PLAIN, "auto", environ).name == "direct"
    with mock_aws():
        assert choose(PLAIN, "auto", environ) == Choice("aiobotocore", "moto mocks botocore")
        assert choose(PLAIN, "direct", environ).name == "direct"
    assert choose(PLAIN, "auto", environ).name == "direct"
