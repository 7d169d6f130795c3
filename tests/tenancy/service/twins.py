"""The modules of the service suite, read once more with models of tenants."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import pytest

import dynamorm_py
from tests.tenancy.service.models import TenantsModel, tenants_table

SERVICE = Path(__file__).parents[2] / "service"
# What the suite's modules share.
SHARED = ("shop", "library")
NOTHING: Mapping[str, str] = MappingProxyType({})


def twin(name: str, told: Mapping[str, str] = NOTHING, elsewhere: Mapping[str, str] = NOTHING) -> dict[str, Any]:
    """The names of `tests/service/<name>.py`, its models being tenants'.

    `told` is what reads differently in a scope: pieces of the module's text, and what stands for them. `elsewhere` are
    the tests that no scope has room for, each with the reason. `LookupError` where either names what is not there.
    """
    text = (SERVICE / f"{name}.py").read_text()
    for test in elsewhere:
        if f"def {test}(" not in text:
            raise LookupError(f"{name} has no {test}")
    found = vars(_read(name, told))
    return {key: value for key, value in found.items() if not key.startswith("__") and key not in elsewhere}


@cache
def shared(name: str) -> ModuleType:
    """One of the modules that the suite's modules share, its models being tenants'."""
    return _read(name, NOTHING)


def _read(name: str, told: Mapping[str, str]) -> ModuleType:
    path = SERVICE / f"{name}.py"
    module = ModuleType(f"tests.tenancy.service.twins.{name}")
    module.__file__ = str(path)
    code = compile(_retold(path, told), path, "exec")
    # pydantic looks the names in a class's annotations up in the module that the class names.
    sys.modules[module.__name__] = module
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dynamorm_py, "Model", TenantsModel)
        patch.setattr(dynamorm_py, "Table", tenants_table)
        for each in SHARED if name not in SHARED else ():
            patch.setitem(sys.modules, f"tests.service.{each}", shared(each))
        exec(code, vars(module))  # noqa: S102  # a module of this repository
    return module


def _retold(path: Path, told: Mapping[str, str]) -> str:
    text = path.read_text()
    for piece, other in told.items():
        if piece not in text:
            raise LookupError(f"{path.name} does not say {piece!r}")
        text = text.replace(piece, other)
    return text
