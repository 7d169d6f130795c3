"""The benchmark of tenants' clients at its smallest size: that it measures what it says, not how long that takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import tenancy
from benchmarks.rivals.work import BATCH_GET, BIND, GET, PUT, TRANSACT_WRITE, UPDATE

OPERATIONS = (GET, PUT, UPDATE, "query_10", BATCH_GET, TRANSACT_WRITE)

SMALLEST = ("--here", "--rounds", "1", "--seconds", "0", "--no-plots", "--disciplines", *OPERATIONS, BIND)


@pytest.mark.slow
def test_every_call_is_told_bound_and_unbound(tmp_path: Path) -> None:
    assert tenancy.main([*SMALLEST, "--results", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "tenancy.json").read_text())
    names = ["direct-unbound", "direct-bound", "aiobotocore-unbound", "aiobotocore-bound"]
    assert {name: measured["error"] for name, measured in report["entrants"].items()} == dict.fromkeys(names)
    assert list(report["results"]) == [*OPERATIONS, BIND]
    for operation in OPERATIONS:
        of = report["results"][operation]
        assert [result["requests"] for result in of.values()] == [1, 1, 1, 1]
        assert of["aiobotocore-bound"]["ratio_to"].keys() == {"direct-unbound", "aiobotocore-unbound"}
    # Making a client that is bound sends nothing, and only who has tenants does it.
    bind = report["results"][BIND]
    assert {name: result["requests"] for name, result in bind.items()} == {
        "direct-bound": None,
        "aiobotocore-bound": None,
    }
