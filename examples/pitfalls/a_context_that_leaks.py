"""`asyncio.Runner` keeps the loop, as it should be, and the context too: what one event sets, the next one reads.

python -m examples.pitfalls.a_context_that_leaks
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

from dynamorm_py import Client
from dynamorm_py.aws_lambda import LambdaApp

customer: ContextVar[str] = ContextVar("customer", default="nobody")


async def answer(event: dict[str, str]) -> str:
    """Serves the customer of the event, or, where there is none, whoever is the current one."""
    if "customer" in event:
        customer.set(event["customer"])
    return f"the orders of {customer.get()}"


EVENTS: list[dict[str, str]] = [{"customer": "acme"}, {}]


def with_a_runner() -> list[str]:
    with asyncio.Runner() as runner:
        return [runner.run(answer(event)) for event in EVENTS]


def with_an_app() -> list[str]:
    app = LambdaApp(client=Client(region="us-east-1"))
    handler = app.handler(answer)
    answers: list[str] = [handler(event, None) for event in EVENTS]
    app.close()
    return answers


def main() -> None:
    print(f"asyncio.Runner: {with_a_runner()}")
    print(f"LambdaApp: {with_an_app()}")


if __name__ == "__main__":
    main()
