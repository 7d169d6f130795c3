"""The reference names everything that is public, and nothing that is not."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

import dynamorm_py
from dynamorm_py import Model, asgi, aws_lambda, tenancy, testing

REFERENCE = (Path(__file__).parents[2] / "docs" / "reference.md").read_text()
ROW = re.compile(r"^\| `(\w+)", re.MULTILINE)


def section(module: ModuleType) -> str:
    """What the page says of one module."""
    return REFERENCE.partition(f"\n## `{module.__name__}`\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(
    "module", [dynamorm_py, asgi, aws_lambda, tenancy, testing], ids=lambda module: module.__name__
)
def test_every_public_name_is_in_the_reference(module: ModuleType) -> None:
    assert [name for name in module.__all__ if f"`{name}`" not in section(module)] == []


@pytest.mark.parametrize(
    "module", [dynamorm_py, asgi, aws_lambda, tenancy, testing], ids=lambda module: module.__name__
)
def test_every_name_in_the_reference_exists(module: ModuleType) -> None:
    named = ROW.findall(section(module))
    assert named
    assert [name for name in named if not hasattr(module, name) and not hasattr(Model, name)] == []
