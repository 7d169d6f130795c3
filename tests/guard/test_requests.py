"""What a tenant may send, and the crossings that are planted in it, operation by operation."""

from __future__ import annotations

import base64
import json
from copy import deepcopy
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from dynamorm_py import TenantViolation
from dynamorm_py.guard import Bearer, Guard, GuardedTable
from tests.guard.owned import (
    BATCH_GET,
    BATCH_WRITE,
    DELETE,
    GET,
    INDEX_QUERY,
    NATIVE_QUERY,
    NOTES,
    ORDERS,
    OWN,
    PUT,
    QUERY,
    TABLES,
    TRANSACT_GET,
    TRANSACT_WRITE,
    UPDATE,
    Request,
    changed,
    guard,
    item,
    key,
    member,
    token,
)

SERVICE: Any = botocore.session.get_session().get_service_model("dynamodb")


def refused(operation: str, request: Request, match: str | None = None) -> None:
    with pytest.raises(TenantViolation, match=match):
        guard().check(operation, request)


def passes(operation: str, request: Request) -> None:
    before = deepcopy(request)
    guard().check(operation, request)
    assert request == before


@pytest.mark.parametrize("name", OWN)
def test_own_requests_pass_and_are_requests(name: str) -> None:
    operation, request = OWN[name]
    passes(operation, request)
    report = ParamValidator().validate(request, SERVICE.operation_model(operation).input_shape)
    assert not report.has_errors(), report.generate_report()


@pytest.mark.parametrize("name", OWN)
def test_requests_pass_as_they_are_parsed_from_what_is_sent(name: str) -> None:
    operation, request = OWN[name]
    passes(operation, json.loads(json.dumps(request, default=lambda raw: base64.b64encode(raw).decode())))


@pytest.mark.parametrize("name", OWN)
def test_own_requests_are_foreign_to_everybody_else(name: str) -> None:
    for tenant in ("acme2", "acm", "ACME", "globex", "acme.", "a"):
        with pytest.raises(TenantViolation):
            guard(tenant).check(*OWN[name])


@pytest.mark.parametrize(
    "operation", sorted(set(SERVICE.operation_names) - {operation for operation, _ in OWN.values()} | {"SearchVectors"})
)
def test_other_operations_are_refused(operation: str) -> None:
    refused(operation, {"TableName": "test_orders"}, "not among the operations")


@pytest.mark.parametrize("operation", ["getItem", "get_item", "", "GetItem ", "DynamoDB_20120810.GetItem"])
def test_operations_have_one_name(operation: str) -> None:
    refused(operation, GET)


LEGACY = [
    "AttributeUpdates",
    "AttributesToGet",
    "ConditionalOperator",
    "Expected",
    "KeyConditions",
    "QueryFilter",
    "ScanFilter",
]


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("extra", [*LEGACY, "New", "tablename", "Segment", ""])
def test_legacy_and_unknown_members_are_refused(name: str, extra: str) -> None:
    operation, request = OWN[name]
    refused(operation, {**request, extra: {}}, "does not pass")


@pytest.mark.parametrize("name", OWN)
def test_all_members_of_the_service_are_known_or_legacy(name: str) -> None:
    # Where the service grows one, this names it; until then requests with it are refused.
    operation, request = OWN[name]
    shape = SERVICE.operation_model(operation).input_shape
    for extra, each in shape.members.items():
        if extra in LEGACY or extra in request or extra in ("IndexName", "ExclusiveStartKey"):
            continue
        value = {"boolean": True, "integer": 1, "map": {}, "list": []}.get(each.type_name, "NONE")
        if extra.endswith("Expression"):
            value = "SET x = :x" if extra.startswith("Update") else "tenant_id, pk, sk, customer_pk, customer_sk"
            if not extra.startswith(("Update", "Projection")):
                value = "attribute_exists(x)"
            if name == "query of a multi-attribute key":
                value += ", account, region, city, day" if extra.startswith("Projection") else ""
        passes(operation, {**request, extra: value})


@pytest.mark.parametrize(
    ("operation", "request_", "path"),
    [
        ("BatchGetItem", BATCH_GET, ("RequestItems", "test_orders", "AttributesToGet")),
        ("BatchWriteItem", BATCH_WRITE, ("RequestItems", "test_orders", 0, "PutRequest", "ConditionExpression")),
        ("BatchWriteItem", BATCH_WRITE, ("RequestItems", "test_orders", 1, "DeleteRequest", "Item")),
        ("BatchWriteItem", BATCH_WRITE, ("RequestItems", "test_orders", 0, "DeleteRequest")),
        ("TransactGetItems", TRANSACT_GET, ("TransactItems", 0, "Get", "ConsistentRead")),
        ("TransactGetItems", TRANSACT_GET, ("TransactItems", 0, "Put")),
        ("TransactWriteItems", TRANSACT_WRITE, ("TransactItems", 0, "Delete")),
        ("TransactWriteItems", TRANSACT_WRITE, ("TransactItems", 0, "Put", "ReturnValues")),
        ("TransactWriteItems", TRANSACT_WRITE, ("TransactItems", 2, "ConditionCheck", "UpdateExpression")),
        ("TransactWriteItems", TRANSACT_WRITE, ("TransactItems", 3, "Delete", "Expected")),
    ],
)
def test_entries_have_their_own_members_and_no_more(operation: str, request_: Request, path: tuple[Any, ...]) -> None:
    refused(operation, changed(request_, *path, to={}))


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("BatchGetItem", {"RequestItems": {}}),
        ("BatchGetItem", {}),
        ("BatchGetItem", {"RequestItems": {"test_orders": {"Keys": []}}}),
        ("BatchGetItem", {"RequestItems": {"test_orders": {}}}),
        ("BatchGetItem", {"RequestItems": {"test_orders": None}}),
        ("BatchGetItem", {"RequestItems": [{"test_orders": {"Keys": [key()]}}]}),
        ("BatchWriteItem", {"RequestItems": {"test_orders": []}}),
        ("BatchWriteItem", {"RequestItems": {"test_orders": [{}]}}),
        ("BatchWriteItem", {"RequestItems": {"test_orders": [{"UpdateRequest": {"Key": key()}}]}}),
        ("BatchWriteItem", {"RequestItems": {"test_orders": {"PutRequest": {"Item": item()}}}}),
        ("TransactGetItems", {"TransactItems": []}),
        ("TransactGetItems", {}),
        ("TransactGetItems", {"TransactItems": [{}]}),
        ("TransactGetItems", {"TransactItems": [[]]}),
        ("TransactWriteItems", {"TransactItems": [], "ClientRequestToken": token()}),
        ("TransactWriteItems", {"TransactItems": [{"Get": member(GET)}], "ClientRequestToken": token()}),
        ("TransactWriteItems", {"TransactItems": ["Put"], "ClientRequestToken": token()}),
        ("GetItem", {}),
        ("Query", {}),
        ("PutItem", {}),
    ],
)
def test_empty_and_shapeless_requests_are_refused(operation: str, request_: Request) -> None:
    refused(operation, request_)


@pytest.mark.parametrize("name", OWN)
def test_no_member_is_null(name: str) -> None:
    # DynamoDB takes null for absent: what was checked as one thing would be read as another.
    operation, request = OWN[name]
    for each in request:
        refused(operation, {**request, each: None})


@pytest.mark.parametrize(
    "table",
    [
        "arn:aws:dynamodb:eu-west-1:123456789012:table/test_orders",
        "Test_orders",
        "test_orders ",
        "orders",
        "test_other",
        "test_ordеrs",  # noqa: RUF001 - a Cyrillic letter
        None,
        5,
    ],
)
def test_only_registered_tables_by_their_exact_names(table: Any) -> None:
    for operation, request in (("GetItem", GET), ("Query", QUERY), ("PutItem", PUT), ("UpdateItem", UPDATE)):
        refused(operation, {**request, "TableName": table})
    refused("BatchGetItem", {"RequestItems": {table: {"Keys": [key()]}}})
    refused("BatchWriteItem", {"RequestItems": {table: [{"PutRequest": {"Item": item()}}]}})
    refused("TransactGetItems", {"TransactItems": [{"Get": {"TableName": table, "Key": key()}}]})
    for position in range(4):
        (kind,) = TRANSACT_WRITE["TransactItems"][position]
        refused("TransactWriteItems", changed(TRANSACT_WRITE, "TransactItems", position, kind, "TableName", to=table))


@pytest.mark.parametrize("index", ["By_customer", "other", "", "test_orders", None, 3])
def test_only_declared_indexes(index: Any) -> None:
    refused("Query", {**INDEX_QUERY, "IndexName": index})


def test_a_lookup_that_answers_with_another_table_is_not_believed() -> None:
    with pytest.raises(TenantViolation, match="no model"):
        Guard("acme", lambda name: TABLES["test_orders"]).check("GetItem", {**GET, "TableName": "test_other"})


def test_a_table_that_is_neither_shared_nor_a_tenants_is_refused() -> None:
    bare = GuardedTable("bare", ("id",), None, {}, None, frozenset({"id"}))
    with pytest.raises(TenantViolation, match="neither shared"):
        Guard("acme", {"bare": bare}.get).check("GetItem", {"TableName": "bare", "Key": {"id": {"S": "acme"}}})


def test_a_table_is_known_with_what_was_learnt_of_it_since() -> None:
    first = GuardedTable("t", ("pk",), Bearer("pk", "", False), {}, None, frozenset({"pk"}))
    by_other = Bearer("other", "", False)
    second = GuardedTable("t", ("pk",), first.partition, {"by": (by_other, ("other",))}, None, frozenset({"pk"}))
    tables = {"t": first}
    watching = Guard("acme", tables.get)
    put = {"TableName": "t", "Item": {"pk": {"S": "acme"}, "other": {"S": "globex"}}}
    watching.check("PutItem", put)
    tables["t"] = second
    with pytest.raises(TenantViolation, match="other"):
        watching.check("PutItem", put)


SHARED: Request = {"TableName": "test_plans", "Key": {"plan": {"S": "globex"}}}


def test_shared_tables_are_read() -> None:
    passes("GetItem", SHARED)
    passes("GetItem", {**SHARED, "ProjectionExpression": "price"})
    query = {
        "TableName": "test_plans",
        "IndexName": "by_price",
        "KeyConditionExpression": "price = :p",
        "ExpressionAttributeValues": {":p": {"N": "1"}},
        "ExclusiveStartKey": {"plan": {"S": "x"}, "price": {"N": "1"}},
    }
    passes("Query", query)
    refused("Query", {**query, "KeyConditionExpression": "price = "}, "does not understand")


def test_shared_tables_are_not_written() -> None:
    entry = {"plan": {"S": "free"}}
    refused("PutItem", {"TableName": "test_plans", "Item": entry}, "only read")
    refused("UpdateItem", {**SHARED, "UpdateExpression": "REMOVE x"}, "only read")
    refused("DeleteItem", SHARED, "only read")
    refused("BatchWriteItem", {"RequestItems": {"test_plans": [{"PutRequest": {"Item": entry}}]}}, "only read")
    refused("BatchWriteItem", {"RequestItems": {"test_plans": [{"DeleteRequest": {"Key": entry}}]}}, "only read")
    for kind, member_ in (
        ("Put", {"TableName": "test_plans", "Item": entry}),
        ("Update", {**SHARED, "UpdateExpression": "REMOVE x"}),
        ("Delete", SHARED),
    ):
        request = {"TransactItems": [{kind: member_}], "ClientRequestToken": token()}
        refused("TransactWriteItems", request, "only read")


FOREIGN_TEXTS = [
    "TENANT#globex#ORDER",
    "TENANT#acme2#ORDER",
    "TENANT#acme2",
    "TENANT#acm#ORDER",
    "TENANT#ACME#ORDER",
    "tenant#acme#ORDER",
    "TENANT#acme$23ORDER",
    "TENANT#acme ",
    "TENANT#acmе#ORDER",  # noqa: RUF001 - a Cyrillic letter
    "TENANT#acme\u200b#ORDER",
    "TENANT#acme\uff03ORDER",
    "TENANT##acme#ORDER",
    " TENANT#acme#ORDER",
    "acme#ORDER",
    "acme",
    "TENANT#",
    "TENANT",
    "",
    "X#TENANT#acme#ORDER",
]
FOREIGN: list[Any] = [
    *({"S": text} for text in FOREIGN_TEXTS),
    {"N": "1"},
    {"B": b"TENANT#acme#ORDER"},
    {"NULL": True},
    {"BOOL": True},
    {"SS": ["TENANT#acme#ORDER"]},
    {"L": [{"S": "TENANT#acme#ORDER"}]},
    {"M": {"S": {"S": "TENANT#acme#ORDER"}}},
    {"S": "TENANT#acme#ORDER", "B": b"x"},
    {"S": "TENANT#acme#ORDER", "NULL": None},
    {"S": ["TENANT#acme#ORDER"]},
    {"S": None},
    {},
    None,
    "TENANT#acme#ORDER",
]


@pytest.mark.parametrize("value", FOREIGN, ids=repr)
def test_foreign_partition_keys_are_refused(value: Any) -> None:
    theirs = {**key(), "pk": value}
    for operation, request in (("GetItem", GET), ("UpdateItem", UPDATE), ("DeleteItem", DELETE)):
        refused(operation, {**request, "Key": theirs})
    refused("PutItem", changed(PUT, "Item", "pk", to=value))
    refused("BatchGetItem", changed(BATCH_GET, "RequestItems", "test_orders", "Keys", 1, to=theirs))
    refused("TransactGetItems", changed(TRANSACT_GET, "TransactItems", 0, "Get", "Key", to=theirs))
    entry = ("RequestItems", "test_orders")
    refused("BatchWriteItem", changed(BATCH_WRITE, *entry, 0, "PutRequest", "Item", "pk", to=value))
    refused("BatchWriteItem", changed(BATCH_WRITE, *entry, 1, "DeleteRequest", "Key", "pk", to=value))
    for position, kind in ((1, "Update"), (2, "ConditionCheck"), (3, "Delete")):
        refused("TransactWriteItems", changed(TRANSACT_WRITE, "TransactItems", position, kind, "Key", to=theirs))
    refused("TransactWriteItems", changed(TRANSACT_WRITE, "TransactItems", 0, "Put", "Item", "pk", to=value))
    refused("Query", changed(QUERY, "ExpressionAttributeValues", ":v0", to=value))
    refused("Query", changed(QUERY, "ExclusiveStartKey", "pk", to=value))
    refused("Query", changed(INDEX_QUERY, "ExclusiveStartKey", "pk", to=value))
    refused("Query", changed(INDEX_QUERY, "ExclusiveStartKey", "customer_pk", to=value))
    refused("Query", changed(INDEX_QUERY, "ExpressionAttributeValues", ":v0", to=value))
    refused("PutItem", changed(PUT, "Item", "customer_pk", to=value))
    refused("UpdateItem", changed(UPDATE, "ExpressionAttributeValues", ":v0", to=value))


@pytest.mark.parametrize("text", ["TENANT#acme", "TENANT#acme#", "TENANT#acme#x", "TENANT#acme#globex#TENANT#globex"])
def test_own_partition_keys_pass(text: str) -> None:
    passes("GetItem", changed(GET, "Key", "pk", to={"S": text}))


@pytest.mark.parametrize("text", ["globex", "acme2", "acme#x", "acme#", "ACME", "acme ", "TENANT#acme", ""])
def test_native_keys_are_the_id_and_nothing_else(text: str) -> None:
    own = {"TableName": "test_notes", "Key": {"tenant_id": {"S": "acme"}, "note_id": {"N": "1"}}}
    passes("GetItem", own)
    refused("GetItem", changed(own, "Key", "tenant_id", to={"S": text}))
    passes("Query", NATIVE_QUERY)
    refused("Query", changed(NATIVE_QUERY, "ExpressionAttributeValues", ":account", to={"S": text}))


def test_a_tenant_that_is_called_like_the_prefix() -> None:
    table = GuardedTable("t", ("pk",), Bearer("pk", "T#", whole=False), {}, None, frozenset({"pk"}))
    watching = Guard("T", {"t": table}.get)
    watching.check("GetItem", {"TableName": "t", "Key": {"pk": {"S": "T#T#ORDER"}}})
    for text in ("T#acme#ORDER", "T#TT", "T#", "T"):
        with pytest.raises(TenantViolation):
            watching.check("GetItem", {"TableName": "t", "Key": {"pk": {"S": text}}})


@pytest.mark.parametrize("names", [{"pk"}, {"sk"}, set(), {"pk", "sk", "tenant_id"}, {"pk", "SK"}])
def test_a_key_has_exactly_its_attributes(names: set[str]) -> None:
    odd = {name: item().get(name, {"S": "x"}) for name in names}
    for operation, request in (("GetItem", GET), ("UpdateItem", UPDATE), ("DeleteItem", DELETE)):
        refused(operation, {**request, "Key": odd}, "exactly")
    refused("Query", {**QUERY, "ExclusiveStartKey": odd}, "exactly")
    refused("Query", {**INDEX_QUERY, "ExclusiveStartKey": odd}, "exactly")


@pytest.mark.parametrize("tenant", ["", "acme#x", "a$", "a b", "acmé", "a\n", "x" * 257, "a*", "${a}", "a?"])
def test_what_is_no_id_has_no_guard(tenant: str) -> None:
    with pytest.raises(TenantViolation, match="letters"):
        guard(tenant)


@pytest.mark.parametrize(
    ("expression", "enough"),
    [
        ("pk, sk", True),
        ("sk,total , pk,tags[0].x", True),
        ("#a, #b", True),
        ("pk", False),
        ("sk, total", False),
        ("pk, sk.x", False),
        ("pk[0], sk", False),
        ("PK, sk", False),
        ("#b, #c", False),
        ("#d, sk", False),
        ("pk, sk,", False),
        ("(pk), sk", False),
        ("", False),
    ],
)
def test_projections_hold_the_key(expression: str, enough: bool) -> None:
    names = {"#a": "pk", "#b": "sk", "#c": "pk.x"}
    projection = {"ProjectionExpression": expression, "ExpressionAttributeNames": names}
    judge = passes if enough else refused
    judge("GetItem", {**GET, **projection})
    judge("BatchGetItem", changed(BATCH_GET, "RequestItems", "test_orders", to={"Keys": [key()], **projection}))
    get = {"TableName": "test_orders", "Key": key(), **projection}
    judge("TransactGetItems", {"TransactItems": [{"Get": get}]})
    query = {**QUERY, **projection, "KeyConditionExpression": "pk = :v0", "FilterExpression": "total > :v3"}
    judge("Query", query)


def test_projections_of_an_index_hold_its_key_too() -> None:
    request = {**INDEX_QUERY, "Select": "SPECIFIC_ATTRIBUTES"}
    passes("Query", {**request, "ProjectionExpression": "pk, sk, customer_pk, customer_sk"})
    refused("Query", {**request, "ProjectionExpression": "pk, sk, total"}, "customer_pk")
    refused("Query", {**request, "ProjectionExpression": "customer_pk, customer_sk"}, "projection")


OTHERS = {":own": {"S": "TENANT#acme"}, ":theirs": {"S": "TENANT#globex"}, ":x": {"S": "x"}, ":l": {"L": []}}


def queried(expression: str, **names: str) -> Request:
    aliases = {f"#{alias}": name for alias, name in names.items()}
    return {
        "TableName": "test_orders",
        "KeyConditionExpression": expression,
        "ExpressionAttributeNames": aliases,
        "ExpressionAttributeValues": OTHERS,
    }


@pytest.mark.parametrize(
    "expression",
    [
        "pk = :own",
        "pk=:own",
        "(pk = :own)",
        "pk = :own AND sk = :x",
        "begins_with(sk, :x) AND pk = :own",
        "(pk = :own) and (sk < :x)",
        "pk = :own AND sk BETWEEN :x AND :x",
        "#p = :own And #s >= :x",
        "\tpk\r\n= :own ",
    ],
)
def test_key_conditions_that_fix_the_tenant_pass(expression: str) -> None:
    passes("Query", queried(expression, p="pk", s="sk"))


@pytest.mark.parametrize(
    "expression",
    [
        "pk = :theirs",
        "sk = :own",
        "sk = :x",
        "customer_pk = :own",
        "pk = :own OR pk = :theirs",
        "pk = :own or sk = :x",
        "(pk = :own OR sk = :x)",
        "NOT pk = :own",
        "pk = :own AND NOT sk = :x",
        "not pk = :theirs",
        "pk <> :own",
        "pk < :own",
        "pk >= :own",
        "pk BETWEEN :own AND :own",
        "pk IN (:own)",
        "pk IN (:own, :theirs)",
        "begins_with(pk, :own)",
        "contains(pk, :own)",
        "attribute_exists(pk)",
        "pk = :own AND pk = :theirs",
        "pk = :own AND pk = :own",
        "pk = :theirs AND pk = :own",
        "pk = :own AND begins_with(pk, :x)",
        "pk = :own AND #p = :theirs",
        "#q = :own AND #p = :theirs",
        "#p = :theirs",
        ":own = pk",
        "pk = pk",
        "pk = sk",
        "pk = :own AND sk = pk",
        "size(pk) = :own",
        "pk.x = :own",
        "pk[0] = :own",
        "#p.#s = :own",
        "PK = :own",
        "#missing = :own",
        "pk = :missing",
        "pk = :own AND sk = :missing",
        "pk = :own AND",
        "pk = :own sk = :x",
        "pk = :own; sk = :x",
        "pk = :own -- AND sk = :x",
        "pk == :own",
        "pk = (:own)",
        "(pk = :own",
        "pk = :own)",
        "pk\u00a0= :own",
        "pk\u2003=\u2003:own",
        "pk\x0b= :own",
        "pk\x00 = :own",
        "рk = :own",  # noqa: RUF001 - a Cyrillic letter
        "pk \uff1d :own",
        "`pk` = :own",
        '"pk" = :own',
        "pk = 'TENANT#acme'",
        "pk = TENANT",
        "and = :own",
        "#and#p = :own",
        "pk = :ownAND sk = :x",
        "",
        " ",
        "(" * 3000,
        "NOT " * 1000 + "pk = :own",
        "pk = :own" + " " * 5000,
    ],
)
def test_key_conditions_that_do_not_are_refused(expression: str) -> None:
    refused("Query", queried(expression, p="pk", q="pk", s="sk"))


def test_an_alias_means_what_it_is_defined_as() -> None:
    refused("Query", queried("#pk = :own AND #sk = :theirs", pk="sk", sk="pk"), "not of the tenant")
    refused("Query", {**queried("#p = :own"), "ExpressionAttributeNames": {"#p": ["pk"]}}, "does not define")


def test_an_index_is_queried_by_its_own_key() -> None:
    refused("Query", {**INDEX_QUERY, **queried("pk = :own"), "IndexName": "by_customer"}, "customer_pk")
    refused("Query", {**queried("customer_pk = :own"), "IndexName": "by_date"}, "pk")
    passes("Query", {**queried("pk = :own AND placed_at > :x"), "IndexName": "by_date"})


def test_only_the_first_attribute_of_a_multi_attribute_key_is_the_tenants() -> None:
    refused("Query", {**NATIVE_QUERY, "KeyConditionExpression": "region = :account AND account = :region"})
    refused("Query", {**NATIVE_QUERY, "KeyConditionExpression": "region = :region AND city = :city"})
    own = {**key(), "account": {"S": "acme"}, "region": {"S": "r"}, "city": {"S": "c"}, "day": {"N": "1"}}
    passes("Query", {**NATIVE_QUERY, "ExclusiveStartKey": own})
    refused("Query", changed({**NATIVE_QUERY, "ExclusiveStartKey": own}, "ExclusiveStartKey", "account", to={"S": "b"}))


def test_a_query_has_a_key_condition() -> None:
    refused("Query", {name: value for name, value in QUERY.items() if name != "KeyConditionExpression"}, "has no")


@pytest.mark.parametrize("expression", ["total > :v3 OR", "total ~ :v3", "#missing = :v3", "total = :missing", ""])
def test_filters_and_conditions_have_to_be_understood(expression: str) -> None:
    refused("Query", {**QUERY, "FilterExpression": expression})
    refused("PutItem", {**PUT, "ConditionExpression": expression})
    refused("UpdateItem", {**UPDATE, "ConditionExpression": expression})
    refused("DeleteItem", {**DELETE, "ConditionExpression": expression})
    check = ("TransactItems", 2, "ConditionCheck", "ConditionExpression")
    refused("TransactWriteItems", changed(TRANSACT_WRITE, *check, to=expression))


def test_an_item_names_its_tenant() -> None:
    without = {name: value for name, value in item().items() if name != "tenant_id"}
    refused("PutItem", {**PUT, "Item": without}, "tenant_id")
    for value in ({"S": "globex"}, {"S": "acme#"}, {"S": "TENANT#acme"}, {"N": "1"}, {"NULL": True}):
        refused("PutItem", changed(PUT, "Item", "tenant_id", to=value), "tenant_id")


def test_index_keys_may_be_absent() -> None:
    passes("PutItem", {**PUT, "Item": {**key(), "tenant_id": {"S": "acme"}}})


def test_a_native_item_needs_no_more_than_its_key() -> None:
    passes("PutItem", {"TableName": NOTES.name, "Item": {"tenant_id": {"S": "acme"}, "note_id": {"N": "1"}}})


SENTINEL = "$unique#Order#emails#a"
BINARY = base64.b64encode(SENTINEL.encode()).decode()


@pytest.mark.parametrize(
    ("table", "keys", "is_one"),
    [
        (NOTES, ({"S": "acme"}, {"S": SENTINEL}), True),
        (NOTES, ({"S": "acme"}, {"B": SENTINEL.encode()}), True),
        (NOTES, ({"S": "acme"}, {"B": BINARY}), True),
        (NOTES, ({"S": "acme"}, {"S": "$unique"}), False),
        (NOTES, ({"S": "acme"}, {"S": f"x{SENTINEL}"}), False),
        (NOTES, ({"S": "acme"}, {"S": BINARY}), False),
        (NOTES, ({"S": "acme"}, {"B": "é"}), False),
        (NOTES, ({"S": "acme"}, {"N": "1"}), False),
        (NOTES, ({"S": "acme"}, {"S": SENTINEL, "B": BINARY}), False),
        (NOTES, ({"S": "acme"}, None), False),
        (NOTES, ({"S": "globex"}, {"S": SENTINEL}), False),
        (ORDERS, ({"S": f"TENANT#acme#{SENTINEL}"}, {"S": "$unique"}), True),
        (ORDERS, ({"S": f"TENANT#globex#{SENTINEL}"}, {"S": "$unique"}), False),
        (ORDERS, ({"S": f"TENANT#acme2#{SENTINEL}"}, {"S": "$unique"}), False),
        (ORDERS, ({"S": SENTINEL}, {"S": "$unique"}), False),
        (ORDERS, ({"S": "TENANT#acme#ORDER"}, {"S": SENTINEL}), False),
        (ORDERS, ({"S": f"TENANT#acme#ORDER#{SENTINEL}"}, {"S": SENTINEL}), False),
        (ORDERS, ({"S": "TENANT#acme"}, {"S": SENTINEL}), False),
    ],
)
def test_only_sentinels_name_an_owner(table: GuardedTable, keys: tuple[Any, Any], is_one: bool) -> None:
    marked = {**dict(zip(table.key, keys, strict=True)), "$owner": {"M": {"pk": {"S": "TENANT#globex#ORDER"}}}}
    marked.setdefault("tenant_id", {"S": "acme"})
    check = passes if is_one else refused
    check("PutItem", {"TableName": table.name, "Item": marked})
    check("BatchWriteItem", {"RequestItems": {table.name: [{"PutRequest": {"Item": marked}}]}})
    entry: Request = {"Put": {"TableName": table.name, "Item": marked}}
    check("TransactWriteItems", {"TransactItems": [entry], "ClientRequestToken": token()})


@pytest.mark.parametrize("returned", ["UPDATED_OLD", "UPDATED_NEW", "all_old", "SOMETHING", ""])
def test_what_returns_without_its_key_is_refused(returned: str) -> None:
    for operation, request in (("PutItem", PUT), ("UpdateItem", UPDATE), ("DeleteItem", DELETE)):
        refused(operation, {**request, "ReturnValues": returned}, "ReturnValues")


def updated(expression: str, value: Any = None, **names: str) -> Request:
    request: Request = {"TableName": "test_orders", "Key": key(), "UpdateExpression": expression}
    aliases = {f"#{alias}": name for alias, name in names.items()}
    values = {":own": {"S": "TENANT#acme#C"}, ":id": {"S": "acme"}, ":n": {"N": "1"}, ":v": value or {"S": "globex"}}
    return {**request, "ExpressionAttributeNames": aliases, "ExpressionAttributeValues": values}


@pytest.mark.parametrize(
    "expression",
    [
        "SET customer_pk = :own",
        "SET total = :n, customer_pk=:own",
        "SET account = :id",
        "SET tenant_id = :id",
        "REMOVE customer_pk, account",
        "remove #i set total = total - :n",
        "SET customer_sk = :v",
        "SET region = :v REMOVE city",
        "SET total = customer_pk",
        "SET total = if_not_exists(pk, customer_pk)",
        "SET l = list_append(if_not_exists(l, :v), customer_pk)",
        "SET a.pk = :v, b.customer_pk = :v, c[0].tenant_id = :v",
        "ADD total :n DELETE tags :v",
    ],
)
def test_updates_that_leave_the_item_with_its_tenant_pass(expression: str) -> None:
    passes("UpdateItem", updated(expression, i="customer_pk"))


@pytest.mark.parametrize(
    "expression",
    [
        "SET pk = :own",
        "SET sk = :v",
        "REMOVE pk",
        "REMOVE sk",
        "ADD sk :n",
        "DELETE pk :v",
        "SET pk.x = :v",
        "SET #p = :own",
        "SET customer_pk = :v",
        "SET customer_pk = :id",
        "SET account = :own",
        "SET total = :n, customer_pk = :v",
        "SET total = :n REMOVE x SET customer_pk = :own",
        "SET customer_pk = other",
        "SET customer_pk = other.path",
        "SET customer_pk = customer_pk",
        "SET customer_pk = #o",
        "SET customer_pk = if_not_exists(customer_pk, :own)",
        "SET customer_pk = if_not_exists(other, :own)",
        "SET customer_pk = :own + :own",
        "SET customer_pk = :own - other",
        "SET customer_pk = list_append(:own, :own)",
        "SET customer_pk.x = :own",
        "SET customer_pk[0] = :own",
        "REMOVE customer_pk.x",
        "ADD customer_pk :own",
        "ADD customer_pk :n",
        "DELETE customer_pk :own",
        "SET #i = :v",
        "SET #i.#o = :own",
        "SET #s = :v",
        "SET #s.x = :v",
        "SET total = :n REMOVE #s",
        "ADD #s :n",
        "SET tenant_id = :v",
        "SET tenant_id = :own",
        "SET tenant_id = other",
        "SET tenant_id = if_not_exists(tenant_id, :id)",
        "SET tenant_id.x = :id",
        "REMOVE tenant_id",
        "ADD tenant_id :n",
        "SET #missing = :own",
        "SET total = :missing",
        "SET total = :n SET x = :n",
        "SET total = :n,",
        "SET total",
        "SET (customer_pk) = :own",
        "SET total = (:n)",
        "SET total = :n + :n + :n",
        "SET total = if_not_exists(total)",
        "SET total = IF_NOT_EXISTS(total, :n)",
        "SET total = size(total)",
        "SET total = :nREMOVE customer_pk",
        "REMOVE",
        "REMOVE total customer_pk",
        "ADD total = :n",
        "ADD total other",
        "UPDATE total = :n",
        "total = :n",
        "SET customer_pk\u00a0= :own",
        "SET total = :n /* x */",
        "SET x[00] = :n",
        "SET x[-1] = :n",
        "SET _x = :n",
        "SET total = " + "list_append(" * 300,
        "SET total = " + "if_not_exists(x," * 250 + ":n" + ")" * 250,
        "",
    ],
)
def test_updates_that_might_not_are_refused(expression: str) -> None:
    request = updated(expression, p="pk", i="customer_pk", o="other", s="$owner")
    refused("UpdateItem", request)
    entry = {"TransactItems": [{"Update": request}], "ClientRequestToken": token()}
    refused("TransactWriteItems", entry)


def test_an_update_may_create_its_item() -> None:
    passes("UpdateItem", {"TableName": "test_orders", "Key": key()})


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        token("globex"),
        token("acme2"),
        token()[:35],
        token() + "0",
        token().upper(),
        "0" * 36,
        "x" + token()[1:],
    ],
)
def test_the_token_of_a_transaction_is_the_tenants(given: str | None) -> None:
    request = {name: value for name, value in TRANSACT_WRITE.items() if name != "ClientRequestToken"}
    refused("TransactWriteItems", request if given is None else {**request, "ClientRequestToken": given}, "token")


def test_messages_show_nothing_foreign() -> None:
    requests = [
        ("GetItem", {**GET, "Key": {**key(), "pk": {"S": "TENANT#secret"}}}),
        ("GetItem", {**GET, "TableName": "secret"}),
        ("Query", queried("pk = :theirs AND secret ~ :x")),
        ("UpdateItem", updated("SET customer_pk = :v", {"S": "secret"})),
        ("TransactWriteItems", {**TRANSACT_WRITE, "ClientRequestToken": "secret"}),
    ]
    for operation, request in requests:
        with pytest.raises(TenantViolation) as raised:
            guard().check(operation, request)
        assert "secret" not in str(raised.value)
