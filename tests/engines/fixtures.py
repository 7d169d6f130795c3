"""The engines as fixtures: one of each for a whole run, or for each of its xdist workers.

Tests that share an engine keep apart by the names of their tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TypeVar

import pytest

# The module and not the class: moto is imported by the runs that use it.
from dynamorm_py import testing
from tests.engines.availability import EngineUnavailable, required
from tests.engines.dynalite import Dynalite
from tests.engines.dynamodb_local import DynamoDBLocal

Process = TypeVar("Process", DynamoDBLocal, Dynalite)


@pytest.fixture(scope="session")
def embedded() -> Iterator[testing.EmbeddedDynamoDB]:
    """moto, in this process."""
    with testing.EmbeddedDynamoDB() as engine:
        yield engine


@pytest.fixture(scope="session")
def dynamodb_local() -> Iterator[DynamoDBLocal]:
    """AWS's own engine. Without java or npm the test is skipped, or fails where engines are required."""
    with ExitStack() as stack:
        yield started(stack, DynamoDBLocal())


@pytest.fixture(scope="session")
def dynalite() -> Iterator[Dynalite]:
    """dynalite, likewise, without node or npm."""
    with ExitStack() as stack:
        yield started(stack, Dynalite())


def started(stack: ExitStack, engine: Process) -> Process:
    try:
        return stack.enter_context(engine)
    except EngineUnavailable as reason:
        if required():
            raise
        pytest.skip(str(reason))
