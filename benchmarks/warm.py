"""What a call takes of the processor, and how many a core makes in a second: here, in what is below, and at rivals.

    make bench-warm                                  # everything: some six minutes, the first time more
    python -m benchmarks.warm --here --rounds 1      # what is installed here, quickly
    python -m benchmarks.warm --engine dynamodb-local

Each library works in a process of its own, in a virtual environment of its own under `.cache/bench-venvs`, on the same
Python and on the same core; what it talks to is on another core. They take turns, lap by lap, so that what else the
machine does falls on all alike. Results go to `benchmarks/results/`. See docs/benchmarks.md.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.laps import page
from benchmarks.laps.meeting import CANNED, LOCAL, met, parser, published, team
from benchmarks.laps.race import DISCIPLINES
from benchmarks.rivals.entrants import REFERENCES, entrants
from benchmarks.rivals.team import own_requirements
from benchmarks.setting.page import fill

ABOUT = (
    "What a call takes, in warm processes that take turns. CPU is the processor's time of all threads of the process, "
    "with the caller's own part of it beside; the client has one core to itself, and what it talks to another. "
    "Everyone reads and writes the same items of ten attributes, as a validated model where it has one. A query of N "
    "answers N items in one page."
)

FILES = {CANNED: "warm.json", LOCAL: "warm_dynamodb_local.json"}


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if everything worked. A library that could not be installed or does not work is listed with its error."""
    options = parser("What calls take, in warm processes.", DISCIPLINES)
    options.add_argument("--engine", choices=tuple(FILES), default=CANNED, help="what they talk to (canned)")
    chosen = options.parse_args(arguments)
    report = met(
        team(entrants(own_requirements()), chosen),
        DISCIPLINES,
        chosen,
        about=ABOUT,
        references=REFERENCES,
        engine=chosen.engine,
    )
    path = chosen.results / FILES[chosen.engine]
    status = published(report, path)
    if chosen.engine == CANNED:
        fill("warm", page.warm(report), chosen.results)
    else:
        fill("warm-local", page.local(report), chosen.results)
    if chosen.plots and report["results"]:
        # matplotlib takes longer to import than a smoke run of the rest.
        from benchmarks.laps.plot import draw  # noqa: PLC0415

        draw(report, path)
    return status


if __name__ == "__main__":
    sys.exit(main())
