"""What is refused when a model class is defined, with the class named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from dynamorm_py import (
    Attr,
    GlobalIndex,
    InvalidModel,
    LocalIndex,
    Model,
    PrimaryKey,
    field,
    partition_key,
    sort_key,
    time_to_live,
    unique,
    updated_timestamp,
    version_number,
)


def defined(table: str = "table", **namespace: Any) -> Any:  # a class of which no type checker knows the fields
    """A model class `Made` with these attributes; annotations under `fields`, in the order in which they are given."""
    annotations = namespace.pop("fields", {"id": Attr[str]})
    body = {"__annotations__": annotations, "__module__": __name__, **namespace}
    metaclass: Any = type(Model)
    return metaclass("Made", (Model,), body, table=table)


KEY = {"id": Attr[str]}
TWO: dict[str, Any] = {"id": Attr[str], "other": Attr[str]}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: defined(), "there is no partition key"),
        (lambda: defined(fields=TWO, id=partition_key(), other=partition_key()), "id and other are both marked"),
        (lambda: defined(id=partition_key(), key=PrimaryKey("X#{id}")), "id is marked as a key, and a PrimaryKey"),
        (lambda: defined(one=PrimaryKey("X#{id}"), two=PrimaryKey("Y#{id}")), "two PrimaryKeys"),
        (lambda: defined(key=PrimaryKey("X#{nope}")), "names nope, which is not a field"),
        (lambda: defined(key=PrimaryKey("nope")), "names nope, which is not a field"),
        (lambda: defined(key=PrimaryKey("{id}{id}")), "occurs twice"),
        (lambda: defined(fields=TWO, key=PrimaryKey("{id}{other}")), "without a separator"),
        (lambda: defined(fields=TWO, key=PrimaryKey("{id}-{other}")), "only # may"),
        (lambda: defined(key=PrimaryKey("X#{id}", "Y#{id}", sort_attribute="pk")), "its attributes have to differ"),
        (lambda: defined(key=PrimaryKey("X#{id}", partition_attribute="id")), "which is a field's attribute too"),
        (lambda: defined(table="no spaces", id=partition_key()), "a table's name has 1 to 255"),
        (lambda: defined(id=partition_key(), ix=GlobalIndex(partition_key="id")), "has 3 to 255 letters"),
        (lambda: defined(id=partition_key(), index=GlobalIndex()), "a global index needs a partition_key"),
        (lambda: defined(id=partition_key(), index=GlobalIndex(partition_key="nope")), "nope, which is not a field"),
        (lambda: defined(id=partition_key(), index=LocalIndex(sort_key="id")), "needs a table with a sort key"),
        (
            lambda: defined(id=partition_key(), index=GlobalIndex(partition_key=("id",) * 5)),
            "at most 4 attributes on each side",
        ),
        (
            lambda: defined(id=partition_key(), index=GlobalIndex(partition_key="id", projection=("nope",))),
            "the projection names nope",
        ),
        (
            lambda: defined(
                fields=TWO,
                id=partition_key(),
                one=GlobalIndex(partition_key="A#{id}", partition_attribute="gsi"),
                two=GlobalIndex(partition_key="B#{other}", partition_attribute="gsi"),
            ),
            "gsi would be made of A#{id} and of B#{other}",
        ),
        (
            lambda: defined(
                id=partition_key(),
                one=GlobalIndex("same", partition_key="id"),
                two=GlobalIndex("same", partition_key="id"),
            ),
            "two indexes are called same",
        ),
        (
            lambda: defined(fields={**KEY, "other": Attr[str]}, id=partition_key(), other=field(name="id")),
            "id and other are both stored as id",
        ),
        (lambda: defined(fields={"id": Attr[list[str]]}, id=partition_key()), "its type cannot be"),
        (lambda: defined(fields={"id": Attr[bool]}, id=partition_key()), "its type cannot be"),
        (lambda: defined(fields={**KEY, "v": Attr[str]}, id=partition_key(), v=version_number()), "has to be an int"),
        (lambda: defined(fields={**KEY, "v": Attr[bool]}, id=partition_key(), v=version_number()), "has to be an int"),
        (
            lambda: defined(fields={**KEY, "at": Attr[int]}, id=partition_key(), at=updated_timestamp()),
            "has to be a datetime",
        ),
        (
            lambda: defined(fields={**KEY, "at": Attr[str]}, id=partition_key(), at=time_to_live()),
            "has to be a datetime or an int",
        ),
        (lambda: defined(fields={**KEY, "save": Attr[str]}, id=partition_key()), "save is the name of a verb"),
        (lambda: defined(fields={**KEY, "query": Attr[str]}, id=partition_key()), "query is the name of a verb"),
        (lambda: defined(fields={**KEY, "after_read": Attr[str]}, id=partition_key()), "after_read is the name of"),
    ],
)
def test_a_class_that_cannot_be_mapped_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidModel, match="Made") as raised:
        make()
    assert message in str(raised.value)


@pytest.mark.parametrize("marker", [field, partition_key, sort_key, version_number, updated_timestamp, time_to_live])
def test_a_misspelled_option_is_refused(marker: Callable[..., Any]) -> None:
    role = marker.__name__
    with pytest.raises(
        InvalidModel, match=rf"Misspelled: odd: {role}\(\) got nmae, which neither it nor pydantic\.Field"
    ):

        class Misspelled(Model):
            odd: Attr[Any] = marker(nmae="x")


def test_two_indexes_may_share_a_composed_attribute() -> None:
    made = defined(
        fields=TWO,
        id=partition_key(),
        one=GlobalIndex(partition_key="A#{id}", partition_attribute="gsi"),
        two=GlobalIndex(partition_key="A#{id}", partition_attribute="gsi", sort_key="other"),
    )
    assert made(id="1", other="2").put().request["Item"] == {
        "id": {"S": "1"},
        "other": {"S": "2"},
        "gsi": {"S": "A#1"},
    }


def test_subclasses_inherit_everything_and_share_nothing() -> None:
    class Base(Model, table="base"):
        id: Attr[str] = partition_key()
        kind: Attr[str] = field(default="k")
        by_kind = GlobalIndex(partition_key="K#{kind}")

    class One(Base):
        one: Attr[int] = field(default=1)

    class Two(Base, table="two"):
        kind: Attr[str] = field(default="z")

    assert One.get("1").request["TableName"] == "base"
    assert Two.get("1").request["TableName"] == "two"
    assert One(id="1").put().request["Item"].keys() == {"id", "kind", "one", "by_kind_pk"}
    assert Two(id="1").put().request["Item"]["by_kind_pk"] == {"S": "K#z"}
    assert Two.by_kind.query("x").request["TableName"] == "two"
    with pytest.raises(AttributeError, match="one"):
        getattr(Two, "one")  # noqa: B009  # type checkers refuse the plain spelling
    with pytest.raises(ValueError, match="id"):
        One.model_validate({})  # an inherited required field stays required


def test_a_mixin_without_a_table_brings_its_fields() -> None:
    class Stamped(Model):
        updated: Attr[datetime] = updated_timestamp()
        version: Attr[int] = version_number()

    class Document(Stamped, table="documents"):
        id: Attr[str] = partition_key()

    item = Document(id="1").create().request["Item"]
    assert item["version"] == {"N": "0"}
    assert "updated" in item


def test_a_class_keyword_that_nothing_takes_is_refused() -> None:
    with pytest.raises(InvalidModel, match="tabel"):

        class Misspelled(Model, tabel="things"):
            thing_id: Attr[str] = partition_key()


def test_a_renamed_attribute_inside_a_document_is_refused() -> None:
    class Inner(Model):
        city: Attr[str] = field(name="c")

    with pytest.raises(InvalidModel, match=r"Outer: inner holds a Inner, whose city is declared with name="):

        class Outer(Model, table="outer"):
            outer_id: Attr[str] = partition_key()
            inner: Attr[list[Inner] | None] = field(default=None)


def test_unique_values_of_items_that_expire_are_refused() -> None:
    with pytest.raises(InvalidModel, match="time to live"):

        class Session(Model, table="sessions"):
            session_id: Attr[str] = partition_key()
            token: Attr[str]
            expires: Attr[int] = time_to_live()
            tokens = unique("token")


def test_an_index_that_copies_some_attributes_copies_the_time_to_live() -> None:
    class Session(Model, table="sessions"):
        session_id: Attr[str] = partition_key()
        user: Attr[str]
        expires: Attr[int] = time_to_live(name="exp")
        by_user = GlobalIndex(partition_key="user", projection=("session_id",))

    assert Session.__dynamorm_schema__.indexes["by_user"].projection == ("session_id", "exp")
