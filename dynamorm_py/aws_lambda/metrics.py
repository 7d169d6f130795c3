"""`Metrics`: one line of JSON an invocation, which CloudWatch reads out of the log.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from dynamorm_py.aws_lambda.invocation import CallNext, Invocation
from dynamorm_py.middleware.telemetry import CallRecord, observing

_UNITS = {"Init": "Milliseconds", "Duration": "Milliseconds", "DynamoDBTime": "Milliseconds", "CapacityUnits": "None"}


@dataclass(slots=True)
class _Tally:
    """What the requests of one invocation add up to."""

    requests: int = 0
    retries: int = 0
    throttles: int = 0
    milliseconds: float = 0.0
    units: float | None = None

    def add(self, record: CallRecord) -> None:
        self.requests += 1
        self.retries += (record.attempts or 1) - 1
        self.throttles += record.throttles
        self.milliseconds += record.milliseconds
        if record.consumed is not None:
            self.units = (self.units or 0.0) + record.consumed


class Metrics:
    """Middleware that writes metrics to stdout, in CloudWatch's embedded metric format; outermost, it sees most.

    Metrics: `ColdStart` (0 or 1), `Init` (of a cold start), `Duration` and `Errors` (0 or 1) of what is inside,
    `Requests` to DynamoDB, `Retries` and `Throttles` of them, `DynamoDBTime` (all requests one after the other), and
    `CapacityUnits` as far as the answers told them. With `capacity=True` every request asks; without it, queries do.

    `dimensions` (by default the function's name) tell metrics apart, and each combination is billed as a metric of its
    own: what has many values, such as tenants, belongs into `properties`, which can be searched for with Logs Insights.
    They come from a function of the invocation. The request id, the function's version, and the tenant id of functions
    in tenant isolation mode are properties anyway.
    """

    def __init__(
        self,
        namespace: str = "dynamorm_py",
        *,
        dimensions: Mapping[str, str] | None = None,
        properties: Callable[[Invocation[Any, Any]], Mapping[str, Any]] | None = None,  # any JSON
        capacity: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._namespace = namespace
        self._dimensions = dimensions
        self._properties = properties
        self._capacity = capacity
        self._clock = clock

    async def __call__(self, ctx: Invocation[Any, Any], call_next: CallNext[Any, Any], /) -> Any:  # as `Middleware`
        tally, started, failed = _Tally(), time.perf_counter(), True
        try:
            with observing(tally.add, capacity=self._capacity):
                answer = await call_next(ctx)
            failed = False
            return answer
        finally:
            values = _values(ctx, tally, (time.perf_counter() - started) * 1000, failed)
            # One write, so that lines of other threads do not come in between.
            sys.stdout.write(to_json(self._document(ctx, values)).decode() + "\n")

    def _document(self, ctx: Invocation[Any, Any], values: Mapping[str, float]) -> dict[str, Any]:
        dimensions = self._dimensions
        if dimensions is None:
            dimensions = {"FunctionName": getattr(ctx.context, "function_name", None) or "unknown"}
        return {
            "_aws": {
                "Timestamp": int(self._clock() * 1000),
                "CloudWatchMetrics": [
                    {
                        "Namespace": self._namespace,
                        "Dimensions": [list(dimensions)],
                        "Metrics": [{"Name": name, "Unit": _UNITS.get(name, "Count")} for name in values],
                    }
                ],
            },
            **_known_properties(ctx),
            **(self._properties(ctx) if self._properties else {}),
            **dimensions,
            **values,
        }


def _values(ctx: Invocation[Any, Any], tally: _Tally, milliseconds: float, failed: bool) -> dict[str, float]:
    values: dict[str, float] = {
        "ColdStart": int(ctx.cold_start),
        "Duration": round(milliseconds, 3),
        "Errors": int(failed),
        "Requests": tally.requests,
        "Retries": tally.retries,
        "Throttles": tally.throttles,
        "DynamoDBTime": round(tally.milliseconds, 3),
    }
    if ctx.init_milliseconds is not None:
        values["Init"] = round(ctx.init_milliseconds, 3)
    if tally.units is not None:
        values["CapacityUnits"] = tally.units
    return values


def _known_properties(ctx: Invocation[Any, Any]) -> dict[str, str]:
    known = {
        "RequestId": ctx.request_id,
        "FunctionVersion": getattr(ctx.context, "function_version", None),
        "TenantId": ctx.tenant or getattr(ctx.context, "tenant_id", None),
    }
    return {name: value for name, value in known.items() if value}
