"""What a figure was measured on: without it, it means nothing to anybody."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict


class Machine(TypedDict):
    cpu: str
    cores: int
    memory_gib: float
    system: str
    python: str
    date: str


def machine(python: str) -> Machine:
    """This machine, now; `python` is the version of the interpreter that was measured."""
    return Machine(
        cpu=_cpu(),
        cores=os.cpu_count() or 1,
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        system=f"{platform.system()} {platform.machine()}",
        python=python,
        date=datetime.now(UTC).date().isoformat(),
    )


def described(of: Machine) -> str:
    """It in a line."""
    hardware = f"{of['cpu']}, {of['cores']} cores, {of['memory_gib']:g} GiB"
    return f"{hardware}, {of['system']}, Python {of['python']}, {of['date']}"


def _cpu() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
