"""A client that is kept in the module, and loops that are not: its connections belong to a loop that has ended.

python -m examples.pitfalls.a_client_across_loops
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiobotocore.session import get_session

from examples.pitfalls.server import CountingServer, counting

KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}


def with_a_client_in_the_module(server: CountingServer) -> list[str]:
    """What becomes of two events that share a client and not a loop."""
    opened: list[Any] = []  # aiobotocore makes the classes of its clients at run time

    async def client() -> Any:
        if not opened:
            opened.append(await get_session().create_client("dynamodb", **server.settings, **KEYS).__aenter__())
        return opened[0]

    async def answer(name: str) -> str:
        response = await (await client()).get_item(TableName="users", Key={"name": {"S": name}})
        return str(response["Item"]["name"]["S"])

    def handler(event: str, context: object) -> str:
        return asyncio.run(answer(event))

    outcomes = []
    for _ in range(2):
        try:
            outcomes.append(handler("ann", None))
        except Exception as error:  # noqa: BLE001 (what it is, is the point)
            outcomes.append(type(error).__name__)
    return outcomes


def main() -> None:
    with counting() as server:
        for number, outcome in enumerate(with_a_client_in_the_module(server), 1):
            print(f"event {number}: {outcome}")


if __name__ == "__main__":
    main()
