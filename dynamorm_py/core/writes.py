"""The operations that write one item.

Each compiles to one request, with the conditions that keep what was not read from being overwritten. A write that has
to keep unique constraints, or must not be applied twice, is sent as a transaction of its own.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast
from typing import Literal as LiteralType

from dynamorm_py.core.errors import (
    ConditionFailed,
    DynamormError,
    IncompleteIndexKey,
    InvalidOperation,
    InvalidValue,
    ItemAlreadyExists,
    ItemNotFound,
    ServiceError,
    TenantViolation,
    VersionConflict,
)
from dynamorm_py.core.expressions import (
    AttributePath,
    Comparison,
    Condition,
    Constant,
    Function,
    Literal,
    all_of,
    compile_condition,
)
from dynamorm_py.core.keys import check_key_value
from dynamorm_py.core.operations import ByKey, Prepared, SingleItem, never_settled, target_of
from dynamorm_py.core.placeholders import Placeholders
from dynamorm_py.core.records import Record, field
from dynamorm_py.core.schema import OWNER, KeyAttribute, Schema, Unique
from dynamorm_py.core.tenancy import check_item, enter_table, keys_of_relatives
from dynamorm_py.core.uniqueness import check_key, claims, unchanged
from dynamorm_py.core.updates import (
    Action,
    Arithmetic,
    Assign,
    IfNotExists,
    Remove,
    action_paths,
    compile_update,
    literals_in,
    repeats_harmlessly,
)
from dynamorm_py.core.values import MAX_DEPTH, MAX_ITEM_SIZE, decode_item, depth_of, encode, item_size, same, size_bound
from dynamorm_py.core.wire import AttributeValue, Call, Conversation, Item, Repetition, Request, Scope

T = TypeVar("T")

# A version to check: a number, or "absent" for an item that was read without one.
Expected = int | None
Returns = LiteralType["ALL_NEW", "UPDATED_NEW"]

_LEADS_NOWHERE = "document path provided in the update expression is invalid"


class PutItem(Record, SingleItem[T]):
    """Writes a whole item. `fresh` demands that none is there (`create`); `loaded` says that the item was read before,
    with `expected` as its version; `acknowledge` gets the item as it was stored."""

    schema: Schema
    item: Item
    acknowledge: Callable[[Item], T]
    read: Callable[[Item], object]
    verb: str = "put"
    fresh: bool = False
    loaded: bool = False
    expected: Expected = None
    condition: Condition | None = None
    before: Mapping[str, AttributeValue] = field(default_factory=dict)

    def _prepare(self, scope: Scope) -> Prepared[T]:
        schema = self.schema
        table = enter_table(schema, scope, writes=True)
        item = self._stored(scope)
        check_item(schema, scope, item)
        size = size_bound(item)
        if size > MAX_ITEM_SIZE:
            _check_size(item)
        request: Request = {"TableName": table, "Item": item}
        condition = all_of(self._guard(scope), self.condition)
        _write_condition(request, condition, Placeholders(), schema)

        def refused(error: ConditionFailed) -> DynamormError:
            kind: type[ConditionFailed] = ConditionFailed
            if self.fresh:
                kind = ItemAlreadyExists
            elif schema.version and not _has_version(schema, error.item, self.expected if self.loaded else None):
                kind = VersionConflict
            return condition_failed(self, kind, error, schema.key.of(item))

        key = schema.key.of(item)
        check_key(schema, key)
        call = Call("PutItem", request, target_of(schema, table, item), _repetition(condition), key, size)
        after = schema.values_by_field(item) if schema.uniques else {}
        return Prepared(
            call,
            lambda response: self.acknowledge(item),
            refused,
            lambda found: found is not None and same({"M": found}, {"M": item}),
            tuple(claims(schema, scope, table, key, self.before, after, renew=self.loaded)) if schema.uniques else (),
        )

    def _stored(self, scope: Scope) -> Item:
        schema = self.schema
        item = dict(self.item)
        if schema.version:
            following = 0 if self.expected is None or not self.loaded else self.expected + 1
            item[schema.version] = {"N": str(following)}
        if schema.created or schema.updated:
            now = encode(scope.now())
            if schema.created and not (self.loaded and schema.created in item):
                item[schema.created] = now
            if schema.updated:
                item[schema.updated] = now
        if schema.entity:
            item[schema.entity[0]] = {"S": schema.entity[1]}
        return schema.with_keys(item)

    def _guard(self, scope: Scope) -> Condition | None:
        schema = self.schema
        if self.fresh:
            absent: Condition = Function("attribute_not_exists", _partition(schema))
            return absent | _is_past(schema.time_to_live, scope.now()) if schema.time_to_live else absent
        if schema.version:
            return version_check(schema.version, self.expected if self.loaded else None)
        return all_of(*unchanged(schema, self.before)) if self.loaded else None


def _check_size(item: Item) -> None:
    size = item_size(item)
    if size > MAX_ITEM_SIZE:
        raise InvalidValue(
            f"the item has {size} bytes, most of them in {_largest(item)}, and DynamoDB takes at most "
            f"{MAX_ITEM_SIZE} (400 KB)"
        )


class UpdateItem(Record, ByKey[T]):
    """Changes attributes of one item without reading it. `decode` gets the item as it is afterwards, or, where only the
    changed attributes are returned, those; `read` gets the item that failed a condition.

    `known` holds field values that the caller read before, for composite index keys; `checked` says that `expected` is
    the version those were read with.
    """

    schema: Schema
    key: Mapping[str, AttributeValue]
    actions: tuple[Action, ...]
    decode: Callable[[Item], T]
    verb: str = "update"
    read: Callable[[Item], object] = decode_item
    condition: Condition | None = None
    upsert: bool = False
    checked: bool = False
    expected: Expected = None
    known: Mapping[str, AttributeValue] = field(default_factory=dict)
    returns: Returns = "ALL_NEW"
    exactly_once: bool = False
    unseen: Callable[[], None] | None = None

    def _prepare(self, scope: Scope) -> Prepared[T]:
        schema = self.schema
        table = enter_table(schema, scope, writes=True)
        key = schema.key_from(self.key)
        check_key(schema, key)
        schema.check_paths(path for action in self.actions for path in action_paths(action))
        _check_protected(schema, self.actions)
        _check_values(schema, self.actions)
        stamps = tuple(self._stamps(scope))
        derived, relied = self._index_keys(stamps)
        actions = (*self.actions, *derived, *stamps, *(self._key_fields() if self.upsert else ()))
        if not actions:
            raise InvalidOperation("an update needs at least one action")
        placeholders = Placeholders()
        request: Request = {"TableName": table, "Key": key, "ReturnValues": self.returns}
        if schema.tenant is not None:
            request["ReturnValues"] = "ALL_NEW"  # with its key, which tells whose the answer is
        request["UpdateExpression"] = compile_update(actions, placeholders)
        companions = self._companions(scope, table, key)
        condition = all_of(self._guard(), relied, self._unique_guard(companions), self.condition)
        _write_condition(request, condition, placeholders, schema)
        fenced = self.checked and schema.version is not None
        repeatable = fenced or repeats_harmlessly(actions)

        def refused(error: ConditionFailed) -> DynamormError:
            return self._refused(error, key)

        call = Call(
            "UpdateItem",
            request,
            target_of(schema, table, key),
            _repetition(condition) if repeatable else Repetition.HARMFUL,
        )
        return Prepared(
            call,
            lambda response: self.decode(response.get("Attributes") or literals(actions)),
            refused,
            lambda found: found is not None and _shows(found, actions, schema, self.expected if fenced else None),
            companions,
            self.exactly_once,
            Call("GetItem", {"TableName": table, "Key": key, "ConsistentRead": True}, call.targets)
            if self.returns == "ALL_NEW"
            else None,
            self.unseen,
        )

    def _companions(self, scope: Scope, table: str, key: Item) -> tuple[tuple[Unique, Call], ...]:
        schema = self.schema
        if not schema.uniques:
            return ()
        written = _final_values(schema, self.actions)
        unique = {name for constraint in schema.uniques for name in constraint.fields}
        touched = written.keys() & unique
        if not touched:
            return ()
        named = ", ".join(sorted(touched))
        if not self.known:
            raise InvalidOperation(
                f"{named} has to be unique, and a change releases the value it had: load the instance and update that"
            )
        if any(written[name] is False for name in touched):
            raise InvalidOperation(f"{named} has to be unique, so it is changed by a plain set() or remove() only")
        after = {name: value for name, value in self.known.items() if written.get(name, True) is not None}
        after |= {name: value for name, value in written.items() if isinstance(value, dict)}
        return tuple(claims(schema, scope, table, key, self.known, after))

    def _unique_guard(self, companions: tuple[tuple[Unique, Call], ...]) -> Condition | None:
        if not companions or (self.checked and self.schema.version):
            return None
        return all_of(*unchanged(self.schema, self.known))

    def _guard(self) -> Condition | None:
        schema = self.schema
        exists = None if self.upsert else Function("attribute_exists", _partition(schema))
        if self.checked and schema.version:
            # Where the version is demanded to have a value, the item has to be there anyway.
            check = version_check(schema.version, self.expected)
            return check if self.expected is not None else all_of(exists, check)
        return exists

    def _stamps(self, scope: Scope) -> Iterator[Action]:
        schema = self.schema
        if schema.version:
            path = AttributePath((schema.version,))
            before = IfNotExists(path, Literal({"N": "-1"}))
            following = (
                Literal({"N": str(self.expected + 1)})
                if self.checked and self.expected is not None
                else Arithmetic(before, "+", Literal({"N": "1"}))
            )
            yield Assign(path, following)
        if schema.created or schema.updated:
            now = Literal(encode(scope.now()))
            if schema.created and self.upsert:
                path = AttributePath((schema.created,))
                yield Assign(path, IfNotExists(path, now))
            if schema.updated:
                yield Assign(AttributePath((schema.updated,)), now)

    def _key_fields(self) -> Iterator[Action]:
        # Fields behind a composite key are stored as plain attributes too, also by an update that creates the item.
        schema = self.schema
        for attribute in schema.key.attributes:
            if attribute.template is not None:
                for name in attribute.fields:
                    yield Assign(AttributePath((schema.fields[name],)), Literal(self.key[name]))
        if schema.entity:
            yield Assign(AttributePath((schema.entity[0],)), Literal({"S": schema.entity[1]}))

    def _index_keys(self, stamps: Sequence[Action]) -> tuple[list[Action], Condition | None]:
        """The actions that keep composite index keys true, and the condition that what they rest on still holds."""
        schema = self.schema
        written = _final_values(schema, (*self.actions, *stamps))
        actions: dict[str, Action] = {}
        relied: dict[str, AttributeValue | None] = {}
        for index, attribute in schema.index_attributes:
            if attribute.template is None or attribute.name in {*actions, *schema.key.names}:
                continue
            path = AttributePath((attribute.name,))
            if not written.keys() & set(attribute.fields):
                # No action writes a key's fields, and yet they are new where an upsert creates the item.
                if self.upsert and attribute.complete(self.key):
                    actions[attribute.name] = Assign(path, Literal(attribute.value(self.key)))
                continue
            lacking = [name for name in attribute.fields if self._lacks(name, written)]
            if lacking:
                if not written.keys() & set(lacking):
                    relied[lacking[0]] = None
                actions[attribute.name] = Remove(path)
                continue
            values = {
                name: self._field_value(name, written, index.name, attribute, relied) for name in attribute.fields
            }
            actions[attribute.name] = Assign(path, Literal(attribute.value(values)))
        if self.checked and schema.version:
            return list(actions.values()), None  # the version covers everything that was read
        return list(actions.values()), all_of(*(_still(schema.fields[name], value) for name, value in relied.items()))

    def _lacks(self, name: str, written: Mapping[str, AttributeValue | bool | None]) -> bool:
        """Whether the item is known to be without a field once the actions are carried out."""
        if name in written:
            return written[name] is None
        return bool(self.known) and name not in self.known and name not in self.key

    def _field_value(
        self,
        name: str,
        written: Mapping[str, AttributeValue | bool | None],
        index: str,
        attribute: KeyAttribute,
        relied: dict[str, AttributeValue | None],
    ) -> AttributeValue:
        value = written.get(name)
        if isinstance(value, dict):
            return value
        if value is None and name in self.key:
            return self.key[name]
        if value is None and name in self.known:
            relied[name] = self.known[name]
            return self.known[name]
        changed = ", ".join(sorted(written.keys() & set(attribute.fields)))
        why = "is changed by more than a plain set()" if value is not None else "is not known"
        raise IncompleteIndexKey(
            f"changing {changed} changes the key of index {index}, for which {name} {why}: "
            f"set {name} in the same update, or save a loaded instance"
        )

    def _explained(self, error: DynamormError) -> DynamormError:
        # DynamoDB does not say which path leads nowhere, nor that it creates no maps and lists on the way.
        if isinstance(error, ServiceError) and error.code == "ValidationException" and _LEADS_NOWHERE in error.message:
            parents = dict.fromkeys(
                str(AttributePath(action.path.segments[:-1]))
                for action in self.actions
                if len(action.path.segments) > 1
            )
            error.message = (
                f"{error.message}: the item has no {' or no '.join(parents)} to change a part of; set it whole"
            )
        return error

    def _refused(self, error: ConditionFailed, key: Item) -> DynamormError:
        schema = self.schema
        versioned = self.checked and schema.version is not None
        if error.item is None and not self.upsert and not versioned:
            return ItemNotFound("no item has this key", model=schema.model, operation=self.verb, key=decode_item(key))
        if versioned and not _has_version(schema, error.item, self.expected):
            return condition_failed(self, VersionConflict, error, key)
        return condition_failed(self, ConditionFailed, error, key)


class DeleteItem(Record, ByKey[None]):
    """Deletes one item. An absent item is no error unless a condition, or the version that was read, demands it."""

    schema: Schema
    key: Mapping[str, AttributeValue]
    read: Callable[[Item], object]
    acknowledge: Callable[[], None]
    verb: str = "delete"
    condition: Condition | None = None
    checked: bool = False
    expected: Expected = None
    before: Mapping[str, AttributeValue] = field(default_factory=dict)

    def _prepare(self, scope: Scope) -> Prepared[None]:
        schema = self.schema
        table = enter_table(schema, scope, writes=True)
        if schema.uniques and not self.before:
            raise InvalidOperation(
                "the model has unique constraints: delete a loaded instance, so that its values are released"
            )
        key = schema.key_from(self.key)
        check_key(schema, key)
        request: Request = {"TableName": table, "Key": key}
        versioned = self.checked and schema.version is not None
        guard = version_check(cast(str, schema.version), self.expected) if versioned else None
        if versioned and self.expected is None:
            guard = all_of(Function("attribute_exists", _partition(schema)), guard)
        if schema.uniques and not versioned:
            guard = all_of(*unchanged(schema, self.before))
        condition = all_of(guard, self.condition)
        _write_condition(request, condition, Placeholders(), schema)

        def refused(error: ConditionFailed) -> DynamormError:
            if versioned and not _has_version(schema, error.item, self.expected):
                return condition_failed(self, VersionConflict, error, key)
            return condition_failed(self, ConditionFailed, error, key)

        call = Call("DeleteItem", request, target_of(schema, table, key), _repetition(condition))
        companions = tuple(claims(schema, scope, table, key, self.before, {}))
        return Prepared(call, lambda response: self.acknowledge(), refused, lambda found: found is None, companions)


class CheckItem(Record, ByKey[None]):
    """A condition on one item, as a member of a transaction. It cannot be sent alone."""

    schema: Schema
    key: Mapping[str, AttributeValue]
    condition: Condition
    read: Callable[[Item], object]
    verb: str = "check"

    def _prepare(self, scope: Scope) -> Prepared[None]:
        schema = self.schema
        table = enter_table(schema, scope)
        key = schema.key_from(self.key)
        request: Request = {"TableName": table, "Key": key}
        _write_condition(request, self.condition, Placeholders(), schema)
        if "ConditionExpression" not in request:
            raise InvalidOperation("the condition always holds, so there is nothing to check")
        return Prepared(
            Call("ConditionCheck", request, target_of(schema, table, key)),
            lambda response: None,
            lambda error: condition_failed(self, ConditionFailed, error, key),
            never_settled,
        )

    def converse(self, scope: Scope) -> Conversation[None]:
        yield from ()  # a conversation, albeit one that never begins
        raise self._alone()

    def first_call(self, scope: Scope) -> Call:
        raise self._alone()

    def _alone(self) -> InvalidOperation:
        return InvalidOperation(
            "a check is part of a transaction: give it to transact_write()",
            model=self.schema.model,
            operation=self.verb,
        )


def _still(attribute: str, value: AttributeValue | None) -> Condition:
    """That an attribute is as it was read, None for one that was absent."""
    path = AttributePath((attribute,))
    return Function("attribute_not_exists", path) if value is None else Comparison(path, "=", Literal(value))


def version_check(attribute: str, expected: Expected) -> Condition:
    path = AttributePath((attribute,))
    if expected is None:
        return Function("attribute_not_exists", path)
    return Comparison(path, "=", Literal({"N": str(expected)}))


def condition_failed(
    operation: PutItem[Any] | UpdateItem[Any] | DeleteItem | CheckItem,
    kind: type[ConditionFailed],
    error: ConditionFailed,
    key: Item,
) -> ConditionFailed:
    """The error as the caller sees it: of the right kind, with the model's view of the item that stood in the way."""
    messages = {
        ItemAlreadyExists: "an item with this key exists already",
        VersionConflict: "the item was changed or deleted since it was read",
        ConditionFailed: "the condition was not met",
    }
    failed = kind(
        messages[kind],
        code=error.code,
        status=error.status,
        request_id=error.request_id,
        model=operation.schema.model,
        operation=operation.verb,
        key=decode_item(key),
    )
    failed.item = None if error.item is None else operation.read(error.item)
    return failed


def _write_condition(request: Request, condition: Condition | None, placeholders: Placeholders, schema: Schema) -> None:
    if isinstance(condition, Constant):
        if not condition.holds:
            raise InvalidOperation("the condition can never hold: it asks for a value out of an empty list")
        condition = None
    if condition is not None:
        schema.check_paths(condition.paths())
        request["ConditionExpression"] = compile_condition(condition, placeholders)
        request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    placeholders.write_into(request)


def _repetition(condition: Condition | None) -> Repetition:
    return Repetition.HARMLESS if condition is None else Repetition.SETTLED


def _partition(schema: Schema) -> AttributePath:
    return AttributePath((schema.key.partition[0].name,))


def _is_past(attribute: str, now: datetime) -> Condition:
    return Comparison(AttributePath((attribute,)), "<=", Literal({"N": str(int(now.timestamp()))}))


def _has_version(schema: Schema, item: Item | None, expected: Expected) -> bool:
    found = item.get(cast(str, schema.version)) if item else None
    if item is None:
        return False
    return same(found, None if expected is None else {"N": str(expected)})


def _check_protected(schema: Schema, actions: Sequence[Action]) -> None:
    others = keys_of_relatives(schema)
    for action in actions:
        attribute = action.path.attribute
        if attribute in schema.unchangeable:
            raise _kept(attribute, schema)
        if attribute in others:
            raise TenantViolation(f"{attribute} is a key of another model on the table, and no action can change it")


def _kept(attribute: str, schema: Schema) -> InvalidOperation:
    name = schema.field_names.get(attribute)
    if attribute in schema.key.names or name in schema.key.fields:
        return InvalidOperation(
            f"{name or attribute} is part of the key, which an update cannot change: delete the item and create it anew"
        )
    if attribute == OWNER or attribute in schema.library:
        return InvalidOperation(f"{attribute} is kept by the library: no action can change it")
    return InvalidOperation(f"{attribute} is composed from other fields: change those instead")


def _check_values(schema: Schema, actions: Sequence[Action]) -> None:
    indexed = {attribute.name: attribute for _, attribute in schema.index_attributes if attribute.template is None}
    written: Item = {}
    for action in actions:
        if not isinstance(action, Assign):
            continue
        for literal in literals_in(action.value):
            _check_depth(action.path, literal.value)
        if not isinstance(action.value, Literal):
            continue
        written[str(action.path)] = action.value.value
        attribute = indexed.get(action.path.attribute)
        if attribute is not None and len(action.path.segments) == 1:
            check_key_value(action.value.value, attribute.fields[0], attribute.type, attribute.limit)
    size = item_size(written)
    if size > MAX_ITEM_SIZE:
        raise InvalidValue(
            f"the update sets {size} bytes, most of them in {_largest(written)}, and an item has at most "
            f"{MAX_ITEM_SIZE} (400 KB)"
        )


def _largest(item: Item) -> str:
    return max(item, key=lambda name: item_size({name: item[name]}))


def _check_depth(path: AttributePath, value: AttributeValue) -> None:
    # A step into a list or map takes one of its own levels from what the value may have.
    if len(path.segments) - 1 + depth_of(value) > MAX_DEPTH:
        raise InvalidValue(
            f"{path}: DynamoDB stores at most {MAX_DEPTH} lists and maps inside each other, counted from the item; "
            "flatten the value or store JSON"
        )


def _final_values(schema: Schema, actions: Sequence[Action]) -> dict[str, AttributeValue | bool | None]:
    """For every field that the actions touch: its value afterwards, None where it is removed, False where unknown."""
    values: dict[str, AttributeValue | bool | None] = {}
    for action in actions:
        name = schema.field_names.get(action.path.attribute)
        if name is None:
            continue
        whole = len(action.path.segments) == 1
        if whole and isinstance(action, Remove):
            values[name] = None
        elif whole and isinstance(action, Assign) and isinstance(action.value, Literal):
            values[name] = action.value.value
        else:
            values[name] = False
    return values


def literals(actions: Sequence[Action]) -> Item:
    """What the actions set to plain values: all that is known of the item where no answer carries it."""
    return {
        action.path.attribute: action.value.value
        for action in actions
        if isinstance(action, Assign) and isinstance(action.value, Literal) and len(action.path.segments) == 1
    }


def _shows(found: Item, actions: Sequence[Action], schema: Schema, expected: Expected) -> bool:
    """Whether an item is what these actions leave behind, as far as literals tell. With a version that was checked,
    the version that follows it must be there: nobody else could have written that one with these values."""
    told = False
    for action in actions:
        if len(action.path.segments) != 1:
            continue
        value = found.get(action.path.attribute)
        if isinstance(action, Remove) and value is not None:
            return False
        if isinstance(action, Assign) and isinstance(action.value, Literal):
            told = True
            if not same(value, action.value.value):
                return False
    if expected is not None:
        return _has_version(schema, found, expected + 1)
    return told
