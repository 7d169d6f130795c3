"""The runtime's context, as far as handlers look at it here."""

from __future__ import annotations

import time


class Context:
    """Of an invocation that may take `milliseconds` from now on."""

    aws_request_id = "request-1"
    function_name = "orders"
    function_version = "7"
    tenant_id = "acme"

    def __init__(self, milliseconds: int) -> None:
        self._end = time.monotonic() + milliseconds / 1000

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._end - time.monotonic()) * 1000))
