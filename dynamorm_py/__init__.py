"""dynamorm_py: a thin async ORM for Amazon DynamoDB.

A model is a pydantic class with a table. Its verbs return operations: frozen values that compile to one low-level
request, can be printed before they are sent, and do nothing until they are awaited under a client::

    from dynamorm_py import Attr, Client, Model, field, partition_key

    class User(Model, table="users"):
        user_id: Attr[str] = partition_key()
        visits: Attr[int] = field(default=0, ge=0)

    async with Client(region="eu-west-1"):
        await User(user_id="u1").create()
        user = await User.update("u1", User.visits.add(1))

Two columns stand on a pure core (`dynamorm_py.core`, which does no I/O): models and queries in one, the client, its
middleware and transports in the other. They meet in `dynamorm_py.context` only: defining models loads no AWS library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dynamorm_py.batch import batch_write, batch_writer
    from dynamorm_py.client import CallRecord, Client, Credentials, Retry, Timeouts
    from dynamorm_py.client.tenants import BypassClient, TenantClient
    from dynamorm_py.context import use
    from dynamorm_py.core.errors import (
        AccessDenied,
        CancellationReason,
        ClientClosed,
        ConditionFailed,
        DeadlineExceeded,
        DynamormError,
        FieldNotRead,
        ForeignCursor,
        IncompleteIndexKey,
        InvalidCursor,
        InvalidItem,
        InvalidKey,
        InvalidModel,
        InvalidOperation,
        InvalidValue,
        ItemAlreadyExists,
        ItemNotFound,
        MultipleResultsFound,
        NoClient,
        NoResultFound,
        NotUnique,
        RequestLimitReached,
        RequestTimeout,
        ServiceError,
        TableInUse,
        TableNotFound,
        TenantRequired,
        TenantViolation,
        Throttled,
        TransactionCanceled,
        TransactionConflict,
        TransportError,
        UnprocessedItems,
        VersionConflict,
        WriteOutcomeUnknown,
    )
    from dynamorm_py.core.explanation import Explanation
    from dynamorm_py.core.expressions import Condition
    from dynamorm_py.core.plans import TableChange, TablePlan
    from dynamorm_py.core.table_descriptions import IndexDescription, TableDescription
    from dynamorm_py.core.table_settings import Provisioned, TableSettings
    from dynamorm_py.core.templates import table_template
    from dynamorm_py.core.updates import Action
    from dynamorm_py.fields import (
        Attr,
        created_timestamp,
        field,
        partition_key,
        sort_key,
        tenant_key,
        time_to_live,
        updated_timestamp,
        version_number,
    )
    from dynamorm_py.fields.paths import Path, attr
    from dynamorm_py.model import GlobalIndex, LocalIndex, Model, PrimaryKey, unique
    from dynamorm_py.model.table import Table
    from dynamorm_py.operation import Operation
    from dynamorm_py.query import Page, Query
    from dynamorm_py.transaction import transact_get, transact_write
    from dynamorm_py.views import Partial

# Where each public name lives. A name is imported when it is first asked for, so that a program pays for what it uses.
_HOMES = {
    "dynamorm_py.batch": ("batch_write", "batch_writer"),
    "dynamorm_py.client": ("CallRecord", "Client", "Credentials", "Retry", "Timeouts"),
    "dynamorm_py.client.tenants": ("BypassClient", "TenantClient"),
    "dynamorm_py.context": ("use",),
    "dynamorm_py.core.errors": (
        "AccessDenied",
        "CancellationReason",
        "ClientClosed",
        "ConditionFailed",
        "DeadlineExceeded",
        "DynamormError",
        "FieldNotRead",
        "ForeignCursor",
        "IncompleteIndexKey",
        "InvalidCursor",
        "InvalidItem",
        "InvalidKey",
        "InvalidModel",
        "InvalidOperation",
        "InvalidValue",
        "ItemAlreadyExists",
        "ItemNotFound",
        "MultipleResultsFound",
        "NoClient",
        "NoResultFound",
        "NotUnique",
        "RequestLimitReached",
        "RequestTimeout",
        "ServiceError",
        "TableInUse",
        "TableNotFound",
        "TenantRequired",
        "TenantViolation",
        "Throttled",
        "TransactionCanceled",
        "TransactionConflict",
        "TransportError",
        "UnprocessedItems",
        "VersionConflict",
        "WriteOutcomeUnknown",
    ),
    "dynamorm_py.core.explanation": ("Explanation",),
    "dynamorm_py.core.expressions": ("Condition",),
    "dynamorm_py.core.plans": ("TableChange", "TablePlan"),
    "dynamorm_py.core.table_descriptions": ("IndexDescription", "TableDescription"),
    "dynamorm_py.core.table_settings": ("Provisioned", "TableSettings"),
    "dynamorm_py.core.templates": ("table_template",),
    "dynamorm_py.core.updates": ("Action",),
    "dynamorm_py.fields": (
        "Attr",
        "created_timestamp",
        "field",
        "partition_key",
        "sort_key",
        "tenant_key",
        "time_to_live",
        "updated_timestamp",
        "version_number",
    ),
    "dynamorm_py.fields.paths": ("Path", "attr"),
    "dynamorm_py.model": ("GlobalIndex", "LocalIndex", "Model", "PrimaryKey", "unique"),
    "dynamorm_py.model.table": ("Table",),
    "dynamorm_py.operation": ("Operation",),
    "dynamorm_py.query": ("Page", "Query"),
    "dynamorm_py.views": ("Partial",),
    "dynamorm_py.transaction": ("transact_get", "transact_write"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__version__ = "0.1.0"
__all__ = [
    "AccessDenied",
    "Action",
    "Attr",
    "BypassClient",
    "CallRecord",
    "CancellationReason",
    "Client",
    "ClientClosed",
    "Condition",
    "ConditionFailed",
    "Credentials",
    "DeadlineExceeded",
    "DynamormError",
    "Explanation",
    "FieldNotRead",
    "ForeignCursor",
    "GlobalIndex",
    "IncompleteIndexKey",
    "IndexDescription",
    "InvalidCursor",
    "InvalidItem",
    "InvalidKey",
    "InvalidModel",
    "InvalidOperation",
    "InvalidValue",
    "ItemAlreadyExists",
    "ItemNotFound",
    "LocalIndex",
    "Model",
    "MultipleResultsFound",
    "NoClient",
    "NoResultFound",
    "NotUnique",
    "Operation",
    "Page",
    "Partial",
    "Path",
    "PrimaryKey",
    "Provisioned",
    "Query",
    "RequestLimitReached",
    "RequestTimeout",
    "Retry",
    "ServiceError",
    "Table",
    "TableChange",
    "TableDescription",
    "TableInUse",
    "TableNotFound",
    "TablePlan",
    "TableSettings",
    "TenantClient",
    "TenantRequired",
    "TenantViolation",
    "Throttled",
    "Timeouts",
    "TransactionCanceled",
    "TransactionConflict",
    "TransportError",
    "UnprocessedItems",
    "VersionConflict",
    "WriteOutcomeUnknown",
    "__version__",
    "attr",
    "batch_write",
    "batch_writer",
    "created_timestamp",
    "field",
    "partition_key",
    "sort_key",
    "table_template",
    "tenant_key",
    "time_to_live",
    "transact_get",
    "transact_write",
    "unique",
    "updated_timestamp",
    "use",
    "version_number",
]


if not TYPE_CHECKING:
    # To type checkers any name would exist otherwise.
    def __getattr__(name: str) -> object:
        module = _HOME_OF.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(module), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
