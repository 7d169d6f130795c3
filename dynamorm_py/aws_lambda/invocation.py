"""What a handler learns of the invocation that it serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Protocol

from typing_extensions import TypeVar

from dynamorm_py.client import Client

# A bare `Invocation` is of whatever event its handler declares.
E = TypeVar("E", default=Any)


class LambdaContext(Protocol):
    """What the runtime hands to a function beside its event.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    @property
    def aws_request_id(self) -> str: ...
    @property
    def function_name(self) -> str: ...
    @property
    def function_version(self) -> str: ...
    @property
    def invoked_function_arn(self) -> str: ...
    @property
    def memory_limit_in_mb(self) -> str: ...
    @property
    def log_group_name(self) -> str: ...
    @property
    def log_stream_name(self) -> str: ...
    def get_remaining_time_in_millis(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Invocation(Generic[E]):
    """One invocation: its `event`, the runtime's `context`, and the client, which is ambient in the handler too.

    `cold_start` is true of the first invocation of an execution environment. `request_id` is the one of Lambda's logs.
    """

    event: E
    context: LambdaContext
    db: Client
    cold_start: bool
    request_id: str
