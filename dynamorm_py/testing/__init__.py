"""What tests and demonstrations need: a DynamoDB in this process, and AWS's own Lambda runtime client on this machine.

Each name is imported when it is first asked for, because each rests on a package that only tests install:
`EmbeddedDynamoDB` and `assert_isolated` on moto (`pip install 'dynamorm-py[embedded]'`), `LambdaRuntime` on
`awslambdaric`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dynamorm_py.testing.embedded import EmbeddedDynamoDB
    from dynamorm_py.testing.endpoint import LocalEndpoint
    from dynamorm_py.testing.isolation import assert_isolated
    from dynamorm_py.testing.lambda_runtime import (
        Answer,
        FunctionExited,
        InitFailed,
        LambdaRuntime,
        LambdaRuntimeError,
        RestoreFailed,
    )

__all__ = [
    "Answer",
    "EmbeddedDynamoDB",
    "FunctionExited",
    "InitFailed",
    "LambdaRuntime",
    "LambdaRuntimeError",
    "LocalEndpoint",
    "RestoreFailed",
    "assert_isolated",
]

_MODULES = {
    "Answer": "dynamorm_py.testing.lambda_runtime",
    "EmbeddedDynamoDB": "dynamorm_py.testing.embedded",
    "FunctionExited": "dynamorm_py.testing.lambda_runtime",
    "InitFailed": "dynamorm_py.testing.lambda_runtime",
    "LambdaRuntime": "dynamorm_py.testing.lambda_runtime",
    "LambdaRuntimeError": "dynamorm_py.testing.lambda_runtime",
    "LocalEndpoint": "dynamorm_py.testing.endpoint",
    "RestoreFailed": "dynamorm_py.testing.lambda_runtime",
    "assert_isolated": "dynamorm_py.testing.isolation",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
