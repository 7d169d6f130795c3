"""Whether something watches the calls of aiobotocore in this process, or answers them, and would miss those that do not
go through it.

Only what is loaded already is looked at, and nothing is loaded for it.
"""

from __future__ import annotations

import sys

# Each is a singleton that knows whether it has instrumented.
# https://opentelemetry-python-contrib.readthedocs.io/en/latest/instrumentation/base/instrumentor.html
_INSTRUMENTORS = (
    ("opentelemetry.instrumentation.botocore", "AiobotocoreInstrumentor"),
    ("opentelemetry.instrumentation.botocore", "BotocoreInstrumentor"),
    ("opentelemetry.instrumentation.aiohttp_client", "AioHttpClientInstrumentor"),
)

# `aws_xray_sdk.core.patch` loads these when it patches, and nothing else does.
# https://docs.aws.amazon.com/xray/latest/devguide/xray-sdk-python-patching.html
_PATCHES = ("aws_xray_sdk.ext.aiobotocore", "aws_xray_sdk.ext.botocore")


def instrumentation_in_place() -> str | None:
    """The name of what has instrumented aiobotocore, or a library under it."""
    for module, name in _INSTRUMENTORS:
        instrumentor = getattr(sys.modules.get(module), name, None)
        if instrumentor is not None and instrumentor().is_instrumented_by_opentelemetry:
            return f"OpenTelemetry's {name}"
    return "the AWS X-Ray SDK" if any(patch in sys.modules for patch in _PATCHES) else None


def mocks_in_place() -> bool:
    """Whether moto's `mock_aws` answers botocore's requests: that none gets through to AWS is what it is for.

    It is loaded by moto's server too, which mocks nothing in its own process.
    https://docs.getmoto.org/en/latest/docs/getting_started.html
    """
    stubber = getattr(sys.modules.get("moto.core.models"), "botocore_stubber", None)
    return getattr(stubber, "enabled", False) is True
