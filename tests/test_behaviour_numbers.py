"""Each numbered line of docs/behaviour.md has a test that names it, or a written reason why it has none.

A test names its lines with `@pytest.mark.behaviour("1.45", "2.21")`. The tests are read, not collected, so that a run
of some of them checks the whole.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "behaviour.md"
ROW = re.compile(r"^\| (?P<number>[12]\.\d+) \| (?P<words>.*) \|$", re.MULTILINE)
# How many lines each part has.
PARTS = {1: 74, 2: 28}


def stated() -> list[str]:
    return [row["number"] for row in ROW.finditer(_halves()[0])]


def exempt() -> dict[str, str]:
    return {row["number"]: row["words"] for row in ROW.finditer(_halves()[1])}


def named() -> dict[str, list[str]]:
    """The numbers that tests name, each with where."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            for number in _numbers(node):
                found.setdefault(number, []).append(f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}")
    return found


def _halves() -> tuple[str, str]:
    lines, heading, reasons = PAGE.read_text().partition("## Not shown by a test")
    assert heading
    return lines, reasons


def _numbers(node: ast.AST) -> Iterator[str]:
    # A marker is called on a test or class as its decorator, and on a module as `pytestmark`.
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "behaviour":
        return
    for argument in node.args:
        assert isinstance(argument, ast.Constant), ast.unparse(node)
        assert isinstance(argument.value, str), ast.unparse(node)
        yield argument.value


def test_the_page_numbers_its_lines_without_a_gap() -> None:
    assert stated() == [f"{part}.{line}" for part, lines in PARTS.items() for line in range(1, lines + 1)]


def test_every_line_has_a_test_or_a_reason() -> None:
    covered = {*named(), *exempt()}
    assert [number for number in stated() if number not in covered] == []


def test_tests_name_lines_that_exist() -> None:
    strays = {number: places for number, places in named().items() if number not in stated()}
    assert strays == {}


def test_a_reason_is_for_a_line_without_a_test() -> None:
    numbers, tested = stated(), named()
    for number, reason in exempt().items():
        assert number in numbers
        assert number not in tested
        assert len(reason.split()) >= 5
