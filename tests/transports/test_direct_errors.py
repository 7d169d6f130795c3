"""Every error that DynamoDB can answer with is the same on both transports."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.session import get_session

from dynamorm_py.core.errors import DynamormError, ServiceError
from dynamorm_py.transports import Transport
from dynamorm_py.transports.aiobotocore import open_aiobotocore
from dynamorm_py.transports.answers import BY_CODE
from dynamorm_py.transports.direct import open_direct
from tests.faults.server import Answer, FaultServer, fault
from tests.transports.reach import GET, TRANSACTION, settings_of

SERVICE: Any = get_session().get_service_model("dynamodb")
MODELLED = [name for name in SERVICE.shape_names if SERVICE.shape_for(name).metadata.get("exception")]
CODES = sorted({*MODELLED, *BY_CODE, "SerializationException", "ValidationException", "UnknownOperationException"})

ITEM = {"user_id": {"S": "u1"}, "picture": {"B": "+/8="}, "pictures": {"BS": ["AAEC"]}}
REASONS = [{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Message": "no", "Item": ITEM}]
THROTTLED = [{"reason": "TableReadKeyRangeThroughputExceeded", "resource": "arn:aws:dynamodb:table/users"}]
MEMBERS: dict[str, dict[str, Any]] = {
    "ConditionalCheckFailedException": {"Item": ITEM},
    "TransactionCanceledException": {"CancellationReasons": REASONS},
    "ThrottlingException": {"throttlingReasons": THROTTLED},
    "ProvisionedThroughputExceededException": {"ThrottlingReasons": THROTTLED},
    "RequestLimitExceeded": {"ThrottlingReasons": THROTTLED},
}


def form(code: str, status: int, spelling: str) -> Answer:
    members = {**MEMBERS.get(code, {}), spelling: f"about {code}"}
    return Answer({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", **members}, status)


def faces(error: DynamormError) -> tuple[Any, ...]:
    """All that a caller can tell of an error."""
    return type(error), str(error), error.ambiguous, vars(error)


async def raised(transport: Transport, code: str) -> DynamormError:
    operation, request = ("TransactWriteItems", TRANSACTION) if "Transaction" in code else ("GetItem", GET)
    with pytest.raises(DynamormError) as caught:
        await transport.send(operation, request)
    return caught.value


@pytest.mark.parametrize("status", [400, 500, 503])
@pytest.mark.parametrize("spelling", ["message", "Message"])
async def test_every_code_of_the_service(status: int, spelling: str) -> None:
    async with FaultServer(Answer()) as server:
        settings = settings_of(server)
        async with open_direct(settings) as direct, open_aiobotocore(settings) as other:
            for code in CODES:
                server.script(form(code, status, spelling))
                ours, theirs = await raised(direct, code), await raised(other, code)
                assert faces(ours) == faces(theirs)
                assert isinstance(ours, ServiceError)
                assert (ours.code, ours.status, ours.request_id) == (code, status, "REQUEST-1")


@pytest.mark.parametrize(
    "answer",
    [
        fault("ValidationException"),
        fault("ConditionalCheckFailedException", "no"),
        Answer({"__type": "ValidationException", "message": "no"}, 400),
        Answer({"__type": "ValidationException:http://internal", "message": "no"}, 400),
        Answer({}, 400),
        Answer({}, 500),
        Answer({}, 503),
    ],
    ids=[
        "no message",
        "a failed condition without an item",
        "a bare code",
        "a code with an address",
        "400",
        "500",
        "503",
    ],
)
async def test_unusual_forms(answer: Answer) -> None:
    async with FaultServer(answer) as server:
        settings = settings_of(server)
        async with open_direct(settings) as direct, open_aiobotocore(settings) as other:
            assert faces(await raised(direct, "")) == faces(await raised(other, ""))
