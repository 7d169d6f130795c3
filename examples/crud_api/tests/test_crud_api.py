"""The API as API Gateway would call it: its events, through AWS's own Lambda runtime client."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from dynamorm_py.testing import EmbeddedDynamoDB, LambdaRuntime
from examples.crud_api.demo import Event, event, running, with_order_id, with_query
from tests.engines.availability import required

if not required():
    pytest.importorskip("awslambdaric", reason="the Lambda runtime client has wheels for Linux only")


@pytest.fixture(scope="module")
def function() -> Iterator[LambdaRuntime]:
    with EmbeddedDynamoDB() as dynamodb, running(dynamodb) as runtime:
        yield runtime


class Api:
    """The API as one customer sees it."""

    def __init__(self, function: LambdaRuntime, customer: str) -> None:
        self._function = function
        self._customer = customer

    def send(self, document: Event, order_id: str | None = None) -> tuple[int, Any]:  # a status, and JSON
        document = deepcopy(document)
        document["pathParameters"]["customer_id"] = self._customer
        if order_id is not None:
            document["pathParameters"]["order_id"] = order_id
        answer = self._function.invoke(document)
        assert answer.error is None, answer.error
        body = answer.payload.get("body")
        return answer.payload["statusCode"], json.loads(body) if body else None

    def create(self, order_id: str) -> Any:  # JSON
        status, order = self.send(with_order_id(event("create"), order_id))
        assert status == 201
        return order

    def change(self, order_id: str, **body: object) -> tuple[int, Any]:  # a status, and JSON
        return self.send({**event("update"), "body": json.dumps(body)}, order_id)


@pytest.fixture
def api(function: LambdaRuntime, request: pytest.FixtureRequest) -> Api:
    return Api(function, request.node.name)


def test_an_order_is_created_and_read_back(api: Api) -> None:
    created = api.create("2025-0001")
    assert created["total"] == "52.82"
    assert (created["status"], created["version"]) == ("open", 0)
    status, order = api.send(event("get"))
    assert status == 200
    assert order == created


def test_where_the_new_order_is(function: LambdaRuntime) -> None:
    document = event("create")
    document["pathParameters"]["customer_id"] = "c-location"
    headers = function.invoke(document).payload["headers"]
    assert headers == {"content-type": "application/json", "location": "/customers/c-location/orders/2025-0001"}


def test_an_id_that_is_taken_is_a_conflict_and_changes_nothing(api: Api) -> None:
    api.create("2025-0001")
    before = api.send(event("get"))
    assert api.send(event("create"))[0] == 409
    assert api.send(event("get")) == before


def test_pages_hold_every_order_once(api: Api) -> None:
    ids = [f"2025-{number:04}" for number in range(1, 6)]
    for order_id in ids:
        api.create(order_id)
    status, page = api.send(event("list"))
    pages = [page]
    while page["cursor"]:
        assert status == 200
        status, page = api.send(with_query(event("list"), cursor=page["cursor"]))
        pages.append(page)
    assert [[order["order_id"] for order in page["orders"]] for page in pages] == [ids[:2], ids[2:4], ids[4:]]


def test_a_list_without_a_query_string_has_every_order(api: Api) -> None:
    api.create("2025-0001")
    document = event("list")
    del document["queryStringParameters"]
    status, page = api.send(document)
    assert (status, len(page["orders"]), page["cursor"]) == (200, 1, None)


def test_the_index_follows_the_status_and_puts_the_newest_first(api: Api) -> None:
    for order_id in ("2025-0001", "2025-0002", "2025-0003"):
        api.create(order_id)
    for order_id in ("2025-0001", "2025-0003"):
        assert api.change(order_id, status="paid", version=0)[0] == 200
    _, page = api.send(event("list_by_status"))
    assert [order["order_id"] for order in page["orders"]] == ["2025-0003", "2025-0001"]


def test_an_update_from_an_old_version_is_a_conflict_that_shows_the_current_one(api: Api) -> None:
    api.create("2025-0001")
    status, updated = api.send(event("update"))
    assert (status, updated["status"], updated["version"]) == (200, "paid", 1)
    status, refusal = api.send(event("conflict"))
    assert (status, refusal["current"]) == (409, updated)
    assert api.send(event("get")) == (200, updated)


def test_an_update_of_nothing_is_not_found(api: Api) -> None:
    assert api.send(event("update"))[0] == 404


def test_a_deleted_order_is_gone(api: Api) -> None:
    api.create("2025-0001")
    assert api.send(event("delete")) == (204, None)
    assert api.send(event("get"))[0] == 404
    assert api.send(event("delete"))[0] == 404


def test_one_customer_does_not_see_anothers_orders(api: Api, function: LambdaRuntime) -> None:
    api.create("2025-0001")
    other = Api(function, "somebody-else")
    assert other.send(event("get"))[0] == 404
    assert other.send(event("list"))[1]["orders"] == []


def test_a_malformed_body_is_answered_with_every_problem(api: Api) -> None:
    status, refusal = api.send(event("malformed"))
    assert status == 400
    assert [problem["loc"] for problem in refusal["details"]] == [
        ["order_id"],
        ["lines", 0, "quantity"],
        ["lines", 0, "price"],
    ]


@pytest.mark.parametrize("body", ["", "{", "[]", '{"status": "lost", "version": 0}', '{"status": "paid"}'])
def test_bodies_that_are_no_change(api: Api, body: str) -> None:
    assert api.send({**event("update"), "body": body})[0] == 400


def test_a_request_without_a_body(api: Api) -> None:
    document = event("create")
    del document["body"]
    assert api.send(document)[0] == 400


def test_a_body_in_base64(api: Api) -> None:
    document = event("create")
    document["body"] = base64.b64encode(document["body"].encode()).decode()
    assert api.send({**document, "isBase64Encoded": True})[0] == 201


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "many"}, {"status": "lost"}, {"cursor": "bm90aGluZw"}])
def test_query_strings_that_make_no_sense(api: Api, query: dict[str, str]) -> None:
    status, refusal = api.send(with_query(event("list"), **query))
    assert status == 400
    assert refusal["title"]


def test_a_cursor_of_another_list(api: Api) -> None:
    for order_id in ("2025-0001", "2025-0002", "2025-0003"):
        api.create(order_id)
    cursor = api.send(event("list"))[1]["cursor"]
    assert api.send(with_query(event("list_by_status"), cursor=cursor))[0] == 400


def test_an_id_that_no_key_can_hold(api: Api) -> None:
    assert api.send(event("get"), "x" * 1025)[0] == 400


def test_a_route_that_does_not_exist(api: Api) -> None:
    assert api.send({**event("get"), "routeKey": "$default"})[0] == 404


def test_the_demo_shows_it_all() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "examples.crud_api.demo"],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    for status in ("201", "200", "204", "400", "404", "409"):
        assert f"=> {status} in " in done.stdout
    assert "INIT" in done.stdout.splitlines()[-1]
