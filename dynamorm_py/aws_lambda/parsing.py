"""`parse()`: events and the bodies that they carry, as models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from dynamorm_py.aws_lambda.http import InvalidEvent, body_of, is_http
from dynamorm_py.aws_lambda.invocation import CallNext, Invocation
from dynamorm_py.aws_lambda.onion import Middleware


# What a type annotation can be, pydantic alone knows: `parse(Order)`, `parse(list[Order])`, `parse(Order | Refund)`.
def parse(kind: Any) -> Middleware:
    """Middleware that gives the handler a model for an event.

    Of an HTTP request it is the body; of a message that `records()` took out of an SQS batch, its body too; of
    everything else, the event as it is. The whole event stays in `ctx.raw`. `InvalidEvent`, whose `problems` are
    pydantic's, for what does not fit; `errors()` answers it with 400.
    """
    adapter: TypeAdapter[Any] = TypeAdapter(kind)

    async def parse_event(ctx: Invocation[Any, Any], call_next: CallNext[Any, Any], /) -> Any:  # as `Middleware`
        return await call_next(ctx.with_event(_parsed(ctx.event, adapter)))

    return parse_event


def _parsed(event: object, adapter: TypeAdapter[Any]) -> Any:  # as the adapter's type
    try:
        if isinstance(event, Mapping) and is_http(event):
            return adapter.validate_json(body_of(event))
        if isinstance(event, Mapping) and event.get("eventSource") == "aws:sqs":
            return adapter.validate_json(event.get("body") or "")
        return adapter.validate_python(event)
    except ValidationError as error:
        problems: list[Any] = error.errors(include_url=False, include_context=False, include_input=False)
        raise InvalidEvent(f"{error.error_count()} problems with what was sent", problems) from error
