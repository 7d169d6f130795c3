"""Frozen records: what `@dataclass(frozen=True, slots=True)` makes, without writing and compiling code for every class.

The methods of a dataclass are generated as text and compiled whenever its module is imported, some 400 µs a class:
dozens of them would be a good part of a cold start. A `Record` costs some 10 µs, and is made in half of a dataclass's
time.

    class Target(Record):
        table: str
        index: str | None = None

Fields are annotated, in the order of the arguments; the module says `from __future__ import annotations`, which leaves
annotations as text. A `__post_init__` runs when all fields are set. `__slots__ = ("__dict__",)` in the class makes room
for `cached_property`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from types import FunctionType
from typing import Any, ClassVar, TypeAlias, TypeVar, cast, dataclass_transform

from dynamorm_py.core.record_shapes import SHAPES

# Sets one field of a record, past its `__setattr__`.
Setter: TypeAlias = Callable[[Any, Any], None]


class _Absent:
    """No default; and, as an argument's own default, the sign that the field's factory makes it."""

    def __repr__(self) -> str:
        return "<factory>"


_ABSENT = _Absent()


class Field:
    """What a field is besides its name and type."""

    __slots__ = ("compared", "default", "factory", "shown")

    def __init__(
        self, default: Any, factory: Callable[[], Any] | None = None, shown: bool = True, compared: bool = True
    ) -> None:
        self.default = default
        self.factory = factory
        self.shown = shown
        self.compared = compared


def field(
    *,
    default: Any = _ABSENT,
    default_factory: Callable[[], Any] | None = None,
    repr: bool = True,  # noqa: A002 - the names that type checkers and readers know from dataclasses
    compare: bool = True,
) -> Any:  # its type is the annotation's
    """A field of a record with more to it than a default. `default_factory` makes a fresh default for every record,
    `repr=False` keeps the field out of the record's text, `compare=False` out of its equality and hash."""
    return Field(default, default_factory, repr, compare)


def _declared(default: Any) -> Field:
    return default if isinstance(default, Field) else Field(default)


def _init(record: type, fields: dict[str, Field]) -> FunctionType:
    if len(fields) >= len(SHAPES):
        raise TypeError(f"{record.__qualname__} has {len(fields)} fields, and no shape in record_shapes has as many")
    setters = [_setter(record, name, field) for name, field in fields.items()]
    if setters and hasattr(record, "__post_init__"):
        setters[-1] = _last(setters[-1])
    init = cast(FunctionType, SHAPES[len(fields)](*setters))
    init.__name__, init.__qualname__ = "__init__", f"{record.__qualname__}.__init__"
    init.__code__ = init.__code__.replace(
        co_name="__init__", co_qualname=init.__qualname__, co_varnames=("self", *fields)
    )
    init.__defaults__ = _defaults(record, fields)
    return init


def _defaults(record: type, fields: dict[str, Field]) -> tuple[Any, ...]:
    optional = [name for name, field in fields.items() if field.default is not _ABSENT or field.factory is not None]
    if optional != list(fields)[len(fields) - len(optional) :]:
        raise TypeError(f"{record.__qualname__}: a field without a default follows one that has a default")
    return tuple([fields[name].default for name in optional])


def _setter(record: type, name: str, field: Field) -> Setter:
    slot: Setter = getattr(record, name).__set__
    return slot if field.factory is None else _making(slot, field.factory)


def _making(slot: Setter, factory: Callable[[], Any]) -> Setter:
    def set_or_make(record: Any, value: Any) -> None:
        slot(record, factory() if value is _ABSENT else value)

    return set_or_make


def _last(setter: Setter) -> Setter:
    """The setter of a record's last field, after which the record can be checked."""

    def set_and_check(record: Any, value: Any) -> None:
        setter(record, value)
        record.__post_init__()

    return set_and_check


class RecordType(type):
    """Gives a record class its slots and its `__init__`."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> RecordType:
        own = {
            each: _declared(namespace.pop(each, _ABSENT))
            for each, annotation in namespace.get("__annotations__", {}).items()
            if not annotation.startswith("ClassVar[")
        }
        fields: dict[str, Field] = {}
        for base in reversed(bases):
            fields |= getattr(base, "__fields__", {})
        namespace["__slots__"] = (*(each for each in own if each not in fields), *namespace.get("__slots__", ()))
        fields |= own
        namespace["__fields__"] = fields
        namespace["__match_args__"] = tuple(fields)
        compared = [each for each, field in fields.items() if field.compared]
        namespace["__compared__"] = attrgetter(*compared or ("__class__",))
        made = super().__new__(mcs, name, bases, namespace)
        made.__init__ = _init(made, fields)  # type: ignore[misc]  # slots exist once the class does
        return made


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Record(metaclass=RecordType):
    """A frozen value of named fields, compared, hashed and shown by them; `replace` copies one with changes."""

    __fields__: ClassVar[Mapping[str, Field]]
    __compared__: ClassVar[attrgetter[Any]]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: {name} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return bool(self.__compared__(self) == self.__compared__(other))

    def __hash__(self) -> int:
        return hash(self.__compared__(self))

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name, field in self.__fields__.items() if field.shown)
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), tuple([getattr(self, name) for name in self.__fields__])

    def __replace__(self, /, **changes: Any) -> Any:  # copy.replace, from Python 3.13 on
        return replace(self, **changes)


R = TypeVar("R", bound=Record)


def replace(record: R, /, **changes: Any) -> R:
    """A copy of the record with other values in some fields; `__post_init__` checks it again. TypeError for a name that
    is no field."""
    return type(record)(**{name: getattr(record, name) for name in record.__fields__} | changes)
