"""One cold start: a fresh process under the Lambda runtime client, its INIT, and its first two invocations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.cold.contenders import EVENT, Contender
from benchmarks.cold.timeline import TELL
from benchmarks.setting.canned import CannedDynamoDB
from benchmarks.setting.environments import ROOT, Environment
from dynamorm_py.testing import LambdaRuntime

INIT_STAGES = ("runtime", "import", "client", "connection")
INVOCATION_STAGES = ("request", "rest")
STAGES = INIT_STAGES + INVOCATION_STAGES


class WrongAnswer(Exception):
    """A function did something else than it was to be measured at."""


@dataclass(frozen=True)
class Start:
    """Milliseconds of one start, by stage:

    - `runtime`: INIT without the rest: starting Python, importing the runtime client, asking it for the first event.
    - `import`: the module's imports and its model class.
    - `client`: making the client, and what is built with it.
    - `connection`: connecting beforehand, where a library does; where it is 0, that is part of `request`.
    - `request`: the function itself: the first GetItem, from the event to the answer.
    - `rest`: the runtime client's part of the first invocation.

    `second` is the whole of the second invocation.
    """

    stages: Mapping[str, float]
    second: float

    @property
    def init(self) -> float:
        return sum(self.stages[stage] for stage in INIT_STAGES)

    @property
    def invocation(self) -> float:
        return sum(self.stages[stage] for stage in INVOCATION_STAGES)

    @property
    def total(self) -> float:
        return self.init + self.invocation


def start(
    contender: Contender, environment: Environment, dynamodb: CannedDynamoDB, variables: Mapping[str, str]
) -> Start:
    """Starts it once. `LambdaRuntimeError` or `WrongAnswer` if it does not work."""
    dynamodb.forget()
    runtime = LambdaRuntime(
        contender.handler,
        directory=ROOT,
        python=[environment.python],
        environment={
            "PYTHONPATH": "",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.endpoint_url,
            **variables,
            **contender.environment,
        },
    )
    with runtime:
        first, second, told = runtime.invoke(EVENT), runtime.invoke(EVENT), runtime.invoke(TELL)
    for answer in (first, second):
        if answer.error is not None:
            raise WrongAnswer(f"{answer.error['errorType']}: {answer.error['errorMessage']}")
        if answer.payload != contender.answers:
            raise WrongAnswer(f"it answered {answer.payload}")
    reads = dynamodb.requests.get("GetItem", 0)
    if reads != 2 * contender.reads:
        raise WrongAnswer(f"two invocations sent {reads} GetItem requests")
    own = {stage: told.payload.get(stage) or 0.0 for stage in STAGES}
    own["runtime"] = runtime.init_milliseconds - sum(own[stage] for stage in INIT_STAGES)
    own["rest"] = first.milliseconds - own["request"]
    return Start(own, second.milliseconds)
