"""The clock of a function under measurement. It loads nothing that the runtime client has not loaded before it."""

from collections.abc import Callable
from time import perf_counter

# What an event is to be for the function to tell its stages instead of doing its work.
TELL = "stages"


class Timeline:
    """How long the stages of a process took, in milliseconds; each counts once, the first time."""

    def __init__(self) -> None:
        self.stages: dict[str, float | None] = {}
        self._begun = perf_counter()

    def end(self, stage: str) -> None:
        """A stage ends now, and the next one begins."""
        now = perf_counter()
        self.stages.setdefault(stage, (now - self._begun) * 1000)
        self._begun = now

    def handler(
        self,
        function: Callable[[dict[str, str], object], object],
        more: Callable[[], dict[str, float | None]] = dict,
    ) -> Callable[[dict[str, str] | str, object], object]:
        """The function with its first call as the stage `request`; `more()` are stages known from elsewhere."""

        def timed(event: dict[str, str] | str, context: object) -> object:
            if isinstance(event, str):
                return {**self.stages, **more()}
            self._begun = perf_counter()
            answer = function(event, context)
            self.end("request")
            return answer

        return timed
