"""Async handlers on AWS Lambda: one event loop and one client for the whole life of the execution environment.

    from dynamorm_py import Client
    from dynamorm_py.aws_lambda import Invocation, LambdaApp

    app = LambdaApp(client=Client(), models=[Order])

    @app.handler
    async def handler(event: dict[str, str], ctx: Invocation) -> Order | None:
        return await Order.get(event["customer_id"], event["order_id"])

Importing this loads no AWS library; opening the client does, which happens during INIT. Middleware that an app does not
use is not loaded either.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from dynamorm_py.aws_lambda.app import LambdaApp
from dynamorm_py.aws_lambda.invocation import CallNext, Invocation, LambdaContext, current_invocation
from dynamorm_py.aws_lambda.onion import Middleware

if TYPE_CHECKING:
    from dynamorm_py.aws_lambda.answers import errors
    from dynamorm_py.aws_lambda.batches import records
    from dynamorm_py.aws_lambda.deadline import Deadline
    from dynamorm_py.aws_lambda.http import InvalidEvent
    from dynamorm_py.aws_lambda.logs import InvocationFilter, JsonFormatter, log_as_json
    from dynamorm_py.aws_lambda.metrics import Metrics
    from dynamorm_py.aws_lambda.parsing import parse
    from dynamorm_py.aws_lambda.start_report import StartReport, report
    from dynamorm_py.aws_lambda.tenants import claim, tenant_from
    from dynamorm_py.aws_lambda.unit_of_work import Unit, UnitOfWork

__all__ = [
    "CallNext",
    "Deadline",
    "InvalidEvent",
    "Invocation",
    "InvocationFilter",
    "JsonFormatter",
    "LambdaApp",
    "LambdaContext",
    "Metrics",
    "Middleware",
    "StartReport",
    "Unit",
    "UnitOfWork",
    "claim",
    "current_invocation",
    "errors",
    "log_as_json",
    "parse",
    "records",
    "report",
    "tenant_from",
]

_MODULES = {
    "Deadline": "deadline",
    "InvalidEvent": "http",
    "InvocationFilter": "logs",
    "JsonFormatter": "logs",
    "Metrics": "metrics",
    "StartReport": "start_report",
    "Unit": "unit_of_work",
    "UnitOfWork": "unit_of_work",
    "claim": "tenants",
    "errors": "answers",
    "log_as_json": "logs",
    "parse": "parsing",
    "records": "batches",
    "report": "start_report",
    "tenant_from": "tenants",
}


if not TYPE_CHECKING:
    # To type checkers any name would exist otherwise.
    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
