"""`asyncio.run` for every event: the loop ends with the event, and the connection with the loop.

python -m examples.pitfalls.a_client_for_every_event
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiobotocore.session import get_session

from dynamorm_py import Attr, Client, Credentials, Model, partition_key
from dynamorm_py.aws_lambda import LambdaApp
from examples.pitfalls.server import CountingServer, counting

EVENTS = 5
KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}


class User(Model, table="users"):
    name: Attr[str] = partition_key()


def with_asyncio_run(server: CountingServer) -> int:
    """The connections that five events need, each with a loop and a client of its own."""
    session = get_session()

    async def answer(name: str) -> None:
        client: Any  # aiobotocore makes the classes of its clients at run time
        async with session.create_client("dynamodb", **server.settings, **KEYS) as client:
            await client.get_item(TableName="users", Key={"name": {"S": name}})

    def handler(event: str, context: object) -> None:
        asyncio.run(answer(event))

    for _ in range(EVENTS):
        handler("ann", None)
    return server.connections


def with_an_app(server: CountingServer) -> int:
    """The connections that five events need on the loop and client of a `LambdaApp`."""
    credentials = Credentials(access_key="testing", secret_key="testing")  # noqa: S106 (it opens nothing)
    app = LambdaApp(
        client=Client(region="us-east-1", endpoint_url=server.settings["endpoint_url"], credentials=credentials),
        models=[User],
    )

    @app.handler
    async def handler(event: str) -> User | None:
        return await User.get(event)

    for _ in range(EVENTS):
        handler("ann", None)
    app.close()
    return server.connections


def main() -> None:
    with counting() as server:
        print(f"asyncio.run for every event: {with_asyncio_run(server)} connections for {EVENTS} events")
    with counting() as server:
        print(f"LambdaApp: {with_an_app(server)} connection for {EVENTS} events")


if __name__ == "__main__":
    main()
