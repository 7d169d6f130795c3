from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass
from functools import cached_property
from inspect import signature
from typing import Any, ClassVar, Generic, TypeVar

import pytest

from dynamorm_py.core.record_shapes import SHAPES
from dynamorm_py.core.records import Record, RecordType, field, replace

T = TypeVar("T")


class Point(Record):
    """A place."""

    x: int
    y: int = 0


@dataclass(frozen=True, slots=True)
class DataPoint:
    """A place."""

    x: int
    y: int = 0


class Other(Record):
    x: int
    y: int = 0


class Note(Record):
    text: str
    author: str | None = field(default=None, compare=False, repr=False)
    tags: dict[str, int] = field(default_factory=dict)


class Even(Record):
    number: int
    source: str = ""

    def __post_init__(self) -> None:
        if self.number % 2:
            raise ValueError(f"{self.number} is odd, says {self.source}")


class Box(Record, Generic[T]):
    content: T
    sealed: bool = False

    limit: ClassVar[int] = 3

    @property
    def label(self) -> str:
        return f"box of {self.content}"


class Verse(Record):
    __slots__ = ("__dict__",)

    lines: tuple[str, ...]

    @cached_property
    def text(self) -> str:
        return "\n".join(self.lines)


class Place(Point):
    name: str = "here"


class Nothing(Record):
    pass


class TestMaking:
    def test_fields_are_given_by_position_by_name_or_left_to_their_defaults(self) -> None:
        assert [(p.x, p.y) for p in (Point(1), Point(1, 2), Point(y=2, x=1), Point(1, y=3))] == [
            (1, 0),
            (1, 2),
            (1, 2),
            (1, 3),
        ]

    @pytest.mark.parametrize(
        ("given", "named", "message"),
        [
            ((), {}, r"Point.__init__\(\) missing 1 required positional argument: 'x'"),
            ((1, 2, 3), {}, r"Point.__init__\(\) takes from 2 to 3 positional arguments but 4 were given"),
            ((1,), {"x": 1}, r"Point.__init__\(\) got multiple values for argument 'x'"),
            ((1,), {"z": 1}, r"Point.__init__\(\) got an unexpected keyword argument 'z'"),
        ],
    )
    def test_wrong_arguments_are_refused_in_the_records_own_names(
        self, given: tuple[int, ...], named: dict[str, int], message: str
    ) -> None:
        with pytest.raises(TypeError, match=message):
            Point(*given, **named)

    def test_the_signature_shows_the_fields(self) -> None:
        assert str(signature(Point)) == "(x, y=0)"
        assert str(signature(Note)) == "(text, author=None, tags=<factory>)"

    def test_a_factory_makes_a_fresh_default_for_every_record(self) -> None:
        one, other = Note("a"), Note("a")
        one.tags["x"] = 1
        assert (other.tags, Note("b", None, {"y": 2}).tags) == ({}, {"y": 2})

    def test_a_check_sees_all_fields(self) -> None:
        assert Even(2).number == 2
        with pytest.raises(ValueError, match="3 is odd, says me"):
            Even(3, "me")

    @pytest.mark.parametrize("count", range(len(SHAPES)))
    def test_every_number_of_fields_puts_each_value_in_its_place(self, count: int) -> None:
        names = [f"field_{number}" for number in range(count)]
        made: Any = RecordType("Made", (Record,), {"__annotations__": dict.fromkeys(names, "int")})
        values = list(range(100, 100 + count))
        assert [getattr(made(*values), name) for name in names] == values
        assert [getattr(made(**dict(zip(names, values, strict=True))), name) for name in names] == values

    def test_a_field_without_a_default_after_one_that_has_one_is_refused(self) -> None:
        with pytest.raises(TypeError, match="Wrong: a field without a default follows"):
            RecordType("Wrong", (Record,), {"__annotations__": {"a": "int", "b": "int"}, "a": 1})

    def test_fields_of_the_record_above_come_first(self) -> None:
        assert Place(1, 2, "there") == Place(name="there", y=2, x=1)
        assert (repr(Place(1)), isinstance(Place(1), Point)) == ("Place(x=1, y=0, name='here')", True)

    def test_more_fields_than_there_are_shapes_are_refused(self) -> None:
        names = dict.fromkeys((f"field_{number}" for number in range(len(SHAPES))), "int")
        with pytest.raises(TypeError, match=f"Wide has {len(SHAPES)} fields"):
            RecordType("Wide", (Record,), {"__annotations__": names})

    def test_a_record_without_fields(self) -> None:
        assert (Nothing(), repr(Nothing()), hash(Nothing())) == (Nothing(), "Nothing()", hash(Nothing()))


class TestFrozen:
    @pytest.mark.parametrize("name", ["x", "anything"])
    def test_nothing_can_be_set_or_deleted(self, name: str) -> None:
        point = Point(1, 2)
        with pytest.raises(AttributeError, match=f"Point is frozen: {name} cannot be set"):
            setattr(point, name, 3)
        with pytest.raises(AttributeError, match=f"Point is frozen: {name} cannot be deleted"):
            delattr(point, name)
        assert point == Point(1, 2)

    def test_there_is_no_room_for_anything_else(self) -> None:
        assert not hasattr(Point(1), "__dict__")

    def test_room_for_cached_properties_can_be_asked_for(self) -> None:
        verse = Verse(("a", "b"))
        assert verse.text == "a\nb"
        assert verse.text is verse.text
        with pytest.raises(AttributeError):
            verse.lines = ()  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


class TestValue:
    def test_equality_is_of_class_and_fields(self) -> None:
        assert Point(1, 2) == Point(1, 2)
        assert Point(1, 2) != Point(1, 3)
        assert (Point(1, 2) == Other(1, 2), Point(1, 2) == (1, 2)) == (False, False)
        assert Point(1) != Place(1)

    def test_equal_records_have_equal_hashes(self) -> None:
        assert len({Point(1, 2), Point(1, 2), Point(2, 1)}) == 2
        with pytest.raises(TypeError, match="unhashable"):
            hash(Note("a"))

    def test_fields_can_be_kept_out_of_comparison_and_text(self) -> None:
        assert Note("a", "me") == Note("a", "you")
        assert repr(Note("a", "me")) == "Note(text='a', tags={})"

    def test_the_text_is_a_dataclasss(self) -> None:
        assert repr(Point(1, 2)) == repr(DataPoint(1, 2)).replace("DataPoint", "Point")

    def test_matching_by_position(self) -> None:
        match Point(1, 2):
            case Point(x, 2):
                assert x == 1
            case _:
                pytest.fail("the pattern is the record's own")

    def test_generic_records_keep_their_properties_and_class_variables(self) -> None:
        box = Box[str]("hat")
        assert (box.label, box.limit, Box.limit, box.sealed) == ("box of hat", 3, 3, False)

    @pytest.mark.parametrize("record", [Point(1, 2), Note("a", "me", {"x": 1}), Box("hat"), Verse(("a",)), Nothing()])
    def test_copies_and_pickles_are_equal(self, record: Record) -> None:
        assert [pickle.loads(pickle.dumps(record)), copy.copy(record), copy.deepcopy(record)] == [record] * 3  # noqa: S301 - our own pickle

    def test_a_deep_copy_shares_nothing_that_can_change(self) -> None:
        note = Note("a", None, {"x": 1})
        copied = copy.deepcopy(note)
        note.tags["x"] = 2
        assert copied.tags == {"x": 1}


class TestReplace:
    def test_other_values_in_some_fields(self) -> None:
        note = Note("a", "me", {"x": 1})
        changed = replace(note, text="b")
        assert (changed.text, changed.author, changed.tags is note.tags, note.text) == ("b", "me", True, "a")

    def test_the_copy_is_checked(self) -> None:
        with pytest.raises(ValueError, match="3 is odd"):
            replace(Even(2), number=3)

    def test_a_name_that_is_no_field_is_refused(self) -> None:
        with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
            replace(Point(1), z=1)
