"""A scan holds a page of the table and not the table: ten times the items take no more memory.

`DYNAMORM_FUZZ_SCANNED` is how many items are scanned; without it, as many as every commit can afford.
"""

from __future__ import annotations

import os
import tracemalloc

import pytest

from dynamorm_py import Attr, Client, Model, batch_writer, field, partition_key

SCANNED = int(os.environ.get("DYNAMORM_FUZZ_SCANNED", "4000"))
# DynamoDB's own page, of 1 MB, would hold every item of the small scan.
PAGE = 200


class Grain(Model, table="grains"):
    id: Attr[str] = partition_key()
    text: Attr[str] = field(default="")


@pytest.mark.slow
async def test_a_scan_streams_in_flat_memory(local_db: Client) -> None:
    await local_db.create_tables(Grain)
    await write(0, SCANNED // 10)
    await read()  # what is loaded and cached once is nobody's page
    count, few = await read()
    assert count == SCANNED // 10
    await write(SCANNED // 10, SCANNED)
    count, many = await read()
    assert count == SCANNED
    assert many <= 1.5 * few


async def write(first: int, end: int) -> None:
    async with batch_writer() as writer:
        for number in range(first, end):
            await writer.add(Grain(id=f"{number}", text="x" * 50).put())


async def read() -> tuple[int, int]:
    """How many items an iteration brings, and the most bytes that were held on the way."""
    count = 0
    tracemalloc.start()
    try:
        async for _ in Grain.scan().page_size(PAGE):
            count += 1
        return count, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
