"""Structured logs through the standard library's `logging`: one line of JSON a record, which names its invocation."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json

from dynamorm_py.aws_lambda.invocation import current_invocation

# What every record has; the rest came by `extra=`.
_ORDINARY = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "request_id", "cold_start"}
# What the runtime's own filter adds.
_RUNTIMES = frozenset({"aws_request_id", "tenant_id"})


class InvocationFilter(logging.Filter):
    """Gives every record `request_id` and `cold_start` of the invocation that it was logged in, None outside of any;
    for formats of your own. It stands on a handler."""

    def filter(self, record: logging.LogRecord) -> bool:
        invocation = current_invocation()
        record.request_id = invocation.request_id if invocation else None
        record.cold_start = invocation.cold_start if invocation else None
        return True


class JsonFormatter(logging.Formatter):
    """`timestamp`, `level`, `logger`, `message`, `request_id`, `cold_start`, the `exception` with its traceback, and
    whatever was given as `extra=`. What is no JSON is written as its `repr`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        invocation = current_invocation()
        if invocation is not None:
            line |= {"request_id": invocation.request_id, "cold_start": invocation.cold_start}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        extra = {name: value for name, value in vars(record).items() if name not in _ORDINARY | _RUNTIMES}
        return to_json({**extra, **line}, fallback=repr, inf_nan_mode="strings").decode()


def log_as_json(level: int | str = logging.INFO) -> None:
    """Has everything from `level` on written to stdout as JSON, in place of what the root logger did before. Call it
    once, in the module of the handler."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
