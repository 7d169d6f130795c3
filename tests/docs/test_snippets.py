"""Every Python block of the README and of the pages in docs/ runs, in order, a page in one namespace.

A block that is fenced as ```` ```python no-run ```` is compiled only. Pages in docs/ run under an open client, as they
say.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from inspect import CO_COROUTINE
from pathlib import Path
from types import CodeType, ModuleType

import pytest

from dynamorm_py.testing import EmbeddedDynamoDB

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python(?P<mark>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN = " no-run"


def blocks(page: Path) -> Iterator[tuple[CodeType, bool]]:
    """The compiled blocks of a page, and whether each is to be run."""
    text = page.read_text()
    for block in BLOCK.finditer(text):
        assert block["mark"] in ("", NOT_RUN)
        # As many lines before it as in the page, so that a traceback names the page's line.
        source = "\n" * text.count("\n", 0, block.start("code")) + block["code"]
        yield compile(source, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), block["mark"] != NOT_RUN


@pytest.fixture
def module(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Where the page's names live: a module that can be found, as pydantic expects of a class's module."""
    module = ModuleType(f"snippets_of_{request.node.callspec.id.partition('.')[0]}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.behaviour("2.27")
async def test_every_block_runs(page: Path, module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedDynamoDB() as dynamodb:
        for name, value in dynamodb.environment.items():
            monkeypatch.setenv(name, value)
        async with AsyncExitStack() as stack:
            if page.name != "README.md":
                await stack.enter_async_context(dynamodb.client())
            for code, to_run in blocks(page):
                if to_run:
                    result = eval(code, module.__dict__)  # noqa: S307  # the documentation's own code
                    if code.co_flags & CO_COROUTINE:
                        await result


def test_few_blocks_are_left_out() -> None:
    run = {page.name: [to_run for _, to_run in blocks(page)] for page in PAGES}
    assert run["README.md"].count(True) >= 4
    assert run["guide.md"].count(True) >= 15
    assert {name: marks.count(False) for name, marks in run.items() if False in marks} == {"guide.md": 1}
