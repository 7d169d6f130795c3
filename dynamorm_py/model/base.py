"""`Model`, and the metaclass that makes `User.visits` a path."""

# ruff: noqa: N805  # the first argument of a metaclass's method is a class

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast, dataclass_transform, overload

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from dynamorm_py.core.errors import InvalidKey, InvalidModel
from dynamorm_py.core.operations import GetItem, not_found
from dynamorm_py.core.schema import Schema
from dynamorm_py.fields.declaration import (
    created_timestamp,
    field,
    marker_of,
    partition_key,
    sort_key,
    time_to_live,
    updated_timestamp,
    version_number,
)
from dynamorm_py.model.deferred import Deferred
from dynamorm_py.model.indexes import BoundIndex, GlobalIndex, LocalIndex, PrimaryKey, UniqueConstraint, reading
from dynamorm_py.model.keys import KeyArgument, KeyValue, key_values
from dynamorm_py.model.mapping import ModelMapping, snapshot_of
from dynamorm_py.model.relatives import Relatives
from dynamorm_py.model.schema_builder import Declarations
from dynamorm_py.operation import NotAwaitable, Operation, WriteOperation

if TYPE_CHECKING:
    # What a first read does not need is imported by the verbs that do: it would make a cold start half as long again.
    from dynamorm_py.core.batches import Progress
    from dynamorm_py.core.expressions import Condition
    from dynamorm_py.model.writes import Delete, Update
    from dynamorm_py.query import Query

# Verbs, builders and hooks: a field of that name would hide one, or be hidden.
RESERVED = frozenset(
    [
        "after_read",
        "batch_get",
        "before_write",
        "check",
        "create",
        "delete",
        "get",
        "get_or_raise",
        "put",
        "query",
        "refresh",
        "save",
        "scan",
        "transact_get",
        "update",
    ]
)

if TYPE_CHECKING:
    # pydantic's metaclass has no public name, and type checkers cannot follow an expression as a base class.
    from pydantic._internal._model_construction import ModelMetaclass as PydanticMeta
else:
    PydanticMeta = type(BaseModel)

_building = threading.local()


_relatives = Relatives(lambda: Model)


class _Cell:
    """Holds a class's mapping, which exists only once the class does."""

    __slots__ = ("mapping",)

    def __init__(self) -> None:
        self.mapping: ModelMapping | None = None


@dataclass_transform(
    kw_only_default=True,
    field_specifiers=(
        field,
        partition_key,
        sort_key,
        version_number,
        created_timestamp,
        updated_timestamp,
        time_to_live,
    ),
)
class ModelMeta(PydanticMeta):
    """Collects keys and indexes from the class body, and answers `User.visits` and `User.by_email`.

    While any model class is being built it answers nothing: pydantic reads inherited fields with `getattr(cls, name)`,
    and a path would become the field's default.
    """

    __dynamorm_declared__: Mapping[str, PrimaryKey | GlobalIndex | LocalIndex | UniqueConstraint]
    __dynamorm_cell__: _Cell  # every class has its own

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        table: str | None = None,
        shared: bool | None = None,
        **options: Any,
    ) -> Any:
        own = {key: namespace.pop(key) for key, value in list(namespace.items()) if isinstance(value, _DECLARATIONS)}
        if name != "Model":
            _refuse_verbs(namespace, name)
        namespace["__dynamorm_declared__"] = {**_inherited(bases, own), **own}
        namespace["__dynamorm_cell__"] = _Cell()
        if table is not None:
            namespace["__dynamorm_table__"] = table
        if shared is not None:
            namespace["__dynamorm_shared__"] = shared
        depth = getattr(_building, "depth", 0)
        _building.depth = depth + 1
        try:
            cls: Any = super().__new__(mcs, name, bases, namespace, **options)  # a model class, which is only now one
            if not cls.__pydantic_fields_complete__:
                # pydantic looks for names in the frame that called it, which is this one; the class stands above it.
                cls.model_rebuild(raise_errors=False, _types_namespace=sys._getframe(1).f_locals)
        except TypeError as error:
            strange = options.keys() - ConfigDict.__annotations__.keys()
            if strange and "keyword argument" in str(error):
                raise InvalidModel(f"class {name}(…) got {', '.join(sorted(strange))}=, which nothing takes") from error
            raise
        finally:
            _building.depth = depth
        _refuse_mistakes(cls)
        _relatives.made()
        if cls.__dynamorm_table__ is not None and cls.__pydantic_fields_complete__:
            _ = cls.__dynamorm_mapping__.schema
        return cls

    if not TYPE_CHECKING:
        # Type checkers learn from the descriptors (`Attr`, `GlobalIndex`) what a class answers; there is nothing else.
        def __getattr__(cls, name: str) -> object:
            if not name.startswith("_") and not getattr(_building, "depth", 0):
                if name in cls.__dict__.get("__dynamorm_declared__", {}):
                    return cls._declared(name)
                if name in (cls.__dict__.get("__pydantic_fields__") or {}):
                    return cls.__dynamorm_mapping__.paths[name]
            try:
                return super().__getattr__(name)
            except AttributeError:
                raise AttributeError(f"{cls.__name__} has no field or index {name!r}", name=name, obj=cls) from None

    def _declared(cls, name: str) -> object:
        declaration = cls.__dynamorm_declared__[name]
        if isinstance(declaration, PrimaryKey | UniqueConstraint):
            return declaration
        return BoundIndex(cast(Any, cls), cls.__dynamorm_mapping__.index(name))

    @property
    def __dynamorm_mapping__(cls) -> ModelMapping:
        cell = cls.__dynamorm_cell__
        if cell.mapping is None:
            _complete(cls)
            declared = cls.__dynamorm_declared__
            keys = [value for value in declared.values() if isinstance(value, PrimaryKey)]
            if len(keys) > 1:
                raise InvalidModel("two PrimaryKeys are declared: a table has one", model=cls.__name__)
            indexes = {key: value for key, value in declared.items() if isinstance(value, GlobalIndex | LocalIndex)}
            uniques = {key: value for key, value in declared.items() if isinstance(value, UniqueConstraint)}
            model: Any = cls
            shared: bool = model.__dynamorm_shared__
            declarations = Declarations(keys[0] if keys else None, indexes, uniques, shared, _relatives)
            cell.mapping = ModelMapping(model, model.__dynamorm_table__, declarations)
            _relatives.made()  # it may be complete only now
        return cell.mapping

    if not TYPE_CHECKING:
        # `Model` tells type checkers: they do not look behind a metaclass's property when they compare with a protocol.
        @property
        def __dynamorm_schema__(cls) -> Schema:
            return cls.__dynamorm_mapping__.schema


def _refuse_verbs(namespace: Mapping[str, Any], model: str) -> None:
    # Since Python 3.14 a class body's annotations are a function's business, but what `field()` made is there by name.
    declared = {name for name, value in namespace.items() if isinstance(value, FieldInfo)}
    for name in RESERVED & {*namespace.get("__annotations__", ()), *declared}:
        raise InvalidModel(
            f'{name} is the name of a verb: rename the field, and keep the attribute\'s name with field(name="{name}")',
            model=model,
        )


def _complete(cls: Any) -> None:
    """Resolves names of classes that were defined after this one."""
    if not cls.__pydantic_fields_complete__:
        cls.model_rebuild(raise_errors=False)
    if not cls.__pydantic_fields_complete__:
        raise InvalidModel(
            "a field's type names what is not defined yet: define it, or call "
            f"{cls.__name__}.model_rebuild() where it is",
            model=cls.__name__,
        )


def _refuse_mistakes(cls: Any) -> None:
    """Refuses what would hide a verb or a field, or be hidden by one, and misspelled options of fields."""
    own = cls.__dynamorm_declared__
    for name in RESERVED & {*cls.model_fields, *own} if cls.__module__ != __name__ else ():
        raise InvalidModel(f"{name} is the name of a verb: give the field or index another one", model=cls.__name__)
    for name in cls.model_fields.keys() & own.keys():
        raise InvalidModel(f"{name} is a field, and a key or an index too: rename one of them", model=cls.__name__)
    for name, info in cls.model_fields.items():
        marker = marker_of(info)
        if marker.unknown:
            role, unknown = "field" if marker.role == "plain" else marker.role, ", ".join(marker.unknown)
            raise InvalidModel(
                f"{name}: {role}() got {unknown}, which neither it nor pydantic.Field knows", model=cls.__name__
            )


def _inherited(bases: tuple[type, ...], own: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the bases declare. A table has one key, so a class's own replaces theirs, whatever the two are called."""
    declared: dict[str, Any] = {}
    for base in reversed(bases):
        declared |= getattr(base, "__dynamorm_declared__", {})
    if any(isinstance(value, PrimaryKey) for value in own.values()):
        declared = {name: value for name, value in declared.items() if not isinstance(value, PrimaryKey)}
    return declared


_DECLARATIONS = (PrimaryKey, GlobalIndex, LocalIndex, UniqueConstraint)


class Model(BaseModel, metaclass=ModelMeta):
    """An item of a table, as a pydantic model.

        class User(Model, table="users"):
            user_id: Attr[str] = partition_key()
            email: Attr[str]
            visits: Attr[int] = field(default=0, ge=0)
            by_email = GlobalIndex(partition_key="email")

    A class without `table=` is a base or a nested document: it has fields and paths, and no verbs that work. Verbs
    return operations, which do nothing until they are awaited, run on a client, or put into a batch or transaction.
    """

    # Beside pydantic's private attributes, which would take part in `==`: what the instance was read as.
    __slots__ = ("__dynamorm_snapshot__",)

    # Validators are built at first use: a cold start pays for the models it uses.
    model_config = ConfigDict(defer_build=True)

    __dynamorm_table__: ClassVar[str | None] = None
    __dynamorm_shared__: ClassVar[bool] = False

    if TYPE_CHECKING:
        __dynamorm_mapping__: ClassVar[ModelMapping]
        __dynamorm_schema__: ClassVar[Schema]

    # Reading

    @overload
    @classmethod
    def get(cls) -> NotAwaitable: ...  # pyright: ignore[reportOverlappingOverload]  # without a key, on purpose
    @overload
    @classmethod
    def get(
        cls, *key: KeyArgument, consistent: bool = ..., include_expired: bool = ..., **fields: KeyValue
    ) -> Operation[Self | None]: ...
    @classmethod
    def get(
        cls, *key: KeyArgument, consistent: bool = False, include_expired: bool = False, **fields: KeyValue
    ) -> Operation[Self | None] | NotAwaitable:
        """The item with this key, or None.

        user = await User.get("u1")
        order = await Order.get("t1", "o1", consistent=True)
        order = await Order.get(tenant_id="t1", order_id="o1")
        """
        return Operation(cls._read("get", key, fields, consistent, include_expired, lambda key: None))

    @overload
    @classmethod
    def get_or_raise(cls) -> NotAwaitable: ...  # pyright: ignore[reportOverlappingOverload]  # without a key, on purpose
    @overload
    @classmethod
    def get_or_raise(
        cls, *key: KeyArgument, consistent: bool = ..., include_expired: bool = ..., **fields: KeyValue
    ) -> Operation[Self]: ...
    @classmethod
    def get_or_raise(
        cls, *key: KeyArgument, consistent: bool = False, include_expired: bool = False, **fields: KeyValue
    ) -> Operation[Self] | NotAwaitable:
        """The item with this key; raises `ItemNotFound`."""
        missing = not_found(cls.__dynamorm_schema__, "get_or_raise")
        return Operation(cls._read("get_or_raise", key, fields, consistent, include_expired, missing))

    @classmethod
    def query(cls, *key: KeyArgument, **fields: KeyValue) -> Query[Self]:
        """The items with this partition key, in the order of the sort key.

        async for order in Order.query("t1").where(Order.placed_at >= monday).limit(20): ...
        """
        mapping = cls.__dynamorm_mapping__
        values = key_values(mapping, mapping.schema.key.partition_fields, key, fields, "query")
        found: Query[Self] = reading(mapping, None, values)
        return found

    @classmethod
    def scan(cls, *, segments: int = 1) -> Query[Self]:
        """Every item of the table, in no order. It reads, and bills, all of it, whatever is filtered.

        async for user in User.scan().filter(User.visits > 10): ...
        everybody = await User.scan(segments=8).all()

        With several segments (1 to 1,000,000), that many parts of the table are read side by side, at most 16 requests
        at a time. Iteration then takes one page of each part at a step, so nothing is read ahead and the memory it
        needs is that of those pages; a page's cursor goes on in all parts. `limit()`, `first()`, `one()` and `exists()`
        are for one segment.
        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html#Scan.ParallelScan
        """
        found: Query[Self] = reading(cls.__dynamorm_mapping__, None, segments=segments)
        return found

    @classmethod
    def batch_get(
        cls,
        keys: Iterable[KeyArgument | tuple[KeyValue, ...]],
        *,
        consistent: bool = False,
        include_expired: bool = False,
        concurrency: int = 4,
        attempts: int = 8,
        progress: Progress | None = None,
    ) -> Operation[list[Self | None]]:
        """The items with these keys, in their order, None where there is none; 100 a request, several at once.

            users = await User.batch_get(["u1", "u2"])
            orders = await Order.batch_get([("t1", "o1"), {"tenant_id": "t1", "order_id": "o2"}])

        A key that is given twice is read once. What DynamoDB leaves unread is asked for again, up to `attempts` times
        without progress, and then listed in `UnprocessedItems.remaining`.
        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
        """
        from dynamorm_py.batch import pace_of  # noqa: PLC0415
        from dynamorm_py.core.batches import BatchGet  # noqa: PLC0415

        if isinstance(keys, str | bytes | bytearray | Mapping):
            # Each can be iterated, into something that looks like keys and is none.
            raise InvalidKey(
                f"batch_get() takes a list of keys, not one {type(keys).__name__}",
                model=cls.__name__,
                operation="batch_get",
            )
        mapping = cls.__dynamorm_mapping__
        given = tuple(keys)
        names = mapping.schema.key.fields
        values = tuple(
            [key_values(mapping, names, key if isinstance(key, tuple) else (key,), {}, "batch_get") for key in given]
        )
        read: GetItem[Self | None] = GetItem(
            mapping.schema,
            {},
            mapping.decode,
            lambda key: None,
            "batch_get",
            consistent=consistent,
            include_expired=include_expired,
        )
        pace = pace_of(concurrency, attempts, progress, "batch_get")
        return Operation(BatchGet(read, values, given, mapping.decode_all, pace))

    # Writing

    @classmethod
    def check(cls, *key: KeyArgument, condition: Condition, **fields: KeyValue) -> WriteOperation[None]:
        """A condition on an item, as a member of a `transact_write`.

        await transact_write(User.check("u1", condition=User.active.is_true()), order.create())
        """
        from dynamorm_py.core.writes import CheckItem  # noqa: PLC0415

        mapping = cls.__dynamorm_mapping__
        values = key_values(mapping, mapping.schema.key.fields, key, fields, "check")
        return WriteOperation(CheckItem(mapping.schema, values, condition, mapping.decode))

    def create(self) -> WriteOperation[Self]:
        """Stores a new item; raises `ItemAlreadyExists` where one has its key."""
        from dynamorm_py.model.writes import create  # noqa: PLC0415

        return create(self)

    def put(self, *, condition: Condition | None = None) -> WriteOperation[Self]:
        """Stores the item whole, replacing what is there. A loaded instance of a versioned model raises
        `VersionConflict` if the item was written since, and a new one if the item has a version already."""
        from dynamorm_py.model.writes import put  # noqa: PLC0415

        return put(self, condition)

    def save(self, *, condition: Condition | None = None) -> WriteOperation[Self]:
        """Stores a new instance as `create` does, and of a loaded one what was changed since; of nothing changed,
        nothing is sent. Raises `VersionConflict` (versioned models) or `ItemNotFound` where the item is gone."""
        from dynamorm_py.model.writes import save  # noqa: PLC0415

        return save(self, condition)

    update: ClassVar[Update] = cast(Any, Deferred("dynamorm_py.model.writes", "Update"))
    delete: ClassVar[Delete] = cast(Any, Deferred("dynamorm_py.model.writes", "Delete"))

    def refresh(self) -> Operation[Self]:
        """Reads the item again, consistently, into this instance; raises `ItemNotFound`."""
        from dynamorm_py.model.writes import last_seen  # noqa: PLC0415

        mapping = type(self).__dynamorm_mapping__
        before = last_seen(self)
        key = mapping.schema.values_by_field(mapping.encode(self) if before is None else before)

        missing = not_found(mapping.schema, "refresh")
        return Operation(
            GetItem(
                mapping.schema, key, lambda item: self._adopt(mapping.decode(item)), missing, "refresh", consistent=True
            )
        )

    # Hooks

    def before_write(self) -> None:
        """Called before `create`, `put` and `save` take the instance's values: override it to set derived fields, or
        raise to refuse the write."""

    def after_read(self) -> None:
        """Called on every instance that was read: override it to prepare what is not stored."""

    # Copies carry what was read

    def __copy__(self) -> Self:
        return self._carry(super().__copy__())

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return self._carry(super().__deepcopy__(memo))

    def __getstate__(self) -> dict[Any, Any]:
        return {**super().__getstate__(), "__dynamorm_snapshot__": snapshot_of(self)}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        rest = dict(state)
        snapshot = rest.pop("__dynamorm_snapshot__", None)
        super().__setstate__(rest)
        if snapshot is not None:
            object.__setattr__(self, "__dynamorm_snapshot__", snapshot)

    def _carry(self, copy: Self) -> Self:
        snapshot = snapshot_of(self)
        if snapshot is not None:
            object.__setattr__(copy, "__dynamorm_snapshot__", snapshot)
        return copy

    def _adopt(self, other: Self) -> Self:
        self.__setstate__(other.__getstate__())
        return self

    @classmethod
    def _read(
        cls,
        verb: str,
        key: tuple[KeyArgument, ...],
        fields: Mapping[str, KeyValue],
        consistent: bool,
        include_expired: bool,
        missing: Any,
    ) -> GetItem[Any]:
        mapping = cls.__dynamorm_mapping__
        values = key_values(mapping, mapping.schema.key.fields, key, fields, verb)
        return GetItem(
            mapping.schema,
            values,
            mapping.decode,
            missing,
            verb,
            consistent=consistent,
            include_expired=include_expired,
        )
