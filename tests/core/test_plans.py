"""Plans: differences in words, and the conversations that make them smaller, played by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from dynamorm_py.core.errors import DeadlineExceeded, InvalidOperation, ServiceError, TableInUse, TableNotFound
from dynamorm_py.core.plans import (
    ApplyTables,
    EnsureTables,
    PlannedTable,
    PlanTables,
    TableChange,
    TablePlan,
    differences,
)
from dynamorm_py.core.schema import Index, Key, Schema
from dynamorm_py.core.table_descriptions import DescribeTable, described
from dynamorm_py.core.table_settings import Provisioned, TableSettings
from dynamorm_py.core.tables import tables_of
from dynamorm_py.core.wire import Call, Pause, Repetition, Scope, Target
from tests.core.test_tables import AMOUNT, DAY, PLACE, by, checked, n, s, schema

SCOPE = Scope(prefix="test-")
NARROW = Index("by_amount", "global", AMOUNT.key, "KEYS_ONLY")
GONE = TableNotFound("no such table")


def settings(**given: Any) -> TableSettings:
    return TableSettings(**given)


def live(*schemas: Schema, status: str = "ACTIVE", **changes: Any) -> dict[str, Any]:
    """What DescribeTable says of a table that was created for these models."""
    (table,) = tables_of(schemas, SCOPE, changes.pop("settings", None))
    request = table.create_request()
    request["BillingModeSummary"] = {"BillingMode": request.pop("BillingMode")}
    for index in request.get("GlobalSecondaryIndexes", ()):
        index["IndexStatus"] = "ACTIVE"
    return {**request, "TableStatus": status, **changes}


def found(*schemas: Schema, **changes: Any) -> dict[str, Any]:
    return {"Table": live(*schemas, **changes)}


def compared(wanted: Schema, description: Mapping[str, Any] | None, given: TableSettings | None = None) -> list[str]:
    (table,) = tables_of((wanted,), SCOPE, given)
    seen = None if description is None else described(description, None)
    return [str(change) for change in differences(table, seen)]


def plan_of(
    wanted: Schema,
    description: Mapping[str, Any] | None,
    given: TableSettings | None = None,
    expires: str | None = None,
) -> TablePlan:
    (table,) = tables_of((wanted,), SCOPE, given)
    seen = None if description is None else described(description, expires)
    return TablePlan((PlannedTable(table, differences(table, seen)),))


def play(operation: Any, answers: Sequence[Any]) -> tuple[list[Call], Any]:
    """The calls of a conversation, each answered in turn with a response or by raising, and its result. Pauses are
    gone through."""
    conversation, calls, waiting = operation.converse(SCOPE), list[Call](), iter(answers)
    try:
        step = next(conversation)
        while True:
            assert isinstance(step, Call | Pause)
            if isinstance(step, Pause):
                step = conversation.send(None)
                continue
            calls.append(checked(step))
            answer = next(waiting)
            step = conversation.throw(answer) if isinstance(answer, Exception) else conversation.send(answer)
    except StopIteration as end:
        assert list(waiting) == []
        return calls, end.value


def changes(calls: list[Call]) -> list[Call]:
    return [call for call in calls if not call.operation.startswith("Describe")]


def ttl(attribute: str | None) -> dict[str, Any]:
    if attribute is None:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
    return {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": attribute}}


# Differences


def test_a_table_as_its_models_want_it() -> None:
    wanted = schema(indexes=by("by_place", PLACE, DAY, AMOUNT))
    assert compared(wanted, live(wanted)) == []
    plan = plan_of(wanted, live(wanted))
    assert plan.is_empty
    assert not plan
    assert str(plan) == "nothing to change: test-orders"


def test_no_table() -> None:
    assert compared(schema(), None) == ["test-orders: does not exist; is created"]
    assert compared(schema(), live(schema(), status="DELETING")) == ["test-orders: does not exist; is created"]


def test_another_key_says_nothing_of_the_rest() -> None:
    other = schema(key=Key((s("customer"),), (s("number"),)), indexes=by("by_amount", AMOUNT))
    assert compared(schema(), live(other)) == [
        (
            "test-orders: its key is customer (S) then number (S), and its models have customer (S) then number (N); "
            'a key never changes; stays so, unless drop_tables names "test-orders": deleted with all items, '
            "and created anew"
        )
    ]


def test_indexes_in_words() -> None:
    wanted = schema(indexes=by("by_amount", AMOUNT, PLACE))
    there = schema(indexes=by("by_amount", NARROW, Index("old", "global", Key((s("city"),))), DAY))
    assert compared(wanted, live(there)) == [
        (
            "test-orders/old: is not an index of these models: global, by city (S), with all attributes; "
            'stays so, unless drop_indexes names "test-orders/old"'
        ),
        (
            "test-orders/by_day: is not an index of these models: local, by customer (S) then day (S), with the keys "
            "only; "
            'local indexes come and go with their table; stays so, unless drop_tables names "test-orders": '
            "deleted with all items, and created anew"
        ),
        (
            "test-orders/by_amount: is global, by customer (S) then amount (N), with the keys only, and its models "
            "have "
            "global, by customer (S) then amount (N), with city, day; "
            'stays so, unless drop_indexes names "test-orders/by_amount": dropped, and created anew'
        ),
        (
            "test-orders/by_place: does not exist: global, by country (S), city (S) then amount (N), day (S), "
            "with all attributes; is created"
        ),
    ]


def test_a_missing_local_index_is_impossible_in_place() -> None:
    (words,) = compared(schema(indexes=by("by_day", DAY)), live(schema()))
    assert "does not exist: local" in words
    assert "local indexes come and go with their table" in words
    assert 'drop_tables names "test-orders"' in words


def test_projected_names_have_no_order() -> None:
    one, other = (Index("by_amount", "global", AMOUNT.key, names) for names in (("city", "day"), ("day", "city")))
    assert compared(schema(indexes=by("by_amount", one)), live(schema(indexes=by("by_amount", other)))) == []


def test_an_index_that_is_being_deleted_is_missing() -> None:
    wanted = schema(indexes=by("by_amount", AMOUNT))
    going = live(wanted)
    going["GlobalSecondaryIndexes"][0]["IndexStatus"] = "DELETING"
    assert [line.partition(":")[0] for line in compared(wanted, going)] == ["test-orders/by_amount"]
    assert compared(schema(), going) == []


def test_settings_that_are_not_given_are_no_difference() -> None:
    protected = live(
        schema(), settings=settings(billing=Provisioned(1, 2), stream="NEW_IMAGE", deletion_protection=True)
    )
    assert compared(schema(), protected) == []
    assert compared(schema(), protected, settings(stream="NEW_IMAGE")) == []


def test_settings_in_words() -> None:
    wanted = settings(billing=Provisioned(5, 6), stream="NEW_IMAGE", deletion_protection=True)
    assert compared(schema(time_to_live="expires"), live(schema()), wanted) == [
        "test-orders: billing is on demand, and becomes provisioned, 5 read and 6 write units",
        "test-orders: the stream is OFF, and becomes NEW_IMAGE",
        "test-orders: the time to live is off, and becomes expires",
        "test-orders: deletion protection is off, and becomes on",
    ]
    opposite = settings(billing="PAY_PER_REQUEST", stream="OFF", deletion_protection=False)
    assert compared(schema(), live(schema(), settings=wanted), opposite) == [
        "test-orders: billing is provisioned, 5 read and 6 write units, and becomes on demand",
        "test-orders: the stream is NEW_IMAGE, and becomes OFF",
        "test-orders: deletion protection is on, and becomes off",
    ]


@pytest.mark.parametrize(
    "given",
    [
        {"billing": "PROVISIONED"},
        {"stream": "ALL"},
        {"deletion_protection": "yes"},
    ],
)
def test_settings_that_do_not_exist_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidOperation):
        TableSettings(**given)


@pytest.mark.parametrize(("read", "write"), [(0, 1), (1, 0), (1.5, 1), (True, 1)])
def test_capacity_is_whole_units(read: Any, write: Any) -> None:
    with pytest.raises(InvalidOperation, match="whole units"):
        Provisioned(read, write)


# Descriptions and plans


def test_a_description_in_types() -> None:
    wanted = schema(indexes=by("by_amount", AMOUNT, DAY), time_to_live="expires")
    raw = live(wanted, settings=settings(billing=Provisioned(1, 2), stream="NEW_IMAGE"), ItemCount=3, TableSizeBytes=99)
    calls, description = play(DescribeTable(wanted), [{"Table": raw}, ttl("expires")])
    assert [call.operation for call in calls] == ["DescribeTable", "DescribeTimeToLive"]
    assert (description.name, description.status) == ("test-orders", "ACTIVE")
    assert (description.item_count, description.size_bytes) == (3, 99)
    assert (description.billing, description.stream, description.time_to_live) == (
        Provisioned(1, 2),
        "NEW_IMAGE",
        "expires",
    )
    assert str(description.key) == "customer (S) then number (N)"
    assert description.key.names == ("customer", "number")
    assert [(index.name, index.kind, index.status, index.capacity) for index in description.indexes] == [
        ("by_amount", "global", "ACTIVE", Provisioned(1, 2)),
        ("by_day", "local", None, None),
    ]
    assert description.index("by_amount").projection == ("city", "day")
    assert description.index("none") is None
    assert description.raw == raw


def test_a_table_that_does_not_exist_is_not_described() -> None:
    with pytest.raises(TableNotFound, match=r"Order\.describe_table: the table test-orders does not exist"):
        play(DescribeTable(schema()), [GONE])


def test_planning_asks_for_the_time_to_live_where_models_have_one() -> None:
    expiring = schema("User", "users", time_to_live="expires")
    calls, plan = play(PlanTables((schema(), expiring)), [found(schema()), found(expiring), ttl("until")])
    assert [call.operation for call in calls] == ["DescribeTable", "DescribeTable", "DescribeTimeToLive"]
    assert plan.changes == (TableChange("test-users", "time to live", None, "expires", "until"),)


def test_models_that_disagree_are_refused_before_anything_is_asked() -> None:
    other = schema("Refund", indexes=by("by_amount", Index("by_amount", "global", PLACE.key)))
    with pytest.raises(InvalidOperation, match="Order and Refund describe the index by_amount differently"):
        play(PlanTables((schema(indexes=by("by_amount", AMOUNT)), other)), [])


def test_names_that_dynamodb_refuses_are_not_planned_for() -> None:
    with pytest.raises(InvalidOperation, match="'by' is not 3 to 255"):
        play(PlanTables((schema(indexes=by("by", Index("by", "global", AMOUNT.key))),)), [])


# Applying


def test_an_empty_plan_changes_nothing() -> None:
    calls, left = play(ApplyTables(plan_of(schema(), live(schema()))), [found(schema())] * 4)
    assert changes(calls) == []
    assert left.is_empty


def test_indexes_are_made_one_at_a_time() -> None:
    city = Index("by_city", "global", Key((s("city"),)))
    wanted, half = schema(indexes=by("by_amount", AMOUNT, city)), schema(indexes=by("by_amount", AMOUNT))
    creating = found(half)
    creating["Table"]["GlobalSecondaryIndexes"][0]["IndexStatus"] = "CREATING"
    before = [found(schema())] * 4
    calls, left = play(
        ApplyTables(plan_of(wanted, live(schema()))),
        [*before, {}, found(schema()), creating, found(half), found(half), {}, found(wanted), found(wanted)],
    )
    first, second = changes(calls)
    assert first.request == {
        "TableName": "test-orders",
        "AttributeDefinitions": [
            {"AttributeName": "customer", "AttributeType": "S"},
            {"AttributeName": "number", "AttributeType": "N"},
            {"AttributeName": "amount", "AttributeType": "N"},
        ],
        "GlobalSecondaryIndexUpdates": [
            {
                "Create": {
                    "IndexName": "by_amount",
                    "KeySchema": [
                        {"AttributeName": "customer", "KeyType": "HASH"},
                        {"AttributeName": "amount", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["city", "day"]},
                }
            }
        ],
    }
    assert [each["AttributeName"] for each in second.request["AttributeDefinitions"]] == [
        "customer",
        "number",
        "amount",
        "city",
    ]
    assert {call.repetition for call in (first, second)} == {Repetition.HARMFUL}
    assert left.is_empty


def test_an_index_of_a_provisioned_table_gets_its_capacity() -> None:
    wanted, capacity = schema(indexes=by("by_amount", AMOUNT)), settings(billing=Provisioned(3, 4))
    plan = plan_of(wanted, live(schema(), settings=capacity))
    before, after = found(schema(), settings=capacity), found(wanted, settings=capacity)
    calls, _ = play(ApplyTables(plan), [*[before] * 4, {}, after, after])
    (call,) = changes(calls)
    created = call.request["GlobalSecondaryIndexUpdates"][0]["Create"]
    assert created["ProvisionedThroughput"] == {"ReadCapacityUnits": 3, "WriteCapacityUnits": 4}


def test_nothing_is_dropped_unless_it_is_named() -> None:
    there = schema(indexes=by("by_amount", AMOUNT))
    plan = plan_of(schema(), live(there))
    calls, left = play(ApplyTables(plan), [found(there)] * 4)
    assert changes(calls) == []
    assert left == plan
    calls, left = play(
        ApplyTables(plan, drop_indexes=("test-orders/by_amount",)),
        [*[found(there)] * 4, {}, found(there), found(schema()), found(schema())],
    )
    (call,) = changes(calls)
    assert call.request["GlobalSecondaryIndexUpdates"] == [{"Delete": {"IndexName": "by_amount"}}]
    assert left.is_empty


def test_an_index_that_differs_is_dropped_and_made_anew() -> None:
    wanted, there = schema(indexes=by("by_amount", AMOUNT)), schema(indexes=by("by_amount", NARROW))
    calls, left = play(
        ApplyTables(plan_of(wanted, live(there)), drop_indexes=("test-orders/by_amount",)),
        [*[found(there)] * 4, {}, *[found(schema())] * 2, {}, *[found(wanted)] * 2],
    )
    updates = [call.request["GlobalSecondaryIndexUpdates"][0] for call in changes(calls)]
    assert [list(update) for update in updates] == [["Delete"], ["Create"]]
    assert left.is_empty


def test_a_table_is_replaced_only_by_name() -> None:
    there = schema(key=Key((s("customer"),)))
    plan = plan_of(schema(), live(there))
    assert changes(play(ApplyTables(plan), [found(there)] * 4)[0]) == []
    calls, left = play(
        ApplyTables(plan, drop_tables=("test-orders",)),
        [*[found(there)] * 4, {}, found(there, status="DELETING"), GONE, {}, found(schema()), found(schema())],
    )
    assert [call.operation for call in changes(calls)] == ["DeleteTable", "CreateTable"]
    assert left.is_empty


def test_a_missing_table_is_created_with_its_settings() -> None:
    given = settings(billing=Provisioned(1, 2), stream="KEYS_ONLY", deletion_protection=True)
    made = found(schema(), settings=given)
    calls, left = play(ApplyTables(plan_of(schema(), None, given)), [GONE, GONE, GONE, GONE, {}, made, made])
    (call,) = changes(calls)
    assert call.request["ProvisionedThroughput"] == {"ReadCapacityUnits": 1, "WriteCapacityUnits": 2}
    assert call.request["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    assert call.request["DeletionProtectionEnabled"] is True
    assert left.is_empty


@pytest.mark.parametrize(
    ("wanted", "there", "requests"),
    [
        (
            {"billing": Provisioned(5, 6)},
            {},
            [
                {
                    "BillingMode": "PROVISIONED",
                    "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
                    "GlobalSecondaryIndexUpdates": [
                        {
                            "Update": {
                                "IndexName": "by_amount",
                                "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
                            }
                        }
                    ],
                }
            ],
        ),
        ({"billing": "PAY_PER_REQUEST"}, {"billing": Provisioned(5, 6)}, [{"BillingMode": "PAY_PER_REQUEST"}]),
        (
            {"stream": "NEW_IMAGE"},
            {},
            [{"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}}],
        ),
        ({"stream": "OFF"}, {"stream": "NEW_IMAGE"}, [{"StreamSpecification": {"StreamEnabled": False}}]),
        ({"deletion_protection": True}, {}, [{"DeletionProtectionEnabled": True}]),
        ({"deletion_protection": False}, {"deletion_protection": True}, [{"DeletionProtectionEnabled": False}]),
    ],
)
def test_settings_are_changed_in_place(wanted: Any, there: Any, requests: list[Any]) -> None:
    model = schema(indexes=by("by_amount", AMOUNT))
    before, after = found(model, settings=settings(**there)), found(model, settings=settings(**wanted))
    plan = plan_of(model, before["Table"], settings(**wanted))
    calls, left = play(ApplyTables(plan), [*[before] * 4, {}, before, after, after])
    assert [call.request for call in changes(calls)] == [{"TableName": "test-orders", **each} for each in requests]
    assert left.is_empty


def test_only_the_capacity_that_differs_is_sent() -> None:
    model, wanted = schema(indexes=by("by_amount", AMOUNT)), settings(billing=Provisioned(5, 6))
    before, after = found(model, settings=wanted), found(model, settings=wanted)
    before["Table"]["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"] = {
        "ReadCapacityUnits": 1,
        "WriteCapacityUnits": 1,
    }
    calls, _ = play(ApplyTables(plan_of(model, before["Table"], wanted)), [*[before] * 4, {}, after, after])
    (call,) = changes(calls)
    assert set(call.request) == {"TableName", "GlobalSecondaryIndexUpdates"}


def test_another_stream_is_a_new_one() -> None:
    old, none, new = (found(schema(), settings=settings(stream=view)) for view in ("OLD_IMAGE", "OFF", "NEW_IMAGE"))
    plan = plan_of(schema(), old["Table"], settings(stream="NEW_IMAGE"))
    calls, left = play(ApplyTables(plan), [*[old] * 4, {}, old, none, {}, new, new])
    assert [call.request["StreamSpecification"] for call in changes(calls)] == [
        {"StreamEnabled": False},
        {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    ]
    assert left.is_empty


def test_the_time_to_live_is_turned_on() -> None:
    model = schema(time_to_live="expires")
    seen = [found(model), found(model), ttl(None)]
    plan = plan_of(model, live(model))
    calls, left = play(ApplyTables(plan), [*seen, *seen, {}, found(model), ttl("expires")])
    (call,) = changes(calls)
    assert call.request["TimeToLiveSpecification"] == {"Enabled": True, "AttributeName": "expires"}
    assert left.is_empty


def test_another_time_to_live_may_have_to_wait_an_hour() -> None:
    model = schema(time_to_live="expires")
    seen = [found(model), found(model), ttl("until")]
    refusal = ServiceError("modified multiple times within a fixed interval", code="ValidationException")
    plan = plan_of(model, live(model), expires="until")
    calls, left = play(ApplyTables(plan), [*seen, *seen, {}, refusal, found(model), ttl(None)])
    assert [call.request["TimeToLiveSpecification"] for call in changes(calls)] == [
        {"Enabled": False, "AttributeName": "until"},
        {"Enabled": True, "AttributeName": "expires"},
    ]
    assert [str(change) for change in left.changes] == ["test-orders: the time to live is off, and becomes expires"]


@pytest.mark.parametrize(
    ("argument", "names"),
    [
        ("drop_indexes", ("test-orders/other",)),
        ("drop_indexes", ("by_amount",)),
        ("drop_indexes", "test-orders/by_amount"),
        ("drop_tables", ("test-orders",)),
    ],
)
def test_names_that_the_plan_does_not_know_are_refused(argument: str, names: Any) -> None:
    plan = plan_of(schema(), live(schema(indexes=by("by_amount", AMOUNT))))
    given: Any = {argument: tuple(names)}
    with pytest.raises(InvalidOperation, match=f"{argument} names"):
        play(ApplyTables(plan, **given), [])


def test_a_table_that_changed_in_another_way_is_left_alone() -> None:
    wanted = schema(indexes=by("by_amount", AMOUNT))
    plan = plan_of(wanted, live(schema()))
    now = found(schema(indexes=by("by_amount", NARROW)))
    with pytest.raises(
        InvalidOperation, match=r"changed since the plan was made, so plan again: test-orders/by_amount"
    ):
        play(ApplyTables(plan), [now, now])


def test_what_was_done_meanwhile_is_skipped() -> None:
    wanted = schema(indexes=by("by_amount", AMOUNT))
    plan = plan_of(wanted, live(schema()))
    calls, left = play(ApplyTables(plan), [found(wanted)] * 4)
    assert changes(calls) == []
    assert left.is_empty


def test_waits_are_as_long_as_asked_for() -> None:
    plan = plan_of(schema(), live(schema()))
    with pytest.raises(DeadlineExceeded, match="not settled after 1 seconds"):
        play(ApplyTables(plan, polls=2), [found(schema(), status="UPDATING")] * 2)


# Ensuring


def test_only_what_is_missing_is_created() -> None:
    user = schema("User", "users", time_to_live="expires")
    calls, _ = play(EnsureTables((schema(), user)), [found(schema()), GONE, {}, found(user), {}])
    assert [call.operation for call in changes(calls)] == ["CreateTable", "UpdateTimeToLive"]
    assert changes(calls)[0].request["TableName"] == "test-users"


@pytest.mark.parametrize(
    "there", [schema(key=Key((s("customer"),), (s("number"),))), schema(), schema(indexes=by("by_amount", NARROW))]
)
def test_a_table_that_does_not_fit_is_an_error_before_anything_is_created(there: Schema) -> None:
    wanted = schema(indexes=by("by_amount", AMOUNT))
    with pytest.raises(InvalidOperation, match=r"Order\.ensure_tables: the table does not fit its models"):
        play(EnsureTables((schema("User", "users"), wanted)), [GONE, found(there)])


def test_what_more_a_table_has_fits() -> None:
    there = schema(indexes=by("by_amount", AMOUNT))
    calls, _ = play(EnsureTables((schema(),)), [found(there)])
    assert changes(calls) == []


def test_a_table_that_another_process_creates_first_is_waited_for_and_checked() -> None:
    answers = [GONE, TableInUse("exists"), found(schema(), status="CREATING"), found(schema()), found(schema())]
    calls, _ = play(EnsureTables((schema(),)), answers)
    assert len(changes(calls)) == 1
    wrong = found(schema(key=Key((n("customer"),))))
    with pytest.raises(InvalidOperation, match="does not fit"):
        play(EnsureTables((schema(),)), [GONE, TableInUse("exists"), wrong, wrong])


def test_a_table_that_is_being_deleted_is_created_again() -> None:
    calls, _ = play(EnsureTables((schema(),)), [found(schema(), status="DELETING"), GONE, {}, found(schema())])
    assert [call.operation for call in changes(calls)] == ["CreateTable"]


def test_every_operation_can_be_looked_at() -> None:
    plan = plan_of(schema(), live(schema()))
    described_first = DescribeTable(schema()), PlanTables((schema(),)), EnsureTables((schema(),)), ApplyTables(plan)
    for operation in described_first:
        assert operation.first_call(SCOPE) == Call(
            "DescribeTable", {"TableName": "test-orders"}, (Target("test-orders"),)
        )
