"""dynalite, a DynamoDB by other hands, as a process of the test run that needs it: a second opinion on the basics.

It has no transactions and no PartiQL, and does not return the item that failed a condition. npm installs it as the lock
file beside this module says. `python -m tests.engines.dynalite` does so beforehand.
https://github.com/architect/dynalite
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from dynamorm_py.testing.endpoint import LocalEndpoint
from tests.engines.availability import EngineUnavailable
from tests.engines.processes import end, free_port, locked

PACKAGE = Path(__file__).parent / "dynalite_package"
ENGINES = Path(__file__).resolve().parents[2] / ".engines"
HOME = ENGINES / "dynalite"

FETCH_SECONDS = 300
START_ATTEMPTS = 3


def fetch() -> Path:
    """Installs dynalite unless it is there as locked; returns its program. Several workers may call it at once."""
    ENGINES.mkdir(exist_ok=True)
    with locked(ENGINES / "dynalite.lock"):
        lock = HOME / "package-lock.json"
        if not lock.exists() or lock.read_bytes() != (PACKAGE / "package-lock.json").read_bytes():
            with tempfile.TemporaryDirectory(dir=ENGINES) as folder:
                _install(Path(folder) / "package")
    return HOME / "node_modules" / "dynalite" / "cli.js"


class Dynalite(LocalEndpoint):
    """One dynalite in memory, on a free loopback port, for the length of a `with` block."""

    def __init__(self) -> None:
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        node = shutil.which("node")
        if node is None:
            raise EngineUnavailable("dynalite needs node, and there is none on the PATH")
        program = fetch()
        # Between choosing a free port and node binding it, another process may take it.
        for _ in range(START_ATTEMPTS):
            self.port = free_port()
            process = self._spawn(node, program)
            if self._listens(process):
                self._process = process
                return self
            self._stop(process)
        raise EngineUnavailable("dynalite did not start")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._stop(self._process)
            self._process = None

    def _spawn(self, node: str, program: Path) -> subprocess.Popen[bytes]:
        command = [node, str(program), "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--createTableMs", "0", "--deleteTableMs", "0", "--updateTableMs", "0"]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    @staticmethod
    def _listens(process: subprocess.Popen[bytes]) -> bool:
        # It says so once it does, and ends without a word where it cannot.
        assert process.stdout is not None
        return b"listening" in process.stdout.readline()

    @staticmethod
    def _stop(process: subprocess.Popen[bytes]) -> None:
        end(process)
        if process.stdout is not None:
            process.stdout.close()


def _install(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise EngineUnavailable("dynalite is fetched with npm, and there is none on the PATH")
    shutil.copytree(PACKAGE, folder)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=FETCH_SECONDS, cwd=folder)
    except subprocess.CalledProcessError as error:
        raise EngineUnavailable(f"npm could not install dynalite: {error.stderr.decode(errors='replace')}") from error
    except subprocess.TimeoutExpired as error:
        raise EngineUnavailable(f"npm did not install dynalite in {FETCH_SECONDS} seconds") from error
    # Moved as a whole: a run that is interrupted leaves nothing that looks complete.
    shutil.rmtree(HOME, ignore_errors=True)
    folder.rename(HOME)


if __name__ == "__main__":
    try:
        sys.stdout.write(f"dynalite is in {fetch().parent}\n")
    except EngineUnavailable as unavailable:
        sys.exit(str(unavailable))
