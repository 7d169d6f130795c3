"""What breaks elsewhere, breaks; and does not here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from examples.pitfalls import a_client_for_every_event, a_context_that_leaks
from examples.pitfalls.server import counting


def test_a_loop_for_every_event_needs_a_connection_for_every_event() -> None:
    with counting() as server:
        assert a_client_for_every_event.with_asyncio_run(server) == a_client_for_every_event.EVENTS
    with counting() as server:
        assert a_client_for_every_event.with_an_app(server) == 1


def test_a_client_does_not_survive_its_loop() -> None:
    # In a process of its own: it leaves a client open, which is the other half of the mistake.
    done = subprocess.run(
        [sys.executable, "-m", "examples.pitfalls.a_client_across_loops"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["event 1: ann", "event 2: HTTPClientError"]
    assert "Event loop is closed" in done.stderr


def test_a_runner_shows_an_event_what_another_one_set() -> None:
    assert a_context_that_leaks.with_a_runner() == ["the orders of acme", "the orders of acme"]
    assert a_context_that_leaks.with_an_app() == ["the orders of acme", "the orders of nobody"]


@pytest.mark.parametrize("script", [a_client_for_every_event, a_context_that_leaks])
def test_they_can_be_run(script: object, capsys: pytest.CaptureFixture[str]) -> None:
    main = getattr(script, "main")  # noqa: B009 (modules have no type of their own)
    main()
    assert len(capsys.readouterr().out.splitlines()) == 2
