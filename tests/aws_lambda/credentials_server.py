"""Hands out credentials as Lambda does under SnapStart: over HTTP, with an expiry.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

from dynamorm_py.testing.loopback import ClosesConnections, serving


class CredentialsServer(ClosesConnections, HTTPServer):
    """Hands out `KEY1`, `KEY2` and so on, each valid for the number of seconds that stands next in the list, of which
    the last one is repeated."""

    def __init__(self, valid_for: Sequence[float]) -> None:
        self._valid_for = list(valid_for)
        self.expiries: list[datetime] = []
        super().__init__(("127.0.0.1", 0), _RequestHandler)

    def hand_out(self) -> dict[str, str]:
        seconds = self._valid_for[min(len(self.expiries), len(self._valid_for) - 1)]
        self.expiries.append(datetime.now(UTC) + timedelta(seconds=seconds))
        return {
            "AccessKeyId": f"KEY{len(self.expiries)}",
            "SecretAccessKey": "secret",
            "Token": "token",
            "Expiration": self.expiries[-1].isoformat(),
        }


class _RequestHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, CredentialsServer)
        body = json.dumps(self.server.hand_out()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's name)
        """Says nothing."""


@contextmanager
def handing_out(*valid_for: float) -> Iterator[tuple[CredentialsServer, dict[str, str]]]:
    """The server, and the environment that leads a function to it."""
    server = CredentialsServer(valid_for)
    with serving(server, "credentials") as port:
        environment = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{port}/credentials",
            "AWS_ACCESS_KEY_ID": "",
            "AWS_SECRET_ACCESS_KEY": "",
        }
        yield server, environment
