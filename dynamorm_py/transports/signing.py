"""Signature Version 4, as DynamoDB wants it of one kind of request: `POST /`, no query, one body.

What depends on the day or the second alone is computed once a day or a second: the signing key and what HMAC makes of
it, the scope, the time's text. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256
from hmac import digest

from dynamorm_py.core.errors import AccessDenied, InvalidOperation
from dynamorm_py.transports import Credentials

# The package's version; its `__version__` stands above this module, and a test compares them.
USER_AGENT = "dynamorm_py/0.1.0"

_ALGORITHM = "AWS4-HMAC-SHA256"
_SERVICE = "dynamodb"
_TARGET = "DynamoDB_20120810."
_CONTENT_TYPE = "application/x-amz-json-1.0"

# Credentials of this many tenants or accounts keep their day's key; one more, and they are derived anew.
_KEPT_KEYS = 256


class _Keyed:
    """HMAC-SHA256 under one key, whose two first blocks are hashed once: https://www.rfc-editor.org/rfc/rfc2104."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = key.ljust(sha256().block_size, b"\0")
        self._inner = sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = sha256(bytes(byte ^ 0x5C for byte in block))

    def hexdigest(self, message: bytes) -> str:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.hexdigest()


class _Day:
    """What all requests signed with the same credentials on the same day have in common."""

    __slots__ = ("authorization", "date", "key", "operations", "scope", "signed", "token", "token_line")

    def __init__(self, credentials: Credentials, date: str, region: str) -> None:
        for part in (credentials.access_key, credentials.session_token or ""):
            if not (part.isascii() and part.isprintable()):
                raise AccessDenied("the credentials hold characters that no header can carry")
        token = credentials.session_token
        self.date = date
        self.scope = f"{date}/{region}/{_SERVICE}/aws4_request"
        self.token = f"x-amz-security-token:{token}\n" if token else ""
        self.token_line = f"x-amz-security-token: {token}\r\n" if token else ""
        names = "content-type;host;x-amz-date;" + ("x-amz-security-token;" if token else "") + "x-amz-target"
        self.signed = names
        self.authorization = (
            f"authorization: {_ALGORITHM} Credential={credentials.access_key}/{self.scope}, "
            f"SignedHeaders={names}, Signature="
        )
        key = f"AWS4{credentials.secret_key}".encode()
        for step in (date, region, _SERVICE, "aws4_request"):
            key = digest(key, step.encode(), "sha256")
        self.key = _Keyed(key)
        # Of each operation, what follows the time: in the canonical request, and in the head.
        self.operations: dict[str, tuple[str, str]] = {}

    def add(self, operation: str) -> tuple[str, str]:
        if not (operation.isascii() and operation.isalnum()):
            raise InvalidOperation(f"{operation!r} is no operation of DynamoDB")
        target = _TARGET + operation
        both = self.operations[operation] = (
            f"\n{self.token}x-amz-target:{target}\n\n{self.signed}\n",
            f"\r\nx-amz-target: {target}\r\n{self.token_line}content-length: ",
        )
        return both


class Signer:
    """Puts heads before bodies: the request line and all headers, signed.

    `host` is the `Host` header's value, with the port unless it is the scheme's own. `clock` gives seconds since 1970.
    """

    def __init__(self, host: str, region: str, *, clock: Callable[[], float] = time.time) -> None:
        self._region = region
        self._clock = clock
        self._second = -1
        self._stamp = ""
        self._days: dict[Credentials, _Day] = {}
        self._latest: tuple[Credentials, _Day] | None = None
        self._canonical = f"POST\n/\n\ncontent-type:{_CONTENT_TYPE}\nhost:{host}\nx-amz-date:"
        self._head = (
            f"POST / HTTP/1.1\r\nhost: {host}\r\naccept-encoding: identity\r\ncontent-type: {_CONTENT_TYPE}\r\n"
            f"user-agent: {USER_AGENT}\r\nx-amz-date: "
        )

    def signed(self, operation: str, body: bytes, credentials: Credentials) -> bytes:
        """The whole request: head and body.

        Raises `AccessDenied` where the credentials cannot stand in a header, `InvalidOperation` where the operation's
        name cannot.
        """
        stamp = self._time()
        day = self._day(credentials, stamp[:8])
        canonical, head = day.operations.get(operation) or day.add(operation)
        canonical = f"{self._canonical}{stamp}{canonical}{sha256(body).hexdigest()}"
        to_sign = f"{_ALGORITHM}\n{stamp}\n{day.scope}\n{sha256(canonical.encode()).hexdigest()}"
        signature = day.key.hexdigest(to_sign.encode())
        head = f"{self._head}{stamp}{head}{len(body)}\r\n{day.authorization}{signature}\r\n\r\n"
        return head.encode() + body

    def _time(self) -> str:
        second = int(self._clock())
        if second != self._second:
            self._stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
            self._second = second
        return self._stamp

    def _day(self, credentials: Credentials, date: str) -> _Day:
        # Most requests are signed with the very object that signed the one before; it need not be hashed.
        if self._latest is None or self._latest[0] is not credentials or self._latest[1].date != date:
            day = self._days.get(credentials)
            if day is None or day.date != date:
                day = self._begin(credentials, date)
            self._latest = (credentials, day)
        return self._latest[1]

    def _begin(self, credentials: Credentials, date: str) -> _Day:
        if len(self._days) >= _KEPT_KEYS:
            # The oldest goes: a dict keeps its insertions in order.
            del self._days[next(iter(self._days))]
        day = self._days[credentials] = _Day(credentials, date, self._region)
        return day
