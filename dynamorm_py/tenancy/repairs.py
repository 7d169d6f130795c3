"""Items that stand in a tenant's way, found and made whole by name, across tenants."""

from __future__ import annotations

from dynamorm_py.client.client import Client
from dynamorm_py.core.tables import HasSchema
from dynamorm_py.core.tenant_repairs import Repair, RepairReport


async def repair(db: Client, *models: HasSchema, tenant: str, reason: str, dry_run: bool = True) -> RepairReport:
    """Finds the items of which some attributes name the tenant and some another one, and, with `dry_run=False`, removes
    their wrong index keys::

        print(await repair(db, Order, tenant="acme", reason="ticket 17"))
        await repair(db, Order, tenant="acme", reason="ticket 17", dry_run=False)

    For these, reads of the tenant raise `TenantViolation`: another program has put an item of one tenant under an index
    key of another. It is looked for in what the tenant reads: its partitions of the models' tables and of their global
    indexes. Where partition keys have further fields, that takes a Scan of the table or index, which reads all tenants'
    items. Whose an item is, its own key says. An index key is removed only if it still is what was read; the item is
    not in that index then, until its owner puts it anew. Where the tenant attribute itself disagrees with the key,
    nothing is changed, and the report says so.

    All requests go through `db.across_tenants(reason=reason)`, and leave its audit records.
    """
    schemas = tuple(model.__dynamorm_schema__ for model in models)
    return await db.across_tenants(reason=reason).run_plan(Repair(schemas, tenant, dry_run))
