"""Models: pydantic classes that map to tables, and the verbs that read and write them. `model.table` is for tables that
several models share."""

from dynamorm_py.model.base import Model
from dynamorm_py.model.indexes import GlobalIndex, LocalIndex, PrimaryKey, unique

__all__ = ["GlobalIndex", "LocalIndex", "Model", "PrimaryKey", "unique"]
