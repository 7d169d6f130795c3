"""Tenants: what an id may be, and what is derived from it."""

from __future__ import annotations

import hashlib
import re

from dynamorm_py.core.errors import InvalidValue

# What the value of a session tag may hold, without the space: all above `$`, so it stands in a key as it is; no
# wildcard and no variable of an IAM policy. https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
# As text: `re` compiles it when it is first used, and keeps it.
_ID = r"[a-zA-Z0-9_.:/=+\-@]{1,256}"


def check_tenant(tenant: object) -> str:
    """The id of a tenant, as it was given: exact, without folding of case or Unicode. Raises `InvalidValue`."""
    if not isinstance(tenant, str) or not re.fullmatch(_ID, tenant):
        raise InvalidValue("a tenant's id has 1 to 256 letters (a-z, A-Z), digits and _ . : / = + - @")
    return str.__str__(tenant)  # of a member of an enumeration, its text


def digest(tenant: str | None) -> str:
    """Twelve hexadecimal digits that stand for a tenant, or for none."""
    known = b"" if tenant is None else tenant.encode()
    return hashlib.sha256(b"dynamorm_py tenant\0" + known).hexdigest()[:12]


def tenant_token(tenant: str, token: str) -> str:
    """A client request token that no other tenant can give: 36 characters, as many as a transaction takes."""
    own = hashlib.sha256(f"{tenant}\0{token}".encode()).hexdigest()
    return digest(tenant) + own[:24]
