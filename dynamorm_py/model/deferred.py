"""Verbs whose module is imported when one is first asked for: a function that only reads never pays for writes."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NoReturn


class Deferred:
    """Stands in a class for a descriptor that lives in a module of its own, and answers what that one would."""

    __slots__ = ("_descriptor", "_module", "_name", "_verb")

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name
        self._descriptor: Any = None  # what the module's class makes

    def __set_name__(self, owner: type, name: str) -> None:
        self._verb = name

    def __get__(self, instance: object, owner: type) -> Any:  # what the descriptor's own type says
        if self._descriptor is None:
            self._descriptor = getattr(import_module(self._module), self._name)()
        return self._descriptor.__get__(instance, owner)

    def __set__(self, instance: object, value: object) -> NoReturn:
        raise AttributeError(f"{self._verb} is a verb")
