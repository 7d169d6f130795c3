"""A virtual environment for each contender: their pins conflict, and what one installs can slow another's imports."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / ".cache" / "bench-venvs"

# Newest first; of the versions that Lambda has.
_CHOICES = ("python3.13", "python3.12")

_LAYOUT = """
import json, sys, sysconfig, platform
paths = sysconfig.get_paths()
print(json.dumps({
    "version": platform.python_version(), "tag": sys.implementation.cache_tag,
    "library": paths["stdlib"], "packages": [paths["purelib"], paths["platlib"]],
}))
"""


class NotInstalled(Exception):
    """pip's own reason why an environment could not be made."""


class _Layout(TypedDict):
    version: str
    tag: str
    library: str
    packages: list[str]


@dataclass(frozen=True)
class Environment:
    """An interpreter with what is installed for it."""

    python: str

    @property
    def version(self) -> str:
        """Of Python, as in 3.13.0."""
        return self._layout["version"]

    @cached_property
    def packages(self) -> dict[str, str]:
        """The versions of all distributions in it, by name."""
        found = metadata.distributions(path=list(dict.fromkeys(self._layout["packages"])))
        versions = {distribution.metadata["Name"]: distribution.version for distribution in found}
        return dict(sorted(versions.items(), key=lambda entry: entry[0].lower()))

    def compile(self, *directories: Path) -> None:
        """Writes the `.pyc` files of these directories."""
        subprocess.run([self.python, "-m", "compileall", "-q", *map(str, directories)], check=True)

    def copy_bytecode(self, prefix: Path, distributions: Sequence[str]) -> None:
        """Copies the `.pyc` files of the standard library and of these distributions to where a process looks for them
        that has `PYTHONPYCACHEPREFIX=prefix`: then only they count as compiled."""
        for source in (*self._library_sources(), *self._sources_of(distributions)):
            cached = source.parent / "__pycache__" / f"{source.stem}.{self._layout['tag']}.pyc"
            if cached.exists():
                target = prefix / source.parent.relative_to("/") / cached.name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(cached, target)

    @cached_property
    def _layout(self) -> _Layout:
        answer = subprocess.run([self.python, "-c", _LAYOUT], capture_output=True, text=True, check=True)
        layout: _Layout = json.loads(answer.stdout)
        return layout

    def _library_sources(self) -> Iterator[Path]:
        library = Path(self._layout["library"])
        left_out = {"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "ensurepip", "tkinter"}
        for directory, names, files in os.walk(library):
            names[:] = [name for name in names if name not in left_out]
            yield from (Path(directory, name) for name in files if name.endswith(".py"))

    def _sources_of(self, distributions: Sequence[str]) -> Iterator[Path]:
        for found in metadata.distributions(path=self._layout["packages"]):
            if found.metadata["Name"].lower().replace("_", "-") in distributions:
                # Not resolved: the paths have to be those that the interpreter has.
                yield from (Path(str(file.locate())) for file in found.files or () if file.suffix == ".py")


def this_environment() -> Environment:
    """The one that this runs in."""
    return Environment(sys.executable)


def made_environment(
    name: str, requirements: Sequence[str], python: Environment, constraints: Sequence[str] = ()
) -> Environment:
    """The virtual environment of that name, made anew if it was made for something else; `NotInstalled` with pip's
    reason if it cannot be."""
    directory = ENVIRONMENTS / name
    wanted = "\n".join([python.python, *requirements, *constraints])
    stamp = directory / "installed"
    environment = Environment(str(directory / "bin" / "python"))
    if stamp.exists() and stamp.read_text() == wanted:
        return environment
    shutil.rmtree(directory, ignore_errors=True)
    _run([python.python, "-m", "venv", str(directory)])
    limits = directory / "constraints.txt"
    limits.write_text("\n".join(constraints))
    pip = [environment.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--constraint", str(limits), *requirements])
    stamp.write_text(wanted)
    return environment


def installed_versions(*names: str) -> list[str]:
    """Constraints that keep other environments at the versions of this one, as far as these are installed in it."""
    constraints = []
    for name in names:
        try:
            constraints.append(f"{name}=={metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return constraints


def newest_python() -> str:
    """The newest interpreter here that Lambda has too and that can make environments; else this one's own."""
    for name in _CHOICES:
        # A version manager's stub may stand for what it has not.
        for candidate in (shutil.which(name), *_beside(name)):
            if candidate and _starts(candidate):
                return candidate
    return str(Path(sys.base_prefix, "bin", f"python{sysconfig.get_python_version()}"))


def _beside(name: str) -> Iterator[str]:
    """Interpreters that a version manager keeps in directories next to this one's."""
    version = name.removeprefix("python")
    for directory in sorted(Path(sys.base_prefix).parent.glob(f"{version}.*"), reverse=True):
        yield str(directory / "bin" / name)


def _starts(python: str) -> bool:
    try:
        return subprocess.run([python, "-c", "import venv"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reasons = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
        raise NotInstalled("\n".join(reasons) or done.stderr or done.stdout)
