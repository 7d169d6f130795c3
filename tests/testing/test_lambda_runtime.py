from __future__ import annotations

import signal
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dynamorm_py.testing import FunctionExited, InitFailed, LambdaRuntime, RestoreFailed
from tests.engines.availability import required

if not required():
    pytest.importorskip("awslambdaric", reason="the Lambda runtime client has wheels for Linux only")

Function = Callable[..., LambdaRuntime]


@pytest.fixture
def function(tmp_path: Path) -> Function:
    """Writes a module of its own and makes a runtime for its `handler`."""

    def make(source: str, *, timeout: float = 30.0, **environment: str) -> LambdaRuntime:
        (tmp_path / "app.py").write_text(textwrap.dedent(source))
        return LambdaRuntime("app.handler", directory=tmp_path, environment=environment, timeout=timeout)

    return make


ECHO = """
    def handler(event, context):
        return {"event": event, "request_id": context.aws_request_id}
"""


def test_an_event_goes_in_and_its_answer_comes_out(function: Function) -> None:
    with function(ECHO) as runtime:
        answer = runtime.invoke({"größe": [1, 2.5, None]})
    assert answer.error is None
    assert answer.payload == {"event": {"größe": [1, 2.5, None]}, "request_id": answer.request_id}
    assert runtime.init_milliseconds > 0
    assert answer.milliseconds > 0


def test_a_body_larger_than_curl_sends_unasked(function: Function) -> None:
    with function(ECHO) as runtime:
        answer = runtime.invoke({"text": "x" * 3_000_000})
    assert len(answer.payload["event"]["text"]) == 3_000_000


def test_an_exception_of_the_handler_is_an_error_and_not_the_end(function: Function) -> None:
    source = """
        def handler(event, context):
            if event == "bad":
                raise LookupError("no such thing")
            return "fine"
    """
    with function(source) as runtime:
        failed = runtime.invoke("bad")
        fine = runtime.invoke("good")
    assert failed.payload is None
    assert failed.error is not None
    assert failed.error["errorType"] == "LookupError"
    assert failed.error["errorMessage"] == "no such thing"
    assert any("app.py" in line for line in failed.error["stackTrace"])
    assert (fine.payload, fine.error) == ("fine", None)


def test_invocations_share_one_process_and_its_module(function: Function) -> None:
    source = """
        import os
        count = 0

        def handler(event, context):
            global count
            count += 1
            return [os.getpid(), count]
    """
    with function(source) as runtime:
        payloads = [runtime.invoke({}).payload for _ in range(3)]
        pid = runtime.process.pid
    assert payloads == [[pid, 1], [pid, 2], [pid, 3]]


def test_what_is_printed_belongs_to_its_invocation_and_is_never_lost(function: Function) -> None:
    source = """
        import logging, sys
        print("importing")

        def handler(event, context):
            print(f"out {event}")
            print(f"err {event}", file=sys.stderr)
            logging.warning("logged %s", event)
    """
    with function(source) as runtime:
        first = runtime.invoke("one")
        second = runtime.invoke("two")
    assert "out one" in first.log
    assert "err one" in first.log
    assert "logged one" in first.log
    assert "importing" not in first.log
    assert "one" not in second.log
    assert runtime.log.startswith("importing\n")
    assert runtime.log.endswith(second.log)


def test_more_output_than_a_pipe_holds_does_not_block_the_function(function: Function) -> None:
    with function("""
        def handler(event, context):
            print("x" * 500_000)
            return "done"
    """) as runtime:
        answer = runtime.invoke({})
    assert answer.payload == "done"
    assert len(answer.log) >= 500_000


def test_the_context_is_lambdas(function: Function) -> None:
    source = """
        import os

        def handler(event, context):
            return {
                "remaining": context.get_remaining_time_in_millis(),
                "arn": context.invoked_function_arn,
                "tenant": context.tenant_id,
                "identity": context.identity.cognito_identity_id,
                "custom": context.client_context.custom,
                "region": os.environ["AWS_REGION"],
                "given": os.environ["GIVEN"],
                "profile": os.environ.get("AWS_PROFILE"),
            }
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_PROFILE", "somebody")
        with function(source, GIVEN="yes", AWS_REGION="eu-west-1") as runtime:
            payload = runtime.invoke(
                {},
                timeout_ms=60_000,
                tenant_id="acme",
                identity={"cognitoIdentityId": "id-1"},
                client_context={"custom": {"a": "b"}},
            ).payload
            without = runtime.invoke({}, identity={}, client_context={}).payload
    assert 0 < payload.pop("remaining") <= 60_000
    assert payload == {
        "arn": "arn:aws:lambda:eu-west-1:123456789012:function:function",
        "tenant": "acme",
        "identity": "id-1",
        "custom": {"a": "b"},
        "region": "eu-west-1",
        "given": "yes",
        "profile": None,
    }
    assert without["tenant"] is None


def test_a_tenant_that_no_header_can_carry_is_refused(function: Function) -> None:
    with function(ECHO) as runtime, pytest.raises(ValueError, match="printable ASCII"):
        runtime.invoke({}, tenant_id="a\r\nb")


def test_a_module_that_cannot_be_imported_fails_init(function: Function) -> None:
    with (
        pytest.raises(InitFailed, match="No module named 'nothing_of_that_name'") as caught,
        function("import nothing_of_that_name"),
    ):
        pytest.fail("INIT has failed")
    assert caught.value.error["errorType"] == "Runtime.ImportModuleError"
    assert "nothing_of_that_name" in caught.value.log


def test_a_module_that_raises_fails_init_with_its_exception(function: Function) -> None:
    runtime = function('print("so far")\nraise ZeroDivisionError("at import")')
    with pytest.raises(InitFailed, match="ZeroDivisionError: at import"), runtime:
        pytest.fail("INIT has failed")
    assert runtime.log.startswith("so far\n")


def test_a_process_that_ends_at_import_fails_init(function: Function) -> None:
    with pytest.raises(InitFailed, match="exit status 3"), function("import os; os._exit(3)"):
        pytest.fail("INIT has failed")


def test_a_module_that_never_ends_importing_fails_init(function: Function) -> None:
    runtime = function("import threading; threading.Event().wait()", timeout=0.5)
    with pytest.raises(InitFailed, match=r"did not ask for an event within 0\.5 seconds"), runtime:
        pytest.fail("INIT has failed")
    assert runtime.process.returncode is not None


def test_a_process_that_ends_while_it_works_is_an_exit_error(function: Function) -> None:
    with function("""
        import os

        def handler(event, context):
            print("last words", flush=True)
            os._exit(7)
    """) as runtime:
        answer = runtime.invoke({})
        with pytest.raises(FunctionExited, match="exit status 7"):
            runtime.invoke({})
    assert answer.error is not None
    assert answer.error["errorType"] == "Runtime.ExitError"
    assert "exit status 7" in answer.error["errorMessage"]
    assert answer.log == "last words\n"


def test_a_function_that_needs_too_long_is_killed(function: Function) -> None:
    with function("""
        import threading

        def handler(event, context):
            threading.Event().wait()
    """) as runtime:
        answer = runtime.invoke({}, timeout_ms=250)
        assert runtime.process.returncode == -signal.SIGKILL
        with pytest.raises(FunctionExited, match="SIGKILL"):
            runtime.invoke({})
    assert answer.error is not None
    assert answer.error["errorType"] == "Sandbox.Timedout"
    assert answer.error["errorMessage"].endswith("Task timed out after 0.25 seconds")


def test_a_frozen_process_goes_on_where_it_was(function: Function) -> None:
    with function(ECHO) as runtime:
        runtime.invoke(1)
        runtime.process.send_signal(signal.SIGSTOP)
        runtime.process.send_signal(signal.SIGCONT)
        assert runtime.invoke(2).payload["event"] == 2


def test_a_frozen_process_can_be_ended(function: Function) -> None:
    with function(ECHO) as runtime:
        runtime.process.send_signal(signal.SIGSTOP)
    assert runtime.process.returncode is not None


def test_a_handler_of_sigterm_runs_while_the_function_waits(function: Function) -> None:
    source = """
        import signal, sys
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("goodbye"))

        def handler(event, context):
            return "ready"
    """
    with function(source) as runtime:
        runtime.invoke({})
    assert "goodbye" in runtime.log


def test_nothing_is_left_behind(function: Function) -> None:
    before = set(threading.enumerate())
    with function(ECHO) as runtime:
        runtime.invoke({})
        process = runtime.process
    assert process.returncode is not None
    assert set(threading.enumerate()) == before


def test_it_runs_only_inside_its_block_and_once(function: Function) -> None:
    runtime = function(ECHO)
    with pytest.raises(RuntimeError, match="inside the `with` block"):
        runtime.invoke({})
    with runtime:
        runtime.invoke({})
    with pytest.raises(FunctionExited):
        runtime.invoke({})
    with pytest.raises(RuntimeError, match="used once"):
        runtime.__enter__()


SNAPSHOT = """
    from snapshot_restore_py import register_after_restore, register_before_snapshot

    steps = ["import"]
    register_before_snapshot(lambda: steps.append("before snapshot"))
    register_after_restore(lambda: steps.append("after restore"))

    def handler(event, context):
        steps.append("invoke")
        return steps
"""


def test_snap_start_runs_the_hooks_around_the_snapshot(function: Function) -> None:
    with function(SNAPSHOT, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start") as runtime:
        assert runtime.restore_milliseconds == 0
        runtime.restore()
        assert runtime.restore_milliseconds > 0
        answer = runtime.invoke({})
    assert answer.payload == ["import", "before snapshot", "after restore", "invoke"]


def test_snap_start_is_restored_by_the_first_invocation(function: Function) -> None:
    with function(SNAPSHOT, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start") as runtime:
        assert runtime.invoke({}).payload[-2:] == ["after restore", "invoke"]


def test_a_hook_that_fails_after_the_restoring(function: Function) -> None:
    source = SNAPSHOT.replace('lambda: steps.append("after restore")', "lambda: 1 / 0")
    with (
        function(source, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start") as runtime,
        pytest.raises(RestoreFailed, match="division by zero") as caught,
    ):
        runtime.invoke({})
    assert caught.value.error["errorType"] == "ZeroDivisionError"


def test_a_hook_that_fails_before_the_snapshot_fails_init(function: Function) -> None:
    source = SNAPSHOT.replace('lambda: steps.append("before snapshot")', "lambda: 1 / 0")
    runtime = function(source, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
    with pytest.raises(InitFailed, match="division by zero"), runtime:
        pytest.fail("INIT has failed")


# A runtime of the test's own: what awslambdaric never sends is part of the API too.
CUSTOM_RUNTIME = """
    import http.client, os
    address = os.environ["AWS_LAMBDA_RUNTIME_API"]
    base = "/2018-06-01/runtime"

    def request(method, path, body=None, headers={}, chunked=False):
        connection = http.client.HTTPConnection(address)
        connection.request(method, base + path, body, headers, encode_chunked=chunked)
        response = connection.getresponse()
        response.read()
        return response

    while True:
        event = request("GET", "/invocation/next")
        path = f"/invocation/{event.headers['Lambda-Runtime-Aws-Request-Id']}/response"
        unknown = request("POST", "/invocation/other/response", b"1")
        nowhere = request("GET", "/nowhere")
        print(unknown.status, nowhere.status, flush=True)
        request("POST", path, iter([b'{"a":', b' 1}']), {"Transfer-Encoding": "chunked"}, True)
        print(request("POST", path, b"again").status, flush=True)
"""


def test_chunked_answers_strangers_and_repetitions(tmp_path: Path) -> None:
    (tmp_path / "awslambdaric.py").write_text(textwrap.dedent(CUSTOM_RUNTIME))
    with LambdaRuntime("unused.handler", directory=tmp_path) as runtime:
        first = runtime.invoke({})
        runtime.invoke({})
    assert (first.payload, first.body) == ({"a": 1}, b'{"a": 1}')
    assert runtime.log.splitlines()[:2] == ["400 404", "400"]


BROKEN_STREAM = """
    import base64, http.client, os
    address = os.environ["AWS_LAMBDA_RUNTIME_API"]
    connection = http.client.HTTPConnection(address)
    connection.request("GET", "/2018-06-01/runtime/invocation/next")
    event = connection.getresponse()
    event.read()
    request_id = event.headers["Lambda-Runtime-Aws-Request-Id"]
    connection.putrequest("POST", f"/2018-06-01/runtime/invocation/{request_id}/response")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.putheader("Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body")
    connection.endheaders()
    report = base64.b64encode(b'{"errorMessage": "half way", "errorType": "StreamBroke"}').decode()
    connection.send(b"5\\r\\nhello\\r\\n0\\r\\nLambda-Runtime-Function-Error-Type: StreamBroke\\r\\n")
    connection.send(f"Lambda-Runtime-Function-Error-Body: {report}\\r\\n\\r\\n".encode())
    connection.getresponse().read()
"""


def test_a_stream_that_breaks_off_says_so_in_its_trailers(tmp_path: Path) -> None:
    (tmp_path / "awslambdaric.py").write_text(textwrap.dedent(BROKEN_STREAM))
    with LambdaRuntime("unused.handler", directory=tmp_path) as runtime:
        answer = runtime.invoke({})
    assert answer.body == b"hello"
    assert answer.payload is None
    assert answer.error == {"errorType": "StreamBroke", "errorMessage": "half way", "stackTrace": []}
