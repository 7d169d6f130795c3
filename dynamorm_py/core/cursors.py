"""Cursors: where a read stopped, as opaque text that fits into a URL.

A cursor holds the place where to go on, a fingerprint of the read it belongs to (table, index, key condition,
direction, filter), and, where the client has a secret, an HMAC over both. Without a secret the fingerprint catches
mistakes; only with one is a forged cursor sure to be refused.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from dynamorm_py.core.errors import ForeignCursor, InvalidCursor
from dynamorm_py.core.tenants import digest
from dynamorm_py.core.wire import AttributeValue, Item

# The key after which to go on; of a read in segments, one for each: empty before its beginning, None behind its end.
Place: TypeAlias = Item | list[Item | None]

_VERSION = b"\x01"
_FINGERPRINT_BYTES = 16
_TENANT_BYTES = 6
_MAC_BYTES = 32


def fingerprint(tenant: str | None, *parts: Any) -> bytes:  # anything that JSON and attribute values hold
    """A digest of what a cursor is bound to: of the tenant first, then of all the rest."""
    text = json.dumps(parts, default=_jsonable, separators=(",", ":"), sort_keys=True)
    return bytes.fromhex(digest(tenant)) + hashlib.sha256(text.encode()).digest()[:_FINGERPRINT_BYTES]


def encode_cursor(place: Place, binding: bytes, secrets: Sequence[bytes]) -> str:
    """The cursor for going on at `place`; signed with the first secret, where there is one."""
    plain = [_to_json(key) for key in place] if isinstance(place, list) else _to_json(place)
    body = _VERSION + binding + json.dumps(plain, separators=(",", ":")).encode()
    mac = _mac(secrets[0], body) if secrets else b""
    return base64.urlsafe_b64encode(mac + body).rstrip(b"=").decode()


def decode_cursor(cursor: str, binding: bytes, secrets: Sequence[bytes]) -> Place:
    """The place that a cursor holds. Any of the secrets may have signed it, so that they can be rotated."""
    try:
        raw = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), b"-_", validate=True)
    except (AttributeError, ValueError) as error:
        raise InvalidCursor("this is not a cursor, or it was cut short") from error
    if secrets:
        mac, raw = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not any(hmac.compare_digest(mac, _mac(secret, raw)) for secret in secrets):
            raise InvalidCursor("the cursor was not signed by this client's cursor_secret")
    bound, body = raw[1 : 1 + len(binding)], raw[1 + len(binding) :]
    if raw[:1] != _VERSION or not body:
        raise InvalidCursor("this is not a cursor, or it was cut short")
    if bound[:_TENANT_BYTES] != binding[:_TENANT_BYTES]:
        raise ForeignCursor("the cursor was not made in this tenant's scope")
    if not hmac.compare_digest(bound, binding):
        raise InvalidCursor(
            "the cursor belongs to another query: model, index, key, direction and filter must be the same"
        )
    try:
        plain = json.loads(body)
        return [_from_json(key) for key in plain] if isinstance(plain, list) else _from_json(plain) or {}
    except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise InvalidCursor("this is not a cursor, or it was cut short") from error


def _mac(secret: bytes, body: bytes) -> bytes:
    return hmac.new(secret, body, hashlib.sha256).digest()


def _to_json(key: Item | None) -> dict[str, dict[str, str]] | None:
    return None if key is None else {name: _value_to_json(value) for name, value in key.items()}


def _from_json(key: dict[str, dict[str, Any]] | None) -> Item | None:
    return None if key is None else {_text(name): _value_from_json(value) for name, value in key.items()}


def _value_to_json(value: AttributeValue) -> dict[str, str]:
    ((tag, payload),) = value.items()
    return {tag: base64.b64encode(payload).decode() if tag == "B" else payload}


def _value_from_json(value: dict[str, Any]) -> AttributeValue:  # whatever a forged cursor holds
    ((tag, payload),) = value.items()
    if tag not in ("S", "N", "B") or not isinstance(payload, str) or (tag == "N" and not Decimal(payload).is_finite()):
        raise InvalidCursor("a cursor holds keys only")
    return {tag: base64.b64decode(payload, validate=True) if tag == "B" else _text(payload)}


def _text(text: str) -> str:
    # JSON can spell half a surrogate pair, which no request can: as a ValueError, it is refused with the rest.
    text.encode()
    return text


def _jsonable(value: object) -> object:
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no place in a cursor")
