"""Planted crossings: ways in which something of one tenant's could get to another, each with the nets that stop it, and
with a look at whether it happened."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from dynamorm_py import (
    Attr,
    Client,
    ConditionFailed,
    Model,
    NotUnique,
    PrimaryKey,
    ServiceError,
    TenantClient,
    TransactionCanceled,
    attr,
    batch_write,
    partition_key,
    sort_key,
    tenant_key,
    transact_get,
    transact_write,
    unique,
    use,
)
from dynamorm_py.aws_lambda.unit_of_work import Unit
from dynamorm_py.batch import batch_writer
from dynamorm_py.core.wire import Call
from dynamorm_py.operation import Operation
from tests.isolation.models import Country, Doc, Memo, Note
from tests.isolation.nets import Net
from tests.isolation.steps import touched

SECRET = "the victim's own"


class Stranger(Model, table="strangers"):
    """Neither a tenant's nor shared."""

    name: Attr[str] = partition_key()
    text: Attr[str]


class Account(Model, table="accounts"):
    """A value that is unique over all tenants."""

    tenant_id: Attr[str] = tenant_key()
    name: Attr[str] = sort_key()
    email: Attr[str]
    emails = unique("email", across_tenants=True)


class Longer(Model, table="b_users"):
    """Under the prefix `a_`, on the same table as `Shorter` under `a_b_`."""

    tenant_id: Attr[str] = tenant_key()
    name: Attr[str]
    text: Attr[str]
    key = PrimaryKey("T#{tenant_id}", "{name}")


class Shorter(Model, table="users"):
    """What a tenant called `T` has here, begins as everybody's there."""

    tenant_id: Attr[str] = tenant_key()
    area: Attr[str]
    name: Attr[str]
    text: Attr[str]
    key = PrimaryKey("{tenant_id}#{area}", "{name}")


class Prefixed(Model, table="mixed"):
    tenant_id: Attr[str] = tenant_key()
    name: Attr[str]
    text: Attr[str]
    key = PrimaryKey("T#{tenant_id}", "{name}")


class Bare(Model, table="mixed"):
    tenant_id: Attr[str] = tenant_key()
    area: Attr[str]
    name: Attr[str]
    text: Attr[str]
    key = PrimaryKey("{tenant_id}#{area}", "{name}")


@dataclass
class Stage:
    """Two tenants, of which one has something that the other one is after."""

    db: Client
    prefix: str
    v: str  # the victim
    t: str  # the thief
    other: Client  # with another prefix, `a_` behind the prefix of `db`
    hold: dict[str, Any] = field(default_factory=dict)

    @property
    def victim(self) -> TenantClient:
        return self.db.for_tenant(self.v)

    @property
    def thief(self) -> TenantClient:
        return self.db.for_tenant(self.t)

    async def set_up(self) -> None:
        """What the victim has, and some of the thief's own."""
        with use(self.victim):
            self.hold["loaded"] = await Doc(name="n1", text=SECRET, label="red", count=1).create()
            await batch_write(*_belongings(SECRET))
        with use(self.thief):
            await batch_write(Doc(name="n1", text="mine", label="red").put(), *_belongings("mine"))

    async def raw(self, table: str, key: dict[str, str]) -> dict[str, Any] | None:
        """An item as it is stored."""
        request = {"TableName": self.prefix + table, "Key": {name: {"S": value} for name, value in key.items()}}
        item: dict[str, Any] | None = (await self.db.call("GetItem", {**request, "ConsistentRead": True})).get("Item")
        return item

    async def poison(self, table: str, item: dict[str, str]) -> None:
        """Writes as a program does that knows nothing of this library."""
        put = {"TableName": self.prefix + table, "Item": {name: {"S": value} for name, value in item.items()}}
        await self.db.call("PutItem", put)

    async def doc(self, name: str = "n1") -> dict[str, Any] | None:
        """The victim's document."""
        return await self.raw("docs", {"tenant_id": self.v, "name": name})

    async def in_index(self, table: str, index: str, attribute: str, value: str) -> int:
        """How many items an index has under a key."""
        answer = await self.db.call(
            "Query",
            {
                "TableName": self.prefix + table,
                "IndexName": index,
                "KeyConditionExpression": "#a = :v",
                "ExpressionAttributeNames": {"#a": attribute},
                "ExpressionAttributeValues": {":v": {"S": value}},
            },
        )
        count: int = answer["Count"]
        return count


def _belongings(text: str) -> list[Operation[Any]]:
    return [
        *(Doc(name=name, text=text, label="red").put() for name in ("n2", "n3")),
        *(model(name="n1", text=text, label="red", count=1).put() for model in (Note, Memo)),
        Note(name="bare", text=text).put(),
    ]


Act = Callable[[Stage], Awaitable[Any]]
Sight = Callable[[Stage, Any], Awaitable[bool]]

ALL = frozenset({Net.COMPILER, Net.GUARD, Net.READ})
BLIND = frozenset({Net.COMPILER, Net.GUARD})  # nothing comes back that the read check could see
COMPILER = frozenset({Net.COMPILER})
GUARD = frozenset({Net.GUARD})
READ = frozenset({Net.READ})


@dataclass(frozen=True)
class Crossing:
    """`act` is done in the thief's scope, and `happened` looks whether it got through. `returns` says that an item of
    the victim's comes back. `why` says why the compiler or the guard does not stop it. Where `service` is set, DynamoDB
    refuses it too, so that it never gets through."""

    name: str
    nets: frozenset[Net]
    act: Act
    happened: Sight
    why: str = ""
    service: bool = False
    returns: bool = False


async def _found(stage: Stage, result: Any) -> bool:
    return SECRET in repr(result)


async def _tells(stage: Stage, result: Any) -> bool:
    return bool(result)


async def _done(stage: Stage, result: Any) -> bool:
    return True


def reads(name: str, make: Callable[[Stage], Any], nets: frozenset[Net] = ALL, why: str = "") -> Crossing:
    """An operation that brings back the victim's item."""

    async def act(stage: Stage) -> Any:
        return await make(stage)

    return Crossing(name, nets, act, _found, why, returns=Net.READ in nets)


def writes(
    name: str, make: Callable[[Stage], Any], happened: Sight, nets: frozenset[Net] = BLIND, why: str = ""
) -> Crossing:
    """An operation that changes something of the victim's."""

    async def act(stage: Stage) -> Any:
        return await make(stage)

    return Crossing(name, nets, act, happened, why)


def told(name: str, make: Callable[[Stage], Any], nets: frozenset[Net] = BLIND) -> Crossing:
    """An operation whose answer tells something, without any item."""

    async def act(stage: Stage) -> Any:
        return await make(stage)

    return Crossing(name, nets, act, _tells)


async def changed(stage: Stage, result: Any) -> bool:
    item = await stage.doc()
    return item is None or item["text"] != {"S": SECRET}


async def gone(stage: Stage, result: Any) -> bool:
    return await stage.doc() is None


async def planted(stage: Stage, result: Any) -> bool:
    return await stage.doc("planted") is not None


async def in_their_index(stage: Stage, result: Any) -> bool:
    red = await stage.in_index("pages", "by_label", "by_label_pk", f"T#{stage.v}#L#red")
    first = await stage.in_index("pages", "by_count", "by_count_pk", f"T#{stage.v}#C#1")
    return (red, first) != (2, 0)


async def numbered(stage: Stage, result: Any) -> bool:
    item = await stage.raw("pages", {"pk": f"T#{stage.t}", "sk": "NOTE#bare"})
    assert item is not None
    return "by_label_pk" in item


async def renamed(stage: Stage, result: Any) -> bool:
    item = await stage.raw("pages", {"pk": f"T#{stage.t}", "sk": "NOTE#n1"})
    assert item is not None
    return item.get("tenant_id") != {"S": stage.t}


def theirs(stage: Stage, **values: Any) -> Doc:
    return Doc(**{"tenant_id": stage.v, "name": "planted", "text": "by the thief", **values})


def extra(stage: Stage) -> Note:
    """One of the thief's, with attributes that it does not know, and that are another model's keys."""
    return Note.model_validate({"name": "extra", "by_count_pk": f"T#{stage.v}#C#1", "by_count_sk": "n"})


def owned_by_victim(stage: Stage) -> dict[str, Any]:
    """What marks a sentinel, and would hand an item to the victim, who has it exported or deleted."""
    return {"pk": f"T#{stage.v}", "sk": "NOTE#n1"}


def marked(stage: Stage) -> Note:
    return Note.model_validate({"name": "n1", "$owner": owned_by_victim(stage)})


async def is_marked(stage: Stage, result: Any) -> bool:
    item = await stage.raw("pages", {"pk": f"T#{stage.t}", "sk": "NOTE#n1"})
    return item is not None and "$owner" in item


def copied(stage: Stage) -> Doc:
    """The victim's instance, in the thief's hands."""
    instance: Doc = stage.hold["loaded"].model_copy()
    return instance


def altered(stage: Stage) -> Doc:
    instance = copied(stage)
    instance.text = "by the thief"
    return instance


def made_by_victim(stage: Stage, make: Callable[[], Any]) -> Any:
    with use(stage.victim):
        made = make()
    if isinstance(made, Operation):
        repr(made)
    return made


async def copied_path(stage: Stage) -> Any:
    await Note.update("n1", Note.text.set(f"T#{stage.v}#L#red"))
    return await Note.update("n1", attr("by_label_pk").set(attr("text")))


async def cursor_of_victim(stage: Stage) -> Any:
    with use(stage.victim):
        page = await Doc.query().page_size(1).page()
    return await Doc.query().page_size(1).after(page.cursor).page()


async def index_cursor_of_victim(stage: Stage) -> Any:
    with use(stage.victim):
        page = await Doc.by_label.query("red").page_size(1).page()
    return await Doc.by_label.query("red").page_size(1).after(page.cursor).page()


async def token_of_victim(stage: Stage) -> Any:
    with use(stage.victim):
        await transact_write(Doc(name="paid").put(), token=f"pay-{stage.v}")
    try:
        await transact_write(Doc(name="paid").put(), token=f"pay-{stage.v}")
    except ServiceError as error:
        return error.code == "IdempotentParameterMismatchException"
    return False


async def iterator_of_victim(stage: Stage) -> Any:
    with use(stage.victim):
        pages = Doc.query().page_size(1).pages()
        await anext(pages)
        with use(stage.thief):
            return await anext(pages)


async def writer_of_victim(stage: Stage) -> Any:
    with use(stage.victim):
        async with batch_writer() as writer:
            await writer.add(Doc(name="planted").put())
            with use(stage.thief):
                await writer.flush()


async def writer_with_both(stage: Stage) -> Any:
    with use(stage.victim):
        async with batch_writer() as writer:
            with use(stage.thief):
                operation = theirs(stage).put()
                repr(operation)
                await writer.add(operation)


async def unit_of_victim(stage: Stage) -> Any:
    unit = Unit(stage.v)
    operation = theirs(stage).put()
    repr(operation)
    unit.add(operation)
    await unit.commit(stage.victim)


async def unit_with_theirs(stage: Stage) -> Any:
    unit = Unit(stage.t)
    operation = made_by_victim(stage, lambda: Doc(name="planted").put())
    unit.add(operation)
    await unit.commit(stage.thief)


async def outliving(stage: Stage) -> Any:
    over = asyncio.Event()

    async def later() -> Any:
        await over.wait()
        return await Doc.get("n1")

    with use(stage.victim):
        task = asyncio.create_task(later(), context=contextvars.copy_context())
    over.set()
    return await task


async def held_client(stage: Stage) -> Any:
    with use(stage.victim) as bound:
        pass
    # Made outside of all scopes, so that nothing but the lease stands against it.
    return await bound.run(contextvars.Context().run(lambda: Doc.get("n1")))


async def poisoned_index(stage: Stage) -> Any:
    await stage.poison(
        "pages",
        {
            "pk": f"T#{stage.v}",
            "sk": "NOTE#poison",
            "tenant_id": stage.v,
            "name": "poison",
            "text": SECRET,
            "entity": "Note",
            "by_label_pk": f"T#{stage.t}#L#red",
            "by_label_sk": "poison",
        },
    )
    return await Note.by_label.query("red").all()


async def poisoned_own(stage: Stage) -> Any:
    await stage.poison("pages", _of_two(stage))
    return await Note.get("poison")


async def poisoned_condition(stage: Stage) -> Any:
    await stage.poison("pages", _of_two(stage))
    try:
        return await Note(name="poison").create()
    except ConditionFailed as error:
        return error.item


async def poisoned_transaction(stage: Stage) -> Any:
    await stage.poison("pages", _of_two(stage))
    try:
        return await transact_write(Note(name="poison").create())
    except TransactionCanceled as error:
        return error.reasons[0].item


def _of_two(stage: Stage) -> dict[str, str]:
    """An item in the thief's partition that says that it is the victim's."""
    return {
        "pk": f"T#{stage.t}",
        "sk": "NOTE#poison",
        "tenant_id": stage.v,
        "name": "poison",
        "text": SECRET,
        "entity": "Note",
    }


async def oracle_of_unique_values(stage: Stage) -> Any:
    account = Account(tenant_id=stage.v, name="n1", email=f"{stage.v}@x.org")
    bypass = stage.db.across_tenants(reason="a test")
    await bypass.run(contextvars.Context().run(account.create))
    try:
        await Account(name="n1", email=f"{stage.v}@x.org").create()
        return False
    except NotUnique:
        return True


async def failing_check(stage: Stage) -> Any:
    operation = Doc.check(stage.v, "n1", condition=Doc.text == "x")
    try:
        return await transact_write(operation)
    except TransactionCanceled as error:
        return error.reasons[0].item


async def failing_create(stage: Stage) -> Any:
    try:
        return await theirs(stage, name="n1").create()
    except ConditionFailed as error:
        return error.item


async def passing_check(stage: Stage) -> Any:
    await transact_write(Doc.check(stage.v, "n1", condition=Doc.text == SECRET), Doc(name="other").put())
    return True


async def colliding_prefix(stage: Stage) -> Any:
    """The other client's prefix is longer by `a_`, this one's by `a_b_`."""
    short, long = stage.hold["a_b_"], stage.other
    with use(long.for_tenant(stage.v)):
        await Longer(name="n1", text=SECRET).create()
    with use(short.for_tenant("T")):
        return await Shorter.query(area=stage.v).all()


async def two_prefixes(stage: Stage) -> Any:
    await stage.poison("mixed", {"pk": f"T#{stage.v}", "sk": "n1", "tenant_id": stage.v, "name": "n1", "text": SECRET})
    with use(stage.db.for_tenant("T")):
        return await Bare.query(area=stage.v).all()


async def stranger_read(stage: Stage) -> Any:
    await stage.poison("strangers", {"name": stage.v, "text": SECRET})
    return await Stranger.get(stage.v)


async def stranger_written(stage: Stage) -> Any:
    return await Stranger(name=stage.v, text="by the thief").put()


async def without_a_scope(stage: Stage) -> Any:
    return await stage.db.run(contextvars.Context().run(lambda: Doc.get(stage.v, "n1")))


async def shared_is_written(stage: Stage, result: Any) -> bool:
    return await stage.raw("countries", {"name": stage.t}) is not None


async def stranger_is_written(stage: Stage, result: Any) -> bool:
    return await stage.raw("strangers", {"name": stage.v}) is not None


def sent(operation: str, **request: Any) -> Callable[[Stage], Any]:
    """A request that no compiler made, for the victim's document."""

    def make(stage: Stage) -> Any:
        key = {"tenant_id": {"S": stage.v}, "name": {"S": "n1"}}
        own: dict[str, Any] = {"TableName": stage.prefix + "docs"}
        for member, value in request.items():
            own[member] = value(stage) if callable(value) else value
        if operation in ("GetItem", "DeleteItem", "UpdateItem"):
            own["Key"] = key
        return stage.thief.send(Call(operation, own))

    return make


def _item(stage: Stage) -> Any:
    return {"tenant_id": {"S": stage.v}, "name": {"S": "planted"}}


def _legacy(stage: Stage) -> Any:
    return {"tenant_id": {"AttributeValueList": [{"S": stage.v}], "ComparisonOperator": "EQ"}}


MADE_ELSEWHERE = "the request is the thief's own; that it was meant for the victim's items, only its maker knows"
THE_REGISTRYS = "the guard knows tables as the registry tells it"

CROSSINGS = [
    # Reads by another's key
    reads("get by its key", lambda s: Doc.get(s.v, "n1")),
    reads("get by its composed key", lambda s: Note.get(s.v, "n1")),
    reads("get or raise", lambda s: Doc.get_or_raise(s.v, "n1")),
    reads("batch get", lambda s: Doc.batch_get([("n1"), (s.v, "n1")])),
    reads("transact get", lambda s: transact_get(Doc.get("n1"), Doc.get(s.v, "n1"))),
    reads("refresh of its instance", lambda s: copied(s).refresh()),
    reads("query of its partition", lambda s: Doc.query(tenant_id=s.v).all()),
    reads("query of its composed partition", lambda s: Note.query(tenant_id=s.v).all()),
    reads("query of its index", lambda s: Doc.by_label.query(tenant_id=s.v, label="red").all()),
    reads("query of its native index", lambda s: Doc.by_count.query(tenant_id=s.v).all()),
    reads("query of its local index", lambda s: Doc.by_text.query(tenant_id=s.v).page()),
    told("count of its partition", lambda s: Doc.query(tenant_id=s.v).count()),
    # Where a page ends before its end, the key that it ends with comes back.
    told("whether there is anything", lambda s: Doc.query(tenant_id=s.v).exists(), ALL),
    reads("scan", lambda s: Doc.scan().all()),
    reads("scan of an index", lambda s: Doc.by_label.scan().all()),
    reads(
        "raw request",
        lambda s: s.thief.call(
            "GetItem",
            {"TableName": s.prefix + "docs", "Key": {"tenant_id": {"S": s.v}, "name": {"S": "n1"}}},
        ),
    ),
    reads(
        "raw PartiQL",
        lambda s: s.thief.call("ExecuteStatement", {"Statement": f'SELECT * FROM "{s.prefix}docs"'}),  # noqa: S608
    ),
    # Writes by another's key
    writes("put in its name", lambda s: theirs(s, name="n1").put(), changed),
    writes("create in its name", lambda s: theirs(s).create(), planted),
    Crossing("create where it has an item", ALL, failing_create, _found, returns=True),
    writes("save in its name", lambda s: theirs(s).save(), planted),
    writes("save of its instance", lambda s: altered(s).save(), changed, ALL),
    writes("put of its instance", lambda s: altered(s).put(), changed),
    writes("update of its instance", lambda s: copied(s).update(Doc.text.set("x")), changed, ALL),
    writes("delete of its instance", lambda s: copied(s).delete(), gone),
    writes("update by its key", lambda s: Doc.update(s.v, "n1", Doc.text.set("x")), changed, ALL),
    writes("upsert by its key", lambda s: Doc.update(s.v, "planted", Doc.text.set("x"), upsert=True), planted, ALL),
    writes("delete by its key", lambda s: Doc.delete(s.v, "n1"), gone),
    writes("batch of puts", lambda s: batch_write(*touched([theirs(s).put, Doc(name="own").put])), planted),
    writes("batch of deletes", lambda s: batch_write(*touched([lambda: Doc.delete(s.v, "n1")])), gone),
    writes("transaction that puts", lambda s: transact_write(*touched([theirs(s).put, Doc(name="own").put])), planted),
    writes("transaction that updates", lambda s: transact_write(Doc.update(s.v, "n1", Doc.text.set("x"))), changed),
    writes("transaction that deletes", lambda s: transact_write(Doc.delete(s.v, "n1")), gone),
    Crossing("check of its item that holds", BLIND, passing_check, _done),
    Crossing("check of its item that fails", ALL, failing_check, _found, returns=True),
    writes(
        "model from its JSON",
        lambda s: Doc.model_validate_json(s.hold["loaded"].model_dump_json()).model_copy(update={"text": "x"}).put(),
        changed,
    ),
    # Attributes that lead to an index
    writes(
        "set of an index key",
        lambda s: Note.update("n1", attr("by_label_pk").set(f"T#{s.v}#L#red")),
        in_their_index,
        ALL,
    ),
    writes(
        "set of another model's index key",
        lambda s: Note.update("n1", attr("by_count_pk").set(f"T#{s.v}#C#1"), attr("by_count_sk").set("n1")),
        in_their_index,
        ALL,
    ),
    writes(
        "set of an index key from another path",
        copied_path,
        in_their_index,
        ALL,
    ),
    writes(
        "set of an index key that is not there",
        lambda s: Note.update(
            "bare", attr("by_label_pk").set_if_not_exists(f"T#{s.v}#L#red"), attr("by_label_sk").set("n")
        ),
        in_their_index,
        ALL,
    ),
    writes("add to an index key", lambda s: Note.update("bare", attr("by_label_pk").add(1)), numbered, ALL),
    writes("put with a sentinel's mark", lambda s: marked(s).put(), is_marked),
    writes("batch with a sentinel's mark", lambda s: batch_write(marked(s).put()), is_marked),
    writes("transaction with a sentinel's mark", lambda s: transact_write(marked(s).put()), is_marked),
    writes("set of a sentinel's mark", lambda s: Note.update("n1", attr("$owner").set(owned_by_victim(s))), is_marked),
    writes(
        "unknown extras of a new item",
        lambda s: extra(s).put(),
        in_their_index,
    ),
    writes(
        "unknown extras in a batch",
        lambda s: batch_write(extra(s).put()),
        in_their_index,
    ),
    writes(
        "extras from JSON",
        lambda s: Note.model_validate_json(
            f'{{"name": "extra", "by_count_pk": "T#{s.v}#C#1", "by_count_sk": "n"}}'
        ).create(),
        in_their_index,
    ),
    writes(
        "set of the tenant", lambda s: Note.update("n1", attr("tenant_id").set(s.v), Note.label.set("x")), renamed, ALL
    ),
    writes("removal of the tenant", lambda s: Note.update("n1", attr("tenant_id").remove()), renamed),
    # What was made in one scope and is used in another
    Crossing("cursor of its query", BLIND, cursor_of_victim, _done, service=True),
    Crossing("cursor of its index", BLIND, index_cursor_of_victim, _done, service=True),
    Crossing("token of its transaction", BLIND, token_of_victim, _tells),
    reads("operation that names it", lambda s: made_by_victim(s, lambda: Doc.get(s.v, "n1"))),
    Crossing(
        "operation made in its scope",
        COMPILER,
        lambda s: made_by_victim(s, lambda: Doc.get("n1")),
        _done,
        MADE_ELSEWHERE,
    ),
    Crossing("query made in its scope", COMPILER, lambda s: made_by_victim(s, Doc.query).all(), _done, MADE_ELSEWHERE),
    writes(
        "instance made in its scope",
        lambda s: made_by_victim(s, lambda: Doc(name="planted")).put(),
        planted,
    ),
    Crossing(
        "iterator begun in its scope",
        COMPILER,
        iterator_of_victim,
        _found,
        "the iterator goes on in the victim's scope, where all of it is in order",
    ),
    Crossing(
        "batch writer of its scope, flushed",
        COMPILER,
        writer_of_victim,
        planted,
        "the writer goes on in the victim's scope, where all of it is in order",
    ),
    Crossing(
        "batch writer of its scope, filled",
        COMPILER,
        writer_with_both,
        planted,
        "the writer goes on in the victim's scope, where all of it is in order",
    ),
    Crossing(
        "unit of work of its scope",
        COMPILER,
        unit_of_victim,
        planted,
        "the unit is committed in the victim's scope, where all of it is in order",
    ),
    Crossing("unit of work with what it made", BLIND, unit_with_theirs, planted),
    Crossing(
        "task that outlives its scope", frozenset({Net.LEASE}), outliving, _found, "who is late is still the victim"
    ),
    Crossing(
        "client of a scope that ended", frozenset({Net.LEASE}), held_client, _found, "who is late is still the victim"
    ),
    # Tables
    writes("write to what is shared", lambda s: Country(name=s.t).put(), shared_is_written),
    Crossing("read of what is nobody's", ALL, stranger_read, _found, returns=True),
    Crossing("write to what is nobody's", BLIND, stranger_written, stranger_is_written),
    Crossing("unique value of all tenants", BLIND, oracle_of_unique_values, _tells),
    Crossing("no scope at all", COMPILER, without_a_scope, _found, "outside of scopes no tenant is known to a guard"),
    Crossing(
        "two prefixes that make one table",
        COMPILER | READ,
        colliding_prefix,
        _found,
        THE_REGISTRYS,
        returns=True,
    ),
    Crossing("two beginnings of keys in one table", COMPILER | READ, two_prefixes, _found, THE_REGISTRYS, returns=True),
    # What no compiler made
    reads("sent get", sent("GetItem"), GUARD | READ, "no compiler saw it"),
    writes("sent put", sent("PutItem", Item=_item), planted, GUARD, "no compiler saw it"),
    writes("sent delete", sent("DeleteItem"), gone, GUARD, "no compiler saw it"),
    reads("sent query of old style", sent("Query", KeyConditions=_legacy), GUARD | READ, "no compiler saw it"),
    reads("sent scan", sent("Scan"), GUARD | READ, "no compiler saw it"),
    writes(
        "sent update of old style",
        sent("UpdateItem", AttributeUpdates={"text": {"Value": {"S": "x"}, "Action": "PUT"}}),
        changed,
        GUARD,
        "no compiler saw it",
    ),
    # What was written past this library
    Crossing("poisoned item of an index", READ, poisoned_index, _found, "the request is in order", returns=True),
    Crossing("poisoned item of its own", READ, poisoned_own, _found, "the request is in order", returns=True),
    Crossing(
        "poisoned item behind a condition", READ, poisoned_condition, _found, "the request is in order", returns=True
    ),
    Crossing(
        "poisoned item behind a transaction",
        READ,
        poisoned_transaction,
        _found,
        "the request is in order",
        returns=True,
    ),
]
