"""What mypy and pyright say of small samples: nothing of the accepted ones, and of the rejected ones that every line
marked `# error`, and no other, is wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SAMPLES = [HERE / "accepted", HERE / "rejected"]

Lines = set[tuple[str, int]]


def marked() -> Lines:
    return {
        (path.name, number)
        for folder in SAMPLES
        for path in folder.glob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if line.endswith("# error")
    }


def run(*command: str) -> str:
    environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300
    ).stdout


def mypy() -> Lines:
    files = [str(path) for folder in SAMPLES for path in folder.glob("*.py")]
    output = run(sys.executable, "-m", "mypy", "--no-error-summary", *files)
    found = re.findall(r"^(.+\.py):(\d+): error:", output, re.MULTILINE)
    assert found, output
    return {(Path(path).name, int(line)) for path, line in found}


def pyright() -> Lines:
    report = json.loads(
        run(sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(HERE))
    )
    return {
        (Path(entry["file"]).name, entry["range"]["start"]["line"] + 1)
        for entry in report["generalDiagnostics"]
        if entry["severity"] == "error"
    }


@pytest.mark.slow
def test_mypy_refuses_exactly_the_marked_lines() -> None:
    assert mypy() == marked()


@pytest.mark.slow
def test_pyright_refuses_exactly_the_marked_lines() -> None:
    assert pyright() == marked()
