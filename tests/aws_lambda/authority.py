"""TLS on this machine: an authority that is trusted here only."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


class Authority:
    """A certificate authority of this machine's, a server's certificate by it, and the bundle that trusts it."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(self.server)
        bundle = folder / "authorities.pem"
        authority.cert_pem.write_to_path(bundle)
        self.environment = {"AWS_CA_BUNDLE": str(bundle)}
