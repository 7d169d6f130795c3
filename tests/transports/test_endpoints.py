"""Endpoints of the direct transport, with botocore as the oracle for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import botocore.session
import pytest
from botocore.exceptions import BotoCoreError
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from dynamorm_py.transports import Credentials, Settings
from dynamorm_py.transports.endpoints import Endpoint, goes_elsewhere, resolve
from dynamorm_py.transports.reasons import Reason
from tests.transports.botocores_word import GET, Word, asked
from tests.transports.conftest import Environ, SetEnviron

KEYS = Credentials("key", "secret")
WriteConfig = Callable[[str, str], None]


def word(endpoint: Endpoint | Reason) -> Word:
    assert isinstance(endpoint, Endpoint), endpoint
    return Word(endpoint.scheme, endpoint.host, endpoint.port, endpoint.region)


def reason(endpoint: Endpoint | Reason) -> str:
    assert isinstance(endpoint, Reason), endpoint
    return endpoint.why


def regions() -> Iterator[str]:
    session = botocore.session.Session()
    for partition in session.get_available_partitions():
        yield from session.get_available_regions("dynamodb", partition)


@pytest.mark.parametrize("dual_stack", ["false", "true"])
def test_every_region_that_botocore_knows(set_environ: SetEnviron, dual_stack: str) -> None:
    environ = set_environ(AWS_USE_DUALSTACK_ENDPOINT=dual_stack)
    known = [region for region in regions() if region != "local"]
    assert len(known) > 40
    for region in known:
        where = Settings(region=region, credentials=KEYS)
        found = resolve(where, environ)
        if isinstance(found, Reason):
            assert "no dual-stack endpoint is known" in found.why
            with pytest.raises(BotoCoreError, match="dualstack"):
                asked(where)
        else:
            assert word(found) == asked(where), region


@pytest.fixture
def no_environ(set_environ: SetEnviron) -> Environ:
    return set_environ()


@settings(max_examples=60)
@given(st.from_regex(r"(cn|us|eu|eusc|zz)-([a-z]{2,6}|gov|iso[bef]?|de)(-[a-z]{2,6})?-[0-9]{1,2}", fullmatch=True))
@example("us-gov-moon-7")
@example("cn-a-b-1")
@example("eusc-fr-west-1")
def test_regions_that_nobody_has_heard_of(environ_of_module: Environ, region: str) -> None:
    assume("fips" not in region)
    where = Settings(region=region, credentials=KEYS)
    assert word(resolve(where, environ_of_module)) == asked(where)


@pytest.fixture(scope="module")
def environ_of_module() -> Iterator[Environ]:
    # Hypothesis runs many examples on one fixture, so that these cannot be of a test.
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}.items():
            patch.setenv(name, value)
        for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
            patch.delenv(name, raising=False)
        yield {"HOME": "/nonexistent"}


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"AWS_DEFAULT_REGION": "eu-north-1", "AWS_REGION": "us-east-1"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:8000"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:8000", "AWS_ENDPOINT_URL_DYNAMODB": "https://Ddb.Example.org/"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:8000", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "True"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:8000", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "yes"},
        {"AWS_ENDPOINT_URL_DYNAMODB": "", "AWS_ENDPOINT_URL": "http://[::1]:8000"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:8000", "AWS_ACCOUNT_ID_ENDPOINT_MODE": "required"},
        {"AWS_ENDPOINT_URL": "https://dynamodb.eu-west-1.amazonaws.com:443"},
        {"AWS_USE_DUALSTACK_ENDPOINT": "TRUE"},
        {"AWS_USE_DUALSTACK_ENDPOINT": "1"},
        {"AWS_USE_FIPS_ENDPOINT": "false"},
        {"AWS_ACCOUNT_ID_ENDPOINT_MODE": "Disabled", "AWS_ACCOUNT_ID": "123456789012"},
        {"AWS_DEFAULTS_MODE": "in-region", "AWS_RETRY_MODE": "adaptive", "AWS_MAX_ATTEMPTS": "7"},
    ],
    ids=repr,
)
def test_what_the_environment_says(set_environ: SetEnviron, environ: Environ) -> None:
    where = Settings(region=None if "AWS_DEFAULT_REGION" in environ else "eu-west-1")
    complete = set_environ(AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="secret", **environ)
    assert word(resolve(where, complete)) == asked(where)


@pytest.mark.parametrize(
    "url", ["http://localhost:8000", "https://localhost", "http://A.b-c.example:80/", "http://[::1]"]
)
def test_an_endpoint_that_is_given(no_environ: Environ, url: str) -> None:
    where = Settings(region="eu-west-1", endpoint_url=url, credentials=KEYS)
    found = resolve(where, {**no_environ, "AWS_ENDPOINT_URL_DYNAMODB": "http://elsewhere.example"})
    assert word(found) == asked(where)
    assert isinstance(found, Endpoint)
    assert found.custom
    assert not found.by_account
    assert not found.amazon_roots


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, "FIPS"),
        ({"AWS_ACCOUNT_ID_ENDPOINT_MODE": "required"}, "endpoint of an account"),
        ({"AWS_ACCOUNT_ID_ENDPOINT_MODE": "always"}, "'always'"),
        ({"AWS_CA_BUNDLE": " "}, "AWS_CA_BUNDLE is empty"),
        ({"REQUESTS_CA_BUNDLE": ""}, "REQUESTS_CA_BUNDLE is empty"),
        ({"AWS_ENDPOINT_URL": "http://user@localhost:8000"}, "more than scheme, host and port"),
        ({"AWS_ENDPOINT_URL": "http://localhost:8000/path"}, "more than scheme, host and port"),
        ({"AWS_ENDPOINT_URL": "http://localhost:port"}, "more than scheme, host and port"),
        ({"AWS_ENDPOINT_URL": "localhost:8000"}, "more than scheme, host and port"),
        ({"AWS_ENDPOINT_URL": "http://local\thost:8000"}, "more than scheme, host and port"),
        ({"AWS_ENDPOINT_URL": "http://local_host:8000"}, "more than scheme, host and port"),
        ({"AWS_ENDPOINT_URL": "http://h", "AWS_USE_DUALSTACK_ENDPOINT": "true"}, "beside an endpoint"),
        ({"AWS_ENDPOINT_URL": "https://dynamodb.eu-west-1.api.aws"}, "dual-stack"),
        ({"AWS_PROFILE": "nobody"}, "no profile 'nobody'"),
        ({"AWS_PROFILE": ""}, "no profile ''"),
    ],
    ids=repr,
)
def test_what_is_left_to_aiobotocore(set_environ: SetEnviron, environ: Environ, why: str) -> None:
    assert why in reason(resolve(Settings(region="eu-west-1", credentials=KEYS), set_environ(**environ)))


@pytest.mark.parametrize("region", ["", "local", "aws-global", "us-east-1-fips", "fips-us-east-1", "EU-WEST-1", "eu"])
def test_names_that_are_no_ordinary_region(no_environ: Environ, region: str) -> None:
    assert "does not look like the name of a region" in reason(resolve(Settings(region=region), no_environ))


def test_without_a_region_it_says_how_to_give_one(set_environ: SetEnviron) -> None:
    # botocore does not read it either.
    environ = set_environ(AWS_REGION="eu-west-1")
    assert reason(resolve(Settings(credentials=KEYS), environ)).startswith("no region is known: give Client(region=…)")
    with pytest.raises(BotoCoreError, match="region"):
        asked(Settings(credentials=KEYS))


@pytest.mark.parametrize(
    ("environ", "config", "credentials"),
    [
        ({}, "[default]\nregion = eu-north-1\noutput = json\ncli_pager =\n", ""),
        ({}, "[default]\nregion = eu-north-1\ns3 =\n    addressing_style = path\n", ""),
        ({}, "[profile default]\nregion = eu-north-1\n", ""),
        ({}, "[profile other]\nendpoint_url = http://other\n[default]\nregion=eu-north-1", ""),
        ({"AWS_PROFILE": "other"}, "[default]\nendpoint_url = http://x\n[profile other]\nregion=eu-north-1", ""),
        ({"AWS_PROFILE": "a b"}, '[profile "a b"]\nregion=eu-north-1', ""),
        ({"AWS_PROFILE": "a", "AWS_DEFAULT_PROFILE": "b"}, "[profile a]\nregion=x\n[profile b]\nregion=eu-north-1", ""),
        ({}, "[default]\nregion = eu-west-3\n", "[default]\nregion = eu-north-1\n"),
        ({"AWS_PROFILE": "other"}, "[default]\nregion = eu-west-3\n", "[other]\nregion = eu-north-1\n"),
    ],
    ids=repr,
)
def test_the_region_of_a_profile(
    set_environ: SetEnviron, write_config: WriteConfig, environ: Environ, config: str, credentials: str
) -> None:
    write_config("config", config)
    write_config("credentials", credentials)
    where = Settings(credentials=KEYS)
    found = word(resolve(where, set_environ(**environ)))
    assert found == asked(where)
    assert found.region == "eu-north-1"


@pytest.mark.parametrize(
    ("setting", "elsewhere"),
    [
        ("endpoint_url = http://localhost:8000", True),
        ("services = local\n[services local]\ndynamodb =\n  endpoint_url = http://localhost:8000", True),
        ("use_dualstack_endpoint = true", True),
        ("use_fips_endpoint = true", True),
        ("account_id_endpoint_mode = disabled", False),
        ("ca_bundle = /tmp/bundle.pem", False),
        ("tcp_keepalive = true", False),
        ("something_new = 1", False),
    ],
)
def test_a_profile_that_says_more_is_left_to_aiobotocore(
    set_environ: SetEnviron, write_config: WriteConfig, setting: str, elsewhere: bool
) -> None:
    write_config("config", f"[default]\n{setting}\n")
    where = Settings(region="eu-west-1", credentials=KEYS)
    assert f"the profile 'default' sets {setting.partition(' ')[0]}" in reason(resolve(where, set_environ()))
    assert (asked(where).host != "dynamodb.eu-west-1.amazonaws.com") is elsewhere


def test_a_file_that_cannot_be_read_is_left_to_aiobotocore(set_environ: SetEnviron, write_config: WriteConfig) -> None:
    write_config("config", "[default\n")
    assert "cannot be read" in reason(resolve(Settings(region="eu-west-1", credentials=KEYS), set_environ()))


def test_whom_it_trusts(set_environ: SetEnviron) -> None:
    def trust(region: str = "eu-west-1", **variables: str) -> tuple[bool, str | None]:
        found = resolve(Settings(region=region, credentials=KEYS), {**environ, **variables})
        assert isinstance(found, Endpoint)
        return found.amazon_roots, found.ca_bundle

    environ = set_environ()
    assert trust() == (True, None)
    assert trust("xx-new-1") == (True, None)
    assert {trust(region) for region in ("cn-north-1", "us-gov-west-1", "us-iso-east-1")} == {(False, None)}
    assert trust(SSL_CERT_FILE="/somewhere/some.pem") == (False, None)
    assert trust(SSL_CERT_DIR="/somewhere") == (False, None)
    assert trust(REQUESTS_CA_BUNDLE="/somewhere/requests.pem") == (False, "/somewhere/requests.pem")
    both = {"AWS_CA_BUNDLE": "/somewhere/aws.pem", "REQUESTS_CA_BUNDLE": "/somewhere/requests.pem"}
    assert trust(**both) == (False, "/somewhere/aws.pem")
    assert trust(AWS_ENDPOINT_URL="https://localhost") == (False, None)


ACCOUNT = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_ACCOUNT_ID": "123456789012"}


def test_where_an_account_makes_another_host(set_environ: SetEnviron) -> None:
    environ = set_environ(**ACCOUNT)
    for region in set(regions()) - {"local"}:
        where = Settings(region=region)
        found = resolve(where, environ)
        assert isinstance(found, Endpoint)
        assert found.by_account is (asked(where).host != found.host), region


ARN = "arn:aws:dynamodb:eu-west-1:210987654321:table/users"


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("GetItem", {**GET, "TableName": ARN}),
        ("BatchGetItem", {"RequestItems": {ARN: {"Keys": [{"id": {"S": "1"}}]}}}),
        ("BatchWriteItem", {"RequestItems": {ARN: [{"DeleteRequest": {"Key": {"id": {"S": "1"}}}}]}}),
        ("TransactGetItems", {"TransactItems": [{"Get": {**GET, "TableName": ARN}}]}),
        ("TransactWriteItems", {"TransactItems": [{"Delete": {**GET, "TableName": ARN}}]}),
        ("ListTagsOfResource", {"ResourceArn": ARN}),
        ("DescribeBackup", {"BackupArn": f"{ARN}/backup/0123"}),
        ("ListExports", {"TableArn": ARN}),
        ("SearchVectors", {"TableName": "users", "IndexName": "i", "SearchVector": {"L": []}}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_requests_that_go_to_another_host(set_environ: SetEnviron, operation: str, request_: dict[str, object]) -> None:
    where = Settings(region="eu-west-1", credentials=KEYS)
    endpoint = resolve(where, set_environ())
    assert isinstance(endpoint, Endpoint)
    assert goes_elsewhere(endpoint, operation, request_)
    custom = resolve(Settings(region="eu-west-1", endpoint_url="http://localhost:8000"), {})
    assert isinstance(custom, Endpoint)
    assert not goes_elsewhere(custom, operation, request_)
    if operation != "SearchVectors":
        assert asked(where, operation, request_).host != endpoint.host


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("GetItem", GET),
        ("BatchGetItem", {"RequestItems": {"users": {"Keys": [{"id": {"S": "arn:"}}]}}}),
        ("TransactWriteItems", {"TransactItems": [{"Delete": GET}], "ClientRequestToken": "token"}),
        ("ListTables", {}),
        ("TransactWriteItems", {"TransactItems": "nonsense"}),
        ("BatchGetItem", {"RequestItems": None}),
    ],
)
def test_requests_that_stay(no_environ: Environ, operation: str, request_: dict[str, object]) -> None:
    endpoint = resolve(Settings(region="eu-west-1", credentials=KEYS), no_environ)
    assert isinstance(endpoint, Endpoint)
    assert not goes_elsewhere(endpoint, operation, request_)
