"""Cursors: where they go on, and which ones are refused. The answers here are DynamoDB's, by hand."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from dynamorm_py import InvalidCursor, Operation, Page, Query
from dynamorm_py.core.wire import Call, Item, Response, Scope
from tests.wire.compiled import SCOPE, request_of, validated
from tests.wire.models import Order, Plain, Thing

T = TypeVar("T")
PLACED = datetime(2024, 1, 2, tzinfo=UTC)


def carried_out(operation: Operation[T], *answers: Response, scope: Scope = SCOPE) -> tuple[T, list[Call]]:
    """What an operation makes of these answers, and the requests it sent for them."""
    conversation, calls, waiting = operation.plan.converse(scope), [], list(answers)
    try:
        step = next(conversation)
        while True:
            assert isinstance(step, Call)
            validated(step.operation, step.request)
            calls.append(step)
            step = conversation.send(waiting.pop(0))
    except StopIteration as end:
        assert not waiting
        return end.value, calls


def plain(number: int, **changes: Any) -> Item:
    found: Item = request_of(Plain(device="d", number=number, **changes).put())["Item"]
    return found


def order(number: int, **changes: Any) -> Item:
    made = Order(tenant_id="t", placed_at=PLACED, order_id=f"o{number}", customer_id="c", **changes)
    found: Item = request_of(made.put())["Item"]
    return found


def answer(*items: Item, last: Item | None = None) -> Response:
    response = {"Items": list(items), "Count": len(items), "ScannedCount": len(items)}
    return {**response, "LastEvaluatedKey": last} if last else response


def key(item: Item, *names: str) -> Item:
    return {name: item[name] for name in names}


def page_of(query: Query[Any], *answers: Response, scope: Scope = SCOPE) -> Page[Any]:
    return carried_out(query.page(), *answers, scope=scope)[0]


def cursor_of(query: Query[Any], scope: Scope = SCOPE) -> str:
    """The cursor of a first page that ends at item 2."""
    last = key(plain(2), *query._search.cursor_names)
    cursor = page_of(query, answer(plain(1), plain(2), last=last), scope=scope).cursor
    assert cursor is not None
    return cursor


# Going on


def test_a_page_ends_where_dynamodb_says() -> None:
    query = Plain.query("d")
    page = page_of(query, answer(plain(1), plain(2), last=key(plain(2), "device", "number")))
    assert [item.number for item in page.items] == [1, 2]
    assert request_of(query.after(page.cursor)) == {
        **request_of(query),
        "ExclusiveStartKey": {"device": {"S": "d"}, "number": {"N": "2"}},
    }
    assert page_of(query, answer(plain(1))).cursor is None
    assert "ExclusiveStartKey" not in request_of(query.after(None))


@pytest.mark.behaviour("1.54")
def test_an_empty_page_with_a_last_key_is_not_the_end() -> None:
    page = page_of(Plain.query("d"), answer(last=key(plain(9), "device", "number")))
    assert (page.items, page.count) == ((), 0)
    assert page.cursor is not None


def test_a_stop_within_a_page_goes_on_after_the_last_item_that_was_returned() -> None:
    query = Plain.query("d").filter(Plain.city == "Rome").limit(2)
    last = key(plain(9), "device", "number")
    page, calls = carried_out(query.page(), answer(plain(1), last=last), answer(plain(10), plain(11), last=last))
    assert [item.number for item in page.items] == [1, 10]
    assert calls[1].request["ExclusiveStartKey"] == last
    assert request_of(query.after(page.cursor))["ExclusiveStartKey"] == key(plain(10), "device", "number")


@pytest.mark.behaviour("1.56")
def test_on_an_index_the_cursor_holds_the_index_s_key_and_the_table_s() -> None:
    query = Order.by_customer.query("t", "c").filter(Order.total >= Decimal(0)).limit(1)
    page = page_of(query, answer(order(1), order(2)))
    names = ("by_customer_pk", "by_customer_sk", "pk", "sk")
    assert request_of(query.after(page.cursor))["ExclusiveStartKey"] == key(order(1), *names)


@pytest.mark.behaviour("1.56")
def test_on_a_local_index_too() -> None:
    query = Plain.by_street.query("d")
    page = page_of(query, answer(plain(1), plain(2)))
    cursor = page.cursor_at(page.items[0])
    assert request_of(query.after(cursor))["ExclusiveStartKey"] == key(plain(1), "device", "street", "number")


@pytest.mark.behaviour("1.56", "2.16")
def test_a_cursor_after_any_item_of_a_page() -> None:
    query = Plain.query("d")
    page = page_of(query, answer(plain(1), plain(2), plain(3)))
    for item in page.items:
        start = request_of(query.after(page.cursor_at(item)))["ExclusiveStartKey"]
        assert start == key(plain(item.number), "device", "number")


def test_the_end_of_the_items_is_no_cursor_even_where_the_limit_is_met_exactly() -> None:
    page = page_of(Plain.query("d").limit(2), answer(plain(1), plain(2)))
    assert page.cursor is None


def test_a_page_with_a_limit_counts_down_what_it_asks_for() -> None:
    last = key(plain(2), "device", "number")
    _, calls = carried_out(Plain.query("d").limit(3).page(), answer(plain(1), plain(2), last=last), answer(plain(3)))
    assert [call.request["Limit"] for call in calls] == [3, 1]


def test_expired_items_are_left_out_and_do_not_count() -> None:
    past, future = datetime(2024, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
    items = order(1, expires=past), order(2, expires=future), order(3)
    page = page_of(Order.query("t"), answer(*items))
    assert [item.order_id for item in page.items] == ["o2", "o3"]
    assert (page.count, page.scanned_count) == (2, 3)
    everything = page_of(Order.query("t").include_expired(), answer(*items))
    assert [item.order_id for item in everything.items] == ["o1", "o2", "o3"]


def test_binary_and_text_keys_survive() -> None:
    query = Thing.query("é#/+?")
    item = request_of(Thing(id="é#/+?").put())["Item"]
    page = page_of(query, answer(item, last=key(item, "id")))
    assert page.cursor is not None
    assert page.cursor == page.cursor.strip("=")
    assert set(page.cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert request_of(query.after(page.cursor))["ExclusiveStartKey"] == {"id": {"S": "é#/+?"}}


# What is refused


OTHERS: list[Callable[[], Query[Any]]] = [
    lambda: Plain.query("e"),
    lambda: Plain.query("d").where(Plain.number > 1),
    lambda: Plain.query("d").filter(Plain.city == "x"),
    lambda: Plain.query("d").descending(),
    lambda: Plain.by_street.query("d"),
    lambda: Thing.query("d"),
]


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.behaviour("1.64", "2.17")
def test_a_cursor_of_another_query_is_refused(other: Callable[[], Query[Any]]) -> None:
    cursor = cursor_of(Plain.query("d"))
    with pytest.raises(InvalidCursor, match="belongs to another query"):
        request_of(other().after(cursor))


def test_another_value_in_the_same_filter_is_another_query() -> None:
    cursor = cursor_of(Plain.query("d").filter(Plain.city == "x"))
    assert "ExclusiveStartKey" in request_of(Plain.query("d").filter(Plain.city == "x").after(cursor))
    with pytest.raises(InvalidCursor, match=r"Plain\.query: .*belongs to another query"):
        request_of(Plain.query("d").filter(Plain.city == "y").after(cursor))


def test_another_table_prefix_is_another_query() -> None:
    cursor = cursor_of(Plain.query("d"))
    with pytest.raises(InvalidCursor, match="belongs to another query"):
        request_of(Plain.query("d").after(cursor), Scope(prefix="test-", clock=SCOPE.clock))


def test_limits_and_consistency_may_change_between_pages() -> None:
    cursor = cursor_of(Plain.query("d").limit(2))
    again = Plain.query("d").limit(3).page_size(2).consistent().max_requests(4).after(cursor)
    assert request_of(again)["ExclusiveStartKey"] == key(plain(2), "device", "number")


@pytest.mark.parametrize("text", ["", "x", "!!!", "é", "A" * 200, "====", " "])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursor, match=r"Plain\.query: "):
        request_of(Plain.query("d").after(text))


def test_a_cursor_that_was_cut_short_is_refused() -> None:
    cursor = cursor_of(Plain.query("d"))
    for length in range(len(cursor)):
        with pytest.raises(InvalidCursor):
            request_of(Plain.query("d").after(cursor[:length]))


def forged(cursor: str, change: Callable[[dict[str, Any]], Any]) -> str:
    """The cursor with another payload, as somebody who knows the format would make it."""
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    start = raw.index(b"{")
    payload = json.dumps(change(json.loads(raw[start:]))).encode()
    return base64.urlsafe_b64encode(raw[:start] + payload).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "change",
    [
        lambda payload: {},
        lambda payload: [],
        lambda payload: {**payload, "extra": {"S": "x"}},
        lambda payload: {"device": payload["device"]},
        lambda payload: {**payload, "number": {"S": "2"}},
        lambda payload: {**payload, "number": {"N": 2}},
        lambda payload: {**payload, "number": {"N": "two"}},
        lambda payload: {**payload, "number": {"N": "NaN"}},
        lambda payload: {**payload, "number": {"N": "2", "S": "2"}},
        lambda payload: {**payload, "number": {}},
        lambda payload: {**payload, "number": {"B": "!"}},
        lambda payload: {**payload, "number": "2"},
        lambda payload: {**payload, "device": {"S": "another partition"}},
    ],
)
def test_a_forged_key_of_another_shape_or_partition_is_refused_even_without_a_secret(change: Any) -> None:
    cursor = forged(cursor_of(Plain.query("d")), change)
    with pytest.raises(InvalidCursor):
        request_of(Plain.query("d").after(cursor))


def signing(*secrets: bytes) -> Scope:
    return Scope(clock=SCOPE.clock, cursor_secrets=secrets)


@pytest.mark.behaviour("2.17")
def test_with_a_secret_every_forged_cursor_is_refused() -> None:
    query, scope = Plain.query("d"), signing(b"secret")
    cursor = cursor_of(query, scope)
    assert "ExclusiveStartKey" in request_of(query.after(cursor), scope)
    other = forged(cursor, lambda payload: {**payload, "number": {"N": "3"}})
    with pytest.raises(InvalidCursor, match=r"Plain\.query: .*cursor_secret"):
        request_of(query.after(other), scope)
    for text in (cursor_of(query), cursor_of(query, signing(b"another"))):
        with pytest.raises(InvalidCursor, match="cursor_secret"):
            request_of(query.after(text), scope)


def test_without_the_secret_a_signed_cursor_is_refused() -> None:
    cursor = cursor_of(Plain.query("d"), signing(b"secret"))
    with pytest.raises(InvalidCursor):
        request_of(Plain.query("d").after(cursor))


def test_secrets_rotate() -> None:
    query = Plain.query("d")
    old, both, new = signing(b"old"), signing(b"new", b"old"), signing(b"new")
    assert "ExclusiveStartKey" in request_of(query.after(cursor_of(query, old)), both)
    assert "ExclusiveStartKey" in request_of(query.after(cursor_of(query, both)), new)
    with pytest.raises(InvalidCursor):
        request_of(query.after(cursor_of(query, old)), new)


def test_the_same_place_is_the_same_cursor() -> None:
    assert cursor_of(Plain.query("d")) == cursor_of(Plain.query("d"))
