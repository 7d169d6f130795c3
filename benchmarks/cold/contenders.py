"""Who starts: one function, on several libraries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

RUNTIME_CLIENT = "awslambdaric"

# What the runtime client consists of; on Lambda it is there, and compiled, whatever a function brings.
RUNTIME_DISTRIBUTIONS = ("awslambdaric", "snapshot-restore-py", "simplejson")


@dataclass(frozen=True)
class Contender:
    """A function and what it needs. The results call it `name`; `module` is under `benchmarks.cold.handlers`."""

    name: str
    title: str
    module: str
    requirements: tuple[str, ...] = ()
    own: bool = False
    """Whether it is on this library, which is measured from the working tree."""
    rival: bool = False
    """Whether it comes from elsewhere, and may fail to install without failing the benchmark."""
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Variables that its process has besides everybody's."""

    @property
    def handler(self) -> str:
        return f"benchmarks.cold.handlers.{self.module}.handler"

    @property
    def answers(self) -> dict[str, object] | None:
        """What it is to answer."""
        return ORDER if self.name != EMPTY else None

    @property
    def reads(self) -> int:
        """How many items it reads in an invocation."""
        return 0 if self.name in (EMPTY, FLOOR) else 1


EMPTY, FLOOR, OWN_DIRECT, OWN, AIOBOTOCORE, BOTO3 = (
    "empty",
    "floor",
    "dynamorm_py-direct",
    "dynamorm_py",
    "aiobotocore",
    "boto3",
)

# What everything is compared with.
REFERENCES = (FLOOR, AIOBOTOCORE, BOTO3)

# Where the function on this library learns which transport it is to take.
TRANSPORT = "BENCHMARK_TRANSPORT"


def contenders(own_requirements: tuple[str, ...]) -> list[Contender]:
    """All of them, in the order in which they take turns."""
    return [
        Contender(EMPTY, "an empty function", "empty"),
        Contender(FLOOR, "asyncio, a pydantic model, no DynamoDB", "floor", ("pydantic",)),
        *(
            Contender(name, title, "orm", own_requirements, own=True, environment={TRANSPORT: transport})
            for name, title, transport in (
                (OWN_DIRECT, "dynamorm_py, direct", "direct"),
                (OWN, "dynamorm_py, on aiobotocore", "aiobotocore"),
            )
        ),
        Contender(AIOBOTOCORE, "bare aiobotocore, dicts", "bare_aiobotocore", ("aiobotocore",)),
        Contender(BOTO3, "bare boto3, dicts", "bare_boto3", ("boto3",)),
        Contender(
            "dynamoxy-pydantic", "dynamoxy, pydantic model", "dynamoxy_pydantic", ("dynamoxy[pydantic]",), rival=True
        ),
        Contender("dynamoxy", "dynamoxy, own model", "dynamoxy_model", ("dynamoxy",), rival=True),
        Contender("pydynox", "pydynox, own model", "pydynox_model", ("pydynox",), rival=True),
        Contender("aiodynamo", "aiodynamo on httpx, dicts", "aiodynamo_httpx", ("aiodynamo[httpx]",), rival=True),
        Contender("aiodynamodb", "aiodynamodb, pydantic model", "aiodynamodb_model", ("aiodynamodb",), rival=True),
        Contender("pynamodb", "PynamoDB, own model", "pynamodb_model", ("pynamodb",), rival=True),
        Contender("dyntastic", "dyntastic, pydantic model", "dyntastic_model", ("dyntastic",), rival=True),
    ]


EVENT = {"customer_id": "c1", "order_id": "2025-0001"}

ITEM = {
    "customer_id": {"S": "c1"},
    "order_id": {"S": "2025-0001"},
    "status": {"S": "open"},
    "total": {"N": "5970"},
    "gift": {"BOOL": False},
    "tags": {"L": [{"S": "books"}, {"S": "europe"}]},
    "version": {"N": "3"},
}

ORDER: dict[str, object] = {
    "customer_id": "c1",
    "order_id": "2025-0001",
    "status": "open",
    "total": 5970,
    "gift": False,
    "tags": ["books", "europe"],
    "version": 3,
}
