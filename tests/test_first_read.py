"""What the first read of a process loads: a cold start pays for every module, needed or not. Time is not tested; what
takes it is."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.faults.listener import Listener

# What any program has that reads from a socket into a pydantic model: our share is what comes on top of it.
FLOOR = """
import asyncio, json, ssl, sys
from urllib.parse import urlsplit

from pydantic import BaseModel

class User(BaseModel):
    user_id: str
    email: str

User(user_id="u1", email="a").model_dump_json()
print(json.dumps({"modules": sorted(sys.modules)}))
"""

FIRST_READ = """
import asyncio, json, sys

from dynamorm_py import Attr, Client, Model, partition_key

class User(Model, table="users"):
    user_id: Attr[str] = partition_key()
    email: Attr[str]

async def main():
    async with Client(region="eu-west-1", endpoint_url=sys.argv[1], transport="direct"):
        return (await User.get("u1")).email

email = asyncio.run(main())
print(json.dumps({"email": email, "modules": sorted(sys.modules)}))
"""

# Ours, that a read by key has no use for. Each is loaded by the verbs, paths or settings that need it.
NOT_NEEDED = {
    "batch",
    "client.tenants",
    "core.batches",
    "core.coverage",
    "core.cursors",
    "core.explanation",
    "core.expressions",
    "core.placeholders",
    "core.plans",
    "core.raw_calls",
    "core.reading",
    "core.search",
    "core.table_descriptions",
    "core.table_settings",
    "core.tables",
    "core.templates",
    "core.transactions",
    "core.uniqueness",
    "core.updates",
    "core.writes",
    "fields.paths",
    "guard",
    "model.table",
    "model.writes",
    "query",
    "tenancy",
    "transaction",
    "transports.aiobotocore",
    "views",
}

ITEM = b'{"Item":{"user_id":{"S":"u1"},"email":{"S":"a@x.org"}}}'


@asynccontextmanager
async def answering() -> AsyncIterator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(ITEM), ITEM))
        await reader.read()

    async with Listener(answer) as listener:
        yield f"http://127.0.0.1:{listener.port}"


async def loaded_by(program: str, *arguments: str) -> set[str]:
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", program, *arguments, stdout=PIPE, env={**os.environ, **keys}
    )
    told, _ = await process.communicate()
    answer = json.loads(told)
    assert answer.get("email", "a@x.org") == "a@x.org"
    return set(answer["modules"])


@pytest.fixture
async def loaded() -> set[str]:
    async with answering() as url:
        return await loaded_by(FIRST_READ, url)


async def test_it_loads_nothing_of_ours_that_it_does_not_need(loaded: set[str]) -> None:
    ours = {module.removeprefix("dynamorm_py.") for module in loaded if module.startswith("dynamorm_py.")}
    assert "transports.direct" in ours
    assert {module for module in NOT_NEEDED if any(f"{one}.".startswith(f"{module}.") for one in ours)} == set()


async def test_it_loads_no_library_but_pydantic_and_the_parser_of_http(loaded: set[str]) -> None:
    others = {
        module.partition(".")[0] for module in loaded - await loaded_by(FLOOR) if not module.startswith("dynamorm_py")
    }
    # Extension modules made with Cython share what it needs at run time under these names.
    assert {name for name in others if "cython" not in name} <= {"httptools"}


async def test_what_it_does_not_need_exists() -> None:
    named = "\n".join(f"import dynamorm_py.{module}" for module in sorted(NOT_NEEDED))
    program = f"import json, sys\n{named}\nprint(json.dumps({{'modules': sorted(sys.modules)}}))"
    assert {f"dynamorm_py.{module}" for module in NOT_NEEDED} <= await loaded_by(program)
