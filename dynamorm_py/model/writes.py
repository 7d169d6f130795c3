"""The verbs that write: from instances, keys and actions to the core's operations.

An operation takes the instance's values when the verb is called. The instance itself changes (version, timestamps, what
it was loaded as) when the write is acknowledged, never before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, overload

from dynamorm_py.core.errors import InvalidKey, InvalidOperation
from dynamorm_py.core.expressions import AttributePath, Condition, Literal
from dynamorm_py.core.records import Record
from dynamorm_py.core.schema import Schema
from dynamorm_py.core.tenancy import check_item, enter_table
from dynamorm_py.core.updates import Action, Add, Assign, Discard, Remove
from dynamorm_py.core.values import same
from dynamorm_py.core.wire import AttributeValue, Call, Conversation, Item, Scope
from dynamorm_py.core.writes import DeleteItem, PutItem, UpdateItem
from dynamorm_py.model.keys import KeyArgument, KeyValue, key_values
from dynamorm_py.model.mapping import snapshot_of
from dynamorm_py.operation import NotAwaitable, WriteOperation

if TYPE_CHECKING:
    from dynamorm_py.model.base import Model
    from dynamorm_py.model.mapping import ModelMapping

M = TypeVar("M", bound="Model")

_ACTIONS = (Assign, Add, Remove, Discard)


def create(instance: M) -> WriteOperation[M]:
    mapping, item = _encoded(instance, "create")
    return WriteOperation(
        PutItem(mapping.schema, item, _stored(instance, mapping), mapping.decode, "create", fresh=True)
    )


def put(instance: M, condition: Condition | None) -> WriteOperation[M]:
    mapping, item = _encoded(instance, "put")
    condition = _checked(condition, mapping.schema, "put")
    before = _snapshot(instance)
    if before is None:
        if mapping.schema.uniques:
            raise InvalidOperation(
                "put() may replace an item whose unique values are not known: use create(), or load the item first",
                model=mapping.schema.model,
                operation="put",
            )
        stored = _stored(instance, mapping)
        return WriteOperation(PutItem(mapping.schema, item, stored, mapping.decode, condition=condition))
    _check_same_key(mapping.schema, before, item, "put")
    created = mapping.schema.created
    kept = {created: before[created]} if created and created in before else {}
    return WriteOperation(
        PutItem(
            mapping.schema,
            {**mapping.unknown(before), **item, **kept},
            _stored(instance, mapping),
            mapping.decode,
            loaded=True,
            expected=_version(mapping.schema, before),
            condition=condition,
            before=mapping.schema.values_by_field(before),
        )
    )


def save(instance: M, condition: Condition | None) -> WriteOperation[M]:
    before = _snapshot(instance)
    mapping, item = _encoded(instance, "save")
    schema = mapping.schema
    condition = _checked(condition, schema, "save")
    if before is None:
        if condition is not None:
            raise InvalidOperation(
                "a new instance is saved where there is no item, so there is nothing that a condition could hold of",
                model=schema.model,
                operation="save",
            )
        return WriteOperation(PutItem(schema, item, _stored(instance, mapping), mapping.decode, "save", fresh=True))
    _check_same_key(schema, before, item, "save")
    key = schema.values_by_field(before)
    changed, removed = mapping.difference(before, item)
    if not changed and not removed:
        return WriteOperation(Unchanged(instance, schema, before))
    actions: list[Action] = [Assign(AttributePath((name,)), Literal(value)) for name, value in changed.items()]
    actions += [Remove(AttributePath((name,))) for name in removed]
    stored = {name: value for name, value in {**before, **changed}.items() if name not in removed}
    return WriteOperation(
        UpdateItem(
            schema,
            {name: key[name] for name in schema.key.fields},
            tuple(actions),
            _saved(instance, mapping, stored),
            "save",
            read=mapping.decode,
            condition=condition,
            checked=True,
            expected=_version(schema, before),
            known=key,
            returns="UPDATED_NEW",
        )
    )


class Unchanged(Record, Generic[M]):
    """A save that has nothing to send."""

    instance: M
    schema: Schema
    item: Item
    verb: str = "save"

    silent = True  # it has nothing to add to a batch or transaction

    def converse(self, scope: Scope) -> Conversation[M]:
        yield from ()  # a conversation, albeit a silent one
        enter_table(self.schema, scope, writes=True)
        check_item(self.schema, scope, self.item)
        return self.instance

    def first_call(self, scope: Scope) -> Call:
        raise InvalidOperation("nothing was changed, so nothing is sent", model=self.schema.model, operation="save")


class Update:
    """`update(key, *actions, condition=, upsert=False)` on the class; `update(*actions, condition=)` on an instance.

    One atomic request, without a read. On the class it returns the new item, and raises `ItemNotFound` where there is
    none, unless `upsert=True`. On an instance it checks the version, and the instance becomes the new item.
    """

    @overload
    def __get__(self, instance: None, owner: type[M]) -> UpdateByKey[M]: ...
    @overload
    def __get__(self, instance: M, owner: type[M]) -> UpdateInstance[M]: ...
    def __get__(self, instance: M | None, owner: type[M]) -> UpdateByKey[M] | UpdateInstance[M]:
        return UpdateByKey(owner) if instance is None else UpdateInstance(instance)

    def __set__(self, instance: object, value: object) -> NoReturn:
        raise AttributeError("update is a verb")


class UpdateByKey(Generic[M]):
    __slots__ = ("_model",)

    def __init__(self, model: type[M]) -> None:
        self._model = model

    @overload
    def __call__(self) -> NotAwaitable: ...  # pyright: ignore[reportOverlappingOverload]  # without a key, on purpose
    @overload
    def __call__(
        self,
        *arguments: KeyArgument | Action,
        condition: Condition | None = ...,
        upsert: bool = ...,
        exactly_once: bool = ...,
        **fields: KeyValue,
    ) -> WriteOperation[M]: ...
    def __call__(
        self,
        *arguments: KeyArgument | Action,
        condition: Condition | None = None,
        upsert: bool = False,
        exactly_once: bool = False,
        **fields: KeyValue,
    ) -> WriteOperation[M] | NotAwaitable:
        """Changes the item with this key in one request, and returns it as it is afterwards.

            user = await User.update("u1", User.visits.add(1), condition=User.visits < 10)

        Where the answer to an action is lost that must not be applied twice (`add`, `append`), the update raises
        `WriteOutcomeUnknown`; with `exactly_once=True` it is sent as a transaction with a token instead, and can be
        repeated, for twice the write units and a read.
        """
        mapping = self._model.__dynamorm_mapping__
        key, actions = _split(arguments, mapping.schema)
        values = key_values(mapping, mapping.schema.key.fields, key, fields, "update")
        _check_removals(mapping, actions)
        if upsert:
            _check_required(mapping, actions)
        return WriteOperation(
            UpdateItem(
                mapping.schema,
                values,
                actions,
                mapping.decode,
                read=mapping.decode,
                condition=_checked(condition, mapping.schema, "update"),
                upsert=upsert,
                exactly_once=exactly_once,
            )
        )


class UpdateInstance(Generic[M]):
    __slots__ = ("_instance",)

    def __init__(self, instance: M) -> None:
        self._instance = instance

    def __call__(self, *actions: Action, condition: Condition | None = None) -> WriteOperation[M]:
        """Changes the item of this instance, which becomes what is stored afterwards. Changes that were made to the
        instance and not saved are lost."""
        instance = self._instance
        mapping = type(instance).__dynamorm_mapping__
        before = _loaded(instance, "update")
        values = mapping.schema.values_by_field(before)
        _split(actions, mapping.schema)
        _check_removals(mapping, actions)

        return WriteOperation(
            UpdateItem(
                mapping.schema,
                {name: values[name] for name in mapping.schema.key.fields},
                actions,
                lambda item: instance._adopt(mapping.decode(item)),
                read=mapping.decode,
                condition=_checked(condition, mapping.schema, "update"),
                checked=True,
                expected=_version(mapping.schema, before),
                known=values,
                unseen=lambda: object.__setattr__(instance, "__dynamorm_snapshot__", Outdated(before)),
            )
        )


class Delete:
    """`delete(key, condition=)` on the class; `delete(condition=)` on an instance, which checks the version."""

    @overload
    def __get__(self, instance: None, owner: type[M]) -> DeleteByKey: ...
    @overload
    def __get__(self, instance: M, owner: type[M]) -> DeleteInstance: ...
    def __get__(self, instance: M | None, owner: type[M]) -> DeleteByKey | DeleteInstance:
        return DeleteByKey(owner) if instance is None else DeleteInstance(instance)

    def __set__(self, instance: object, value: object) -> NoReturn:
        raise AttributeError("delete is a verb")


class DeleteByKey:
    __slots__ = ("_model",)

    def __init__(self, model: type[Model]) -> None:
        self._model = model

    @overload
    def __call__(self) -> NotAwaitable: ...  # pyright: ignore[reportOverlappingOverload]  # without a key, on purpose
    @overload
    def __call__(
        self, *key: KeyArgument, condition: Condition | None = ..., **fields: KeyValue
    ) -> WriteOperation[None]: ...
    def __call__(
        self, *key: KeyArgument, condition: Condition | None = None, **fields: KeyValue
    ) -> WriteOperation[None] | NotAwaitable:
        """Deletes the item with this key; one that is not there is no error, unless the condition demands it."""
        mapping = self._model.__dynamorm_mapping__
        values = key_values(mapping, mapping.schema.key.fields, key, fields, "delete")
        condition = _checked(condition, mapping.schema, "delete")
        return WriteOperation(DeleteItem(mapping.schema, values, mapping.decode, lambda: None, condition=condition))


class DeleteInstance:
    __slots__ = ("_instance",)

    def __init__(self, instance: Model) -> None:
        self._instance = instance

    def __call__(self, *, condition: Condition | None = None) -> WriteOperation[None]:
        """Deletes the item of this instance. Of a versioned model it raises `VersionConflict` where the item was
        written, or deleted, since it was read."""
        instance = self._instance
        mapping = type(instance).__dynamorm_mapping__
        before = _snapshot(instance)
        item = before if before is not None else mapping.encode(instance)
        values = mapping.schema.values_by_field(item)

        def forget() -> None:
            object.__setattr__(instance, "__dynamorm_snapshot__", None)

        return WriteOperation(
            DeleteItem(
                mapping.schema,
                {name: value for name, value in values.items() if name in mapping.schema.key.fields},
                mapping.decode,
                forget,
                condition=_checked(condition, mapping.schema, "delete"),
                checked=before is not None,
                expected=_version(mapping.schema, item) if before is not None else None,
                before=values if before is not None else {},
            )
        )


def _split(arguments: tuple[Any, ...], schema: Schema) -> tuple[tuple[Any, ...], tuple[Action, ...]]:
    """Key values come first, actions after them."""
    key = tuple(argument for argument in arguments if not isinstance(argument, _ACTIONS))
    actions = arguments[len(key) :]
    if not all(isinstance(action, _ACTIONS) for action in actions):
        raise InvalidKey("the key comes first, the actions after it", model=schema.model, operation="update")
    for part in key:
        if isinstance(part, Condition):
            raise InvalidOperation(
                "a condition is given as condition=…, and a change as an action such as set()",
                model=schema.model,
                operation="update",
            )
    return key, actions


def _checked(condition: object, schema: Schema, verb: str) -> Condition | None:
    if condition is None or isinstance(condition, Condition):
        return condition
    raise InvalidOperation(
        f"condition= takes a condition, not {type(condition).__name__}", model=schema.model, operation=verb
    )


def _check_required(mapping: ModelMapping, actions: tuple[Action, ...]) -> None:
    given = {mapping.attributes[name] for name in mapping.schema.key.fields}
    given |= {
        action.path.attribute for action in actions if not isinstance(action, Remove) and len(action.path.segments) == 1
    }
    unset = [
        name
        for name, info in mapping.fields.items()
        if info.is_required()
        and mapping.attributes[name] not in given | mapping.library
        and name not in mapping.optional
    ]
    if unset:
        raise InvalidOperation(
            f"an upsert may create the item, which needs {', '.join(unset)}: set them too",
            model=mapping.schema.model,
            operation="update",
        )


def _check_removals(mapping: ModelMapping, actions: tuple[Action, ...]) -> None:
    """Refuses to take away what the model cannot be read without: the item would be lost to it from then on."""
    removed = {
        action.path.attribute for action in actions if isinstance(action, Remove) and not action.path.segments[1:]
    }
    for name in mapping.indispensable if removed else ():
        if mapping.attributes[name] in removed and name not in mapping.schema.key.fields:
            raise InvalidOperation(
                f"{name} is required, and without it the item could not be read again: set another value",
                model=mapping.schema.model,
                operation="update",
            )


def _encoded(instance: Model, verb: str) -> tuple[ModelMapping, Item]:
    mapping = type(instance).__dynamorm_mapping__
    instance.before_write()
    try:
        return mapping, mapping.encode(instance)
    except InvalidOperation as error:
        raise error.about(mapping.schema.model, verb) from error.__cause__


class Outdated(Record):
    """Takes the place of what an instance was loaded as, once a transaction changed the item and returned nothing."""

    item: Item


def _snapshot(instance: Model) -> Item | None:
    snapshot: Item | Outdated | None = snapshot_of(instance)
    if isinstance(snapshot, Outdated):
        raise InvalidOperation(
            "the item was changed in a transaction, which returns no items: refresh() the instance first",
            model=type(instance).__name__,
        )
    return snapshot


def last_seen(instance: Model) -> Item | None:
    """What the instance was read as or written to, also where a transaction has changed it since."""
    snapshot: Item | Outdated | None = snapshot_of(instance)
    return snapshot.item if isinstance(snapshot, Outdated) else snapshot


def _check_same_key(schema: Schema, before: Item, item: Item, verb: str) -> None:
    was, now = schema.values_by_field(before), schema.values_by_field(item)
    for name in schema.key.fields:
        if not same(was.get(name), now.get(name)):
            raise InvalidOperation(
                f"{name} is part of the key and was changed: store a copy under its new key with create(), and delete "
                "this one",
                model=schema.model,
                operation=verb,
            )


def _loaded(instance: Model, verb: str) -> Item:
    before = _snapshot(instance)
    if before is None:
        raise InvalidOperation(
            "the instance has not been stored yet: create() it first, or update by key on the class",
            model=type(instance).__name__,
            operation=verb,
        )
    return before


def _version(schema: Schema, item: Item) -> int | None:
    value: AttributeValue | None = item.get(schema.version) if schema.version else None
    return int(value["N"]) if value is not None else None


def _stored(instance: M, mapping: ModelMapping) -> Callable[[Item], M]:
    def acknowledge(item: Item) -> M:
        _stamp(instance, mapping, item)
        mapping.remember(instance, item)
        return instance

    return acknowledge


def _saved(instance: M, mapping: ModelMapping, stored: Item) -> Callable[[Item], M]:
    def acknowledge(updated: Item) -> M:
        _stamp(instance, mapping, updated)
        kept = {name: value for name, value in updated.items() if name in mapping.library | mapping.composed}
        mapping.remember(instance, {**stored, **kept})
        return instance

    return acknowledge


def _stamp(instance: Model, mapping: ModelMapping, item: Item) -> None:
    """Shows the version and timestamps that were stored, also on a frozen model."""
    if not mapping.library:
        return
    stamps = mapping.stamps(item)
    vars(instance).update(stamps)
    instance.__pydantic_fields_set__.update(stamps)
