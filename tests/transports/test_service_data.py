"""The loader of a session of ours finds what botocore's own finds, and looks into fewer folders for it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from aiobotocore.session import get_session
from botocore.exceptions import DataNotFoundError, UnknownServiceError
from botocore.loaders import create_loader

from dynamorm_py.transports.aiobotocore import forget_credentials, shared_loader, shared_session
from dynamorm_py.transports.service_data import service_loader


@pytest.mark.parametrize("service", ["dynamodb", "sts", "sso", "sso-oidc"])
@pytest.mark.parametrize("kind", ["service-2", "endpoint-rule-set-1"])
def test_it_finds_what_botocores_own_finds(service: str, kind: str) -> None:
    own: Any = create_loader(None)
    assert service_loader(None).load_service_model(service, kind) == own.load_service_model(service, kind)


def test_an_unknown_service_is_unknown() -> None:
    with pytest.raises(UnknownServiceError):
        service_loader(None).load_service_model("dynamo", "service-2")
    with pytest.raises(DataNotFoundError):
        service_loader(None).load_service_model("dynamodb", "nothing-2")


def test_data_of_ones_own_comes_first(tmp_path: Path) -> None:
    folder = tmp_path / "dynamodb" / "2099-01-01"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text(json.dumps({"metadata": {}, "operations": {}}))
    loader = service_loader(os.pathsep.join([str(tmp_path), str(tmp_path / "missing")]))
    assert loader.load_service_model("dynamodb", "service-2") == {"metadata": {}, "operations": {}}
    assert loader.load_service_model("sts", "service-2")["metadata"]["serviceId"] == "STS"


def test_the_shared_session_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[str] = []
    real = os.listdir

    def noted(path: str) -> list[str]:
        listed.append(path)
        return real(path)

    monkeypatch.setattr(os, "listdir", noted)
    forget_credentials()
    shared_loader.cache_clear()
    shared_session().get_component("data_loader").load_service_model("dynamodb", "service-2")
    ours, listed[:] = len(listed), []
    get_session().get_component("data_loader").load_service_model("dynamodb", "service-2")
    assert ours < 10 < 100 < len(listed)
    forget_credentials()
