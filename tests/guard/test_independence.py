"""The guard judges what the compiler made, so it must share nothing with it that could be wrong for both."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from dynamorm_py import guard

MODULES = sorted(Path(guard.__file__).parent.glob("*.py"))
# The errors it raises, the words that everything speaks, and what its own records are made of.
SHARED = {"dynamorm_py.core.errors", "dynamorm_py.core.records", "dynamorm_py.core.wire"}
IMPURE = {"asyncio", "contextvars", "os", "random", "secrets", "socket", "threading", "time"}


def imports() -> Iterator[str]:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                whole = f"{node.module}"
                if whole in ("dynamorm_py", "dynamorm_py.core", "dynamorm_py.guard"):
                    yield from (f"{whole}.{alias.name}" for alias in node.names)
                else:
                    yield whole


def test_it_shares_nothing_with_the_compiler() -> None:
    own = {name for name in imports() if name.startswith("dynamorm_py")}
    assert {name for name in own if not name.startswith("dynamorm_py.guard.")} <= SHARED
    assert "dynamorm_py.guard.grammar" in own


def test_it_is_pure() -> None:
    foreign = {name.partition(".")[0] for name in imports() if not name.startswith("dynamorm_py")}
    assert foreign - (sys.stdlib_module_names - IMPURE) == set()
