"""`Metrics`: what CloudWatch reads out of the log; and logs as JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from dynamorm_py import Attr, Client, Credentials, Model, Retry, Throttled, partition_key
from dynamorm_py.aws_lambda import Invocation, InvocationFilter, JsonFormatter, LambdaApp, Metrics, log_as_json
from tests.aws_lambda.context import Context
from tests.faults.server import Answer, FaultServer, fault, in_a_thread

THROTTLED = fault("ThrottlingException", "slow down")
FOUND = Answer({"Item": {"name": {"S": "a"}}, "ConsumedCapacity": {"TableName": "t", "CapacityUnits": 0.5}})


class Entry(Model, table="metric_entries"):
    name: Attr[str] = partition_key()


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with in_a_thread(FaultServer(FOUND)) as server:
        yield server


class Measured:
    """An app on the server, whose metrics are read back from stdout."""

    def __init__(self, server: FaultServer, capture: pytest.CaptureFixture[str]) -> None:
        self._client = Client(
            region="eu-west-1",
            endpoint_url=server.endpoint_url,
            credentials=Credentials("key", "secret"),
            retry=Retry(attempts=3, base=0),
        )
        self._capture = capture
        self._apps: list[LambdaApp] = []

    def lines(self, metrics: Metrics, *events: int, context: Context | None = None) -> list[dict[str, Any]]:
        """What is written when events are sent, each of which asks for so many reads."""
        app = LambdaApp(client=self._client, middleware=[metrics])
        self._apps.append(app)

        @app.handler
        async def handler(event: int, ctx: Invocation) -> None:
            for _ in range(event):
                await Entry.get("a")

        for event in events:
            try:
                handler(event, context)
            except Throttled:
                continue
        app.close()
        return [json.loads(line) for line in self._capture.readouterr().out.splitlines()]


@pytest.fixture
def measured(server: FaultServer, capsys: pytest.CaptureFixture[str]) -> Measured:
    return Measured(server, capsys)


def test_a_line_is_of_the_embedded_metric_format(measured: Measured) -> None:
    (line,) = measured.lines(Metrics("shop", clock=lambda: 1_700_000_000.5), 0, context=Context(60_000))
    description = line["_aws"]
    assert description["Timestamp"] == 1_700_000_000_500
    (directive,) = description["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("shop", [["FunctionName"]])
    units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert units == {
        "ColdStart": "Count",
        "Duration": "Milliseconds",
        "Errors": "Count",
        "Requests": "Count",
        "Retries": "Count",
        "Throttles": "Count",
        "DynamoDBTime": "Milliseconds",
    }
    assert all(isinstance(line[name], int | float) for name in units)
    assert line["FunctionName"] == "orders"


def test_requests_retries_and_throttles_are_counted_for_each_invocation(
    measured: Measured, server: FaultServer
) -> None:
    server.script(THROTTLED, FOUND, FOUND, THROTTLED, THROTTLED, THROTTLED, FOUND)
    lines = measured.lines(Metrics(), 2, 1, 1)
    names = ("ColdStart", "Requests", "Retries", "Throttles", "Errors")
    assert [[line[name] for name in names] for line in lines] == [[1, 2, 1, 1, 0], [0, 1, 2, 3, 1], [0, 1, 0, 0, 0]]


def test_capacity_is_asked_for_only_if_wanted(measured: Measured, server: FaultServer) -> None:
    assert measured.lines(Metrics(capacity=True), 3)[0]["CapacityUnits"] == 1.5
    assert {request.body.get("ReturnConsumedCapacity") for request in server.received} == {"TOTAL"}
    server.received.clear()
    server.script(Answer({"Item": {"name": {"S": "a"}}}))
    assert "CapacityUnits" not in measured.lines(Metrics(), 1)[0]
    assert server.received[0].body.get("ReturnConsumedCapacity") is None


def test_tenants_are_properties_and_no_dimension(measured: Measured) -> None:
    metrics = Metrics(dimensions={"Stage": "prod"}, properties=lambda ctx: {"Customer": f"c-{ctx.event}"})
    (line,) = measured.lines(metrics, 0, context=Context(60_000))
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["Stage"]]
    properties = ("RequestId", "FunctionVersion", "TenantId", "Customer", "Stage")
    assert [line[name] for name in properties] == ["request-1", "7", "acme", "c-0", "prod"]
    assert not {"TenantId", "Customer"} & {metric["Name"] for metric in directive["Metrics"]}


@pytest.fixture
def quiet_app() -> Iterator[LambdaApp]:
    app = LambdaApp(client=Client(region="eu-west-1"))
    yield app
    app.close()


def test_logs_are_lines_of_json_that_name_the_invocation(
    quiet_app: LambdaApp, capsys: pytest.CaptureFixture[str], restored_logging: None
) -> None:
    log_as_json(logging.INFO)
    logger = logging.getLogger("shop")

    @quiet_app.handler
    async def handler(event: str) -> None:
        logger.info("sold %d", 3, extra={"sku": "x-1", "thing": {1}, "odd": object})
        logger.debug("not told")
        try:
            int("three")
        except ValueError:
            logger.exception("failed")

    handler("event", Context(60_000))
    logger.warning("outside")
    sold, failed, outside = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {**sold, "timestamp": None} == {
        "timestamp": None,
        "level": "INFO",
        "logger": "shop",
        "message": "sold 3",
        "request_id": "request-1",
        "cold_start": True,
        "sku": "x-1",
        "thing": [1],
        "odd": "<class 'object'>",
    }
    assert sold["timestamp"].endswith("+00:00")
    assert "ValueError: invalid literal" in failed["exception"]
    assert "request_id" not in outside


def test_a_filter_serves_formats_of_ones_own(quiet_app: LambdaApp) -> None:
    records: list[tuple[object, object]] = []

    def note() -> None:
        record = logging.makeLogRecord({"msg": "sold"})
        assert InvocationFilter().filter(record)
        records.append((record.__dict__["request_id"], record.__dict__["cold_start"]))

    @quiet_app.handler
    async def handler(event: str) -> None:
        note()

    handler("event", Context(60_000))
    note()
    assert records == [("request-1", True), (None, None)]


def test_a_formatter_can_stand_on_any_handler() -> None:
    line = json.loads(JsonFormatter().format(logging.makeLogRecord({"msg": "sold", "levelname": "INFO"})))
    assert (line["message"], line["level"]) == ("sold", "INFO")


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
