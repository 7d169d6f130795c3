"""A small reader of condition, filter and key condition expressions, and what they say of an item: a second opinion on
what the library writes. Precedence as in
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias

# ("and", left, right, …), ("or", …), ("not", term), (comparator, left, right), ("between", operand, low, high),
# ("in", operand, option, …), (function, argument, …); operands are paths and values, as their placeholders.
Tree: TypeAlias = tuple[Any, ...]

_TOKENS = re.compile(r"\s*(<>|<=|>=|[=<>(),]|[#:\w.\[\]]+)")
_COMPARE = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def parse(text: str) -> Tree:
    return _Parser(text).whole()


def selects(request: Mapping[str, Any], item: Mapping[str, Any]) -> bool:
    """Whether a Query request returns an item: its key condition holds, and its filter, if it has one."""
    texts = [request[name] for name in ("KeyConditionExpression", "FilterExpression") if name in request]
    return all(_holds(parse(text), request, item) for text in texts)


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _TOKENS.findall(text)
        assert "".join(self._tokens) == re.sub(r"\s", "", text), text

    def whole(self) -> Tree:
        tree = self._chain("OR", lambda: self._chain("AND", self._negated))
        assert not self._tokens, self._tokens
        return tree

    def _chain(self, word: str, part: Any) -> Tree:
        terms = [part()]
        while self._tokens[:1] == [word]:
            self._take(word)
            terms.append(part())
        return terms[0] if len(terms) == 1 else (word.lower(), *terms)

    def _negated(self) -> Tree:
        if self._tokens[0] == "NOT":
            self._take("NOT")
            return ("not", self._negated())
        if self._tokens[0] == "(":
            self._take("(")
            tree = self._chain("OR", lambda: self._chain("AND", self._negated))
            self._take(")")
            return tree
        return self._comparison()

    def _comparison(self) -> Tree:
        left = self._operand()
        if isinstance(left, tuple) and left[0] != "size":
            return left
        word = self._tokens.pop(0)
        if word == "BETWEEN":
            low = self._operand()
            self._take("AND")
            return ("between", left, low, self._operand())
        if word == "IN":
            return ("in", left, *self._arguments())
        assert word in _COMPARE, word
        return (word, left, self._operand())

    def _operand(self) -> Any:  # a placeholder, a path of them, or a function's tree
        word = self._tokens.pop(0)
        return (word, *self._arguments()) if self._tokens[:1] == ["("] else word

    def _arguments(self) -> list[Any]:  # as _operand
        self._take("(")
        arguments = [self._operand()]
        while self._tokens[0] == ",":
            self._take(",")
            arguments.append(self._operand())
        self._take(")")
        return arguments

    def _take(self, token: str) -> None:
        assert self._tokens.pop(0) == token


def _holds(tree: Tree, request: Mapping[str, Any], item: Mapping[str, Any]) -> bool:
    def value(operand: str) -> Any:
        if operand.startswith(":"):
            return request["ExpressionAttributeValues"][operand]
        return item.get(request["ExpressionAttributeNames"][operand])

    kind, *rest = tree
    if kind == "and":
        return all(_holds(term, request, item) for term in rest)
    if kind == "or":
        return any(_holds(term, request, item) for term in rest)
    operands = [value(operand) for operand in rest]
    if any(operand is None for operand in operands):
        return False
    comparable = [_comparable(operand) for operand in operands]
    if kind == "between":
        assert comparable[1] <= comparable[2], "DynamoDB refuses reversed bounds"
        return bool(comparable[1] <= comparable[0] <= comparable[2])
    if kind == "begins_with":
        return bool(comparable[0].startswith(comparable[1]))
    return bool(_COMPARE[kind](*comparable))


def _comparable(value: Mapping[str, Any]) -> Any:  # numbers by value, text and binary by their bytes
    ((tag, payload),) = value.items()
    if tag == "N":
        return Decimal(payload)
    return payload.encode() if tag == "S" else bytes(payload)
