"""Models: pydantic classes that map to tables, and the verbs that read and write them."""

from dynamorm_py.model.base import Model
from dynamorm_py.model.indexes import GlobalIndex, LocalIndex, PrimaryKey, unique
from dynamorm_py.model.table import Table

__all__ = ["GlobalIndex", "LocalIndex", "Model", "PrimaryKey", "Table", "unique"]
