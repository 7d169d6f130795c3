"""The shared files of the AWS tools, as far as they decide where requests go.

They are read here so that a process without them, or with nothing in them but credentials and a region, need not load
botocore to learn it. What they say of credentials is left to botocore.
https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from dynamorm_py.transports.reasons import Reason

# Settings that say who is asking, or what other tools and services do. Whatever is not listed may change what is sent,
# and whoever set it relies on botocore's reading of it. https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
_OF_NO_CONSEQUENCE = frozenset(
    {
        "aws_access_key_id",
        "aws_account_id",
        "aws_secret_access_key",
        "aws_security_token",
        "aws_session_token",
        "credential_process",
        "credential_source",
        "duration_seconds",
        "ec2_metadata_service_endpoint",
        "ec2_metadata_service_endpoint_mode",
        "ec2_metadata_v1_disabled",
        "external_id",
        "login_session",
        "max_attempts",
        "metadata_service_num_attempts",
        "metadata_service_timeout",
        "mfa_serial",
        "output",
        "region",
        "retry_mode",
        "role_arn",
        "role_session_name",
        "s3",
        "source_profile",
        "sso_account_id",
        "sso_region",
        "sso_registration_scopes",
        "sso_role_name",
        "sso_session",
        "sso_start_url",
        "sts_regional_endpoints",
        "web_identity_token_file",
    }
)


def profile_in_force(environ: Mapping[str, str]) -> Mapping[str, str] | Reason:
    """The settings of the profile that botocore would take, empty where there is none; a `Reason` where it would not
    read it, or where it holds what only botocore should interpret."""
    # In botocore's order; an empty name is a name, of a profile that nobody has.
    name = environ.get("AWS_DEFAULT_PROFILE", environ.get("AWS_PROFILE"))
    config = environ.get("AWS_CONFIG_FILE", "~/.aws/config")
    credentials = environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")
    wanted = name or "default"
    of_config = _section(config, lambda section: _is_profile(section, wanted))
    of_credentials = _section(credentials, lambda section: section == wanted)
    if isinstance(of_config, Reason):
        return of_config
    if isinstance(of_credentials, Reason):
        return of_credentials
    if name is not None and (not name or (of_config is None and of_credentials is None)):
        return Reason(f"there is no profile {name!r}")
    settings = {**(of_config or {}), **(of_credentials or {})}
    for key in settings:
        if key not in _OF_NO_CONSEQUENCE and not key.startswith("cli_"):
            return Reason(f"the profile {wanted!r} sets {key}")
    return settings


def _is_profile(section: str, name: str) -> bool:
    if section == name == "default":
        return True
    kind, _, rest = section.partition(" ")
    return kind == "profile" and rest.strip().strip("\"'") == name


def _section(path: str, matches: Callable[[str], bool]) -> dict[str, str] | Reason | None:
    path = os.path.expanduser(os.path.expandvars(path))
    if not os.path.isfile(path):
        return None
    # In Lambda there are no such files, so a cold start does not load the parser.
    import configparser  # noqa: PLC0415

    parser = configparser.RawConfigParser()
    try:
        parser.read([path])
    except (configparser.Error, UnicodeDecodeError, OSError):
        return Reason(f"{path} cannot be read")
    found: dict[str, str] | None = None
    for section in parser.sections():
        if matches(section):
            found = {**(found or {}), **dict(parser.items(section))}
    return found
