"""Noisy neighbours: how many requests of one tenant are on their way at a time, and how much capacity they consume.

What bounds a tenant here is this process alone. The partitions of a table have limits of their own, which tenants that
share one still meet together: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html

Nobody knows what a request consumes before it is answered. So a request may go while its tenant owes nothing. It is
charged what the one before it consumed, and the rest when it is done, into debt if need be, which the next ones wait
for: over time a tenant consumes its rate.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from dynamorm_py.client.connection import Place
from dynamorm_py.core.errors import (
    ConditionFailed,
    DeadlineExceeded,
    DynamormError,
    InvalidOperation,
    TransactionCanceled,
    WriteOutcomeUnknown,
)
from dynamorm_py.core.wire import Call, Response
from dynamorm_py.middleware import Middleware, Send
from dynamorm_py.middleware.deadlines import remaining
from dynamorm_py.middleware.retries import sleep
from dynamorm_py.middleware.telemetry import asking_for_capacity, units_of

if TYPE_CHECKING:
    import anyio

# So many tenants are remembered before those are looked for of which nothing has to be.
_FEW = 256

# What a request is charged whose answer does not tell: an item of up to 1 KB written, or 4 KB read.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
_UNTOLD = 1.0

# A debt so small is left over by the arithmetic of floats, and a wait for it might not move a clock.
_NOTHING = 1e-6


class TenantLimits:
    """What each tenant may do at a time, for `Client(tenant_limits=TenantLimits(concurrency=8, write_units=200))`.

    - `concurrency`: how many requests of one tenant are on their way at once; with their repetitions they count once.
    - `read_units`, `write_units`: capacity units a second, as DynamoDB reports them (`ReturnConsumedCapacity`).
      Transactions are reported, and counted, with all their units.
    - `burst`: for how many seconds a tenant that was idle may have saved units up.
    - `total_concurrency`: how many requests of all tenants together are on their way. Tenants that wait take turns.
    - `max_wait`: how many seconds a request waits at most.

    What is not given is not bounded. A tenant's requests go in the order in which they came, and nobody else's wait for
    them. A request whose time (`max_wait`, or the deadline of the work it belongs to) would run out raises
    `DeadlineExceeded` and is not sent, at once where that can be foreseen. Requests of an unbound client, and across
    tenants, are not limited.

    One of these belongs to one client and to the event loop that the client is open in. `clock` counts seconds and
    never goes back; `sleep` waits for some.
    """

    def __init__(
        self,
        *,
        concurrency: int | None = None,
        read_units: float | None = None,
        write_units: float | None = None,
        burst: float = 5.0,
        total_concurrency: int | None = None,
        max_wait: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = sleep,
    ) -> None:
        for name, number in (("concurrency", concurrency), ("total_concurrency", total_concurrency)):
            if number is not None and (type(number) is not int or number < 1):
                raise InvalidOperation(f"{name} is a number of requests, 1 or more, or left out, not {number!r}")
        for name, rate in (("read_units", read_units), ("write_units", write_units), ("burst", burst)):
            if rate is not None and not 0 < rate < float("inf"):
                raise InvalidOperation(f"{name} is above 0, or left out, not {rate!r}")
        if max_wait is not None and not max_wait >= 0:
            raise InvalidOperation(f"max_wait is a number of seconds, or left out, not {max_wait!r}")
        self._concurrency = concurrency
        self._rates = (read_units, write_units)
        self._burst = burst
        self._total = total_concurrency
        self._max_wait = max_wait
        self._clock = clock
        self._sleep = sleep
        self._place: Place | None = None
        self._forget_all()

    def layer(self, tenant: str, /) -> Middleware:
        """The middleware that holds one tenant's requests to its limits; costs nothing until a request comes."""
        return _Layer(self, tenant)

    async def send(self, tenant: str, call: Call, send: Send) -> Response:
        """Sends a tenant's call when it is its turn, and charges what it consumed."""
        self._check_place()
        lane = self._lane(tenant)
        account = lane.account(call)
        if lane.waiting or not self._has_room() or not self._may_start(lane, account):
            taken = await self._turn(lane, account, call.operation)
        else:
            taken = self._start(lane, account)
        units = 0.0
        try:
            response = await send(call if account is None else asking_for_capacity(call))
            told = units_of(response)
            units = _UNTOLD if told is None else told
            return response
        except DynamormError as error:
            # What fails on a condition consumes as if it had not, but the error does not tell how much.
            units = _UNTOLD if isinstance(error, ConditionFailed | TransactionCanceled | WriteOutcomeUnknown) else 0.0
            raise
        finally:
            if account is not None:
                account.settle(taken, units, self._clock())
            self._done(lane)

    @property
    def remembered(self) -> int:
        """Of how many tenants something is remembered: of those that have requests here, and of some that had."""
        return len(self._lanes)

    def _check_place(self) -> None:
        """Requests wait in an event loop, and are lost with it: where that one is gone, all begins anew."""
        here = Place.here()
        if here == self._place:
            return
        if self._place is not None and not self._place.is_gone:
            raise InvalidOperation("a TenantLimits belongs to one client, and these limits are used in another loop")
        self._place = here
        self._forget_all()

    def _forget_all(self) -> None:
        self._lanes: dict[str, _Lane] = {}
        self._running = 0
        # Lanes whose first request waits for nothing but room among all tenants, in the order of their turns.
        self._ready: dict[_Lane, None] = {}
        self._enough = _FEW

    def _lane(self, tenant: str) -> _Lane:
        lane = self._lanes.get(tenant)
        if lane is None:
            if len(self._lanes) >= self._enough:
                self._forget_idle()
            now = self._clock()
            reads, writes = (None if rate is None else _Account(rate, rate * self._burst, now) for rate in self._rates)
            lane = self._lanes[tenant] = _Lane(tenant, reads, writes)
        return lane

    def _forget_idle(self) -> None:
        now = self._clock()
        self._lanes = {tenant: lane for tenant, lane in self._lanes.items() if not lane.is_as_new(now)}
        # Looked for again when there are twice as many, so that a tenant costs the same however many there are.
        self._enough = max(_FEW, 2 * len(self._lanes))

    def _has_room(self) -> bool:
        return self._total is None or self._running < self._total

    def _may_start(self, lane: _Lane, account: _Account | None) -> bool:
        if self._concurrency is not None and lane.running >= self._concurrency:
            return False
        return account is None or account.wait(self._clock()) <= 0

    def _start(self, lane: _Lane, account: _Account | None) -> float:
        """Counts a request as running; gives back what its account was charged for it."""
        lane.running += 1
        self._running += 1
        return 0.0 if account is None else account.take(self._clock())

    async def _turn(self, lane: _Lane, account: _Account | None, operation: str) -> float:
        turn = _Turn(account)
        lane.waiting.append(turn)
        started = self._clock()
        try:
            while (taken := self._taken(lane, turn)) is None:
                await self._wait_a_while(lane, turn, started, operation)
        except BaseException:
            self._give_up(lane, turn)
            raise
        # Only now, when it goes on: those behind it, and those that come, do not overtake it on the way.
        self._leave(lane, turn)
        return taken

    def _taken(self, lane: _Lane, turn: _Turn) -> float | None:
        """What a turn was charged when it came; None where it did not. Time alone may bring it, and tells nobody."""
        if turn.taken is None:
            self._changed(lane)
        return turn.taken

    async def _wait_a_while(self, lane: _Lane, turn: _Turn, started: float, operation: str) -> None:
        """Waits until something has changed for a turn. The first one of a tenant is who waits for its capacity."""
        now = self._clock()
        first = lane.waiting[0] is turn
        wait = turn.account.wait(now) if first and turn.account is not None else 0.0
        left = self._left(now - started)
        if left is not None and (left <= 0 or wait >= left):
            raise DeadlineExceeded(
                "the request was not sent: the tenant has reached its limits, and the time to wait has run out, or "
                "would before its turn",
                operation=operation,
            )
        if wait > 0:
            # Until it is awake, those behind it do not overtake it.
            turn.asleep = True
            await self._sleep(wait)
            turn.asleep = False
        else:
            await turn.wake(left)

    def _left(self, waited: float) -> float | None:
        left = remaining()
        if self._max_wait is None:
            return left
        own = self._max_wait - waited
        return own if left is None else min(own, left)

    def _give_up(self, lane: _Lane, turn: _Turn) -> None:
        if self._is_forgotten(lane):
            return
        if turn.taken is not None:
            # Its turn came while it was being cancelled.
            if turn.account is not None:
                turn.account.settle(turn.taken, 0.0, self._clock())
            self._done(lane)
        self._leave(lane, turn)

    def _leave(self, lane: _Lane, turn: _Turn) -> None:
        was_first = lane.waiting[0] is turn
        lane.waiting.remove(turn)
        if was_first:
            self._ready.pop(lane, None)
            self._changed(lane)
            lane.wake_first()

    def _done(self, lane: _Lane) -> None:
        if self._is_forgotten(lane):
            return
        lane.running -= 1
        self._running -= 1
        self._changed(lane)

    def _is_forgotten(self, lane: _Lane) -> bool:
        """Whether a request ends, as the generators of a loop that is gone do, after all was begun anew."""
        return self._lanes.get(lane.tenant) is not lane

    def _changed(self, lane: _Lane) -> None:
        """Lets those begin that may: the first one of each tenant, for as long as there is room."""
        self._line_up(lane)
        while self._ready and self._has_room():
            lane = next(iter(self._ready))
            del self._ready[lane]
            turn = lane.waiting[0]
            if self._may_start(lane, turn.account):
                turn.grant(self._start(lane, turn.account))
            self._line_up(lane)

    def _line_up(self, lane: _Lane) -> None:
        if lane in self._ready or not lane.waiting:
            return
        first = lane.waiting[0]
        if first.taken is not None or first.asleep:
            return
        if self._may_start(lane, first.account):
            self._ready[lane] = None
        else:
            # What it waits for may be another thing than before: capacity, for which nobody but itself wakes it.
            first.rouse()


class _Layer:
    """The limits of one tenant, as a middleware."""

    __slots__ = ("_limits", "_tenant")

    def __init__(self, limits: TenantLimits, tenant: str) -> None:
        self._limits = limits
        self._tenant = tenant

    async def __call__(self, call: Call, send: Send, /) -> Response:
        return await self._limits.send(self._tenant, call, send)


class _Account:
    """Capacity units: `rate` of them come in every second, up to `most`; what is spent beyond them is owed."""

    __slots__ = ("_at", "_last", "_most", "_rate", "_units")

    def __init__(self, rate: float, most: float, now: float) -> None:
        self._rate = rate
        self._most = most
        self._units = most
        self._at = now
        self._last = _UNTOLD

    def take(self, now: float) -> float:
        """Charges a request that begins what the last one consumed, so that those that wait do not all begin at once;
        gives back how much that was."""
        self._charge(self._last, now)
        return self._last

    def settle(self, taken: float, units: float, now: float) -> None:
        """Charges a request that has ended what it really consumed."""
        self._charge(units - taken, now)
        if units:
            self._last = units

    def _charge(self, units: float, now: float) -> None:
        self._units = min(self._most, self._now(now) - units)
        self._at = now

    def wait(self, now: float) -> float:
        """The seconds until nothing is owed any more, 0 where nothing is."""
        owed = -self._now(now)
        return owed / self._rate if owed > _NOTHING else 0.0

    def is_full(self, now: float) -> bool:
        return self._now(now) >= self._most

    def _now(self, now: float) -> float:
        return min(self._most, self._units + (now - self._at) * self._rate)


class _Lane:
    """One tenant: how many of its requests are on their way, who waits, and what it has."""

    __slots__ = ("_reads", "_writes", "running", "tenant", "waiting")

    def __init__(self, tenant: str, reads: _Account | None, writes: _Account | None) -> None:
        self.tenant = tenant
        self.running = 0
        self.waiting: deque[_Turn] = deque()
        self._reads = reads
        self._writes = writes

    def account(self, call: Call) -> _Account | None:
        return self._reads if call.reads else self._writes

    def wake_first(self) -> None:
        """Who is the first one now may have to wait for something else than before."""
        if self.waiting:
            self.waiting[0].rouse()

    def is_as_new(self, now: float) -> bool:
        """Whether a new one would be just like it."""
        accounts = (self._reads, self._writes)
        idle = not self.running and not self.waiting
        return idle and all(account is None or account.is_full(now) for account in accounts)


class _Turn:
    """One request that waits."""

    __slots__ = ("_event", "account", "asleep", "taken")

    def __init__(self, account: _Account | None) -> None:
        self.account = account
        self.asleep = False
        # What its account was charged when its turn came; None until then.
        self.taken: float | None = None
        self._event: anyio.Event | None = None

    def grant(self, taken: float) -> None:
        self.taken = taken
        self.rouse()

    def rouse(self) -> None:
        if self._event is not None:
            self._event.set()

    async def wake(self, seconds: float | None) -> None:
        """Waits until it is roused, but not longer than so many seconds."""
        # Imported by the first one that waits: most processes never do, and it takes long.
        import anyio  # noqa: PLC0415

        self._event = anyio.Event()
        with anyio.move_on_after(seconds):
            await self._event.wait()
