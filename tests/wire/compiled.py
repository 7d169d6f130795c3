"""Requests as they would be sent, each checked as strictly as DynamoDB checks them: by botocore's validator, against
its model of the service, and for placeholders that are undefined or unused."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from typing import Any

from botocore.session import Session
from botocore.validate import ParamValidator

from dynamorm_py.core.wire import Call, Request, Scope
from dynamorm_py.operation import Operation
from dynamorm_py.query import Query

NOW = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
NOW_TEXT = {"S": "2024-05-06T07:08:09.123456Z"}
SCOPE = Scope(clock=lambda: NOW)


def call_of(operation: Operation[Any] | Query[Any], scope: Scope = SCOPE) -> Call:
    plan = (operation.all() if isinstance(operation, Query) else operation).plan
    call = plan.first_call(scope)
    validated(call.operation, call.request)
    return call


def request_of(operation: Operation[Any] | Query[Any], scope: Scope = SCOPE) -> Request:
    """The first request of an operation, or of a query's `all()`, compiled at a fixed time."""
    return call_of(operation, scope).request


def validated(operation: str, request: Request) -> Request:
    report = ParamValidator().validate(request, _service().operation_model(operation).input_shape)
    assert not report.has_errors(), report.generate_report()
    text = " ".join(value for name, value in request.items() if name.endswith("Expression"))
    assert set(re.findall(r"#\w+", text)) == set(request.get("ExpressionAttributeNames", ()))
    assert set(re.findall(r":\w+", text)) == set(request.get("ExpressionAttributeValues", ()))
    assert {} not in (request.get("ExpressionAttributeNames"), request.get("ExpressionAttributeValues"))
    return request


@cache
def _service() -> Any:  # botocore has no types
    return Session().get_service_model("dynamodb")
