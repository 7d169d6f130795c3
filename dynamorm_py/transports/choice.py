"""Which transport a client takes, and why.

The direct one is taken where nobody could tell the difference: as soon as anything is configured that aiobotocore would
heed and it would not, `auto` leaves the client to aiobotocore.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypeAlias

from dynamorm_py.core.errors import InvalidOperation
from dynamorm_py.core.records import Record
from dynamorm_py.transports import Settings
from dynamorm_py.transports.credentials import in_environment
from dynamorm_py.transports.endpoints import is_true, resolve
from dynamorm_py.transports.instrumentation import instrumentation_in_place, mocks_in_place
from dynamorm_py.transports.proxies import proxy_for
from dynamorm_py.transports.reasons import Reason

Name: TypeAlias = Literal["direct", "aiobotocore"]
Wanted: TypeAlias = Literal["auto", "direct", "aiobotocore"]

# Environment variables of botocore that change what it sends or does around it: as switches, and by any value.
# https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html
_SWITCHES: Final = ("AWS_ENDPOINT_DISCOVERY_ENABLED", "AWS_CSM_ENABLED", "BOTOCORE_TCP_KEEPALIVE")
_VALUES: Final = (
    "AWS_AUTH_SCHEME_PREFERENCE",
    "AWS_DATA_PATH",
    "AWS_SDK_UA_APP_ID",
    "BOTOCORE_EXPERIMENTAL__PLUGINS",
)


class Choice(Record):
    """A transport and why it is the one: `str()` says both."""

    name: Name
    why: str

    def __str__(self) -> str:
        return f"{self.name}, because {self.why}"


def choose(settings: Settings, wanted: Wanted, environ: Mapping[str, str]) -> Choice:
    """The transport for these settings in this environment, as far as can be told before it is opened.

    `InvalidOperation` where `wanted` is "direct" and something stands against it.
    """
    if wanted == "aiobotocore":
        return Choice("aiobotocore", "it was asked for")
    return settle(wanted, _first_reason(settings, environ))


def settle(wanted: Wanted, reason: Reason | None) -> Choice:
    """What a reason makes of a wish."""
    if wanted == "direct":
        if reason is not None and reason.binding:
            raise InvalidOperation(
                f"the direct transport cannot do this: {reason.why}; transport='aiobotocore' can, and 'auto' chooses it"
            )
        return Choice("direct", "it was asked for")
    if reason is not None:
        return Choice("aiobotocore", reason.why)
    return Choice("direct", "nothing that is configured takes aiobotocore")


def _first_reason(settings: Settings, environ: Mapping[str, str]) -> Reason | None:
    """The first that is binding: if there is none, the first."""
    first: Reason | None = None
    for reason in _reasons(settings, environ):
        if reason.binding:
            return reason
        first = first or reason
    return first


def _reasons(settings: Settings, environ: Mapping[str, str]) -> Iterator[Reason]:
    if settings.session is not None:
        yield Reason("a session was given")
    if settings.config is not None:
        yield Reason("a config was given")
    yield from _of_environment(environ)
    endpoint = resolve(settings, environ)
    if isinstance(endpoint, Reason):
        yield endpoint
        return
    if proxy_for(endpoint, environ) is not None:
        yield Reason(f"requests to {endpoint.host} go through a proxy")
    if endpoint.by_account and _account_in_environment(settings, environ):
        yield ACCOUNT_IS_KNOWN
    instrumentation = instrumentation_in_place()
    if instrumentation is not None:
        yield Reason(f"{instrumentation} is in place", binding=False)
    if mocks_in_place():
        yield Reason("moto mocks botocore", binding=False)
    if not _has_parser():
        yield Reason("httptools is not installed")


# The endpoint of an account is preferred, which leaves the region's as good. https://docs.aws.amazon.com/sdkref/latest/guide/feature-account-endpoints.html
ACCOUNT_IS_KNOWN: Final = Reason("the account is known, and has an endpoint of its own", binding=False)


def _account_in_environment(settings: Settings, environ: Mapping[str, str]) -> bool:
    # botocore takes it as part of the environment's keys, and ignores it beside keys from elsewhere.
    alone = settings.credentials is None and in_environment(environ) is not None
    return alone and bool(environ.get("AWS_ACCOUNT_ID"))


def _has_parser() -> bool:
    # There may be no wheel of it for a platform.
    try:
        import httptools  # noqa: F401, PLC0415
    except ImportError:
        return False
    return True


def _of_environment(environ: Mapping[str, str]) -> Iterator[Reason]:
    for name in _SWITCHES:
        if is_true(environ, name):
            yield Reason(f"{name} is on")
    for name in _VALUES:
        if environ.get(name):
            yield Reason(f"{name} is set")
    if os.path.isdir(os.path.expanduser("~/.aws/models")):
        yield Reason("~/.aws/models may describe other endpoints")
