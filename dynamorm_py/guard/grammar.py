"""DynamoDB's expressions, read strictly: what is not understood to its end is refused.

Written apart from the compiler, whose work is judged here, and narrower than DynamoDB, which also takes parentheses
around operands and spaces of other kinds. What is read here must mean the same there, so no token is guessed at.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html

Reading looks at the text alone: aliases are resolved by whoever judges the request, so that one text, which the same
operation always has, is read once. Texts hold no values, so what is kept of them is nobody's data.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

from dynamorm_py.core.records import Record

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-expression-parameters
MAX_CHARACTERS = 4096

# The four kinds of whitespace and the ASCII names that DynamoDB takes, no others: a form feed or a full-width letter is
# an error there as here. `<` and `=` with a space between are two tokens, and an error too.
_TOKENS = re.compile(r"[ \t\r\n]*([#:][A-Za-z0-9_]+|[A-Za-z][A-Za-z0-9_]*|[0-9]+|<>|<=|>=|[=<>(),.+\-\[\]])[ \t\r\n]*")

# Case does not matter in these, and does in the names of functions.
_CLAUSES = frozenset({"SET", "REMOVE", "ADD", "DELETE"})
_WORDS = frozenset({"AND", "OR", "NOT", "BETWEEN", "IN", *_CLAUSES})
_COMPARATORS = frozenset({"=", "<>", "<", "<=", ">", ">="})
_OF_ONE_PATH = frozenset({"attribute_exists", "attribute_not_exists"})
_OF_TWO_OPERANDS = frozenset({"attribute_type", "begins_with", "contains"})
_END = ""

Path: TypeAlias = tuple[str, ...]  # names and aliases as they are written; a list index as `[0]`
Operand: TypeAlias = Path | str | None  # a path, the alias of a value, or, as None, anything that is computed


class NotUnderstood(Exception):
    """The text is no expression of this grammar."""


class Predicate(Record):
    """One comparison or function: `kind` is the comparator, `BETWEEN`, `IN` or the function's name."""

    kind: str
    operands: tuple[Operand, ...]


class Condition(Record):
    """Its predicates from left to right, and the words between them: where these are AND alone, all of the predicates
    hold of what is selected, whatever the parentheses."""

    names: tuple[str, ...]
    values: tuple[str, ...]
    predicates: tuple[Predicate, ...]
    words: frozenset[str]


class Action(Record):
    """One action of an update; `value` is the alias of the value that is written as it is, None for anything else."""

    clause: str
    path: Path
    value: str | None


class Update(Record):
    names: tuple[str, ...]
    values: tuple[str, ...]
    actions: tuple[Action, ...]


class Projection(Record):
    names: tuple[str, ...]
    values: tuple[str, ...]
    paths: tuple[Path, ...]


@lru_cache(maxsize=512)
def read_condition(text: str) -> Condition:
    """A condition, filter or key condition expression."""
    tokens = _Tokens(text)
    predicates, words = _predicates(tokens)
    return Condition(tokens.aliases("#"), tokens.aliases(":"), predicates, words)


@lru_cache(maxsize=512)
def read_update(text: str) -> Update:
    """An update expression."""
    tokens = _Tokens(text)
    return Update(tokens.aliases("#"), tokens.aliases(":"), _actions(tokens))


@lru_cache(maxsize=512)
def read_projection(text: str) -> Projection:
    """A projection expression."""
    tokens = _Tokens(text)
    paths = [_path(tokens)]
    while tokens.takes(","):
        paths.append(_path(tokens))
    tokens.take(_END)
    return Projection(tokens.aliases("#"), tokens.aliases(":"), tuple(paths))


class _Tokens:
    """The tokens of a text, taken one after the other; words in capitals, however they are written."""

    __slots__ = ("_position", "_tokens")

    def __init__(self, text: str) -> None:
        if len(text) > MAX_CHARACTERS:
            raise NotUnderstood
        self._tokens: list[str] = []
        self._position = 0
        end = 0
        while end < len(text):
            match = _TOKENS.match(text, end)
            if match is None:
                raise NotUnderstood
            token, end = match[1], match.end()
            self._tokens.append(token.upper() if token.upper() in _WORDS else token)
        self._tokens.append(_END)

    def aliases(self, sign: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(token for token in self._tokens if token[:1] == sign))

    def next(self) -> str:
        """The next token, which stays."""
        return self._tokens[self._position]

    def takes(self, token: str) -> bool:
        """Takes the next token if it is this one."""
        if self._tokens[self._position] != token:
            return False
        self._position += 1
        return True

    def take(self, token: str) -> None:
        if not self.takes(token):
            raise NotUnderstood

    def take_any(self) -> str:
        token = self.next()
        if token == _END:
            raise NotUnderstood
        self._position += 1
        return token

    def calls(self) -> bool:
        """Whether the next token is a word that the one behind makes a function."""
        return self.next() != _END and self._tokens[self._position + 1] == "("


def _predicates(tokens: _Tokens) -> tuple[tuple[Predicate, ...], frozenset[str]]:
    # Only which predicates there are and what stands between them matters, so parentheses are counted and no tree is
    # built: nothing here recurses, however deeply a text does.
    predicates: list[Predicate] = []
    words: set[str] = set()
    depth = 0
    while True:
        while True:
            if tokens.takes("NOT"):
                words.add("NOT")
            elif tokens.takes("("):
                depth += 1
            else:
                break
        predicates.append(_predicate(tokens))
        while depth and tokens.takes(")"):
            depth -= 1
        word = tokens.next()
        if word not in ("AND", "OR"):
            break
        tokens.take(word)
        words.add(word)
    if depth:
        raise NotUnderstood
    tokens.take(_END)
    return tuple(predicates), frozenset(words)


def _predicate(tokens: _Tokens) -> Predicate:
    if tokens.calls() and tokens.next() != "size":
        return _function(tokens)
    left = _operand(tokens)
    kind = tokens.take_any()
    if kind == "BETWEEN":
        low = _operand(tokens)
        tokens.take("AND")
        return Predicate(kind, (left, low, _operand(tokens)))
    if kind == "IN":
        tokens.take("(")
        options = [_operand(tokens)]
        while tokens.takes(","):
            options.append(_operand(tokens))
        tokens.take(")")
        return Predicate(kind, (left, *options))
    if kind not in _COMPARATORS:
        raise NotUnderstood
    return Predicate(kind, (left, _operand(tokens)))


def _function(tokens: _Tokens) -> Predicate:
    name = tokens.take_any()
    tokens.take("(")
    operands: tuple[Operand, ...]
    if name in _OF_ONE_PATH:
        operands = (_path(tokens),)
    elif name in _OF_TWO_OPERANDS:
        first = _operand(tokens)
        tokens.take(",")
        operands = (first, _operand(tokens))
    else:
        raise NotUnderstood
    tokens.take(")")
    return Predicate(name, operands)


def _operand(tokens: _Tokens) -> Operand:
    if tokens.next()[:1] == ":":
        return tokens.take_any()
    if tokens.next() == "size" and tokens.calls():
        tokens.take("size")
        tokens.take("(")
        if tokens.next()[:1] == ":":
            tokens.take_any()
        else:
            _path(tokens)
        tokens.take(")")
        return None
    return _path(tokens)


def _path(tokens: _Tokens) -> Path:
    segments = [_name(tokens)]
    while True:
        if tokens.takes("."):
            segments.append(_name(tokens))
        elif tokens.takes("["):
            index = tokens.take_any()
            if not index.isdigit() or (index[0] == "0" and index != "0"):
                raise NotUnderstood
            segments.append(f"[{index}]")
            tokens.take("]")
        else:
            return tuple(segments)


def _name(tokens: _Tokens) -> str:
    token = tokens.take_any()
    if token in _WORDS or not (token[0] == "#" or token[0].isalpha()):
        raise NotUnderstood
    return token


def _actions(tokens: _Tokens) -> tuple[Action, ...]:
    actions: list[Action] = []
    clauses: set[str] = set()
    while not tokens.takes(_END):
        clause = tokens.take_any()
        if clause not in _CLAUSES or clause in clauses:
            raise NotUnderstood
        clauses.add(clause)
        actions.append(_action(clause, tokens))
        while tokens.takes(","):
            actions.append(_action(clause, tokens))
    if not actions:
        raise NotUnderstood
    return tuple(actions)


def _action(clause: str, tokens: _Tokens) -> Action:
    path = _path(tokens)
    if clause == "REMOVE":
        return Action(clause, path, None)
    if clause != "SET":
        return Action(clause, path, _value(tokens))
    tokens.take("=")
    value = _new_value(tokens)
    if tokens.next() in ("+", "-"):
        tokens.take_any()
        _new_value(tokens)
        value = None
    return Action(clause, path, value if isinstance(value, str) else None)


def _new_value(tokens: _Tokens, depth: int = 0) -> Operand:
    if tokens.next()[:1] == ":":
        return tokens.take_any()
    if not tokens.calls():
        return _path(tokens)
    function = tokens.take_any()
    # DynamoDB takes a function inside another one, and the compiler never goes further.
    if function not in ("if_not_exists", "list_append") or depth > 2:
        raise NotUnderstood
    tokens.take("(")
    if function == "if_not_exists":
        _path(tokens)
    else:
        _new_value(tokens, depth + 1)
    tokens.take(",")
    _new_value(tokens, depth + 1)
    tokens.take(")")
    return None


def _value(tokens: _Tokens) -> str:
    token = tokens.take_any()
    if token[0] != ":":
        raise NotUnderstood
    return token
