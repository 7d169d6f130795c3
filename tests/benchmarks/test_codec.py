"""The benchmark of codecs at its smallest size: that it measures what it says, not how long that takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import codec
from benchmarks.coding.contests import BOTO3, GENERIC, OURS, PAGE, contests
from dynamorm_py.core.values import same

SMALLEST = ("--rounds", "1", "--seconds", "0")


def test_every_contender_is_timed_beside_boto3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert codec.main([*SMALLEST, "--results", str(tmp_path), "--no-plots"]) == 0
    report: codec.Report = json.loads((tmp_path / "codec.json").read_text())
    assert {name: list(of) for name, of in report["results"].items()} == {
        "decode": [OURS, GENERIC, BOTO3],
        "read": [OURS, GENERIC, BOTO3],
        "page": [OURS, GENERIC, BOTO3],
        "encode": [GENERIC, BOTO3],
        "write": [OURS, GENERIC, BOTO3],
        "save": [OURS],
        "compile": [OURS],
        "compile_encoder": [OURS],
    }
    for of in report["results"].values():
        for contender, result in of.items():
            assert result["cpu"]["min"] <= result["cpu"]["median"] <= result["cpu"]["max"]
            assert result["ratio_to"][contender] == 1
    printed = capsys.readouterr().out
    assert f"a page of {PAGE}, from JSON to validated models, per item: {BOTO3}" in printed
    assert not list(tmp_path.glob("*.png"))


def test_the_figures_are_drawn(tmp_path: Path) -> None:
    codec.main([*SMALLEST, "--results", str(tmp_path)])
    assert (tmp_path / "codec.png").read_bytes().startswith(b"\x89PNG")
    drawing = (tmp_path / "codec.svg").read_text()
    assert "an item to a validated model" in drawing
    assert GENERIC in drawing


def test_all_of_a_contest_do_the_same_work() -> None:
    made: dict[str, list[Any]] = {one.name: [run() for run in one.runs.values()] for one in contests()}
    for name in ("decode", "read", "page"):
        assert all(result == made[name][0] for result in made[name])
    assert made["write"][0] == made["write"][1]
    for ours, theirs in (made["encode"], made["write"][1:]):
        # Each in its own order of a set, and in its own text of a moment.
        moment = {"placed_at": ours["placed_at"]}
        assert same({"M": ours}, {"M": {**theirs, **moment}})
    assert made["save"] == [({"number": {"N": "2"}}, [])]
