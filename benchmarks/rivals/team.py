"""Who takes part in a benchmark, each in an environment of its own."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.rivals.entrants import Entrant
from benchmarks.setting.environments import ROOT, Environment, NotInstalled, installed_versions, made_environment
from dynamorm_py import __version__

# Ours and the bare clients are compared at the versions that are installed here; of rivals, the newest counts.
PINNED = ("aiobotocore", "aiohttp", "boto3", "botocore", "httptools", "pydantic", "pydantic-core")

_NOT_OF_A_LIBRARY = {"pip", "setuptools", "wheel"}

_OWN_ENVIRONMENT = "dynamorm_py"


@dataclass(frozen=True)
class Team:
    """Everyone, on what Python; the environments of those that have one, and why others have none. `shared` if it is
    the same for all."""

    everyone: Sequence[Entrant]
    python: Environment
    environments: Mapping[Entrant, Environment]
    errors: Mapping[Entrant, str]
    shared: bool

    def versions(self, entrant: Entrant) -> dict[str, str]:
        """What was installed for it; of an environment that is not its own, what could matter to it."""
        if entrant not in self.environments:
            return {}
        found = {
            name: version
            for name, version in self.environments[entrant].packages.items()
            if (name.replace("_", "-") in PINNED if self.shared else name not in _NOT_OF_A_LIBRARY)
        }
        return {"dynamorm-py": __version__, **found} if entrant.own else found


def own_requirements() -> tuple[str, ...]:
    """What this library needs; it is measured from the working tree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return tuple(project["project"]["dependencies"])


def gathered(chosen: Sequence[Entrant], environment: Environment) -> Team:
    """All of them in this one environment."""
    return Team(chosen, environment, dict.fromkeys(chosen, environment), {}, shared=True)


def installed(chosen: Sequence[Entrant], python: Environment) -> Team:
    """Each in its own environment, on that Python; what is this library's is in one."""
    environments: dict[Entrant, Environment] = {}
    errors: dict[Entrant, str] = {}
    for entrant in chosen:
        name = _OWN_ENVIRONMENT if entrant.own else entrant.name
        print(f"installing {name}", file=sys.stderr)
        pinned = () if entrant.rival else installed_versions(*PINNED)
        try:
            environments[entrant] = made_environment(f"warm-{name}", entrant.requirements, python, pinned)
        except NotInstalled as error:
            errors[entrant] = str(error)
    return Team(chosen, python, environments, errors, shared=False)
