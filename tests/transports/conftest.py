"""Environments of the AWS tools, made up for one test, and botocore's own word on them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

Environ = dict[str, str]
SetEnviron = Callable[..., Environ]


@pytest.fixture
def set_environ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SetEnviron:
    """Makes an environment of these variables alone, as far as AWS tools and proxies are concerned, and a home of its
    own: `environ = set_environ(AWS_REGION="eu-west-1")`."""
    trusts = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUEST_METHOD")
    for name in tuple(os.environ):
        if name.startswith(("AWS_", "BOTO")) or name.lower().endswith("_proxy") or name in trusts:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def make(**variables: str) -> Environ:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return dict(os.environ)

    return make


@pytest.fixture
def write_config(tmp_path: Path) -> Callable[[str, str], None]:
    """Writes one of the shared files into that home: `write_config("config", "[default]…")`."""

    def write(name: str, text: str) -> None:
        folder = tmp_path / ".aws"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text)

    return write
