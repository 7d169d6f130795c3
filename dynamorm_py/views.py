"""`Partial`: what a read returns that does not bring whole items.

A projection, or an index that copies only some attributes, leaves fields out. Filling them with a model's defaults
would invent data, so such reads return views: what was read has the model's types, anything else raises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, Generic, NoReturn, Protocol, TypeVar

from dynamorm_py.core.coverage import Coverage
from dynamorm_py.core.errors import FieldNotRead, InvalidItem
from dynamorm_py.core.expressions import AttributePath
from dynamorm_py.core.operations import GetItem
from dynamorm_py.core.schema import Schema
from dynamorm_py.core.values import decode_item, same
from dynamorm_py.core.wire import Item
from dynamorm_py.fields.codecs import ABSENT, FieldCodec
from dynamorm_py.fields.paths import Path
from dynamorm_py.operation import Operation

M = TypeVar("M")
T = TypeVar("T")


class ReadModel(Protocol):
    """A model class, as far as a view needs it."""

    @property
    def schema(self) -> Schema: ...
    @property
    def codecs(self) -> Mapping[str, FieldCodec]: ...
    @property
    def hidden(self) -> frozenset[str]:
        """The fields that a repr leaves out."""
        ...

    def decode(self, item: Item) -> Any: ...  # the model's instance; its type is the caller's
    def composed_fields(self, item: Item) -> Item:
        """The attributes of the fields that an item's composed keys tell."""
        ...


class Shape:
    """What one read brings of every item of a model: `paths`, and the fields that its composed keys tell."""

    def __init__(self, model: ReadModel, paths: tuple[AttributePath, ...]) -> None:
        schema = model.schema
        self.model = model
        read = {path.segments[0] for path in paths if len(path.segments) == 1}
        told = (
            AttributePath((schema.fields[name],))
            for part in schema.composed()
            if part.name in read
            for name in part.fields
            if schema.fields[name] not in read
        )
        whole = tuple(dict.fromkeys(told))
        names = {path.attribute for path in whole}
        self.coverage = Coverage((*(path for path in paths if path.attribute not in names), *whole))

    def decode(self, items: Sequence[Item]) -> list[Partial[Any]]:
        """The views of items; raises `InvalidItem` where a value does not fit its field."""
        return [Partial(self, item) for item in items]

    @cached_property
    def fields(self) -> Mapping[str, str]:
        """The attributes of the fields that are read whole, by field name."""
        fields = self.model.schema.fields.items()
        return {name: attribute for name, attribute in fields if self.coverage.covers(AttributePath((attribute,)))}

    def values(self, item: Item) -> dict[str, object]:
        """The fields that are read whole and that the item has, or whose absence reads as None or an empty set."""
        codecs = self.model.codecs
        values: dict[str, object] = {}
        for name, attribute in self.fields.items():
            value = self._about(item, lambda: codecs[name].decode(item.get(attribute)))  # noqa: B023 (called at once)
            if value is not ABSENT:
                values[name] = value
        return values

    def value(self, item: Item, path: Path[Any, Any]) -> object:
        """What stands at a path; raises `FieldNotRead`."""
        schema, target = self.model.schema, path._path
        schema.check_paths((target,))
        if not self.coverage.covers(target):
            raise self.not_read(target)
        value = self._about(item, lambda: path._codec.decode(self.coverage.value(item, target)))
        if value is ABSENT:
            raise FieldNotRead(f"{target} was read, but the item does not have it", model=schema.model)
        return value

    def not_read(self, path: AttributePath) -> FieldNotRead:
        inside = ", ".join(str(read) for read in self.coverage.inside(path))
        found = f"only {inside} of it was" if inside else "project() it, or load() the item"
        return FieldNotRead(f"{path} was not read: {found}", model=self.model.schema.model)

    def _about(self, item: Item, decode: Callable[[], object]) -> object:
        try:
            return decode()
        except InvalidItem as error:
            key = {name: value for name, value in item.items() if name in self.model.schema.key.names}
            raise error.about(self.model.schema.model, None, decode_item(key)) from error.__cause__


class Partial(Generic[M]):
    """A read-only view of an item of the model `M` that was read in part.

        async for view in User.by_email.query("b@x.org").project(User.visits, User.address[Address.city]):
            view[User.visits]                   # an int, to type checkers too
            view[User.address[Address.city]]    # a part of a field
            view.visits                         # the same, untyped
            view.missing                        # {"email", "address", …}
            user = await view.load()            # the whole item

    What was not read raises `FieldNotRead`, which is an `AttributeError`. So does what was read but is not in the item:
    defaults are the model's, not the item's. An absent attribute reads as None, or as an empty set, where the model
    itself would read it so. The fields of the key are always there. A field called `present`, `missing`, `key` or
    `load` is found by its path: `view[User.key]`.
    """

    __slots__ = ("_item", "_shape", "_values")

    _item: Item
    _shape: Shape
    _values: dict[str, object]

    def __init__(self, shape: Shape, item: Item) -> None:
        # What composed keys tell comes first, so that a field's own attribute wins.
        told = {**shape.model.composed_fields(item), **item}
        for name, value in (("_shape", shape), ("_item", told), ("_values", shape.values(told))):
            object.__setattr__(self, name, value)

    @property
    def present(self) -> frozenset[str]:
        """The names of the fields that the view holds."""
        return frozenset(self._values)

    @property
    def missing(self) -> frozenset[str]:
        """The names of the fields that the view does not hold, or not as a whole."""
        return frozenset(self._shape.model.schema.fields.keys() - self._values.keys())

    @property
    def key(self) -> Mapping[str, object]:
        """The fields of the table's key, by name: what `get` takes. Raises `InvalidItem` where the item's key is none
        that the model writes."""
        schema = self._shape.model.schema
        lacking = [name for name in schema.key.fields if name not in self._values]
        if lacking:
            # Not an AttributeError: Python would take that for "there is no `key`", and ask `__getattr__`.
            raise InvalidItem(f"the item's key does not tell {', '.join(lacking)}", model=schema.model)
        return MappingProxyType({name: self._values[name] for name in schema.key.fields})

    def load(self, *, consistent: bool = False) -> Operation[M | None]:
        """Reads the whole item from the table; None where it is gone by now."""
        model = self._shape.model
        values = model.schema.values_by_field(self._item)
        key = {name: values[name] for name in model.schema.key.fields if name in values}
        return Operation(GetItem(model.schema, key, model.decode, _gone, "load", consistent=consistent))

    def __getitem__(self, path: Path[T]) -> T:
        value: Any = self._shape.value(self._item, path)  # the path's codec has validated it
        return value  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:  # `view[path]` is the typed way
        if name.startswith("_") or name not in self._shape.model.schema.fields:
            raise AttributeError(f"{self._shape.model.schema.model} has no field {name}")
        return self._field(name)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a view is read-only: load() the item to change it")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a view is read-only: load() the item to change it")

    # `view[path]` would make Python try `view[0]`, `view[1]`, … for a loop.
    __iter__ = None

    def __eq__(self, other: object) -> bool:
        """Whether both views are of one model, and hold the same values of the same paths."""
        if not isinstance(other, Partial):
            return NotImplemented
        mine, theirs = self._shape, other._shape
        return (
            mine.model is theirs.model
            and set(mine.coverage.paths) == set(theirs.coverage.paths)
            and self._values == other._values
            and same({"M": self._rest()}, {"M": other._rest()})
        )

    # A view may hold what cannot be hashed, as an instance of a model may.
    __hash__ = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        hidden = self._shape.model.hidden
        values = ", ".join(f"{name}={value!r}" for name, value in self._values.items() if name not in hidden)
        return f"Partial[{self._shape.model.schema.model}]({values})"

    def __copy__(self) -> Partial[M]:
        return self

    def __deepcopy__(self, memo: object) -> Partial[M]:
        return self

    def _field(self, name: str) -> object:
        if name in self._values:
            return self._values[name]
        path = AttributePath((self._shape.model.schema.fields[name],))
        if not self._shape.coverage.covers(path):
            raise self._shape.not_read(path)
        raise FieldNotRead(f"{name} was read, but the item does not have it", model=self._shape.model.schema.model)

    def _rest(self) -> Item:
        """What was read in part."""
        whole = set(self._shape.fields.values())
        return {name: value for name, value in self._item.items() if name not in whole}


def _gone(key: Item) -> None:
    return None
