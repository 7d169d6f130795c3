"""DynamoDB's errors as ours: one table for every transport."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from dynamorm_py.core.errors import (
    AccessDenied,
    CancellationReason,
    ConditionFailed,
    DynamormError,
    ServiceError,
    TableInUse,
    TableNotFound,
    Throttled,
    TransactionCanceled,
    TransactionConflict,
)

E = TypeVar("E", bound=DynamormError)

# Codes: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html and
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/CommonErrors.html
BY_CODE: dict[str, type[ServiceError]] = {
    "ConditionalCheckFailedException": ConditionFailed,
    "TransactionCanceledException": TransactionCanceled,
    "TransactionConflictException": TransactionConflict,
    "ReplicatedWriteConflictException": TransactionConflict,
    "ThrottlingException": Throttled,
    "ProvisionedThroughputExceededException": Throttled,
    "RequestLimitExceeded": Throttled,
    "AccessDeniedException": AccessDenied,
    "AccessDenied": AccessDenied,
    "ExpiredTokenException": AccessDenied,
    "ExpiredToken": AccessDenied,
    "IncompleteSignature": AccessDenied,
    "IncompleteSignatureException": AccessDenied,
    "InvalidClientTokenId": AccessDenied,
    "InvalidSignatureException": AccessDenied,
    "MissingAuthenticationToken": AccessDenied,
    "MissingAuthenticationTokenException": AccessDenied,
    "NotAuthorized": AccessDenied,
    "OptInRequired": AccessDenied,
    "UnrecognizedClientException": AccessDenied,
    "ResourceNotFoundException": TableNotFound,
    "TableNotFoundException": TableNotFound,
    "ResourceInUseException": TableInUse,
    "TableInUseException": TableInUse,
}


def service_error(
    code: str, message: str, status: int | None, request_id: str | None, members: Mapping[str, Any]
) -> ServiceError:
    """DynamoDB's error as ours; `members` are those of the exception, in botocore's form.

    An internal error says nothing about whether the request was applied: it is marked `ambiguous`.
    """
    ours = BY_CODE.get(code, ServiceError)(
        message or f"DynamoDB answered {code or status}", code=code, status=status, request_id=request_id
    )
    if isinstance(ours, ConditionFailed):
        ours.item = members.get("Item")
    elif isinstance(ours, TransactionCanceled):
        ours.reasons = tuple(_reason(reason) for reason in members.get("CancellationReasons") or ())
    elif isinstance(ours, Throttled):
        # The member is spelled in both ways, depending on the exception's shape.
        ours.reasons = tuple(members.get("ThrottlingReasons") or members.get("throttlingReasons") or ())
    ours.ambiguous = status is not None and status >= 500
    return ours


def ambiguous(error: E) -> E:
    """Marks an error as one of a request that may have been applied."""
    error.ambiguous = True
    return error


def _reason(reason: Mapping[str, Any] | None) -> CancellationReason:
    known = reason or {}
    return CancellationReason(known.get("Code") or "None", known.get("Message"), known.get("Item"))
