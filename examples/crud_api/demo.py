"""Runs the API under AWS's own Lambda runtime client, on an embedded DynamoDB, and shows what it answers:

python -m examples.crud_api.demo
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias
from urllib.parse import urlencode

from dynamorm_py.testing import EmbeddedDynamoDB, LambdaRuntime, LocalEndpoint
from examples.crud_api.app import Order

HERE = Path(__file__).parent

# A document of API Gateway: JSON, of which the demo changes a few places.
Event: TypeAlias = dict[str, Any]


def event(name: str) -> Event:
    """One of the documents in `events/`."""
    document: Event = json.loads((HERE / "events" / f"{name}.json").read_text())
    return document


def with_order_id(document: Event, order_id: str) -> Event:
    """The same request to create an order, with another id."""
    changed = deepcopy(document)
    changed["body"] = json.dumps({**json.loads(document["body"]), "order_id": order_id})
    return changed


def with_query(document: Event, **more: str) -> Event:
    """The same request with more in its query string."""
    changed = deepcopy(document)
    changed["queryStringParameters"] = {**document["queryStringParameters"], **more}
    changed["rawQueryString"] = urlencode(changed["queryStringParameters"])
    return changed


@contextmanager
def running(dynamodb: LocalEndpoint) -> Iterator[LambdaRuntime]:
    """The function, after INIT, on a DynamoDB of this machine that has its table."""
    asyncio.run(create_table(dynamodb))
    with LambdaRuntime("app.handler", directory=HERE, environment=dynamodb.environment) as runtime:
        yield runtime


async def create_table(dynamodb: LocalEndpoint) -> None:
    async with dynamodb.client() as db:
        await db.create_tables(Order)


def lines(body: Mapping[str, Any]) -> Iterator[str]:
    """An answer for reading: a list with one order a line."""
    if "orders" not in body:
        yield json.dumps(body)
        return
    yield from map(json.dumps, body["orders"])
    yield f"cursor: {body['cursor']}"


class Demo:
    """Sends requests, prints them with their answers, and keeps what was not as expected."""

    def __init__(self, runtime: LambdaRuntime) -> None:
        self._runtime = runtime
        self.milliseconds: list[float] = []
        self.surprises: list[str] = []

    def send(self, title: str, document: Event, expected: int) -> Mapping[str, Any]:
        """The answer's body, decoded."""
        answer = self._runtime.invoke(document)
        self.milliseconds.append(answer.milliseconds)
        http = document["requestContext"]["http"]
        query = f"?{document['rawQueryString']}" if document["rawQueryString"] else ""
        print(f"\n# {title}\n{http['method']} {http['path']}{query}")
        if "body" in document:
            print(f"  {document['body']}")
        if answer.error is not None:
            self.surprises.append(f"{title}: {answer.error['errorType']}: {answer.error['errorMessage']}")
            print(f"=> the function failed: {answer.error}\n{answer.log}")
            return {}
        status, body = answer.payload["statusCode"], answer.payload.get("body", "")
        print(f"=> {status} in {answer.milliseconds:.1f} ms")
        for line in lines(json.loads(body)) if body else ():
            print(f"  {line}")
        if status != expected:
            self.surprises.append(f"{title}: {status} instead of {expected}")
        return json.loads(body) if body else {}

    def tour(self) -> None:
        """Everything that the API does, and what it refuses."""
        create, listing = event("create"), event("list")
        for number in range(1, 6):
            self.send(f"create order {number} of 5", with_order_id(create, f"2025-{number:04}"), 201)
        self.send("create it again: the id is taken", create, 409)
        self.send("get", event("get"), 200)
        self._read_pages(listing)
        self.send("update, if the version is still 0", event("update"), 200)
        self.send("update from the same old version: a conflict", event("conflict"), 409)
        self.send("list the paid ones, by the index", event("list_by_status"), 200)
        self.send("delete", event("delete"), 204)
        self.send("delete what is gone", event("delete"), 404)
        self.send("a malformed body", event("malformed"), 400)
        self.send("a missing order", event("missing"), 404)
        self.send("a cursor that is none", with_query(listing, cursor="bm90aGluZw"), 400)

    def _read_pages(self, listing: Event) -> None:
        page = self.send("list, two orders a page", listing, 200)
        seen = [order["order_id"] for order in page.get("orders", ())]
        while page.get("cursor"):
            page = self.send("the next page, by the cursor", with_query(listing, cursor=page["cursor"]), 200)
            seen += [order["order_id"] for order in page.get("orders", ())]
        if seen != [f"2025-{number:04}" for number in range(1, 6)]:
            self.surprises.append(f"the pages held {seen}")


def main() -> int:
    """0 if every answer was the expected one."""
    with EmbeddedDynamoDB() as dynamodb, running(dynamodb) as runtime:
        demo = Demo(runtime)
        demo.tour()
    first, *warm = demo.milliseconds
    print(
        f"\nUnder awslambdaric on this machine (not Lambda's hardware), DynamoDB embedded: "
        f"INIT {runtime.init_milliseconds:.0f} ms, first invocation {first:.1f} ms, "
        f"{len(warm)} warm ones {median(warm):.1f} ms in the median"
    )
    for surprise in demo.surprises:
        print(f"UNEXPECTED {surprise}", file=sys.stderr)
    return 1 if demo.surprises else 0


if __name__ == "__main__":
    sys.exit(main())
