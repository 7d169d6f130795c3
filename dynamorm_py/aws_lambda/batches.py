"""`records()`: batches of queues and streams one record at a time, and what Lambda is told of those that failed.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from dynamorm_py.aws_lambda.http import Document
from dynamorm_py.aws_lambda.invocation import CallNext, Invocation
from dynamorm_py.aws_lambda.onion import Middleware

_logger = logging.getLogger(__name__)


class Failure(TypedDict):
    itemIdentifier: str


class BatchAnswer(TypedDict):
    """What Lambda reads where the event source mapping has `ReportBatchItemFailures`; without that it is ignored."""

    batchItemFailures: list[Failure]


def records() -> Middleware:
    """Middleware that hands the records of an SQS, DynamoDB or Kinesis batch to the handler one after the other, each
    as its event, and answers with those that failed: so the others are not delivered again.

    A stream is taken up again at the first record that failed, so the ones after it are left to that. In a FIFO queue
    the messages of a group that has failed follow it, untried. What the handler returns is dropped. The event source
    mapping has to have `FunctionResponseTypes: [ReportBatchItemFailures]`. Other events pass unchanged.

    What stands inside works on a single record: with `[records(), UnitOfWork()]` each one has its transaction.
    """

    async def take_one_by_one(ctx: Invocation[Any, Any], call_next: CallNext[Any, Any], /) -> Any:  # as `Middleware`
        batch = _batch(ctx.event)
        if batch is None:
            return await call_next(ctx)
        failures = await _from_stream(ctx, batch, call_next) if _is_stream(batch) else await _all(ctx, batch, call_next)
        return BatchAnswer(batchItemFailures=[{"itemIdentifier": _identifier(record)} for record in failures])

    return take_one_by_one


async def _from_stream(
    ctx: Invocation[Any, Any], batch: Sequence[Document], call_next: CallNext[Any, Any]
) -> list[Document]:
    for record in batch:
        if not await _succeeds(ctx, record, call_next):
            return [record]
    return []


async def _all(ctx: Invocation[Any, Any], batch: Sequence[Document], call_next: CallNext[Any, Any]) -> list[Document]:
    failures: list[Document] = []
    failed_groups: set[str] = set()
    for record in batch:
        group = record.get("attributes", {}).get("MessageGroupId") if _is_fifo(record) else None
        if group in failed_groups:
            failures.append(record)
        elif not await _succeeds(ctx, record, call_next):
            failures.append(record)
            if group is not None:
                failed_groups.add(group)
    return failures


async def _succeeds(ctx: Invocation[Any, Any], record: Document, call_next: CallNext[Any, Any]) -> bool:
    try:
        await call_next(ctx.with_event(record))
    except Exception:
        _logger.exception("the record %s failed", _identifier(record))
        return False
    return True


def _batch(event: object) -> Sequence[Document] | None:
    batch = event.get("Records") if isinstance(event, Mapping) else None
    return batch if isinstance(batch, list) and batch and all(map(_is_known, batch)) else None


def _is_known(record: object) -> bool:
    return isinstance(record, Mapping) and str(record.get("eventSource")) in _SOURCES


def _is_stream(batch: Sequence[Document]) -> bool:
    return bool(batch[0]["eventSource"] != "aws:sqs")


def _is_fifo(record: Document) -> bool:
    return str(record.get("eventSourceARN", "")).endswith(".fifo")


def _identifier(record: Document) -> str:
    member, name = _SOURCES[record["eventSource"]]
    return str(record[member][name] if member else record[name])


# Where the records of each source have what Lambda knows them by.
_SOURCES: Mapping[str, tuple[str | None, str]] = {
    "aws:sqs": (None, "messageId"),
    "aws:dynamodb": ("dynamodb", "SequenceNumber"),
    "aws:kinesis": ("kinesis", "sequenceNumber"),
}
