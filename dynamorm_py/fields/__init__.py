"""Fields: how a model declares them, how they become attribute values, and the paths that conditions are made of."""

from dynamorm_py.fields.declaration import (
    Attr,
    Marker,
    created_timestamp,
    field,
    marker_of,
    partition_key,
    sort_key,
    tenant_key,
    time_to_live,
    updated_timestamp,
    version_number,
)
from dynamorm_py.fields.paths import DocumentPath, Path, attr

__all__ = [
    "Attr",
    "DocumentPath",
    "Marker",
    "Path",
    "attr",
    "created_timestamp",
    "field",
    "marker_of",
    "partition_key",
    "sort_key",
    "tenant_key",
    "time_to_live",
    "updated_timestamp",
    "version_number",
]
