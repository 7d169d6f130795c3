"""What botocore would send, asked of botocore: a request is compiled and signed, and stopped at the last moment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import botocore.session

from dynamorm_py.transports import Settings

GET = {"TableName": "users", "Key": {"id": {"S": "1"}}}


@dataclass(frozen=True, slots=True)
class Word:
    """Where a request would have gone, and the region it was signed for."""

    scheme: str
    host: str | None
    port: int
    region: str


class _Stopped(Exception):
    def __init__(self, request: Any) -> None:  # a botocore.awsrequest.AWSPreparedRequest
        self.request = request


def asked(settings: Settings, operation: str = "GetItem", request: dict[str, Any] = GET) -> Word:
    """Of a session that is new, so that it reads the environment and the files of now. botocore's errors are raised."""
    session = botocore.session.Session()
    session.register_component("data_loader", _loader())
    credentials = settings.credentials
    client = session.create_client(
        "dynamodb",
        region_name=settings.region,
        endpoint_url=settings.endpoint_url,
        aws_access_key_id=credentials and credentials.access_key,
        aws_secret_access_key=credentials and credentials.secret_key,
        aws_session_token=credentials and credentials.session_token,
    )

    def stop(request: Any, **_: Any) -> None:
        raise _Stopped(request)

    client.meta.events.register("before-send.dynamodb", stop)
    method = re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()
    try:
        getattr(client, method)(**request)
    except _Stopped as stopped:
        url = urlsplit(stopped.request.url)
        scope = re.search(rb"Credential=[^/]+/\d+/([^/]+)/dynamodb/", _bytes(stopped.request.headers["Authorization"]))
        assert scope is not None
        return Word(url.scheme, url.hostname, url.port or {"http": 80, "https": 443}[url.scheme], scope[1].decode())
    finally:
        client.close()
    raise AssertionError("the request was sent")


def _bytes(header: str | bytes) -> bytes:
    return header if isinstance(header, bytes) else header.encode()


@cache
def _loader() -> Any:  # botocore.loaders.Loader: reads 1.7 MB of descriptions, once
    return botocore.session.Session().get_component("data_loader")
