"""What holds for one provider."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from aisopod import ConfigurationError, MissingCredentialError, Secret, Timeouts
from aisopod.config import (
    Config,
    NetworkConfig,
    ProviderConfig,
    TimeoutConfig,
    base_url_for,
    credential_for,
    exposed_files,
    has_credential,
    load_config,
    options_for,
    proxy_for,
    secrets_of,
    timeouts_for,
    to_toml,
    usable_state,
    wants_colour,
    wants_traceback,
)
from aisopod.providers import registry
from aisopod.providers.host import Credential, Host

HOSTS = [found for name in registry.names() if isinstance(found := registry.find(name), Host)]


def host(name: str = "openai") -> Host:
    found = registry.find(name)
    assert isinstance(found, Host)
    return found


def with_provider(name: str = "openai", **settings: Any) -> Config:
    return Config(providers={name: ProviderConfig(**settings)})


@pytest.mark.parametrize("found", HOSTS, ids=lambda found: str(found.id))
def test_every_host_s_variables_count(found: Host) -> None:
    for names, kind in ((found.key_variables, "api_key"), (found.token_variables, "token")):
        for name in names:
            credential = credential_for(found, Config(), {name: " k-1 \n"})
            assert credential is not None
            assert (credential.secret, credential.kind) == (Secret("k-1"), kind)
            assert not has_credential(found, Config(), {name: " "})
    for name in found.base_url_variables:
        assert base_url_for(found, Config(), {name: "http://h:1/p/"}).startswith("http://h:1/p")
        if found.base_url:
            assert base_url_for(found, Config(), {name: ""}) == found.base_url.rstrip("/")
    for option, name in found.option_variables.items():
        assert options_for(found, Config(), {name: "v"}) == {option: "v"}


@pytest.mark.parametrize(
    "found",
    [found for found in HOSTS if found.key_required and found.platform is None],
    ids=lambda found: str(found.id),
)
def test_a_missing_key_is_told_with_what_to_set(found: Host) -> None:
    with pytest.raises(MissingCredentialError) as caught:
        credential_for(found, Config(), {})
    for name in (*found.key_variables, f"providers.{found.id}.api_key_env"):
        assert name in str(caught.value)


def test_the_configuration_beats_the_vendor_s_variables(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("k-file\n")
    environ = {"OPENAI_API_KEY": "k-vendor", "MINE": "k-mine"}
    table: list[tuple[dict[str, Any], str, Any]] = [
        ({}, "k-vendor", "api_key"),
        ({"api_key": Secret("k-literal")}, "k-literal", "api_key"),
        ({"api_key": Secret("")}, "k-vendor", "api_key"),
        ({"api_key_env": "MINE"}, "k-mine", "api_key"),
        ({"api_key_file": str(file)}, "k-file", "api_key"),
        ({"token": Secret("k-token")}, "k-token", "token"),
    ]
    for settings, wanted, kind in table:
        credential = credential_for(host(), with_provider(**settings), environ)
        assert credential == Credential(secret=Secret(wanted), kind=kind)


def test_a_credential_that_is_named_and_not_there_is_told(tmp_path: Path) -> None:
    empty, binary = tmp_path / "empty", tmp_path / "binary"
    empty.write_text("\n")
    binary.write_bytes(b"\xffsk-planted")
    table: list[tuple[dict[str, Any], str]] = [
        ({"api_key_env": "MINE"}, "providers.openai.api_key_env names MINE, which is not set"),
        ({"api_key_file": str(tmp_path / "no")}, "cannot be read: No such file"),
        ({"api_key_file": str(empty)}, "is empty"),
        ({"api_key_file": str(binary)}, "is no text"),
        ({"api_key": Secret("sk-planted\nx: y")}, "providers.openai.api_key holds characters"),
        ({"token": Secret("sk-plantedé")}, "providers.openai.token holds characters"),
    ]
    for settings, said in table:
        with pytest.raises(ConfigurationError, match=said) as caught:
            credential_for(host(), with_provider(**settings), {"OPENAI_API_KEY": "k"})
        assert "planted" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY holds characters"):
        credential_for(host(), Config(), {"OPENAI_API_KEY": "k\r\nx: y"})


def test_a_host_without_need_of_a_key_may_have_none() -> None:
    assert credential_for(host("ollama"), Config(), {}) is None


@pytest.mark.parametrize(
    "url",
    [
        "api.openai.com/v1",
        "ftp://h",
        "http://",
        "http://[::1",
        "http://h:port",
        "h t",
        "http://h/\n",
    ],
)
def test_what_is_no_url_is_told_with_its_place(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"providers\.openai\.base_url: .*http"):
        base_url_for(host(), with_provider(base_url=url), {})
    if url.strip() == url:
        with pytest.raises(ConfigurationError, match=r"OPENAI_BASE_URL: .*http"):
            base_url_for(host(), Config(), {"OPENAI_BASE_URL": url})


def test_a_base_url_is_told_without_its_password() -> None:
    with pytest.raises(ConfigurationError) as caught:
        base_url_for(host(), with_provider(base_url="htp://me:planted@h"), {})
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:plan#ted@h:6379/0",
        "redis://:plan/ted@h:6379/0",
        "redis://:plan?ted@h:6379/0",
        "redis://:12/planted@h:6379/0",
        "redis://me:12#planted@h:6379/0",
        "rediss://:planted@h:port/0",
        "redis://[planted",
        "redis://",
    ],
)
def test_a_server_s_url_is_told_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="percent-encode") as caught:
        usable_state(url)
    assert not re.search("plan|ted|12", str(caught.value))
    assert "plan" not in to_toml(Config(state=url)) or "@" not in url


@pytest.mark.parametrize(
    "setting",
    [
        "sqlite",
        "sqlite:a#b@c",
        "memory",
        "redis://:p%23@h:6379/0",
        "rediss://me:p@ss@h",
        "unix:///s",
    ],
)
def test_a_state_that_can_be_read_is_taken(setting: str) -> None:
    assert usable_state(setting) == setting


def test_a_host_without_an_address_of_its_own_asks_for_one() -> None:
    azure = host("azure")
    with pytest.raises(ConfigurationError, match=r"providers\.azure\.base_url"):
        base_url_for(azure, Config(), {})


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("127.0.0.1:1234", "http://127.0.0.1:1234"),
        ("http://gpu:11434/", "http://gpu:11434"),
        ("gpu", "http://gpu:11434"),
    ],
)
def test_ollama_s_variable_is_read_as_ollama_does(value: str, url: str) -> None:
    assert base_url_for(host("ollama"), Config(), {"OLLAMA_HOST": value}) == url


def test_an_unknown_option_is_told() -> None:
    config = with_provider(options={"organisation": "o"})
    with pytest.raises(ConfigurationError, match="did you mean organization"):
        options_for(host(), config, {})
    environ = {"OPENAI_ORG_ID": "env", "OPENAI_PROJECT_ID": "p"}
    config = with_provider(options={"organization": "file"})
    assert options_for(host(), config, environ) == {"organization": "file", "project": "p"}


def test_limits_of_the_provider_win_over_the_common_ones() -> None:
    config = Config(
        timeouts=TimeoutConfig(idle=5, total=6, connect=float("inf")),
        providers={"openai": ProviderConfig(timeouts=TimeoutConfig(total=0))},
    )
    assert timeouts_for(host(), config) == Timeouts(connect=None, idle=5, total=None)
    assert timeouts_for(host("anthropic"), config).total == 6
    assert timeouts_for(host(), Config()) == Timeouts()


PROXY = {"HTTPS_PROXY": "http://p:1"}


@pytest.mark.parametrize(
    ("url", "environ", "network", "proxy"),
    [
        ("https://api.x.ai/v1", {}, {}, None),
        ("https://api.x.ai/v1", PROXY, {}, "http://p:1"),
        ("http://api.x.ai/v1", PROXY, {}, None),
        ("https://api.x.ai/v1", {**PROXY, "https_proxy": "http://q:2"}, {}, "http://q:2"),
        ("http://api.x.ai/v1", {"ALL_PROXY": "http://p:1"}, {}, "http://p:1"),
        ("http://api.x.ai/v1", {"http_proxy": "p:1"}, {}, "http://p:1"),
        ("https://api.x.ai/v1", {**PROXY, "NO_PROXY": "b.com, .x.ai"}, {}, None),
        ("https://api.x.ai/v1", {**PROXY, "no_proxy": "*"}, {}, None),
        ("https://api.x.ai/v1", {**PROXY, "no_proxy": "ai.x"}, {}, "http://p:1"),
        ("https://api.x.ai:8443/v1", {**PROXY, "no_proxy": "api.x.ai:8443"}, {}, None),
        ("https://api.x.ai/v1", PROXY, {"trust_env": False}, None),
        ("https://api.x.ai/v1", PROXY, {"proxy": "http://c:3"}, "http://c:3"),
        ("https://api.x.ai/v1", {}, {"proxy": "http://c:3", "no_proxy": ["x.ai"]}, None),
        ("https://api.x.ai/v1", PROXY, {"no_proxy": ["x.ai"]}, None),
        # The variables are for the world outside.
        ("http://127.0.0.1:11434", {"HTTP_PROXY": "http://p:1"}, {}, None),
        ("http://localhost:11434", {"ALL_PROXY": "http://p:1"}, {}, None),
        ("http://[::1]:11434", {"ALL_PROXY": "http://p:1"}, {}, None),
        ("http://localhost:11434", {}, {"proxy": "http://c:3"}, "http://c:3"),
        # https://httpoxy.org
        ("http://api.x.ai", {"HTTP_PROXY": "http://p:1", "REQUEST_METHOD": "GET"}, {}, None),
    ],
)
def test_the_proxy_is_the_one_that_curl_would_take(
    url: str, environ: dict[str, str], network: dict[str, Any], proxy: str | None
) -> None:
    assert proxy_for(url, NetworkConfig(**network), environ) == proxy


def test_a_proxy_that_cannot_be_used_is_told_without_its_password() -> None:
    url = "https://api.x.ai"
    with pytest.raises(ConfigurationError, match=r"ALL_PROXY: .*SOCKS is not supported") as caught:
        proxy_for(url, NetworkConfig(), {"ALL_PROXY": "socks5://me:planted@p:1"})
    assert "planted" not in str(caught.value)
    with pytest.raises(ConfigurationError, match=r"network\.proxy: "):
        proxy_for(url, NetworkConfig(proxy="http://p:port"), {})


def test_a_configuration_is_shown_as_toml_that_reads_back_without_secrets(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        'default_model = "a/\\u007f\\n\\"b"\n[network]\nproxy = "http://me:sk-planted@p:1/"\n'
        'no_proxy = ["a", "b"]\n[timeouts]\nidle = 1.5\n'
        '[providers."my.host"]\nbase_url = "http://u:sk-planted@h/"\ntoken = "sk-planted-1"\n'
        'headers = { x = "sk-planted-2" }\noptions = { "a b" = "c" }\n'
    )
    config = load_config(file, environ={})
    shown = to_toml(config)
    assert "planted" not in shown
    again = tmp_path / "again.toml"
    again.write_text(shown)
    read = load_config(again, environ={})
    assert (read.default_model, read.timeouts) == (config.default_model, config.timeouts)
    assert read.network.no_proxy == ["a", "b"]
    assert read.network.proxy == "http://***@p:1/"
    assert read.providers["my.host"].options == {"a b": "c"}
    assert sorted(secrets_of(config)) == ["sk-planted-1", "sk-planted-2"]


def test_rules_are_shown_as_they_read_back(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        '[[rules]]\nid = "a/b"\nerror = "rate_limit"\nstatus = [402, "5xx", "none"]\ndelay = 1.5\n'
        '[[rules]]\nid = "c"\nerror = "other"\nheader = { "x y" = "a|b" }\nscope = "provider"\n'
        '[[providers."my.host".rules]]\nid = "d"\nerror = "billing"\ncodes = ["E"]\ntext = "\\\\bno"\n'
        'remedy = "pay"\nsource = "https://here"\n'
    )
    config = load_config(file, environ={})
    again = tmp_path / "again.toml"
    again.write_text(to_toml(config))
    read = load_config(again, environ={})
    assert read.rules == config.rules
    assert [rule.id for rule in read.rules] == ["a/b", "c"]
    assert read.providers["my.host"].rules == config.providers["my.host"].rules
    assert read.providers["my.host"].rules[0].text == r"\bno"


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_files_with_keys_that_others_may_read_are_found(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("k")
    literal, harmless = tmp_path / "literal.toml", tmp_path / "harmless.toml"
    literal.write_text('[providers.x]\napi_key = "k"')
    harmless.write_text(f"[providers.x]\napi_key_file = '{key}'")
    for file in (key, literal, harmless):
        file.chmod(0o644)
    assert exposed_files(load_config(literal, environ={})) == [literal]
    assert exposed_files(load_config(harmless, environ={})) == [key]
    for file in (key, literal):
        file.chmod(0o600)
    assert exposed_files(load_config(literal, environ={})) == []
    assert exposed_files(load_config(harmless, environ={})) == []


def test_the_terminal_s_variables() -> None:
    assert wants_colour({})
    assert wants_colour({"NO_COLOR": ""})
    assert not wants_colour({"NO_COLOR": "0"})
    assert not wants_colour({"TERM": "dumb"})
    assert wants_traceback({"AISOPOD_TRACEBACK": "1"})
    assert not wants_traceback({"AISOPOD_TRACEBACK": "0"})
