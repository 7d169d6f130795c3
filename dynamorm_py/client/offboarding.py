"""Everything that one tenant has, given out as lines of JSON, or deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import TypeAlias, TypeVar

from dynamorm_py.context import Runner, check_step
from dynamorm_py.core.errors import DynamormError, InvalidOperation
from dynamorm_py.core.offboarding import CheckNothingLeft, DeletePage, Estate, Progress, ReadPage, line_of
from dynamorm_py.core.operations import Operation
from dynamorm_py.core.records import Record
from dynamorm_py.core.tables import HasSchema

T = TypeVar("T")

Models: TypeAlias = HasSchema | Iterable[HasSchema]


class ExportPage(Record):
    """Some of the `lines` of an export, the `table` (its physical name) that they are from, and the `cursor` to go on
    from behind them, None where they are the last."""

    lines: tuple[str, ...]
    table: str
    cursor: str | None


class Export:
    """The lines of an export: `async for line in export`, without ends of line; or page by page, to be resumed::

        async for page in export.pages():
            file.writelines(line + "\\n" for line in page.lines)
            remember(page.cursor)

    Each iteration begins anew, at the beginning or behind `after`. A page may be empty, with others behind it.
    """

    def __init__(self, runner: Runner, estate: Estate, after: str | None, page_size: int | None) -> None:
        self._runner = runner
        self._estate = estate
        self._after = after
        self._page_size = _checked(page_size, estate.verb)

    async def __aiter__(self) -> AsyncIterator[str]:
        async for page in self.pages():
            for line in page.lines:
                check_step(self._runner, named=True)
                yield line

    async def pages(self) -> AsyncIterator[ExportPage]:
        """The lines, in pages of DynamoDB's; each is asked for when it is wanted."""
        cursor = self._after
        while True:
            check_step(self._runner, named=True)
            read = ReadPage(self._estate, cursor, self._page_size)
            items, part, cursor = await _run(self._runner, read, self._estate)
            yield ExportPage(tuple(line_of(item, part) for item in items), part.table, cursor)
            if cursor is None:
                return

    def __repr__(self) -> str:
        return f"<export of {', '.join(schema.model for schema in self._estate.schemas)}>"


async def delete_all(
    runner: Runner,
    estate: Estate,
    after: str | None,
    page_size: int | None,
    progress: Callable[[Progress], None] | None,
) -> int:
    """Deletes page by page, then reads once more; how many items it deleted."""
    page_size = _checked(page_size, estate.verb)
    deleted, cursor = 0, after
    while True:
        page = DeletePage(ReadPage(estate, cursor, page_size))
        number, part, cursor = await _run(runner, page, estate)
        deleted += number
        if progress is not None:
            progress(Progress(deleted, part.table, cursor))
        if cursor is None:
            break
    await _run(runner, CheckNothingLeft(estate), estate)
    return deleted


def estate_of(models: Models, verb: str, tenant: str | None = None) -> Estate:
    """What is to be read or deleted, of models or of a single one."""
    several = models if isinstance(models, Iterable) else (models,)
    return Estate(tuple(model.__dynamorm_schema__ for model in several), verb, tenant)


async def _run(runner: Runner, plan: Operation[T], estate: Estate) -> T:
    try:
        return await runner.run_plan(plan)
    except DynamormError as error:
        raise error.about(operation=estate.verb) from error.__cause__


def _checked(page_size: int | None, verb: str) -> int | None:
    if page_size is not None and (type(page_size) is not int or page_size < 1):
        raise InvalidOperation(f"page_size cannot be {page_size!r}", operation=verb)
    return page_size
