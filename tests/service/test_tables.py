"""Tables on live engines: created, compared, changed, exported; and requests written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dynamorm_py import (
    Attr,
    Client,
    GlobalIndex,
    InvalidOperation,
    LocalIndex,
    Model,
    Provisioned,
    ServiceError,
    TableInUse,
    TableNotFound,
    TableSettings,
    field,
    partition_key,
    sort_key,
    table_template,
    time_to_live,
)
from dynamorm_py.core.templates import TemplateFormat
from dynamorm_py.testing import LocalEndpoint
from tests.core.reading_templates import read_template

FORMATS: list[TemplateFormat] = ["cloudformation", "sam", "terraform"]


class Book(Model, table="books"):
    """As it is wanted: three global indexes, a local one, a time to live."""

    author: Attr[str] = partition_key()
    title: Attr[str] = sort_key()
    genre: Attr[str] = field(default="novel")
    year: Attr[int] = field(default=2000)
    pages: Attr[int] = field(default=1)
    expires: Attr[int | None] = time_to_live(default=None)

    by_genre = GlobalIndex(partition_key="genre", sort_key="year")
    by_year = GlobalIndex(partition_key="year", projection=("genre", "pages"))
    by_pages = GlobalIndex(partition_key="pages", projection="KEYS_ONLY")
    of_author = LocalIndex(sort_key="year")


class FirstBook(Model, table="books"):
    """The same table as it was: an index less, one that is gone, one that differs, no time to live."""

    author: Attr[str] = partition_key()
    title: Attr[str] = sort_key()
    genre: Attr[str] = field(default="novel")
    year: Attr[int] = field(default=2000)
    pages: Attr[int] = field(default=1)

    by_genre = GlobalIndex(partition_key="genre")
    by_title = GlobalIndex(partition_key="title")
    of_author = LocalIndex(sort_key="year")


class OtherKey(Model, table="books"):
    isbn: Attr[str] = partition_key()


class Member(Model, table="members"):
    member_id: Attr[str] = partition_key()


class Place(Model, table="places"):
    """Several attributes on each side of an index's key."""

    place_id: Attr[str] = partition_key()
    country: Attr[str]
    city: Attr[str]
    street: Attr[str]
    number: Attr[int]

    by_address = GlobalIndex(partition_key=("country", "city"), sort_key=("street", "number"))


async def description(db: Client, model: type[Model]) -> dict[str, Any]:
    """What a table is, without what makes it that one table: names, moments, counts."""
    raw = (await db.describe_table(model)).raw
    members = ("KeySchema", "BillingModeSummary", "StreamSpecification", "DeletionProtectionEnabled", "TableStatus")
    table: dict[str, Any] = {name: raw.get(name) for name in members}
    table["BillingModeSummary"] = (raw.get("BillingModeSummary") or {}).get("BillingMode")
    table["AttributeDefinitions"] = sorted(raw["AttributeDefinitions"], key=lambda each: str(each["AttributeName"]))
    table["Units"] = _units(raw)
    for name in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        table[name] = sorted((_index(index) for index in raw.get(name) or ()), key=lambda each: str(each["IndexName"]))
    table["TimeToLive"] = (await db.describe_table(model)).time_to_live
    return table


def _index(index: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: index.get(name) for name in ("IndexName", "KeySchema", "Projection")}, "Units": _units(index)}


def _units(described: Mapping[str, Any]) -> tuple[int, int]:
    units = described.get("ProvisionedThroughput", {})
    return units.get("ReadCapacityUnits", 0), units.get("WriteCapacityUnits", 0)


# Describing and ensuring


async def test_a_table_is_described(db: Client, table_prefix: str) -> None:
    await db.create_tables(Book, settings=TableSettings(billing=Provisioned(2, 3), stream="NEW_IMAGE"))
    await Book(author="a", title="t").create()
    book = await db.describe_table(Book)
    assert (book.name, book.status) == (f"{table_prefix}books", "ACTIVE")
    assert str(book.key) == "author (S) then title (S)"
    assert (book.billing, book.stream, book.time_to_live) == (Provisioned(2, 3), "NEW_IMAGE", "expires")
    assert (book.item_count, book.deletion_protection) == (1, False)
    assert book.arn is not None
    assert book.arn.endswith(f"table/{table_prefix}books")
    assert book.created_at is not None
    kinds = {index.name: (index.kind, index.status, index.capacity) for index in book.indexes}
    assert kinds == {
        **{name: ("global", "ACTIVE", Provisioned(2, 3)) for name in ("by_genre", "by_pages", "by_year")},
        "of_author": ("local", None, None),
    }
    year = book.index("by_year")
    assert year is not None
    assert sorted(year.projection) == ["expires", "genre", "pages"]  # without its time, who could tell what has expired


async def test_a_table_that_does_not_exist_is_not_described(db: Client) -> None:
    with pytest.raises(TableNotFound, match=r"Book\.describe_table"):
        await db.describe_table(Book)


async def test_ensuring_creates_what_is_missing_and_leaves_what_is_there(db: Client) -> None:
    await db.create_tables(Member)
    await Member(member_id="m1").create()
    await db.ensure_tables(Member, Book)
    await db.ensure_tables(Member, Book)
    assert await Member.get("m1") is not None
    assert (await db.describe_table(Book)).time_to_live == "expires"
    await db.ensure_tables(Book, settings=TableSettings(stream="NEW_IMAGE"))
    assert (await db.describe_table(Book)).stream == "OFF"


@pytest.mark.parametrize(("model", "message"), [(OtherKey, "its key is author"), (Book, "by_year: does not exist")])
async def test_ensuring_refuses_a_table_that_does_not_fit(db: Client, model: type[Model], message: str) -> None:
    await db.create_tables(FirstBook)
    with pytest.raises(InvalidOperation, match=message):
        await db.ensure_tables(Member, model)
    with pytest.raises(TableNotFound):
        await db.describe_table(Member)


# Planning and applying


async def test_what_was_just_created_leaves_nothing_to_plan(db: Client) -> None:
    for settings in (None, TableSettings(billing=Provisioned(1, 1), stream="KEYS_ONLY", deletion_protection=False)):
        await db.create_tables(Book, Member, settings=settings)
        plan = await db.plan_tables(Book, Member, settings=settings)
        assert plan.is_empty, str(plan)
        await db.delete_tables(Book, Member)


async def test_several_attributes_on_a_side_of_an_index(embedded: LocalEndpoint, table_prefix: str) -> None:
    # DynamoDB Local 1.25.1 takes one attribute for each side, as DynamoDB did before.
    async with embedded.client(table_prefix=table_prefix) as db:
        await db.create_tables(Place)
        plan = await db.plan_tables(Place)
        assert plan.is_empty, str(plan)
        await db.delete_tables(Place)


async def test_plan_apply_plan_is_empty(db: Client, table_prefix: str) -> None:
    await db.create_tables(FirstBook)
    await FirstBook(author="a", title="t", year=1999).create()
    wanted = TableSettings(billing=Provisioned(2, 3), stream="NEW_AND_OLD_IMAGES")
    plan = await db.plan_tables(Book, Member, settings=wanted)
    books, members = f"{table_prefix}books", f"{table_prefix}members"
    assert [(change.name, change.kind, change.needs) for change in plan.changes] == [
        (f"{books}/by_title", "index extra", "drop_indexes"),
        (f"{books}/by_genre", "index differs", "drop_indexes"),
        (f"{books}/by_year", "index missing", None),
        (f"{books}/by_pages", "index missing", None),
        (books, "billing", None),
        (books, "stream", None),
        (books, "time to live", None),
        (members, "table missing", None),
    ]

    left = await db.apply_tables(plan)
    assert [change.name for change in left.changes] == [f"{books}/by_title", f"{books}/by_genre"]
    assert left == await db.plan_tables(Book, Member, settings=wanted)
    assert f'unless drop_indexes names "{books}/by_title"' in str(left)

    left = await db.apply_tables(left, drop_indexes=(f"{books}/by_title", f"{books}/by_genre"))
    assert left.is_empty, str(left)
    assert (await db.plan_tables(Book, Member, settings=wanted)).is_empty
    (book,) = await Book.by_year.query(1999).all()
    assert book.title == "t"

    back = TableSettings(billing="PAY_PER_REQUEST", stream="OFF")
    left = await db.apply_tables(await db.plan_tables(Book, Member, settings=back))
    assert left.is_empty, str(left)
    assert (await db.describe_table(Book)).billing == "PAY_PER_REQUEST"


async def test_deletion_protection(db: Client) -> None:
    # On its own: any other UpdateTable turns the protection off in DynamoDB Local 1.25.1, unlike in DynamoDB.
    await db.create_tables(Member)
    for protected in (True, False):
        settings = TableSettings(deletion_protection=protected)
        left = await db.apply_tables(await db.plan_tables(Member, settings=settings))
        assert left.is_empty, str(left)
        assert (await db.describe_table(Member)).deletion_protection is protected


async def test_another_kind_of_stream(local_db: Client) -> None:
    # moto never turns a stream on again that was off.
    await local_db.create_tables(Member, settings=TableSettings(stream="OLD_IMAGE"))
    left = await local_db.apply_tables(await local_db.plan_tables(Member, settings=TableSettings(stream="NEW_IMAGE")))
    assert left.is_empty, str(left)
    assert (await local_db.describe_table(Member)).stream == "NEW_IMAGE"


async def test_another_attribute_of_the_time_to_live(db: Client, table_prefix: str) -> None:
    await db.create_tables(Book)
    name = f"{table_prefix}books"
    for specification in ({"Enabled": False, "AttributeName": "expires"}, {"Enabled": True, "AttributeName": "until"}):
        await db.call("UpdateTimeToLive", {"TableName": name, "TimeToLiveSpecification": specification})
    plan = await db.plan_tables(Book)
    assert str(plan) == f"{name}: the time to live is until, and becomes expires"
    left = await db.apply_tables(plan)
    assert left.is_empty, str(left)
    assert (await db.plan_tables(Book)).is_empty


async def test_a_table_is_replaced_only_by_name(db: Client, table_prefix: str) -> None:
    await db.create_tables(OtherKey)
    plan = await db.plan_tables(Book)
    assert [(change.kind, change.needs) for change in plan.changes] == [("key differs", "drop_tables")]
    assert await db.apply_tables(plan) == plan
    assert str((await db.describe_table(Book)).key) == "isbn (S)"
    left = await db.apply_tables(plan, drop_tables=(f"{table_prefix}books",))
    assert left.is_empty, str(left)
    assert (await db.describe_table(Book)).time_to_live == "expires"


async def test_a_local_index_comes_with_its_table_alone(db: Client, table_prefix: str) -> None:
    class Bare(Model, table="books"):
        author: Attr[str] = partition_key()
        title: Attr[str] = sort_key()

    class Indexed(Bare, table="books"):
        year: Attr[int] = field(default=2000)
        of_author = LocalIndex(sort_key="year")

    await db.create_tables(Bare)
    plan = await db.plan_tables(Indexed)
    assert "local indexes come and go with their table" in str(plan)
    assert await db.apply_tables(plan) == plan
    left = await db.apply_tables(plan, drop_tables=(f"{table_prefix}books",))
    assert left.is_empty, str(left)


async def test_a_plan_of_before_is_not_made_of_a_table_that_changed(db: Client) -> None:
    plan = await db.plan_tables(Book)
    await db.create_tables(FirstBook)
    with pytest.raises(InvalidOperation, match="plan again"):
        await db.apply_tables(plan)
    assert (await db.describe_table(FirstBook)).index("by_year") is None


# Exporting


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("settings", [None, TableSettings(billing=Provisioned(2, 3), stream="NEW_IMAGE")])
async def test_an_exported_table_is_the_same_table(
    db: Client, table_prefix: str, form: TemplateFormat, settings: TableSettings | None
) -> None:
    await db.create_tables(Book, settings=settings)
    ours = await description(db, Book)
    await db.delete_tables(Book)
    text = table_template(Book, format=form, prefix=table_prefix, settings=settings)
    await _deploy(db, text, form)
    assert await description(db, Book) == ours
    assert (await db.plan_tables(Book, settings=settings)).is_empty


@pytest.mark.parametrize("form", FORMATS)
async def test_an_exported_index_of_several_attributes(
    embedded: LocalEndpoint, table_prefix: str, form: TemplateFormat
) -> None:
    async with embedded.client(table_prefix=table_prefix) as db:
        await db.create_tables(Place)
        ours = await description(db, Place)
        await db.delete_tables(Place)
        await _deploy(db, table_template([Place], format=form, prefix=table_prefix), form)
        assert await description(db, Place) == ours
        await db.delete_tables(Place)


async def _deploy(db: Client, text: str, form: TemplateFormat) -> None:
    for request, expires in read_template(text, form):
        await db.call("CreateTable", request)
        if expires is not None:
            specification = {"Enabled": True, "AttributeName": expires}
            update = {"TableName": request["TableName"], "TimeToLiveSpecification": specification}
            await db.call("UpdateTimeToLive", update)


# Requests written by hand


async def test_any_operation_can_be_called(db: Client, table_prefix: str) -> None:
    await db.create_tables(Member)
    name = f"{table_prefix}members"
    await db.call("PutItem", {"TableName": name, "Item": {"member_id": {"S": "m1"}, "extra": {"N": "1"}}})
    answer = await db.call("GetItem", {"TableName": name, "Key": {"member_id": {"S": "m1"}}})
    assert answer["Item"] == {"member_id": {"S": "m1"}, "extra": {"N": "1"}}
    assert name in (await db.call("ListTables", {}))["TableNames"]


async def test_errors_are_those_of_everything_else(db: Client, transport: str, table_prefix: str) -> None:
    await db.create_tables(Member)
    with pytest.raises(TableNotFound, match="DescribeTable"):
        await db.call("DescribeTable", {"TableName": f"{table_prefix}nothing"})
    with pytest.raises(TableInUse, match="CreateTable"):
        await db.call(
            "CreateTable",
            {
                "TableName": f"{table_prefix}members",
                "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{"AttributeName": "member_id", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "member_id", "AttributeType": "S"}],
            },
        )
    with pytest.raises(InvalidOperation, match=r"GetItem has no member 'TableNme': its members are .*, TableName"):
        await db.call("GetItem", {"TableNme": "members"})
    # botocore knows the form of every request to its depth; the direct transport leaves that to DynamoDB.
    refusal = InvalidOperation if transport == "aiobotocore" else ServiceError
    with pytest.raises(refusal, match="GetItem"):
        await db.call("GetItem", {"TableName": f"{table_prefix}members", "Key": ["member_id"]})


@pytest.mark.parametrize(("operation", "hint"), [("get_item", "its name is GetItem"), ("Close", "such as GetItem")])
async def test_what_is_no_operation_is_never_sent(db: Client, operation: str, hint: str) -> None:
    with pytest.raises(InvalidOperation, match=hint):
        await db.call(operation, {})


async def test_a_call_goes_through_the_middleware(open_client: Any) -> None:
    told: list[str] = []
    async with open_client(on_call=lambda record: told.append(record.operation)) as db:
        await db.call("ListTables", {})
    assert told == ["ListTables"]
