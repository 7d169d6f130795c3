"""Requests are the same bytes in every process, and those that were agreed on.

Where a change of them is meant, `python -m tests.wire.golden_requests > tests/wire/golden/requests.json` records it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.wire import golden_requests

GOLDEN = Path(__file__).parent / "golden" / "requests.json"
ROOT = Path(__file__).parents[2]


@pytest.mark.behaviour("2.13")
@pytest.mark.parametrize("seed", ["0", "1", "42", "random"])
def test_every_process_compiles_the_same_bytes(seed: str) -> None:
    written = subprocess.run(
        [sys.executable, "-m", "tests.wire.golden_requests"],
        env={**os.environ, "PYTHONHASHSEED": seed},
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=120,
    )
    assert written.stdout.decode() == GOLDEN.read_text(encoding="utf-8")


def test_compiling_again_changes_nothing() -> None:
    assert golden_requests.text() == golden_requests.text()
