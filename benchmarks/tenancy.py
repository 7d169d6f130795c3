"""What it takes that a client is bound to a tenant: beside the same calls of one that is not, and making one.

    python -m benchmarks.tenancy
    python -m benchmarks.tenancy --here --rounds 1

A bound client compiles keys from its scope, and holds every request and every answer against the tenant's own. Both
read and write the same items, in turns. Results go to `benchmarks/results/`. See docs/benchmarks.md.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.laps import page
from benchmarks.laps.meeting import met, parser, published, team
from benchmarks.laps.race import Discipline
from benchmarks.rivals.entrants import Entrant, own_entrant
from benchmarks.rivals.team import own_requirements
from benchmarks.rivals.work import BIND, OPERATIONS
from benchmarks.setting.page import fill

ABOUT = (
    "What a call takes with a client that is bound to a tenant, and with one that is not, on each transport. CPU is "
    "the processor's time of the whole process, which has a core to itself. 'bind' is making a bound client, with no "
    "call."
)

TRANSPORTS = ("direct", "aiobotocore")

DISCIPLINES = [*(Discipline(operation) for operation in OPERATIONS), Discipline(BIND)]

UNBOUND = tuple(f"{transport}-unbound" for transport in TRANSPORTS)


def entrants() -> list[Entrant]:
    """Each transport, unbound and bound."""
    return [
        own_entrant(f"{transport}-{kind}", f"{transport}, {kind}", module, transport, own_requirements())
        for transport in TRANSPORTS
        for kind, module in (("unbound", "orm"), ("bound", "orm_tenant"))
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if everything worked."""
    chosen = parser("What a tenant's client takes.", DISCIPLINES).parse_args(arguments)
    report = met(team(entrants(), chosen), DISCIPLINES, chosen, about=ABOUT, references=UNBOUND)
    path = chosen.results / "tenancy.json"
    status = published(report, path)
    fill("tenancy", page.tenancy(report), chosen.results)
    if chosen.plots and report["results"]:
        # matplotlib takes longer to import than a smoke run of the rest.
        from benchmarks.laps.plot import draw  # noqa: PLC0415

        draw(report, path)
    return status


if __name__ == "__main__":
    sys.exit(main())
