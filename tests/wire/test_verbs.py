"""The requests of the verbs: keys, whole items, versions, timestamps, expiry and the conditions that guard them."""

from __future__ import annotations

import gc
import warnings
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from dynamorm_py import (
    Attr,
    InvalidKey,
    InvalidModel,
    InvalidOperation,
    InvalidValue,
    Model,
    attr,
    field,
    partition_key,
)
from dynamorm_py.core.wire import Repetition, Scope
from tests.wire.compiled import NOW, NOW_TEXT, SCOPE, call_of, request_of
from tests.wire.models import Address, Order, Plain, Thing

PLACED = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
# Where a test makes mistakes that type checkers refuse.
Orders: Any = Order
PLACED_TEXT = "2024-01-02T03:04:05.000000Z"
ORDER_KEY = {"pk": {"S": "TENANT#t#ORDER"}, "sk": {"S": f"{PLACED_TEXT}#o"}}


def order(**changes: Any) -> Order:
    return Order(**{"tenant_id": "t", "placed_at": PLACED, "order_id": "o", "customer_id": "c", **changes})


ORDER_ITEM = {
    **ORDER_KEY,
    "tenant_id": {"S": "t"},
    "placed_at": {"S": PLACED_TEXT},
    "order_id": {"S": "o"},
    "customer_id": {"S": "c"},
    "state": {"S": "new"},
    "total": {"N": "0"},
    "version": {"N": "0"},
    "created": NOW_TEXT,
    "updated": NOW_TEXT,
    "by_customer_pk": {"S": "TENANT#t#C#c"},
    "by_customer_sk": {"S": f"new#{PLACED_TEXT}"},
}


def stored(**changes: Any) -> dict[str, Any]:
    return {**ORDER_ITEM, "version": {"N": "7"}, "seen_by": {"S": "another program"}, **changes}


def loaded(**changes: Any) -> Order:
    """An order as it was read: version 7, with an attribute that the model does not know."""
    found: Order = Order.__dynamorm_mapping__.decode(stored(**changes))
    return found


# Reading


@pytest.mark.behaviour("2.11")
def test_get() -> None:
    assert request_of(Thing.get("1")) == {"TableName": "things", "Key": {"id": {"S": "1"}}}
    assert request_of(Thing.get_or_raise("1", consistent=True)) == {
        "TableName": "things",
        "Key": {"id": {"S": "1"}},
        "ConsistentRead": True,
    }


@pytest.mark.parametrize(
    "read",
    [
        lambda: Order.get("t", PLACED, "o"),
        lambda: Order.get({"tenant_id": "t", "placed_at": PLACED, "order_id": "o"}),
        lambda: Order.get(order_id="o", tenant_id="t", placed_at=PLACED),
        lambda: Order.get("t", PLACED, order_id="o"),
        lambda: Order.get("t", PLACED.astimezone(), "o"),
    ],
)
def test_a_key_can_be_given_in_every_way(read: Any) -> None:
    assert request_of(read())["Key"] == ORDER_KEY


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda: Order.get(), r"Order\.get: the key needs tenant_id, placed_at, order_id"),
        (lambda: Order.get("t"), r"Order\.get: .* placed_at, order_id is missing"),
        (lambda: Order.get("t", PLACED, "o", "x"), r"Order\.get: .* 4 values were given"),
        (lambda: Order.get("t", tenant_id="t"), r"Order\.get: tenant_id was given twice"),
        (lambda: Order.get("t", PLACED, order="o"), r"Order\.get: order is not part of the key"),
        (lambda: Orders.get("t", PLACED, None), r"Order\.get: order_id cannot be None"),
        (lambda: Order.get("t", PLACED, "").request, r"Order\.get: order_id: .* empty"),
        (lambda: Thing.get("").request, r"Thing\.get: id: .* empty"),
        (lambda: Thing.get("é" * 1025).request, r"Thing\.get: id: .* at most 2048 bytes, this one has 2050"),
        (lambda: Order.get("t", PLACED, "x" * 1000).request, r"Order\.get: sk: .* at most 1024 bytes"),
    ],
)
def test_a_key_that_cannot_be_one_is_refused(read: Any, message: str) -> None:
    with pytest.raises(InvalidKey, match=message):
        read()


def test_a_naive_datetime_in_a_key_is_refused() -> None:
    with pytest.raises(InvalidValue, match=r"Order\.get: placed_at.*naive datetime"):
        _ = Order.get("t", datetime(2024, 1, 2), "o")  # noqa: DTZ001  # the very value that is refused


def test_a_key_of_another_type_is_refused() -> None:
    with pytest.raises(InvalidValue, match=r"Plain\.get: number: .*valid integer"):
        _ = Plain.get("d", "x")


def test_refresh_reads_consistently() -> None:
    assert request_of(order().refresh()) == {"TableName": "orders", "Key": ORDER_KEY, "ConsistentRead": True}


def test_refresh_reads_what_was_loaded_whatever_was_changed() -> None:
    changed: Any = loaded()
    changed.order_id, changed.total = "other", None
    assert request_of(changed.refresh())["Key"] == ORDER_KEY


# Creating and putting


def test_create_guards_the_partition_key_and_takes_expired_items_for_absent() -> None:
    assert request_of(order().create()) == {
        "TableName": "orders",
        "Item": ORDER_ITEM,
        "ConditionExpression": "attribute_not_exists(#n0) OR #n1 <= :v0",
        "ExpressionAttributeNames": {"#n0": "pk", "#n1": "expires"},
        "ExpressionAttributeValues": {":v0": {"N": str(int(NOW.timestamp()))}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def test_save_of_a_new_object_is_a_create() -> None:
    assert request_of(order().save()) == request_of(order().create())


def test_put_of_a_new_object_never_resets_a_version() -> None:
    request = request_of(order().put())
    assert request["Item"] == ORDER_ITEM
    assert request["ConditionExpression"] == "attribute_not_exists(#n0)"
    assert request["ExpressionAttributeNames"] == {"#n0": "version"}


def test_put_of_a_loaded_object_checks_the_version_and_keeps_what_it_does_not_know() -> None:
    early = {"S": "2020-01-01T00:00:00.000000Z"}
    changed = loaded(created=early)
    changed.state = "paid"
    assert request_of(changed.put()) == {
        "TableName": "orders",
        "Item": stored(
            created=early,
            version={"N": "8"},
            state={"S": "paid"},
            by_customer_sk={"S": f"paid#{PLACED_TEXT}"},
            updated=NOW_TEXT,
        ),
        "ConditionExpression": "#n0 = :v0",
        "ExpressionAttributeNames": {"#n0": "version"},
        "ExpressionAttributeValues": {":v0": {"N": "7"}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


@pytest.mark.behaviour("1.23")
def test_put_without_a_version_has_no_condition() -> None:
    call = call_of(Thing(id="1").put())
    assert "ConditionExpression" not in call.request
    assert "ExpressionAttributeNames" not in call.request
    assert call.repetition is Repetition.HARMLESS


@pytest.mark.behaviour("1.7", "1.10")
def test_every_kind_of_field_is_stored_in_its_own_way() -> None:
    thing = Thing(
        id="1",
        number=3,
        ratio=0.1,
        amount=Decimal("12.50"),
        data=b"\x00",
        flag=True,
        tags={"b", "a"},
        sizes={10, 9},
        words=["x"],
        counts={"a": 1},
        address=Address(city="Rome"),
        moment=PLACED,
        anything={"a": [None, True, 1]},
    )
    assert request_of(thing.put()) == {
        "TableName": "things",
        "Item": {
            "id": {"S": "1"},
            "text": {"S": ""},
            "other": {"S": ""},
            "number": {"N": "3"},
            "ratio": {"N": "0.1"},
            "amount": {"N": "12.5"},
            "data": {"B": b"\x00"},
            "flag": {"BOOL": True},
            "tags": {"SS": ["a", "b"]},
            "sizes": {"NS": ["10", "9"]},
            "words": {"L": [{"S": "x"}]},
            "counts": {"M": {"a": {"N": "1"}}},
            "address": {"M": {"city": {"S": "Rome"}, "zip_code": {"NULL": True}}},
            "lines": {"L": []},
            "kept": {"NULL": True},
            "moment": {"S": PLACED_TEXT},
            "anything": {"M": {"a": {"L": [{"NULL": True}, {"BOOL": True}, {"N": "1"}]}}},
        },
    }


@pytest.mark.behaviour("1.43")
def test_an_item_over_400_kb_is_refused() -> None:
    class Small(Model, table="small"):
        id: Attr[str] = partition_key()
        text: Attr[str] = field(default="")

    room = 409_600 - len("idx") - len("text")
    assert len(request_of(Small(id="x", text="a" * room).create())["Item"]["text"]["S"]) == room
    with pytest.raises(InvalidValue, match=r"Small\.create: the item has 409601 bytes, .* at most 409600 \(400 KB\)"):
        request_of(Small(id="x", text="a" * room + "a").create())
    with pytest.raises(InvalidValue, match=r"Small\.create: the item has 409601 bytes"):
        request_of(Small(id="x", text="a" * (room - 1) + "é").create())
    with pytest.raises(InvalidValue, match=r"Small\.update: the update sets \d+ bytes"):
        request_of(Small.update("x", Small.text.set("a" * 409_600)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Thing(id="", text="a").create(), r"Thing\.create: id: a key attribute cannot be empty"),
        (lambda: order(order_id="").create(), r"Order\.create: order_id: .*cannot be empty"),
        (lambda: order(state="").create(), r"Order\.create: .*state: .*cannot be empty"),
        (lambda: order(note="").create(), r"Order\.create: index by_note: note: .*cannot be empty"),
        (lambda: Thing(id="x", anything=float("nan")).create(), r"Thing\.create: anything.*NaN|finite"),
        (lambda: Thing(id="x", anything=Decimal("1" * 39)).create(), r"Thing\.create: anything.*38"),
        (lambda: Thing(id="x", anything={1, "a"}).create(), r"Thing\.create: anything.*set"),
        (lambda: Thing(id="x", anything=datetime(2024, 1, 1)).create(), r"Thing\.create: anything.*naive datetime"),  # noqa: DTZ001
    ],
)
@pytest.mark.behaviour("1.9")
def test_what_dynamodb_would_refuse_is_refused_with_model_and_field(make: Any, message: str) -> None:
    with pytest.raises(InvalidOperation, match=message):
        request_of(make())


def test_none_in_a_field_that_does_not_take_it_is_refused() -> None:
    thing = Thing(id="x", text="a")
    broken: Any = thing
    broken.text = None
    for verb in (thing.create, thing.put, thing.save):
        with pytest.raises(InvalidValue, match=rf"Thing\.{verb.__name__}: text: Input should be a valid string"):
            _ = verb()


# Saving what changed


def test_save_sends_what_changed_and_checks_the_version() -> None:
    changed = loaded(note={"S": "gift"})
    changed.total = Decimal(5)
    changed.note = None
    assert request_of(changed.save()) == {
        "TableName": "orders",
        "Key": ORDER_KEY,
        "UpdateExpression": "SET #n0 = :v0, #n1 = :v1, #n2 = :v2 REMOVE #n3",
        "ConditionExpression": "#n1 = :v3",
        "ExpressionAttributeNames": {"#n0": "total", "#n1": "version", "#n2": "updated", "#n3": "note"},
        "ExpressionAttributeValues": {
            ":v0": {"N": "5"},
            ":v1": {"N": "8"},
            ":v2": NOW_TEXT,
            ":v3": {"N": "7"},
        },
        "ReturnValues": "UPDATED_NEW",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def test_save_keeps_composed_index_keys_true() -> None:
    changed = loaded()
    changed.state = "paid"
    request = request_of(changed.save())
    assert request["UpdateExpression"].startswith("SET #n0 = :v0, #n1 = :v1")
    assert request["ExpressionAttributeNames"]["#n1"] == "by_customer_sk"
    assert request["ExpressionAttributeValues"][":v1"] == {"S": f"paid#{PLACED_TEXT}"}


def test_save_of_an_unversioned_item_demands_that_it_exists() -> None:
    thing: Thing = Thing.__dynamorm_mapping__.decode({"id": {"S": "1"}, "text": {"S": "a"}})
    thing.number = 4
    request = request_of(thing.save())
    assert request["UpdateExpression"] == "SET #n0 = :v0"
    assert request["ConditionExpression"] == "attribute_exists(#n1)"
    assert request["ExpressionAttributeNames"] == {"#n0": "number", "#n1": "id"}


def test_save_of_nothing_sends_nothing() -> None:
    with pytest.raises(InvalidOperation, match=r"Order\.save: nothing was changed"):
        request_of(loaded().save())


def test_a_default_for_an_absent_attribute_is_no_change() -> None:
    thing: Thing = Thing.__dynamorm_mapping__.decode({"id": {"S": "1"}})
    with pytest.raises(InvalidOperation, match="nothing was changed"):
        request_of(thing.save())


def test_save_takes_its_values_when_it_is_called() -> None:
    changed = loaded()
    changed.total = Decimal(5)
    operation = changed.save()
    changed.total = Decimal(6)
    assert request_of(operation)["ExpressionAttributeValues"][":v0"] == {"N": "5"}
    assert changed.version == 7


def test_save_refuses_a_changed_key() -> None:
    changed = loaded()
    changed.order_id = "other"
    with pytest.raises(InvalidOperation, match=r"Order\.save: order_id is part of the key"):
        _ = changed.save()


# Updating


def test_update_by_key_counts_the_version_and_stamps() -> None:
    assert request_of(Order.update("t", PLACED, "o", Order.total.add(Decimal(1)))) == {
        "TableName": "orders",
        "Key": ORDER_KEY,
        "UpdateExpression": "SET #n0 = if_not_exists(#n0, :v0) + :v1, #n1 = :v2 ADD #n2 :v3",
        "ConditionExpression": "attribute_exists(#n3)",
        "ExpressionAttributeNames": {"#n0": "version", "#n1": "updated", "#n2": "total", "#n3": "pk"},
        "ExpressionAttributeValues": {":v0": {"N": "-1"}, ":v1": {"N": "1"}, ":v2": NOW_TEXT, ":v3": {"N": "1"}},
        "ReturnValues": "ALL_NEW",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def test_an_update_without_an_action_still_stamps() -> None:
    request = request_of(Order.update("t", PLACED, "o"))
    assert request["UpdateExpression"] == "SET #n0 = if_not_exists(#n0, :v0) + :v1, #n1 = :v2"


def test_update_of_an_instance_checks_its_version() -> None:
    request = request_of(loaded().update(Order.total.add(Decimal(1)), condition=Order.total < Decimal(10)))
    assert request["UpdateExpression"] == "SET #n0 = :v0, #n1 = :v1 ADD #n2 :v2"
    assert request["ConditionExpression"] == "#n0 = :v3 AND #n2 < :v4"
    assert request["ExpressionAttributeValues"][":v0"] == {"N": "8"}
    assert request["ExpressionAttributeValues"][":v3"] == {"N": "7"}


def test_update_of_an_instance_that_was_never_stored_is_refused() -> None:
    with pytest.raises(InvalidOperation, match=r"Order\.update: the instance has not been stored yet"):
        _ = order().update(Order.total.add(Decimal(1)))


def test_an_upsert_writes_what_the_new_item_needs() -> None:
    request = request_of(Order.update("t", PLACED, "o", Order.customer_id.set("c"), upsert=True))
    assert "ConditionExpression" not in request
    names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
    assert list(names.values()) == [
        "customer_id",
        "by_customer_pk",
        "version",
        "created",
        "updated",
        "tenant_id",
        "placed_at",
        "order_id",
    ]
    assert values[":v1"] == {"S": "TENANT#t#C#c"}
    assert "#n3 = if_not_exists(#n3, :v4)" in request["UpdateExpression"]


def test_an_upsert_that_would_leave_required_fields_out_is_refused() -> None:
    with pytest.raises(InvalidOperation, match=r"Order\.update: an upsert .* customer_id"):
        _ = Order.update("t", PLACED, "o", Order.total.add(Decimal(1)), upsert=True)


# Deleting


def test_delete_by_key() -> None:
    assert request_of(Order.delete("t", PLACED, "o")) == {"TableName": "orders", "Key": ORDER_KEY}
    request = request_of(Order.delete("t", PLACED, "o", condition=Order.total == Decimal(0)))
    assert request["ConditionExpression"] == "#n0 = :v0"


def test_delete_of_a_loaded_instance_checks_the_version() -> None:
    assert request_of(loaded().delete(condition=Order.total == Decimal(0))) == {
        "TableName": "orders",
        "Key": ORDER_KEY,
        "ConditionExpression": "#n0 = :v0 AND #n1 = :v1",
        "ExpressionAttributeNames": {"#n0": "version", "#n1": "total"},
        "ExpressionAttributeValues": {":v0": {"N": "7"}, ":v1": {"N": "0"}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def test_delete_of_an_item_read_without_a_version_demands_that_it_still_has_none() -> None:
    item = stored()
    del item["version"]
    found: Order = Order.__dynamorm_mapping__.decode(item)
    assert request_of(found.delete())["ConditionExpression"] == "attribute_exists(#n0) AND attribute_not_exists(#n1)"


# Clock, prefix, expiry


def test_the_clock_s_time_is_written_in_utc() -> None:
    later = Scope(clock=lambda: (NOW + timedelta(hours=1)).astimezone())
    item = request_of(order().create(), later)["Item"]
    assert item["created"] == item["updated"] == {"S": "2024-05-06T08:08:09.123456Z"}


def test_the_prefix_stands_before_the_table_s_name() -> None:
    scope = Scope(prefix="dev-", clock=SCOPE.clock)
    assert request_of(Thing.get("1"), scope)["TableName"] == "dev-things"
    assert request_of(order().create(), scope)["TableName"] == "dev-orders"
    assert request_of(Order.by_state.query("new"), scope)["TableName"] == "dev-orders"


def test_the_scope_of_a_client_compiles() -> None:
    class AnyClient:
        scope = Scope(prefix="test-", clock=SCOPE.clock)

    assert Thing.get("1").compile(AnyClient())["TableName"] == "test-things"


@pytest.mark.behaviour("1.15")
def test_time_to_live_is_stored_in_whole_seconds_rounded_up() -> None:
    item = request_of(order(expires=datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=UTC)).create())["Item"]
    assert item["expires"] == {"N": "1704067201"}
    request = request_of(Order.update("t", PLACED, "o", Order.expires.set(datetime(2024, 1, 1, tzinfo=UTC))))
    assert {"N": "1704067200"} in request["ExpressionAttributeValues"].values()
    condition = Order.expires < datetime(2024, 1, 1, tzinfo=UTC)
    request = request_of(Order.delete("t", PLACED, "o", condition=condition))
    assert request["ExpressionAttributeValues"] == {":v0": {"N": "1704067200"}}


# Repeating a write


@pytest.mark.parametrize(
    ("operation", "repetition"),
    [
        (lambda: Thing.get("1"), Repetition.HARMLESS),
        (lambda: Thing.query("1"), Repetition.HARMLESS),
        (lambda: Thing(id="1").put(), Repetition.HARMLESS),
        (lambda: Thing(id="1").create(), Repetition.SETTLED),
        (lambda: Thing.delete("1"), Repetition.HARMLESS),
        (lambda: Thing.update("1", Thing.text.set("a")), Repetition.SETTLED),
        (lambda: Thing.update("1", Thing.text.set("a"), upsert=True), Repetition.HARMLESS),
        (lambda: Thing.update("1", Thing.tags.add_to_set("a"), upsert=True), Repetition.HARMLESS),
        (lambda: Thing.update("1", Thing.number.add(1)), Repetition.HARMFUL),
        (lambda: Thing.update("1", Thing.number.set(Thing.number + 1)), Repetition.HARMFUL),
        (lambda: Thing.update("1", Thing.words.append("a")), Repetition.HARMFUL),
        (lambda: Thing.update("1", Thing.words[0].remove()), Repetition.HARMFUL),
        (lambda: Thing.update("1", Thing.text.set(Thing.other), Thing.other.set("a")), Repetition.HARMFUL),
        (lambda: Order.update("t", PLACED, "o", Order.note.set("x")), Repetition.HARMFUL),
        (lambda: loaded().update(Order.total.add(Decimal(1))), Repetition.SETTLED),
    ],
)
@pytest.mark.behaviour("1.36", "1.66")
def test_what_a_second_application_would_do(operation: Any, repetition: Repetition) -> None:
    assert call_of(operation()).repetition is repetition


# Operations as values


def test_a_write_that_was_dropped_unseen_warns() -> None:
    dropped = [Thing(id="1").create()]
    with pytest.warns(RuntimeWarning, match=r"the operation Thing\.create was never awaited"):
        del dropped


def test_one_that_was_looked_at_does_not() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        request_of(Thing(id="1").create())
        repr(Thing(id="1").create())
        _ = Thing.get("1")
        gc.collect()


def test_a_class_without_a_table_has_no_working_verbs() -> None:
    with pytest.raises(InvalidModel, match=r"Address: .*table"):
        _ = Address.get("x")


def test_attr_takes_any_attribute_of_the_item() -> None:
    request = request_of(Thing.update("1", attr("unknown").set(1)))
    assert request["ExpressionAttributeNames"] == {"#n0": "unknown", "#n1": "id"}


def test_renamed_attributes_are_used_everywhere() -> None:
    class Renamed(Model, table="renamed"):
        id: Attr[str] = partition_key(name="PK")
        value: Attr[int] = field(default=0, name="v")

    assert request_of(Renamed(id="1", value=2).put())["Item"] == {"PK": {"S": "1"}, "v": {"N": "2"}}
    request = request_of(Renamed.update("1", Renamed.value.add(1)))
    assert request["Key"] == {"PK": {"S": "1"}}
    assert request["ExpressionAttributeNames"] == {"#n0": "v", "#n1": "PK"}
