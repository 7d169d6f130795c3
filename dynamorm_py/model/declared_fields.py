"""A model's fields as they were declared: their attributes, their roles, and what is refused about them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from pydantic.fields import FieldInfo

from dynamorm_py.core.errors import InvalidModel
from dynamorm_py.core.schema import OWNER, KeyType
from dynamorm_py.fields.annotations import allows_none, nested_models, unwrapped
from dynamorm_py.fields.declaration import marker_of
from dynamorm_py.model.key_types import key_type

if TYPE_CHECKING:
    from dynamorm_py.model.base import Model

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-attributes
MAX_NAME = 64 * 1024 - 1


class DeclaredFields:
    """The fields of a class, checked: `attributes` has the attribute of each, `markers` what its declaration says."""

    def __init__(self, model: type[Model]) -> None:
        self.model = model
        self.infos: Mapping[str, FieldInfo] = model.model_fields
        self.markers = {name: marker_of(info) for name, info in self.infos.items()}
        self.attributes = {name: name if marker.name is None else marker.name for name, marker in self.markers.items()}
        self._check_attributes()

    @cached_property
    def optional(self) -> frozenset[str]:
        """The fields that may be None."""
        return frozenset(name for name, info in self.infos.items() if allows_none(info.annotation))

    def with_role(self, role: str) -> str | None:
        """The field that is marked as the partition key, the version number, and so on."""
        return next((name for name, marker in self.markers.items() if marker.role == role), None)

    def attribute_with_role(self, role: str) -> str | None:
        """The attribute of that field."""
        name = self.with_role(role)
        return self.attributes[name] if name else None

    def key_type_of(self, name: str, *, in_template: bool = False) -> KeyType:
        """The DynamoDB type of a field in a key, or in a template, which takes booleans too."""
        if self.infos[name].exclude:
            raise self.invalid(f"{name} is part of a key, and excluded from what is stored")
        if self.markers[name].role == "time_to_live":
            return "N"
        found = key_type(self.model, name)
        if found is None or (found == "BOOL" and not in_template):
            raise self.invalid(
                f"{name} is part of a key, and its type cannot be: a key is text, a number or bytes, or something that "
                "is stored as one of them (a serializer says so by its return type)"
            )
        return cast(KeyType, found)

    def invalid(self, message: str) -> InvalidModel:
        """An error that names the class."""
        return InvalidModel(message, model=self.model.__name__)

    def _check_attributes(self) -> None:
        seen: dict[str, str] = {}
        for name, attribute in self.attributes.items():
            if attribute in seen:
                raise self.invalid(
                    f"{seen[attribute]} and {name} are both stored as {attribute}: rename one with name="
                )
            seen[attribute] = name
            self._check_field(name, attribute)
            for nested in nested_models(self.infos[name].annotation):
                self._check_nested(name, nested)
        for role in (
            "partition_key",
            "sort_key",
            "tenant_key",
            "version_number",
            "created_timestamp",
            "updated_timestamp",
            "time_to_live",
        ):
            marked = [name for name, marker in self.markers.items() if marker.role == role]
            if len(marked) > 1:
                raise self.invalid(f"{' and '.join(marked)} are both marked {role}(): a model has one")
        self._check_kind("tenant_key", str, "a str")
        self._check_kind("version_number", int, "an int")
        self._check_kind("created_timestamp", datetime, "a datetime")
        self._check_kind("updated_timestamp", datetime, "a datetime")
        self._check_kind("time_to_live", (datetime, int), "a datetime or an int")

    def _check_nested(self, field: str, nested: type[Any]) -> None:
        renamed = [name for name, info in nested.model_fields.items() if marker_of(info).name not in (None, name)]
        if renamed:
            raise self.invalid(
                f"{field} holds a {nested.__name__}, whose {renamed[0]} is declared with name=: inside a document, "
                "attributes are called as their fields"
            )

    def _check_field(self, name: str, attribute: str) -> None:
        info, marker = self.infos[name], self.markers[name]
        if not 1 <= len(attribute.encode()) <= MAX_NAME:
            raise self.invalid(f"{name} is stored as {attribute[:20]!r}: a name has 1 to {MAX_NAME} bytes")
        if attribute == OWNER:
            raise self.invalid(f"{name} is stored as {OWNER}, which marks the sentinels of unique constraints")
        if marker.null not in ("absent", "store"):
            raise self.invalid(f"{name} has null={marker.null!r}: None is 'absent', or asked to 'store'")
        if info.exclude and (info.is_required() or marker.role != "plain"):
            raise self.invalid(f"{name} is excluded from what is stored, so it needs a default and can have no role")

    def _check_kind(self, role: str, kind: type | tuple[type, ...], words: str) -> None:
        name = self.with_role(role)
        if name is None:
            return
        found = unwrapped(self.infos[name].annotation)
        if not (isinstance(found, type) and issubclass(found, kind)) or issubclass(found, bool):
            raise self.invalid(f"{name} is marked {role}() and has to be {words}")
