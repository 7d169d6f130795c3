"""Non-interference: what a tenant does and sees is the same with another one in its tables as without, and the other
never sees anything of it.

`DYNAMORM_FUZZ_RUNS` says how many runs are made in all, with fresh randomness; without it they are few enough for every
commit and always the same.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from dynamorm_py import Credentials
from dynamorm_py.core import uniqueness
from dynamorm_py.core.wire import Scope
from dynamorm_py.testing import EmbeddedDynamoDB, LocalEndpoint
from tests.isolation.machine import Machine
from tests.isolation.models import KINDS, PLACE, Country, Kind
from tests.isolation.nets import Net, leave_only
from tests.isolation.worlds import Clock, OverheardClient, World

SHARES = 4
RUNS = int(os.environ.get("DYNAMORM_FUZZ_RUNS", "0"))


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_no_tenant_notices_another(share: int, dynamodb_local: LocalEndpoint) -> None:
    play(dynamodb_local, KINDS, share, max(RUNS // SHARES, 1) if RUNS else 50)


@pytest.mark.slow
def test_nor_through_indexes_of_several_attributes(embedded: EmbeddedDynamoDB) -> None:
    # DynamoDB Local does not take them.
    play(embedded, (PLACE, *KINDS[:1]), SHARES, max(RUNS // 10, 1) if RUNS else 6)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["no nets", "tokens of all", "unique over all"])
def test_a_fault_would_be_noticed(fault: str, dynamodb_local: LocalEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_only(frozenset() if fault == "no nets" else frozenset({Net.COMPILER, Net.LEASE}), monkeypatch)
    if fault == "tokens of all":
        monkeypatch.setattr(Scope, "token", lambda scope, given=None: given or uuid4().hex)
    elif fault == "unique over all":
        key = uniqueness._key
        monkeypatch.setattr(
            uniqueness, "_key", lambda schema, unique, values, tenant: key(schema, unique, values, "everybody")
        )
    with pytest.raises(AssertionError):
        play(dynamodb_local, KINDS, 1, 60, fixed=True)


def play(engine: LocalEndpoint, kinds: tuple[Kind, ...], share: int, runs: int, *, fixed: bool = not RUNS) -> None:
    clock = Clock()

    def world(name: str) -> World:
        prefix = f"{name}{uuid4().hex[:12]}-"
        credentials = Credentials(engine.access_key, engine.secret_key)
        reach: dict[str, Any] = {
            "region": engine.region,
            "endpoint_url": engine.endpoint_url,
            "credentials": credentials,
        }
        return World(prefix, OverheardClient(table_prefix=prefix, clock=clock, **reach))

    worlds = world("quiet"), world("busy")
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            models = tuple(kind.model for kind in kinds)
            for each in worlds:
                runner.run(stack.enter_async_context(each.client))
                runner.run(each.client.create_tables(*models, Country))
            machine: Any = type(
                "Machine", (Machine,), {"runner": runner, "clock": clock, "worlds": worlds, "kinds": kinds}
            )
            run_state_machine_as_test(seed(share)(machine) if fixed else machine, settings=fuzzing(runs, fixed=fixed))
            for each in worlds:
                runner.run(each.client.delete_tables(*models, Country))
        finally:
            runner.run(stack.aclose())


def fuzzing(runs: int, *, fixed: bool) -> settings:
    return settings(
        max_examples=runs,
        stateful_step_count=20,
        deadline=None,
        database=None,
        print_blob=True,
        # To shrink a failure takes thousands of further runs, and to explain it as many again.
        phases=(Phase.generate,) if fixed else (Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
