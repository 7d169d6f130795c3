"""Fields: how a model declares them, how they become attribute values, and the paths that conditions are made of.

Paths stand in `fields.paths`, which is imported when a model is first asked for one: a first read by key needs none.
"""

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

__all__ = [
    "Attr",
    "Marker",
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
