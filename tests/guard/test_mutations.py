"""Own requests, changed at random: whatever then names another tenant in a key is refused, and nothing else happens."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dynamorm_py import TenantViolation
from dynamorm_py.guard import Bearer, Guard, GuardedTable
from tests.guard.owned import OWN, Request, changed, guard

Place = tuple[Any, ...]


def places(value: Any, path: Place = ()) -> list[Place]:
    """Every place in a request, from the outside in."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for step, each in inner for place in places(each, (*path, step)))]


def at(request: Request, place: Place) -> Any:
    value: Any = request
    for step in place:
        value = value[step]
    return value


EVERYWHERE = [(name, place) for name, (_, request) in OWN.items() for place in places(request) if place]
# In the own requests the tenant's id stands in no text but those of keys, and of what names the tenant.
KEYS = [(name, place) for name, place in EVERYWHERE if "acme" in str(at(OWN[name][1], place)) and place[-1] == "S"]

ids = st.text(alphabet="acmeACME012_.:/=+-@", min_size=1, max_size=6)
texts = st.one_of(
    ids,
    ids.map(lambda tenant: f"TENANT#{tenant}"),
    st.tuples(ids, st.text(max_size=5)).map(lambda parts: f"TENANT#{parts[0]}#{parts[1]}"),
    st.text(max_size=12),
    st.sampled_from(["TENANT#acme#", "TENANT#acme", "acme", "TENANT#acme\0#", "TENANT#acme\ud800"]),
)


def passes(operation: str, request: Request) -> bool:
    try:
        guard().check(operation, request)
    except TenantViolation:
        return False
    return True


def test_keys_are_planted_in_every_operation() -> None:
    assert {OWN[name][0] for name, _ in KEYS} == {operation for operation, _ in OWN.values()}
    assert len(KEYS) > 30


@given(st.sampled_from(KEYS), texts)
def test_a_key_of_another_text_passes_only_if_it_is_the_tenants(key: tuple[str, Place], text: str) -> None:
    name, place = key
    operation, request = OWN[name]
    if at(request, place) == "acme":
        own = text == "acme"
    else:
        own = text.split("#")[:2] == ["TENANT", "acme"]
    assert passes(operation, changed(request, *place, to=text)) == own


@given(ids, ids, st.text(max_size=4), st.sampled_from(["", "TENANT#", "a"]))
def test_ids_never_overlap(tenant: str, other: str, rest: str, prefix: str) -> None:
    table = GuardedTable("t", ("pk",), Bearer("pk", prefix, whole=False), {}, None, frozenset({"pk"}))
    request = {"TableName": "t", "Key": {"pk": {"S": f"{prefix}{other}#{rest}"}}}
    try:
        Guard(tenant, {"t": table}.get).check("GetItem", request)
        assert tenant == other
    except TenantViolation:
        assert tenant != other


anything: Any = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.binary(max_size=3),
        st.sampled_from(["test_orders", "by_customer", "pk = :v0", "TENANT#acme", "acme", ":v0", "#n0", "SET x = :v0"]),
        st.text(max_size=5),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["S", "Key", "Keys", "pk", "sk", ":v0", "#n0", "Item", "Get"]), inner, max_size=3
        ),
    ),
    max_leaves=6,
)


@given(st.sampled_from(EVERYWHERE), anything)
def test_whatever_a_request_holds_it_passes_or_is_refused(where: tuple[str, Place], value: Any) -> None:
    name, place = where
    operation, request = OWN[name]
    mutated = changed(request, *place, to=value)
    verdict = passes(operation, mutated)
    # Deterministic: the same request is judged alike, attempt after attempt.
    assert passes(operation, mutated) is verdict


@given(st.sampled_from(sorted(OWN)), anything, anything)
def test_whatever_an_answer_holds_it_passes_or_is_refused(name: str, first: Any, second: Any) -> None:
    operation, request = OWN[name]
    for member in ("Item", "Items", "Attributes", "Responses", "UnprocessedKeys", "UnprocessedItems"):
        answer = {member: first, "LastEvaluatedKey": second, "ItemCollectionMetrics": second, "More": first}
        try:
            admitted = guard().admit(operation, request, answer)
        except TenantViolation:
            continue
        assert "More" not in admitted
