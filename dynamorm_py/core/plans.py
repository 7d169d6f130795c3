"""The difference between models and live tables: as a plan in words, and as the requests that make it smaller.

What `UpdateTable` takes, and how much of it at a time:
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html

Nothing is dropped unless it is named. A plan is a value, and tables change: applying one looks at the tables again.
What was done meanwhile is skipped; a difference that the plan does not have is refused, before anything is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from dynamorm_py.core.errors import InvalidOperation, ServiceError, TableInUse
from dynamorm_py.core.schema import Index, Projection, Schema
from dynamorm_py.core.table_descriptions import IndexDescription, TableDescription, TableKey, described, key_of, look_at
from dynamorm_py.core.table_settings import Provisioned, TableSettings, stream_specification, throughput
from dynamorm_py.core.tables import (
    TableDefinition,
    creation,
    deletion,
    describe,
    description_call,
    finish_creation,
    index_request,
    is_active,
    tables_of,
    time_to_live_update,
    told,
    wait,
)
from dynamorm_py.core.wire import Call, Conversation, Repetition, Request, Response, Scope, Target

ChangeKind: TypeAlias = Literal[
    "table missing",
    "key differs",
    "index missing",
    "index extra",
    "index differs",
    "billing",
    "stream",
    "time to live",
    "deletion protection",
]

_WORDS: dict[ChangeKind, str] = {
    "table missing": "does not exist",
    "key differs": "its key is {found}, and its models have {wanted}; a key never changes",
    "index missing": "does not exist: {wanted}",
    "index extra": "is not an index of these models: {found}",
    "index differs": "is {found}, and its models have {wanted}",
    "billing": "billing is {found}, and becomes {wanted}",
    "stream": "the stream is {found}, and becomes {wanted}",
    "time to live": "the time to live is {found}, and becomes {wanted}",
    "deletion protection": "deletion protection is {found}, and becomes {wanted}",
}


@dataclass(frozen=True, slots=True)
class TableChange:
    """One difference. `needs` is the argument of `apply_tables` that has to name it, None where it is made without;
    `wanted` and `found` are in words."""

    table: str
    kind: ChangeKind
    index: str | None = None
    wanted: str | None = None
    found: str | None = None
    needs: Literal["drop_indexes", "drop_tables"] | None = None

    @property
    def name(self) -> str:
        """What `drop_indexes` or `drop_tables` names: "table/index", or "table"."""
        return f"{self.table}/{self.index}" if self.index and self.needs != "drop_tables" else self.table

    def __str__(self) -> str:
        subject = f"{self.table}/{self.index}" if self.index else self.table
        return f"{subject}: {_WORDS[self.kind].format(wanted=self.wanted, found=self.found)}{self._remedy()}"

    def _remedy(self) -> str:
        if self.needs == "drop_tables":
            reason = "; local indexes come and go with their table" if self.index else ""
            return (
                f'{reason}; stays so, unless drop_tables names "{self.name}": deleted with all items, and created anew'
            )
        if self.needs == "drop_indexes":
            again = ": dropped, and created anew" if self.kind == "index differs" else ""
            return f'; stays so, unless drop_indexes names "{self.name}"{again}'
        return "; is created" if self.kind in ("table missing", "index missing") else ""


@dataclass(frozen=True, slots=True)
class PlannedTable:
    """One table of a plan: what its models make of it, and in what the live one differs."""

    definition: TableDefinition
    changes: tuple[TableChange, ...]


@dataclass(frozen=True, slots=True, repr=False)
class TablePlan:
    """In what live tables differ from their models, table by table; `print(plan)` says it in words. An empty plan is
    false."""

    tables: tuple[PlannedTable, ...]

    @property
    def changes(self) -> tuple[TableChange, ...]:
        """All differences, in the order in which they are made."""
        return tuple(change for table in self.tables for change in table.changes)

    @property
    def is_empty(self) -> bool:
        """Whether the live tables are as the models want them."""
        return not self.changes

    def __bool__(self) -> bool:
        return not self.is_empty

    def __str__(self) -> str:
        names = ", ".join(table.definition.name for table in self.tables)
        return "\n".join(map(str, self.changes)) or f"nothing to change: {names}"

    def __repr__(self) -> str:
        return f"<TablePlan of {len(self.changes)} changes: {[(each.name, each.kind) for each in self.changes]}>"


@dataclass(frozen=True, slots=True)
class PlanTables:
    """Compares the models' tables with the live ones; changes nothing."""

    schemas: tuple[Schema, ...]
    settings: TableSettings | None = None
    verb: str = "plan_tables"

    def first_call(self, scope: Scope) -> Call:
        return description_call(tables_of(self.schemas, scope, self.settings)[0].name)

    def converse(self, scope: Scope) -> Conversation[TablePlan]:
        planned = []
        for table in tables_of(self.schemas, scope, self.settings):
            table.create_request()  # what could not be created is not planned for
            planned.append(PlannedTable(table, differences(table, (yield from look_at(table, self.verb)))))
        return TablePlan(tuple(planned))


@dataclass(frozen=True, slots=True)
class ApplyTables:
    """Makes the changes of a plan, one at a time, each to its end; the result is the plan of what is left.

    `drop_indexes` and `drop_tables` name what may be dropped, as the plan does. `polls` bounds each wait, None as
    everywhere.
    """

    plan: TablePlan
    drop_indexes: tuple[str, ...] = ()
    drop_tables: tuple[str, ...] = ()
    polls: int | None = None
    verb: str = "apply_tables"

    def first_call(self, scope: Scope) -> Call:
        self._check_names()
        if not self.plan.tables:
            raise InvalidOperation("the plan has no tables")
        return description_call(self.plan.tables[0].definition.name)

    def converse(self, scope: Scope) -> Conversation[TablePlan]:
        self._check_names()
        works = [_Work(planned.definition, self.verb, self.polls) for planned in self.plan.tables]
        for work, planned in zip(works, self.plan.tables, strict=True):
            yield from self._check_current(work, planned)
        left = []
        for work in works:
            live = yield from work.settled()
            for change in differences(work.table, live):
                if self._may(change) and change in differences(work.table, live):
                    yield from work.make(change, live)
                    live = yield from look_at(work.table, self.verb)
            left.append(PlannedTable(work.table, differences(work.table, live)))
        return TablePlan(tuple(left))

    def _check_current(self, work: _Work, planned: PlannedTable) -> Conversation[None]:
        for change in differences(work.table, (yield from work.settled())):
            if change not in planned.changes:
                raise InvalidOperation(
                    f"the table has changed since the plan was made, so plan again: {change}",
                    model=", ".join(work.table.models),
                    operation=self.verb,
                )

    def _may(self, change: TableChange) -> bool:
        named = {"drop_indexes": self.drop_indexes, "drop_tables": self.drop_tables}
        return change.needs is None or change.name in named[change.needs]

    def _check_names(self) -> None:
        for argument, names in (("drop_indexes", self.drop_indexes), ("drop_tables", self.drop_tables)):
            known = dict.fromkeys(change.name for change in self.plan.changes if change.needs == argument)
            for name in names:
                if name not in known:
                    raise InvalidOperation(
                        f"{argument} names {name!r}, and the plan has no such change: it knows "
                        + (", ".join(map(repr, known)) or "none"),
                        operation=self.verb,
                    )


@dataclass(frozen=True, slots=True)
class EnsureTables:
    """Creates the models' tables that do not exist; of those that do, checks that the models can work with them."""

    schemas: tuple[Schema, ...]
    settings: TableSettings | None = None
    verb: str = "ensure_tables"

    def first_call(self, scope: Scope) -> Call:
        return description_call(tables_of(self.schemas, scope, self.settings)[0].name)

    def converse(self, scope: Scope) -> Conversation[None]:
        missing = []
        for table in tables_of(self.schemas, scope, self.settings):
            live = yield from describe(table.name)
            if live is not None and live.get("TableStatus") == "DELETING":
                yield from wait(table.name, "gone", lambda description: description is None)
                live = None
            if live is None:
                missing.append((table, creation(table)))
            else:
                yield from self._check(table, live)
        made = []
        for table, call in missing:
            if (yield from self._created(table, call)):
                made.append(table)
        for table in made:
            yield from finish_creation(table, self.verb)
        for table, _ in missing:
            if table not in made:
                yield from self._check(table, None)

    def _created(self, table: TableDefinition, call: Call) -> Conversation[bool]:
        try:
            yield from told(table, self.verb, call)
        except TableInUse:
            # Another process was faster; its table is checked as one that was there before.
            return False
        return True

    def _check(self, table: TableDefinition, live: Response | None) -> Conversation[None]:
        if not _is_created(live):
            yield from wait(table.name, "created", _is_created)
            live = yield from describe(table.name)
        unfit = [
            change
            for change in differences(table, None if live is None else described(live, table.time_to_live))
            if change.kind in ("table missing", "key differs", "index missing", "index differs")
        ]
        if unfit:
            raise InvalidOperation(
                "the table does not fit its models; plan_tables() and apply_tables() tell and make the changes: "
                + "\n".join(map(str, unfit)),
                model=", ".join(table.models),
                operation=self.verb,
            )


def differences(table: TableDefinition, live: TableDescription | None) -> tuple[TableChange, ...]:
    """In what a live table, None where there is none, differs; in the order in which it is to be changed."""
    if live is None or live.status == "DELETING":
        return (TableChange(table.name, "table missing"),)
    wanted = key_of(table.key)
    if wanted != live.key:
        # Nothing else of such a table can be of use to its models.
        return (TableChange(table.name, "key differs", None, str(wanted), str(live.key), "drop_tables"),)
    return (*_index_differences(table, live), *_setting_differences(table, live))


def _index_differences(table: TableDefinition, live: TableDescription) -> Iterator[TableChange]:
    found = {index.name: index for index in live.indexes if index.status != "DELETING"}
    wanted = {index.name: index for index in table.indexes}
    for name, index in found.items():
        if name not in wanted:
            yield _index_change(table, "index extra", None, index)
    for name, declared in wanted.items():
        if name in found and not _same(declared, found[name]):
            yield _index_change(table, "index differs", declared, found[name])
    for name, declared in wanted.items():
        if name not in found:
            yield _index_change(table, "index missing", declared, None)


def _index_change(
    table: TableDefinition, kind: ChangeKind, declared: Index | None, found: IndexDescription | None
) -> TableChange:
    needs: Literal["drop_indexes", "drop_tables"] | None = None if kind == "index missing" else "drop_indexes"
    if any(index is not None and index.kind == "local" for index in (declared, found)):
        needs = "drop_tables"
    name = declared.name if declared else found.name if found else None
    return TableChange(
        table.name,
        kind,
        name,
        None if declared is None else _words(declared.kind, key_of(declared.key), declared.projection),
        None if found is None else _words(found.kind, found.key, found.projection),
        needs,
    )


def _setting_differences(table: TableDefinition, live: TableDescription) -> Iterator[TableChange]:
    settings = table.settings
    if settings.billing is not None and not _is_billed(live, settings.billing):
        yield TableChange(table.name, "billing", None, _billing(settings.billing), _billing(live.billing))
    if settings.stream is not None and settings.stream != live.stream:
        yield TableChange(table.name, "stream", None, settings.stream, live.stream)
    if table.time_to_live is not None and table.time_to_live != live.time_to_live:
        yield TableChange(table.name, "time to live", None, table.time_to_live, live.time_to_live or "off")
    if settings.deletion_protection is not None and settings.deletion_protection != live.deletion_protection:
        wanted, found = (
            "on" if protected else "off" for protected in (settings.deletion_protection, live.deletion_protection)
        )
        yield TableChange(table.name, "deletion protection", None, wanted, found)


def _same(declared: Index, found: IndexDescription) -> bool:
    return (declared.kind, key_of(declared.key), _copied(declared.projection)) == (
        found.kind,
        found.key,
        _copied(found.projection),
    )


def _copied(projection: Projection) -> str | frozenset[str]:
    return projection if isinstance(projection, str) else frozenset(projection)


def _words(kind: str, key: TableKey, projection: Projection) -> str:
    copied = {"ALL": "all attributes", "KEYS_ONLY": "the keys only"}
    names = copied[projection] if isinstance(projection, str) else ", ".join(sorted(projection))
    return f"{kind}, by {key}, with {names}"


def _billing(billing: str | Provisioned) -> str:
    return "on demand" if isinstance(billing, str) else str(billing)


def _is_billed(live: TableDescription, wanted: str | Provisioned) -> bool:
    if live.billing != wanted:
        return False
    return isinstance(wanted, str) or all(index.capacity == wanted for index in _global(live))


def _global(live: TableDescription) -> list[IndexDescription]:
    return [index for index in live.indexes if index.kind == "global" and index.status != "DELETING"]


def _is_created(description: Response | None) -> bool:
    return description is not None and description.get("TableStatus") != "CREATING"


@dataclass(frozen=True, slots=True)
class _Work:
    """The changes to one table."""

    table: TableDefinition
    verb: str
    polls: int | None

    def settled(self) -> Conversation[TableDescription | None]:
        """The table when nobody is changing it: DynamoDB takes one change at a time."""
        yield from self._wait("settled", lambda live: live is None or is_active(live))
        live: TableDescription | None = yield from look_at(self.table, self.verb)
        return live

    def make(self, change: TableChange, live: TableDescription | None) -> Conversation[None]:
        """Makes one change, and waits for its end."""
        if change.kind == "table missing":
            yield from self._create()
        elif change.needs == "drop_tables":
            yield from told(self.table, self.verb, deletion(self.table))
            yield from self._wait("gone", lambda description: description is None)
            yield from self._create()
        elif live is not None:
            yield from _MAKERS[change.kind](self, change, live)

    def drop_index(self, change: TableChange, live: TableDescription) -> Conversation[None]:
        """One index less: DynamoDB takes one creation or deletion in a request, and none while another is going on."""
        request = {"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": change.index}}]}
        yield from self._update(request, lambda now: now.index(change.index or "") is None)

    def create_index(self, change: TableChange, live: TableDescription) -> Conversation[None]:
        (index,) = (index for index in self.table.indexes if index.name == change.index)
        capacity = live.billing if isinstance(live.billing, Provisioned) else None
        request = {
            "AttributeDefinitions": self._definitions(index, live),
            "GlobalSecondaryIndexUpdates": [{"Create": index_request(index, capacity)}],
        }
        yield from self._update(request, lambda now: now.index(index.name) is not None)

    def replace_index(self, change: TableChange, live: TableDescription) -> Conversation[None]:
        yield from self.drop_index(change, live)
        now = yield from look_at(self.table, self.verb)
        yield from self.create_index(change, now or live)

    def set_billing(self, change: TableChange, live: TableDescription) -> Conversation[None]:
        wanted = self.table.settings.billing
        if not isinstance(wanted, Provisioned):
            yield from self._update({"BillingMode": "PAY_PER_REQUEST"}, self._without(change))
            return
        # Units that are what they were are an error, for the table as for an index.
        request: Request = {}
        if live.billing == "PAY_PER_REQUEST":
            request["BillingMode"] = "PROVISIONED"
        if live.billing != wanted:
            request["ProvisionedThroughput"] = throughput(wanted)
        indexes = [
            {"Update": {"IndexName": index.name, "ProvisionedThroughput": throughput(wanted)}}
            for index in _global(live)
            if index.capacity != wanted
        ]
        if indexes:
            request["GlobalSecondaryIndexUpdates"] = indexes
        yield from self._update(request, self._without(change))

    def set_stream(self, change: TableChange, live: TableDescription) -> Conversation[None]:
        wanted = self.table.settings.stream or "OFF"
        if "OFF" not in (wanted, live.stream):
            # A stream that is on is not changed, only turned off: the next one is another stream.
            off: Request = {"StreamSpecification": stream_specification("OFF")}
            yield from self._update(off, lambda now: now.stream == "OFF")
        yield from self._update({"StreamSpecification": stream_specification(wanted)}, self._without(change))

    def set_time_to_live(self, change: TableChange, live: TableDescription) -> Conversation[None]:
        """Turns it on. DynamoDB takes one change of it in an hour: where another attribute has it, that may be all that
        can be done now, and turning it on is left.
        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTimeToLive.html
        """
        name, wanted = self.table.name, self.table.time_to_live or ""
        if live.time_to_live is None:
            yield from told(self.table, self.verb, time_to_live_update(name, wanted))
            return
        yield from told(self.table, self.verb, time_to_live_update(name, live.time_to_live, enabled=False))
        try:
            yield from told(self.table, self.verb, time_to_live_update(name, wanted))
        except ServiceError as error:
            if error.code != "ValidationException":
                raise

    def set_protection(self, change: TableChange, live: TableDescription) -> Conversation[None]:
        wanted = self.table.settings.deletion_protection
        yield from self._update({"DeletionProtectionEnabled": bool(wanted)}, self._without(change))

    def _create(self) -> Conversation[None]:
        yield from told(self.table, self.verb, creation(self.table))
        yield from finish_creation(self.table, self.verb, self.polls)

    def _update(self, request: Request, done: Callable[[TableDescription], bool]) -> Conversation[None]:
        name = self.table.name
        # A second one that follows a lost answer would be refused for what the first one did.
        call = Call("UpdateTable", {"TableName": name, **request}, (Target(name),), Repetition.HARMFUL)
        yield from told(self.table, self.verb, call)
        yield from self._wait(
            "changed", lambda live: live is not None and is_active(live) and done(described(live, None))
        )

    def _without(self, change: TableChange) -> Callable[[TableDescription], bool]:
        """Whether a description no longer has the difference, whatever else it has."""

        def made(now: TableDescription) -> bool:
            return all(each.kind != change.kind for each in _setting_differences(self.table, now))

        return made

    def _wait(self, state: str, reached: Callable[[Response | None], bool]) -> Conversation[None]:
        yield from wait(self.table.name, state, reached, self.polls)

    def _definitions(self, index: Index, live: TableDescription) -> list[dict[str, Any]]:
        """The attributes of the keys that there will be: exactly those, each once."""
        keys = [live.key, *(each.key for each in live.indexes if each.status != "DELETING"), key_of(index.key)]
        types = {part.name: part.type for key in keys for part in (*key.partition, *key.sort)}
        return [{"AttributeName": name, "AttributeType": type_} for name, type_ in types.items()]


_MAKERS: dict[ChangeKind, Callable[[_Work, TableChange, TableDescription], Conversation[None]]] = {
    "index extra": _Work.drop_index,
    "index differs": _Work.replace_index,
    "index missing": _Work.create_index,
    "billing": _Work.set_billing,
    "stream": _Work.set_stream,
    "time to live": _Work.set_time_to_live,
    "deletion protection": _Work.set_protection,
}
