"""`report()`, under the runtime client and without it."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from dynamorm_py.aws_lambda import StartReport
from dynamorm_py.testing import LambdaRuntime
from tests.engines.availability import required
from tests.faults.server import Answer, FaultServer, in_a_thread

if not required():
    pytest.importorskip("awslambdaric", reason="the Lambda runtime client has wheels for Linux only")

APP = """
    from dataclasses import asdict

    from dynamorm_py import Attr, Model, partition_key
    from dynamorm_py.aws_lambda import LambdaApp, report

    class User(Model, table="users"):
        user_id: Attr[str] = partition_key()

    app = LambdaApp(models=[User])

    @app.handler
    async def handler(event):
        before = asdict(report())
        await User.get("u1")
        return [before, asdict(report())]
"""


def run(directory: Path, endpoint_url: str, source: str = APP) -> tuple[float, list[list[dict[str, float | None]]]]:
    """How long INIT took, and the answers of two invocations."""
    (directory / "app.py").write_text(textwrap.dedent(source))
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}
    environment = {"AWS_ENDPOINT_URL_DYNAMODB": endpoint_url, **keys}
    with LambdaRuntime("app.handler", directory=directory, environment=environment) as runtime:
        answers = [runtime.invoke({}) for _ in range(2)]
        assert [answer.error for answer in answers] == [None, None]
        return runtime.init_milliseconds, [answer.payload for answer in answers]


def test_init_is_told_in_stages_and_the_first_request_by_itself(tmp_path: Path) -> None:
    with in_a_thread(FaultServer(Answer({}))) as server:
        init, ((before, after), (second_before, second_after)) = run(tmp_path, server.endpoint_url)
    assert before["first_request"] is None
    assert after == second_before == second_after
    assert after["first_request"] is not None
    stages = [after[name] for name in ("imports", "client", "connection")]
    assert None not in stages
    assert all(stage > 0 for stage in stages if stage is not None)
    # Linux tells the beginning of a process to a tick of 10 ms, rounded down.
    assert sum(stage or 0 for stage in stages) < init + 10


def test_a_connection_that_did_not_come_about_is_none(tmp_path: Path) -> None:
    _, ((_, after), _) = run(tmp_path, "http://127.0.0.1:1", APP.replace('await User.get("u1")', "pass"))
    assert after["client"] is not None
    assert (after["connection"], after["first_request"]) == (None, None)


def test_without_the_runtime_there_is_no_init_to_tell_of() -> None:
    program = """
import json
from dataclasses import asdict
from dynamorm_py import Client
from dynamorm_py.aws_lambda import LambdaApp, report

app = LambdaApp(client=Client(region="us-east-1"))

@app.handler
async def handler(event):
    return event

handler({}, None)
print(json.dumps(asdict(report())))
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(answer.stdout) == dict.fromkeys(("imports", "client", "connection", "first_request"))


def test_a_report_reads_as_a_line() -> None:
    report = StartReport(imports=230.0, client=41.25, connection=None, first_request=2.0)
    assert str(report) == "imports 230.0 ms, client 41.2 ms, connection -, first request 2.0 ms"
