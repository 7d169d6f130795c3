"""Signatures: botocore's own signer is the oracle."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given
from hypothesis import strategies as st

import dynamorm_py
from dynamorm_py.core.errors import AccessDenied, InvalidOperation
from dynamorm_py.transports import Credentials
from dynamorm_py.transports.signing import USER_AGENT, Signer

PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)
REGIONS = st.sampled_from(["eu-west-1", "us-east-1", "cn-north-1", "us-gov-west-1"])
HOSTS = st.sampled_from(["dynamodb.eu-west-1.amazonaws.com", "127.0.0.1:8000", "localhost:4566", "[::1]:8000"])
# The seconds of years 2000 to 2100.
MOMENTS = st.integers(946_684_800, 4_102_444_800)


def parsed(message: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = message.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    return first, dict(line.split(": ", 1) for line in lines), body


def by_botocore(host: str, region: str, credentials: Credentials, headers: dict[str, str], body: bytes) -> str:
    """The signature that botocore computes for the same request at the same time."""
    signed = {name: value for name, value in headers.items() if name.startswith(("x-amz-", "content-type"))}
    signed.pop("x-amz-security-token", None)
    request = AWSRequest("POST", f"https://{host}/", {**signed, "host": host}, body)
    request.context["timestamp"] = headers["x-amz-date"]
    if credentials.session_token:
        request.headers["X-Amz-Security-Token"] = credentials.session_token
    keys = BotocoreCredentials(credentials.access_key, credentials.secret_key, credentials.session_token)
    auth: Any = SigV4Auth(keys, "dynamodb", region)
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    names = auth.signed_headers(auth.headers_to_sign(request))
    return f"AWS4-HMAC-SHA256 Credential={auth.scope(request)}, SignedHeaders={names}, Signature={signature}"


@given(
    host=HOSTS,
    region=REGIONS,
    access_key=PRINTABLE,
    secret_key=st.text(min_size=1, max_size=60),
    token=st.none() | PRINTABLE,
    operation=st.sampled_from(["GetItem", "TransactWriteItems", "DescribeTable"]),
    bodies=st.lists(st.binary(max_size=200), min_size=1, max_size=3),
    moments=st.lists(MOMENTS, min_size=3, max_size=3),
)
def test_every_signature_is_the_one_that_botocore_computes(
    host: str,
    region: str,
    access_key: str,
    secret_key: str,
    token: str | None,
    operation: str,
    bodies: list[bytes],
    moments: list[int],
) -> None:
    times = iter(moments)
    signer = Signer(host, region, clock=lambda: next(times))
    try:
        secret_key.encode()
    except UnicodeEncodeError:
        return  # a lone surrogate, which neither can sign with
    credentials = Credentials(access_key, secret_key, token)
    for body, moment in zip(bodies, moments, strict=False):
        first, headers, sent = parsed(signer.signed(operation, body, credentials))
        assert first == "POST / HTTP/1.1"
        assert headers["x-amz-date"] == time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(moment))
        assert headers["authorization"] == by_botocore(host, region, credentials, headers, body)
        assert headers.get("x-amz-security-token") == token
        assert (headers["host"], headers["content-length"], sent) == (host, str(len(body)), body)


def test_the_headers_are_those_that_dynamodb_asks_for() -> None:
    signer = Signer("dynamodb.eu-west-1.amazonaws.com", "eu-west-1")
    _, headers, _ = parsed(signer.signed("GetItem", b"{}", Credentials("key", "secret")))
    assert headers["x-amz-target"] == "DynamoDB_20120810.GetItem"
    assert headers["content-type"] == "application/x-amz-json-1.0"
    assert headers["accept-encoding"] == "identity"
    assert headers["user-agent"] == USER_AGENT == f"dynamorm_py/{dynamorm_py.__version__}"


def test_credentials_may_change_between_requests_of_one_second() -> None:
    signer = Signer("localhost", "eu-west-1", clock=lambda: 1_700_000_000)
    one, two = Credentials("one", "secret"), Credentials("one", "another secret")
    signatures = [parsed(signer.signed("GetItem", b"{}", keys))[1]["authorization"] for keys in (one, two, one)]
    assert signatures[0] == signatures[2] != signatures[1]


def test_keys_of_many_tenants_are_signed_with_their_own() -> None:
    signer, alone = (Signer("localhost", "eu-west-1", clock=lambda: 1_700_000_000) for _ in range(2))
    many = [Credentials(f"key{number}", "secret") for number in range(600)]
    for credentials in (*many, *many[:3]):
        fresh = Signer("localhost", "eu-west-1", clock=lambda: 1_700_000_000)
        assert signer.signed("GetItem", b"{}", credentials) == fresh.signed("GetItem", b"{}", credentials)
    assert alone.signed("GetItem", b"{}", many[0]) == signer.signed("GetItem", b"{}", many[0])


@pytest.mark.parametrize("keys", [("key\r\nx-evil: 1", None), ("key", "token\n"), ("schlüssel", None)])
def test_credentials_that_no_header_can_carry_are_refused(keys: tuple[str, str | None]) -> None:
    with pytest.raises(AccessDenied) as caught:
        Signer("localhost", "eu-west-1").signed("GetItem", b"{}", Credentials(keys[0], "secret", keys[1]))
    assert keys[0] not in str(caught.value)


@pytest.mark.parametrize("operation", ["Get Item", "GetItem\r\nx-evil: 1", "", "GëtItem"])
def test_a_name_that_is_no_operation_is_refused(operation: str) -> None:
    with pytest.raises(InvalidOperation):
        Signer("localhost", "eu-west-1").signed(operation, b"{}", Credentials("key", "secret"))
