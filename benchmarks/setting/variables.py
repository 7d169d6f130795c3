"""The environment variables under which a process is measured."""

from __future__ import annotations

CORE = "BENCHMARK_CORE"


def reaching(endpoint_url: str, core: int | None) -> dict[str, str]:
    """Those that lead every library to this endpoint, with credentials that open nothing, and a worker to its core."""
    variables = {
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_ENDPOINT_URL_DYNAMODB": endpoint_url,
    }
    return variables if core is None else {**variables, CORE: str(core)}
