"""Requests and answers as JSON: what DynamoDB calls JSON 1.0, to and from the form in which botocore speaks.

The two differ in binary values, which JSON carries as base64, and in times, which it carries as seconds since 1970.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

from dynamorm_py.core.errors import InvalidOperation
from dynamorm_py.core.wire import Request

# The operations on items, whose answers hold no times: they are not searched for any.
ITEM_OPERATIONS = frozenset(
    {
        "BatchExecuteStatement",
        "BatchGetItem",
        "BatchWriteItem",
        "DeleteItem",
        "ExecuteStatement",
        "ExecuteTransaction",
        "GetItem",
        "PutItem",
        "Query",
        "Scan",
        "SearchVectors",
        "TransactGetItems",
        "TransactWriteItems",
        "UpdateItem",
    }
)

# The members of answers that are times, whichever structure they stand in.
TIMES = frozenset(
    {
        "ArchivalDateTime",
        "BackupCreationDateTime",
        "BackupExpiryDateTime",
        "CreationDateTime",
        "EarliestRestorableDateTime",
        "EndTime",
        "ExportFromTime",
        "ExportTime",
        "ExportToTime",
        "InaccessibleEncryptionDateTime",
        "LastDecreaseDateTime",
        "LastIncreaseDateTime",
        "LastUpdateDateTime",
        "LastUpdateToPayPerRequestDateTime",
        "LatestRestorableDateTime",
        "ReplicaInaccessibleDateTime",
        "RestoreDateTime",
        "StartTime",
        "TableCreationDateTime",
    }
)

# The operations whose answer has no body.
WORDLESS = frozenset({"TagResource", "UntagResource"})

# The operations whose requests may hold times.
TIMED_REQUESTS = frozenset({"ExportTableToPointInTime", "ListBackups", "RestoreTableToPointInTime"})


def encode(operation: str, request: Request) -> bytes:
    """The body of a request. Raises `InvalidOperation` where a value has no JSON form."""
    try:
        # pydantic's base64 is of the other alphabet ("-_"); it is asked for because it never fails, and is seen below.
        body = to_json(request, bytes_mode="base64")
        if (b"B" in body and re.search(_SENT_BINARY, body)) or operation in TIMED_REQUESTS:
            body = to_json(_plain(request))
    except (PydanticSerializationError, UnicodeEncodeError) as error:
        raise InvalidOperation("the request holds a value that has no JSON form") from error
    return body


def _plain(value: Any, tag: str = "") -> Any:
    """A copy with text for binary values and numbers for times. Text under a binary tag counts as its UTF-8 bytes."""
    if isinstance(value, dict):
        return {name: _plain(part, name) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(part, tag) for part in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return b64encode(value).decode("ascii")
    if isinstance(value, str):
        return b64encode(value.encode()).decode("ascii") if tag in ("B", "BS") else value
    if isinstance(value, datetime):
        seconds = value.timestamp()
        return int(seconds) if seconds.is_integer() else seconds
    return value


def decode(operation: str, body: bytes) -> Any:
    """The members of an answer: binary values as bytes, times as aware datetimes. Raises ValueError for no JSON."""
    members = decode_error(body)
    if operation not in ITEM_OPERATIONS:
        _read_times(members)
    return members


def decode_error(body: bytes) -> Any:
    """The members of an error's answer, which may hold items, and never times. Raises ValueError for no JSON."""
    # Of all texts on a page only names of attributes come again and again.
    members = from_json(body, cache_strings="keys")
    if b"B" in body and re.search(_BINARY, body):
        _read_binaries(members)
    return members


# "B" or "BS", quotes included. The pattern begins with the letter, which is found at once and is rarer than a quote.
# It is compiled when the first answer with such a letter comes, which a single item does without as a rule.
_BINARY = rb'B(?<="B)S?"'

# What is written here has no space behind a name, so that its value is known to follow.
_SENT_BINARY = rb'B(?<="B)S?":["[]'


def _read_binaries(value: Any) -> None:
    # Only the tag of an attribute value is called B and has a text, or BS and has a list of texts: an attribute of that
    # name has a tagged value, which is a dict.
    if isinstance(value, list):
        for part in value:
            _read_binaries(part)
        return
    if not isinstance(value, dict):
        return
    for name, part in value.items():
        if name == "B" and isinstance(part, str):
            value[name] = b64decode(part)
        elif name == "BS" and isinstance(part, list):
            value[name] = [b64decode(text) for text in part]
        elif isinstance(part, dict | list):
            _read_binaries(part)


def _read_times(value: Any) -> None:
    if isinstance(value, list):
        for part in value:
            _read_times(part)
    elif isinstance(value, dict):
        for name, part in value.items():
            if name in TIMES and isinstance(part, int | float):
                value[name] = datetime.fromtimestamp(part, UTC)
            else:
                _read_times(part)
