"""Whether the environment has requests go through a proxy, in the reading of Python's `urllib`, as botocore does.

Importing `urllib.request` takes longer than everything else that is done to choose a transport.
https://docs.python.org/3/library/urllib.request.html#urllib.request.getproxies
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from dynamorm_py.transports.endpoints import Endpoint

# There, proxies are set in the system as well, which only `urllib` knows how to ask.
_WITH_SYSTEM_SETTINGS = ("darwin", "win32")


def proxy_for(endpoint: Endpoint, environ: Mapping[str, str]) -> str | None:
    """The proxy that stands between this process and the endpoint."""
    if sys.platform in _WITH_SYSTEM_SETTINGS:
        return _proxy_of_the_system(endpoint)
    proxies = _proxies(environ)
    proxy = proxies.get(endpoint.scheme)
    return None if proxy is None or _is_exempt(endpoint, proxies.get("no", "")) else proxy


def _proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """By scheme. The lower-case spelling of a variable wins, also with an empty value, which takes the proxy away."""
    suffix = "_proxy"
    found = {
        name.lower().removesuffix(suffix): value
        for name, value in environ.items()
        if value and name.lower().endswith(suffix)
    }
    if "REQUEST_METHOD" in environ:
        # In a CGI script, HTTP_PROXY is a header of the request.
        found.pop("http", None)
    for name, value in environ.items():
        if name.endswith(suffix):
            scheme = name.lower().removesuffix(suffix)
            if value:
                found[scheme] = value
            else:
                found.pop(scheme, None)
    return found


def _is_exempt(endpoint: Endpoint, exemptions: str) -> bool:
    if exemptions == "*":
        return True
    with_port = endpoint.authority
    host = with_port.removesuffix(f":{endpoint.port}")
    for exemption in exemptions.split(","):
        name = exemption.strip().lstrip(".").lower()
        if name and (name in (host, with_port) or host.endswith(f".{name}") or with_port.endswith(f".{name}")):
            return True
    return False


def _proxy_of_the_system(endpoint: Endpoint) -> str | None:
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415

    return None if proxy_bypass(endpoint.authority) else getproxies().get(endpoint.scheme)
