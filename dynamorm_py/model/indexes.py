"""The table's key and its indexes, as a model's class body declares them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, Literal, NoReturn, TypeVar, overload

from dynamorm_py.core.errors import InvalidModel
from dynamorm_py.core.schema import Index
from dynamorm_py.core.search import Search
from dynamorm_py.model.keys import KeyArgument, KeyValue, key_values
from dynamorm_py.query import Query

if TYPE_CHECKING:
    from dynamorm_py.model.base import Model

M = TypeVar("M", bound="Model")


@dataclass(frozen=True, slots=True)
class PrimaryKey:
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


@dataclass(frozen=True, slots=True)
class GlobalIndex:
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
        # The metaclass answers `User.by_email`; this is how type checkers learn what it answers.
        @overload
        def __get__(self, instance: None, owner: type[M]) -> BoundIndex[M]: ...
        @overload
        def __get__(self, instance: object, owner: type) -> NoReturn: ...
        def __get__(self, instance: object, owner: type) -> object: ...


@dataclass(frozen=True, slots=True)
class LocalIndex:
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
        # The metaclass answers `User.by_email`; this is how type checkers learn what it answers.
        @overload
        def __get__(self, instance: None, owner: type[M]) -> BoundIndex[M]: ...
        @overload
        def __get__(self, instance: object, owner: type) -> NoReturn: ...
        def __get__(self, instance: object, owner: type) -> object: ...


@dataclass(frozen=True, slots=True)
class UniqueConstraint:
    """No two items of the model have the same values in these fields; made by `unique()`."""

    fields: tuple[str, ...]


def unique(*fields: str) -> UniqueConstraint:
    """A constraint over one or several fields: `emails = unique("email")`.

    Each value that is taken has a small item of its own in the table, written in the same transaction as its owner:
    such writes cost twice the units, and twice the items. Items that lack one of the fields are not constrained. Writes
    raise `NotUnique`; deletes, and updates of these fields, need the loaded instance.
    """
    if not fields:
        raise InvalidModel("unique() takes at least one field")
    return UniqueConstraint(fields)


class BoundIndex(Generic[M]):
    """An index of a model: `User.by_email`."""

    __slots__ = ("_index", "_model")

    def __init__(self, model: type[M], index: Index) -> None:
        self._model = model
        self._index = index

    @property
    def name(self) -> str:
        """The index's name in the table."""
        return self._index.name

    def query(self, *key: KeyArgument, **fields: KeyValue) -> Query[M]:
        """The items with this partition key of the index, in the order of its sort key.

        User.by_email.query("b@x.org").limit(20)
        """
        mapping = self._model.__dynamorm_mapping__
        values = key_values(mapping, self._index.key.partition_fields, key, fields, f"{self._index.name}.query")
        return Query(Search(mapping.schema, self._index, values), mapping.decode)

    def __repr__(self) -> str:
        return f"<index {self._model.__name__}.{self._index.name}>"
