"""Random models, items and operations against DynamoDB Local and against plain dicts: results and errors agree.

`DYNAMORM_FUZZ_RUNS` says how many runs are made in all, with fresh randomness; without it they are few enough for every
commit and always the same.
"""

from __future__ import annotations

import asyncio
import os
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from dynamorm_py.testing import LocalEndpoint
from tests.fuzz.machine import Clock, Machine
from tests.fuzz.models import KINDS

SHARES = 4
RUNS = int(os.environ.get("DYNAMORM_FUZZ_RUNS", "0"))
MODELS = tuple(kind.model for kind in KINDS)


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_dynamodb_and_plain_dicts_agree(share: int, dynamodb_local: LocalEndpoint) -> None:
    clock = Clock()
    client = dynamodb_local.client(table_prefix=f"f{uuid4().hex[:12]}-", clock=clock)
    with asyncio.Runner() as runner:
        runner.run(client.__aenter__())
        try:
            runner.run(client.create_tables(*MODELS))
            kind = type("Machine", (Machine,), {"runner": runner, "client": client, "clock": clock})
            run_state_machine_as_test(kind if RUNS else seed(share)(kind), settings=fuzzing())
            runner.run(client.delete_tables(*MODELS))
        finally:
            runner.run(client.__aexit__(None, None, None))


def fuzzing() -> settings:
    return settings(
        max_examples=max(RUNS // SHARES, 1) if RUNS else 50,
        stateful_step_count=20,
        deadline=None,
        database=None,
        print_blob=True,
        # To shrink a failure takes thousands of further runs, and to explain it as many again.
        phases=(Phase.generate, Phase.shrink) if RUNS else (Phase.generate,),
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
