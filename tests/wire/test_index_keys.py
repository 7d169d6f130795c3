"""Composed index keys through every write: they are written, kept true, removed, or the write is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from dynamorm_py import (
    Attr,
    GlobalIndex,
    IncompleteIndexKey,
    InvalidKey,
    Model,
    PrimaryKey,
    field,
    partition_key,
    updated_timestamp,
)
from tests.wire.compiled import NOW_TEXT, request_of
from tests.wire.models import Order

PLACED = datetime(2024, 1, 2, tzinfo=UTC)


class Task(Model, table="tasks"):
    """Unversioned, so that what an update relies on has to stand in its condition."""

    org: Attr[str]
    number: Attr[int]
    assignee: Attr[str | None] = field(default=None)
    state: Attr[str] = field(default="open")
    rank: Attr[int | None] = field(default=None)
    key = PrimaryKey("ORG#{org}", "TASK#{number}")
    by_assignee = GlobalIndex(partition_key="ORG#{org}#A#{assignee}", sort_key="{state}#{rank}")


def written(request: dict[str, Any]) -> dict[str, Any]:
    """What an update's SET clause writes, by attribute name, as far as plain values go."""
    clause = request["UpdateExpression"].partition(" REMOVE ")[0].partition(" ADD ")[0]
    pairs = (part.split(" = ") for part in clause.removeprefix("SET ").split(", "))
    names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
    return {names[name]: values[value] for name, value in pairs if value in values}


def removed(request: dict[str, Any]) -> set[str]:
    clause = request["UpdateExpression"].partition("REMOVE ")[2].partition(" ADD ")[0]
    return {request["ExpressionAttributeNames"][name] for name in clause.split(", ") if name}


def task(**attributes: Any) -> Task:
    item = {
        "pk": {"S": "ORG#o"},
        "sk": {"S": "TASK#p5001"},
        "org": {"S": "o"},
        "number": {"N": "1"},
        "state": {"S": "open"},
        **attributes,
    }
    found: Task = Task.__dynamorm_mapping__.decode(item)
    return found


@pytest.mark.behaviour("1.11")
def test_an_item_that_lacks_a_field_is_not_in_the_index() -> None:
    item = request_of(Task(org="o", number=1).create())["Item"]
    assert {"by_assignee_pk", "by_assignee_sk"} & item.keys() == set()
    item = request_of(Task(org="o", number=1, assignee="ann", rank=2).create())["Item"]
    assert item["by_assignee_pk"] == {"S": "ORG#o#A#ann"}
    assert item["by_assignee_sk"]["S"].startswith("open#p")


def test_a_delimiter_in_a_value_cannot_forge_another_key() -> None:
    first = request_of(Task(org="o#A#x", number=1, assignee="y", rank=1).create())["Item"]
    second = request_of(Task(org="o", number=1, assignee="x#A#y", rank=1).create())["Item"]
    assert first["by_assignee_pk"] == {"S": "ORG#o$23A$23x#A#y"}
    assert first["by_assignee_pk"] != second["by_assignee_pk"]


def test_the_key_s_own_fields_are_known_to_an_update() -> None:
    request = request_of(Task.update("o", 1, Task.assignee.set("bob")))
    assert written(request) == {"assignee": {"S": "bob"}, "by_assignee_pk": {"S": "ORG#o#A#bob"}}


def test_fields_set_in_the_same_update_are_known() -> None:
    request = request_of(Task.update("o", 1, Task.state.set("done"), Task.rank.set(3)))
    assert written(request)["by_assignee_sk"]["S"].startswith("done#p")


def test_an_unknown_field_refuses_the_update() -> None:
    with pytest.raises(
        IncompleteIndexKey, match=r"Task\.update: changing state .* index by_assignee, .* rank is not known"
    ):
        request_of(Task.update("o", 1, Task.state.set("done")))


def test_a_computed_value_refuses_the_update() -> None:
    with pytest.raises(IncompleteIndexKey, match=r"rank is changed by more than a plain set\(\)"):
        request_of(Task.update("o", 1, Task.rank.add(1), Task.state.set("done")))


def test_removing_a_field_takes_the_item_out_of_the_index() -> None:
    request = request_of(Task.update("o", 1, Task.assignee.remove()))
    assert removed(request) == {"assignee", "by_assignee_pk"}
    assert removed(request_of(Task.update("o", 1, Task.rank.set(None)))) == {"rank", "by_assignee_sk"}


def test_a_loaded_instance_knows_its_fields_and_the_update_relies_on_them() -> None:
    request = request_of(task(rank={"N": "2"}).update(Task.state.set("done")))
    assert written(request)["by_assignee_sk"]["S"].startswith("done#p")
    assert request["ConditionExpression"].endswith(" AND #n3 = :v2")
    assert request["ExpressionAttributeNames"]["#n3"] == "rank"
    assert request["ExpressionAttributeValues"][":v2"] == {"N": "2"}


def test_a_version_stands_for_all_that_was_read() -> None:
    found: Order = Order.__dynamorm_mapping__.decode(
        request_of(Order(tenant_id="t", placed_at=PLACED, order_id="o", customer_id="c").create())["Item"]
    )
    request = request_of(found.update(Order.state.set("paid")))
    assert written(request)["by_customer_sk"] == {"S": "paid#2024-01-02T00:00:00.000000Z"}
    assert request["ConditionExpression"] == "#n2 = :v4"
    assert request["ExpressionAttributeNames"]["#n2"] == "version"


def test_save_out_of_and_into_the_index() -> None:
    inside = task(assignee={"S": "ann"}, by_assignee_pk={"S": "ORG#o#A#ann"})
    inside.assignee = None
    assert removed(request_of(inside.save())) == {"assignee", "by_assignee_pk"}
    outside = task()
    outside.assignee, outside.rank = "ann", 4
    assert written(request_of(outside.save())).keys() >= {"by_assignee_pk", "by_assignee_sk", "assignee", "rank"}


def test_a_loaded_instance_that_lacks_another_field_stays_out_of_the_index() -> None:
    changed = task(assignee={"S": "ann"}, by_assignee_pk={"S": "ORG#o#A#ann"})
    changed.state = "done"
    request = request_of(changed.save())
    assert written(request) == {"state": {"S": "done"}}
    assert removed(request) == {"by_assignee_sk"}
    assert request["ConditionExpression"] == "attribute_exists(#n2) AND attribute_not_exists(#n3)"
    assert request["ExpressionAttributeNames"]["#n3"] == "rank"


def test_an_upsert_writes_the_index_keys_that_the_key_alone_makes() -> None:
    class Reading(Model, table="readings"):
        device: Attr[str]
        number: Attr[int]
        kind: Attr[str] = field(default="k")
        key = PrimaryKey("D#{device}", "N#{number}")
        by_kind = GlobalIndex(partition_key="K#{kind}", sort_key="N#{number}")

    request = request_of(Reading.update("d", 1, Reading.kind.set("z"), upsert=True))
    assert written(request) == {
        "kind": {"S": "z"},
        "by_kind_pk": {"S": "K#z"},
        "by_kind_sk": {"S": "N#p5001"},
        "device": {"S": "d"},
        "number": {"N": "1"},
    }
    request = request_of(Reading.update("d", 1, Reading.kind.set("z")))
    assert written(request) == {"kind": {"S": "z"}, "by_kind_pk": {"S": "K#z"}}


def test_an_index_on_the_time_of_the_last_write_follows_it() -> None:
    class Document(Model, table="documents"):
        id: Attr[str] = partition_key()
        owner: Attr[str] = field(default="o")
        text: Attr[str] = field(default="")
        updated: Attr[datetime] = updated_timestamp()
        recent = GlobalIndex(partition_key="OWNER#{owner}", sort_key="{updated}#{id}")

    request = request_of(Document.update("1", Document.text.set("new")))
    assert written(request)["recent_sk"] == {"S": f"{NOW_TEXT['S']}#1"}


@pytest.mark.behaviour("1.9", "1.11")
def test_an_index_key_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(InvalidKey, match=r"Order\.update: .*state.*empty"):
        request_of(Order.update("t", PLACED, "o", Order.state.set("")))
    with pytest.raises(InvalidKey, match=r"Task\.create: .*by_assignee.*assignee.*empty"):
        request_of(Task(org="o", number=1, assignee="", rank=1).create())
    with pytest.raises(InvalidKey, match=r"Task\.create: .*by_assignee.* at most 2048 bytes"):
        request_of(Task(org="o", number=1, assignee="x" * 2048, rank=1).create())


def test_two_indexes_on_one_attribute_write_it_once() -> None:
    class Shared(Model, table="shared"):
        id: Attr[str] = partition_key()
        kind: Attr[str] = field(default="k")
        one = GlobalIndex(partition_key="K#{kind}", partition_attribute="gsi_pk")
        two = GlobalIndex(partition_key="K#{kind}", partition_attribute="gsi_pk", sort_key="id")

    request = request_of(Shared.update("1", Shared.kind.set("z")))
    assert written(request) == {"kind": {"S": "z"}, "gsi_pk": {"S": "K#z"}}


@pytest.mark.behaviour("1.16")
def test_numbers_in_templates_keep_their_order() -> None:
    class Ranked(Model, table="ranked"):
        id: Attr[str] = partition_key()
        value: Attr[Decimal]
        by_value = GlobalIndex(partition_key="ALL#", sort_key="{value}#")

    numbers = [Decimal(text) for text in ("-10", "-9.5", "-0.1", "0", "0.05", "1", "2", "10", "1E+20")]
    keys = [request_of(Ranked(id="1", value=number).put())["Item"]["by_value_sk"]["S"] for number in numbers]
    assert keys == sorted(keys)
