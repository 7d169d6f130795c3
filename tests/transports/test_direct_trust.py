"""Whom TLS connections trust."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import botocore
import pytest

from dynamorm_py.core.errors import InvalidOperation
from dynamorm_py.transports import trust

AMAZON = {
    "Amazon Root CA 1",
    "Amazon Root CA 2",
    "Amazon Root CA 3",
    "Amazon Root CA 4",
    "Starfield Services Root Certificate Authority - G2",
}


def certificates(context: ssl.SSLContext) -> set[bytes]:
    return set(context.get_ca_certs(binary_form=True))


def of_botocore() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(Path(botocore.__file__).with_name("cacert.pem"))
    return context


def test_amazons_roots_are_the_five_of_botocores_bundle() -> None:
    subjects: list[Any] = [certificate["subject"] for certificate in trust.amazon_roots().get_ca_certs()]
    names = [dict(part for parts in subject for part in parts)["commonName"] for subject in subjects]
    assert sorted(names) == sorted(AMAZON)
    assert certificates(trust.amazon_roots()) < certificates(of_botocore())


def test_without_a_bundle_the_authorities_are_certifis_or_botocores() -> None:
    from certifi import where

    certifi = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    certifi.load_verify_locations(where())
    assert certificates(trust.bundle()) == certificates(certifi)


def test_without_certifi_the_authorities_are_botocores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "certifi", None)
    assert certificates(trust.bundle.__wrapped__()) == certificates(of_botocore())


def test_every_context_verifies_certificate_and_name() -> None:
    for context in (trust.amazon_roots(), trust.bundle()):
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_contexts_are_made_once() -> None:
    assert trust.amazon_roots() is trust.amazon_roots()
    assert trust.bundle() is trust.bundle()


def test_a_bundle_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    for path in (empty, tmp_path / "missing.pem"):
        with pytest.raises(InvalidOperation, match=path.name):
            trust.bundle(str(path))
