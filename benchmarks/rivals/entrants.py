"""Who is put to the same work: this library, what it is built on, and its rivals, with what each needs installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

OWN, OWN_DIRECT, AIOBOTOCORE, BOTO3 = "dynamorm_py", "dynamorm_py-direct", "aiobotocore", "boto3"

# The libraries that everything is compared with.
REFERENCES = (AIOBOTOCORE, BOTO3)

# Where the adapter of this library learns which transport it is to take, and aiodynamo's which HTTP client.
TRANSPORT, HTTP = "BENCHMARK_TRANSPORT", "BENCHMARK_HTTP"


@dataclass(frozen=True)
class Entrant:
    """A library at work. The results call it `name`; `module` is under `benchmarks.rivals.adapters`."""

    name: str
    title: str
    module: str
    requirements: tuple[str, ...] = ()
    own: bool = False
    """Whether it is this library: then it is measured from the working tree."""
    rival: bool = False
    """Whether it comes from elsewhere, and may fail to install without failing the benchmark."""
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)


def own_entrants(requirements: tuple[str, ...]) -> list[Entrant]:
    """This library, on each transport."""
    return [
        own_entrant(OWN_DIRECT, "dynamorm_py, direct", "orm", "direct", requirements),
        own_entrant(OWN, "dynamorm_py, on aiobotocore", "orm", "aiobotocore", requirements),
    ]


def own_entrant(name: str, title: str, module: str, transport: str, requirements: tuple[str, ...]) -> Entrant:
    """This library, on that transport."""
    return Entrant(name, title, module, requirements, own=True, environment={TRANSPORT: transport})


def entrants(own_requirements: tuple[str, ...]) -> list[Entrant]:
    """All of them, in the order in which they take turns."""
    return [
        *own_entrants(own_requirements),
        Entrant(AIOBOTOCORE, "bare aiobotocore, dicts", "bare_aiobotocore", ("aiobotocore",)),
        Entrant(BOTO3, "bare boto3, dicts", "bare_boto3", ("boto3",)),
        Entrant(
            "dynamoxy-pydantic", "dynamoxy, pydantic model", "dynamoxy_pydantic", ("dynamoxy[pydantic]",), rival=True
        ),
        Entrant("dynamoxy", "dynamoxy, own model", "dynamoxy_model", ("dynamoxy",), rival=True),
        Entrant("pydynox", "pydynox, own model", "pydynox_model", ("pydynox",), rival=True),
        *(_aiodynamo(client) for client in ("aiohttp", "httpx")),
        Entrant("aiodynamodb", "aiodynamodb, pydantic model", "aiodynamodb_model", ("aiodynamodb",), rival=True),
        Entrant("pynamodb", "PynamoDB, own model", "pynamodb_model", ("pynamodb",), rival=True),
        Entrant("dyntastic", "dyntastic, pydantic model", "dyntastic_model", ("dyntastic",), rival=True),
    ]


def _aiodynamo(client: str) -> Entrant:
    return Entrant(
        f"aiodynamo-{client}",
        f"aiodynamo on {client}, dicts",
        "aiodynamo_dicts",
        (f"aiodynamo[{client}]",),
        rival=True,
        environment={HTTP: client},
    )
