"""docs/benchmarks.md tells what the results say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.coding import page as coding
from benchmarks.growing import page as growing
from benchmarks.laps import page as laps
from benchmarks.laps.race import Lap
from benchmarks.laps.results import Measured, Report, results
from benchmarks.rivals.entrants import AIOBOTOCORE, OWN, OWN_DIRECT
from benchmarks.setting import page
from benchmarks.setting.machine import machine
from benchmarks.setting.page import PAGE, RESULTS, fill, filled

BLOCK = "above\n<!-- warm: begin -->\nold\n<!-- warm: end -->\nbelow\n"


def test_a_block_is_replaced_and_nothing_else() -> None:
    new = filled(BLOCK, "warm", ["new"])
    assert new == "above\n<!-- warm: begin -->\n\nnew\n\n<!-- warm: end -->\nbelow\n"
    assert filled(new, "warm", ["new"]) == new


def test_a_block_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="no block growth"):
        filled(BLOCK, "growth", [])


def test_a_trial_run_changes_no_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "benchmarks.md"
    copy.write_text(BLOCK)
    monkeypatch.setattr(page, "PAGE", copy)
    fill("warm", ["new"], tmp_path)
    assert copy.read_text() == BLOCK
    fill("warm", ["new"], RESULTS)
    assert "new" in copy.read_text()


@pytest.mark.parametrize(
    ("name", "lines", "file"),
    [
        ("warm", laps.warm, "warm"),
        ("warm-local", laps.local, "warm_dynamodb_local"),
        ("tenancy", laps.tenancy, "tenancy"),
        ("growth", growing.growth, "growth"),
        ("codec", coding.codec, "codec"),
    ],
)
def test_the_page_tells_the_results(name: str, lines: Any, file: str) -> None:
    report = json.loads((RESULTS / f"{file}.json").read_text())
    assert filled(PAGE.read_text(), name, lines(report)) == PAGE.read_text()


def report(**seconds: float) -> Report:
    """One in which each took so long for a `get`."""
    titles = {OWN_DIRECT: "ours, direct", OWN: "ours", AIOBOTOCORE: "bare"}
    took = {name.replace("__", "-"): [Lap(one, one, one)] for name, one in seconds.items()}
    return Report(
        about="",
        conditions="",
        machine=machine("3.13"),
        rounds=1,
        seconds=1,
        entrants={
            name: Measured(title=title, own=name != AIOBOTOCORE, versions={}, error=None if name in took else "gone")
            for name, title in titles.items()
        },
        references=[AIOBOTOCORE],
        results=results({"get": took}, {}, [AIOBOTOCORE]),
    )


def test_who_takes_least_is_bold_and_who_is_missing_is_named() -> None:
    lines = laps.warm(report(dynamorm_py__direct=100e-6, aiobotocore=800e-6))
    assert "| ours, direct | **100** |" in lines
    assert "| bare | 800 |" in lines
    assert "| ours, direct | 10,000 |" in lines
    assert "Where the direct transport loses: in none of these calls." in lines
    assert "ours was not measured: `gone`" in lines


def test_where_it_loses_is_said() -> None:
    lines = laps.warm(report(dynamorm_py__direct=100e-6, dynamorm_py=300e-6, aiobotocore=50e-6))
    assert "- `get`: bare (0.50)" in lines
    assert "| ours | 0.33 |" in lines
    assert "| bare | 2.00 |" in lines
    assert "The transport on aiobotocore, models included, as a multiple of the bare client: `get` 6.00." in lines
