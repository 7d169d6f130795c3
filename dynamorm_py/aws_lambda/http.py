"""HTTP as Lambda functions see it: the events of API Gateway, function URLs and load balancers, and their answers.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypeAlias

from pydantic_core import to_json

from dynamorm_py.core.errors import DynamormError

# A document of the service that sends it, or takes it: JSON of many forms, of which a few members are used here.
Document: TypeAlias = Mapping[str, Any]


class InvalidEvent(DynamormError, ValueError):
    """The event, or the body that it carries, is not what the handler takes; `problems` are pydantic's, for whoever
    sent it."""

    def __init__(self, message: str, problems: list[Any] | None = None) -> None:
        super().__init__(message)
        self.problems = problems or []


def is_http(event: object) -> bool:
    """Whether the event is a request of API Gateway (REST or HTTP), a function URL or a load balancer."""
    if not isinstance(event, Mapping) or not isinstance(event.get("requestContext"), Mapping):
        return False
    return "httpMethod" in event or "http" in event["requestContext"]


def body_of(event: Document) -> str | bytes:
    """The body of a request, decoded if it came in base64; empty without one."""
    body: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return body
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise InvalidEvent("the body is not the base64 that it is said to be") from error


def problem(event: Document, status: int, **members: Any) -> dict[str, Any]:  # whatever helps the client
    """The answer that reports an error, in the form that the sender of the event takes.

    https://www.rfc-editor.org/rfc/rfc9457
    """
    content = {"title": HTTPStatus(status).phrase, "status": status, **members}
    headers = {"content-type": "application/problem+json"}
    answer: dict[str, Any] = {"statusCode": status, "body": to_json(content).decode(), "isBase64Encoded": False}
    if "multiValueHeaders" in event and "elb" in event["requestContext"]:
        # A load balancer that sends headers in this form takes them in no other.
        return {**answer, "multiValueHeaders": {name: [value] for name, value in headers.items()}}
    return {**answer, "headers": headers}
