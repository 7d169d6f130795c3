"""The guard's own grammar: it understands what the compiler writes and what DynamoDB takes, and nothing that DynamoDB
does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import assume, given
from hypothesis import strategies as st

from dynamorm_py import TenantViolation
from dynamorm_py.core.expressions import compile_condition
from dynamorm_py.core.placeholders import Placeholders
from dynamorm_py.guard.grammar import (
    NotUnderstood,
    Predicate,
    read_condition,
    read_projection,
    read_update,
)
from tests.engines.dynamodb_local import DynamoDBLocal
from tests.engines.raw_client import raw_client
from tests.guard import compiled
from tests.guard.owned import GET, QUERY, UPDATE, Request, guard
from tests.wire import grammar as second_opinion


@given(compiled.conditions())
def test_every_condition_of_the_compiler_is_understood(drawn: tuple[str, Request]) -> None:
    text, aliases = drawn
    condition = read_condition(text)
    assert set(condition.names) == set(aliases.get("ExpressionAttributeNames", {}))
    assert set(condition.values) == set(aliases.get("ExpressionAttributeValues", {}))


@given(compiled.conditions())
def test_conditions_are_understood_as_another_reader_does(drawn: tuple[str, Request]) -> None:
    text, _ = drawn
    kinds: list[str] = []
    words: set[str] = set()

    def walk(tree: Any) -> None:
        if tree[0] in ("and", "or", "not"):
            words.add(tree[0].upper())
            for term in tree[1:]:
                walk(term)
        else:
            kinds.append(tree[0])

    walk(second_opinion.parse(text))
    condition = read_condition(text)
    assert [predicate.kind.lower() for predicate in condition.predicates] == kinds
    assert condition.words == words


@given(compiled.updates())
def test_every_update_of_the_compiler_is_understood(drawn: tuple[str, Request]) -> None:
    text, aliases = drawn
    update = read_update(text)
    assert set(update.names) == set(aliases.get("ExpressionAttributeNames", {}))
    assert set(update.values) == set(aliases.get("ExpressionAttributeValues", {}))
    assert {action.clause for action in update.actions} == {word for word in text.split() if word.isalpha()} & {
        "SET",
        "REMOVE",
        "ADD",
        "DELETE",
    }


@given(compiled.projections())
def test_every_projection_of_the_compiler_is_understood(drawn: tuple[str, Request]) -> None:
    text, aliases = drawn
    projection = read_projection(text)
    assert set(projection.names) == set(aliases["ExpressionAttributeNames"])
    assert len(projection.paths) == text.count(",") + 1


def test_a_condition_as_deep_as_the_limit_lets_it_is_understood() -> None:
    text = compile_condition(compiled.nested(140), Placeholders())
    assert text.count("(") > 200
    assert len(read_condition(text).predicates) == 141


@given(compiled.conditions(), st.data())
def test_a_cut_text_is_refused_or_another_whole_one(drawn: tuple[str, Request], data: st.DataObject) -> None:
    text, _ = drawn
    cut = text[: data.draw(st.integers(0, len(text) - 1))].rstrip()
    assume(cut.count("(") != cut.count(")") or cut.endswith(("AND", "OR", "NOT", "=", "<", ">", ",", "BETWEEN", "IN")))
    with pytest.raises(NotUnderstood):
        read_condition(cut)


@given(st.text(alphabet="abSETANDORNOT#:01 =<>(),.+-[]\t\n\u00a0;'\"$", max_size=40))
def test_no_text_does_anything_else_than_being_understood_or_refused(text: str) -> None:
    for member, request in (("FilterExpression", QUERY), ("ProjectionExpression", QUERY), ("UpdateExpression", UPDATE)):
        operation = "Query" if request is QUERY else "UpdateItem"
        try:
            guard().check(operation, {**request, member: text})
        except TenantViolation as refusal:
            assert refusal.__cause__ is None  # noqa: PT017 - passing is as good as being refused


def test_what_is_read() -> None:
    condition = read_condition("#a.b[0] = :v and (NOT size(c) BETWEEN :l AND d OR contains(:v, e))")
    assert condition.predicates == (
        Predicate("=", (("#a", "b", "[0]"), ":v")),
        Predicate("BETWEEN", (None, ":l", ("d",))),
        Predicate("contains", (":v", ("e",))),
    )
    assert condition.words == {"AND", "NOT", "OR"}
    assert (condition.names, condition.values) == (("#a",), (":v", ":l"))
    update = read_update("set a = :v, b = :v + :v remove c[1].d add e :w delete #f :w")
    assert [(action.clause, action.path, action.value) for action in update.actions] == [
        ("SET", ("a",), ":v"),
        ("SET", ("b",), None),
        ("REMOVE", ("c", "[1]", "d"), None),
        ("ADD", ("e",), ":w"),
        ("DELETE", ("#f",), ":w"),
    ]
    assert read_projection("a, b . c [2]").paths == (("a",), ("b", "c", "[2]"))


def test_a_text_is_read_once() -> None:
    text = "total = :only_once"
    assert read_condition(text) is read_condition(text)


def test_get_takes_projections_alone() -> None:
    with pytest.raises(TenantViolation):
        guard().check("GetItem", {**GET, "FilterExpression": "a = :b"})


# What DynamoDB was asked about, kind by kind. The guard takes nothing that is refused there, and leaves aside what
# `NARROWER` lists: spellings that the compiler never uses.
CONDITIONS = [
    "x = :v", "x=:v", ":v = x", "x <> :v", "x <>:v", "x < > :v", "x < = :v", "x != :v", "x == :v",
    "x = :v AND y = :v", "x = :v and y = :v", "x = :v AnD y = :v", "x = :v OR y = :v", "NOT x = :v", "not not x = :v",
    "NOT (x = :v)", "NOT(x=:v)", "(x = :v)", "(x = :v or y = :v) and z = :v", "x = :v AND", "AND x = :v", "x",
    "x BETWEEN :v AND :v", "x between :v and :v", ":v BETWEEN x AND y", "x BETWEEN :v", "x IN (:v)", "x IN (:v, y)",
    "x IN ()", "x IN :v", "x not in (:v)", "size(x) = :v", "size (x) = :v", "SIZE(x) = :v", "size(:v) = x",
    "size(x) BETWEEN :v AND :v", "contains(x, :v)", "contains(:v, x)", "CONTAINS(x, :v)", "contains(x)",
    "begins_with(x, :v)", "begins_with(x, :v) = :v", "attribute_exists(x) AND x = :v", "attribute_exists(:v)",
    "x = contains(x, :v)", "x = :v = :v", "(x) = :v", "x = (:v)", "x BETWEEN (:v) AND :v", "x\t=\r\n:v", "x\x0b= :v",
    "x\x0c= :v", "x\u00a0= :v", "x\u2003= :v", "x = :v;", "x = :v -- y", "x /* */ = :v", "x.y = :v", "x . y = :v",
    "x[0] = :v", "x [ 0 ] = :v", "x[00] = :v", "x[-1] = :v", "x[a] = :v", "x.0 = :v", "x..y = :v", "_x = :v",
    "1x = :v", "x1 = :v", "x-y = :v", "x$y = :v", "\uff58 = :v", "`x` = :v", '"x" = :v', "x = 'v'", "x = 1",
    "x = :v)", "((x = :v)", "x = :vAND y = :v", "x = :v AND:v = y", "set = :v", "x = : v", "# x = :v", "",
]  # fmt: skip
UPDATES = [
    "SET x = :v", "set x = :v", "SET x=:v", "SET x = :v, y = :v", "SET x = :v,", "SET x = :v y = :v",
    "SET x = :v SET y = :v", "SET x = :v REMOVE y", "SET x=:v REMOVE y REMOVE z", "SET x = :vREMOVE y", "SET x",
    "SET x = y, z = :v", "SET (x) = :v", "SET x = (:v)", "SET x = if_not_exists(x, :v)",
    "SET x = if_not_exists (x, :v)",
    "SET x = IF_NOT_EXISTS(x, :v)", "SET x = if_not_exists(:v, :v)", "SET x = if_not_exists(x, if_not_exists(y, :v))",
    "SET x = if_not_exists(x)", "SET n = n + :v", "SET n = n+:v", "SET n = :v - n", "SET n = n + :v + :v",
    "SET n = +:v", "SET n = (n + :v)", "SET n = if_not_exists(n, :v) + :v", "SET n = if_not_exists(n, n + :v)",
    "SET x = size(:v)", "SET _x = :v", "SET x-y = :v", "SET x\u00a0= :v", "SET x = :v;", "ADD c :v", "add c :v, d :v",
    "ADD c = :v", "ADD c d", "ADD c", "REMOVE x, y ADD c :v", "REMOVE x y ADD c :v", "UPDATE x = :v", "x = :v", "",
    "SET and = :v", "SET x.and = :v", "SET x = :v AND y = :v",
]  # fmt: skip
PROJECTIONS = [
    "x", "x, y", "x,y", "x y", "x,", ",x", "(x)", "x.y[0].z", "x[0][1]", "x.1", "x[a]", "x[]", "x.", "x . y", "", "x;",
    "size(x)", ":v", "and", "x, *", "*",
]  # fmt: skip
NARROWER = {
    "(x) = :v", "x = (:v)", "x BETWEEN (:v) AND :v",
    "SET x = (:v)", "SET n = (n + :v)", "SET x = size(:v)",
}  # fmt: skip


# What DynamoDB says of a text that it cannot read. Of one that it can, it may still say that types, paths, reserved
# words or equal operands do not fit.
UNREAD = (
    "Syntax error",
    "Invalid function name",
    "can not be empty",
    "can only be used once",
    "requires a document path",
    "Incorrect number of operands",
    "not allowed to be used this way",
    "redundant parentheses",
)


@asynccontextmanager
async def table_of(engine: DynamoDBLocal) -> AsyncIterator[Any]:
    async with raw_client(engine) as client:
        await client.create_table(
            TableName="guarded_grammar",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        try:
            yield client
        finally:
            await client.delete_table(TableName="guarded_grammar")


async def understood_there(client: Any, member: str, text: str) -> bool:
    """Whether DynamoDB reads the text; what it then thinks of names, types and duplicates is another matter."""
    request: Request = {"TableName": "guarded_grammar", member: text}
    if ":v" in text and member != "ProjectionExpression":
        request["ExpressionAttributeValues"] = {":v": {"N": "1"}}
    try:
        if member == "UpdateExpression":
            await client.update_item(Key={"pk": {"S": "x"}}, **request)
        elif member == "ProjectionExpression":
            await client.get_item(Key={"pk": {"S": "x"}}, **request)
        else:
            await client.scan(**request)
    except ClientError as error:
        return not any(sign in str(error) for sign in UNREAD)
    return True


async def test_nothing_is_understood_that_dynamodb_does_not_read(dynamodb_local: DynamoDBLocal) -> None:
    wrong = []
    async with table_of(dynamodb_local) as client:
        for member, texts, read in (
            ("FilterExpression", CONDITIONS, read_condition),
            ("UpdateExpression", UPDATES, read_update),
            ("ProjectionExpression", PROJECTIONS, read_projection),
        ):
            for text in texts:
                here, there = understood(read, text), await understood_there(client, member, text)
                if here != (there and text not in NARROWER):
                    wrong.append((member, text, here, there))
    assert not wrong, wrong


def understood(read: Any, text: str) -> bool:
    try:
        read(text)
    except NotUnderstood:
        return False
    return True
