"""Single ways across, each with the very error that it ends in, and with what was sent of it: nothing, as a rule."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest

from dynamorm_py import (
    Attr,
    ConditionFailed,
    Credentials,
    ForeignCursor,
    InvalidCursor,
    InvalidKey,
    InvalidModel,
    InvalidOperation,
    Model,
    TenantViolation,
    attr,
    batch_write,
    sort_key,
    tenant_key,
    transact_write,
    unique,
    use,
)
from dynamorm_py.aws_lambda.unit_of_work import Unit
from dynamorm_py.core.wire import Call, Response
from dynamorm_py.operation import Operation
from dynamorm_py.testing import LocalEndpoint
from dynamorm_py.transports import Check
from tests.isolation.crossings import Bare, Longer, Shorter
from tests.isolation.models import Doc, Memo, Note
from tests.isolation.worlds import OverheardClient


class Coat(Model, table="coats"):
    """A value that is unique within the tenant, kept in the partition of its items."""

    tenant_id: Attr[str] = tenant_key()
    number: Attr[str] = sort_key()
    colour: Attr[str]
    colours = unique("colour")


class Hanger(Model, table="coats"):
    """Without constraints of its own, beside a model that has one."""

    tenant_id: Attr[str] = tenant_key()
    number: Attr[str] = sort_key()


RED = "$unique#Coat#colours#red"


class HeldClient(OverheardClient):
    """Holds answers back, where it is told to."""

    def __init__(self, **options: Any) -> None:  # the options of Client
        super().__init__(**options)
        self.answered = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def _deliver(
        self, call: Call, *, check: Check | None = None, credentials: Credentials | None = None
    ) -> Response:
        response = await super()._deliver(call, check=check, credentials=credentials)
        self.answered.set()
        await self.gate.wait()
        return response


def client(engine: LocalEndpoint, prefix: str, **options: Any) -> HeldClient:
    own = Credentials(engine.access_key, engine.secret_key)
    return HeldClient(
        region=engine.region, endpoint_url=engine.endpoint_url, credentials=own, table_prefix=prefix, **options
    )


@pytest.fixture
async def db(dynamodb_local: LocalEndpoint) -> AsyncIterator[HeldClient]:
    """With three documents and a note of acme's, and one of each of acme2's."""
    async with client(dynamodb_local, f"s{uuid4().hex[:12]}-") as opened:
        await opened.create_tables(Doc, Note, Memo)
        for tenant, names in (("acme", ("n1", "n2", "n3")), ("acme2", ("n1",))):
            with use(opened.for_tenant(tenant)):
                await batch_write(*(Doc(name=name, text=tenant, label="red").put() for name in names))
                await Note(name="n1", text=tenant, label="red").put()
                await Note(name="bare", text=tenant).put()
        opened.heard.clear()
        yield opened
        await opened.delete_tables(Doc, Note, Memo)


ACTIONS: dict[str, tuple[Callable[[], Operation[Any]], str]] = {
    "SET of an index key": (lambda: Note.update("n1", attr("by_label_pk").set("T#acme#L#red")), "by_label_pk"),
    "SET of an index key from a path": (lambda: Note.update("n1", attr("by_label_pk").set(Note.text)), "by_label_pk"),
    "SET of another model's index key": (
        lambda: Note.update("n1", attr("by_count_pk").set("T#acme#C#1")),
        "a key of another",
    ),
    "SET of another model's from a path": (
        lambda: Note.update("n1", attr("by_count_pk").set(Note.text)),
        "a key of another",
    ),
    "if_not_exists on it": (
        lambda: Note.update("n1", attr("by_count_pk").set_if_not_exists("T#acme#C#1")),
        "a key of another",
    ),
    "ADD to it": (lambda: Note.update("n1", attr("by_count_pk").add(1)), "a key of another"),
    "an element of it": (lambda: Note.update("n1", attr("by_count_pk", "x").set("T#acme#C#1")), "a key of another"),
    "REMOVE of the tenant": (lambda: Note.update("n1", attr("tenant_id").remove()), "tenant_id"),
    "SET of the tenant": (lambda: Note.update("n1", attr("tenant_id").set("acme")), "tenant_id"),
    "extras": (
        lambda: Note.model_validate({"name": "n2", "by_count_pk": "T#acme#C#1", "by_count_sk": "n2"}).create(),
        "by_count_pk leads to another tenant",
    ),
    "a model from foreign JSON": (
        lambda: Note.model_validate_json('{"tenant_id": "acme", "name": "n1", "text": "mine"}').put(),
        "names another tenant",
    ),
    "the mark of a sentinel": (
        lambda: Note.model_validate({"name": "n2", "$owner": {"pk": "T#acme", "sk": "NOTE#n1"}}).create(),
        r"Note.create: \$owner marks the sentinels",
    ),
    "SET of the mark": (
        lambda: Note.update("n1", attr("$owner").set({"pk": "T#acme"})),
        r"Note.update: \$owner is kept by the library",
    ),
    "SET of a part of the mark": (lambda: Note.update("n1", attr("$owner", "pk").set("T#acme")), "kept by the library"),
    "REMOVE of the mark": (lambda: Note.update("n1", attr("$owner").remove()), "kept by the library"),
    "a sentinel's key for a new item": (lambda: Coat(number=RED, colour="x").create(), r"Coat.create: .*\$unique#"),
    "a sentinel's key for a put": (lambda: Hanger(number=RED).put(), r"Hanger.put: .*\$unique#"),
    "a sentinel's key for an update": (lambda: Hanger.update(RED, attr("x").set(1)), r"Hanger.update: .*\$unique#"),
    "a sentinel's key for a deletion": (lambda: Hanger.delete(RED), r"Hanger.delete: .*\$unique#"),
    "a key that names another": (lambda: Doc.get("acme", "n1"), "names another tenant"),
    "a scan": (lambda: Doc.scan().all(), "a scan reads the items of all tenants"),
}


@pytest.mark.parametrize("case", ACTIONS)
async def test_it_is_refused_before_anything_is_sent(case: str, db: HeldClient) -> None:
    make, message = ACTIONS[case]
    with use(db.for_tenant("acme2")), pytest.raises((TenantViolation, InvalidOperation, InvalidKey), match=message):
        await make()
    assert db.heard == []


@pytest.mark.behaviour("2.17")
@pytest.mark.parametrize("secret", [None, "a secret"])
@pytest.mark.parametrize("make", [Doc.query, lambda: Doc.by_count.query(), lambda: Doc.by_label.query("red")])
async def test_a_cursor_of_another_tenant_is_a_foreign_cursor(
    make: Callable[[], Any], secret: str | None, db: HeldClient, dynamodb_local: LocalEndpoint
) -> None:
    async with client(dynamodb_local, db.scope.prefix, cursor_secret=secret) as signing:
        with use(signing.for_tenant("acme")):
            page = await make().page_size(1).page()
            assert page.cursor is not None
        signing.heard.clear()
        with use(signing.for_tenant("acme2")):
            with pytest.raises(ForeignCursor) as caught:
                await make().page_size(1).after(page.cursor).page()
            assert isinstance(caught.value, InvalidCursor)
        assert signing.heard == []
        with use(signing.for_tenant("acme")):
            assert (await make().page_size(1).after(page.cursor).page()).items != ()


async def test_a_token_is_each_tenants_own(db: HeldClient) -> None:
    token = f"{db.scope.prefix}pay"
    for tenant in ("acme", "acme2"):
        with use(db.for_tenant(tenant)):
            for _ in range(2):
                await transact_write(Doc.update("n1", Doc.count.add(1)), token=token)
            assert (await Doc.get_or_raise("n1")).count == 1


async def test_what_was_made_in_a_scope_runs_in_no_other(db: HeldClient) -> None:
    with use(db.for_tenant("acme")):
        get, put, query = Doc.get("n1"), Doc(name="n9").put(), Doc.query()
        assert put.tenant == "acme"
    elsewhere = (db.for_tenant("acme2"), db, db.across_tenants(reason="a test"))
    for runner in elsewhere:
        for operation in (get, put, query.all(), batch_write(put), transact_write(put)):
            with pytest.raises(TenantViolation, match="made in a tenant's scope"):
                await runner.run(operation)
        with pytest.raises(TenantViolation, match="made in a tenant's scope"):
            await anext(aiter(query.on(runner)))
    assert db.heard == []
    with use(db.for_tenant("acme")):
        await put
        assert await get is not None


async def test_a_unit_of_work_takes_its_own_tenants_writes(db: HeldClient) -> None:
    unit = Unit("acme")
    with use(db.for_tenant("acme2")):
        operation = Doc(name="n9").put()
        with pytest.raises(TenantViolation):
            unit.add(operation)
    assert len(unit) == 0
    assert operation.tenant == "acme2"


async def test_a_task_that_outlives_its_scope_gets_nothing_more(db: HeldClient) -> None:
    over = asyncio.Event()

    async def late() -> Doc | None:
        await over.wait()
        return await Doc.get("n1")

    with use(db.for_tenant("acme")):
        task = asyncio.create_task(late())
        await asyncio.sleep(0)
    over.set()
    with pytest.raises(TenantViolation, match="scope ended"):
        await task
    assert db.heard == []


async def test_nor_an_answer_that_was_under_way(db: HeldClient) -> None:
    db.answered.clear()
    db.gate.clear()

    async def asking() -> Doc | None:
        return await Doc.get("n1")

    with use(db.for_tenant("acme")):
        task = asyncio.create_task(asking())
        await db.answered.wait()
    db.gate.set()
    with pytest.raises(TenantViolation, match="scope ended"):
        await task
    assert len(db.heard) == 1


async def test_prefixes_that_make_one_table_are_refused(dynamodb_local: LocalEndpoint) -> None:
    prefix = f"s{uuid4().hex[:12]}-"
    async with client(dynamodb_local, f"{prefix}a_") as long, client(dynamodb_local, f"{prefix}a_b_") as short:
        assert long.for_tenant("acme").scope.prefix + "b_users" == short.scope.prefix + "users"
        _ = Longer.get("acme", "n1").compile(long.for_tenant("acme"))
        with pytest.raises(InvalidModel, match="another prefix"):
            await short.for_tenant("T").run(Shorter.query(tenant_id="T", area="acme").all())
        assert short.heard == []


async def test_a_tenant_called_like_the_beginning_of_all_keys_is_nobody(dynamodb_local: LocalEndpoint) -> None:
    async with client(dynamodb_local, f"s{uuid4().hex[:12]}-") as db:
        with use(db.for_tenant("T")), pytest.raises(InvalidModel, match="another text before the tenant"):
            await Bare.query(area="acme").all()
        assert db.heard == []


async def test_nor_is_it_anybody_among_models_that_agree(db: HeldClient) -> None:
    with use(db.for_tenant("T")):
        assert await Note.query().all() == []
        assert await Note.by_label.query("red").all() == []
        await Note(name="n1", text="T's", label="red").create()
        assert [note.text for note in await Note.by_label.query("red").all()] == ["T's"]
    with use(db.for_tenant("acme")):
        assert {note.text for note in await Note.by_label.query("red").all()} == {"acme"}


async def test_a_poisoned_item_stops_its_index_and_nothing_else(db: HeldClient) -> None:
    item = {"pk": "T#acme", "sk": "NOTE#p", "tenant_id": "acme", "name": "p", "text": "acme's", "entity": "Note"}
    item |= {"by_label_pk": "T#acme2#L#red", "by_label_sk": "p"}
    stored = {name: {"S": value} for name, value in item.items()}
    await db.call("PutItem", {"TableName": f"{db.scope.prefix}pages", "Item": stored})
    with use(db.for_tenant("acme2")):
        with pytest.raises(TenantViolation) as caught:
            await Note.by_label.query("red").all()
        assert "acme's" not in str(caught.value)
        assert {note.name for note in await Note.query().all()} == {"n1", "bare"}
        assert await Note.by_label.query("blue").all() == []


async def test_an_item_behind_a_failed_condition_is_taken_out(db: HeldClient) -> None:
    item = {"pk": "T#acme2", "sk": "NOTE#p", "tenant_id": "acme", "name": "p", "text": "acme's", "entity": "Note"}
    stored = {name: {"S": value} for name, value in item.items()}
    await db.call("PutItem", {"TableName": f"{db.scope.prefix}pages", "Item": stored})
    with use(db.for_tenant("acme2")), pytest.raises(TenantViolation) as caught:
        await Note(name="p").create()
    behind: BaseException | None = caught.value
    while behind is not None:
        assert not isinstance(behind, ConditionFailed) or behind.item is None
        assert "acme's" not in repr(vars(behind))
        behind = behind.__cause__ or behind.__context__
