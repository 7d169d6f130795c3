"""A function that is replaced by a compiled one when it has been called often enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

# How many calls a compiled decoder or encoder needs to earn back its making: some 2 ms for ten attributes, with the
# import of what makes it, at 3 to 4.5 µs a call.
WORTHWHILE = 500


class CompiledLater(Generic[T, R]):
    """`plainly`, for the first `WORTHWHILE` calls; then what `make` gives, which is called once, and shall do the same.

    A cold start that reads or writes a few items pays nothing for what only many repay. `call` is the function; since
    it is replaced, it is looked up for every call.
    """

    __slots__ = ("_left", "_make", "_plainly", "call")

    def __init__(self, plainly: Callable[[T], R], make: Callable[[], Callable[[T], R]]) -> None:
        self._plainly = plainly
        self._make = make
        self._left = WORTHWHILE
        self.call: Callable[[T], R] = self._counted

    @property
    def is_compiled(self) -> bool:
        return self.call != self._counted

    def _counted(self, argument: T) -> R:
        if self._left > 0:
            self._left -= 1
            return self._plainly(argument)
        self.call = self._make()
        return self.call(argument)
