"""What is measured: contests, in each of which several do the same work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from pydantic_core import from_json, to_json

from benchmarks.coding.order import CHANGED, ORDER, Order
from dynamorm_py.core.values import decode_item, encode
from dynamorm_py.core.wire import Item
from dynamorm_py.model.compiled_later import WORTHWHILE

OURS, GENERIC, BOTO3 = "dynamorm_py", "generic recursion", "boto3"

PAGE = 100


class Contest(NamedTuple):
    """`runs` does the work once, by each contender; `items` is how many items that are."""

    name: str
    title: str
    runs: dict[str, Callable[[], object]]
    items: int = 1


def contests() -> list[Contest]:
    """All of them. Raises `ValueError` if somebody does other work than the others."""
    mapping = Order.__dynamorm_mapping__
    item = mapping.encode(ORDER)
    compiled, recursion = mapping.compiled_plain(), mapping.plain
    deserialized, serialized = _Boto3().decode, _Boto3().encode
    document = ORDER.model_dump()
    # boto3 stores no datetime: both are given what it does.
    document["placed_at"] = item["placed_at"]["S"]
    page = to_json({"Items": [item] * PAGE, "Count": PAGE})
    _check_same(compiled(item), recursion(item), deserialized(item))
    _check_same(item, {name: encode(value) for name, value in document.items()})
    # So many that what is compiled after many reads and writes is compiled.
    _check_same(ORDER, *(mapping.decode(item) for _ in range(WORTHWHILE + 1)))
    _check_same(mapping.item_of(ORDER), *(mapping.encode(ORDER) for _ in range(WORTHWHILE + 1)))
    return [
        Contest(
            "decode",
            "an item to plain data",
            {
                OURS: lambda: compiled(item),
                GENERIC: lambda: decode_item(item),
                BOTO3: lambda: deserialized(item),
            },
        ),
        Contest(
            "read",
            "an item to a validated model",
            {
                OURS: lambda: mapping.decode(item),
                GENERIC: lambda: Order.model_validate(recursion(item)),
                BOTO3: lambda: Order.model_validate(deserialized(item)),
            },
        ),
        Contest(
            "page",
            f"a page of {PAGE}, from JSON to validated models, per item",
            {
                OURS: lambda: mapping.decode_all(from_json(page, cache_strings="keys")["Items"]),
                GENERIC: lambda: [Order.model_validate(recursion(one)) for one in from_json(page)["Items"]],
                BOTO3: lambda: [Order.model_validate(deserialized(one)) for one in from_json(page)["Items"]],
            },
            PAGE,
        ),
        Contest(
            "encode",
            "plain data to an item",
            {
                GENERIC: lambda: {name: encode(value) for name, value in document.items()},
                BOTO3: lambda: serialized(document),
            },
        ),
        Contest(
            "write",
            "a model to an item",
            {
                OURS: lambda: mapping.encode(ORDER),
                GENERIC: lambda: mapping.item_of(ORDER),
                BOTO3: lambda: serialized({**ORDER.model_dump(), "placed_at": ORDER.placed_at.isoformat()}),
            },
        ),
        Contest(
            "save",
            "what save() stores of a model with one change",
            {OURS: lambda: mapping.difference(item, mapping.encode(CHANGED))},
        ),
        Contest("compile", "compiling a decoder, once for a model that is read often", {OURS: mapping.compiled_plain}),
        Contest(
            "compile_encoder",
            "compiling an encoder, once for a model that is written often",
            {OURS: mapping.compiled_item_of},
        ),
    ]


def _check_same(first: object, *others: object) -> None:
    if any(other != first for other in others):
        raise ValueError(f"not everybody makes {first!r} of it")


class _Boto3:
    """boto3's own codecs, as its users loop over them."""

    def __init__(self) -> None:
        self._deserialize = TypeDeserializer().deserialize
        self._serialize = TypeSerializer().serialize

    def decode(self, item: Item) -> dict[str, Any]:
        return {name: self._deserialize(value) for name, value in item.items()}

    def encode(self, plain: dict[str, Any]) -> Item:
        return cast(Item, {name: self._serialize(value) for name, value in plain.items()})
