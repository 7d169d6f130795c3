"""Why a request is aiobotocore's business, in words that complete "because"."""

from __future__ import annotations

from dynamorm_py.core.records import Record


class Reason(Record):
    """Why the direct transport is not taken. `binding`: it could not do what was asked for; otherwise it could, and
    only somebody who watches aiobotocore would miss something."""

    why: str
    binding: bool = True
