"""The figures as Markdown, for docs/benchmarks.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.coding.contests import BOTO3, GENERIC, OURS
from benchmarks.setting.machine import described
from benchmarks.setting.page import table

if TYPE_CHECKING:
    from benchmarks.codec import Report

_CONTENDERS = (OURS, GENERIC, BOTO3)


def codec(report: Report) -> list[str]:
    """A row for each contest."""
    rows = []
    for name, title in report["contests"].items():
        results = report["results"][name]
        times = [f"{results[who]['cpu']['median']:.1f}" if who in results else "-" for who in _CONTENDERS]
        compared = BOTO3 in results and OURS in results
        rows.append([title, *times, f"{results[OURS]['ratio_to'][BOTO3]:.2f}" if compared else "-"])
    versions = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    return [
        f"Measured on {described(report['machine'])}; {report['rounds']} rounds, in turn. {versions}.",
        "",
        *table(["µs of the processor", *_CONTENDERS, f"x {BOTO3}"], rows),
    ]
