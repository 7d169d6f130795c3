"""Many cold starts, in turn."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from benchmarks.cold.contenders import ITEM, Contender
from benchmarks.cold.starting import Start, WrongAnswer, start
from benchmarks.setting.canned import CannedDynamoDB
from benchmarks.setting.environments import Environment
from dynamorm_py.testing.lambda_runtime import LambdaRuntimeError


class Race:
    """Has the contenders start in turn, under each set of variables, so that what else the machine does falls on all
    alike. `errors` says of those that dropped out why."""

    def __init__(
        self, environments: Mapping[Contender, Environment], bytecodes: Mapping[str, Mapping[str, str]]
    ) -> None:
        self._environments = environments
        self._bytecodes = bytecodes
        self._starts: dict[str, dict[Contender, list[Start]]] = {
            bytecode: {contender: [] for contender in environments} for bytecode in bytecodes
        }
        self.errors: dict[Contender, str] = {}

    def run(self, rounds: int, discarded: int) -> None:
        """Starts each `rounds` times; what is discarded before that fills the page cache."""
        with CannedDynamoDB(ITEM) as dynamodb, dynamodb.run():
            for number in range(-discarded, rounds):
                print(f"round {number + discarded + 1} of {discarded + rounds}", file=sys.stderr)
                for bytecode, variables in self._bytecodes.items():
                    for contender in self._environments:
                        measured = self._start(contender, dynamodb, variables)
                        if measured is not None and number >= 0:
                            self._starts[bytecode][contender].append(measured)

    def starts(self) -> dict[str, dict[str, list[Start]]]:
        """What was measured, by bytecode and contender, of those that went through to the end."""
        return {
            bytecode: {contender.name: starts for contender, starts in of.items() if contender not in self.errors}
            for bytecode, of in self._starts.items()
        }

    def _start(self, contender: Contender, dynamodb: CannedDynamoDB, variables: Mapping[str, str]) -> Start | None:
        if contender in self.errors:
            return None
        try:
            return start(contender, self._environments[contender], dynamodb, variables)
        except (LambdaRuntimeError, WrongAnswer) as error:
            self.errors[contender] = str(error)
            return None
