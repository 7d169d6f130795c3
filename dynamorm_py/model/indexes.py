"""The table's key and its indexes, as a model's class body declares them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, NoReturn, TypeAlias, TypeVar, cast, overload

from typing_extensions import TypeVar as DefaultedTypeVar

from dynamorm_py.core.errors import InvalidModel, InvalidOperation
from dynamorm_py.core.records import Record
from dynamorm_py.core.schema import Index
from dynamorm_py.core.wire import AttributeValue
from dynamorm_py.model.keys import KeyArgument, KeyValue, key_values
from dynamorm_py.model.mapping import ModelMapping

if TYPE_CHECKING:
    from dynamorm_py.core.search import Search
    from dynamorm_py.model.base import Model
    from dynamorm_py.query import Query
    from dynamorm_py.views import Partial, ReadModel

M = TypeVar("M", bound="Model")
R = TypeVar("R")

# What an index copies of an item, as type checkers tell indexes apart: all of it, or parts.
Copied: TypeAlias = Literal["ALL", "PARTS"]
C = DefaultedTypeVar("C", bound=Copied, default=Literal["ALL"])


class PrimaryKey(Record):
    """A table's key made of templates: `PrimaryKey("TENANT#{tenant_id}#ORDER", "{placed_at}#{order_id}")`.

    Text in braces names a field, `#` separates, anything else is literal; a bare field name is that field's own
    attribute. `partition_attribute` and `sort_attribute` are the names in the table. `raw=True` writes values as they
    are, for tables that others wrote: such keys neither keep an order nor protect against values that hold a `#`.
    """

    partition_key: str
    sort_key: str | None = None
    partition_attribute: str = "pk"
    sort_attribute: str = "sk"
    raw: bool = False


class GlobalIndex(Record, Generic[C]):
    """A global secondary index: `by_email = GlobalIndex(partition_key="email")`.

    `name` is the index's name in the table, by default that of the class attribute. Keys are field names, templates, or
    tuples of up to four field names (an index with several key attributes). Items that lack one of the fields are not
    in the index. `projection` is "ALL", "KEYS_ONLY" or the names of the fields that the index copies.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html
    """

    name: str | None = None
    partition_key: str | tuple[str, ...] = ()
    sort_key: str | tuple[str, ...] = ()
    projection: Literal["ALL", "KEYS_ONLY"] | tuple[str, ...] = "ALL"
    partition_attribute: str | None = None
    sort_attribute: str | None = None
    raw: bool = False

    kind: ClassVar[Literal["global"]] = "global"

    if TYPE_CHECKING:
        # `projection=` decides what reads return: whole instances, or views.
        @overload
        def __init__(
            self: GlobalIndex[Literal["ALL"]],
            name: str | None = ...,
            partition_key: str | tuple[str, ...] = ...,
            sort_key: str | tuple[str, ...] = ...,
            projection: Literal["ALL"] = ...,
            partition_attribute: str | None = ...,
            sort_attribute: str | None = ...,
            raw: bool = ...,
        ) -> None: ...
        @overload
        def __init__(
            self: GlobalIndex[Literal["PARTS"]],
            name: str | None = ...,
            partition_key: str | tuple[str, ...] = ...,
            sort_key: str | tuple[str, ...] = ...,
            *,
            projection: Literal["KEYS_ONLY"] | tuple[str, ...],
            partition_attribute: str | None = ...,
            sort_attribute: str | None = ...,
            raw: bool = ...,
        ) -> None: ...
        def __init__(self, *arguments: Any, **options: Any) -> None: ...  # the overloads say which

        # The metaclass answers `User.by_email`; this is how type checkers learn what it answers.
        @overload
        def __get__(self: GlobalIndex[Literal["ALL"]], instance: None, owner: type[M]) -> BoundIndex[M, M]: ...
        @overload
        def __get__(
            self: GlobalIndex[Literal["PARTS"]], instance: None, owner: type[M]
        ) -> BoundIndex[M, Partial[M]]: ...
        @overload
        def __get__(self, instance: object, owner: type) -> NoReturn: ...
        def __get__(self, instance: object, owner: type) -> object: ...


class LocalIndex(Record, Generic[C]):
    """A local secondary index: the table's partition key with another sort key, `LocalIndex(sort_key="placed_at")`.

    It can only be created together with its table, and reads from it can be consistent.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LSI.html
    """

    name: str | None = None
    sort_key: str = ""
    projection: Literal["ALL", "KEYS_ONLY"] | tuple[str, ...] = "ALL"
    sort_attribute: str | None = None
    raw: bool = False

    kind: ClassVar[Literal["local"]] = "local"

    if TYPE_CHECKING:
        # `projection=` decides what reads return: whole instances, or views.
        @overload
        def __init__(
            self: LocalIndex[Literal["ALL"]],
            name: str | None = ...,
            sort_key: str = ...,
            projection: Literal["ALL"] = ...,
            sort_attribute: str | None = ...,
            raw: bool = ...,
        ) -> None: ...
        @overload
        def __init__(
            self: LocalIndex[Literal["PARTS"]],
            name: str | None = ...,
            sort_key: str = ...,
            *,
            projection: Literal["KEYS_ONLY"] | tuple[str, ...],
            sort_attribute: str | None = ...,
            raw: bool = ...,
        ) -> None: ...
        def __init__(self, *arguments: Any, **options: Any) -> None: ...  # the overloads say which

        # The metaclass answers `User.by_email`; this is how type checkers learn what it answers.
        @overload
        def __get__(self: LocalIndex[Literal["ALL"]], instance: None, owner: type[M]) -> BoundIndex[M, M]: ...
        @overload
        def __get__(
            self: LocalIndex[Literal["PARTS"]], instance: None, owner: type[M]
        ) -> BoundIndex[M, Partial[M]]: ...
        @overload
        def __get__(self, instance: object, owner: type) -> NoReturn: ...
        def __get__(self, instance: object, owner: type) -> object: ...


class UniqueConstraint(Record):
    """No two items of the model have the same values in these fields; made by `unique()`."""

    fields: tuple[str, ...]
    across_tenants: bool = False


def unique(*fields: str, across_tenants: bool = False) -> UniqueConstraint:
    """A constraint over one or several fields: `emails = unique("email")`.

    Each value that is taken has a small item of its own in the table, written in the same transaction as its owner:
    such writes cost twice the units, and twice the items. Items that lack one of the fields are not constrained. Writes
    raise `NotUnique`; deletes, and updates of these fields, need the loaded instance.

    Of a model with a `tenant_key()` values are unique within their tenant. With `across_tenants=True` they are unique
    over all tenants; since a conflict then tells one tenant what another one has, such items are written through
    `db.across_tenants(reason=…)` only.
    """
    if not fields:
        raise InvalidModel("unique() takes at least one field")
    return UniqueConstraint(fields, across_tenants)


class BoundIndex(Generic[M, R]):
    """An index of the model `M`, which returns `R`: `User.by_email`."""

    __slots__ = ("_index", "_model")

    def __init__(self, model: type[M], index: Index) -> None:
        self._model = model
        self._index = index

    @property
    def name(self) -> str:
        """The index's name in the table."""
        return self._index.name

    def query(self, *key: KeyArgument, **fields: KeyValue) -> Query[R]:
        """The items with this partition key of the index, in the order of its sort key.

        User.by_email.query("b@x.org").limit(20)
        """
        mapping = self._model.__dynamorm_mapping__
        values = key_values(mapping, self._index.key.partition_fields, key, fields, f"{self._index.name}.query")
        return reading(mapping, self._index, values)

    def scan(self, *, segments: int = 1) -> Query[R]:
        """Every item of the index; see `Model.scan`. Items without its key are not in an index, so this is how to read
        just those that have it."""
        return reading(self._model.__dynamorm_mapping__, self._index, segments=segments)

    def __repr__(self) -> str:
        return f"<index {self._model.__name__}.{self._index.name}>"


def reading(
    mapping: ModelMapping,
    index: Index | None,
    values: dict[str, AttributeValue] | None = None,
    *,
    segments: int = 1,
) -> Query[Any]:  # of instances or views, as the index's declaration says
    """The query, or without `values` the scan, of a model's table or index."""
    # A first read by key needs nothing of queries.
    from dynamorm_py.core.search import MAX_SEGMENTS, Search  # noqa: PLC0415
    from dynamorm_py.query import Query  # noqa: PLC0415
    from dynamorm_py.views import Shape  # noqa: PLC0415

    search = Search(mapping.schema, index, values, segments=segments)
    if type(segments) is not int or not 1 <= segments <= MAX_SEGMENTS:
        raise InvalidOperation(
            f"a scan takes 1 to {MAX_SEGMENTS:,} segments, not {segments!r}",
            model=mapping.schema.model,
            operation=search.verb,
        )

    model: ReadModel = cast(Any, mapping)  # pyright does not take a cached property for a property

    def view(search: Search) -> Any:  # of the model's type, which only the declaration knows
        return Shape(model, search.read_paths() or ()).decode

    return Query(search, mapping.decode_all if search.copied is None else view(search), view=view)
