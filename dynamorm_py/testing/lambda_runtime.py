"""`LambdaRuntime`: a Lambda function on this machine, under AWS's own runtime client for Python (`awslambdaric`)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Lock, Thread
from types import TracebackType
from typing import IO, Any, Self

from dynamorm_py.core.errors import DynamormError
from dynamorm_py.testing.loopback import LOOPBACK
from dynamorm_py.testing.runtime_api import Event, FunctionError, RuntimeApi

# How long a process may take to end when it is asked to, before it is made to.
_STOP_SECONDS = 2.0

_SNAP_START = "snap-start"


class LambdaRuntimeError(DynamormError, RuntimeError):
    """The function could not be run. `log` is what it printed, `error` what it or its runtime reported."""

    def __init__(self, message: str, error: FunctionError, log: str) -> None:
        super().__init__(f"{message}: {error['errorType']}: {error['errorMessage']}" + (f"\n{log}" if log else ""))
        self.error = error
        self.log = log


class InitFailed(LambdaRuntimeError):
    """The function's module could not be imported, or the process ended or did not get ready in time."""


class RestoreFailed(LambdaRuntimeError):
    """A SnapStart hook failed after the restoring, or the process ended or did not get ready in time."""


class FunctionExited(LambdaRuntimeError):
    """The process has ended, in an earlier invocation or after it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller of the function gets, and what it took.

    `payload` is the response, decoded from JSON; None if the function failed, or streamed something else than JSON.
    `body` is the response as it was sent. `error` is `{"errorType", "errorMessage", "stackTrace"}` if it failed.
    `milliseconds` run from handing out the event to the end of the answer; `log` is what was printed in that time.
    """

    request_id: str
    payload: Any  # JSON, of a shape that the function decides
    body: bytes
    error: FunctionError | None
    milliseconds: float
    log: str


class LambdaRuntime:
    """One execution environment of a Lambda function, for the length of a `with` block::

        with LambdaRuntime("app.handler", environment={"TABLE": "users"}) as runtime:
            answer = runtime.invoke({"user_id": "u1"})

    The function runs in a process of its own, started as Lambda starts it: `python -m awslambdaric app.handler`, told
    where to ask for events by `AWS_LAMBDA_RUNTIME_API`. INIT is over when the block begins; else `InitFailed`.

    `directory` is where the module is found, and the working directory. `environment` comes on top of what Lambda sets
    and of this process's variables without those that begin with `AWS_`: the credentials and the profile of whoever
    runs it are not the function's. `python` is the command of the interpreter, with its options. `timeout`, in
    seconds, bounds INIT and restoring.

    With `AWS_LAMBDA_INITIALIZATION_TYPE=snap-start` in the environment, the block begins where the snapshot would be
    taken; `restore` goes on from there, or the first `invoke` does.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
    """

    def __init__(
        self,
        handler: str,
        *,
        environment: Mapping[str, str] | None = None,
        directory: str | Path = ".",
        python: Sequence[str] = (sys.executable,),
        timeout: float = 30.0,
        function_name: str = "function",
    ) -> None:
        self.handler = handler
        self.init_milliseconds = 0.0
        """From the start of the process to its first request for an event (with SnapStart: to be restored)."""
        self.restore_milliseconds = 0.0
        """With SnapStart, from the restoring to the first request for an event."""
        self._environment = dict(environment or {})
        self._directory = Path(directory).resolve()
        self._python = tuple(python)
        self._timeout = timeout
        self._function_name = function_name
        self._region = self._environment.get("AWS_REGION", "us-east-1")
        self._restored = self._environment.get("AWS_LAMBDA_INITIALIZATION_TYPE") != _SNAP_START
        self._api = RuntimeApi()
        self._one_at_a_time = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self._final_log: str | None = None
        self._exit = ExitStack()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The function's process; SIGSTOP and SIGCONT do to it what freezing and thawing do on Lambda."""
        if self._process is None:
            raise RuntimeError("the function runs only inside the `with` block")
        return self._process

    @property
    def log(self) -> str:
        """All that the function has printed so far, on either stream; still there after the block."""
        return self._final_log if self._final_log is not None else self._log_between(0, self._log_size())

    def __enter__(self) -> Self:
        if self._process is not None:
            raise RuntimeError("an execution environment is used once: make another LambdaRuntime")
        if self._python[0] == sys.executable and find_spec("awslambdaric") is None:
            raise ImportError("LambdaRuntime needs awslambdaric (on Linux: pip install awslambdaric)")
        with ExitStack() as stack:
            self._output = stack.enter_context(tempfile.TemporaryFile())
            stack.callback(self._keep_log)
            port = stack.enter_context(self._api.serve())
            started = time.perf_counter()
            self._process = self._spawn(port, self._output)
            stack.callback(self._stop, self._process, self._watch(self._process))
            self._await_init(started)
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._exit.close()

    def invoke(
        self,
        event: object,
        *,
        timeout_ms: int = 10_000,
        tenant_id: str | None = None,
        client_context: Mapping[str, object] | None = None,
        identity: Mapping[str, object] | None = None,
    ) -> Answer:
        """Sends one event, anything that JSON can hold (`bytes` go as they are), and waits for what becomes of it.

        As on Lambda, a function that needs longer than `timeout_ms` is killed, and the answer's error is a
        `Sandbox.Timedout`; of one whose process ends it is a `Runtime.ExitError`. After either, every further call
        raises `FunctionExited`. One invocation runs at a time. `client_context` and `identity` are what a mobile app
        would send, in the form that the runtime client reads.
        """
        with self._one_at_a_time:
            self._ensure_restored()
            self._require_running()
            headers = self._headers(tenant_id, client_context, identity)
            body = event if isinstance(event, bytes) else json.dumps(event).encode()
            return self._exchange(Event(str(uuid.uuid4()), body, timeout_ms, headers))

    def restore(self) -> None:
        """With SnapStart: resumes the snapshot and waits for the function to ask for an event; else `RestoreFailed`."""
        with self._one_at_a_time:
            self._ensure_restored()

    def _exchange(self, event: Event) -> Answer:
        api, begin = self._api, self._log_size()
        api.offer(event)
        # Until it is taken, the function's time does not run: it may still be on its way from the previous event.
        api.wait_for(lambda: api.handed_out_at is not None or self._ended(), self._timeout)
        if api.handed_out_at is not None:
            due = api.handed_out_at + event.timeout_ms / 1000
            api.wait_for(lambda: api.outcome is not None or self._ended(), due - time.perf_counter())
        outcome = api.outcome
        if outcome is None:
            return self._unanswered(event, begin)
        log = self._log_between(begin, self._log_size())
        payload = None if outcome.error else _decoded(outcome.body)
        return Answer(event.request_id, payload, outcome.body, outcome.error, outcome.milliseconds, log)

    def _unanswered(self, event: Event, begin: int) -> Answer:
        if self._ended():
            error = self._exit_error(event.request_id)
        else:
            seconds = event.timeout_ms / 1000
            error = _error(
                "Sandbox.Timedout", f"RequestId: {event.request_id} Error: Task timed out after {seconds:.2f} seconds"
            )
            self.process.kill()
            self.process.wait()
        since = self._api.handed_out_at
        milliseconds = 0.0 if since is None else (time.perf_counter() - since) * 1000
        log = self._log_between(begin, self._log_size())
        return Answer(event.request_id, None, b"", error, milliseconds, log)

    def _headers(
        self,
        tenant_id: str | None,
        client_context: Mapping[str, object] | None,
        identity: Mapping[str, object] | None,
    ) -> dict[str, str]:
        """https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-next"""
        epoch = f"{int(time.time()):08x}"
        headers = {
            "Lambda-Runtime-Invoked-Function-Arn": (
                f"arn:aws:lambda:{self._region}:123456789012:function:{self._function_name}"
            ),
            "Lambda-Runtime-Trace-Id": f"Root=1-{epoch}-{uuid.uuid4().hex[:24]};Sampled=0",
        }
        if tenant_id is not None:
            if not (tenant_id.isascii() and tenant_id.isprintable()):
                raise ValueError("a tenant id travels in a header: printable ASCII only")
            headers["Lambda-Runtime-Aws-Tenant-Id"] = tenant_id
        if client_context is not None:
            headers["Lambda-Runtime-Client-Context"] = json.dumps(client_context)
        if identity is not None:
            headers["Lambda-Runtime-Cognito-Identity"] = json.dumps(identity)
        return headers

    def _spawn(self, port: int, output: IO[bytes]) -> subprocess.Popen[bytes]:
        # Both streams go to one file and not to a pipe: what was printed before an answer is in it when the answer has
        # come, and nobody has to read for the function to be able to go on printing.
        return subprocess.Popen(  # noqa: S603 (the caller's own code is what it is for)
            [*self._python, "-m", "awslambdaric", self.handler],
            cwd=self._directory,
            env=self._process_environment(port),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def _process_environment(self, port: int) -> dict[str, str]:
        """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "_AWS_"))}
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        environment = {
            **inherited,
            "TZ": ":UTC",
            "_HANDLER": self.handler,
            "LAMBDA_TASK_ROOT": str(self._directory),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{version}",
            "AWS_REGION": self._region,
            "AWS_DEFAULT_REGION": self._region,
            "AWS_LAMBDA_FUNCTION_NAME": self._function_name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{self._function_name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "local",
            # Lambda has no instance metadata service; asking for one would only cost time.
            "AWS_EC2_METADATA_DISABLED": "true",
            **self._environment,
            "AWS_LAMBDA_RUNTIME_API": f"{LOOPBACK}:{port}",
        }
        path = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join([str(self._directory), *([path] if path else [])])
        return environment

    def _watch(self, process: subprocess.Popen[bytes]) -> Thread:
        def wait() -> None:
            process.wait()
            self._api.wake()

        thread = Thread(target=wait, name="lambda-process", daemon=True)
        thread.start()
        return thread

    def _stop(self, process: subprocess.Popen[bytes], watcher: Thread) -> None:
        process.terminate()
        # A stopped process receives nothing else; one that waits for an event in C code runs a Python handler of
        # SIGTERM only when that request returns, which closing the API brings about.
        process.send_signal(signal.SIGCONT)
        self._api.close()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        watcher.join()

    def _await_init(self, started: float) -> None:
        api = self._api
        api.wait_for(
            lambda: api.ready_at is not None or api.init_error is not None or self._ended(),
            self._timeout,
        )
        if api.init_error is not None:
            # The runtime ends after it has reported; what it prints meanwhile belongs to the report.
            api.wait_for(self._ended, _STOP_SECONDS)
        if api.ready_at is None or api.init_error is not None:
            raise InitFailed(f"{self.handler} did not initialise", api.init_error or self._silence(), self.log)
        self.init_milliseconds = (api.ready_at - started) * 1000

    def _ensure_restored(self) -> None:
        if self._restored:
            return
        api, released = self._api, time.perf_counter()
        api.release()
        api.wait_for(
            lambda: api.polled > 0 or api.restore_error is not None or api.init_error is not None or self._ended(),
            self._timeout,
        )
        if not api.polled:
            error = api.restore_error or api.init_error
            if error is not None:
                api.wait_for(self._ended, _STOP_SECONDS)
            raise RestoreFailed(f"{self.handler} was not restored", error or self._silence(), self.log)
        self.restore_milliseconds = (time.perf_counter() - released) * 1000
        self._restored = True

    def _require_running(self) -> None:
        if self._ended():
            raise FunctionExited(f"{self.handler} cannot be invoked", self._exit_error(), self.log)

    def _ended(self) -> bool:
        return self.process.poll() is not None

    def _silence(self) -> FunctionError:
        """What to report of a process that reported nothing."""
        if self._ended():
            return self._exit_error()
        return _error("Sandbox.Timedout", f"it did not ask for an event within {self._timeout:g} seconds")

    def _exit_error(self, request_id: str | None = None) -> FunctionError:
        code = self.process.returncode
        how = f"signal: {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        about = f"RequestId: {request_id} Error: " if request_id else ""
        return _error("Runtime.ExitError", f"{about}Runtime exited with error: {how}")

    def _log_size(self) -> int:
        return 0 if self._output is None else os.fstat(self._output.fileno()).st_size

    def _log_between(self, begin: int, end: int) -> str:
        # By position: the function's own place in the file stays where it is.
        return (
            "" if self._output is None else os.pread(self._output.fileno(), end - begin, begin).decode(errors="replace")
        )

    def _keep_log(self) -> None:
        self._final_log = self.log


def _error(error_type: str, message: str) -> FunctionError:
    return FunctionError(errorType=error_type, errorMessage=message, stackTrace=[])


def _decoded(body: bytes) -> Any:  # as `Answer.payload`
    try:
        return json.loads(body)
    except ValueError:
        return None
