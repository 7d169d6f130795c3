"""Many laps, in turn."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.laps.process import Failed, Worker
from benchmarks.rivals.entrants import Entrant
from benchmarks.rivals.work import CONCURRENCIES, GET, OPERATIONS

# Each task of a lap makes at least so many calls.
_LEAST = 2


@dataclass(frozen=True)
class Discipline:
    """One call, so many of them under way at a time."""

    operation: str
    concurrency: int = 1

    @property
    def name(self) -> str:
        return self.operation if self.concurrency == 1 else f"{self.operation}_x{self.concurrency}"


DISCIPLINES = [
    *(Discipline(operation) for operation in OPERATIONS),
    *(Discipline(GET, concurrency) for concurrency in CONCURRENCIES if concurrency > 1),
]


@dataclass(frozen=True)
class Lap:
    """What a lap took for each of its calls, in seconds: on the wall's clock, of the processor for all threads of the
    process, and of it for the thread that calls."""

    wall: float
    cpu: float
    thread: float


class Race:
    """Has the entrants make their laps in turn, so that what else the machine does falls on all alike.

    `laps` are what was measured, by discipline and entrant; `requests` is how many requests a call sent, where
    `counted` tells; `errors` says of those that dropped out why.
    """

    def __init__(
        self, workers: Mapping[Entrant, Worker], counted: Callable[[], dict[str, int]] | None, seconds: float
    ) -> None:
        self._workers = dict(workers)
        self._counted = counted
        self._seconds = seconds
        self.laps: dict[str, dict[str, list[Lap]]] = defaultdict(lambda: defaultdict(list))
        self.requests: dict[str, dict[str, float]] = defaultdict(dict)
        self.errors: dict[Entrant, str] = {}

    def run(self, disciplines: Sequence[Discipline], rounds: int) -> None:
        """So many rounds of each discipline, after one that does not count: it finds out how many calls a lap has."""
        for discipline in disciplines:
            print(f"{discipline.name}", file=sys.stderr)
            calls = {entrant: self._practised(entrant, discipline) for entrant in list(self._workers)}
            for _ in range(rounds):
                for entrant, count in calls.items():
                    if count is not None and entrant in self._workers:
                        self._lap(entrant, discipline, count)

    def _practised(self, entrant: Entrant, discipline: Discipline) -> int | None:
        """How many calls last about as long as a lap is to; None if it cannot make any."""
        worker = self._workers[entrant]
        if discipline.operation not in worker.operations:
            return None
        concurrency = discipline.concurrency
        calls = _LEAST * concurrency
        try:
            self._count()
            worker.lap(discipline.operation, concurrency, concurrency, check=True)
            # One that is checked, those before the clock runs, and those of the lap.
            self.requests[discipline.name][entrant.name] = self._count() / (1 + 2 * concurrency)
            while (took := worker.lap(discipline.operation, calls, concurrency)["wall"]) < self._seconds / 4:
                calls *= 4
        except Failed as error:
            self._drop(entrant, f"{discipline.name}: {error}")
            return None
        wanted = round(calls * self._seconds / took) if self._seconds else calls
        return max(_LEAST, wanted // concurrency) * concurrency

    def _lap(self, entrant: Entrant, discipline: Discipline, calls: int) -> None:
        try:
            took = self._workers[entrant].lap(discipline.operation, calls, discipline.concurrency)
        except Failed as error:
            self._drop(entrant, f"{discipline.name}: {error}")
        else:
            self.laps[discipline.name][entrant.name].append(Lap(**{clock: took[clock] / calls for clock in took}))

    def _drop(self, entrant: Entrant, reason: str) -> None:
        self.errors[entrant] = reason
        del self._workers[entrant]
        for of in self.laps.values():
            of.pop(entrant.name, None)

    def _count(self) -> int:
        return sum(self._counted().values()) if self._counted else 0
