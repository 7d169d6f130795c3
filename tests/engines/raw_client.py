"""An aiobotocore client of an engine, for tests that look past this library."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

from aiobotocore.session import get_session

from dynamorm_py.testing import LocalEndpoint


def raw_client(engine: LocalEndpoint) -> AbstractAsyncContextManager[Any]:  # its methods are made at run time
    client: AbstractAsyncContextManager[Any] = get_session().create_client(
        "dynamodb",
        endpoint_url=engine.endpoint_url,
        region_name=engine.region,
        aws_access_key_id=engine.access_key,
        aws_secret_access_key=engine.secret_key,
    )
    return client
