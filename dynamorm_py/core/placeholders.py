"""The names and values of one request's expressions.

Every attribute name is aliased, always: DynamoDB reserves 573 words, and a name may hold dots, dashes and spaces.
Aliases are numbered in order of first use and never derived from data, so that the same operation compiles to the same
bytes.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ExpressionAttributeNames.html
"""

from __future__ import annotations

from dynamorm_py.core.wire import AttributeValue, Request


class Placeholders:
    """Collects what the expressions of one request refer to. One instance serves one request."""

    __slots__ = ("_names", "_values")

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, AttributeValue] = {}

    def name(self, attribute: str) -> str:
        """The alias of an attribute name; the same name always gets the same alias."""
        alias = self._names.get(attribute)
        if alias is None:
            alias = self._names[attribute] = f"#n{len(self._names)}"
        return alias

    def value(self, value: AttributeValue) -> str:
        """A fresh alias for a value."""
        alias = f":v{len(self._values)}"
        self._values[alias] = value
        return alias

    def write_into(self, request: Request) -> None:
        """Adds the maps to a request. An empty map is an error to DynamoDB, so it is left out."""
        if self._names:
            request["ExpressionAttributeNames"] = {alias: name for name, alias in self._names.items()}
        if self._values:
            request["ExpressionAttributeValues"] = dict(self._values)
