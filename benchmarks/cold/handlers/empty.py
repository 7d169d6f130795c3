"""A function that does nothing: what Python and the runtime client take by themselves."""

from benchmarks.cold.timeline import Timeline

timeline = Timeline()


def nothing(event: dict[str, str], context: object) -> None:
    return None


handler = timeline.handler(nothing)
