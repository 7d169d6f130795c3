"""What a tenant may do in one step, drawn once and done in every world alike: all verbs, with keys, labels and tokens
from small pools that all tenants have in common, so that they meet wherever they could."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from hypothesis import strategies as st

from dynamorm_py import (
    Condition,
    attr,
    batch_write,
    transact_get,
    transact_write,
    use,
)
from dynamorm_py.aws_lambda.unit_of_work import Unit
from dynamorm_py.batch import batch_writer
from dynamorm_py.operation import Operation
from dynamorm_py.query import Query
from tests.isolation.models import NOTE, Country, Kind, pages
from tests.isolation.worlds import BEGINNING, Act, Session

Draw = Callable[[st.SearchStrategy[Any]], Any]
Key = tuple[Any, ...]

NAMES = st.sampled_from(["n1", "n#2", "n3"])
LABELS = st.sampled_from(["red", "red", "blue"])
LETTERS = st.sampled_from(["x", "y", "z"])
NUMBERS = st.integers(0, 3)
TOKENS = st.sampled_from(["t1", "t2"])
SLOTS = st.integers(0, 9)


@dataclass(frozen=True)
class Step:
    what: str
    act: Act


@dataclass(frozen=True)
class Drawing:
    """Draws the steps of one tenant, whose texts begin with `mark`."""

    draw: Draw
    kinds: tuple[Kind, ...]
    mark: str

    def first(self) -> Step:
        """Something to begin with."""
        kind = self.kind()
        new = self.new(kind)

        async def act(session: Session) -> Any:
            instance = await new().save()
            session.instances.append(instance)
            return instance

        return Step("beginning", act)

    def step(self) -> Step:
        what = self.draw(st.sampled_from(list(VERBS)))
        return Step(what, VERBS[what](self))

    def hostile(self) -> Step:
        what = self.draw(st.sampled_from(list(HOSTILE)))
        return Step(what, HOSTILE[what](self))

    # What steps are made of

    def kind(self) -> Kind:
        kind: Kind = self.draw(st.sampled_from(self.kinds))
        return kind

    def text(self) -> str:
        return self.mark + str(self.draw(LETTERS))

    def key(self, kind: Kind) -> Key:
        return tuple(self.draw(st.integers(1, 2) if name == "line" else NAMES) for name in kind.key)

    def new(self, kind: Kind, key: Key | None = None) -> Callable[[], Any]:
        """Makes an instance, which takes its tenant from the scope that it is made in."""
        values = dict(zip(kind.key, key or self.key(kind), strict=True))
        values |= {
            "text": self.text(),
            "label": self.draw(st.sampled_from([None, "red", "red", "blue"])),
            "count": self.draw(NUMBERS),
        }
        if kind.extra and self.draw(st.booleans()):
            values["unknown"] = self.text()
        if kind.expires and self.draw(st.booleans()):
            values["expires"] = BEGINNING + timedelta(minutes=self.draw(st.integers(1, 6)))
        return lambda: kind.model(**values)

    def condition(self) -> Condition | None:
        letter, number = self.text(), self.draw(NUMBERS)
        some = [None, attr("text") == letter, attr("count") < number, attr("label").exists(), attr("name").exists()]
        found: Condition | None = self.draw(st.sampled_from([None] * 5 + some))
        return found

    def actions(self) -> list[Any]:
        letter, label, number = self.text(), self.draw(LABELS), self.draw(NUMBERS)
        some = [attr("text").set(letter), attr("count").add(number), attr("label").set(label), attr("more").set(letter)]
        chosen = self.draw(st.sets(st.integers(0, len(some) - 1), min_size=1, max_size=2))
        return [some[each] for each in sorted(chosen)]

    def write(self, kind: Kind) -> Callable[[Session], Operation[Any]]:
        """A write, to be made in a scope."""
        verbs = [
            "create",
            "upsert" if kind.unique else "put",
            "update",
            "upsert",
            "upsert",
            "delete",
            "check",
            "loaded",
        ]
        verb = self.draw(st.sampled_from(verbs))
        new, key, condition = self.new(kind), self.key(kind), self.condition()
        actions, slot = self.actions(), self.draw(SLOTS)
        made: dict[str, Callable[[], Operation[Any]]] = {
            "create": lambda: new().create(),
            "put": lambda: new().put(),
            "update": lambda: kind.model.update(*key, *actions, condition=condition),
            "upsert": lambda: kind.model.update(*key, *actions, upsert=True),
            "delete": lambda: kind.model.delete(*key, condition=condition),
            "check": lambda: kind.model.check(
                *key, condition=condition if condition is not None else attr("count") >= 0
            ),
        }

        def make(session: Session) -> Operation[Any]:
            instance = chosen(session.instances, slot)
            if verb == "loaded" and instance is not None:
                return changed(instance, actions, slot)
            return made.get(verb, made["update"])()

        return make

    def query(self, kind: Kind) -> Callable[[], Query[Any]]:
        """A query, of the table or of an index, to be made in a scope."""
        index = self.draw(st.sampled_from([None, *kind.indexes]))
        values = [self.draw(NUMBERS if name == "count" else LABELS) for name in kind.indexes.get(index, ())]
        limit, size = self.draw(st.sampled_from([None, None, 1, 3])), self.draw(st.sampled_from([None, 1, 1, 2]))
        keep = self.condition() if self.draw(st.booleans()) and index != "in_short" else None
        backwards, whole = self.draw(st.booleans()), self.draw(st.booleans())
        union = kind.model in pages.models and index is None and self.draw(st.booleans())

        def make() -> Query[Any]:
            found = (
                pages.query()
                if union
                else kind.model.query()
                if index is None
                else getattr(kind.model, index).query(*values)
            )
            found = found if keep is None else found.filter(keep)
            found = found if limit is None else found.limit(limit)
            found = found if size is None else found.page_size(size)
            found = found.descending() if backwards else found
            return found.include_expired() if whole else found

        return make


def chosen(pool: list[Any], slot: int) -> Any:
    return pool[slot % len(pool)] if pool else None


def changed(instance: Any, actions: list[Any], slot: int) -> Operation[Any]:
    """One of the things that can be done to an instance that was loaded."""
    match slot % 4:
        case 0:
            return instance.update(*actions)  # type: ignore[no-any-return]  # an instance of any model
        case 1:
            return instance.delete()  # type: ignore[no-any-return]
        case 2:
            instance.count += 1
            return instance.put()  # type: ignore[no-any-return]
        case _:
            instance.count += 1
            return instance.save()  # type: ignore[no-any-return]


# The steps: each draws all it needs, and gives back what does it.


def storing(d: Drawing) -> Act:
    kind = d.kind()
    new, verb = d.new(kind), d.draw(st.sampled_from(["save", "put", "create"]))

    async def act(session: Session) -> Any:
        instance = await getattr(new(), verb)()
        session.instances.append(instance)
        return instance

    return act


def loading(d: Drawing) -> Act:
    kind = d.kind()
    key, verb, surely = d.key(kind), d.draw(st.sampled_from(["get", "get_or_raise"])), d.draw(st.booleans())

    async def act(session: Session) -> Any:
        found = await getattr(kind.model, verb)(*key, consistent=surely)
        if found is not None:
            session.instances.append(found)
        return found

    return act


def writing(d: Drawing) -> Act:
    make = d.write(d.kind())

    async def act(session: Session) -> Any:
        return await make(session)

    return act


def refreshing(d: Drawing) -> Act:
    slot = d.draw(SLOTS)

    async def act(session: Session) -> Any:
        instance = chosen(session.instances, slot)
        return instance and await instance.refresh()

    return act


def reading_in_batches(d: Drawing) -> Act:
    kind = d.kind()
    keys = [d.key(kind) for _ in range(d.draw(st.integers(1, 4)))]

    async def act(session: Session) -> Any:
        return await kind.model.batch_get(keys)

    return act


def _puts(d: Drawing) -> list[Callable[[], Operation[Any]]]:
    # A batch takes no conditions, so neither versions nor unique values.
    plain = [kind for kind in d.kinds if not kind.conditional] or d.kinds
    kind = d.draw(st.sampled_from(plain))
    keys = list(dict.fromkeys(d.key(kind) for _ in range(3)))
    puts = [d.new(kind, key) for key in keys[1:]]
    return [lambda: kind.model.delete(*keys[0]), *(partial(_put, new) for new in puts)]


def _put(new: Callable[[], Any]) -> Operation[Any]:
    operation: Operation[Any] = new().put()
    return operation


def writing_in_batches(d: Drawing) -> Act:
    makes = _puts(d)

    async def act(session: Session) -> Any:
        operations = touched(makes)
        return await batch_write(*operations)

    return act


def writing_a_stream(d: Drawing) -> Act:
    makes = _puts(d)

    async def act(session: Session) -> Any:
        async with batch_writer() as writer:
            await writer.add(*touched(makes))
        return writer.written

    return act


def reading_together(d: Drawing) -> Act:
    keys = [(kind, d.key(kind)) for kind in (d.kind() for _ in range(d.draw(st.integers(1, 3))))]

    async def act(session: Session) -> Any:
        return await transact_get(*(kind.model.get(*key) for kind, key in keys))

    return act


def writing_together(d: Drawing) -> Act:
    makes = [d.write(d.kind()) for _ in range(d.draw(st.integers(1, 3)))]
    token = d.draw(st.none() | TOKENS)

    async def act(session: Session) -> Any:
        # The token is the same whoever the tenant is.
        own = None if token is None else f"{session.world.name_of_run}-{token}"
        return await transact_write(*touched(partial(make, session) for make in makes), token=own)

    return act


def paying(d: Drawing) -> Act:
    """What must not be done twice: under a token, which may have been used."""
    kind, token, text, number = d.kind(), d.draw(TOKENS), d.text(), d.draw(st.integers(1, 2))
    key = d.key(kind)

    async def act(session: Session) -> Any:
        operation = kind.model.update(*key, attr("text").set(text), attr("paid").add(number), upsert=not kind.unique)
        return await transact_write(*touched([lambda: operation]), token=f"{session.world.name_of_run}-{token}")

    return act


def a_unit_of_work(d: Drawing) -> Act:
    makes = [d.write(d.kind()) for _ in range(d.draw(st.integers(1, 3)))]

    async def act(session: Session) -> Any:
        unit = Unit(session.tenant)
        for operation in touched(partial(make, session) for make in makes):
            unit.add(operation)
        await unit.commit(session.bound)
        return len(unit)

    return act


def querying(d: Drawing) -> Act:
    make = d.query(d.kind())
    terminal = d.draw(st.sampled_from(["all", "page", "page", "page", "first", "one", "count", "exists"]))

    async def act(session: Session) -> Any:
        result = await getattr(make(), terminal)()
        if terminal == "page" and result.cursor is not None:
            session.cursors.append((make, result.cursor))
        if terminal == "all":
            session.instances += [item for item in result if hasattr(item, "save")][:1]
        return result

    return act


def going_on(d: Drawing) -> Act:
    slot = d.draw(SLOTS)

    async def act(session: Session) -> Any:
        found = chosen(session.cursors, slot)
        if found is None:
            return None
        make, cursor = found
        page = await make().after(cursor).page()
        if page.cursor is not None:
            session.cursors.append((make, page.cursor))
        return page

    return act


def iterating(d: Drawing) -> Act:
    make = d.query(d.kind())

    async def act(session: Session) -> Any:
        session.iterators.append(make().on(session.bound).pages())
        return len(session.iterators)

    return act


def iterating_on(d: Drawing) -> Act:
    slot = d.draw(SLOTS)

    async def act(session: Session) -> Any:
        pages = chosen(session.iterators, slot)
        return pages and await anext(pages, "the end")

    return act


def exporting(d: Drawing) -> Act:
    kinds = [d.kind() for _ in range(d.draw(st.integers(1, 2)))]
    size = d.draw(st.none() | st.integers(1, 2))

    async def act(session: Session) -> Any:
        lines: list[str] = []
        cursor = None
        async for page in session.bound.export([kind.model for kind in kinds], page_size=size).pages():
            lines += page.lines
            if cursor is None and page.cursor is not None:
                cursor = page.cursor
                session.exports.append((kinds, cursor))
        return [line.replace(session.world.prefix, "") for line in lines]

    return act


def leaving(d: Drawing) -> Act:
    kinds = [d.kind()]

    async def act(session: Session) -> Any:
        return await session.bound.delete_all([kind.model for kind in kinds], confirm=session.tenant)

    return act


def reading_what_is_shared(d: Drawing) -> Act:
    name, way = d.draw(NAMES), d.draw(st.integers(0, 4))

    async def act(session: Session) -> Any:
        match way:
            case 0:
                return await Country.get(name)
            case 1:
                return await Country.query(name).all()
            case 2:
                return await Country.batch_get([name, "n1"])
            case 3:
                return await transact_get(Country.get(name), NOTE.model.get(name))
            case _:
                return await transact_write(
                    *touched(
                        [
                            lambda: Country.check(name, condition=attr("text").exists()),
                            lambda: NOTE.model(name=name, text=d.mark).put(),
                        ]
                    )
                )

    return act


def writing_what_is_shared(d: Drawing) -> Act:
    name, text = d.draw(NAMES), d.text()

    async def act(session: Session) -> Any:
        return await Country(name=name, text=text).put()

    return act


VERBS: dict[str, Callable[[Drawing], Act]] = {
    "storing": storing,
    "storing more": storing,
    "loading": loading,
    "writing": writing,
    "writing more": writing,
    "refreshing": refreshing,
    "reading in batches": reading_in_batches,
    "writing in batches": writing_in_batches,
    "writing a stream": writing_a_stream,
    "reading together": reading_together,
    "writing together": writing_together,
    "paying": paying,
    "paying more": paying,
    "a unit of work": a_unit_of_work,
    "querying": querying,
    "querying more": querying,
    "querying still more": querying,
    "going on": going_on,
    "iterating": iterating,
    "iterating on": iterating_on,
    "exporting": exporting,
    "exporting more": exporting,
    "leaving": leaving,
    "reading what is shared": reading_what_is_shared,
    "writing what is shared": writing_what_is_shared,
}


# What a tenant may try with what is another's. Each gives back None where there is nothing to try it with.


def naming_the_other(d: Drawing) -> Act:
    kind = d.kind()
    key, way, actions = d.key(kind), d.draw(st.integers(0, 5)), d.actions()

    async def act(session: Session) -> Any:
        theirs = (other_of(session).tenant, *key)
        made: list[Callable[[], Any]] = [
            lambda: kind.model.get(*theirs),
            lambda: kind.model.update(*theirs, *actions),
            lambda: kind.model.delete(*theirs),
            lambda: kind.model.batch_get([theirs]),
            lambda: kind.model.query(tenant_id=theirs[0]).all(),
            lambda: kind.model(tenant_id=theirs[0], **dict(zip(kind.key, key, strict=True))).put(),
        ]
        return await made[way]()

    return act


def their_cursor(d: Drawing) -> Act:
    slot = d.draw(SLOTS)

    async def act(session: Session) -> Any:
        found = chosen(other_of(session).cursors, slot)
        if found is None:
            return None
        make, cursor = found
        return await make().after(cursor).page()

    return act


def their_instance(d: Drawing) -> Act:
    slot, actions = d.draw(SLOTS), d.actions()

    async def act(session: Session) -> Any:
        instance = chosen(other_of(session).instances, slot)
        if instance is None:
            return None
        return await changed(instance.model_copy(), actions, slot)

    return act


def their_operation(d: Drawing) -> Act:
    make = d.write(d.kind())
    together = d.draw(st.booleans())

    async def act(session: Session) -> Any:
        other = other_of(session)
        with use(other.bound):
            instances, other.instances = other.instances, []
            try:
                operation = make(other)
            finally:
                other.instances = instances
        repr(operation)
        return await (transact_write(operation) if together else operation)

    return act


def their_export(d: Drawing) -> Act:
    slot, way = d.draw(SLOTS), d.draw(st.booleans())

    async def act(session: Session) -> Any:
        found = chosen(other_of(session).exports, slot)
        if found is None:
            return None
        kinds, cursor = found
        models = [kind.model for kind in kinds]
        if way:
            return await session.bound.delete_all(models, confirm=session.tenant, after=cursor)
        return [line async for line in session.bound.export(models, after=cursor)]

    return act


HOSTILE: dict[str, Callable[[Drawing], Act]] = {
    "naming the other": naming_the_other,
    "their cursor": their_cursor,
    "their instance": their_instance,
    "their operation": their_operation,
    "their export": their_export,
}


def other_of(session: Session) -> Session:
    """The other tenant of the same world."""
    (other,) = (each for each in session.world.sessions if each is not session)
    return other


def touched(makes: Iterable[Callable[[], Operation[Any]]]) -> list[Operation[Any]]:
    """Operations that may be dropped without a warning, where one of them keeps the others from being made or sent."""
    operations = []
    for make in makes:
        operations.append(make())
        repr(operations[-1])
    return operations
