"""That the whole suite is on this stage, with models of tenants, and that the judge sits there."""

from __future__ import annotations

from pathlib import Path

import pytest

from dynamorm_py import AccessDenied, TenantViolation, use
from tests.tenancy.conftest import KEYS
from tests.tenancy.service.conftest import TenantsClient, TenantsEngine, check_owner
from tests.tenancy.service.models import SUFFIX, TENANT
from tests.tenancy.service.twins import SERVICE, shared, twin

ELSEWHERE = {
    "test_dynalite": "is about dynalite, and the judge stands before DynamoDB Local",
    "test_memory": "is about a scan, and there are none in a scope",
    "test_scans": "is about scans, and there are none in a scope",
    "test_tables": "is about tables and raw requests, which are root's business",
}


def test_every_module_of_the_suite_is_here_or_has_a_reason_not_to_be() -> None:
    here = {path.stem for path in Path(__file__).parent.glob("test_*.py")} - {Path(__file__).stem}
    assert not here & ELSEWHERE.keys()
    assert {path.stem for path in SERVICE.glob("test_*.py")} == here | ELSEWHERE.keys()


def test_what_a_twin_leaves_out_or_tells_differently_is_there() -> None:
    with pytest.raises(LookupError, match="has no test_nothing"):
        twin("test_batches", elsewhere={"test_nothing": "is no test"})
    with pytest.raises(LookupError, match="does not say 'nothing of that'"):
        twin("test_batches", {"nothing of that": ""})


async def test_the_judge_sees_every_request_and_whose_it_is(db: TenantsClient, dynamodb_local: TenantsEngine) -> None:
    user = shared("shop").User
    await db.create_tables(user)
    received = dynamodb_local.court.judge.received
    received.clear()
    await user(user_id="u1", email="a").create()
    assert (await user.get("u1")).tenant_id == TENANT
    assert [each.operation for each in received] == ["PutItem", "GetItem"]
    assert all(f"Credential={KEYS[TENANT]}/" in each.headers["authorization"] for each in received)


async def test_the_judge_refuses_what_the_nets_let_through(db: TenantsClient, dynamodb_local: TenantsEngine) -> None:
    user = shared("shop").User
    await db.create_tables(user)
    judge = dynamodb_local.court.judge
    with pytest.raises(TenantViolation):
        await user.get("beta", "u1")
    assert judge.refusals == []
    async with dynamodb_local.unbound() as client:
        with pytest.raises(AccessDenied):
            await client.across_tenants(reason="a crossing").run(user.get("beta", "u1"))
    assert len(judge.refusals) == 1
    judge.refusals.clear()


async def test_a_foreign_item_that_a_test_left_would_be_seen(db: TenantsClient, dynamodb_local: TenantsEngine) -> None:
    user = shared("shop").User
    court = dynamodb_local.court
    await db.create_tables(user)
    await user(user_id="u1", email="a").create()
    await check_owner(court, f"{court.prefix}users{SUFFIX}")
    with use(court.root.for_tenant("beta")):
        await user(user_id="u1", email="a").create()
        with pytest.raises(AssertionError):
            await check_owner(court, f"{court.prefix}users{SUFFIX}")
        await user.delete("u1")
