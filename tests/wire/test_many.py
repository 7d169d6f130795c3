"""The requests of batches, transactions, unique constraints and shared tables."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from dynamorm_py import (
    Attr,
    InvalidKey,
    InvalidOperation,
    Model,
    Operation,
    PrimaryKey,
    Table,
    attr,
    batch_write,
    field,
    partition_key,
    transact_get,
    transact_write,
    unique,
    version_number,
)
from dynamorm_py.core.wire import Call, Repetition, Scope
from tests.wire.compiled import SCOPE, call_of, request_of, validated
from tests.wire.models import Thing


class Plain(Model, table="plain"):
    id: Attr[str] = partition_key()


class Login(Model, table="logins"):
    login_id: Attr[str] = partition_key()
    email: Attr[str | None] = field(default=None)
    org: Attr[str] = field(default="o")
    slug: Attr[int] = field(default=1)
    version: Attr[int] = version_number()
    emails = unique("email")
    slugs = unique("org", "slug")


class Cat(Model, table="zoo"):
    name: Attr[str]
    key = PrimaryKey("CAT#{name}", "#")


class Dog(Model, table="zoo"):
    name: Attr[str]
    number: Attr[int] = field(default=1)
    key = PrimaryKey("DOG#{name}", "N#{number}")


zoo = Table("zoo", Cat, Dog, entities={Dog: "dog"})

FREE_OR_MINE = "attribute_not_exists(#n0) OR #n1 = :v0"


def conversation_of(operation: Operation[Any], scope: Scope = SCOPE) -> Call:
    """The first call of an operation when it is run, with what it adds to the operation's own request."""
    conversation: Generator[Any, Any, Any] = operation.plan.converse(scope)
    call = next(conversation)
    conversation.close()
    assert isinstance(call, Call)
    for member in call.request.get("TransactItems", ()):
        ((kind, entry),) = member.items()
        if kind != "ConditionCheck":
            validated(f"{kind}Item", entry)
    validated(call.operation, call.request)
    return call


def test_a_batch_of_writes_over_two_tables() -> None:
    operation = batch_write(Plain(id="p").put(), Thing.delete("t"), Plain.delete("q"))
    call = call_of(operation)
    assert call.operation == "BatchWriteItem"
    assert call.repetition is Repetition.HARMLESS
    assert call.request == {
        "RequestItems": {
            "plain": [{"PutRequest": {"Item": {"id": {"S": "p"}}}}, {"DeleteRequest": {"Key": {"id": {"S": "q"}}}}],
            "things": [{"DeleteRequest": {"Key": {"id": {"S": "t"}}}}],
        }
    }


def test_a_batch_of_reads_asks_for_each_key_once() -> None:
    operation = Plain.batch_get(["a", "b", "a"], consistent=True)
    assert request_of(operation) == {
        "RequestItems": {"plain": {"Keys": [{"id": {"S": "a"}}, {"id": {"S": "b"}}], "ConsistentRead": True}}
    }
    with pytest.raises(InvalidOperation, match="sends nothing"):
        request_of(Plain.batch_get([]))


def test_a_transaction_of_reads_asks_for_each_key_once() -> None:
    request = request_of(transact_get(Plain.get("a"), Thing.get("t"), Plain.get_or_raise("a", consistent=True)))
    assert request == {
        "TransactItems": [
            {"Get": {"TableName": "plain", "Key": {"id": {"S": "a"}}}},
            {"Get": {"TableName": "things", "Key": {"id": {"S": "t"}}}},
        ]
    }


def test_a_transaction_of_every_kind_of_write() -> None:
    operation = transact_write(
        Plain(id="p").put(),
        Thing.update("t", Thing.number.add(1)),
        Plain.delete("q"),
        Thing.check("u", condition=Thing.flag.is_true()),
        token="a-token",
    )
    call = conversation_of(operation)
    assert call.repetition is Repetition.HARMLESS
    assert call.request == {
        "TransactItems": [
            {"Put": {"TableName": "plain", "Item": {"id": {"S": "p"}}}},
            {
                "Update": {
                    "TableName": "things",
                    "Key": {"id": {"S": "t"}},
                    "UpdateExpression": "ADD #n0 :v0",
                    "ConditionExpression": "attribute_exists(#n1)",
                    "ExpressionAttributeNames": {"#n0": "number", "#n1": "id"},
                    "ExpressionAttributeValues": {":v0": {"N": "1"}},
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                }
            },
            {"Delete": {"TableName": "plain", "Key": {"id": {"S": "q"}}}},
            {
                "ConditionCheck": {
                    "TableName": "things",
                    "Key": {"id": {"S": "u"}},
                    "ConditionExpression": "#n0 = :v0",
                    "ExpressionAttributeNames": {"#n0": "flag"},
                    "ExpressionAttributeValues": {":v0": {"BOOL": True}},
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                }
            },
        ],
        "ClientRequestToken": "a-token",
    }
    assert operation.request == call.request


def test_a_transaction_without_a_token_gets_one_from_the_scope() -> None:
    operation = transact_write(Plain(id="p").put())
    assert "ClientRequestToken" not in operation.request
    assert conversation_of(operation).repetition is Repetition.HARMFUL
    call = conversation_of(operation, Scope(clock=SCOPE.clock, tokens=lambda: "fresh"))
    assert (call.request["ClientRequestToken"], call.repetition) == ("fresh", Repetition.HARMLESS)
    for token in ("", "x" * 37):
        with pytest.raises(InvalidOperation, match="1 to 36"):
            _ = transact_write(Plain(id="p").put(), token=token).request


def test_exactly_once_is_a_transaction_of_one() -> None:
    operation = Thing.update("t", Thing.number.add(1), exactly_once=True)
    call = conversation_of(operation, Scope(clock=SCOPE.clock, tokens=lambda: "fresh"))
    assert call.operation == "TransactWriteItems"
    assert [list(member) for member in call.request["TransactItems"]] == [["Update"]]
    assert "ReturnValues" not in call.request["TransactItems"][0]["Update"]


def test_a_create_claims_its_unique_values() -> None:
    call = conversation_of(Login(login_id="l", email="a#b").create())
    owner = {"M": {"login_id": {"S": "l"}}}
    members = call.request["TransactItems"]
    assert [list(member) for member in members] == [["Put"], ["Put"], ["Put"]]
    assert [member["Put"]["Item"].get("login_id") for member in members] == [
        {"S": "l"},
        {"S": "$unique#Login#emails#a$23b"},
        {"S": "$unique#Login#slugs#o#p5001"},
    ]
    for member in members[1:]:
        assert member["Put"]["Item"]["$owner"] == owner
        assert member["Put"]["ConditionExpression"] == FREE_OR_MINE
        assert member["Put"]["ExpressionAttributeNames"] == {"#n0": "login_id", "#n1": "$owner"}
        assert member["Put"]["ExpressionAttributeValues"] == {":v0": owner}


def test_no_item_takes_the_place_or_the_mark_of_a_sentinel() -> None:
    class Loose(Model, table="loose", extra="allow"):
        id: Attr[str] = partition_key()

    place = "$unique#Login#emails#a"
    for operation in (Login(login_id=place).create(), Login.update(place, Login.version.remove())):
        with pytest.raises(InvalidKey, match=r"login_id: \$unique# is what the keys"):
            conversation_of(operation)
    assert request_of(Loose(id=place).put())["Item"] == {"id": {"S": place}}
    marked = Loose.model_validate({"id": "l", "$owner": {"login_id": "l"}})
    for refused in (marked.put(), marked.create(), marked.save(), batch_write(marked.put())):
        with pytest.raises(InvalidOperation, match=r"\$owner marks the sentinels of unique constraints"):
            conversation_of(refused)
    with pytest.raises(InvalidOperation, match=r"\$owner is kept by the library"):
        request_of(Loose.update("l", attr("$owner").set("x")))


def test_a_change_claims_the_new_value_and_releases_the_old_one() -> None:
    stored = {
        "login_id": {"S": "l"},
        "email": {"S": "old"},
        "org": {"S": "o"},
        "slug": {"N": "1"},
        "version": {"N": "3"},
    }
    login: Login = Login.__dynamorm_mapping__.decode(stored)
    login.email = "new"
    main, claim, release = conversation_of(login.save()).request["TransactItems"]
    assert main["Update"]["ConditionExpression"] == "#n1 = :v2"
    assert claim["Put"]["Item"]["login_id"] == {"S": "$unique#Login#emails#new"}
    assert release["Delete"]["Key"] == {"login_id": {"S": "$unique#Login#emails#old"}}
    login.email = "old"
    login.slug = 2
    assert len(conversation_of(login.save()).request["TransactItems"]) == 3
    assert [list(member) for member in conversation_of(login.delete()).request["TransactItems"]] == [
        ["Delete"],
        ["Delete"],
        ["Delete"],
    ]


def test_a_write_that_touches_no_unique_field_is_no_transaction() -> None:
    stored = {"login_id": {"S": "l"}, "org": {"S": "o"}, "slug": {"N": "1"}, "version": {"N": "3"}}
    login: Login = Login.__dynamorm_mapping__.decode(stored)
    assert conversation_of(login.update(Login.email.remove())).operation == "UpdateItem"


def test_items_of_a_shared_table_name_their_model() -> None:
    assert request_of(Cat(name="c").create())["Item"] == {
        "pk": {"S": "CAT#c"},
        "sk": {"S": "#"},
        "name": {"S": "c"},
        "entity": {"S": "Cat"},
    }
    assert request_of(Dog(name="d").put())["Item"]["entity"] == {"S": "dog"}


def test_a_scan_of_one_model_leaves_the_others_out_and_a_collection_does_not() -> None:
    request = request_of(Dog.scan())
    assert request["FilterExpression"] == "attribute_not_exists(#n0) AND (attribute_not_exists(#n1) OR #n1 = :v0)"
    assert request["ExpressionAttributeNames"] == {"#n0": "$owner", "#n1": "entity"}
    assert request_of(zoo.scan())["FilterExpression"] == "attribute_not_exists(#n0)"
    with pytest.raises(Exception, match="by name"):
        zoo.query("x")
