"""IAM's evaluation of one policy, for the elements that generated policies use; anything else in a policy is an error.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Policy = Mapping[str, Any]


@dataclass(frozen=True)
class Ask:
    """What is asked of IAM: an action on a resource, in a context of keys, whose values may be one or many."""

    action: str
    resource: str
    context: Mapping[str, Sequence[str]] = field(default_factory=dict)


class NotUnderstood(Exception):
    """The policy uses what this evaluator does not know."""


def allows(policy: Policy, ask: Ask) -> bool:
    """Whether a statement allows it and none denies it: what nothing speaks of is denied."""
    if set(policy) - {"Version", "Id"} != {"Statement"} or policy.get("Version") != "2012-10-17":
        raise NotUnderstood("a policy is of the version 2012-10-17 and has statements")
    effects = [statement["Effect"] for statement in _list(policy["Statement"]) if _applies(statement, ask)]
    return "Allow" in effects and "Deny" not in effects


def _applies(statement: Mapping[str, Any], ask: Ask) -> bool:
    if set(statement) - {"Sid", "Condition"} != {"Effect", "Action", "Resource"}:
        raise NotUnderstood(f"the elements of a statement: {sorted(statement)}")
    # Actions are not case-sensitive, resources and values are.
    actions = (_pattern(action, {}, re.IGNORECASE) for action in _list(statement["Action"]))
    resources = (_pattern(resource, ask.context) for resource in _list(statement["Resource"]))
    return (
        _any(actions, ask.action)
        and _any(resources, ask.resource)
        and all(
            _holds(operator, _list(wanted), key, ask.context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _holds(operator: str, wanted: list[str], key: str, context: Mapping[str, Sequence[str]]) -> bool:
    # The names of condition keys are not case-sensitive either.
    given = {name.lower(): values for name, values in context.items()}.get(key.lower())
    if operator == "Null":
        return (not given) == _truth(wanted)
    quantifier, _, plain = operator.rpartition(":")
    matches = _MATCHES.get(plain)
    if matches is None:
        raise NotUnderstood(f"the operator {operator}")
    if quantifier == "ForAllValues":
        # Also where there are none: https://docs.aws.amazon.com/IAM/latest/UserGuide/
        # reference_policies_condition-single-vs-multi-valued-context-keys.html
        return all(matches(value, wanted, context) for value in given or ())
    if quantifier == "ForAnyValue":
        return any(matches(value, wanted, context) for value in given or ())
    given = given or ()
    if quantifier or len(given) > 1:
        raise NotUnderstood(f"{operator} on {len(given)} values")
    return bool(given) and matches(given[0], wanted, context)


def _truth(wanted: list[str]) -> bool:
    if wanted not in (["true"], ["false"]):
        raise NotUnderstood(f"Null takes true or false, not {wanted}")
    return wanted == ["true"]


def _like(value: str, wanted: Iterable[str], context: Mapping[str, Sequence[str]]) -> bool:
    return _any((_pattern(each, context) for each in wanted), value)


def _equals(value: str, wanted: Iterable[str], context: Mapping[str, Sequence[str]]) -> bool:
    return _any((_pattern(each, context, wildcards=False) for each in wanted), value)


_MATCHES: Mapping[str, Callable[[str, Iterable[str], Mapping[str, Sequence[str]]], bool]] = {
    "StringEquals": _equals,
    "StringLike": _like,
}


def _any(patterns: Iterable[re.Pattern[str] | None], value: str) -> bool:
    return any(pattern is not None and pattern.fullmatch(value) for pattern in patterns)


_PARTS = re.compile(r"\$\{(?P<variable>[^}]*)\}|(?P<wildcard>[*?])|(?P<text>[^*?$]+|\$)")


def _pattern(
    text: str, context: Mapping[str, Sequence[str]], flags: int = 0, *, wildcards: bool = True
) -> re.Pattern[str] | None:
    """What a string of a policy matches; None where it names a variable that has no value, which matches nothing.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    pattern = ""
    for part in _PARTS.finditer(text):
        if part["wildcard"] and wildcards:
            pattern += ".*" if part["wildcard"] == "*" else "."
        elif part["variable"] is not None and part["variable"] not in ("*", "?", "$"):
            value = context.get(part["variable"])
            if not value:
                return None
            pattern += re.escape(value[0])
        else:
            pattern += re.escape(part["variable"] or part[0])
    return re.compile(pattern, flags | re.DOTALL)


def _list(value: Any) -> list[Any]:  # JSON: one string or object, or several
    return list(value) if isinstance(value, list) else [value]
