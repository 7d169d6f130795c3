"""The aiobotocore transport: what it is opened with, and how every error is translated."""

from __future__ import annotations

import asyncio
from typing import Any

import aiobotocore
import botocore
import botocore.config
import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError, ParamValidationError

from dynamorm_py.core.errors import (
    AccessDenied,
    CancellationReason,
    ConditionFailed,
    InvalidOperation,
    ServiceError,
    TableInUse,
    TableNotFound,
    Throttled,
    TransactionCanceled,
    TransactionConflict,
)
from dynamorm_py.transports import Credentials, Settings, Timeouts
from dynamorm_py.transports.aiobotocore import client_config, forget_credentials, open_aiobotocore, shared_session
from dynamorm_py.transports.signing import USER_AGENT
from tests.faults.server import Answer, FaultServer, fault

KEY = {"user_id": {"S": "u1"}}
GET = {"TableName": "users", "Key": KEY}


def settings_of(server: FaultServer, **changes: Any) -> Settings:
    reach: dict[str, Any] = {
        "region": "eu-west-1",
        "endpoint_url": server.endpoint_url,
        "credentials": Credentials("key", "secret"),
    }
    return Settings(**{**reach, **changes})


async def raised(answer: Answer) -> ServiceError:
    async with FaultServer(answer) as server, open_aiobotocore(settings_of(server)) as transport:
        with pytest.raises(ServiceError) as caught:
            await transport.send("GetItem", GET)
        assert len(server.received) == 1
    return caught.value


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        ("ConditionalCheckFailedException", ConditionFailed),
        ("TransactionCanceledException", TransactionCanceled),
        ("TransactionConflictException", TransactionConflict),
        ("ReplicatedWriteConflictException", TransactionConflict),
        ("ThrottlingException", Throttled),
        ("ProvisionedThroughputExceededException", Throttled),
        ("RequestLimitExceeded", Throttled),
        ("AccessDeniedException", AccessDenied),
        ("UnrecognizedClientException", AccessDenied),
        ("ExpiredTokenException", AccessDenied),
        ("InvalidSignatureException", AccessDenied),
        ("MissingAuthenticationTokenException", AccessDenied),
        ("ResourceNotFoundException", TableNotFound),
        ("ResourceInUseException", TableInUse),
        ("ValidationException", ServiceError),
        ("ItemCollectionSizeLimitExceededException", ServiceError),
    ],
)
@pytest.mark.behaviour("1.65")
async def test_each_code_has_its_error(code: str, ours: type[ServiceError]) -> None:
    error = await raised(fault(code, "what DynamoDB says"))
    assert type(error) is ours
    assert (error.code, error.status, error.request_id) == (code, 400, "REQUEST-1")
    assert error.message == "what DynamoDB says"
    assert not error.ambiguous
    assert isinstance(error.__cause__, ClientError)


@pytest.mark.behaviour("1.41")
async def test_a_failed_condition_carries_the_item_as_it_is_stored() -> None:
    item = {"user_id": {"S": "u1"}, "picture": {"B": "AAEC"}, "visits": {"N": "3"}}
    error = await raised(fault("ConditionalCheckFailedException", "no", Item=item))
    assert isinstance(error, ConditionFailed)
    assert error.item == {"user_id": {"S": "u1"}, "picture": {"B": b"\x00\x01\x02"}, "visits": {"N": "3"}}


@pytest.mark.behaviour("1.49")
async def test_the_reasons_of_a_cancelled_transaction_keep_their_order() -> None:
    reasons = [
        {"Code": "None"},
        {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed", "Item": KEY},
        {"Code": "TransactionConflict", "Message": "busy"},
    ]
    error = await raised(fault("TransactionCanceledException", "cancelled", CancellationReasons=reasons))
    assert isinstance(error, TransactionCanceled)
    assert error.reasons == (
        CancellationReason("None"),
        CancellationReason("ConditionalCheckFailed", "The conditional request failed", KEY),
        CancellationReason("TransactionConflict", "busy"),
    )


async def test_an_error_without_a_message_still_says_something() -> None:
    assert (await raised(Answer({}, status=503))).message == "DynamoDB answered 503"


async def test_a_request_of_the_wrong_form_is_refused_before_it_is_sent() -> None:
    secret = "the content of an attribute"
    async with FaultServer(Answer()) as server, open_aiobotocore(settings_of(server)) as transport:
        with pytest.raises(InvalidOperation) as caught:
            await transport.send("PutItem", {"TableName": "users", "Item": {"user_id": secret}})
        assert server.received == []
    assert isinstance(caught.value.__cause__, ParamValidationError)
    assert secret not in str(caught.value)


async def test_a_form_that_can_be_sent_is_left_to_the_service_unless_it_is_asked_for() -> None:
    request = {**GET, "ConsistentRead": "yes"}
    async with FaultServer(Answer({"Item": KEY})) as server:
        async with open_aiobotocore(settings_of(server)) as transport:
            assert (await transport.send("GetItem", request))["Item"] == KEY
        config = AioConfig(parameter_validation=True)
        async with open_aiobotocore(settings_of(server, config=config)) as transport:
            with pytest.raises(InvalidOperation) as caught:
                await transport.send("GetItem", request)
        assert len(server.received) == 1
    assert isinstance(caught.value.__cause__, ParamValidationError)


async def test_a_mistake_in_a_hook_is_not_taken_for_one_in_the_request() -> None:
    def mistaken(**_: Any) -> None:
        raise TypeError("a mistake of the hook's")

    session = AioSession()
    session.get_component("event_emitter").register("before-call.dynamodb", mistaken)
    async with FaultServer(Answer()) as server, open_aiobotocore(settings_of(server, session=session)) as transport:
        with pytest.raises(TypeError, match="hook"):
            await transport.send("GetItem", GET)


async def user_agent_of(**options: Any) -> str:
    async with FaultServer(Answer({})) as server:
        async with open_aiobotocore(settings_of(server, **options)) as transport:
            await transport.send("GetItem", GET)
        return server.received[0].headers["user-agent"]


async def test_requests_name_this_library_and_what_it_stands_on() -> None:
    named = await user_agent_of()
    assert named == f"{USER_AGENT} aiobotocore/{aiobotocore.__version__} botocore/{botocore.__version__}"


@pytest.mark.parametrize("options", [{"session": AioSession()}, {"config": AioConfig(user_agent_appid="shop")}])
async def test_who_configures_the_client_has_the_user_agent_of_botocore(options: dict[str, Any]) -> None:
    named = await user_agent_of(**options)
    assert named.startswith("aiobotocore/")
    assert ("app/shop" in named) is ("config" in options)


async def test_an_application_id_of_the_environment_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SDK_UA_APP_ID", "shop")
    forget_credentials()
    try:
        assert "app/shop" in await user_agent_of()
    finally:
        forget_credentials()


async def test_without_a_region_it_says_how_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(InvalidOperation, match="region") as caught:
        async with open_aiobotocore(Settings(session=AioSession(), credentials=Credentials("key", "secret"))):
            raise AssertionError("opened without a region")
    assert isinstance(caught.value.__cause__, NoRegionError)


async def test_without_credentials_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    async with FaultServer(Answer()) as server:
        settings = settings_of(server, session=AioSession(), credentials=None)
        async with open_aiobotocore(settings) as transport:
            with pytest.raises(AccessDenied) as caught:
                await transport.send("GetItem", GET)
        assert server.received == []
    assert isinstance(caught.value.__cause__, NoCredentialsError)


def test_one_session_serves_an_event_loop_and_one_loader_all() -> None:
    async def asked() -> AioSession:
        session = shared_session()
        assert shared_session() is session
        return session

    sessions = [shared_session(), asyncio.run(asked()), asyncio.run(asked())]
    assert shared_session() is sessions[0]
    assert len({id(session) for session in sessions}) == 3
    assert len({id(session.get_component("data_loader")) for session in sessions}) == 1


def test_everything_that_a_default_could_decide_is_set() -> None:
    config: Any = client_config(Settings(timeouts=Timeouts(connect=2, read=7)))
    assert (config.connect_timeout, config.read_timeout, config.max_pool_connections) == (2, 7, 64)
    assert config.retries == {"total_max_attempts": 1, "mode": "legacy"}


@pytest.mark.parametrize("kind", [AioConfig, botocore.config.Config])
def test_a_given_config_wins_except_for_retries(kind: type[botocore.config.Config]) -> None:
    given: Any = kind(read_timeout=30, user_agent_appid="shop", retries={"max_attempts": 9, "mode": "adaptive"})
    config: Any = client_config(Settings(config=given))
    assert (config.read_timeout, config.connect_timeout) == (30, Timeouts().connect)
    assert config.user_agent_appid == "shop"
    assert config.retries == {"total_max_attempts": 1, "mode": "legacy"}
    assert given.retries == {"max_attempts": 9, "mode": "adaptive"}


def test_aiohttp_options_of_a_given_config_are_kept() -> None:
    config: Any = client_config(Settings(config=AioConfig(connector_args={"keepalive_timeout": 60})))
    assert config.connector_args == {"keepalive_timeout": 60}


def test_credentials_show_no_secret() -> None:
    assert repr(Credentials("AKIA", "very secret", "token")) == "Credentials(access_key='AKIA')"


@pytest.mark.parametrize("options", [{"connect": 0}, {"read": -1}])
def test_timeouts_are_positive(options: dict[str, float]) -> None:
    with pytest.raises(InvalidOperation):
        Timeouts(**options)
