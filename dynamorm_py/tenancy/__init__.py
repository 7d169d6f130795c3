"""Tenants beyond one client: IAM policies and credentials for each tenant, limits, and the repair of items.

What keeps tenants apart inside a process is the compiler, the wire guard and the read check of a client that
`Client.for_tenant` bound. What is here keeps them apart outside of it, for those who give the runtime's own role no
access to the tables.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dynamorm_py.client.offboarding import ExportPage
    from dynamorm_py.core.tenant_repairs import Finding, RepairReport
    from dynamorm_py.tenancy.credentials import TenantCredentials
    from dynamorm_py.tenancy.limits import TenantLimits
    from dynamorm_py.tenancy.policies import iam_policy, session_policy
    from dynamorm_py.tenancy.repairs import repair

# As in `dynamorm_py` itself: a name is imported when it is first asked for.
_HOMES = {
    "dynamorm_py.client.offboarding": ("ExportPage",),
    "dynamorm_py.core.tenant_repairs": ("Finding", "RepairReport"),
    "dynamorm_py.tenancy.credentials": ("TenantCredentials",),
    "dynamorm_py.tenancy.limits": ("TenantLimits",),
    "dynamorm_py.tenancy.policies": ("iam_policy", "session_policy"),
    "dynamorm_py.tenancy.repairs": ("repair",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "ExportPage",
    "Finding",
    "RepairReport",
    "TenantCredentials",
    "TenantLimits",
    "iam_policy",
    "repair",
    "session_policy",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        module = _HOME_OF.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(module), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
