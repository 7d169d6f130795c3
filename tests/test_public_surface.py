"""The names that `dynamorm_py` promises."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module

import pytest

import dynamorm_py
from dynamorm_py.core import errors

# fmt: off
NAMES = {
    "Action", "Attr", "BypassClient", "CallRecord", "CancellationReason", "Client", "Condition", "Credentials",
    "Explanation", "GlobalIndex", "IndexDescription", "LocalIndex", "Model", "Operation", "Page", "Partial", "Path",
    "PrimaryKey", "Provisioned", "Query", "Retry", "Table", "TableChange", "TableDescription", "TablePlan",
    "TableSettings", "Timeouts", "__version__", "attr", "batch_write", "batch_writer", "created_timestamp", "field",
    "partition_key", "sort_key", "TenantClient", "tenant_key", "table_template", "time_to_live", "transact_get",
    "transact_write", "unique", "updated_timestamp", "use", "version_number",
}
# fmt: on


def seen_by_type_checkers() -> dict[str, set[str]]:
    conditions = (node for node in ast.parse(inspect.getsource(dynamorm_py)).body if isinstance(node, ast.If))
    (block,) = (node for node in conditions if ast.unparse(node.test) == "TYPE_CHECKING")
    return {
        node.module or "": {alias.name for alias in node.names}
        for node in block.body
        if isinstance(node, ast.ImportFrom)
    }


def public_errors() -> set[str]:
    return {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)}


def test_the_public_names_are_these() -> None:
    assert set(dynamorm_py.__all__) == {*NAMES, *public_errors()}
    assert list(dynamorm_py.__all__) == sorted(set(dynamorm_py.__all__))


@pytest.mark.parametrize("name", dynamorm_py.__all__)
def test_every_name_resolves_to_what_its_home_defines(name: str) -> None:
    value = getattr(dynamorm_py, name)
    home = dynamorm_py._HOME_OF.get(name)
    assert value is (dynamorm_py.__version__ if home is None else getattr(import_module(home), name))


def test_type_checkers_see_what_the_lazy_table_gives() -> None:
    assert seen_by_type_checkers() == {module: set(names) for module, names in dynamorm_py._HOMES.items()}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        getattr(dynamorm_py, "nope")  # noqa: B009  # type checkers refuse the plain spelling


def test_dir_lists_the_public_names() -> None:
    assert dir(dynamorm_py) == sorted(dynamorm_py.__all__)
