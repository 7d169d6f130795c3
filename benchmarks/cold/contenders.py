"""Who starts: one function, on several libraries."""

from __future__ import annotations

from dataclasses import dataclass

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
    rival: bool = False
    """Whether it comes from elsewhere, and may fail to install without failing the benchmark."""

    @property
    def handler(self) -> str:
        return f"benchmarks.cold.handlers.{self.module}.handler"

    @property
    def answers(self) -> dict[str, object] | None:
        """What it is to answer."""
        return ORDER if self.name != EMPTY else None


EMPTY, OWN, AIOBOTOCORE, BOTO3 = "empty", "dynamorm_py", "aiobotocore", "boto3"

# The libraries that everything is compared with.
REFERENCES = (AIOBOTOCORE, BOTO3)


def contenders(own_requirements: tuple[str, ...]) -> list[Contender]:
    """All of them, in the order in which they take turns."""
    return [
        Contender(EMPTY, "an empty function", "empty"),
        Contender(OWN, "dynamorm_py, on aiobotocore", "orm", own_requirements),
        Contender(AIOBOTOCORE, "bare aiobotocore, dicts", "bare_aiobotocore", ("aiobotocore",)),
        Contender(BOTO3, "bare boto3, dicts", "bare_boto3", ("boto3",)),
        Contender(
            "dynamoxy-pydantic", "dynamoxy, pydantic model", "dynamoxy_pydantic", ("dynamoxy[pydantic]",), rival=True
        ),
        Contender("dynamoxy", "dynamoxy, own model", "dynamoxy_model", ("dynamoxy",), rival=True),
        Contender("pydynox", "pydynox, own model", "pydynox_model", ("pydynox",), rival=True),
        Contender("aiodynamo", "aiodynamo on httpx, dicts", "aiodynamo_httpx", ("aiodynamo[httpx]",), rival=True),
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
