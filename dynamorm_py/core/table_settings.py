"""What a table is besides its keys: how it is paid for, its stream, whether it can be deleted.

Models say nothing about these: they differ between a test and production. A call that creates, plans or exports tables
takes them as `TableSettings`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from dynamorm_py.core.errors import InvalidOperation

StreamView: TypeAlias = Literal["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"]
Stream: TypeAlias = StreamView | Literal["OFF"]
STREAMS: tuple[str, ...] = (*get_args(StreamView), "OFF")


@dataclass(frozen=True, slots=True)
class Provisioned:
    """Capacity that is reserved and paid by the hour: `read` and `write` units, for the table and for each of its
    global indexes.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/provisioned-capacity-mode.html
    """

    read: int
    write: int

    def __post_init__(self) -> None:
        if type(self.read) is not int or type(self.write) is not int or min(self.read, self.write) < 1:
            raise InvalidOperation(
                "provisioned capacity is whole units, at least 1 of each: Provisioned(read=5, write=5)"
            )

    def __str__(self) -> str:
        return f"provisioned, {self.read} read and {self.write} write units"


Billing: TypeAlias = Literal["PAY_PER_REQUEST"] | Provisioned


@dataclass(frozen=True, slots=True)
class TableSettings:
    """Settings of the tables that a call is about; what is None is left as it is, and in a new table as DynamoDB makes
    it: `TableSettings(billing=Provisioned(5, 5), stream="NEW_IMAGE", deletion_protection=True)`.

    - `billing`: "PAY_PER_REQUEST", which new tables have by default, or `Provisioned(read, write)`.
    - `stream`: "KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES", or "OFF".
      https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_StreamSpecification.html
    - `deletion_protection`: whether DynamoDB refuses to delete the table.

    The attribute of the time to live is the models' own: `time_to_live()`.
    """

    billing: Billing | None = None
    stream: Stream | None = None
    deletion_protection: bool | None = None

    def __post_init__(self) -> None:
        if not (self.billing in (None, "PAY_PER_REQUEST") or isinstance(self.billing, Provisioned)):
            raise InvalidOperation(f'billing is "PAY_PER_REQUEST" or Provisioned(read, write), not {self.billing!r}')
        if self.stream is not None and self.stream not in STREAMS:
            raise InvalidOperation(f"a stream is one of {', '.join(STREAMS)}, not {self.stream!r}")
        if self.deletion_protection not in (None, True, False):
            raise InvalidOperation(f"deletion_protection is True or False, not {self.deletion_protection!r}")


def throughput(billing: Provisioned) -> dict[str, int]:
    """As DynamoDB's API spells it."""
    return {"ReadCapacityUnits": billing.read, "WriteCapacityUnits": billing.write}


def stream_specification(stream: Stream) -> dict[str, object]:
    """As DynamoDB's API spells it."""
    return {"StreamEnabled": False} if stream == "OFF" else {"StreamEnabled": True, "StreamViewType": stream}
