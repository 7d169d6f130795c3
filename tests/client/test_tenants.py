"""Clients that are bound to tenants, as far as they send nothing."""

from __future__ import annotations

from typing import Any

import pytest

from dynamorm_py import Attr, Client, ClientClosed, InvalidValue, Model, TenantViolation, sort_key, tenant_key, use


class Note(Model, table="notes"):
    org: Attr[str] = tenant_key()
    number: Attr[str] = sort_key()


class Name(str):
    __slots__ = ()


@pytest.mark.parametrize("tenant", ["", "a b", "a#b", "a\n", "x" * 257, b"acme", 3, None, [], {}])
def test_what_is_no_id_binds_no_client(tenant: Any) -> None:
    db = Client()
    db.for_tenant("acme")
    with pytest.raises(InvalidValue, match="1 to 256"):
        db.for_tenant(tenant)


@pytest.mark.parametrize("tenant", ["acme", Name("acme")])
def test_each_client_compiles_under_its_tenant(tenant: str) -> None:
    db = Client(table_prefix="p_")
    bound, other = db.for_tenant(tenant), db.for_tenant("acme2")
    assert (bound.tenant, other.tenant) == ("acme", "acme2")
    assert Note.get("n1").compile(bound) == {
        "TableName": "p_notes",
        "Key": {"org": {"S": "acme"}, "number": {"S": "n1"}},
    }
    assert Note.get("n1").compile(other)["Key"]["org"] == {"S": "acme2"}


async def test_a_scope_ends_for_those_alone_that_were_entered_with_it() -> None:
    db = Client()
    bound = db.for_tenant("acme")
    with use(bound) as entered, use(entered) as inner:
        pass
    for ended in (entered, inner):
        with pytest.raises(TenantViolation, match="left"):
            await ended.run(Note.get("n1"))
    with use(bound) as again:
        for still in (bound, again, db.for_tenant("acme")):
            with pytest.raises(ClientClosed):
                await still.run(Note.get("n1"))
