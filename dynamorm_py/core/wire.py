"""The words that everything else speaks: attribute values, items, requests, and the `Call` that carries one.

An attribute value is DynamoDB's own tagged form, `{"S": "text"}`, `{"N": "42"}`, `{"B": b"raw"}`, exactly as botocore
takes and gives it: numbers as text, binary as raw bytes (whoever serialises to JSON does the base64).
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from dynamorm_py.core.records import Record, field

# A tagged union whose payload depends on its one key; a TypedDict of ten optional members would promise less.
AttributeValue: TypeAlias = dict[str, Any]
Item: TypeAlias = dict[str, AttributeValue]
Request: TypeAlias = dict[str, Any]
Response: TypeAlias = Mapping[str, Any]

T = TypeVar("T")


class Repetition(Enum):
    """What sending a request a second time can do, when nobody knows whether the first one was applied."""

    HARMLESS = "harmless"  # reads, and writes that leave the same item however often they are applied
    SETTLED = "settled"  # conditional writes: a failed condition returns the item, which tells who wrote it
    HARMFUL = "harmful"  # `ADD`, `x = x + 1`, `list_append`: a second application shows


class Target(Record):
    """Whom a request concerns; for limits and metrics. Nothing that guards anything relies on it."""

    table: str
    index: str | None = None
    partition: AttributeValue | None = None


class Call(Record):
    """One low-level request, ready to be sent: `operation` is the API's name (`"GetItem"`), `request` its
    parameters."""

    operation: str
    request: Request
    targets: tuple[Target, ...] = ()
    repetition: Repetition = Repetition.HARMLESS
    key: Item | None = None  # the key of a put, whose request holds it among all other attributes
    size: int = 0  # the bytes of a put's item at most

    @property
    def reads(self) -> bool:
        """Whether the request changes nothing in DynamoDB."""
        return reads(self.operation)


# What the API's operations that change nothing are called.
_READING = ("Get", "BatchGet", "TransactGet", "Query", "Scan", "Describe", "List")


def reads(operation: str) -> bool:
    """Whether an operation changes nothing in DynamoDB."""
    return operation.startswith(_READING)


class Pause(Record):
    """Wait before going on. The core knows neither clocks nor randomness, so it names the attempt, not the seconds;
    `seconds` is set where the wait is a poll at a fixed pace instead of a backoff."""

    attempt: int
    seconds: float | None = None


class Together(Record):
    """Several conversations that do not depend on each other; the answer is the list of their results, in order."""

    conversations: tuple[Conversation[Any], ...]  # each has its own result type; the list cannot name them all
    concurrency: int


Step: TypeAlias = Call | Pause | Together
# What comes back depends on the step: a Response for a Call, None for a Pause, a list for a Together.
Conversation: TypeAlias = Generator[Step, Any, T]


if TYPE_CHECKING:
    # A Protocol takes longer to make than a record, and nothing but type checkers asks for this one.
    class AdmitsTables(Protocol):
        """Who keeps the tables of tenants: told of every model's schema before a request to its table is compiled."""

        def admit(self, schema: Any, prefix: str, /) -> None:  # a core.schema.Schema, which stands above this module
            ...

        def holds_tenants(self, name: str, /) -> bool:
            """Whether a table, by its physical name, is known to hold tenants' items."""
            ...


def _utc_now() -> datetime:
    raise RuntimeError("this scope was made without a clock")


class Scope(Record):
    """What an operation is compiled under, besides itself: handed in as arguments, never looked up."""

    prefix: str = ""
    clock: Callable[[], datetime] = _utc_now
    cursor_secrets: tuple[bytes, ...] = field(default=(), repr=False)
    tokens: Callable[[], str] | None = None
    tenant: str | None = None  # whose scope it is
    bypass: bool = False  # whether it reaches across tenants, by name
    strict: bool = False  # whether every model has to be a tenant's, or shared
    tables: AdmitsTables | None = None  # what it tells of the tables that are compiled under it

    def now(self) -> datetime:
        """The scope's time, in UTC."""
        return self.clock().astimezone(UTC)

    def token(self, given: str | None = None) -> str | None:
        """A client request token, under which DynamoDB applies a transaction once however often it is sent: the one
        that the caller gave, or a fresh one. A tenant's are the tenant's own."""
        token = given if given is not None else self.tokens() if self.tokens else None
        if token is None or self.tenant is None:
            return token
        # Imported by those who need it: a first read has neither a transaction nor a digest to make.
        from dynamorm_py.core.tenants import tenant_token  # noqa: PLC0415

        return tenant_token(self.tenant, token)
