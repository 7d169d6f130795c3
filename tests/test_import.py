"""What a cold start pays for: importing the package, defining a model and making requests loads no AWS library."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = ("botocore", "aiobotocore", "aiohttp", "moto", "anyio", "asyncio")

PROGRAM = """
import json, sys
from datetime import UTC, datetime

from dynamorm_py import Attr, GlobalIndex, Model, field, partition_key

class User(Model, table="users"):
    user_id: Attr[str] = partition_key()
    email: Attr[str]
    visits: Attr[int] = field(default=0)
    by_email = GlobalIndex(partition_key="email")

requests = [
    User(user_id="u1", email="a").create().request,
    User.get("u1").request,
    User.update("u1", User.visits.add(1), condition=User.visits < 10).request,
    User.by_email.query("a").request,
]
print(json.dumps({"tables": [request["TableName"] for request in requests], "modules": sorted(sys.modules)}))
"""


def in_a_fresh_interpreter(program: str) -> dict[str, list[str]]:
    answer = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    loaded: dict[str, list[str]] = json.loads(answer.stdout)
    return loaded


def test_models_and_requests_load_no_aws_library_and_no_event_loop() -> None:
    loaded = in_a_fresh_interpreter(PROGRAM)
    assert loaded["tables"] == ["users"] * 4
    assert [module for module in loaded["modules"] if module.partition(".")[0] in HEAVY] == []


def test_the_bare_import_loads_nothing_but_itself() -> None:
    program = 'import json, sys, dynamorm_py; print(json.dumps({"modules": sorted(sys.modules)}))'
    loaded = in_a_fresh_interpreter(program)["modules"]
    assert [module for module in loaded if module.startswith("dynamorm_py")] == ["dynamorm_py"]
    assert "pydantic" not in loaded


LAMBDA = """
import json, sys

from dynamorm_py import Attr, Client, Model, partition_key
from dynamorm_py.aws_lambda import Deadline, LambdaApp

class User(Model, table="users"):
    user_id: Attr[str] = partition_key()

app = LambdaApp(client=Client(), models=[User], middleware=[Deadline()])

@app.handler
async def handler(event):
    return await User.get(event["user_id"])

print(json.dumps({"modules": sorted(sys.modules)}))
"""


def test_a_lambda_app_loads_no_aws_library_before_its_client_opens_and_no_middleware_that_it_does_not_use() -> None:
    loaded = set(in_a_fresh_interpreter(LAMBDA)["modules"])
    assert [module for module in sorted(loaded) if module.partition(".")[0] in set(HEAVY) - {"asyncio"}] == []
    own = "dynamorm_py.aws_lambda"
    assert f"{own}.deadline" in loaded
    unused = {f"{own}.{name}" for name in ("answers", "batches", "http", "logs", "metrics", "parsing", "unit_of_work")}
    assert unused & loaded == set()
