"""The engines as fixtures: one of each for a whole run, or for each of its xdist workers.

Tests that share an engine keep apart by the names of their tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

# The module and not the class: moto is imported by the runs that use it.
from dynamorm_py import testing
from tests.engines.availability import EngineUnavailable, required
from tests.engines.dynamodb_local import DynamoDBLocal


@pytest.fixture(scope="session")
def embedded() -> Iterator[testing.EmbeddedDynamoDB]:
    """moto, in this process."""
    with testing.EmbeddedDynamoDB() as engine:
        yield engine


@pytest.fixture(scope="session")
def dynamodb_local() -> Iterator[DynamoDBLocal]:
    """AWS's own engine. Without java or npm the test is skipped, or fails where engines are required."""
    with ExitStack() as stack:
        try:
            engine = stack.enter_context(DynamoDBLocal())
        except EngineUnavailable as reason:
            if required():
                raise
            pytest.skip(str(reason))
        yield engine
