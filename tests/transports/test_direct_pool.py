"""The pool: its limit, its line, and whom a place belongs to when somebody gives up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

import pytest

from dynamorm_py.core.errors import ClientClosed
from dynamorm_py.transports.connections import Connection, ConnectionLost, Pool
from tests.faults.listener import Listener
from tests.faults.server import HOST

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class Dialling:
    """Opens connections to a server that answers every request; fails or waits as it is told."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.opened = 0
        self.failures = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, on_lost: Callable[[Connection], None]) -> Connection:
        await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise ConnectionRefusedError
        self.opened += 1
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: Connection(loop, 5, on_lost), HOST, self._port)
        return connection


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.readline():
        writer.write(ANSWER)


@asynccontextmanager
async def pool_of(limit: int) -> AsyncIterator[tuple[Pool, Dialling]]:
    async with Listener(answer) as listener:
        dialling = Dialling(listener.port)
        pool = Pool(dialling, limit)
        try:
            yield pool, dialling
        finally:
            await pool.close()


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def use(pool: Pool) -> Connection:
    connection = await pool.acquire()
    try:
        assert (await connection.exchange(b"?\n")).body == b"{}"
    finally:
        pool.release(connection)
    return connection


async def test_the_connection_used_last_is_used_next() -> None:
    async with pool_of(4) as (pool, dialling):
        first, second = await pool.acquire(), await pool.acquire()
        pool.release(first)
        pool.release(second)
        assert await pool.acquire() is second
        assert dialling.opened == 2


async def test_beyond_the_limit_requests_are_served_in_their_order() -> None:
    served: list[int] = []

    async def take(pool: Pool, number: int) -> None:
        connection = await pool.acquire()
        served.append(number)
        await asyncio.sleep(0)
        pool.release(connection)

    async with pool_of(2) as (pool, dialling):
        await asyncio.gather(*(take(pool, number) for number in range(20)))
        assert served == sorted(served)
        assert dialling.opened == 2


async def test_a_free_connection_goes_to_who_waits_and_not_to_who_comes() -> None:
    async with pool_of(1) as (pool, _):
        connection = await pool.acquire()
        waiting = asyncio.create_task(pool.acquire())
        await turns()
        pool.release(connection)
        newcomer = asyncio.create_task(pool.acquire())
        assert await waiting is connection
        assert not newcomer.done()
        pool.release(connection)
        assert await newcomer is connection


@pytest.mark.parametrize("gone", [False, True], ids=["a connection", "a place"])
async def test_what_comes_to_somebody_who_gives_up_goes_to_the_next(gone: bool) -> None:
    async with pool_of(1) as (pool, dialling):
        connection = await pool.acquire()
        first, second = asyncio.create_task(pool.acquire()), asyncio.create_task(pool.acquire())
        await turns()
        if gone:
            pool.discard(connection)
        else:
            pool.release(connection)
        first.cancel()  # in the same turn
        with pytest.raises(asyncio.CancelledError):
            await first
        assert (await second is connection) is not gone
        assert dialling.opened == 1 + gone


async def test_a_connection_that_ends_in_the_hand_over_is_replaced() -> None:
    async with pool_of(1) as (pool, dialling):
        connection = await pool.acquire()
        waiting = asyncio.create_task(pool.acquire())
        await turns()
        pool.release(connection)
        connection.abort()
        assert await waiting is not connection
        assert dialling.opened == 2


async def test_the_place_of_a_failed_opening_is_free_again() -> None:
    async with pool_of(1) as (pool, dialling):
        dialling.failures = 1
        with pytest.raises(ConnectionRefusedError):
            await pool.acquire()
        await use(pool)
        assert dialling.opened == 1


async def test_who_waits_behind_a_failed_opening_opens_in_its_place() -> None:
    async with pool_of(1) as (pool, dialling):
        dialling.gate.clear()
        dialling.failures = 1
        first, second = asyncio.create_task(use(pool)), asyncio.create_task(use(pool))
        await turns()
        dialling.gate.set()
        with pytest.raises(ConnectionRefusedError):
            await first
        await second
        assert dialling.opened == 1


async def test_closing_while_a_connection_is_being_opened_closes_that_too() -> None:
    async with pool_of(1) as (pool, dialling):
        dialling.gate.clear()
        opening = asyncio.create_task(pool.acquire())
        await turns()
        closing = asyncio.create_task(pool.close())
        await turns()
        dialling.gate.set()
        with pytest.raises(ClientClosed):
            await opening
        await closing
        with pytest.raises(ClientClosed):
            await pool.acquire()


async def test_a_write_to_a_closed_connection_is_surely_unsent() -> None:
    async with pool_of(1) as (pool, _):
        connection = await pool.acquire()
        connection.abort()
        with pytest.raises(ConnectionLost) as caught:
            await connection.exchange(b"?\n")
        assert caught.value.unsent
        pool.release(connection)


@pytest.mark.parametrize("seed", range(20))
async def test_no_place_is_lost_however_users_come_fail_and_give_up(seed: int) -> None:
    random = Random(seed)
    limit = random.randint(1, 4)

    async def visit(pool: Pool) -> None:
        connection = await pool.acquire()
        try:
            for _ in range(random.randint(0, 3)):
                await asyncio.sleep(0)
            if random.random() < 0.3:
                connection.abort()
            elif random.random() < 0.7:
                await connection.exchange(b"?\n")
        finally:
            pool.release(connection)

    async with pool_of(limit) as (pool, dialling):
        tasks = []
        for _ in range(40):
            dialling.failures = int(random.random() < 0.1)
            tasks.append(asyncio.create_task(visit(pool)))
            await turns(random.randint(0, 3))
            if random.random() < 0.3:
                random.choice(tasks).cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        dialling.failures = 0
        held = [await asyncio.wait_for(pool.acquire(), 5) for _ in range(limit)]
        assert len(set(held)) == limit
        for connection in held:
            pool.release(connection)
