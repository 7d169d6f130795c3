"""The encoder of one model, as straight-line source that is generated from its fields.

The generic way (`ModelMapping.item_of`: pydantic's serializer, then `core.values.encode`) says what an instance is
stored as. Where the schema shows that pydantic would dump a value as it is, the generated function takes it from the
instance and writes it under the tag of its type. That an instance holds what its annotations say is a guess, never a
rule, since an assignment checks nothing: each value is asked for its exact type, and an instance that holds any other
is handed to the generic way whole, so that what becomes of it, its errors included, is the generic way's own. Fields
that pydantic shapes (nested models, enums, serializers) are dumped by it still, and only they.

Measured on CPython 3.13, for ten attributes with a list and a dict: the generic way takes 7.4 µs, the generated
function 3.0; with a set and a nested model among them, on 3.11, 12.2 and 7.3. Like a decoder it is made when many
instances were written; see `model.compiled_later`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias
from uuid import UUID

from dynamorm_py.core.errors import InvalidOperation
from dynamorm_py.core.records import Record
from dynamorm_py.core.values import encode
from dynamorm_py.core.wire import Item

if TYPE_CHECKING:
    from dynamorm_py.model.base import Model

# Writes a field's attribute into an item in the generic way, from what pydantic dumped of it.
Put: TypeAlias = Callable[[Item, "Model", str, object], None]

# What pydantic dumps of some fields of an instance, by their names.
Dump: TypeAlias = Callable[["Model", set[str]], Mapping[str, object]]


class WrittenField(Record):
    """A field as its encoder needs it. `schema` is its core schema, None where its stored form depends on more than its
    value's type; `attribute` is None where the library writes the field itself; `null` says that None is stored."""

    name: str
    attribute: str | None
    schema: Any  # a core schema, which is nested dicts
    optional: bool
    null: bool


def compiled_encoder(
    model: str,
    fields: Iterable[WrittenField],
    definitions: Mapping[str, Any],  # core schemas, by the names under which the fields' refer to them
    dump: Dump,
    put: Put,
    generic: Callable[[Model], Item],
) -> Callable[[Model], Item]:
    """What gives the same as `generic` for every instance of the model, faster for those that are as the fields say."""
    forms = _Forms(definitions)
    lines = _lines([(each, forms.of(each.schema)) for each in fields])
    names: dict[str, Any] = {
        **forms.names,
        "dump": dump,
        "encode": encode,
        "generic": generic,
        "put": put,
        "strange": _strange,
        "surprises": (AttributeError, KeyError, TypeError, ValueError, InvalidOperation),
    }
    exec(compile("\n".join(lines), f"<encoder of {model}>", "exec"), names)  # noqa: S102  # of reprs and literals only
    compiled: Callable[[Model], Item] = names["item_of"]
    return compiled


def _strange() -> NoReturn:
    """Leaves an instance that holds a value of another type than its field's to the generic way."""
    raise TypeError


def _lines(fields: Sequence[tuple[WrittenField, _Form | None]]) -> list[str]:
    """The source."""
    dumped = sorted(each.name for each, form in fields if form is None)
    lines = ["def item_of(instance):", " try:", "  values = instance.__dict__", "  item = {}"]
    if dumped:
        lines.append(f"  dumped = dump(instance, {{{', '.join(map(repr, dumped))}}})")
    for each, form in fields:
        lines += _dumped(each) if form is None else _plain(each, form)
    return [*lines, "  return item", " except surprises:", "  return generic(instance)"]


def _dumped(field: WrittenField) -> list[str]:
    return [f"  put(item, instance, {field.name!r}, dumped[{field.name!r}])"] if field.attribute is not None else []


def _plain(field: WrittenField, form: _Form) -> list[str]:
    lines = [f"  v = values[{field.name!r}]"]
    there = "v is not None" if field.optional else ""
    if field.attribute is None:
        return [*lines, f"  {f'{there} and ' if there else ''}({form.stored('v')})"]
    if form.is_set:
        there = (
            "v or v is not None and type(v) is not " + form.type
            if field.optional
            else f"v or type(v) is not {form.type}"
        )
    store = f"item[{field.attribute!r}] = {form.stored('v')}"
    if not there:
        return [*lines, f"  {store}"]
    lines += [f"  if {there}:", f"   {store}"]
    return [*lines, "  elif v is None:", f"   item[{field.attribute!r}] = {{'NULL': True}}"] if field.null else lines


class _Form(Record):
    """How values of one type are stored: the type's name, and the expression of the attribute value that a variable is
    stored as where its value is of that type. `also` is a further condition, for what it binds."""

    type: str
    written: Callable[[str], str]
    also: Callable[[str], str] | None = None
    is_set: bool = False

    def stored(self, value: str, first: str | None = None) -> str:
        """The attribute value of the variable, which its first mention may bind."""
        also = f" and {self.also(value)}" if self.also is not None else ""
        return f"{self.written(value)} if type({first or value}) is {self.type}{also} else strange()"


def _text(value: str) -> str:
    # Other text than ASCII can hold what UTF-8 has no bytes for.
    return f"({{'S': {value}}} if {value}.isascii() else encode({value}))"


def _whole_number(value: str) -> str:
    # Up to there it has 38 digits at most, whichever they are.
    return f"({{'N': repr({value})}} if -(10**38) < {value} < 10**38 else encode({value}))"


def _flag(value: str) -> str:
    return f"{{'BOOL': {value}}}"


def _binary(value: str) -> str:
    return f"{{'B': {value}}}"


def _encoded(value: str) -> str:
    return f"encode({value})"


# Types of which each has one encoding, and more to it than to write the value down.
_ENCODED: tuple[type, ...] = (float, Decimal, datetime, date, time, timedelta, UUID)

# By the names of the core schemas of which pydantic dumps a value as it is.
_SCALARS: Mapping[str, _Form] = {
    "str": _Form("str", _text),
    "int": _Form("int", _whole_number),
    "bool": _Form("bool", _flag),
    "bytes": _Form("bytes", _binary),
    **{kind.__name__.lower(): _Form(kind.__name__, _encoded) for kind in _ENCODED},
}

# What a set holds one type of. An empty one is no attribute, and inside a document an empty list.
_MEMBERS = ("str", "int")

# Core schemas that say more of what is valid, and nothing of what is dumped.
_WRAPPERS = frozenset({"default", "function-after", "function-before", "function-wrap"})

# Deeper than this a document is no longer sure to be of a depth that DynamoDB takes.
_DEEPEST = 8

# So many fields of nested models stand in the source at the most, each wherever its model is held: models that hold
# models that hold models would be compiled for seconds. Those beyond are dumped.
_MOST_NESTED = 150


class _Forms:
    """Finds the form of what a core schema describes: None where pydantic's serializer has a say in it, or nothing is
    known of it. `names` is what the forms' expressions refer to."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._within: list[str] = []
        self._nested = 0
        self.names: dict[str, Any] = {kind.__name__: kind for kind in _ENCODED}

    def of(self, schema: Any, depth: int = 1) -> _Form | None:  # of core schemas, here and below
        if schema is None or "serialization" in schema or depth > _DEEPEST:
            return None
        kind = schema["type"]
        if kind in _WRAPPERS or (kind == "nullable" and depth == 1):
            return self.of(schema["schema"], depth)
        if kind == "definition-ref":
            return self._defined(schema["schema_ref"], depth)
        find: Callable[[Any, int], _Form | None] | None = {
            "list": self._list,
            "dict": self._map,
            "set": self._set,
            "frozenset": self._set,
            "enum": self._enum,
            "model": self._model,
        }.get(kind)
        return _SCALARS.get(kind) if find is None else find(schema, depth)

    def _defined(self, name: str, depth: int) -> _Form | None:
        if name in self._within or name not in self._definitions:
            return None  # no source is as deep as a type that holds itself
        self._within.append(name)
        form = self.of(self._definitions[name], depth)
        self._within.pop()
        return form

    def _list(self, schema: Any, depth: int) -> _Form | None:
        member = self.of(schema.get("items_schema"), depth + 1)
        if member is None:
            return None
        each = member.stored(f"m{depth}")
        return _Form("list", lambda value: f"{{'L': [{each} for m{depth} in {value}]}}")

    def _map(self, schema: Any, depth: int) -> _Form | None:
        member, keys = self.of(schema.get("values_schema"), depth + 1), self.of(schema.get("keys_schema"))
        if member is None or keys is not _SCALARS["str"]:
            return None
        key, each = f"k{depth}", member.stored(f"m{depth}")
        name = f"{key} if type({key}) is str and {key} and {key}.isascii() else strange()"
        return _Form("dict", lambda value: f"{{'M': {{{name}: {each} for {key}, m{depth} in {value}.items()}}}}")

    def _set(self, schema: Any, depth: int) -> _Form | None:
        member = self.of(schema.get("items_schema"), depth)
        if member is None or member.type not in _MEMBERS:
            return None
        only = f"only_{member.type}"
        self.names[only] = frozenset({str if member.type == "str" else int})
        return _Form(schema["type"], _encoded, lambda value: f"{only}.issuperset(map(type, {value}))", is_set=True)

    def _enum(self, schema: Any, depth: int) -> _Form:
        return _Form(self._named(schema["cls"]), _encoded)

    def _model(self, schema: Any, depth: int) -> _Form | None:
        fields = schema["schema"]
        whole = fields["type"] == "model-fields" and "serialization" not in fields and not schema.get("root_model")
        config = schema.get("config") or {}
        if not whole or config.get("extra_fields_behavior", fields.get("extra_behavior")) == "allow":
            return None
        entries = []
        for name, field in fields["fields"].items():
            self._nested += 1
            entry = self._entry(name, field, depth) if self._nested <= _MOST_NESTED else None
            if entry is None:
                return None
            entries.append(entry)
        return _Form(
            self._named(schema["cls"]),
            lambda value: f"{{'M': {{{', '.join(entries)}}}}}",
            lambda value: f"(d{depth} := {value}.__dict__) is not None",
        )

    def _entry(self, name: str, field: Any, depth: int) -> str | None:
        """A field of a nested model, as an entry of its map."""
        if field.keys() & {"serialization_exclude", "serialization_exclude_if"}:
            return None
        schema = field["schema"]
        while schema["type"] == "default" and "serialization" not in schema:
            schema = schema["schema"]
        nullable = schema["type"] == "nullable" and "serialization" not in schema
        form = self.of(schema["schema"] if nullable else schema, depth + 1)
        if form is None:
            return None
        value, bound = f"e{depth}", f"(e{depth} := d{depth}[{name!r}])"
        if not nullable:
            return f"{name!r}: {form.stored(value, bound)}"
        return f"{name!r}: {{'NULL': True}} if {bound} is None else {form.stored(value)}"

    def _named(self, kind: type) -> str:
        name = f"kind_{len(self.names)}"
        self.names[name] = kind
        return name
