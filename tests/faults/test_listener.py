"""Connections that are made while their server ends: each is served, or broken off, and all are closed."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl

import pytest
import trustme

from dynamorm_py.testing.loopback import LOOPBACK
from tests.faults.listener import Listener


class Counting:
    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.arrival = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.begun += 1
        self.arrival.set()
        await reader.read()
        self.ended += 1


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


# How far a connection is depends on the turns of the loop between it and the end: accepted, attached, or served.
@pytest.mark.parametrize("count", range(8))
async def test_whoever_has_connected_before_the_end_is_served_to_the_end(count: int) -> None:
    counting = Counting()
    async with Listener(counting) as listener:
        socket.create_connection((LOOPBACK, listener.port)).close()
        await turns(count)
    assert (counting.begun, counting.ended) == (1, 1)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("count", range(8))
async def test_a_handshake_that_the_client_breaks_off_leaves_nothing(count: int) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(tls)
    counting = Counting()
    async with Listener(counting, tls) as listener:
        socket.create_connection((LOOPBACK, listener.port)).close()
        await turns(count)
    # What is dropped unclosed is warned of here, and not in another test.
    gc.collect()
    assert counting.begun == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_closing_waits_for_the_client() -> None:
    counting = Counting()
    listener = Listener(counting)
    listener.listen()
    with socket.create_connection((LOOPBACK, listener.port)):
        closing = asyncio.create_task(listener.close())
        await counting.arrival.wait()
        await turns(8)
        assert not closing.done()
    await closing
    assert counting.ended == 1


async def test_who_comes_too_late_is_refused() -> None:
    async with Listener(Counting()) as listener:
        listener.stop_listening()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((LOOPBACK, listener.port))
