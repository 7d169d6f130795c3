"""Every error that DynamoDB can answer with is the same on both transports."""

from __future__ import annotations

from typing import Any

import pytest

from dynamorm_py.core.errors import DynamormError, ServiceError, TransactionCanceled, TransportError
from dynamorm_py.transports import Transport
from dynamorm_py.transports.aiobotocore import open_aiobotocore
from dynamorm_py.transports.direct import open_direct
from dynamorm_py.transports.payloads import WORDLESS
from tests.faults.codes import CODES, SERVICE
from tests.faults.server import Answer, Bytes, FaultServer, fault
from tests.transports.reach import GET, TRANSACTION, settings_of

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


@pytest.mark.parametrize(
    "members",
    [{}, {"CancellationReasons": None}, {"CancellationReasons": []}, {"CancellationReasons": [None, {"Code": None}]}],
    ids=str,
)
async def test_a_cancelled_transaction_without_its_reasons(members: dict[str, Any]) -> None:
    async with FaultServer(fault("TransactionCanceledException", "cancelled", **members)) as server:
        settings = settings_of(server)
        async with open_direct(settings) as direct, open_aiobotocore(settings) as other:
            code = "TransactionCanceledException"
            ours, theirs = await raised(direct, code), await raised(other, code)
            assert isinstance(ours, TransactionCanceled)
            assert isinstance(theirs, TransactionCanceled)
            assert not any(reason.code != "None" for reason in (*ours.reasons, *theirs.reasons))


NO_ANSWER = {
    "empty": b"",
    "a page": b"<html>log in</html>",
    "cut off": b'{"Item": {"user_id": {"S": "u1"}}',
    "a list": b"[]",
    "null": b"null",
    "no UTF-8": b'{"a": "\xff"}',
}


def acknowledged(body: bytes, headers: bytes = b"") -> Bytes:
    return Bytes((b"HTTP/1.1 200 OK\r\n%bcontent-length: %d\r\n\r\n%b" % (headers, len(body), body),))


async def assert_unreadable(answer: Bytes, opening: Any) -> None:
    async with FaultServer(answer) as server, opening(settings_of(server)) as transport:
        with pytest.raises(TransportError, match="the answer could not be read") as caught:
            await transport.send("PutItem", {"TableName": "users", "Item": {"user_id": {"S": "u1"}}})
        assert caught.value.ambiguous


@pytest.mark.parametrize("body", NO_ANSWER.values(), ids=NO_ANSWER)
@pytest.mark.parametrize("opening", [open_direct, open_aiobotocore])
async def test_what_is_no_answer_acknowledges_nothing(body: bytes, opening: Any) -> None:
    await assert_unreadable(acknowledged(body), opening)


@pytest.mark.parametrize("opening", [open_direct, open_aiobotocore])
async def test_nor_does_an_empty_one_whose_checksum_fits(opening: Any) -> None:
    await assert_unreadable(acknowledged(b"", b"x-amz-crc32: 0\r\n"), opening)


@pytest.mark.parametrize("opening", [open_direct, open_aiobotocore])
async def test_an_answer_without_a_checksum_is_read(opening: Any) -> None:
    answer = acknowledged(b' {"Item": {"a": {"S": "b"}}}\n')
    async with FaultServer(answer) as server, opening(settings_of(server)) as transport:
        assert (await transport.send("GetItem", GET))["Item"] == {"a": {"S": "b"}}


@pytest.mark.parametrize("opening", [open_direct, open_aiobotocore])
async def test_some_operations_have_an_answer_without_a_body(opening: Any) -> None:
    wordless = {name for name in SERVICE.operation_names if SERVICE.operation_model(name).output_shape is None}
    assert wordless == WORDLESS
    async with FaultServer(acknowledged(b"")) as server, opening(settings_of(server)) as transport:
        for operation in sorted(WORDLESS):
            assert set(await transport.send(operation, {"ResourceArn": "arn"})) == {"ResponseMetadata"}
