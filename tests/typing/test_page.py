"""The page on typing: both checkers refuse the lines that it marks, and no other."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from tests.typing.test_typing import ROOT, run

PAGE = ROOT / "docs" / "typing.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """The page as a module in which only the code is left, every line in its place."""
    text = PAGE.read_text()
    lines = [""] * text.count("\n")
    for block in BLOCK.finditer(text):
        first = text.count("\n", 0, block.start(1))
        code = block[1].splitlines()
        lines[first : first + len(code)] = code
    path = tmp_path / "page.py"
    path.write_text("\n".join(lines))
    return path


def marked(module: Path) -> set[int]:
    lines = {number for number, line in enumerate(module.read_text().splitlines(), 1) if line.endswith("# error")}
    assert lines
    return lines


@pytest.mark.slow
def test_mypy_refuses_exactly_the_marked_lines(module: Path) -> None:
    output = run(sys.executable, "-m", "mypy", "--no-error-summary", str(module))
    found = {int(line) for line in re.findall(r"page\.py:(\d+): error:", output)}
    assert found == marked(module), output


@pytest.mark.slow
def test_pyright_refuses_exactly_the_marked_lines(module: Path) -> None:
    output = run(sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, str(module))
    found = {
        entry["range"]["start"]["line"] + 1
        for entry in json.loads(output)["generalDiagnostics"]
        if entry["severity"] == "error"
    }
    assert found == marked(module), output
