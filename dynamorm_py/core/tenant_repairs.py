"""Items whose attributes name different tenants: found through the keys of one tenant, and made whole again.

Such an item was written past this library. Where its index key leads into a tenant's partition of an index and its own
key does not, every read of that partition is refused, for as long as it is there. Whose an item is, its own key says:
it is never changed, and what reads and deletes by key goes by it. An index key that says otherwise is a copy gone
wrong, and is removed: the item leaves that index, and its owner's next whole write puts it back under the right key.
Where the tenant attribute itself says otherwise, the item may have been stored in the wrong place: that is for people
to decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, TypeAlias

from dynamorm_py.core.errors import ConditionFailed, DynamormError, InvalidOperation, InvalidValue, TenantViolation
from dynamorm_py.core.operations import target_of
from dynamorm_py.core.records import Record, replace
from dynamorm_py.core.schema import OWNER, Key, Schema
from dynamorm_py.core.table_verification import together
from dynamorm_py.core.tenancy import enter_table
from dynamorm_py.core.tenant_tables import TenantTables
from dynamorm_py.core.tenants import check_tenant
from dynamorm_py.core.values import decode_item
from dynamorm_py.core.wire import Call, Conversation, Item, Repetition, Request, Response, Scope, Target
from dynamorm_py.guard.tables import GuardedTable, Holdings, Mark, Marks

Outcome: TypeAlias = Literal["found", "repaired", "changed meanwhile", "undecided"]

_WORDS: Mapping[Outcome, str] = {
    "found": "to be removed: {names}",
    "repaired": "removed: {names}",
    "changed meanwhile": "changed since it was read, and left as it is: {names}",
    "undecided": "to be decided by people, since the tenant attribute and the key name different tenants: {names}",
}


class Finding(Record):
    """One item: its `table` (the physical name), its `key`, and the `attributes` that name another tenant than the key,
    or pass it off as the sentinel of a unique constraint (`$owner`), which reads pass over.

    `outcome` is "found" (a repair would remove them), "repaired", "changed meanwhile" (between reading and writing:
    look again), or "undecided" (nothing is changed: the tenant attribute is among them).
    """

    table: str
    key: Mapping[str, object]
    attributes: tuple[str, ...]
    outcome: Outcome

    def __str__(self) -> str:
        key = ", ".join(f"{name}={value!r}" for name, value in self.key.items())
        return f"{self.table}({key}): {_WORDS[self.outcome].format(names=', '.join(self.attributes))}"


class RepairReport(Record):
    """What a repair found, and what became of it; `print(report)` says it in words. It holds keys, and nothing else of
    what is stored."""

    findings: tuple[Finding, ...]

    def of(self, outcome: Outcome) -> tuple[Finding, ...]:
        """The findings of one outcome."""
        return tuple(finding for finding in self.findings if finding.outcome == outcome)

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings)) or "nothing to repair"


class Repair(Record):
    """Finds, and unless it is a dry run repairs, the items of models' tables that stand in a tenant's way."""

    schemas: tuple[Schema, ...]
    tenant: str
    dry_run: bool
    verb: str = "repair"

    def first_call(self, scope: Scope) -> Call:
        return next(place.call({}) for table in self._tables(scope) for place in table.places())

    def converse(self, scope: Scope) -> Conversation[RepairReport]:
        findings: list[Finding] = []
        for table in self._tables(scope):
            torn: dict[str, _Torn] = {}
            for place in table.places():
                for key in (yield from table.suspects(place)):
                    found = yield from table.look_at(key)
                    if found is not None:
                        torn[repr(sorted(key.items()))] = found
            for each in torn.values():
                finding = each.finding if self.dry_run else (yield from table.repaired(each))
                findings.append(finding)
        return RepairReport(tuple(findings))

    def _tables(self, scope: Scope) -> list[_Table]:
        if not self.schemas:
            raise InvalidOperation("name the models whose tables are meant", operation=self.verb)
        tables: dict[str, _Table] = {}
        try:
            for given in self.schemas:
                for schema in given.members.values() or (given,):
                    name = scope.prefix + schema.table
                    if name not in tables:
                        tables[name] = _table(name, together(schema), check_tenant(self.tenant), scope)
        except DynamormError as error:
            raise error.about(operation=self.verb) from error.__cause__
        return list(tables.values())


class _Place(Record):
    """Where a tenant's reads look: a partition of the table or of one of its global indexes, or all of it, by a Scan,
    where partition keys have further fields."""

    table: str
    index: str | None
    mark: Mark
    partition: str | None

    def call(self, start: Item) -> Call:
        names, values = {"#key": self.mark.name}, {":own": {"S": self.partition or self.mark.exact}}
        request: Request = {"TableName": self.table, "ExpressionAttributeNames": names}
        request["ExpressionAttributeValues"] = values
        if self.index is not None:
            request["IndexName"] = self.index
        if start:
            request["ExclusiveStartKey"] = start
        target = Target(self.table, self.index)
        if self.partition is not None:
            request["KeyConditionExpression"] = "#key = :own"
            return Call("Query", request, (target,))
        values |= {f":b{number}": {"S": text} for number, text in enumerate(self.mark.beginnings)}
        terms = ["#key = :own", *(f"begins_with(#key, :b{number})" for number in range(len(self.mark.beginnings)))]
        request["FilterExpression"] = " OR ".join(terms)
        return Call("Scan", request, (target,))


class _Torn(Record):
    """An item as it was read, and what is wrong about it."""

    item: Item
    finding: Finding


class _Table(Record):
    """One physical table, and the tenant that is looked for in it."""

    name: str
    schemas: tuple[Schema, ...]
    guarded: GuardedTable
    marks: Marks

    @property
    def schema(self) -> Schema:
        return self.schemas[0]

    def places(self) -> Iterator[_Place]:
        keys = [schema.key for schema in self.schemas]
        yield from self._places(None, self.marks.partition, keys)
        for index in self.guarded.indexes:
            declared = [schema.indexes[index] for schema in self.schemas if index in schema.indexes]
            if declared[0].kind == "global":
                yield from self._places(index, self.marks.of_index(index), [each.key for each in declared])

    def _places(self, index: str | None, mark: Mark, keys: Iterable[Key]) -> Iterator[_Place]:
        partitions: set[str] = set()
        for key in keys:
            field, *further = key.partition_fields
            if further:
                yield _Place(self.name, index, mark, None)
                return
            values = {field: {"S": self.marks.tenant.exact}} if self.marks.tenant else {}
            (leading,) = key.partition
            partitions.add(leading.value(values)["S"])
        for partition in sorted(partitions):
            yield _Place(self.name, index, mark, partition)

    def suspects(self, place: _Place) -> Conversation[list[Item]]:
        """The keys of items in a place that are not wholly the tenant's, as far as the place shows."""
        found: list[Item] = []
        start: Item = {}
        while True:
            response: Response = yield place.call(start)
            found += [self.schema.key.of(item) for item in response.get("Items", ()) if not self._is_whole(item)]
            start = response.get("LastEvaluatedKey") or {}
            if not start:
                return found

    def _is_whole(self, item: Item) -> bool:
        if _poses(item, self.marks):
            return False
        marks = (self.marks.partition, *self.marks.optional)
        return all(mark.owns(item[mark.name]) for mark in marks if mark.name in item)

    def look_at(self, key: Item) -> Conversation[_Torn | None]:
        """The item itself: an index shows a part of it, and shows it late."""
        request: Request = {"TableName": self.name, "Key": key, "ConsistentRead": True}
        item: Item | None = (yield Call("GetItem", request, target_of(self.schema, self.name, key))).get("Item")
        if item is None:
            return None
        owner = self._owner(item)
        tenant = self.guarded.tenant_attribute
        if owner is None:
            wrong = [mark.name for mark in self.marks.optional if mark.name in item]
        else:
            wrong = [mark.name for mark in owner.optional if mark.name in item and not mark.owns(item[mark.name])]
            wrong += [OWNER] if _poses(item, owner) else []
        if not wrong:
            return None
        undecided = owner is None or tenant in wrong
        outcome: Outcome = "undecided" if undecided else "found"
        return _Torn(item, Finding(self.name, decode_item(key), tuple(dict.fromkeys(wrong)), outcome))

    def repaired(self, torn: _Torn) -> Conversation[Finding]:
        """Removes the wrong index keys, if they still are what was seen."""
        finding = torn.finding
        if finding.outcome != "found":
            return finding
        key = self.schema.key.of(torn.item)
        names = {f"#n{number}": name for number, name in enumerate(finding.attributes)}
        request: Request = {
            "TableName": self.name,
            "Key": key,
            "UpdateExpression": "REMOVE " + ", ".join(names),
            "ConditionExpression": " AND ".join(f"#n{number} = :v{number}" for number in range(len(names))),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {
                f":v{number}": torn.item[name] for number, name in enumerate(finding.attributes)
            },
        }
        try:
            yield Call("UpdateItem", request, target_of(self.schema, self.name, key), Repetition.SETTLED)
        except ConditionFailed:
            return replace(finding, outcome="changed meanwhile")
        return replace(finding, outcome="repaired")

    def _owner(self, item: Item) -> Marks | None:
        """What the items of the tenant look like whose key this is; None where the key is no tenant's."""
        partition = self.guarded.partition
        text = item[partition.name].get("S", "") if partition is not None else ""
        if partition is None or not text.startswith(partition.prefix):
            return None
        rest = text[len(partition.prefix) :]
        try:
            owner = check_tenant(rest if partition.whole else rest.partition("#")[0])
        except InvalidValue:
            return None
        return Holdings(owner, {self.name: self.guarded}.get).own(self.name)


def _poses(item: Item, owner: Marks) -> bool:
    """Whether an item has the mark of a sentinel, which hides it from reads, without being one by its key."""
    return OWNER in item and not owner.is_sentinel(item)


def _table(name: str, schemas: tuple[Schema, ...], tenant: str, scope: Scope) -> _Table:
    known = TenantTables()
    for schema in schemas:
        if schema.tenant is None:
            raise InvalidOperation("it has no tenant_key(), so nothing in it names a tenant", model=schema.model)
        enter_table(schema, scope)
        known.admit(schema, scope.prefix)
    guarded = known.get(name)
    if guarded is None:
        raise TenantViolation(f"{name} is no table of tenants")
    return _Table(name, schemas, guarded, Holdings(tenant, known.get).own(name))
