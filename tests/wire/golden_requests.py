"""Operations of every kind, and the requests that they compile to, as text.

`python -m tests.wire.golden_requests` writes that text to its standard output: what it writes is what
`golden/requests.json` ought to hold.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from dynamorm_py import attr, batch_write, transact_get, transact_write
from dynamorm_py.core.wire import Call, Scope
from dynamorm_py.query import Page, Query
from tests.wire.compiled import NOW
from tests.wire.models import Address, Odd, Order, Plain, Thing

SCOPE = Scope("prefix-", lambda: NOW, (b"a secret", b"the secret before it"), lambda: "a fresh token")

PLACED = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
WORDS = {"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "é", "😀"}
NUMBERS = {1, 20, 300, -4, 5000}


def operations() -> Iterator[tuple[str, Any]]:
    yield from reads()
    yield from writes()
    yield from searches()
    yield from many()


def reads() -> Iterator[tuple[str, Any]]:
    yield "get", Thing.get("1", consistent=True)
    yield "get of a composed key", Order.get("t#1", PLACED, "o")
    yield "batch_get", Thing.batch_get(["3", "1", "2", "1"])
    yield "transact_get", transact_get(Thing.get("1"), Plain.get("d", 2))


def writes() -> Iterator[tuple[str, Any]]:
    thing = Thing(
        id="1",
        amount=Decimal("12.50"),
        data=bytes(range(8)),
        tags=WORDS,
        sizes=NUMBERS,
        counts=dict.fromkeys(sorted(WORDS), 1),
        address=Address(city="Rome"),
        anything={"sets": [WORDS, NUMBERS], "none": None},
    )
    yield "create", thing.create()
    yield "put", thing.put()
    yield "create with what the library keeps", new_order().create()
    yield "save of what changed", changed_order().save()
    yield "put of a loaded item", changed_order().put()
    yield "delete of a loaded item", changed_order().delete(condition=Order.state != "done")
    yield (
        "update with many actions",
        Thing.update(
            "1",
            Thing.tags.set(WORDS),
            Thing.sizes.add_to_set(*sorted(NUMBERS)),
            Thing.words.append("a", "b"),
            Thing.counts["a.b"].add(1),
            Thing.number.set(Thing.number + 1),
            Thing.text.set(Thing.other),
            Thing.other.set_if_not_exists("x"),
            Thing.nick.remove(),
            Thing.address[Address.city].set("Oslo"),
            attr("not a field", "with", 0).set(frozenset(WORDS)),
            condition=(Thing.tags == WORDS) & (Thing.sizes.contains(20) | ~Thing.text.is_in(["a", "b"])),
        ),
    )
    yield "update of a composed key", Order.update("t", PLACED, "o", Order.total.add(Decimal("0.10")))
    yield "upsert", Order.update("t", PLACED, "o", Order.customer_id.set("c"), Order.state.set("s"), upsert=True)
    yield (
        "delete with odd names",
        Odd.delete("k", condition=(Odd.size > 1) & (Odd.dotted == "b") & Odd.spaced.exists() & (Odd.status != "d")),
    )


def searches() -> Iterator[tuple[str, Any]]:
    mine = Order.by_customer.query("t", "c").where((Order.state == "new") & (Order.placed_at >= PLACED))
    yield "query of a composed index", mine.filter(Order.note.exists() & (Order.total > Decimal(3))).descending()
    yield (
        "query of an index with several key attributes",
        Plain.by_place.query("IT", "Rome").where((Plain.street == "Via") & (Plain.house > 3)),
    )
    yield "query with a projection", Order.query("t").project(Order.note, Order.state, Order.total)
    yield "query behind a cursor", mine.after(cursor_of(mine)).page_size(7)
    yield "scan", Thing.scan().filter(Thing.tags.contains("beta") | Thing.moment.between(PLACED, NOW))
    yield "scan in segments", Thing.scan(segments=4)
    yield "count", Plain.query("d").where(Plain.number.between(1, 9)).count()


def many() -> Iterator[tuple[str, Any]]:
    yield "batch_write", batch_write(Thing(id="2", tags=WORDS).put(), Thing.delete("1"), Plain.delete("d", 1))
    yield (
        "transact_write",
        transact_write(
            new_order().create(),
            Thing.update("1", Thing.sizes.remove_from_set(*sorted(NUMBERS)), condition=Thing.tags == WORDS),
            Plain.check("d", 1, condition=Plain.city == "Rome"),
            Thing.delete("2"),
            token="a given token",
        ),
    )
    yield "transact_write under a fresh token", transact_write(Thing.delete("2"))
    yield "exactly once", Thing.update("1", Thing.number.add(1), exactly_once=True)


def new_order() -> Order:
    return Order(
        tenant_id="t", placed_at=PLACED, order_id="o", customer_id="c", expires=PLACED + timedelta(days=1), note="n"
    )


def changed_order() -> Order:
    order = stored(new_order())
    order.state, order.total, order.note = "paid", Decimal(3), None
    return order


def stored(instance: Order) -> Order:
    """The instance as it is after a create was acknowledged."""
    carried_out(instance.create(), {})
    return instance


def cursor_of(query: Query[Order]) -> str:
    item = Order.create(new_order()).compile(Bound())["Item"]
    names = ("pk", "sk", "by_customer_pk", "by_customer_sk")
    page: Page[Order] = carried_out(
        query.page(), {"Items": [item], "Count": 1, "LastEvaluatedKey": {name: item[name] for name in names}}
    )
    assert page.cursor is not None
    return page.cursor


class Bound:
    """A client, as far as compiling needs one."""

    scope = SCOPE


def carried_out(operation: Any, answer: dict[str, Any]) -> Any:
    """What an operation of one request results in."""
    conversation = operation.plan.converse(SCOPE)
    assert isinstance(next(conversation), Call)
    try:
        conversation.send(answer)
    except StopIteration as end:
        return end.value
    raise AssertionError("more than one request")


def text() -> str:
    """Every request in the order in which its members were put in: sorted, they would hide what varies."""
    found = {}
    for name, operation in operations():
        plan = (operation.all() if isinstance(operation, Query) else operation).plan
        call = plan.first_call(SCOPE)
        found[name] = {call.operation: call.request}
    return json.dumps(found, indent=1, ensure_ascii=False, default=binary) + "\n"


def binary(value: object) -> str:
    assert isinstance(value, bytes)
    return base64.b64encode(value).decode()


if __name__ == "__main__":
    sys.stdout.buffer.write(text().encode())
