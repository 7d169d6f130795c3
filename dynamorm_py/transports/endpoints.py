"""Where the direct transport sends requests: the endpoints that need no more than a table of partitions.

Ordinary and dual-stack endpoints of a region, and endpoints that the user names. All else (FIPS, endpoints of an
account, whatever a profile says) is a `Reason` to leave requests to aiobotocore. botocore is the oracle for all of it.
https://docs.aws.amazon.com/sdkref/latest/guide/feature-endpoints.html
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from dynamorm_py.core.records import Record
from dynamorm_py.transports import Settings
from dynamorm_py.transports.profiles import profile_in_force
from dynamorm_py.transports.reasons import Reason

if TYPE_CHECKING:
    from urllib.parse import SplitResult

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HOST_CHARACTERS: Final = frozenset(string.ascii_lowercase + string.digits + "-")
_MODES: Final = ("preferred", "disabled", "required")

# Outside the commercial partition, these regions alone have endpoints of an account.
_WITH_ACCOUNT_ENDPOINTS: Final = frozenset({"us-gov-east-1", "us-gov-west-1", "cn-north-1", "cn-northwest-1"})


class Endpoint(Record):
    """Where requests go, and whom to trust there.

    - `region`: what requests are signed for.
    - `amazon_roots`: whether Amazon's own root certificates are expected; else the full bundle applies.
    - `ca_bundle`: path of the certificates that the user trusts instead.
    - `custom`: the user named it, so every operation goes there.
    - `by_account`: an account id, where one is known, would make it another host.
    """

    scheme: str
    host: str
    port: int
    region: str
    amazon_roots: bool = False
    ca_bundle: str | None = None
    custom: bool = False
    by_account: bool = False

    @property
    def authority(self) -> str:
        """What the `Host` header says: the port only where it is not the scheme's own, IPv6 addresses in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


class _Partition(Record):
    suffix: str
    dual_stack_suffix: str | None = None


# https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
_COMMERCIAL: Final = _Partition("amazonaws.com", "api.aws")

# By what stands before direction and number in the name of a region. Any other name counts as commercial, so that a
# region that is opened tomorrow is known today.
_PARTITIONS: Final = {
    "cn": _Partition("amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    "eu-isoe": _Partition("cloud.adc-e.uk"),
    "eusc-de": _Partition("amazonaws.eu", "api.amazonwebservices.eu"),
    "us-gov": _Partition("amazonaws.com", "api.aws"),
    "us-iso": _Partition("c2s.ic.gov", "api.aws.ic.gov"),
    "us-isob": _Partition("sc2s.sgov.gov", "api.aws.scloud"),
    "us-isof": _Partition("csp.hci.ic.gov"),
}


def resolve(settings: Settings, environ: Mapping[str, str]) -> Endpoint | Reason:
    """The endpoint that botocore would take for these settings in this environment, or why it must be asked itself.

    Reads the shared configuration file, where there is one; sends nothing.
    """
    profile = profile_in_force(environ)
    if isinstance(profile, Reason):
        return profile
    region = _region(settings, environ, profile)
    mode = environ.get("AWS_ACCOUNT_ID_ENDPOINT_MODE", "preferred").lower()
    trusted = _bundle(environ)
    if isinstance(region, Reason):
        return region
    if isinstance(trusted, Reason):
        return trusted
    if is_true(environ, "AWS_USE_FIPS_ENDPOINT"):
        return Reason("AWS_USE_FIPS_ENDPOINT asks for endpoints that are validated under FIPS 140")
    if mode not in _MODES:
        return Reason(f"AWS_ACCOUNT_ID_ENDPOINT_MODE is {mode!r}")
    url = _configured_url(settings, environ)
    dual_stack = is_true(environ, "AWS_USE_DUALSTACK_ENDPOINT")
    if url is not None:
        return _custom(url, region, dual_stack, trusted)
    if mode == "required":
        return Reason("AWS_ACCOUNT_ID_ENDPOINT_MODE asks for the endpoint of an account")
    return _regional(region, dual_stack, trusted, roots=not _other_trust(environ), by_account=mode == "preferred")


def goes_elsewhere(endpoint: Endpoint, operation: str, request: Mapping[str, Any]) -> bool:
    """Whether botocore would send this one request to another host: searches of vectors have their own, and an ARN,
    in whichever member, names an account that may."""
    if endpoint.custom:
        return False
    if operation == "SearchVectors":
        return True
    return endpoint.by_account and _names_an_arn(request)


def is_true(environ: Mapping[str, str], name: str) -> bool:
    """Whether a switch is on, in botocore's reading: any text but "true" is off."""
    return environ.get(name, "").lower() == "true"


def _region(settings: Settings, environ: Mapping[str, str], profile: Mapping[str, str]) -> str | Reason:
    region = settings.region
    if region is None:
        # Not AWS_REGION, which botocore does not read. Lambda sets both.
        region = environ.get("AWS_DEFAULT_REGION", profile.get("region"))
    if region is None:
        return Reason("no region is known: give Client(region=…), or set AWS_DEFAULT_REGION")
    # `local`, `aws-global` and `fips-us-east-1` are names, too, and mean something else than themselves.
    parts = region.split("-")
    ordinary = len(parts) > 2 and all(map(_is_label, parts)) and parts[-1].isdigit() and "fips" not in parts
    return region if ordinary and len(region) < 64 else Reason(f"{region!r} does not look like the name of a region")


def _bundle(environ: Mapping[str, str]) -> str | Reason | None:
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        bundle = environ.get(name)
        if bundle is not None:
            return bundle if bundle.strip() else Reason(f"{name} is empty")
    return None


def _other_trust(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("SSL_CERT_FILE") or environ.get("SSL_CERT_DIR"))


def _configured_url(settings: Settings, environ: Mapping[str, str]) -> str | None:
    if settings.endpoint_url is not None or is_true(environ, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
        return settings.endpoint_url
    return environ.get("AWS_ENDPOINT_URL_DYNAMODB") or environ.get("AWS_ENDPOINT_URL") or None


def _custom(url: str, region: str, dual_stack: bool, ca_bundle: str | None) -> Endpoint | Reason:
    if dual_stack:
        return Reason("AWS_USE_DUALSTACK_ENDPOINT is set beside an endpoint")
    from urllib.parse import urlsplit  # noqa: PLC0415  # a region's own endpoint needs none of it

    unusual = Reason(f"the endpoint {url!r} is more than scheme, host and port")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return unusual
    # `urlsplit` drops these without a word.
    if any(character in url for character in "\t\r\n") or not host or not _is_plain(parts, host):
        return unusual
    if host.removeprefix("search-") == _host(region, _partition(region).dual_stack_suffix):
        return Reason("an endpoint may not be the dual-stack one: AWS_USE_DUALSTACK_ENDPOINT makes it that")
    port = _DEFAULT_PORTS[parts.scheme] if port is None else port
    return Endpoint(parts.scheme, host, port, region, ca_bundle=ca_bundle, custom=True)


def _is_plain(parts: SplitResult, host: str) -> bool:
    """Whether an address says no more than a connection needs."""
    extras = parts.query or parts.fragment or "@" in parts.netloc or parts.path not in ("", "/")
    return parts.scheme in _DEFAULT_PORTS and not extras and (_is_address(parts, host) or _is_name(host))


def _is_address(parts: SplitResult, host: str) -> bool:
    return parts.netloc.startswith("[") and "%" not in host


def _is_name(host: str) -> bool:
    return len(host) < 256 and all(map(_is_label, host.split(".")))


def _is_label(label: str) -> bool:
    return 0 < len(label) < 64 and "-" not in (label[0], label[-1]) and _HOST_CHARACTERS.issuperset(label)


def _regional(
    region: str, dual_stack: bool, ca_bundle: str | None, *, roots: bool, by_account: bool
) -> Endpoint | Reason:
    partition = _partition(region)
    suffix = partition.dual_stack_suffix if dual_stack else partition.suffix
    if suffix is None:
        return Reason(f"no dual-stack endpoint is known in {region}")
    commercial = partition is _COMMERCIAL
    return Endpoint(
        "https",
        _host(region, suffix),
        _DEFAULT_PORTS["https"],
        region,
        amazon_roots=commercial and roots and ca_bundle is None,
        ca_bundle=ca_bundle,
        by_account=by_account and (commercial or region in _WITH_ACCOUNT_ENDPOINTS),
    )


def _partition(region: str) -> _Partition:
    return _PARTITIONS.get(region.rsplit("-", 2)[0], _COMMERCIAL)


def _host(region: str, suffix: str | None) -> str:
    return f"dynamodb.{region}.{suffix}"


def _names_an_arn(request: Mapping[str, Any]) -> bool:
    """Whether a request names a table or anything else by its ARN, wherever an operation has its names."""
    table = request.get("TableName")
    if type(table) is str:
        return table.startswith("arn:")
    return any(isinstance(name, str) and name.startswith("arn:") for name in _names(request))


def _names(request: Mapping[str, Any]) -> Iterator[object]:
    yield from request.values()
    # What has another form than an operation takes is refused by DynamoDB, in better words.
    for items in request.values():
        if isinstance(items, Mapping):
            yield from items
            yield items.get("TableName")
        elif isinstance(items, list):
            actions = [action for item in items if isinstance(item, Mapping) for action in item.values()]
            yield from (action.get("TableName") for action in actions if isinstance(action, Mapping))
