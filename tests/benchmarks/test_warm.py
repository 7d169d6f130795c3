"""The benchmark of warm calls at its smallest size: that it measures what it says, not how long that takes."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any, cast

import pytest

from benchmarks import warm
from benchmarks.laps.meeting import LOCAL, met
from benchmarks.laps.race import DISCIPLINES, Discipline, Lap
from benchmarks.laps.results import Report, results
from benchmarks.rivals import team
from benchmarks.rivals.entrants import AIOBOTOCORE, BOTO3, OWN, OWN_DIRECT, Entrant
from benchmarks.rivals.team import gathered, installed
from benchmarks.rivals.work import BATCH_GET, GET, ORDER, PUT, TRANSACT_WRITE, UPDATE, order, plain_item, wire_item
from benchmarks.rivals.worker import WrongAnswer, checked
from benchmarks.setting.environments import Environment, NotInstalled, this_environment
from tests.engines.availability import EngineUnavailable, required

# Those that take no second at the smallest size.
CALLS = (GET, PUT, UPDATE, "query_1", "query_10", BATCH_GET, TRANSACT_WRITE, f"{GET}_x8")

SMALLEST = ("--here", "--rounds", "1", "--seconds", "0")
OPTIONS = Namespace(rounds=1, seconds=0.0, disciplines=[GET])


def run(directory: Path, *arguments: str, file: str = "warm.json") -> Report:
    assert warm.main([*SMALLEST, "--results", str(directory), *arguments]) == 0
    return cast(Report, json.loads((directory / file).read_text()))


@pytest.mark.slow
def test_every_call_is_told_beside_the_bare_clients(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = run(tmp_path, "--no-plots", "--disciplines", *CALLS)
    names = [OWN_DIRECT, OWN, AIOBOTOCORE, BOTO3]
    assert {name: measured["error"] for name, measured in report["entrants"].items()} == dict.fromkeys(names)
    assert list(report["results"]) == list(CALLS)
    for of in report["results"].values():
        assert list(of) == names
        # What is compared makes one request for each call, none more.
        assert [result["requests"] for result in of.values()] == [1, 1, 1, 1]
        for result in of.values():
            assert 0 < result["cpu"]["min"] <= result["cpu"]["median"] <= result["cpu"]["max"]
    assert report["entrants"][OWN]["versions"].keys() >= {"dynamorm-py", "aiobotocore", "pydantic"}
    printed = capsys.readouterr().out
    assert "no TLS, no network" in " ".join(printed.split())
    assert "dynamorm_py, direct" in printed


def test_the_figures_are_drawn(tmp_path: Path) -> None:
    run(tmp_path, "--only", BOTO3, "--disciplines", GET, f"{GET}_x8")
    assert (tmp_path / "warm.png").read_bytes().startswith(b"\x89PNG")
    assert "bare boto3" in (tmp_path / "warm.svg").read_text()
    assert "calls a second" in (tmp_path / "warm_concurrency.svg").read_text()


@pytest.mark.slow
def test_the_work_is_the_same_on_dynamodb_local(tmp_path: Path) -> None:
    chosen = ("--engine", LOCAL, "--only", OWN, AIOBOTOCORE, "--disciplines", *CALLS, "--no-plots")
    try:
        report = run(tmp_path, *chosen, file="warm_dynamodb_local.json")
    except EngineUnavailable as reason:
        if required():
            raise
        pytest.skip(str(reason))
    assert list(report["results"]) == list(CALLS)
    assert {measured["error"] for measured in report["entrants"].values()} == {None}


def test_figures_are_medians_and_ratios_of_them() -> None:
    laps = {
        "get": {"a": [Lap(2e-6, 1e-6, 1e-6), Lap(4e-6, 3e-6, 3e-6), Lap(9e-6, 8e-6, 8e-6)], "b": [Lap(6e-6, 6e-6, 0)]}
    }
    figures = results(laps, {"get": {"a": 1.0}}, ["b"])["get"]
    assert figures["a"]["cpu"] == {"median": 3, "min": 1, "max": 8}
    assert figures["a"]["calls_per_second"]["median"] == 250_000
    assert figures["a"]["ratio_to"] == {"b": 0.5}
    assert (figures["a"]["requests"], figures["b"]["requests"]) == (1, None)


def test_who_cannot_start_is_listed_with_the_reason() -> None:
    broken = Entrant("broken", "a rival", "no_such_module", rival=True)
    report = met(gathered([broken], this_environment()), DISCIPLINES, OPTIONS, about="", references=[])
    assert "no_such_module" in str(report["entrants"]["broken"]["error"])
    assert report["results"] == {}


def test_who_does_not_know_a_call_makes_the_others() -> None:
    boto3 = Entrant(BOTO3, "bare boto3", "bare_boto3")
    options = Namespace(rounds=1, seconds=0.0, disciplines=None)
    disciplines = [Discipline("no_such_call"), Discipline(PUT)]
    report = met(gathered([boto3], this_environment()), disciplines, options, about="", references=[])
    assert list(report["results"]) == [PUT]
    assert report["entrants"][BOTO3]["error"] is None


def test_who_cannot_be_installed_is_listed_with_pips_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> Environment:
        raise NotInstalled("ERROR: no matching distribution")

    monkeypatch.setattr(team, "made_environment", refused)
    missing = Entrant("missing", "a rival", "bare_boto3", ("missing",), rival=True)
    gone = installed([missing], this_environment())
    report = met(gone, DISCIPLINES, OPTIONS, about="", references=[])
    assert report["entrants"]["missing"]["error"] == "ERROR: no matching distribution"


def test_the_requirements_are_those_of_the_package() -> None:
    assert any(requirement.startswith("aiobotocore") for requirement in team.own_requirements())


ANOTHER = {**ORDER, "total": 1}


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        (GET, ANOTHER),
        (UPDATE, ANOTHER),
        ("query_10", [order("q10", number) for number in range(1, 10)]),
        ("query_10", [order("q10", 1)] * 10),
        (BATCH_GET, [ORDER] * 100),
        (BATCH_GET, [order("b1", number) for number in range(99)]),
    ],
)
def test_another_answer_than_the_works_own_does_not_count(operation: str, answer: Any) -> None:
    with pytest.raises(WrongAnswer, match=operation):
        checked(operation, answer, dict)


def test_an_update_may_answer_nothing() -> None:
    checked(UPDATE, None, dict)


def test_the_plain_and_the_wires_form_are_one() -> None:
    assert plain_item(wire_item(ORDER)) == ORDER
