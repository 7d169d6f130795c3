"""The state machine: one tenant does the same in two worlds and has to see the same; another, in one of them alone,
does what it likes, and never sees a byte of the first one's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, ClassVar, TypeVar

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from dynamorm_py import batch_write
from tests.isolation.models import Country, Kind
from tests.isolation.steps import Drawing, Step
from tests.isolation.worlds import BEGINNING, MARK, Clock, Raised, World

T = TypeVar("T")

# Ids that are the beginnings of others, that look like parts of keys, or that stand close to the delimiter.
PAIRS = [
    ("acme", "acme2"),
    ("acme2", "acme"),
    ("acme", "acme."),
    ("acme-", "acme"),
    ("acme", "acme+x"),
    ("acme", "ACME"),
    ("T", "a"),
    ("a", "T"),
    ("T", "T:T"),
    ("TENANT", "T"),
]


class Machine(RuleBasedStateMachine):
    """One run. The rest is set on a subclass, with the tables made."""

    runner: ClassVar[asyncio.Runner]
    clock: ClassVar[Clock]
    worlds: ClassVar[tuple[World, World]]  # the quiet and the busy one
    kinds: ClassVar[tuple[Kind, ...]]

    def __init__(self) -> None:
        super().__init__()
        self.sound = True
        self.clock.now = BEGINNING
        for world in self.worlds:
            world.begin()

    @initialize(data=st.data(), pair=st.sampled_from(PAIRS), count=st.integers(1, 3))
    def begin(self, data: st.DataObject, pair: tuple[str, str], count: int) -> None:
        self.a, self.b = pair
        quiet, busy = self.worlds
        self.alone, self.among = quiet.session(self.a), busy.session(self.a)
        self.other = busy.session(self.b)
        chosen = data.draw(st.sets(st.integers(0, len(self.kinds) - 1), min_size=1, max_size=count))
        self.chosen = tuple(self.kinds[each] for each in sorted(chosen))
        for world in self.worlds:
            countries = [Country(name=name, text=name).put() for name in ("n1", "n2")]
            self.run_until(world.client.run(batch_write(*countries)))
        for _ in range(data.draw(st.integers(2, 6))):
            self.compare(self.drawn(data, MARK).first())
            self.overhear(self.run_until(self.other.observe(self.drawn(data, "").first().act)))

    @rule(data=st.data())
    def a_tenant_acts(self, data: st.DataObject) -> None:
        self.compare(self.drawn(data, MARK).step())

    @rule(data=st.data())
    def the_other_acts(self, data: st.DataObject) -> None:
        self.overhear(self.run_until(self.other.observe(self.drawn(data, "").step().act)))

    @rule(data=st.data())
    def the_other_reaches_over(self, data: st.DataObject) -> None:
        step = self.drawn(data, "").hostile()
        seen = self.run_until(self.other.observe(step.act))
        self.overhear(seen)
        assert seen is None or isinstance(seen, Raised), step.what
        event(f"{step.what}: {outcome(seen)}")

    @rule(data=st.data())
    def they_act_at_once(self, data: st.DataObject) -> None:
        own, others = self.drawn(data, MARK).step(), self.drawn(data, "").step()

        async def both() -> tuple[Any, Any]:
            return await asyncio.gather(self.among.observe(own.act), self.other.observe(others.act))

        expected = self.run_until(self.alone.observe(own.act))
        seen, overheard = self.run_until(both())
        self.same(own, expected, seen)
        self.overhear(overheard)

    @rule(minutes=st.integers(1, 3))
    def time_goes_by(self, minutes: int) -> None:
        self.clock.wait(minutes)

    def teardown(self) -> None:
        """What the tenant has stored is the same in both worlds, and nothing else holds anything of it."""
        tables = {kind.model.__dynamorm_schema__.table: kind.model.__dynamorm_schema__ for kind in self.kinds}
        quiet, busy = self.worlds
        try:
            for table, schema in tables.items() if quiet.sessions and self.sound else ():
                attribute = schema.tenant.attribute
                alone, among = self.run_until(quiet.items(table)), self.run_until(busy.items(table))
                mine = [item for item in among if item[attribute] == {"S": self.a}]
                theirs = [item for item in among if item[attribute] == {"S": self.b}]
                assert sorted(map(canonical, mine)) == sorted(map(canonical, alone))
                assert len(mine) + len(theirs) == len(among)
                assert MARK not in repr(theirs)
        finally:
            for table, schema in tables.items():
                for world in self.worlds:
                    self.run_until(world.clear(table, schema.key.names))

    def drawn(self, data: st.DataObject, mark: str) -> Drawing:
        return Drawing(data.draw, self.chosen, mark)

    def compare(self, step: Step) -> None:
        alone, among = (self.run_until(session.observe(step.act)) for session in (self.alone, self.among))
        self.same(step, alone, among)
        event(f"{step.what}: {outcome(alone)}")

    def same(self, step: Step, alone: Any, among: Any) -> None:
        # What comes after a difference says nothing any more.
        self.sound = self.sound and among == alone
        assert among == alone, step.what

    def overhear(self, seen: Any) -> None:
        """What the other tenant saw, and all that came in over the wire for it."""
        assert MARK not in repr(seen)
        heard = self.worlds[1].client.heard
        assert all(MARK not in text for tenant, text in heard if tenant == self.b)
        heard.clear()

    def run_until(self, work: Awaitable[T]) -> T:
        async def done() -> T:
            return await work

        return self.runner.run(done())


def outcome(seen: Any) -> str:
    return seen.kind.__name__ if isinstance(seen, Raised) else "done"


def canonical(item: dict[str, Any]) -> str:
    return repr(sorted(item.items()))
