"""Typed paths: what `User.visits` is, and what conditions, updates and projections are written with.

A path is a frozen value. Comparing it gives a `Condition`, changing it an `Action`, both in DynamoDB's terms. What the
type checkers cannot see (an untyped path, a path of another model) is refused when the operation is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, overload

from typing_extensions import TypeVar as DefaultedTypeVar

from dynamorm_py.core.errors import InvalidOperation, InvalidValue
from dynamorm_py.core.expressions import (
    AttributePath,
    Between,
    Comparator,
    Comparison,
    Condition,
    Constant,
    Function,
    Literal,
    Membership,
    Size,
)
from dynamorm_py.core.updates import (
    Action,
    Add,
    Arithmetic,
    Assign,
    Discard,
    IfNotExists,
    ListAppend,
    NewValue,
    Remove,
)
from dynamorm_py.core.values import is_empty_set
from dynamorm_py.core.wire import AttributeValue
from dynamorm_py.fields.codecs import PlainCodec

if TYPE_CHECKING:
    from dynamorm_py.fields.codecs import Codec

T = TypeVar("T")
U = TypeVar("U")
E = TypeVar("E")
N = TypeVar("N", int, float, Decimal)
V_co = DefaultedTypeVar("V_co", covariant=True, default=T)

Number: TypeAlias = int | float | Decimal
_NULL: AttributeValue = {"NULL": True}


class Path(Generic[T, V_co]):
    """A document path to a value of type `T`. The second parameter repeats the type covariantly, so that a method can
    say which paths it is for (`add` for numbers, `append` for lists).

        User.visits >= 10
        User.tags.contains("vip") & ~User.email.exists()
        User.address["city"].set("Rome")
    """

    __slots__ = ("_codec", "_inside", "_path", "_stores_null")

    def __init__(
        self,
        path: AttributePath,
        codec: Codec,
        *,
        stores_null: bool = False,
        inside: tuple[str | int, ...] | None = None,
    ) -> None:
        """`inside` is the path in a document that holds the model: there, a field has its own name, not its
        attribute's."""
        self._path = path
        self._codec = codec
        self._inside = path.segments if inside is None else inside
        # Inside a document None is NULL and an empty set is an empty list: a list's places and a model's required
        # fields have to stay.
        self._stores_null = stores_null or len(path.segments) > 1

    # Comparisons. `==` must give a condition, which is not what object's `__eq__` promises.
    def __eq__(self, other: T | Path[Any, T | None] | None) -> Condition:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        if other is None:
            return self.is_none()
        return self.not_exists() if self._is_absent(other) else self._compare("=", other)

    def __ne__(self, other: T | Path[Any, T | None] | None) -> Condition:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        if other is None:
            return ~self.is_none()
        return self.exists() if self._is_absent(other) else self._compare("<>", other)

    def __lt__(self, other: T | Path[Any, T | None]) -> Condition:
        return self._compare("<", other)

    def __le__(self, other: T | Path[Any, T | None]) -> Condition:
        return self._compare("<=", other)

    def __gt__(self, other: T | Path[Any, T | None]) -> Condition:
        return self._compare(">", other)

    def __ge__(self, other: T | Path[Any, T | None]) -> Condition:
        return self._compare(">=", other)

    def __hash__(self) -> int:
        return hash(self._path)

    def between(self, low: T | Path[Any, T | None], high: T | Path[Any, T | None]) -> Condition:
        """Whether the value lies between the two, both included; the lower one comes first."""
        return Between(self._path, self._operand(low), self._operand(high))

    def is_in(self, values: Iterable[T]) -> Condition:
        """Whether the value is one of at most 100; of none, it never is, and nothing is sent."""
        members = list(values)
        stored = [value for value in members if value is not None and not self._is_absent(value)]
        options = tuple(self._operand(value) for value in stored)
        found: Condition = Membership(self._path, options) if options else Constant(False)
        if any(value is None for value in members):
            return found | self.is_none()
        return found if len(stored) == len(members) else found | self.not_exists()

    def begins_with(self: Path[Any, str | bytes | None], prefix: str | bytes) -> Condition:
        """Whether the text or binary begins with the prefix."""
        return Function("begins_with", self._path, Literal(self._codec.plain(prefix)))

    @overload
    def contains(self: Path[Any, str | None], part: str | Path[Any, str | None]) -> Condition: ...
    @overload
    def contains(self: Path[Any, bytes | None], part: bytes | Path[Any, bytes | None]) -> Condition: ...
    @overload
    def contains(self: Path[Any, AbstractSet[E] | Sequence[E] | None], part: E | Path[Any, E | None]) -> Condition: ...
    def contains(self: Path[Any, Any], part: object) -> Condition:
        """Whether the text contains the part, or the list or set has the member."""
        if isinstance(part, Path):
            return Function("contains", self._path, part._path)
        member = self._codec.item()
        value = self._codec.plain(part) if isinstance(member, PlainCodec) else member.compared(part)
        return Function("contains", self._path, Literal(value))

    def exists(self) -> Condition:
        """Whether the item has the attribute; one that holds NULL counts."""
        return Function("attribute_exists", self._path)

    def not_exists(self) -> Condition:
        """Whether the item lacks the attribute."""
        return Function("attribute_not_exists", self._path)

    def has_type(self, name: str) -> Condition:
        """Whether the value has the DynamoDB type: S, N, B, SS, NS, BS, BOOL, NULL, L or M."""
        return Function("attribute_type", self._path, Literal({"S": name}))

    def is_none(self) -> Condition:
        """Whether the value reads as None: the attribute is absent, or holds NULL."""
        return self.not_exists() | Comparison(self._path, "=", Literal(_NULL))

    def is_true(self: Path[Any, bool | None]) -> Condition:
        """Whether the value is true."""
        return Comparison(self._path, "=", Literal({"BOOL": True}))

    def is_false(self: Path[Any, bool | None]) -> Condition:
        """Whether the value is false."""
        return Comparison(self._path, "=", Literal({"BOOL": False}))

    def size(self) -> SizePath:
        """The size, to be compared with a number: UTF-16 units of text, bytes of binary, members of the rest."""
        return SizePath(self._path)

    # Actions
    def set(self, value: T | Path[Any, T | None] | Computed[T] | None) -> Action:
        """Sets the value. None (unless the field stores NULL) and an empty set remove the attribute; inside a document
        they are stored, as NULL and as an empty list."""
        if value is None and not self._codec.takes_none():
            raise self._refused("cannot be None: remove() takes the attribute away")
        if (value is None and not self._stores_null) or self._is_absent(value):
            return Remove(self._path)
        if isinstance(value, Computed):
            return Assign(self._path, value.expression)
        if isinstance(value, Path):
            return Assign(self._path, value._path)
        return Assign(self._path, Literal(self._codec.encode(value)))

    def set_if_not_exists(self, value: T) -> Action:
        """Sets the value unless the item has one."""
        return Assign(self._path, IfNotExists(self._path, Literal(self._codec.encode(value))))

    def remove(self) -> Action:
        """Removes the attribute, or the list's element, behind which the others move up."""
        return Remove(self._path)

    def add(self: Path[Any, Number | timedelta | None], amount: Number | timedelta) -> Action:
        """Adds a number; an absent attribute counts as 0."""
        return self._added(self._number(amount))

    def subtract(self: Path[Any, Number | timedelta | None], amount: Number | timedelta) -> Action:
        """Subtracts a number; an absent attribute counts as 0."""
        value = self._number(amount)["N"]
        return self._added({"N": value[1:] if value.startswith("-") else value if value == "0" else f"-{value}"})

    def append(self: Path[Any, Sequence[E] | None], *values: E) -> Action:
        """Appends to a list; an absent attribute counts as an empty one."""
        return Assign(self._path, ListAppend(self._or_empty_list(), self._listed(values)))

    def prepend(self: Path[Any, Sequence[E] | None], *values: E) -> Action:
        """Puts values before a list; an absent attribute counts as an empty one."""
        return Assign(self._path, ListAppend(self._listed(values), self._or_empty_list()))

    def add_to_set(self: Path[Any, AbstractSet[E] | None], *values: E | AbstractSet[E]) -> Action:
        """Adds members, one by one or as sets of them, to a set; an absent attribute counts as an empty one."""
        return Add(self._top_level("add_to_set"), self._members(values))

    def remove_from_set(self: Path[Any, AbstractSet[E] | None], *values: E | AbstractSet[E]) -> Action:
        """Takes members, one by one or as sets of them, out of a set; a set left empty leaves the item."""
        return Discard(self._top_level("remove_from_set"), self._members(values))

    def __add__(self: Path[Any, Number | None], amount: Number | Path[Any, Number | None]) -> Computed[Any]:
        return Computed(Arithmetic(self._path, "+", self._number_or_path(amount)))

    def __sub__(self: Path[Any, Number | None], amount: Number | Path[Any, Number | None]) -> Computed[Any]:
        return Computed(Arithmetic(self._path, "-", self._number_or_path(amount)))

    def if_not_exists(self, default: T) -> Stored[T]:
        """The stored value, or a default where there is none, to compute a new one from:
        `User.visits.set(User.visits.if_not_exists(5) + 1)`."""
        return Stored(self, IfNotExists(self._path, Literal(self._codec.encode(default))))

    # Further into a document
    @overload
    def __getitem__(self, key: Path[U]) -> Path[U]: ...
    @overload
    def __getitem__(self: Path[Any, Mapping[str, U] | None], key: str) -> Path[U]: ...
    @overload
    def __getitem__(self: Path[Any, Mapping[int, U] | None], key: int) -> Path[U]: ...
    @overload
    def __getitem__(self: Path[Any, Sequence[U] | None], key: int) -> Path[U]: ...
    def __getitem__(self: Path[Any, Any], key: Path[U] | str | int) -> Path[Any]:
        """The path to a list's element, a map's value, or (`Order.address[Address.city]`) a nested model's field."""
        if isinstance(key, Path):
            return self._child(key._codec, *key._inside)
        step = self._codec.segment(key)
        return self._child(self._codec.item(step) if isinstance(step, int) else self._codec.child(step), step)

    def __getattr__(self, name: str) -> DocumentPath:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._child(self._codec.child(name), name)

    def __iter__(self) -> Any:
        raise TypeError(f"the path {self._path} cannot be iterated")

    def __bool__(self) -> bool:
        raise InvalidOperation(f"the path {self._path} has no truth value: use is_true(), exists() or a comparison")

    def __repr__(self) -> str:
        owner = getattr(self._path.owner, "__name__", None)
        return f"<Path {owner}.{self._path}>" if owner else f"<Path {self._path}>"

    def _child(self, codec: Codec, *segments: str | int) -> Path[Any]:
        return Path(self._path.child(*segments), codec, inside=(*self._inside, *segments))

    def _is_absent(self, value: object) -> bool:
        """Whether the value is stored by leaving its attribute out, apart from None."""
        return is_empty_set(value) and len(self._path.segments) == 1

    def _compare(self, comparator: Comparator, other: object) -> Condition:
        if isinstance(other, SizePath):
            raise InvalidOperation("put size() on the left side of the comparison")
        return Comparison(self._path, comparator, self._operand(other))

    def _operand(self, value: object) -> AttributePath | Literal:
        return value._path if isinstance(value, Path) else Literal(self._codec.compared(value))

    def _refused(self, rule: str) -> InvalidValue:
        return InvalidValue(f"{self._path}: {rule}", model=getattr(self._path.owner, "__name__", None))

    def _number(self, amount: object) -> AttributeValue:
        value = self._codec.plain(amount)
        if "N" not in value:
            raise self._refused(f"takes a number here, not {type(amount).__name__}")
        if self._codec.is_whole() and "." in value["N"]:
            raise self._refused(f"takes whole numbers, and {amount} is none")
        return value

    def _number_or_path(self, amount: object) -> AttributePath | Literal:
        return amount._path if isinstance(amount, Path) else Literal(self._number(amount))

    def _added(self, value: AttributeValue) -> Action:
        # ADD is for top-level attributes only; below, arithmetic does the same.
        if len(self._path.segments) == 1:
            return Add(self._path, value)
        return Assign(self._path, Arithmetic(IfNotExists(self._path, Literal({"N": "0"})), "+", Literal(value)))

    def _or_empty_list(self) -> IfNotExists:
        return IfNotExists(self._path, Literal({"L": []}))

    def _listed(self, values: Sequence[object]) -> Literal:
        if not values:
            raise self._refused("nothing to append")
        item = self._codec.item()
        return Literal({"L": [item.encode(value) for value in values]})

    def _members(self, values: Sequence[object]) -> AttributeValue:
        item = self._codec.item()
        members: list[AttributeValue] = []
        for value in values:
            if isinstance(value, AbstractSet):
                # DynamoDB has no sets of sets, so its members are meant; sorted, for the same bytes in every process.
                members += sorted((item.encode(member) for member in value), key=repr)
            else:
                members.append(item.encode(value))
        if not members:
            raise self._refused("a set takes at least one member here")
        tags = {tag for member in members for tag in member}
        if len(tags) != 1 or not tags <= {"S", "N", "B"}:
            raise self._refused("a set holds text, numbers or bytes, and only one of them")
        (tag,) = tags
        return {f"{tag}S": list(dict.fromkeys(member[tag] for member in members))}

    def _top_level(self, verb: str) -> AttributePath:
        if len(self._path.segments) > 1:
            raise self._refused(f"{verb}() works on top-level attributes only, and this is inside one")
        return self._path


# A path of which no type is known: its operands are taken as they are.
DocumentPath: TypeAlias = Path[Any, Any]


class Computed(Generic[T]):
    """A new value that DynamoDB computes: `User.total.set(User.price + User.tax)`."""

    __slots__ = ("expression",)

    def __init__(self, expression: NewValue) -> None:
        self.expression = expression


class Stored(Computed[T]):
    """A stored value or its default: a new value by itself, or with a number added or subtracted."""

    __slots__ = ("_path", "_stored")

    def __init__(self, path: Path[Any, Any], stored: IfNotExists) -> None:
        super().__init__(stored)
        self._path = path
        self._stored = stored

    def __add__(self, amount: Number | Path[Any, Number | None]) -> Computed[T]:
        return Computed(Arithmetic(self._stored, "+", self._path._number_or_path(amount)))

    def __sub__(self, amount: Number | Path[Any, Number | None]) -> Computed[T]:
        return Computed(Arithmetic(self._stored, "-", self._path._number_or_path(amount)))


class SizePath:
    """`path.size()`, to be compared with a number or with another size."""

    __slots__ = ("_size",)

    def __init__(self, path: AttributePath) -> None:
        self._size = Size(path)

    def __eq__(self, other: int | SizePath) -> Condition:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._compare("=", other)

    def __ne__(self, other: int | SizePath) -> Condition:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._compare("<>", other)

    def __lt__(self, other: int | SizePath) -> Condition:
        return self._compare("<", other)

    def __le__(self, other: int | SizePath) -> Condition:
        return self._compare("<=", other)

    def __gt__(self, other: int | SizePath) -> Condition:
        return self._compare(">", other)

    def __ge__(self, other: int | SizePath) -> Condition:
        return self._compare(">=", other)

    def __hash__(self) -> int:
        return hash(self._size)

    def between(self, low: int, high: int) -> Condition:
        return Between(self._size, _number(low), _number(high))

    def is_in(self, values: Iterable[int]) -> Condition:
        options = tuple(_number(value) for value in values)
        return Membership(self._size, options) if options else Constant(False)

    def _compare(self, comparator: Comparator, other: object) -> Condition:
        return Comparison(self._size, comparator, other._size if isinstance(other, SizePath) else _number(other))


def _number(value: object) -> Literal:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidOperation(f"a size is compared with a whole number, not with {value!r}")
    return Literal({"N": str(value)})


def attr(*segments: str | int) -> DocumentPath:
    """Any document path, typed or not: `attr("a", "b", 0)` is the first element of the list `b` in the map `a`.

    Each text is one name, whatever it contains: `attr("a.b")` is the attribute called `a.b`.
    """
    path = AttributePath(segments)
    return Path(path, PlainCodec(str(path)))
