"""The floors of the house: imports point down only, the two columns meet nowhere but in `context`, and what a floor may
use of the outside is what its purpose needs. Imports that only type checkers see do not count."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import dynamorm_py

ROOT = Path(dynamorm_py.__file__).parent

FLOORS = [
    "core core.record_shapes core.records core.wire core.errors core.tenants",
    "core.values core.keys core.placeholders core.cursors guard",
    "core.expressions core.updates core.schema core.uniqueness core.raw_calls core.table_settings core.tenancy",
    "core.operations core.writes core.search core.tables core.coverage core.tenant_tables",
    "core.transactions core.batches core.reading core.explanation core.table_descriptions core.templates",
    "core.plans",
    "core.table_verification",
    "core.offboarding core.tenant_repairs",
    "fields context",
    "operation",
    "views",
    "query transaction batch middleware",
    "model client transports",
    "tenancy",
    "asgi aws_lambda testing",
    "__init__",
]
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names.split()}
MODEL_COLUMN = {"fields", "operation", "views", "query", "transaction", "batch", "model"}
IO_COLUMN = {"middleware", "client", "transports", "tenancy"}
AWS = {"botocore", "aiobotocore", "aiohttp", "boto3", "moto"}
# Time, chance, the environment and concurrency are handed to the core as arguments, or not at all.
IMPURE = {"asyncio", "contextvars", "os", "random", "secrets", "socket", "threading", "time"}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


SOURCES = {name_of(path): ast.parse(path.read_text()) for path in sorted(ROOT.rglob("*.py"))}


def house(module: str) -> str:
    """What a module is called on the floors: single modules in the core, packages elsewhere."""
    return ".".join(module.split(".")[: 2 if module.startswith("core.") else 1])


def run_time_nodes(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            for other in child.orelse:
                yield other
                yield from run_time_nodes(other)
            continue
        yield child
        yield from run_time_nodes(child)


def imported(module: str) -> Iterator[str]:
    for node in run_time_nodes(SOURCES[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole.removeprefix("dynamorm_py.") in SOURCES else node.module


OWN = {
    module: {name.removeprefix("dynamorm_py.") for name in imported(module) if name.startswith("dynamorm_py")}
    for module in SOURCES
}
FOREIGN = {
    module: {name.partition(".")[0] for name in imported(module) if not name.startswith("dynamorm_py")}
    for module in SOURCES
}


def test_every_module_stands_on_a_floor() -> None:
    assert [module for module in SOURCES if house(module) not in FLOOR] == []


def test_imports_point_down() -> None:
    upwards = {
        f"{module} imports {target}"
        for module, targets in OWN.items()
        for target in targets
        if FLOOR.get(house(target), len(FLOORS)) > FLOOR.get(house(module), len(FLOORS))
    }
    assert upwards == set()


def test_no_import_is_circular() -> None:
    list(TopologicalSorter(OWN).static_order())  # raises CycleError, which names the cycle
    assert OWN["model.base"] >= {"model.mapping", "operation"}


def test_the_two_columns_never_meet() -> None:
    crossing = {
        f"{module} imports {target}"
        for module, targets in OWN.items()
        for target in targets
        if (house(module) in MODEL_COLUMN and house(target) in IO_COLUMN)
        or (house(module) in IO_COLUMN and house(target) in MODEL_COLUMN)
    }
    assert crossing == set()


def test_the_core_is_pure() -> None:
    core = [module for module in SOURCES if module.split(".")[0] == "core"]
    assert {module: FOREIGN[module] - (sys.stdlib_module_names - IMPURE) for module in core} == {
        module: set() for module in core
    }
    waiting = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    assert [module for module in core if any(isinstance(node, waiting) for node in ast.walk(SOURCES[module]))] == []


def test_aws_libraries_stay_behind_the_seam() -> None:
    users = {house(module) for module, names in FOREIGN.items() if names & AWS}
    assert users <= {"transports", "tenancy", "testing"}


def test_pydantic_belongs_to_fields_and_models() -> None:
    users = {house(module) for module, names in FOREIGN.items() if names & {"pydantic", "pydantic_core"}}
    # The direct transport has JSON read and written by pydantic's core.
    assert users <= {"fields", "model", "aws_lambda", "testing", "transports"}
