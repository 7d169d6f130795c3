"""Whom a TLS connection trusts. There is no way to trust everybody.

The endpoints of the commercial partition have certificates by Amazon Trust Services, whose five roots load in a
millisecond; the whole bundle of the web's authorities takes twenty. So the five are tried first, and the bundle where
they do not know the issuer: behind a proxy that opens TLS, say. Trusting fewer first makes nothing less safe.
https://aws.amazon.com/blogs/security/how-to-prepare-for-aws-move-to-its-own-certificate-authority/
"""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path

from dynamorm_py.core.errors import InvalidOperation

AMAZON_ROOTS = Path(__file__).with_name("amazon_roots.pem")

# OpenSSL's words for a chain that does not end at an authority that is known here. Everything else that can be wrong
# with a certificate (its name, its dates, its signature) is as wrong under any bundle.
# https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/
_UNKNOWN_ISSUER = frozenset(
    {
        2,  # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT
        19,  # X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN
        20,  # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
        21,  # X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE
    }
)


@cache
def amazon_roots() -> ssl.SSLContext:
    """Trusts Amazon's roots, and nobody else."""
    return _trusting(str(AMAZON_ROOTS))


@cache
def bundle(path: str | None = None) -> ssl.SSLContext:
    """Trusts the authorities in a file of certificates; without one, those of certifi or botocore, as botocore does.

    Raises `InvalidOperation` for a file that cannot be read.
    """
    try:
        return _trusting(_default_bundle() if path is None else path)
    except (OSError, ssl.SSLError) as error:
        raise InvalidOperation(f"the bundle of certificate authorities cannot be read: {path or 'default'}") from error


def is_unknown_issuer(error: ssl.SSLError) -> bool:
    """Whether another bundle could know the issuer that this one does not."""
    return isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in _UNKNOWN_ISSUER


def _trusting(cafile: str) -> ssl.SSLContext:
    # Certificates and host names are verified, from TLS 1.2 on: that is what this protocol's defaults are.
    # https://docs.python.org/3/library/ssl.html#ssl.PROTOCOL_TLS_CLIENT
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    context.load_verify_locations(cafile)
    return context


def _default_bundle() -> str:
    try:
        from certifi import where  # noqa: PLC0415 - it need not be installed, and few processes come here
    except ImportError:
        from importlib.util import find_spec  # noqa: PLC0415 - likewise

        # Found without being imported, which would cost more than everything else here.
        spec = find_spec("botocore")
        folder = (spec.submodule_search_locations or [""])[0] if spec else ""
        return str(Path(folder) / "cacert.pem")
    return str(where())
