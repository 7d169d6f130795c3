"""`batch_write`, and `batch_writer` for streams of writes. (`Model.batch_get` is the batch's read.)"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from dynamorm_py.context import Runner, ambient, check_step
from dynamorm_py.core.batches import MAX_WRITES, BatchWrite, Pace, Progress
from dynamorm_py.core.errors import InvalidOperation, UnprocessedItems
from dynamorm_py.operation import Operation, WriteOperation, check_origin
from dynamorm_py.transaction import members_of, tenant_of


def batch_write(
    *operations: Operation[Any], concurrency: int = 4, attempts: int = 8, progress: Progress | None = None
) -> WriteOperation[None]:
    """Writes any number of items with `put()` and `delete()`, 25 a request, `concurrency` requests at once.

        await batch_write(*(user.put() for user in users), User.delete("u1"))

    Each item is on its own: a batch is no transaction, and takes neither conditions nor updates. What DynamoDB leaves
    undone is sent again, after a pause, up to `attempts` times without progress; what remains then is listed in
    `UnprocessedItems.remaining`. `progress(done, total)` is called after every request.
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
    """
    pace = pace_of(concurrency, attempts, progress, "batch_write")
    plan = BatchWrite(members_of(operations, "batch_write"), pace)
    return WriteOperation(plan, tenant_of(operations, "batch_write"))


def pace_of(concurrency: int, attempts: int, progress: Progress | None, verb: str) -> Pace:
    for name, number in (("concurrency", concurrency), ("attempts", attempts)):
        if number < 1:
            raise InvalidOperation(f"{name} cannot be {number}", operation=verb)
    return Pace(concurrency, attempts, progress)


class BatchWriter:
    """Collects puts and deletes and writes them in batches; see `batch_writer`."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._buffer: list[Operation[Any]] = []
        self._runner: Runner | None = None
        self._written = 0

    @property
    def written(self) -> int:
        """How many operations have been written so far."""
        return self._written

    async def add(self, *operations: Operation[Any]) -> None:
        """Takes operations, and writes when enough have come together. Their plans are taken, so none is lost."""
        if self._runner is None:
            raise InvalidOperation("use it in `async with batch_writer() as writer`", operation="batch_writer")
        members_of(operations, "batch_writer")
        check_step(self._runner)
        check_origin(tenant_of(operations, "batch_writer"), self._runner.scope)
        self._buffer.extend(operations)
        if len(self._buffer) >= MAX_WRITES * self._pace.concurrency:
            await self.flush()

    async def flush(self) -> None:
        """Writes what has come together. What could not be written stays, and is listed in the error."""
        if self._runner is None or not self._buffer:
            return
        check_step(self._runner)
        pending, self._buffer = self._buffer, []
        try:
            await self._runner.run_plan(BatchWrite(members_of(tuple(pending), "batch_writer"), self._pace))
        except UnprocessedItems as error:
            self._written += len(pending) - len(error.remaining)
            self._buffer = error.remaining
            raise
        except BaseException:
            self._buffer = pending
            raise
        self._written += len(pending)

    async def __aenter__(self) -> Self:
        self._runner = ambient()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await self.flush()
        finally:
            self._runner = None


def batch_writer(*, concurrency: int = 4, attempts: int = 8, progress: Progress | None = None) -> BatchWriter:
    """A context manager for a stream of writes, in flat memory.

        async with batch_writer() as writer:
            async for row in rows:
                await writer.add(User(**row).put())

    The rest is written at the block's end. Where the block raises, what has not been written yet is not.
    """
    return BatchWriter(pace_of(concurrency, attempts, progress, "batch_writer"))
