"""The same operation compiles to the same bytes, in this process and in any other."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
from datetime import UTC, datetime
from tests.wire.compiled import request_of
from tests.wire.models import Order, Plain, Thing

placed = datetime(2024, 1, 2, tzinfo=UTC)
words = {"alpha", "beta", "gamma", "delta", "epsilon", "zeta"}
order = Order(tenant_id="t", placed_at=placed, order_id="o", customer_id="c")
for operation in (
    Thing(id="1", tags=words, sizes={1, 20, 300}, counts={word: 1 for word in sorted(words)}).create(),
    Thing.update("1", Thing.tags.set(words), Thing.number.add(1), Thing.nick.remove()),
    Thing.delete("1", condition=(Thing.tags == words) & Thing.sizes.contains(3) | ~Thing.text.is_in(["a", "b"])),
    order.create(),
    Order.by_customer.query("t", "c").where(Order.state == "new").filter(Order.note.exists()),
    Plain.by_place.query("IT", "Rome"),
):
    print(repr(request_of(operation)))
"""


def compiled_with(seed: str) -> str:
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return answer.stdout


def test_requests_do_not_depend_on_the_hash_seed() -> None:
    first, second, third = (compiled_with(seed) for seed in ("0", "1", "4242"))
    assert first == second == third
    assert first.count("TableName") == 6
