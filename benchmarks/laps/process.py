"""A library at work in a process of its own, and laps of it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Self, TextIO, cast

from benchmarks.rivals.entrants import Entrant
from benchmarks.setting.environments import ROOT, Environment


class Failed(Exception):
    """A library could not do what it was to be measured at; says why."""


class Worker:
    """The process of an entrant, for the length of a `with` block. `operations` are those that the library has."""

    def __init__(self, entrant: Entrant, environment: Environment, variables: Mapping[str, str]) -> None:
        self._log = TemporaryFile("w+")  # noqa: SIM115  # it lives as long as the process
        process = subprocess.Popen(
            [environment.python, "-m", "benchmarks.rivals.worker", entrant.module],
            cwd=ROOT,
            env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT), **variables, **entrant.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._process = process
        # Both are there, because both were asked for.
        self._orders, self._answers = cast(TextIO, process.stdin), cast(TextIO, process.stdout)
        self.operations: list[str] = []

    def __enter__(self) -> Self:
        try:
            self.operations = self._answer()["operations"]
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()

    def lap(self, operation: str, calls: int, concurrency: int = 1, *, check: bool = False) -> dict[str, float]:
        """Makes that many calls, so many at a time, after as many that do not count. Gives back seconds, by clock.

        With `check`, one call before that is held against what it is to answer.
        """
        order = {"operation": operation, "calls": calls, "concurrency": concurrency, "check": check}
        try:
            self._orders.write(json.dumps(order) + "\n")
            self._orders.flush()
        except BrokenPipeError as error:
            raise Failed(self._last_words()) from error
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._answers.readline()
        if not line:
            raise Failed(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def _last_words(self) -> str:
        self._process.wait()
        self._log.seek(0)
        lines = self._log.read().strip().splitlines()
        return lines[-1] if lines else f"it ended with {self._process.returncode}"

    def _end(self) -> None:
        with suppress(BrokenPipeError):
            self._orders.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            # A library's own threads may keep it.
            self._process.kill()
            self._process.wait()
        self._answers.close()
        self._log.close()
