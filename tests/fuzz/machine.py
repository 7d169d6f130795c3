"""The state machine: each rule does one thing on DynamoDB through the library and in the reference, and compares.

Runs share a client and tables, and keep apart by their partitions. What a rule draws may depend on what is stored, so
that keys meet, loaded instances go stale, and conditions hold about as often as not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any, ClassVar

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from dynamorm_py import (
    Client,
    ConditionFailed,
    DynamormError,
    InvalidOperation,
    ItemNotFound,
    Model,
    MultipleResultsFound,
    NoResultFound,
    NotUnique,
    TransactionCanceled,
    batch_write,
    transact_get,
    transact_write,
)
from dynamorm_py.operation import Operation
from tests.fuzz import drawing, terms
from tests.fuzz.models import KINDS, NOTE, READING, Index, Kind
from tests.fuzz.reference import Key, Outcome, Store, difference, key_of, place, read, stored
from tests.fuzz.terms import Change, Fields, Term

Draw = Callable[[st.SearchStrategy[Any]], Any]

POOL = 10
# The keys of these tell whose run they are of, and their items can be deleted by key.
SCANNED = (NOTE, READING)


@dataclass
class Loaded:
    """An instance, and the item that it was loaded or stored as."""

    kind: Kind
    instance: Any  # of the kind's model
    seen: Fields

    @property
    def key(self) -> Key:
        return key_of(self.kind, self.seen)

    @property
    def values(self) -> Fields:
        return stored(self.kind, terms.values_of(self.instance, self.kind.everything))


@dataclass
class Write:
    """A write that can be made alone or in a transaction: `make` calls the verb, `result` is what it returns (alone),
    and `acknowledged` tells the reference's view of the instance; `unseen` does where a transaction, which returns no
    items, leaves the instance behind."""

    kind: Kind
    key: Key
    make: Callable[[], Operation[Any]]
    outcome: Outcome
    result: Fields | None = None
    acknowledged: Callable[[Fields | None], None] = field(default=lambda item: None)
    unseen: Callable[[], None] | None = None


class Clock:
    """The client's clock, which shows whichever run's time."""

    def __init__(self) -> None:
        self.store = Store()

    def __call__(self) -> datetime:
        return self.store.now


class Machine(RuleBasedStateMachine):
    """One run. `runner` and `client` are set on a subclass, with the tables made."""

    runner: ClassVar[asyncio.Runner]
    client: ClassVar[Client]
    clock: ClassVar[Clock]
    runs: ClassVar[count[int]] = count()

    def __init__(self) -> None:
        super().__init__()
        self.run_name = f"{next(self.runs)}-"
        self.store = Store()
        self.clock.store = self.store
        self.pool: list[Loaded] = []
        self.kinds: list[Kind] = []

    @initialize(data=st.data(), kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=3, unique=True))
    def begin(self, data: st.DataObject, kinds: list[Kind]) -> None:
        """A run is about few models, so that it comes to know them well, and begins with some items of each."""
        self.kinds = kinds
        for kind in kinds:
            for _ in range(data.draw(st.integers(3, 8))):
                self.carry_out(self.new(kind, "create", data.draw))

    # Rules

    @rule(data=st.data(), verb=st.sampled_from(["create", "create", "save", "put"]))
    def store_something_new(self, data: st.DataObject, verb: str) -> None:
        kind = data.draw(st.sampled_from(self.kinds))
        self.carry_out(self.new(kind, verb, data.draw))

    @rule(data=st.data())
    def load(self, data: st.DataObject) -> None:
        kind, key = self.some_key(data.draw)
        found = self.store.visible(kind, key)
        instance = self.perform(kind.model.get(*key, consistent=data.draw(st.booleans())))
        self.compare(kind, instance, found)
        if found is not None:
            self.keep(Loaded(kind, instance, found))
        elif data.draw(st.booleans()):
            self.refused(ItemNotFound, lambda: kind.model.get_or_raise(*key))

    @rule(data=st.data(), verb=st.sampled_from(["save", "save", "update", "update", "put", "delete", "refresh"]))
    def write_what_was_loaded(self, data: st.DataObject, verb: str) -> None:
        if not self.pool:
            return
        loaded = data.draw(st.sampled_from(self.pool))
        if verb == "refresh":
            self.refresh(loaded)
            return
        write = self.of_loaded(loaded, verb, data.draw)
        if write is not None:
            self.carry_out(write)

    @rule(data=st.data())
    def update_by_key(self, data: st.DataObject) -> None:
        kind, key = self.some_key(data.draw)
        self.carry_out(self.update(kind, key, data.draw))

    @rule(data=st.data())
    def delete_by_key(self, data: st.DataObject) -> None:
        kind, key = self.some_key(data.draw)
        self.carry_out(self.delete(kind, key, data.draw))

    @rule(data=st.data())
    def write_together(self, data: st.DataObject) -> None:
        writes: list[Write] = []
        constrained: set[str] = set()
        for _ in range(data.draw(st.integers(1, 4))):
            write = self.some_member(data.draw, [(write.kind, write.key) for write in writes])
            # Two claims of one unique value would be two actions on one item.
            alone = not write.kind.uniques or write.kind.name not in constrained
            if alone and all((write.kind, write.key) != (other.kind, other.key) for other in writes):
                writes.append(write)
                constrained.add(write.kind.name)
        self.transact(writes)

    @rule(data=st.data())
    def write_in_a_batch(self, data: st.DataObject) -> None:
        kind = data.draw(st.sampled_from(self.kinds))
        if kind.versioned or kind.uniques:
            return  # their puts carry conditions
        keys = data.draw(st.lists(drawing.a_key(kind, self.run_name), max_size=6, unique=True))
        items: dict[Key, Fields | None] = {}
        for key in keys:
            item = data.draw(st.one_of(st.none(), drawing.an_item(kind, self.run_name, self.store.now)))
            items[key] = None if item is None else {**item, **dict(zip(kind.key, key, strict=True))}
        operations = [
            kind.model.delete(*key) if item is None else kind.model(**deepcopy(item)).put()
            for key, item in items.items()
        ]
        self.perform(batch_write(*operations))
        for key, item in items.items():
            self.store.store(kind, key, None if item is None else stored(kind, item))

    @rule(data=st.data())
    def read_in_a_batch(self, data: st.DataObject) -> None:
        kind = data.draw(st.sampled_from(self.kinds))
        keys = data.draw(st.lists(drawing.a_key(kind, self.run_name), max_size=6))
        found = self.perform(kind.model.batch_get(keys))
        assert len(found) == len(keys)
        for key, instance in zip(keys, found, strict=True):
            self.compare(kind, instance, self.store.visible(kind, key))

    @rule(data=st.data())
    def read_together(self, data: st.DataObject) -> None:
        keys = [self.some_key(data.draw) for _ in range(data.draw(st.integers(1, 4)))]
        found = self.perform(transact_get(*(kind.model.get(*key) for kind, key in keys)))
        for (kind, key), instance in zip(keys, found, strict=True):
            self.compare(kind, instance, self.store.visible(kind, key))

    @rule(data=st.data())
    def search(self, data: st.DataObject) -> None:
        kind = data.draw(st.sampled_from(self.kinds))
        index = data.draw(st.sampled_from([kind.table, *kind.indexes]))
        self.query(kind, index, self.some_partition(kind, index, data.draw), data.draw)

    @rule(data=st.data(), segments=st.sampled_from([1, 1, 3]))
    def scan(self, data: st.DataObject, segments: int) -> None:
        kind = data.draw(st.sampled_from(self.kinds))
        if kind not in SCANNED:
            return
        # A scan meets the items of every run: those of this one are told by the beginning of their keys.
        mine = terms.Begins(kind.key[0], self.run_name)
        keep = data.draw(st.none() | drawing.a_condition(kind, self.run_name))
        keep = mine if keep is None else terms.Both(mine, keep)
        found = self.perform(kind.model.scan(segments=segments).filter(keep.spelt(kind.model)).all())
        expected = {key_of(kind, item): item for item in self.store.of(kind) if keep.holds(item)}
        assert len(found) == len(expected)
        for instance in found:
            self.compare(kind, instance, expected[tuple(getattr(instance, name) for name in kind.key)])

    @rule(minutes=st.integers(1, 4))
    def wait(self, minutes: int) -> None:
        self.store.now += timedelta(minutes=minutes)

    def teardown(self) -> None:
        """Reads all that is left, by key and by each index, and deletes the items that other runs' scans would meet."""
        for kind in KINDS:
            keys = self.store.keys(kind)
            for key, instance in zip(keys, self.perform(kind.model.batch_get(keys)), strict=True):
                self.compare(kind, instance, self.store.visible(kind, key))
            for index in kind.indexes:
                self.read_index(kind, index)
        for kind in SCANNED:
            self.perform(batch_write(*(kind.model.delete(*key) for key in self.store.keys(kind))))

    # The writes that rules choose from

    def new(self, kind: Kind, verb: str, draw: Draw) -> Write:
        values = draw(drawing.an_item(kind, self.run_name, self.store.now))
        if kind.expiring and values["expires"] is not None and draw(st.booleans()):
            values["expires"] = None
        instance = kind.model(**deepcopy(values))
        item = stored(kind, values)
        outcome = self.store.put_new(kind, item) if verb == "put" else self.store.create(kind, item)

        def acknowledged(after: Fields | None) -> None:
            assert after is not None
            self.keep(Loaded(kind, instance, after))

        make = {"create": instance.create, "save": instance.save, "put": instance.put}[verb]
        return Write(kind, key_of(kind, item), make, outcome, outcome.item, acknowledged)

    def of_loaded(self, loaded: Loaded, verb: str, draw: Draw, *, sure: bool = False) -> Write | None:
        kind, key = loaded.kind, loaded.key
        if verb == "delete":
            condition = draw(st.none() | drawing.a_condition(kind, self.run_name))
            outcome = self.store.delete(kind, key, condition, instance=True, seen=loaded.seen)

            def deleted(after: Fields | None) -> None:
                self.pool = [other for other in self.pool if other is not loaded]

            return Write(
                kind, key, lambda: loaded.instance.delete(condition=spelt(condition, kind)), outcome, None, deleted
            )
        if verb == "update":
            return self.update_loaded(loaded, draw, sure=sure or bool(kind.uniques))
        for name, value in draw(drawing.some_values(kind, self.run_name, self.store.now)).items():
            setattr(loaded.instance, name, deepcopy(value))
        item = loaded.values
        if verb == "put":
            outcome = self.store.put_loaded(kind, loaded.seen, item)
            return Write(kind, key, loaded.instance.put, outcome, outcome.item, lambda after: self.renew(loaded, after))
        saved = self.store.save(kind, loaded.seen, item)
        if saved is None:
            assert self.perform(loaded.instance.save()) is loaded.instance
            return None
        differing = difference(kind, loaded.seen, item)

        def acknowledged(after: Fields | None) -> None:
            # It knows what it wrote, and of the rest what it had read.
            assert after is not None
            seen = {name: value for name, value in loaded.seen.items() if name not in differing}
            seen |= {name: item[name] for name in differing if name in item}
            loaded.seen = {**seen, **{name: after[name] for name in kind.kept if name != "created"}}

        shown = None
        if saved.item is not None:
            shown = {**item, **{name: saved.item[name] for name in kind.kept}}
        return Write(kind, key, loaded.instance.save, saved, shown, acknowledged)

    def update_loaded(self, loaded: Loaded, draw: Draw, *, sure: bool) -> Write:
        kind, key = loaded.kind, loaded.key
        changes = draw(drawing.some_changes(kind, self.run_name, least=1, sure=sure))
        condition = draw(st.none() | drawing.a_condition(kind, self.run_name))
        outcome = self.store.update(kind, key, changes, condition, seen=loaded.seen)
        return Write(
            kind,
            key,
            lambda: loaded.instance.update(*actions(changes, kind), condition=spelt(condition, kind)),
            outcome,
            outcome.item,
            lambda after: self.renew(loaded, after),
            lambda: self.look_again(loaded),
        )

    def update(self, kind: Kind, key: Key, draw: Draw, *, sure: bool = False) -> Write:
        changes: tuple[Change, ...] = draw(drawing.some_changes(kind, self.run_name, sure=sure))
        upsert = not kind.uniques and draw(st.booleans())
        if upsert:
            written = {change.field for change in changes}
            changes += tuple(
                terms.Set(name, draw(drawing.a_value(kind, name, self.run_name)))
                for name in sorted(kind.required - written)
            )
        condition = draw(st.none() | drawing.a_condition(kind, self.run_name))
        outcome = self.store.update(kind, key, changes, condition, upsert=upsert)
        return Write(
            kind,
            key,
            lambda: kind.model.update(*key, *actions(changes, kind), condition=spelt(condition, kind), upsert=upsert),
            outcome,
            outcome.item,
        )

    def delete(self, kind: Kind, key: Key, draw: Draw) -> Write:
        condition = draw(st.none() | drawing.a_condition(kind, self.run_name))
        outcome = self.store.delete(kind, key, condition)
        return Write(kind, key, lambda: kind.model.delete(*key, condition=spelt(condition, kind)), outcome)

    def check(self, kind: Kind, key: Key, draw: Draw) -> Write:
        condition = draw(drawing.a_condition(kind, self.run_name))
        outcome = self.store.check(kind, key, condition)
        return Write(kind, key, lambda: kind.model.check(*key, condition=condition.spelt(kind.model)), outcome)

    def some_member(self, draw: Draw, taken: list[tuple[Kind, Key]]) -> Write:
        verb = draw(st.sampled_from(["create", "put", "update", "delete", "check", "save", "loaded"]))
        kind, key = self.some_key(draw)
        # An instance that a member was made of already is not to be changed before that one is sent.
        pool = [loaded for loaded in self.pool if (loaded.kind, loaded.key) not in taken]
        if verb in ("save", "loaded") and pool:
            loaded = draw(st.sampled_from(pool))
            chosen = "save" if verb == "save" else draw(st.sampled_from(["put", "delete", "update"]))
            write = self.of_loaded(loaded, chosen, draw, sure=True)
            if write is not None:
                return write
        if verb == "update":
            return self.update(kind, key, draw, sure=True)
        if verb == "delete":
            return self.delete(kind, key, draw)
        if verb == "check":
            return self.check(kind, key, draw)
        return self.new(kind, "put" if verb == "put" else "create", draw)

    # Carrying out and comparing

    def carry_out(self, write: Write) -> None:
        expected = write.outcome
        try:
            result = self.perform_made(write.make)
        except DynamormError as error:
            event(f"{write.kind.name}: {type(error).__name__}")
            self.compare_error(write, error)
            return
        assert expected.error is None, f"{expected.error} expected"
        self.apply(write)
        self.compare(write.kind, result, write.result)

    def compare_error(self, write: Write, error: DynamormError | None) -> None:
        expected = write.outcome
        if expected.unsure and type(error) is ConditionFailed:
            return
        assert type(error) is expected.error, f"{error!r} is not {expected.error}"
        if isinstance(error, ConditionFailed) and not isinstance(error, NotUnique):
            self.compare(write.kind, error.item, expected.failing)

    def apply(self, write: Write) -> None:
        self.store.store(write.kind, write.key, write.outcome.item)
        write.acknowledged(write.outcome.item)

    def transact(self, writes: list[Write]) -> None:
        refused = [
            write for write in writes if write.outcome.error and issubclass(write.outcome.error, InvalidOperation)
        ]
        if refused:
            with suppress(InvalidOperation):
                self.perform_made(lambda: together(writes))
                raise AssertionError("a member should have been refused")
            return
        try:
            self.perform_made(lambda: together(writes))
        except TransactionCanceled as error:
            event("transaction cancelled")
            self.compare_reasons(writes, error)
            return
        assert [write.outcome.error for write in writes if write.outcome.error] == []
        for write in writes:
            self.store.store(write.kind, write.key, write.outcome.item)
            if write.unseen is None:
                write.acknowledged(write.outcome.item)
            else:
                write.unseen()

    def compare_reasons(self, writes: list[Write], error: TransactionCanceled) -> None:
        assert len(error.reasons) == len(writes)
        failed = False
        for write, reason in zip(writes, error.reasons, strict=True):
            expected = write.outcome
            if expected.error is None and reason.error is None:
                continue
            failed = True
            self.compare_error(write, reason.error)
            if isinstance(reason.error, ConditionFailed):
                assert reason.item == reason.error.item
        assert failed

    def refresh(self, loaded: Loaded) -> None:
        found = self.store.visible(loaded.kind, loaded.key)
        if found is None:
            self.refused(ItemNotFound, loaded.instance.refresh)
            return
        assert self.perform(loaded.instance.refresh()) is loaded.instance
        self.renew(loaded, found)
        self.compare(loaded.kind, loaded.instance, found)

    def look_again(self, loaded: Loaded) -> None:
        """At an instance that was left behind: it cannot be written before it is read."""
        self.refresh(loaded)
        if self.store.visible(loaded.kind, loaded.key) is None:
            self.pool = [other for other in self.pool if other is not loaded]

    def query(self, kind: Kind, index: Index, partition: Fields, draw: Draw) -> None:
        where = draw(drawing.a_range(kind, index, self.run_name)) if index.sort else None
        # A filter cannot name the key of what is queried; behind a template its fields are ordinary attributes.
        hidden = () if index.composed else (*index.partition, *index.sort)
        keep = draw(st.none() | drawing.a_condition(kind, self.run_name, hidden)) if index.whole else None
        expected = self.store.query(kind, index, partition, where, keep)
        source: Any = kind.model if not index.name else getattr(kind.model, index.name)
        query = source.query(partition)
        query = query.where(where.spelt(kind.model)) if where is not None else query
        query = query.filter(keep.spelt(kind.model)) if keep is not None else query
        if index.sort and draw(st.booleans()):
            query, expected = query.descending(), expected[::-1]
        if draw(st.booleans()):
            query = query.page_size(draw(st.integers(1, 3)))
        self.compare_all(kind, index, self.perform(query.all()), expected)
        assert self.perform(query.count()) == len(expected)
        for check in (self.page_through, self.stop_and_go_on, self.take_one):
            check(kind, index, query, expected, draw)

    def page_through(self, kind: Kind, index: Index, query: Any, expected: list[Fields], draw: Draw) -> None:
        limit = draw(st.integers(1, 3))
        found: list[Any] = []
        cursor = None
        while True:
            page = self.perform(query.limit(limit).after(cursor).page())
            assert len(page.items) == page.count <= limit
            found += page.items
            cursor = page.cursor
            if cursor is None:
                break
            assert len(page.items) == limit
        self.compare_all(kind, index, found, expected)

    def stop_and_go_on(self, kind: Kind, index: Index, query: Any, expected: list[Fields], draw: Draw) -> None:
        page = self.perform(query.page())
        if not page.items:
            return
        position = draw(st.integers(0, len(page.items) - 1))
        rest = self.perform(query.after(page.cursor_at(page.items[position])).all())
        self.compare_all(kind, index, [*page.items[: position + 1], *rest], expected)

    def take_one(self, kind: Kind, index: Index, query: Any, expected: list[Fields], draw: Draw) -> None:
        assert self.perform(query.exists()) is bool(expected)
        first = self.perform(query.first())
        assert (first is None) is (not expected)
        if first is not None and index.whole:
            assert place(index, terms.values_of(first, index.sort)) == place(index, expected[0])
        if len(expected) == 1:
            self.compare_all(kind, index, [self.perform(query.one())], expected)
        else:
            self.refused(MultipleResultsFound if expected else NoResultFound, query.one)

    def read_index(self, kind: Kind, index: Index) -> None:
        """Everything in an index, partition by partition."""
        members = [item for item in self.store.of(kind) if all(name in item for name in index.partition)]
        for values in {tuple(item[name] for name in index.partition) for item in members}:
            partition = dict(zip(index.partition, values, strict=True))
            source: Any = getattr(kind.model, index.name)
            found = self.perform(source.query(*values).all())
            self.compare_all(kind, index, found, self.store.query(kind, index, partition, None, None))

    def compare_all(self, kind: Kind, index: Index, found: list[Any], expected: list[Fields]) -> None:
        """The same items, in the index's order; of items in one place of it, any order is right."""
        assert len(found) == len(expected), f"{found}\nare not\n{expected}"
        by_key = {key_of(kind, item): item for item in expected}
        keys = [tuple(getattr(each, name) for name in kind.key) for each in found]
        assert len(set(keys)) == len(keys)
        places = [place(index, by_key[key]) for key in keys]
        assert places == [place(index, item) for item in expected], f"{found}\nare not\n{expected}"
        for each, key in zip(found, keys, strict=True):
            if index.whole:
                self.compare(kind, each, by_key[key])
            else:
                assert each.present == {*kind.key, *index.partition, *index.sort}
                assert all(getattr(each, name) == by_key[key][name] for name in each.present)

    def compare(self, kind: Kind, instance: Model | None, item: Fields | None) -> None:
        found = None if instance is None else terms.values_of(instance, kind.everything)
        expected = None if item is None else read(kind, item)
        assert found == expected, f"{found}\nis not\n{expected}"

    def refused(self, error: type[DynamormError], make: Callable[[], Any]) -> None:
        with suppress(error):
            self.perform_made(make)
            raise AssertionError(f"{error.__name__} expected")

    def perform(self, operation: Awaitable[Any]) -> Any:
        return self.perform_made(lambda: operation)

    def perform_made(self, make: Callable[[], Awaitable[Any]]) -> Any:
        """Makes an operation where the client is ambient, and awaits it."""

        async def performed() -> Any:
            return await make()

        return self.runner.run(performed())

    def keep(self, loaded: Loaded) -> None:
        self.pool.append(loaded)
        if len(self.pool) > POOL:
            self.pool.pop(0)

    def renew(self, loaded: Loaded, after: Fields | None) -> None:
        assert after is not None
        loaded.seen = after

    def some_partition(self, kind: Kind, index: Index, draw: Draw) -> Fields:
        """Mostly one that has items."""
        there = [
            {name: item[name] for name in index.partition}
            for item in self.store.of(kind)
            if all(name in item for name in index.partition)
        ]
        if there and draw(st.integers(0, 3)):
            return draw(st.sampled_from(there))  # type: ignore[no-any-return]
        names = {name: drawing.a_value(kind, name, self.run_name) for name in index.partition}
        return draw(st.fixed_dictionaries(names).filter(lambda values: None not in values.values()))  # type: ignore[no-any-return]

    def some_key(self, draw: Draw) -> tuple[Kind, Key]:
        kind = draw(st.sampled_from(self.kinds))
        there = self.store.keys(kind)
        keys = drawing.a_key(kind, self.run_name)
        return kind, draw(st.sampled_from(there) | keys if there else keys)


def together(writes: list[Write]) -> Operation[None]:
    made: list[Operation[Any]] = []
    try:
        made.extend(write.make() for write in writes)
        return transact_write(*made)
    except InvalidOperation:
        # Those that were made before it are looked at, or they would warn that nobody awaited them.
        assert all(operation.plan for operation in made)
        raise


def spelt(condition: Term | None, kind: Kind) -> Any:
    return None if condition is None else condition.spelt(kind.model)


def actions(changes: tuple[Change, ...], kind: Kind) -> list[Any]:
    return [change.spelt(kind.model) for change in changes]
