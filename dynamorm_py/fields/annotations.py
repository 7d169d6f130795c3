"""Questions about annotations: what is inside, whether None is a value, whether an empty value is not stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import is_dataclass
from types import UnionType
from typing import Annotated, Any, NotRequired, Required, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from typing_extensions import ReadOnly, is_typeddict

# Each function takes whatever an annotation can be, for which Python has no type.


def bare(annotation: Any) -> Any:
    """The annotation without `Annotated`, and a named alias (`type Id = str`) as what it stands for."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif type(annotation).__name__ == "TypeAliasType":  # typing's from Python 3.12 on, or typing_extensions'
            annotation = annotation.__value__
        else:
            return annotation


def unwrapped(annotation: Any) -> Any:
    """The annotation without `Annotated` and without None; a union of several types stays one."""
    while True:
        annotation = bare(annotation)
        members = union_members(annotation)
        if type(None) not in members:
            return annotation
        rest = tuple(member for member in members if member is not type(None))
        annotation = Union[rest]  # noqa: UP007  # the members are known at run time only


def union_members(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, none for anything else."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else ()


def allows_none(annotation: Any) -> bool:
    """Whether None is a value of the type."""
    annotation = bare(annotation)
    return (
        annotation is Any
        or annotation is object
        or annotation is None
        or annotation is type(None)
        or any(allows_none(member) for member in union_members(annotation))
    )


def is_set(annotation: Any) -> bool:
    """Whether the type is a set: one that is empty is not stored."""
    kind = _kind(annotation)
    return isinstance(kind, type) and issubclass(kind, AbstractSet)


def is_map(annotation: Any) -> bool:
    """Whether the type is a dict or another mapping, whose keys are the names in a document."""
    kind = _kind(annotation)
    return isinstance(kind, type) and issubclass(kind, Mapping)


def item_of(annotation: Any, index: int | None = None) -> Any:
    """What a collection holds, at this index where its places differ; None where that is not known."""
    inner = unwrapped(annotation)
    kind, arguments = _kind(annotation), get_args(inner)
    if not arguments or not isinstance(kind, type) or not issubclass(kind, Collection):
        return None
    if issubclass(kind, Mapping):
        return arguments[1] if len(arguments) == 2 else None
    if issubclass(kind, tuple) and arguments[-1] is not Ellipsis:
        return arguments[index] if index is not None and index < len(arguments) else None
    return arguments[0]


def child_of(annotation: Any, name: str) -> Any:
    """The type of the entry `name` of a dataclass, a TypedDict or a mapping; None where that is not known."""
    inner = unwrapped(annotation)
    if is_map(inner) and not is_typeddict(inner):
        return item_of(inner)
    if not is_dataclass(inner) and not is_typeddict(inner):
        return None
    try:
        hint = get_type_hints(inner, include_extras=True).get(name)
    except NameError:  # names that only the place of the definition knows
        return None
    while get_origin(hint) in (Required, NotRequired, ReadOnly):
        (hint,) = get_args(hint)
    return hint


def _kind(annotation: Any) -> Any:
    inner = unwrapped(annotation)
    return get_origin(inner) or inner


def nested_models(annotation: Any) -> set[type[BaseModel]]:
    """The models that values of the type hold, at any depth."""
    found: set[type[BaseModel]] = set()
    waiting = [annotation]
    while waiting:
        part = bare(waiting.pop())
        waiting.extend(get_args(part))
        if isinstance(part, type) and issubclass(part, BaseModel) and part not in found:
            found.add(part)
            waiting.extend(info.annotation for info in part.model_fields.values())
    return found
