"""Engines that a machine may lack: tests skip there, and fail where the run must be complete."""

from __future__ import annotations

import os


class EngineUnavailable(Exception):
    """The engine cannot run on this machine; the message says what is missing."""


def required() -> bool:
    """Whether a missing engine fails a run instead of skipping tests."""
    return os.environ.get("CI") == "true" or os.environ.get("DYNAMORM_REQUIRE_ENGINES") == "1"
