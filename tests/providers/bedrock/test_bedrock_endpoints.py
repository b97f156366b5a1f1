"""Region and addresses are those that a client of boto3 would use."""

import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from aisopod.errors import ConfigurationError, MissingDependencyError
from aisopod.providers.bedrock.credentials import ChainSource
from aisopod.providers.bedrock.platform import platform

NOWHERE = Path("/nowhere")


def clients(region: str, profile: str | None = None, **config: Any) -> dict[str, str]:
    """Where boto3's clients say that they send to."""
    session = boto3.Session(profile_name=profile)
    made = {
        option: session.client(
            service,
            region_name=region,
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=Config(**config),
        )
        for option, service in (("base_url", "bedrock-runtime"), ("listing_url", "bedrock"))
    }
    return {option: client.meta.endpoint_url for option, client in made.items()}


def addresses(settled: Any) -> dict[str, str]:
    return {name: settled[name] for name in ("base_url", "listing_url")}


REGIONS = [
    "us-east-1",
    "eu-west-1",
    "ap-southeast-7",
    "cn-north-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "eusc-de-east-1",
    "xx-nowhere-9",
]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(("region", "fips"), list(itertools.product(REGIONS, [False, True])))
def test_addresses_equal_boto3s(region: str, fips: bool) -> None:
    options = {"region": region, **({"use_fips": "true"} if fips else {})}
    settled = platform.settle(options)
    assert addresses(settled) == clients(region, use_fips_endpoint=fips or None)
    assert settled["region"] == region


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1"])
def test_dual_stack(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", "true")
    assert addresses(platform.settle({"region": region})) == clients(region)


@pytest.mark.usefixtures("home")
def test_dual_stack_follows_the_rules_where_boto3s_attribute_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There `meta.endpoint_url` has a host that no request goes to."""
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", "true")
    settled = platform.settle({"region": "us-iso-east-1"})
    assert settled["base_url"] == "https://bedrock-runtime.us-iso-east-1.api.aws.ic.gov"


@pytest.mark.usefixtures("home")
def test_fips_by_variable_and_by_pseudo_region(monkeypatch: pytest.MonkeyPatch) -> None:
    fips = "https://bedrock-runtime-fips.us-east-1.amazonaws.com"
    pseudo = platform.settle({"region": "fips-us-east-1"})
    assert (pseudo["base_url"], pseudo["region"]) == (fips, "us-east-1")
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    assert platform.settle({"region": "us-east-1"})["base_url"] == fips
    off = platform.settle({"region": "us-east-1", "use_fips": "false"})
    assert off["base_url"] == "https://bedrock-runtime.us-east-1.amazonaws.com"


def test_fips_and_endpoints_of_the_shared_config(home: Any) -> None:
    home.config(
        "[profile strict]\nregion = us-west-2\nuse_fips_endpoint = true\n"
        "[profile own]\nregion = eu-north-1\nservices = mine\n"
        "[services mine]\nbedrock_runtime =\n  endpoint_url = https://vpce.example/runtime/\n"
        "[profile both]\nregion = eu-north-1\nendpoint_url = http://127.0.0.1:9\n"
    )
    for profile in ("strict", "own", "both"):
        settled = platform.settle({"profile": profile})
        expected = clients(settled["region"], profile)
        assert addresses(settled) == {name: url.rstrip("/") for name, url in expected.items()}
    assert platform.settle({"profile": "own"})["base_url"] == "https://vpce.example/runtime"


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    "variables",
    [
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:5000"},
        {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "https://vpce-1.example"},
        {"AWS_ENDPOINT_URL_BEDROCK": "https://vpce-2.example/sub"},
        {"AWS_ENDPOINT_URL": "http://a.example", "AWS_ENDPOINT_URL_BEDROCK": "http://b.example"},
        {"AWS_ENDPOINT_URL": "http://a.example", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
        {"AWS_ENDPOINT_URL": "http://a.example", "AWS_USE_FIPS_ENDPOINT": "true"},
    ],
)
def test_endpoint_variables(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert addresses(platform.settle({"region": "eu-west-1"})) == clients("eu-west-1")


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("url", ["nonsense", "http://", "ftp//x", "http://a b"])
def test_a_senseless_endpoint_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    with pytest.raises(ConfigurationError, match="endpoint"):
        platform.settle({"region": "eu-west-1"})


@pytest.mark.usefixtures("home")
def test_a_given_address_wins() -> None:
    aws = "https://vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com"
    settled = platform.settle({"region": "eu-west-1", "base_url": aws})
    assert addresses(settled) == {
        "base_url": aws,
        "listing_url": "https://bedrock.eu-west-1.amazonaws.com",
    }
    gateway = {"region": "eu-west-1", "base_url": "https://gateway.example/aws"}
    assert platform.settle(gateway)["listing_url"] == "https://gateway.example/aws"
    both = gateway | {"listing_url": "https://lists.example"}
    assert platform.settle(both) == both


def test_region_of_option_variables_and_profile(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    home.config("[default]\nregion = sa-east-1\n[profile other]\nregion = ca-central-1\n")

    def region(**options: str) -> str:
        return platform.settle(options)["region"]

    assert region() == "sa-east-1"
    assert region(profile="other") == "ca-central-1"
    monkeypatch.setenv("AWS_PROFILE", "other")
    assert region() == "ca-central-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    assert region() == "eu-west-2"
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert region() == "eu-west-3"
    assert region(region="us-west-2", profile="other") == "us-west-2"


def test_an_edited_file_is_read_again(home: Any) -> None:
    home.config("[default]\nregion = sa-east-1\n")
    assert platform.settle({})["region"] == "sa-east-1"
    home.config("[default]\nregion = eu-south-2\n")
    assert platform.settle({})["region"] == "eu-south-2"


@pytest.mark.usefixtures("home")
def test_no_region_names_every_way() -> None:
    with pytest.raises(ConfigurationError) as caught:
        platform.settle({})
    for way in ("option region", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        assert way in str(caught.value)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    "region", ["us east 1", "a/b", "evil.example#", "-x", "a" * 64, "é", "US-EAST-1"]
)
@pytest.mark.parametrize("base_url", ["", "https://gateway.example"])
def test_an_ill_formed_region_is_refused(region: str, base_url: str) -> None:
    with pytest.raises(ConfigurationError, match="no AWS region"):
        platform.settle({"region": region, "base_url": base_url})


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AWS_MAX_ATTEMPTS", "many"),
        ("AWS_RETRY_MODE", "never"),
        ("AWS_CA_BUNDLE", "/nowhere/ca.pem"),
        ("AWS_DEFAULTS_MODE", "odd"),
    ],
)
def test_a_senseless_setting_is_an_error_of_ours_or_none(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    try:
        settled = platform.settle({"region": "eu-central-2"})
    except ConfigurationError as error:
        assert "AWS settings" in str(error)  # noqa: PT017
    else:
        assert settled["base_url"] == "https://bedrock-runtime.eu-central-2.amazonaws.com"


@pytest.mark.usefixtures("home")
def test_a_bearer_token_changes_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key-x")
    monkeypatch.setenv("AWS_AUTH_SCHEME_PREFERENCE", "httpBearerAuth")
    assert addresses(platform.settle({"region": "eu-west-1"})) == clients("eu-west-1")


def test_a_gateway_needs_no_botocore(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] == "botocore":
            monkeypatch.setitem(sys.modules, name, None)
    gateway = {"region": "fips-us-east-1", "base_url": "https://gateway.example"}
    assert platform.settle(gateway) == {
        "region": "us-east-1",
        "base_url": "https://gateway.example",
        "listing_url": "https://gateway.example",
    }
    home.config("[default]\n")
    with pytest.raises(MissingDependencyError, match=r'pip install "aisopod\[bedrock\]"'):
        platform.settle({"region": "us-east-1"})


def test_nothing_is_imported_before_it_is_needed() -> None:
    code = (
        "import sys, aisopod.providers.bedrock.platform, aisopod.providers.bedrock.signing\n"
        "from pathlib import Path\n"
        "aisopod.providers.bedrock.platform.platform.present({}, Path('/'))\n"
        "print([name for name in sys.modules if name.startswith('botocore')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.usefixtures("home")
def test_a_wrong_switch_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="true or false"):
        platform.settle({"region": "us-east-1", "use_fips": "maybe"})


def test_an_unknown_profile_names_those_that_exist(home: Any) -> None:
    home.config("[profile one]\nregion = us-east-1\n")
    home.credentials("[two]\naws_access_key_id = a\n")
    with pytest.raises(ConfigurationError, match="'three'; there are one, two") as caught:
        platform.settle({"profile": "three"})
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_a_broken_file_is_told_without_its_lines(home: Any) -> None:
    home.credentials("[default]\naws_secret_access_key = hunter2\nhunter2 again\n[[")
    with pytest.raises(ConfigurationError, match=r"credentials") as caught:
        platform.settle({"region": "us-east-1"})
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "variable",
    [
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_BEARER_TOKEN_BEDROCK",
    ],
)
@pytest.mark.usefixtures("home")
def test_present_by_variable(variable: str) -> None:
    assert not platform.present({}, NOWHERE)
    assert not platform.present({variable: " "}, NOWHERE)
    assert platform.present({variable: "x"}, NOWHERE)


@pytest.mark.parametrize("name", ["config", "credentials"])
def test_present_by_file(name: str, home: Any) -> None:
    variable = {"config": "AWS_CONFIG_FILE", "credentials": "AWS_SHARED_CREDENTIALS_FILE"}[name]
    getattr(home, name)("[default]\n")
    assert platform.present({}, NOWHERE)
    assert not platform.present({variable: str(home.path / "gone")}, NOWHERE)
    assert platform.present({variable: str(home.folder / name)}, NOWHERE)


@pytest.mark.usefixtures("home")
def test_open_takes_profile_and_region() -> None:
    source = platform.open({"profile": "p", "region": "eu-west-1"}, NOWHERE)
    assert isinstance(source, ChainSource)
    assert repr(source) == "ChainSource(profile='p', region='eu-west-1')"
    assert platform.choices == ("profile",)
