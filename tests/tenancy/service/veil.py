"""Requests that tests of the service suite write by hand, as a tenant has to send them, and items that they read by
hand, as they expect them: without the tenant.

It goes by what `models` did to a table: a partition key that was a field's own attribute is another attribute now, and
one that was composed begins with the tenant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from dynamorm_py.core.keys import encode_part

FIELD = "tenant_id"

Item = Mapping[str, Any]


@dataclass
class Veil:
    """Of one table: its partition key; the partition keys that were added, each with the attribute that it is made of;
    and those that begin with the tenant since."""

    key: str = ""
    added: dict[str, str] = field(default_factory=dict)
    prefixed: set[str] = field(default_factory=set)

    def request(self, tenant: str, request: Item) -> dict[str, Any]:
        """A request about one item, as the tenant sends it."""
        changed = dict(request)
        if "Key" in request:
            led, own = self._led(tenant, request["Key"]), self.added.get(self.key)
            changed["Key"] = {name: value for name, value in led.items() if name != own}
        if "Item" in request:
            changed["Item"] = {**self._led(tenant, request["Item"]), FIELD: {"S": tenant}}
        return changed

    def item(self, tenant: str, item: Item) -> dict[str, Any]:
        """An item as it would be stored without a tenant, which it has to name wherever an item does."""
        assert item[FIELD] == {"S": tenant}
        assert all(item[name]["S"].startswith(f"{tenant}#") for name in {*self.added, *self.prefixed} & item.keys())
        bare = {name: value for name, value in item.items() if name != FIELD and name not in self.added}
        for name in self.prefixed & bare.keys():
            bare[name] = {"S": bare[name]["S"].removeprefix(f"{tenant}#")}
        return bare

    def _led(self, tenant: str, item: Item) -> dict[str, Any]:
        added = {name: encode_part(item[source]) for name, source in self.added.items() if source in item}
        # A test may take the key from a compiled request, which names the tenant.
        composed = {name: item[name]["S"].removeprefix(f"{tenant}#") for name in self.prefixed & item.keys()}
        return {**item, **{name: {"S": f"{tenant}#{text}"} for name, text in (added | composed).items()}}


@cache
def veil_of(table: str) -> Veil:
    """That of the table of this name in the suite."""
    return Veil()
