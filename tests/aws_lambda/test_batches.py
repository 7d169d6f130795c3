"""`records()`: one record at a time, and which of them are delivered again."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from dynamorm_py import Client
from dynamorm_py.aws_lambda import Invocation, parse, records

QUEUE = "arn:aws:sqs:eu-west-1:123456789012:orders"


class Order(BaseModel):
    number: int


def invocation(event: Any) -> Invocation:
    context: Any = None
    return Invocation(event, context, Client(), cold_start=False, request_id="", raw=event)


def message(identifier: str, group: str | None = None, body: str = "") -> dict[str, Any]:
    record = {"eventSource": "aws:sqs", "eventSourceARN": QUEUE, "messageId": identifier, "body": body}
    if group is None:
        return record
    return {**record, "eventSourceARN": f"{QUEUE}.fifo", "attributes": {"MessageGroupId": group}}


def change(number: str) -> dict[str, Any]:
    return {"eventSource": "aws:dynamodb", "dynamodb": {"SequenceNumber": number}}


def shard_record(number: str) -> dict[str, Any]:
    return {"eventSource": "aws:kinesis", "kinesis": {"sequenceNumber": number}}


class Handler:
    """Takes records, and fails of those whose identifier is listed."""

    def __init__(self, *failing: str) -> None:
        self._failing = failing
        self.taken: list[str] = []

    async def __call__(self, ctx: Invocation) -> str:
        record = ctx.event
        numbers = record.get("dynamodb", {}).get("SequenceNumber"), record.get("kinesis", {}).get("sequenceNumber")
        identifier: str = record.get("messageId") or numbers[0] or numbers[1]
        self.taken.append(identifier)
        if identifier in self._failing:
            raise LookupError(identifier)
        return "dropped"


async def answered(handler: Handler, *batch: dict[str, Any]) -> list[str]:
    answer = await records()(invocation({"Records": list(batch)}), handler)
    assert set(answer) == {"batchItemFailures"}
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


async def test_of_a_queue_all_are_tried_and_those_that_failed_are_told(caplog: pytest.LogCaptureFixture) -> None:
    handler = Handler("2", "4")
    assert await answered(handler, *(message(str(number)) for number in range(1, 6))) == ["2", "4"]
    assert handler.taken == ["1", "2", "3", "4", "5"]
    assert "the record 2 failed" in caplog.text


async def test_without_failures_the_list_is_empty() -> None:
    assert await answered(Handler(), message("1")) == []


async def test_in_a_fifo_queue_what_follows_a_failure_in_its_group_is_not_tried() -> None:
    handler = Handler("2")
    batch = [message("1", "a"), message("2", "a"), message("3", "b"), message("4", "a"), message("5", "b")]
    assert await answered(handler, *batch) == ["2", "4"]
    assert handler.taken == ["1", "2", "3", "5"]


@pytest.mark.parametrize("record", [change, shard_record])
async def test_a_stream_goes_on_from_the_first_failure(record: Any) -> None:
    handler = Handler("2", "3")
    assert await answered(handler, *(record(str(number)) for number in range(1, 5))) == ["2"]
    assert handler.taken == ["1", "2"]


@pytest.mark.parametrize("event", [{}, "text", None, {"Records": []}, {"Records": [{"eventSource": "aws:s3"}]}])
async def test_other_events_pass(event: object) -> None:
    async def echo(ctx: Invocation) -> Any:
        return ctx.event

    assert await records()(invocation(event), echo) is event


async def test_each_message_can_be_parsed() -> None:
    seen: list[Order] = []

    async def handler(ctx: Invocation[Order]) -> None:
        seen.append(ctx.event)

    async def parsed(ctx: Invocation) -> Any:
        return await parse(Order)(ctx, handler)

    batch = [message("1", body='{"number": 1}'), message("2", body="no order"), message("3", body='{"number": 3}')]
    answer = await records()(invocation({"Records": batch}), parsed)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert seen == [Order(number=1), Order(number=3)]
