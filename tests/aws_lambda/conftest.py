"""Functions of a few lines, each in a process of its own under the runtime client."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from dynamorm_py.testing import LambdaRuntime
from tests.aws_lambda.authority import Authority

Function: TypeAlias = Callable[..., LambdaRuntime]

# Where a client needs no server: opening it sends nothing that has to arrive.
NOWHERE = {"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}


@pytest.fixture
def function(tmp_path: Path) -> Function:
    """Writes a module of its own and makes a runtime for its `handler`."""

    def make(source: str, **environment: str) -> LambdaRuntime:
        (tmp_path / "app.py").write_text(textwrap.dedent(source))
        settings = {**NOWHERE, **environment}
        return LambdaRuntime("app.handler", directory=tmp_path, environment={k: v for k, v in settings.items() if v})

    return make


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)
