"""The onion: its order, early answers, errors, and what it hands on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dynamorm_py import Client, InvalidOperation
from dynamorm_py.aws_lambda import CallNext, Invocation, LambdaApp, current_invocation
from tests.aws_lambda.context import Context


class Apps:
    """Makes apps, and closes them in the end. Their clients reach nothing."""

    def __init__(self) -> None:
        self._apps: list[LambdaApp] = []

    def make(self, *middleware: Any) -> LambdaApp:
        app = LambdaApp(client=Client(region="eu-west-1"), middleware=middleware)
        self._apps.append(app)
        return app

    def close(self) -> None:
        for app in self._apps:
            app.close()


@pytest.fixture
def apps() -> Iterator[Apps]:
    apps = Apps()
    yield apps
    apps.close()


class Layer:
    """Notes when it is gone through."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self._name, self._notes = name, notes

    async def __call__(self, ctx: Invocation, call_next: CallNext) -> Any:
        self._notes.append(f"{self._name} in")
        try:
            return await call_next(ctx)
        finally:
            self._notes.append(f"{self._name} out")


def test_the_first_layer_is_the_outermost(apps: Apps) -> None:
    notes: list[str] = []
    app = apps.make(Layer("a", notes), Layer("b", notes))

    @app.handler
    async def handler(event: str) -> str:
        notes.append(event)
        return "answer"

    assert handler("event", None) == "answer"
    assert notes == ["a in", "b in", "event", "b out", "a out"]


def test_a_layer_can_answer_early(apps: Apps) -> None:
    notes: list[str] = []

    async def gate(ctx: Invocation[str, str], call_next: CallNext[str, str]) -> str:
        return "closed" if ctx.event == "late" else await call_next(ctx)

    app = apps.make(Layer("a", notes), gate, Layer("b", notes))

    @app.handler
    async def handler(event: str) -> str:
        return "open"

    assert [handler(event, None) for event in ("late", "early")] == ["closed", "open"]
    assert notes == ["a in", "a out", "a in", "b in", "b out", "a out"]


def test_a_layer_can_change_event_and_answer(apps: Apps) -> None:
    async def double(ctx: Invocation[int, int], call_next: CallNext[int, int]) -> int:
        return 1 + await call_next(ctx.with_event(ctx.event * 2))

    app = apps.make(double, double)

    @app.handler
    async def handler(event: int, ctx: Invocation[int, int]) -> int:
        assert (ctx.event, ctx.raw) == (event, 10)
        return event

    assert handler(10, None) == 42


def test_a_layer_can_map_errors_and_what_it_does_not_map_is_raised(apps: Apps) -> None:
    async def mapping(ctx: Invocation, call_next: CallNext) -> object:
        try:
            return await call_next(ctx)
        except LookupError as error:
            return f"none: {error}"

    app = apps.make(mapping)

    @app.handler
    async def handler(event: type[Exception]) -> str:
        raise event("it")

    assert handler(LookupError, None) == "none: it"
    with pytest.raises(ArithmeticError, match="it"):
        handler(ArithmeticError, None)


def test_layers_and_handler_share_a_state_that_the_next_invocation_does_not_see(apps: Apps) -> None:
    async def counting(ctx: Invocation, call_next: CallNext) -> Any:
        ctx.state["calls"] = ctx.state.get("calls", 0) + 1
        return await call_next(ctx.with_event("other"))

    app = apps.make(counting)

    @app.handler
    async def handler(event: str, ctx: Invocation) -> list[object]:
        return [event, ctx.state["calls"]]

    assert [handler("event", None) for _ in range(2)] == [["other", 1]] * 2


def test_what_is_known_of_an_invocation(apps: Apps) -> None:
    app = apps.make()
    seen: list[Invocation[str, None]] = []

    @app.handler
    async def handler(event: str, ctx: Invocation[str, None]) -> None:
        assert current_invocation() is ctx
        seen.append(ctx)

    context = Context(60_000)
    handler("event", context)
    handler("event", None)
    first, second = seen
    given: object = first.context
    assert given is context
    assert (first.request_id, first.cold_start, second.cold_start) == ("request-1", True, False)
    assert first.deadline is not None
    assert timedelta(0) < first.deadline - datetime.now(UTC) <= timedelta(minutes=1)
    remaining = first.remaining()
    assert remaining is not None
    assert 0 < remaining <= 60
    assert (second.deadline, second.remaining(), second.request_id) == (None, None, "")
    assert current_invocation() is None


def test_without_the_middleware_there_is_no_unit_of_work(apps: Apps) -> None:
    app = apps.make()

    @app.handler
    async def handler(event: str, ctx: Invocation) -> None:
        ctx.unit.add()

    with pytest.raises(InvalidOperation, match=r"middleware=\[UnitOfWork\(\)\]"):
        handler("event", None)


def test_the_entry_point_stands_under_decorators_for_synchronous_handlers(apps: Apps) -> None:
    app = apps.make()

    def logged(function: Any) -> Any:  # as the decorators of Powertools
        def wrapper(event: Any, context: Any) -> Any:
            return {"logged": function(event, context)}

        return wrapper

    @logged
    @app.handler
    async def handler(event: str) -> str:
        return event

    assert handler("event", None) == {"logged": "event"}
