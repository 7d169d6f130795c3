"""`Attr[T]`, `field()` and the markers: what a model's class body is written with.

At run time `Attr[T]` is plain `T` to pydantic; to a type checker it is a descriptor, so that `User.visits` is a
`Path[int]` and `user.visits` an `int`. Each marker returns pydantic's own `FieldInfo`, with a `Marker` in its metadata.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeAlias, TypeVar, overload

from pydantic import Field
from pydantic.fields import FieldInfo

from dynamorm_py.context import tenant_here
from dynamorm_py.core.records import Record, replace

if TYPE_CHECKING:
    from dynamorm_py.fields.paths import Path

T = TypeVar("T")

Role: TypeAlias = Literal[
    "plain",
    "partition_key",
    "sort_key",
    "tenant_key",
    "version_number",
    "created_timestamp",
    "updated_timestamp",
    "time_to_live",
]


class Marker(Record):
    """What the library knows of a field beyond pydantic: its role, its attribute's name, and how None is stored."""

    role: Role = "plain"
    name: str | None = None
    null: Literal["absent", "store"] = "absent"
    unknown: tuple[str, ...] = ()


if TYPE_CHECKING:

    class Attr(Generic[T]):
        """A mapped attribute of type `T`."""

        @overload
        def __get__(self, instance: None, owner: type) -> Path[T]: ...
        @overload
        def __get__(self, instance: object, owner: type) -> T: ...
        def __get__(self, instance: object, owner: type) -> Path[T] | T: ...
        def __set__(self, instance: object, value: T) -> None: ...

else:

    class Attr:
        """A mapped attribute of type `T`: `Attr[int]` is `int` to pydantic and a typed path on the class."""

        def __class_getitem__(cls, item: object) -> object:
            return Annotated[item, cls]


# Every parameter of pydantic.Field may follow, and the result stands for a value of the field's type: as with Field
# itself, `Any` is the only type that suits both sides of `visits: Attr[int] = field(ge=0)`.
def field(
    default: Any = ...,
    *,
    default_factory: Callable[[], Any] | None = None,
    name: str | None = None,
    null: Literal["absent", "store"] = "absent",
    **options: Any,
) -> Any:
    """A field of a model; takes what `pydantic.Field` takes, and two things more.

    `name` is the attribute's name in the table (by default the field's). `null="store"` stores None as DynamoDB's NULL
    instead of leaving the attribute out.

        visits: Attr[int] = field(default=0, ge=0, name="visit_count")

    An option that neither knows is refused with `InvalidModel` when the class is made.
    """
    return _marked(Marker("plain", name, null), default, default_factory, options)


def partition_key(
    default: Any = ..., *, default_factory: Callable[[], Any] | None = None, name: str | None = None, **options: Any
) -> Any:
    """The field that is the table's partition key: text, a number or bytes, at most 2,048 bytes, never empty.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.CoreComponents.html#HowItWorks.CoreComponents.PrimaryKey
    """
    return _marked(Marker("partition_key", name), default, default_factory, options)


def sort_key(
    default: Any = ..., *, default_factory: Callable[[], Any] | None = None, name: str | None = None, **options: Any
) -> Any:
    """The field that is the table's sort key: text, a number or bytes, at most 1,024 bytes, never empty."""
    return _marked(Marker("sort_key", name), default, default_factory, options)


def tenant_key(*, name: str | None = None, **options: Any) -> Any:
    """The field that holds the id of the tenant whose item it is: an `Attr[str]` with which the table's partition key
    and that of every global index begin. Without a `PrimaryKey` it is itself the table's partition key.

        class Order(Model, table="orders"):
            tenant_id: Attr[str] = tenant_key()
            order_id: Attr[str] = sort_key()

    A new instance takes it from the scope it is made in, `with use(db.for_tenant("acme")): Order(order_id="o1")`, and
    raises `TenantRequired` where there is none and none is given. The field's items can be read and written in their
    tenant's scope only. An id has 1 to 256 letters, digits and `_ . : / = + - @`.
    """
    return _marked(Marker("tenant_key", name), ..., tenant_here, options)


def version_number(*, init: Literal[False] = False, name: str | None = None, **options: Any) -> Any:
    """An `Attr[int]` that counts the writes of an item: 0 after `create`, one more with every write. Writes of a loaded
    instance check it and raise `VersionConflict` when someone else was faster."""
    return _marked(Marker("version_number", name), 0, None, options)


def created_timestamp(*, init: Literal[False] = False, name: str | None = None, **options: Any) -> Any:
    """An `Attr[datetime]` that says when the item was created, by the client's clock, in UTC."""
    return _marked(Marker("created_timestamp", name), ..., _now, options)


def updated_timestamp(*, init: Literal[False] = False, name: str | None = None, **options: Any) -> Any:
    """An `Attr[datetime]` that says when the item was last written, by the client's clock, in UTC."""
    return _marked(Marker("updated_timestamp", name), ..., _now, options)


def time_to_live(
    default: Any = ..., *, default_factory: Callable[[], Any] | None = None, name: str | None = None, **options: Any
) -> Any:
    """The time after which DynamoDB may delete the item: an `Attr[datetime]` or `Attr[int]` (or either with None),
    stored as whole seconds since 1970. Items past it read as missing, although DynamoDB deletes them days later.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
    """
    return _marked(Marker("time_to_live", name), default, default_factory, options)


def marker_of(info: FieldInfo) -> Marker:
    """The marker in a field's metadata; a plain one where the field was declared without."""
    for entry in info.metadata:
        if isinstance(entry, Marker):
            return entry
    return _PLAIN


_PLAIN = Marker()


def _now() -> datetime:
    # What an instance shows until it is stored; the stored time is the client's clock at the write.
    return datetime.now(UTC)


@cache
def _field_options() -> frozenset[str]:
    # pydantic.Field takes any keyword, with a warning; a misspelled option should not wait for somebody to read it.
    return frozenset(
        name for name, parameter in signature(Field).parameters.items() if parameter.kind is not Parameter.VAR_KEYWORD
    )


def _marked(
    marker: Marker, default: Any, default_factory: Callable[[], Any] | None, options: dict[str, Any]
) -> FieldInfo:
    unknown = sorted(options.keys() - _field_options()) if options else ()
    if unknown:
        # Refused when the class is made, which knows the field's name and its own.
        marker = replace(marker, unknown=tuple(unknown))
        options = {name: value for name, value in options.items() if name not in unknown}
    info: FieldInfo = (
        Field(default_factory=default_factory, **options) if default_factory else Field(default, **options)
    )
    info.metadata.append(marker)
    return info
