"""Conditions: frozen trees of nodes, and their compilation to DynamoDB's expression language.

The grammar, with its precedence, is https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html:
comparisons bind tighter than NOT, NOT than AND, AND than OR. DynamoDB refuses redundant parentheses, so exactly those
are written that the tree needs. Operand values are attribute values already; they never become part of the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, NoReturn, TypeAlias
from typing import Literal as LiteralType

from dynamorm_py.core.errors import InvalidOperation
from dynamorm_py.core.placeholders import Placeholders
from dynamorm_py.core.records import Record, field
from dynamorm_py.core.wire import AttributeValue

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-expression-parameters
MAX_EXPRESSION_BYTES = 4096
MAX_OPERATORS = 300
MAX_IN_OPERANDS = 100

Comparator: TypeAlias = LiteralType["=", "<>", "<", "<=", ">", ">="]
FunctionName: TypeAlias = LiteralType[
    "attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains"
]
TYPE_NAMES = frozenset({"S", "SS", "N", "NS", "B", "BS", "BOOL", "NULL", "L", "M"})


class AttributePath(Record):
    """A document path: attribute and map-key names, and list indices. `("a.b",)` and `("a", "b")` are different paths.
    `owner` is whose attribute it is, where that is known; a schema takes paths of its own family only."""

    segments: tuple[str | int, ...]
    owner: object = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.segments or not isinstance(self.segments[0], str):
            raise InvalidOperation("a document path begins with an attribute name")
        for segment in self.segments:
            if isinstance(segment, bool) or not isinstance(segment, str | int):
                raise InvalidOperation(f"a document path holds names and list indices, not {segment!r}")
            if segment == "" or (isinstance(segment, int) and segment < 0):
                raise InvalidOperation(
                    f"{segment!r} cannot stand in a document path: DynamoDB counts from 0, and names are not empty"
                )

    @property
    def attribute(self) -> str:
        """The top-level attribute that the path begins with."""
        return str(self.segments[0])

    def child(self, *segments: str | int) -> AttributePath:
        return AttributePath(self.segments + segments, self.owner)

    def overlaps(self, other: AttributePath) -> bool:
        """Whether one of the two is the other, or lies inside it."""
        shared = min(len(self.segments), len(other.segments))
        return self.segments[:shared] == other.segments[:shared]

    def compile(self, placeholders: Placeholders) -> str:
        text = ""
        for segment in self.segments:
            if isinstance(segment, int):
                text += f"[{segment}]"
            else:
                text += ("." if text else "") + placeholders.name(segment)
        return text

    def __str__(self) -> str:
        text = ""
        for segment in self.segments:
            text += f"[{segment}]" if isinstance(segment, int) else ("." if text else "") + segment
        return text


class Size(Record):
    """`size(path)`: UTF-16 units of a string, bytes of binary, members of a set, list or map."""

    path: AttributePath

    def compile(self, placeholders: Placeholders) -> str:
        return f"size({self.path.compile(placeholders)})"


class Literal(Record):
    """A value, as an operand."""

    value: AttributeValue

    def compile(self, placeholders: Placeholders) -> str:
        return placeholders.value(self.value)


Operand: TypeAlias = AttributePath | Size | Literal


class Condition:
    """A condition, combined with `&`, `|` and `~`. It has no truth value: `and`, `or`, `not` and chained comparisons
    would silently drop one side, so asking for one raises."""

    __slots__ = ()

    def __and__(self, other: Condition) -> Condition:
        return _combine(Conjunction, self, other)

    def __or__(self, other: Condition) -> Condition:
        return _combine(Disjunction, self, other)

    def __invert__(self) -> Condition:
        return Constant(not self.holds) if isinstance(self, Constant) else Negation(self)

    def __bool__(self) -> NoReturn:
        raise InvalidOperation(
            "a condition has no truth value: use & | ~ instead of and, or, not, and between() instead of a < b < c"
        )

    def compile(self, placeholders: Placeholders) -> str:
        raise NotImplementedError

    def paths(self) -> Iterator[AttributePath]:
        """Every path that the condition reads."""
        raise NotImplementedError

    def operators(self) -> int:
        """How many operators and functions the condition counts against DynamoDB's limit."""
        return 1


class Constant(Record, Condition):
    """A condition that is decided without DynamoDB: an empty IN never holds."""

    holds: bool

    def compile(self, placeholders: Placeholders) -> str:
        raise InvalidOperation("a condition that always or never holds cannot be sent")

    def paths(self) -> Iterator[AttributePath]:
        return iter(())

    def operators(self) -> int:
        return 0


class Comparison(Record, Condition):
    left: AttributePath | Size
    comparator: Comparator
    right: Operand

    def __post_init__(self) -> None:
        _refuse_same(self.left, self.right)
        if self.comparator not in ("=", "<>"):
            _check_ordered(self.left, self.comparator, self.right)

    def compile(self, placeholders: Placeholders) -> str:
        return f"{self.left.compile(placeholders)} {self.comparator} {self.right.compile(placeholders)}"

    def paths(self) -> Iterator[AttributePath]:
        return _paths_in(self.left, self.right)

    def operators(self) -> int:
        return 1 + _functions_in(self.left, self.right)


class Between(Record, Condition):
    operand: AttributePath | Size
    low: Operand
    high: Operand

    def __post_init__(self) -> None:
        _refuse_same(self.operand, self.low)
        _refuse_same(self.operand, self.high)
        _check_ordered(self.operand, "between()", self.low)
        _check_ordered(self.operand, "between()", self.high)
        if isinstance(self.low, Literal) and isinstance(self.high, Literal):
            check_bounds(self.low.value, self.high.value, self.operand)

    def compile(self, placeholders: Placeholders) -> str:
        low, high = self.low, self.high
        return (
            f"{self.operand.compile(placeholders)} BETWEEN {low.compile(placeholders)} AND {high.compile(placeholders)}"
        )

    def paths(self) -> Iterator[AttributePath]:
        return _paths_in(self.operand, self.low, self.high)

    def operators(self) -> int:
        return 1 + _functions_in(self.operand, self.low, self.high)


class Membership(Record, Condition):
    """`path IN (…)`, with 1 to 100 options."""

    operand: AttributePath | Size
    options: tuple[Operand, ...]

    def __post_init__(self) -> None:
        if len(self.options) > MAX_IN_OPERANDS:
            raise refusal(
                self.operand,
                f"IN takes at most {MAX_IN_OPERANDS} values, got {len(self.options)}: combine several with |",
            )
        for option in self.options:
            _refuse_same(self.operand, option)

    def compile(self, placeholders: Placeholders) -> str:
        operand = self.operand.compile(placeholders)
        return f"{operand} IN ({', '.join(option.compile(placeholders) for option in self.options)})"

    def paths(self) -> Iterator[AttributePath]:
        return _paths_in(self.operand, *self.options)

    def operators(self) -> int:
        return 1 + _functions_in(self.operand, *self.options)


class Function(Record, Condition):
    name: FunctionName
    path: AttributePath
    argument: Operand | None = None

    def __post_init__(self) -> None:
        if self.argument is None:
            return
        _refuse_same(self.path, self.argument)
        if not isinstance(self.argument, Literal):
            return
        (tag,) = self.argument.value
        if self.name == "begins_with" and tag not in ("S", "B"):
            raise refusal(self.path, f"begins_with() takes text or bytes, not {tag}")
        if self.name == "attribute_type" and self.argument.value.get("S") not in TYPE_NAMES:
            raise refusal(self.path, f"has_type() takes one of {', '.join(sorted(TYPE_NAMES))}")

    def compile(self, placeholders: Placeholders) -> str:
        path = self.path.compile(placeholders)
        return (
            f"{self.name}({path})"
            if self.argument is None
            else f"{self.name}({path}, {self.argument.compile(placeholders)})"
        )

    def paths(self) -> Iterator[AttributePath]:
        return _paths_in(self.path, self.argument)

    def operators(self) -> int:
        return 1 + _functions_in(self.argument)


class Conjunction(Record, Condition):
    terms: tuple[Condition, ...]

    def compile(self, placeholders: Placeholders) -> str:
        return " AND ".join(
            f"({term.compile(placeholders)})" if isinstance(term, Disjunction) else term.compile(placeholders)
            for term in self.terms
        )

    def paths(self) -> Iterator[AttributePath]:
        return (path for term in self.terms for path in term.paths())

    def operators(self) -> int:
        return len(self.terms) - 1 + sum(term.operators() for term in self.terms)


class Disjunction(Record, Condition):
    terms: tuple[Condition, ...]

    def compile(self, placeholders: Placeholders) -> str:
        return " OR ".join(term.compile(placeholders) for term in self.terms)

    def paths(self) -> Iterator[AttributePath]:
        return (path for term in self.terms for path in term.paths())

    def operators(self) -> int:
        return len(self.terms) - 1 + sum(term.operators() for term in self.terms)


class Negation(Record, Condition):
    term: Condition

    def compile(self, placeholders: Placeholders) -> str:
        text = self.term.compile(placeholders)
        return f"NOT ({text})" if isinstance(self.term, Conjunction | Disjunction) else f"NOT {text}"

    def paths(self) -> Iterator[AttributePath]:
        return self.term.paths()

    def __invert__(self) -> Condition:
        return self.term

    def operators(self) -> int:
        return 1 + self.term.operators()


def compile_condition(condition: Condition, placeholders: Placeholders) -> str:
    """The condition as text, within DynamoDB's limits for one expression."""
    operators = condition.operators()
    if operators > MAX_OPERATORS:
        raise InvalidOperation(
            f"an expression takes at most {MAX_OPERATORS} operators and functions, this one has {operators}"
        )
    return check_expression_size(condition.compile(placeholders))


def check_expression_size(text: str) -> str:
    if len(text) > MAX_EXPRESSION_BYTES:
        raise InvalidOperation(f"an expression takes at most {MAX_EXPRESSION_BYTES} bytes, this one has {len(text)}")
    return text


def all_of(*conditions: Condition | None) -> Condition | None:
    """The conjunction of those that are given, None where none is."""
    result: Condition | None = None
    for condition in conditions:
        if condition is not None:
            result = condition if result is None else result & condition
    return result


def compile_projection(paths: Sequence[AttributePath], placeholders: Placeholders) -> str:
    """A projection expression; DynamoDB refuses paths of which one is, or lies inside, another."""
    for position, path in enumerate(paths):
        for earlier in paths[:position]:
            if path.overlaps(earlier):
                raise InvalidOperation(f"a projection cannot hold both {earlier} and {path}: one contains the other")
    return check_expression_size(", ".join(path.compile(placeholders) for path in paths))


def check_bounds(low: AttributeValue, high: AttributeValue, operand: AttributePath | Size) -> None:
    """Refuses the bounds of a BETWEEN that are of different types or in reversed order, as DynamoDB does."""
    (low_type,), (high_type,) = low, high
    if low_type != high_type:
        raise refusal(operand, f"between() takes two bounds of one type, got {low_type} and {high_type}")
    if _exceeds(low_type, low[low_type], high[low_type]):
        raise refusal(operand, "between() takes the lower bound first: these are reversed")


def refusal(operand: AttributePath | Size, message: str, comparator: str = "") -> InvalidOperation:
    """An error that names the attribute, and the model where the path knows whose it is."""
    path = operand.path if isinstance(operand, Size) else operand
    subject = f"{path} {comparator}" if comparator else str(path)
    return InvalidOperation(f"{subject}: {message}", model=getattr(path.owner, "__name__", None))


def _exceeds(tag: str, first: Any, second: Any) -> bool:  # what the tag says
    if tag == "N":
        return Decimal(first) > Decimal(second)
    if tag == "S":
        return bool(first.encode() > second.encode())
    return tag == "B" and bytes(first) > bytes(second)


def _combine(kind: type[Conjunction | Disjunction], *sides: Condition) -> Condition:
    # A constant side decides the whole (False in AND, True in OR) or adds nothing.
    deciding = kind is Disjunction
    terms: list[Condition] = []
    for side in sides:
        if not isinstance(side, Condition):
            raise InvalidOperation(f"a condition combines with conditions only, not with {type(side).__name__}")
        if isinstance(side, Constant):
            if side.holds is deciding:
                return side
        elif isinstance(side, kind):
            terms.extend(side.terms)
        else:
            terms.append(side)
    if not terms:
        return Constant(not deciding)
    return terms[0] if len(terms) == 1 else kind(tuple(terms))


def _check_ordered(left: AttributePath | Size, comparator: str, right: Operand) -> None:
    # "Incorrect operand type for operator or function", DynamoDB would say.
    if isinstance(right, Literal):
        (tag,) = right.value
        if tag not in ("S", "N", "B"):
            raise refusal(left, f"only text, numbers and bytes have an order, {tag} has none", comparator)


def _refuse_same(left: Operand, right: Operand | None) -> None:
    # "The first operand must be distinct from the remaining operands for this operator or function"
    if right is not None and not isinstance(left, Literal) and left == right:
        raise refusal(left, "it is compared with itself, which DynamoDB refuses")


def _paths_in(*operands: Operand | None) -> Iterator[AttributePath]:
    for operand in operands:
        if isinstance(operand, AttributePath):
            yield operand
        elif isinstance(operand, Size):
            yield operand.path


def _functions_in(*operands: Operand | None) -> int:
    return sum(isinstance(operand, Size) for operand in operands)
