"""`report()`: what the start of this process took, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass, fields

from dynamorm_py.aws_lambda.start import CONNECTED, LOADED, OPENED, start


@dataclass(frozen=True, slots=True)
class StartReport:
    """A start in stages, each in milliseconds; None is what has not happened, or cannot be known::

        print(report())  # imports 231.0 ms, client 41.3 ms, connection 24.8 ms, first request 2.1 ms

    - `imports`: from the start of the process, with Python's and the runtime's own, your modules, and the AWS library
      that the client is opened on. Known on Linux only, to one of its clock ticks, which is 10 ms.
    - `client`: building the codecs of the app's models, and opening the client.
    - `connection`: connecting to DynamoDB and loading what a first request needs, with an unsigned `GET /`.
    - `first_request`: the first call to DynamoDB of an invocation, from compiled request to parsed answer.
    """

    imports: float | None
    client: float | None
    connection: float | None
    first_request: float | None

    def __str__(self) -> str:
        stages = ((field.name.replace("_", " "), getattr(self, field.name)) for field in fields(self))
        return ", ".join(f"{name} {'-' if value is None else f'{value:.1f} ms'}" for name, value in stages)


def report() -> StartReport:
    """What the start of this process took, as far as it has got.

    The first three stages are INIT's, which a process has on Lambda and under its runtime client. Elsewhere, and after
    an INIT that failed, the first call opens the client, and they are None. Of several apps in a process, each stage is
    that of the first one to reach its end.
    """
    marks = start.marks
    return StartReport(
        imports=_between(start.began, marks.get(LOADED)),
        client=_between(marks.get(LOADED), marks.get(OPENED)),
        connection=_between(marks.get(OPENED), marks.get(CONNECTED)),
        first_request=start.first_request,
    )


def _between(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else (end - begin) * 1000
