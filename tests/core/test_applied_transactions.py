"""What an update says that was sent as a transaction: its answer is read back, and that can go wrong on its own."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from dynamorm_py import (
    Attr,
    CancellationReason,
    ItemNotFound,
    Model,
    RequestTimeout,
    Table,
    TransactionCanceled,
    field,
    partition_key,
    transact_write,
)
from dynamorm_py.core.wire import Call, Scope

SCOPE = Scope(tokens=lambda: "token")


class Counter(Model, table="counters"):
    name: Attr[str] = partition_key()
    count: Attr[int] = field(default=0)


def applied() -> Generator[Any, Any, Any]:
    """An `exactly_once` update whose transaction was acknowledged, waiting for the item."""
    operation = Counter.update("c", Counter.count.add(1), exactly_once=True)
    conversation: Generator[Any, Any, Any] = operation.plan.converse(SCOPE)
    assert next(conversation).operation == "TransactWriteItems"
    reread = conversation.send({})
    assert isinstance(reread, Call)
    assert (reread.operation, reread.request["ConsistentRead"]) == ("GetItem", True)
    return conversation


def test_the_item_that_was_read_back_is_the_result() -> None:
    with pytest.raises(StopIteration) as end:
        applied().send({"Item": {"name": {"S": "c"}, "count": {"N": "1"}}})
    assert end.value.value == Counter(name="c", count=1)


def test_a_read_that_fails_does_not_pass_for_a_failed_write() -> None:
    conversation = applied()
    with pytest.raises(RequestTimeout, match=r"Counter\.update\(name='c'\): the write was applied, but .*: too late"):
        conversation.throw(RequestTimeout("too late"))


def test_an_item_that_is_gone_again_is_not_found() -> None:
    conversation = applied()
    with pytest.raises(ItemNotFound, match=r"Counter\.update\(name='c'\): the write was applied, and the item"):
        conversation.send({})


def test_a_model_that_was_used_before_it_joined_a_table_knows_the_entity_as_its_own() -> None:
    class Early(Model, table="late"):
        early_id: Attr[str] = partition_key()

    stored = {"early_id": {"S": "e"}, "entity": {"S": "Early"}}
    mapping = Early.__dynamorm_mapping__
    assert mapping.unknown(stored) == {"entity": {"S": "Early"}}
    Table("late", Early)
    assert mapping.unknown(stored) == {}


@pytest.mark.parametrize("reasons", [(), (CancellationReason("None"),) * 3])
def test_reasons_that_fit_no_operation_stay_as_they_are(reasons: tuple[CancellationReason, ...]) -> None:
    for operation in (
        Counter.update("c", Counter.count.add(1), exactly_once=True),
        transact_write(Counter(name="a").put(), Counter(name="b").put()),
    ):
        conversation: Generator[Any, Any, Any] = operation.plan.converse(SCOPE)
        assert next(conversation).operation == "TransactWriteItems"
        cancelled = TransactionCanceled("cancelled")
        cancelled.reasons = reasons
        with pytest.raises(TransactionCanceled, match="cancelled") as caught:
            conversation.throw(cancelled)
        assert caught.value.reasons == reasons
