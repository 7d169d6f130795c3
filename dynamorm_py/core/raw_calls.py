"""Requests that are written by hand, in DynamoDB's own form.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from dynamorm_py.core.errors import InvalidOperation
from dynamorm_py.core.wire import Call, Repetition, Target, reads

# What a request of each operation may hold. A service may overlook what it does not know, and a condition whose name is
# misspelt would be none.
_MEMBERS: Final = {
    "BatchExecuteStatement": "ReturnConsumedCapacity Statements",
    "BatchGetItem": "RequestItems ReturnConsumedCapacity",
    "BatchWriteItem": "RequestItems ReturnConsumedCapacity ReturnItemCollectionMetrics",
    "CreateBackup": "BackupName TableName",
    "CreateGlobalTable": "GlobalTableName ReplicationGroup",
    "CreateTable": (
        "AttributeDefinitions BillingMode DeletionProtectionEnabled GlobalSecondaryIndexes "
        "GlobalTableSettingsReplicationMode GlobalTableSourceArn KeySchema LocalSecondaryIndexes OnDemandThroughput "
        "ProvisionedThroughput ResourcePolicy SSESpecification StreamSpecification TableClass TableName Tags "
        "VectorIndexes WarmThroughput"
    ),
    "DeleteBackup": "BackupArn",
    "DeleteItem": (
        "ConditionExpression ConditionalOperator Expected ExpressionAttributeNames ExpressionAttributeValues Key "
        "ReturnConsumedCapacity ReturnItemCollectionMetrics ReturnValues ReturnValuesOnConditionCheckFailure "
        "TableName"
    ),
    "DeleteResourcePolicy": "ExpectedRevisionId ResourceArn",
    "DeleteTable": "TableName",
    "DescribeBackup": "BackupArn",
    "DescribeContinuousBackups": "TableName",
    "DescribeContributorInsights": "IndexName TableName",
    "DescribeEndpoints": "",
    "DescribeExport": "ExportArn",
    "DescribeGlobalTable": "GlobalTableName",
    "DescribeGlobalTableSettings": "GlobalTableName",
    "DescribeImport": "ImportArn",
    "DescribeKinesisStreamingDestination": "TableName",
    "DescribeLimits": "",
    "DescribeTable": "TableName",
    "DescribeTableReplicaAutoScaling": "TableName",
    "DescribeTimeToLive": "TableName",
    "DisableKinesisStreamingDestination": "EnableKinesisStreamingConfiguration StreamArn TableName",
    "EnableKinesisStreamingDestination": "EnableKinesisStreamingConfiguration StreamArn TableName",
    "ExecuteStatement": (
        "ConsistentRead Limit NextToken Parameters ReturnConsumedCapacity ReturnValuesOnConditionCheckFailure Statement"
    ),
    "ExecuteTransaction": "ClientRequestToken ReturnConsumedCapacity TransactStatements",
    "ExportTableToPointInTime": (
        "ClientToken ExportFormat ExportTime ExportType FilterSpecification IncrementalExportSpecification S3Bucket "
        "S3BucketOwner S3Prefix S3SseAlgorithm S3SseKmsKeyId TableArn"
    ),
    "GetItem": (
        "AttributesToGet ConsistentRead ExpressionAttributeNames Key ProjectionExpression ReturnConsumedCapacity "
        "TableName"
    ),
    "GetResourcePolicy": "ResourceArn",
    "ImportTable": (
        "ClientToken InputCompressionType InputFormat InputFormatOptions S3BucketSource TableCreationParameters"
    ),
    "ListBackups": "BackupType ExclusiveStartBackupArn Limit TableName TimeRangeLowerBound TimeRangeUpperBound",
    "ListContributorInsights": "MaxResults NextToken TableName",
    "ListExports": "MaxResults NextToken TableArn",
    "ListGlobalTables": "ExclusiveStartGlobalTableName Limit RegionName",
    "ListImports": "NextToken PageSize TableArn",
    "ListTables": "ExclusiveStartTableName Limit",
    "ListTagsOfResource": "NextToken ResourceArn",
    "PutItem": (
        "ConditionExpression ConditionalOperator Expected ExpressionAttributeNames ExpressionAttributeValues Item "
        "ReturnConsumedCapacity ReturnItemCollectionMetrics ReturnValues ReturnValuesOnConditionCheckFailure "
        "TableName"
    ),
    "PutResourcePolicy": "ConfirmRemoveSelfResourceAccess ExpectedRevisionId Policy ResourceArn",
    "Query": (
        "AttributesToGet ConditionalOperator ConsistentRead ExclusiveStartKey ExpressionAttributeNames "
        "ExpressionAttributeValues FilterExpression IndexName KeyConditionExpression KeyConditions Limit "
        "ProjectionExpression QueryFilter ReturnConsumedCapacity ScanIndexForward Select TableName"
    ),
    "RestoreTableFromBackup": (
        "BackupArn BillingModeOverride GlobalSecondaryIndexOverride LocalSecondaryIndexOverride "
        "OnDemandThroughputOverride ProvisionedThroughputOverride SSESpecificationOverride TargetTableName "
        "VectorIndexOverride"
    ),
    "RestoreTableToPointInTime": (
        "BillingModeOverride GlobalSecondaryIndexOverride LocalSecondaryIndexOverride OnDemandThroughputOverride "
        "ProvisionedThroughputOverride RestoreDateTime SSESpecificationOverride SourceTableArn SourceTableName "
        "TargetTableName UseLatestRestorableTime VectorIndexOverride"
    ),
    "Scan": (
        "AttributesToGet ConditionalOperator ConsistentRead ExclusiveStartKey ExpressionAttributeNames "
        "ExpressionAttributeValues FilterExpression IndexName Limit ProjectionExpression ReturnConsumedCapacity "
        "ScanFilter Segment Select TableName TotalSegments"
    ),
    "TagResource": "ResourceArn Tags",
    "TransactGetItems": "ReturnConsumedCapacity TransactItems",
    "TransactWriteItems": "ClientRequestToken ReturnConsumedCapacity ReturnItemCollectionMetrics TransactItems",
    "UntagResource": "ResourceArn TagKeys",
    "UpdateContinuousBackups": "PointInTimeRecoverySpecification TableName",
    "UpdateContributorInsights": "ContributorInsightsAction ContributorInsightsMode IndexName TableName",
    "UpdateGlobalTable": "GlobalTableName ReplicaUpdates",
    "UpdateGlobalTableSettings": (
        "GlobalTableBillingMode GlobalTableGlobalSecondaryIndexSettingsUpdate GlobalTableName "
        "GlobalTableProvisionedWriteCapacityAutoScalingSettingsUpdate GlobalTableProvisionedWriteCapacityUnits "
        "ReplicaSettingsUpdate"
    ),
    "UpdateItem": (
        "AttributeUpdates ConditionExpression ConditionalOperator Expected ExpressionAttributeNames "
        "ExpressionAttributeValues Key ReturnConsumedCapacity ReturnItemCollectionMetrics ReturnValues "
        "ReturnValuesOnConditionCheckFailure TableName UpdateExpression"
    ),
    "UpdateKinesisStreamingDestination": "StreamArn TableName UpdateKinesisStreamingConfiguration",
    "UpdateTable": (
        "AttributeDefinitions BillingMode DeletionProtectionEnabled DisassociationProtectionEnabled "
        "GlobalSecondaryIndexUpdates GlobalTableSettingsReplicationMode GlobalTableWitnessUpdates "
        "MultiRegionConsistency OnDemandThroughput ProvisionedThroughput ReplicaUpdates SSESpecification "
        "StreamSpecification TableClass TableName VectorIndexUpdates WarmThroughput"
    ),
    "UpdateTableReplicaAutoScaling": (
        "GlobalSecondaryIndexUpdates ProvisionedWriteCapacityAutoScalingUpdate ReplicaUpdates TableName"
    ),
    "UpdateTimeToLive": "TableName TimeToLiveSpecification",
}

# Likewise, of the parts of a transaction.
_MEMBERS_OF_ACTIONS: Final = {
    "ConditionCheck": (
        "ConditionExpression ExpressionAttributeNames ExpressionAttributeValues Key "
        "ReturnValuesOnConditionCheckFailure TableName"
    ),
    "Delete": (
        "ConditionExpression ExpressionAttributeNames ExpressionAttributeValues Key "
        "ReturnValuesOnConditionCheckFailure TableName"
    ),
    "Get": "ExpressionAttributeNames Key ProjectionExpression TableName",
    "Put": (
        "ConditionExpression ExpressionAttributeNames ExpressionAttributeValues Item "
        "ReturnValuesOnConditionCheckFailure TableName"
    ),
    "Update": (
        "ConditionExpression ExpressionAttributeNames ExpressionAttributeValues Key "
        "ReturnValuesOnConditionCheckFailure TableName UpdateExpression"
    ),
}

OPERATIONS = frozenset(_MEMBERS)


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
    _refuse_unknown(operation, request, _MEMBERS[operation])
    if operation.startswith("Transact"):
        for action, part in _parts(request):
            _refuse_unknown(action, part, _MEMBERS_OF_ACTIONS[action])
    harmless = reads(operation) or "ClientRequestToken" in request
    table = request.get("TableName")
    return Call(
        operation,
        dict(request),
        (Target(table, request.get("IndexName")),) if isinstance(table, str) else (),
        Repetition.HARMLESS if harmless else Repetition.HARMFUL,
    )


def _parts(request: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The actions of a transaction by name; what has another form is refused by DynamoDB."""
    items = request.get("TransactItems")
    for item in items if isinstance(items, list | tuple) else ():
        for action, part in item.items() if isinstance(item, Mapping) else ():
            if action in _MEMBERS_OF_ACTIONS and isinstance(part, Mapping):
                yield action, part


def _refuse_unknown(where: str, part: Mapping[str, Any], members: str) -> None:
    known = members.split()
    unknown = [name for name in part if name not in known]
    if unknown:
        hint = f"its members are {', '.join(known)}" if known else "it has no members"
        raise InvalidOperation(f"{where} has no member {unknown[0]!r}: {hint}", operation="call")
