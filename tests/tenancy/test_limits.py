"""`TenantLimits`: what one tenant does is bounded, in order, and nobody else waits for it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from dataclasses import field as member
from typing import Any

import pytest

from dynamorm_py import Attr, Client, InvalidOperation, Model, field, sort_key, tenant_key, use
from dynamorm_py.core.errors import ConditionFailed, DeadlineExceeded, TransportError
from dynamorm_py.core.wire import Call, Response
from dynamorm_py.middleware.deadlines import until
from dynamorm_py.tenancy.limits import TenantLimits
from dynamorm_py.testing import LocalEndpoint

READ = Call("GetItem", {"TableName": "orders"})
WRITE = Call("PutItem", {"TableName": "orders"})


class Clock:
    """Stands still, but while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@dataclass
class Service:
    """What the limits send to: it answers with the units of a call, when it is told to, and counts who is there."""

    units: float = 1.0
    held: bool = False
    order: list[str] = member(default_factory=list)
    requests: list[Call] = member(default_factory=list)
    now: dict[str, int] = member(default_factory=dict)
    most: dict[str, int] = member(default_factory=dict)
    most_in_all: int = 0
    _gates: list[asyncio.Event] = member(default_factory=list)

    def of(self, tenant: str) -> Callable[[Call], Awaitable[Response]]:
        async def send(call: Call) -> Response:
            self.order.append(tenant)
            self.requests.append(call)
            self.now[tenant] = self.now.get(tenant, 0) + 1
            self.most[tenant] = max(self.most.get(tenant, 0), self.now[tenant])
            self.most_in_all = max(self.most_in_all, sum(self.now.values()))
            try:
                if self.held:
                    await self._wait()
                return {"ConsumedCapacity": {"CapacityUnits": self.units}}
            finally:
                self.now[tenant] -= 1

        return send

    async def _wait(self) -> None:
        gate = asyncio.Event()
        self._gates.append(gate)
        try:
            await gate.wait()
        finally:
            self._gates.remove(gate)

    def answer(self, number: int = 1) -> None:
        for gate in self._gates[:number]:
            gate.set()


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def limited(clock: Clock, **options: Any) -> TenantLimits:  # those of TenantLimits, each of its own type
    return TenantLimits(clock=clock, sleep=clock.sleep, **options)


async def test_a_tenant_has_so_many_requests_on_their_way_and_not_more() -> None:
    service, limits = Service(held=True), TenantLimits(concurrency=2)
    tasks = [asyncio.create_task(limits.send("acme", READ, service.of("acme"))) for _ in range(5)]
    await settled()
    assert service.order == ["acme"] * 2
    for _ in range(5):
        service.answer()
        await settled()
    await asyncio.gather(*tasks)
    assert len(service.order) == 5
    assert service.most == {"acme": 2}


async def test_a_tenants_burst_keeps_nobody_else_waiting() -> None:
    service, limits = Service(held=True), TenantLimits(concurrency=1)
    noisy = [asyncio.create_task(limits.send("acme", READ, service.of("acme"))) for _ in range(50)]
    await settled()
    other = asyncio.create_task(limits.send("beta", READ, service.of("beta")))
    await settled()
    assert service.order == ["acme", "beta"]
    service.held = False
    service.answer(2)
    await asyncio.gather(*noisy, other)


async def test_those_who_wait_for_room_among_all_take_turns() -> None:
    service, limits = Service(held=True), TenantLimits(total_concurrency=1)
    tasks = [asyncio.create_task(limits.send("acme", READ, service.of("acme"))) for _ in range(6)]
    await settled()
    for tenant in ("beta", "gamma"):
        tasks += [asyncio.create_task(limits.send(tenant, READ, service.of(tenant))) for _ in range(2)]
        await settled()
    for _ in range(10):
        service.answer()
        await settled()
    await asyncio.gather(*tasks)
    # The first was on its way and the second lined up before anybody else came.
    assert service.order[:7] == ["acme", "acme", "beta", "gamma", "acme", "beta", "gamma"]
    assert service.most_in_all == 1


async def test_what_a_call_consumed_is_paid_back_before_the_next_one() -> None:
    clock, service = Clock(), Service(units=30.0)
    limits = limited(clock, read_units=10, burst=1)
    await limits.send("acme", READ, service.of("acme"))
    assert clock.slept == []
    # Ten were there, thirty were spent: twenty are owed, at ten a second.
    await limits.send("acme", READ, service.of("acme"))
    assert clock.slept == [pytest.approx(2.0)]
    assert clock.now == pytest.approx(1002.0)


async def test_reads_and_writes_have_accounts_of_their_own_and_so_has_each_tenant() -> None:
    clock, service = Clock(), Service(units=100.0)
    limits = limited(clock, read_units=10, write_units=10, burst=1)
    for tenant in ("acme", "beta"):
        for call in (READ, WRITE):
            await limits.send(tenant, call, service.of(tenant))
    assert clock.slept == []
    await limits.send("beta", WRITE, service.of("beta"))
    assert clock.slept == [pytest.approx(9.0)]


async def test_requests_are_sent_in_the_order_in_which_they_came() -> None:
    clock, service = Clock(), Service(units=20.0)
    limits = limited(clock, write_units=10, burst=1)
    seen: list[int] = []

    async def numbered(number: int) -> None:
        async def send(call: Call) -> Response:
            seen.append(number)
            return await service.of("acme")(call)

        await limits.send("acme", WRITE, send)

    await asyncio.gather(*(numbered(number) for number in range(5)))
    assert seen == list(range(5))
    # The first owes 10, and each later one 20 more: a second, and then two for each.
    assert clock.now == pytest.approx(1000.0 + 1 + 2 * 3)


async def test_answers_are_asked_for_capacity_only_where_it_counts() -> None:
    service, limits = Service(), TenantLimits(write_units=10)
    await limits.send("acme", READ, service.of("acme"))
    await limits.send("acme", WRITE, service.of("acme"))
    assert [call.request.get("ReturnConsumedCapacity") for call in service.requests] == [None, "TOTAL"]


async def test_a_failed_condition_costs_something_and_a_lost_connection_nothing() -> None:
    clock, failure = Clock(), ConditionFailed("no")
    limits = limited(clock, write_units=1, burst=0.5)

    def failing(error: Exception) -> Callable[[Call], Awaitable[Response]]:
        async def send(call: Call) -> Response:
            raise error

        return send

    for _ in range(3):
        with pytest.raises(TransportError):
            await limits.send("acme", WRITE, failing(TransportError("gone")))
    assert clock.slept == []
    for _ in range(2):
        with pytest.raises(ConditionFailed):
            await limits.send("acme", WRITE, failing(failure))
    assert clock.slept == [pytest.approx(0.5)]


async def test_what_cannot_be_in_time_is_refused_at_once() -> None:
    clock, service = Clock(), Service(units=100.0)
    limits = limited(clock, read_units=1, burst=1)
    await limits.send("acme", READ, service.of("acme"))
    with until(5), pytest.raises(DeadlineExceeded, match="GetItem: the request was not sent: the tenant has reached"):
        await limits.send("acme", READ, service.of("acme"))
    assert clock.slept == []
    assert len(service.order) == 1
    # Nobody stands in the way of those who have more time.
    await limits.send("acme", READ, service.of("acme"))
    assert clock.slept == [pytest.approx(99.0)]


async def test_a_wait_for_others_ends_with_the_deadline_or_the_longest_wait() -> None:
    service = Service(held=True)
    for limits, seconds in ((TenantLimits(concurrency=1), 0.01), (TenantLimits(concurrency=1, max_wait=0.01), None)):
        first = asyncio.create_task(limits.send("acme", READ, service.of("acme")))
        await settled()
        with until(seconds), pytest.raises(DeadlineExceeded):
            await limits.send("acme", READ, service.of("acme"))
        service.answer()
        await first
    assert len(service.order) == 2


@pytest.mark.parametrize("cancelled", [0, 1, 2])
async def test_cancelling_one_leaves_the_others_their_turns(cancelled: int) -> None:
    service, limits = Service(held=True), TenantLimits(concurrency=1)
    tasks = [asyncio.create_task(limits.send("acme", READ, service.of("acme"))) for _ in range(3)]
    await settled()
    tasks[cancelled].cancel()
    await settled()
    service.held = False
    service.answer()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(result, asyncio.CancelledError) for result in results] == [n == cancelled for n in range(3)]
    # All places are free again.
    await limits.send("acme", READ, service.of("acme"))


async def test_cancelling_one_that_was_just_let_in_gives_its_place_back() -> None:
    service, limits = Service(held=True), TenantLimits(total_concurrency=1)
    first, second = (asyncio.create_task(limits.send(name, READ, service.of(name))) for name in ("acme", "beta"))
    await settled()
    service.answer()
    await first
    second.cancel()  # granted, and not yet resumed
    with pytest.raises(asyncio.CancelledError):
        await second
    service.held = False
    await limits.send("acme", READ, service.of("acme"))
    assert service.now["acme"] == 0


async def test_who_waits_for_capacity_is_followed_when_cancelled() -> None:
    clock, service = Clock(), Service(units=20.0)
    asleep = asyncio.Event()

    async def sleep(seconds: float) -> None:
        if not asleep.is_set():
            asleep.set()
            await asyncio.Event().wait()
        await clock.sleep(seconds)

    limits = TenantLimits(read_units=10, burst=1, clock=clock, sleep=sleep)
    await limits.send("acme", READ, service.of("acme"))
    first, second = (asyncio.create_task(limits.send("acme", READ, service.of("acme"))) for _ in range(2))
    await asleep.wait()
    first.cancel()
    await second
    assert clock.slept == [pytest.approx(1.0)]
    assert first.cancelled()


async def test_tenants_that_are_idle_are_forgotten_and_debts_are_not() -> None:
    clock, service = Clock(), Service(units=1.0)
    limits = limited(clock, read_units=10, concurrency=4, burst=1)
    service.units = 1000.0
    await limits.send("debtor", READ, service.of("debtor"))
    service.units = 1.0
    for number in range(5000):
        clock.now += 0.001
        await limits.send(f"t{number}", READ, service.of("t"))
    assert limits.remembered < 1000
    await limits.send("debtor", READ, service.of("debtor"))
    assert clock.slept == [pytest.approx(99.0 - 5.0)]


async def test_every_tenant_gets_through_under_all_limits_at_once() -> None:
    clock, service = Clock(), Service(units=3.0)
    limits = limited(clock, concurrency=2, total_concurrency=5, read_units=50, burst=1)

    async def work(tenant: str) -> None:
        async def send(call: Call) -> Response:
            await asyncio.sleep(0)
            return await service.of(tenant)(call)

        await asyncio.gather(*(limits.send(tenant, READ, send) for _ in range(20)))

    await asyncio.gather(*(work(f"t{number}") for number in range(30)))
    assert len(service.order) == 600
    assert service.most_in_all <= 5
    assert max(service.most.values()) <= 2


@pytest.mark.parametrize("seed", range(25))
async def test_nobody_is_forgotten_whoever_gives_up(seed: int) -> None:
    """Requests come, are cancelled and run out of time at random; the rest is sent, in order, within all bounds."""
    draw, clock, service = random.Random(seed), Clock(), Service()
    limits = limited(clock, concurrency=2, total_concurrency=3, read_units=20, write_units=20, burst=1, max_wait=60)
    sent: dict[str, list[int]] = {}

    async def request(tenant: str, number: int, steps: int, units: float) -> None:
        async def send(call: Call) -> Response:
            sent.setdefault(tenant, []).append(number)
            service.units = units
            response = await service.of(tenant)(call)
            for _ in range(steps):
                await asyncio.sleep(0)
            return response

        await limits.send(tenant, draw.choice((READ, WRITE)), send)

    tasks: list[asyncio.Task[None]] = []
    for number in range(150):
        work = request(f"t{draw.randrange(4)}", number, draw.randrange(4), draw.choice((0.5, 1, 5, 60)))
        tasks.append(asyncio.create_task(work))
        for _ in range(draw.randrange(3)):
            await asyncio.sleep(0)
        if draw.random() < 0.3:
            draw.choice(tasks).cancel()
    outcomes = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 20)
    strange = [each for each in outcomes if isinstance(each, BaseException)]
    assert all(isinstance(each, asyncio.CancelledError | DeadlineExceeded) for each in strange)
    assert all(numbers == sorted(numbers) for numbers in sent.values())
    assert service.most_in_all <= 3
    assert max(service.most.values()) <= 2
    # All places are free again: as many as there are can be taken at once.
    clock.now += 1000
    service.held = True
    last = [asyncio.create_task(limits.send(f"t{n // 2}", READ, service.of(f"t{n // 2}"))) for n in range(4)]
    await settled()
    assert sum(service.now.values()) == 3
    service.held = False
    service.answer(3)
    await asyncio.gather(*last)


def test_another_loop_begins_anew_once_the_first_is_gone() -> None:
    limits, service = TenantLimits(concurrency=1), Service(held=True)

    async def abandoned() -> None:
        task = asyncio.create_task(limits.send("acme", READ, service.of("acme")))
        await settled()
        task.cancel()

    async def again() -> Response:
        return await limits.send("acme", READ, service.of("acme"))

    asyncio.run(abandoned())
    service.held = False
    assert asyncio.run(again())["ConsumedCapacity"]


@pytest.mark.parametrize(
    "options",
    [{"concurrency": 0}, {"total_concurrency": 1.5}, {"read_units": 0}, {"write_units": -1}, {"burst": 0}],
)
def test_limits_that_would_let_nothing_through_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOperation, match=next(iter(options))):
        TenantLimits(**options)


class Note(Model, table="notes"):
    tenant: Attr[str] = tenant_key()
    note_id: Attr[str] = sort_key()
    text: Attr[str] = field(default="")


async def test_a_client_holds_its_tenants_to_them(dynamodb_local: LocalEndpoint) -> None:
    clock = Clock()
    limits = limited(clock, write_units=2, burst=1)
    async with dynamodb_local.client(table_prefix="limits-", tenant_limits=limits) as db:
        await db.create_tables(Note)
        try:
            await _written_by(db, clock)
        finally:
            await db.delete_tables(Note)


async def _written_by(db: Client, clock: Clock) -> None:
    with use(db.for_tenant("acme")):
        await Note(note_id="1", text="x" * 9000).put()  # nine units
        await Note(note_id="2").put()
    assert clock.slept == [pytest.approx((9 - 2) / 2)]
    with use(db.for_tenant("beta")):
        await Note(note_id="1").put()
        assert (await Note.get("1")) is not None
    assert len(clock.slept) == 1
