"""The benchmark of cold starts at its smallest size: that it measures what it says, not how long that takes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import cast

import pytest

from benchmarks import cold_start
from benchmarks.cold.contenders import (
    AIOBOTOCORE,
    BOTO3,
    EMPTY,
    FLOOR,
    OWN,
    OWN_DIRECT,
    RUNTIME_DISTRIBUTIONS,
    Contender,
)
from benchmarks.cold.race import Race
from benchmarks.cold.results import Report
from benchmarks.cold.starting import STAGES
from benchmarks.setting import environments
from benchmarks.setting.environments import this_environment
from tests.engines.availability import required

if not required():
    pytest.importorskip("awslambdaric", reason="the Lambda runtime client has wheels for Linux only")

SMALLEST = ("--here", "--runs", "1", "--discard", "0")


def run(directory: Path, *arguments: str) -> Report:
    assert cold_start.main([*SMALLEST, "--results", str(directory), *arguments]) == 0
    return cast(Report, json.loads((directory / "cold_start.json").read_text()))


def test_a_start_is_told_by_stage_and_beside_the_bare_clients(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = run(tmp_path, "--bytecode", "compiled", "--no-plots")
    results = report["results"]["compiled"]
    assert list(results) == [EMPTY, FLOOR, OWN_DIRECT, OWN, AIOBOTOCORE, BOTO3]
    assert {name: entrant["error"] for name, entrant in report["contenders"].items()} == dict.fromkeys(results)
    for name, result in results.items():
        stages = {stage: figure["median"] for stage, figure in result["stages"].items()}
        assert list(stages) == list(STAGES)
        assert sum(stages.values()) == pytest.approx(result["total"]["median"], abs=0.1)
        # What connects before the first invocation is ours alone; elsewhere it is a part of the first request.
        assert (stages["connection"] > 0) is (name in (OWN, OWN_DIRECT))
        assert (stages["import"] > 0) is (stages["client"] > 0) is (name != EMPTY)
    assert results[AIOBOTOCORE]["ratio_to"][AIOBOTOCORE] == 1
    ratio = results[OWN]["total"]["median"] / results[BOTO3]["total"]["median"]
    assert results[OWN]["ratio_to"][BOTO3] == pytest.approx(ratio, abs=0.01)
    assert report["contenders"][OWN]["versions"].keys() >= {"dynamorm-py", "aiobotocore", "pydantic"}
    printed = capsys.readouterr().out
    assert "not on Lambda's hardware" in " ".join(printed.split())
    assert "dynamorm_py, on aiobotocore" in printed


def test_the_figures_are_drawn(tmp_path: Path) -> None:
    run(tmp_path, "--only", EMPTY)
    assert (tmp_path / "cold_start.png").read_bytes().startswith(b"\x89PNG")
    drawing = (tmp_path / "cold_start.svg").read_text()
    assert "an empty function" in drawing
    assert "With .pyc files" in drawing
    assert "Without .pyc files" in drawing


def test_what_is_not_compiled_is_what_a_function_brings(tmp_path: Path) -> None:
    this_environment().copy_bytecode(tmp_path, RUNTIME_DISTRIBUTIONS)
    program = """
import json, os, awslambdaric.bootstrap, aiobotocore, dynamorm_py
modules = json, awslambdaric.bootstrap, aiobotocore, dynamorm_py
print(json.dumps([os.path.exists(module.__cached__) for module in modules]))
"""
    variables = {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    python = this_environment().python
    answer = subprocess.run([python, "-c", program], env=variables, capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout) == [True, True, False, False]


def test_who_cannot_start_drops_out_with_the_reason() -> None:
    works = Contender(EMPTY, "an empty function", "empty")
    broken = Contender("broken", "a rival", "no_such_module", rival=True)
    race = Race(dict.fromkeys((broken, works), this_environment()), {"compiled": {}})
    race.run(1, 0)
    assert list(race.starts()["compiled"]) == [EMPTY]
    assert "no_such_module" in race.errors[broken]


def test_who_answers_something_else_drops_out() -> None:
    impostor = Contender("impostor", "answers nothing, where an order is asked for", "empty")
    race = Race({impostor: this_environment()}, {"compiled": {}})
    race.run(1, 0)
    assert race.errors == {impostor: "it answered None"}
    assert race.starts() == {"compiled": {}}


def test_who_cannot_be_installed_is_listed_with_pips_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "ENVIRONMENTS", tmp_path)
    missing = Contender("missing", "a rival", "empty", (str(tmp_path / "missing-1.0-py3-none-any.whl"),), rival=True)
    found, errors = cold_start.installed([missing], this_environment())
    assert found == {}
    assert "missing-1.0-py3-none-any.whl" in errors[missing]
