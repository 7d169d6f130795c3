"""Requests that are written by hand, in DynamoDB's own form.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dynamorm_py.core.errors import InvalidOperation
from dynamorm_py.core.wire import Call, Repetition, Target, reads

OPERATIONS = frozenset(
    {
        "BatchExecuteStatement",
        "BatchGetItem",
        "BatchWriteItem",
        "CreateBackup",
        "CreateGlobalTable",
        "CreateTable",
        "DeleteBackup",
        "DeleteItem",
        "DeleteResourcePolicy",
        "DeleteTable",
        "DescribeBackup",
        "DescribeContinuousBackups",
        "DescribeContributorInsights",
        "DescribeEndpoints",
        "DescribeExport",
        "DescribeGlobalTable",
        "DescribeGlobalTableSettings",
        "DescribeImport",
        "DescribeKinesisStreamingDestination",
        "DescribeLimits",
        "DescribeTable",
        "DescribeTableReplicaAutoScaling",
        "DescribeTimeToLive",
        "DisableKinesisStreamingDestination",
        "EnableKinesisStreamingDestination",
        "ExecuteStatement",
        "ExecuteTransaction",
        "ExportTableToPointInTime",
        "GetItem",
        "GetResourcePolicy",
        "ImportTable",
        "ListBackups",
        "ListContributorInsights",
        "ListExports",
        "ListGlobalTables",
        "ListImports",
        "ListTables",
        "ListTagsOfResource",
        "PutItem",
        "PutResourcePolicy",
        "Query",
        "RestoreTableFromBackup",
        "RestoreTableToPointInTime",
        "Scan",
        "TagResource",
        "TransactGetItems",
        "TransactWriteItems",
        "UntagResource",
        "UpdateContinuousBackups",
        "UpdateContributorInsights",
        "UpdateGlobalTable",
        "UpdateGlobalTableSettings",
        "UpdateItem",
        "UpdateKinesisStreamingDestination",
        "UpdateTable",
        "UpdateTableReplicaAutoScaling",
        "UpdateTimeToLive",
    }
)


def raw_call(operation: str, request: Mapping[str, Any]) -> Call:  # each operation has parameters of its own
    """One request of any operation, by the API's name for it.

    Nobody knows what it does but its author, so a lost answer leaves it unknown whether it was applied: only what reads
    is sent again, and what carries a `ClientRequestToken`, under which DynamoDB applies it once.
    """
    if operation not in OPERATIONS:
        plain = str(operation).replace("_", "").casefold()
        meant = [name for name in OPERATIONS if name.casefold() == plain]
        hint = f"its name is {meant[0]}" if meant else "its names are those of the API reference, such as GetItem"
        raise InvalidOperation(f"DynamoDB has no operation {operation!r}: {hint}", operation="call")
    harmless = reads(operation) or "ClientRequestToken" in request
    table = request.get("TableName")
    return Call(
        operation,
        dict(request),
        (Target(table, request.get("IndexName")),) if isinstance(table, str) else (),
        Repetition.HARMLESS if harmless else Repetition.HARMFUL,
    )
