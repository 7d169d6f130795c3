"""`errors()`: what is raised, as an HTTP answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeAlias

from dynamorm_py.aws_lambda.http import Document, InvalidEvent, is_http, problem
from dynamorm_py.aws_lambda.invocation import NAMING, CallNext, Invocation
from dynamorm_py.aws_lambda.onion import Middleware
from dynamorm_py.core.errors import (
    ConditionFailed,
    DeadlineExceeded,
    InvalidCursor,
    InvalidKey,
    InvalidValue,
    ItemNotFound,
    NoResultFound,
    RequestTimeout,
    TenantRequired,
    TenantViolation,
    Throttled,
    TransactionCanceled,
    TransactionConflict,
    TransportError,
    UnprocessedItems,
)

_logger = logging.getLogger(__name__)

# A status, or what makes the whole answer.
Answering: TypeAlias = int | Callable[[Any], Any]

# What is not here is nobody's fault but the function's: the code is wrong, or its role or tables are. Such errors are
# raised on, so that Lambda counts them; whoever called gets a 500 or 502 from the service in between.
_STATUSES: dict[type[Exception], int] = {
    InvalidEvent: HTTPStatus.BAD_REQUEST,
    InvalidCursor: HTTPStatus.BAD_REQUEST,
    InvalidKey: HTTPStatus.BAD_REQUEST,
    InvalidValue: HTTPStatus.BAD_REQUEST,
    TenantViolation: HTTPStatus.FORBIDDEN,
    ItemNotFound: HTTPStatus.NOT_FOUND,
    NoResultFound: HTTPStatus.NOT_FOUND,
    ConditionFailed: HTTPStatus.CONFLICT,
    TransactionConflict: HTTPStatus.CONFLICT,
    Throttled: HTTPStatus.SERVICE_UNAVAILABLE,
    TransportError: HTTPStatus.SERVICE_UNAVAILABLE,
    UnprocessedItems: HTTPStatus.SERVICE_UNAVAILABLE,
    RequestTimeout: HTTPStatus.GATEWAY_TIMEOUT,
    DeadlineExceeded: HTTPStatus.GATEWAY_TIMEOUT,
}


def errors(also: Mapping[type[Exception], Answering] | None = None) -> Middleware:
    """Middleware that answers HTTP requests whose handling raised, instead of letting the invocation fail.

    400 for an event, key, value or cursor that cannot be; 401 where the event names no tenant, 403 for what is another
    tenant's; 404 for what is not there; 409 for a condition that failed, alone or in a transaction; 503 where DynamoDB
    throttled or could not be reached; 504 where the time ran out. `also` adds to that, or overrides it:
    `errors({OutOfStock: 409, Moved: lambda error: {"statusCode": 308, ...}})`. The
    nearest class of an error counts. Everything else is raised, and so is everything where the event is no HTTP
    request.

    The body is `application/problem+json`: title and status; for a 400 what was wrong; nothing of any item.
    """
    answers: dict[type[Exception], Answering] = {**_STATUSES, **(also or {})}

    async def answer_errors(ctx: Invocation[Any, Any], call_next: CallNext[Any, Any], /) -> Any:  # as `Middleware`
        try:
            return await call_next(ctx)
        except Exception as error:
            answering = _answering(error, answers) if is_http(ctx.raw) else None
            if answering is None:
                raise
            if callable(answering):
                return answering(error)
            return _answer(ctx.raw, answering, error)

    return answer_errors


def _answering(error: Exception, answers: Mapping[type[Exception], Answering]) -> Answering | None:
    if isinstance(error, TransactionCanceled):
        return answers.get(TransactionCanceled, _of_reasons(error))
    if isinstance(error, TenantRequired) and error.operation == NAMING:
        return answers.get(TenantRequired, HTTPStatus.UNAUTHORIZED)
    return next((answers[kind] for kind in type(error).__mro__ if kind in answers), None)


def _of_reasons(error: TransactionCanceled) -> int:
    """A condition that failed fails again; the other reasons pass.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CancellationReason.html
    """
    codes = {reason.code for reason in error.reasons}
    return HTTPStatus.CONFLICT if "ConditionalCheckFailed" in codes else HTTPStatus.SERVICE_UNAVAILABLE


def _answer(event: Document, status: int, error: Exception) -> dict[str, Any]:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _logger.error("answered %s: %s", int(status), error, exc_info=error)
    else:
        _logger.info("answered %s: %s", int(status), error)
    if isinstance(error, InvalidEvent):
        return problem(event, status, detail=error.message, problems=error.problems)
    if isinstance(error, InvalidCursor | InvalidKey | InvalidValue):
        return problem(event, status, detail=error.message)
    return problem(event, status)
