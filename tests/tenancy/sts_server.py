"""An STS whose answers a test decides, and which keeps what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self
from urllib.parse import parse_qsl

from tests.faults.listener import Listener

HOST = "127.0.0.1"
# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
ANSWER = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>\
<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>secret of {key}</SecretAccessKey>\
<SessionToken>token of {key}</SessionToken><Expiration>{ends:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>\
<PackedPolicySize>{packed}</PackedPolicySize></AssumeRoleResult></AssumeRoleResponse>"""
FAULT = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>\
<Code>{code}</Code><Message>{message}</Message></Error><RequestId>R1</RequestId></ErrorResponse>"""

START = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Refusal:
    """What STS answers instead of credentials."""

    code: str
    message: str = "what STS says"
    status: int = 403


@dataclass
class StsServer:
    """Hands out the keys KEY1, KEY2, … while `gate` is open, which live for an hour of `now`; `refuses` may look at the
    parameters of a request and refuse it."""

    now: datetime = START
    packed: int = 10
    refuses: Callable[[dict[str, str]], Refusal | None] = lambda asked: None
    asked: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def endpoint_url(self) -> str:
        return f"http://{HOST}:{self._listener.port}"

    async def __aenter__(self) -> Self:
        self.gate.set()
        self._listener = Listener(self._serve)
        self._listener.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._listener.close()

    def stop_listening(self) -> None:
        """Ends without waiting for the client to end its connections."""
        self._listener.stop_listening()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while True:
            await self._exchange(reader, writer)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = next(line for line in head.split("\r\n") if line.startswith("content-length:"))
        body = await reader.readexactly(int(length.partition(":")[2]))
        asked = dict(parse_qsl(body.decode()))
        self.asked.append(asked)
        number = len(self.asked)
        self.arrived.set()
        await self.gate.wait()
        refusal = self.refuses(asked)
        if refusal is None:
            ends = self.now + timedelta(seconds=int(asked["DurationSeconds"]))
            text, status = ANSWER.format(key=f"KEY{number}", ends=ends, packed=self.packed), 200
        else:
            text, status = FAULT.format(code=refusal.code, message=refusal.message), refusal.status
        lines = [f"HTTP/1.1 {status} scripted", "content-type: text/xml", f"content-length: {len(text)}"]
        writer.write(("\r\n".join(lines) + "\r\n\r\n" + text).encode())
        await writer.drain()
