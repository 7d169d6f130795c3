"""The seam to the wire: one method that sends, and the settings under which a transport is opened.

A transport is opened by an asynchronous context manager of its own module, and everything that it raises is of the tree
in `dynamorm_py.core.errors`, with the foreign error as `__cause__`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from dynamorm_py.core.errors import InvalidOperation
from dynamorm_py.core.records import Record, field
from dynamorm_py.core.wire import Request, Response

Check: TypeAlias = Callable[[str, Request], None]
Gate: TypeAlias = Callable[[], None]


class Transport(Protocol):
    """Sends one low-level request, once, and returns DynamoDB's answer; `warm` makes the first one quick."""

    async def send(
        self,
        operation: str,
        request: Request,
        /,
        *,
        check: Check | None = None,
        credentials: Credentials | None = None,
        gate: Gate | None = None,
    ) -> Response:
        """`check` is called with the operation's name and the very request that is serialised, right before it is, and
        again for every resend; what it raises is raised. `gate` is called at the same moment, and asks of something
        that does not depend on the request. `credentials` sign this request instead of the transport's own."""
        ...

    async def warm(self) -> bool:
        """Does beforehand what does not depend on the request; whether a connection is open now. Raises nothing."""
        ...


class Credentials(Record):
    """Access keys, as IAM or STS hands them out. The `repr` shows none of the secrets.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/security-creds.html
    """

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


class Timeouts(Record):
    """How long one attempt may take, in seconds: `connect` for a connection, `read` for each wait for bytes of the
    answer. DynamoDB answers in milliseconds, a full page of 1 MB in some hundred of them."""

    connect: float = 1.0
    read: float = 5.0

    def __post_init__(self) -> None:
        if self.connect <= 0 or self.read <= 0:
            raise InvalidOperation("timeouts are positive numbers of seconds")


class Settings(Record):
    """What a transport is opened with; None leaves it to the environment, as every AWS SDK does.

    `session` is an aiobotocore session, `config` a botocore or aiobotocore `Config`. They are not typed here because
    this module loads neither library.
    """

    region: str | None = None
    endpoint_url: str | None = None
    credentials: Credentials | None = None
    session: Any = None  # aiobotocore.session.AioSession
    config: Any = None  # botocore.config.Config
    timeouts: Timeouts = field(default_factory=Timeouts)
