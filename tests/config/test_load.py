"""Where values come from, which win, and how a wrong one is told."""

import contextlib
import math
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisopod import ConfigurationError, CooldownConfig, Secret
from aisopod.config import Config, find_files, load_config
from aisopod.config.check import find_line, find_problems

WRONG: list[tuple[str, str, int, str, str]] = [
    # name, text, line, path, what is said
    ("type", "\n\ndefault_model = 5", 3, "default_model", "found 5, allowed is a text"),
    ("choice", 'on_unsupported = "drp"', 1, "on_unsupported", "found 'drp', allowed is 'error' or 'drop'"),
    ("unknown", 'x = 1\ndefault_modle = "a"', 2, "default_modle", "did you mean default_model?"),
    ("unknown key", '[providers.openai]\n# no\nbase_urll = "x"', 3, "providers.openai.base_urll", "did you mean base_url? Allowed are api_key, api_key_env,"),
    ("second provider", '[providers.a]\nbase_url = "x"\n[providers.b]\nbase_urll = "x"', 4, "providers.b.base_urll", "no such key"),
    ("dotted", 'providers.openai.base_urll = "x"', 1, "providers.openai.base_urll", "no such key"),
    ("quoted", '[providers."my.host"]\n"base_urll" = "x"', 2, "providers.'my.host'.base_urll", "no such key"),
    ("inline", '[providers]\nopenai = { api_key = "k",\tbase_urll = "x" }', 2, "providers.openai.base_urll", "no such key"),
    ("after a text of many lines", 'default_model = """\n[network]\nproxy = 1\n"""\n[network]\nproxy = 1', 6, "network.proxy", "found a number, allowed is a text"),
    ("after a list of many lines", '[network]\nno_proxy = [\n "a",\n]\ntrust_env = "yes"', 5, "network.trust_env", "found 'yes', allowed is true or false"),
    ("same name elsewhere", '[timeouts]\nidle = 1\n[providers.x.timeouts]\nidle = "long"', 4, "providers.x.timeouts.idle", "found 'long', allowed is a number of seconds, 0 for no limit"),
    ("negative", "timeouts.total = -1", 1, "timeouts.total", "found -1, allowed is a number of seconds"),
    ("not a number", "timeouts.total = nan", 1, "timeouts.total", "found nan"),
    ("no end", "timeouts.total = inf", 1, "timeouts.total", "found inf, allowed is a number of seconds, 0 for no limit"),
    ("no end of waiting", "failover.max_wait = inf", 1, "failover.max_wait", "allowed is a number of seconds, 0 never waits"),
    ("steps without an end", "cooldowns.auth = [inf]", 1, "cooldowns.auth", "a list of at least one number of seconds over 0, such as [30, 60, 300]"),
    ("steps of nothing", "cooldowns.auth = [nan]", 1, "cooldowns.auth", "a list of at least one number"),
    ("no steps", "cooldowns.rate_limit = []", 1, "cooldowns.rate_limit", "found an empty list, allowed is a list of at least one number"),
    ("forget", "cooldowns.forget = -1", 1, "cooldowns.forget", "a number of seconds, with 0 every failure counts as the first"),
    ("forget never", "cooldowns.forget = inf", 1, "cooldowns.forget", "found inf"),
    ("lease", "[providers.openai.cooldowns]\nprobe = -1", 2, "providers.openai.cooldowns.probe", "a number of seconds, with 0 everybody may try"),
    ("pacing", 'cooldowns.pacing = "x"', 1, "cooldowns.pacing", "a number of seconds, with 0 nobody is held back"),
    ("weight", "providers.openai.profiles.a.weight = inf", 1, "providers.openai.profiles.a.weight", "found inf, allowed is a number over 0"),
    ("price", 'models."a/b".price.input = inf', 1, "models.'a/b'.price.input", "found inf"),
    ("ttl", "catalogue.ttl = inf", 1, "catalogue.ttl", "found inf"),
    ("days", "usage.keep_days = inf", 1, "usage.keep_days", "found inf"),
    ("fetching for ever", "fetch.timeout = inf", 1, "fetch.timeout", "found inf"),
    ("file size", "[fetch]\nmax_bytes = 0", 2, "fetch.max_bytes", "found 0, allowed is a number of bytes"),
    ("file time", "fetch.timeout = 0", 1, "fetch.timeout", "found 0, allowed is a number of seconds"),
    ("redirects", "fetch.max_redirects = -1", 1, "fetch.max_redirects", "allowed is a number from 0"),
    ("documents", 'normalise.documents = "txt"', 1, "normalise.documents", "allowed is 'refuse' or 'text'"),
    ("bool for number", "timeouts.total = true", 1, "timeouts.total", "found true"),
    ("table wanted", "network = 1", 1, "network", "found 1, allowed is a table"),
    ("value wanted", "[default_model]\nx = 1", 1, "default_model", "found a table, allowed is a text"),
    ("array of tables", '[[network]]\nproxy = "x"', 1, "network", "found a list, allowed is a table"),
    ("date", "default_model = 2026-01-01", 1, "default_model", "found a date"),
    ("option type", "[providers.x.options]\nversion = 1", 2, "providers.x.options.version", "found 1, allowed is a text"),
    ("list entry", "[network]\nno_proxy = [1]", 2, "network.no_proxy", "found a list, allowed is a list of texts"),
    ("header name", '[providers.x.headers]\n"a b" = "c"', 2, "providers.x.headers.'a b'", "allowed is a header's name"),
    ("header break", '[providers.x.headers]\na = "b\\nc"', 2, "providers.x.headers.a", "allowed is a text of one line"),
    ("header break at end", '[providers.x.headers]\na = "b\\n"', 2, "providers.x.headers.a", "allowed is a text of one line"),
    ("provider with slash", '[providers."a/b"]', 1, "providers.'a/b'", "allowed is a provider's name"),
    ("dialect", '[providers.x]\ndialect = "grpc"', 2, "providers.x.dialect", "'openai' or 'anthropic' or 'gemini' or 'ollama'"),
    ("two credentials", '[providers.x]\napi_key = "k"\napi_key_env = "K"', 3, "providers.x.api_key_env", "a second credential beside api_key"),
    ("key alone", '[network]\nclient_key = "k.pem"', 2, "network.client_key", "client_certificate"),
    ("sources", 'sources = ["a"]', 1, "sources", "there is no such key"),
    ("rule's word", 'rules = [{ id = "a", error = "ratelimit", status = [429] }]', 1, "rules[0].error", "'content_filter' or 'other'; did you mean 'rate_limit'?"),
    ("second rule's pattern", '[[rules]]\nid = "a"\nerror = "other"\nstatus = [1e3]\n[[rules]]\nid = "b"\nerror = "other"\ntext = "("', 8, "rules[1].text", "this is no regular expression: "),
    ("rule's status", '[[rules]]\nid = "a"\nerror = "other"\nstatus = ["6xx"]', 4, "rules[0].status", "found a list, allowed is a list of statuses"),
    ("rule's status is none", '[[rules]]\nid = "a"\nerror = "other"\nstatus = 429', 4, "rules[0].status", "found 429, allowed is a list of statuses"),
    ("rule without an id", '[providers.x]\nbase_url = "b"\n[[providers.x.rules]]\nerror = "other"\ncodes = ["c"]', 3, "providers.x.rules[0]", "id is missing"),
    ("rule without an error", '[[rules]]\nid = "a"\ncodes = ["c"]', 1, "rules[0]", "error is missing"),
    ("rule's key", '[[rules]]\nid = "a"\nerror = "other"\ncode = ["c"]\ntext = "t"', 4, "rules[0].code", "did you mean codes?"),
    ("rule's header", '[[rules]]\nid = "a"\nerror = "other"\n[rules.header]\nserver = "["', 5, "rules[0].header.server", "no regular expression"),
    ("rule's scope", '[[rules]]\nid = "a"\nerror = "other"\ntext = "t"\nscope = "key"', 5, "rules[0].scope", "'profile' or 'model'"),
    ("rule's delay", '[[rules]]\nid = "a"\nerror = "other"\ntext = "t"\ndelay = -1', 5, "rules[0].delay", "a number of seconds"),
    ("rule for everything", '[[rules]]\nid = "a"\nerror = "other"', 1, "rules[0]", "it would match every error"),
    ("the same rule twice", '[[rules]]\nid = "a"\nerror = "other"\ntext = "t"\n[[rules]]\nid = "a"\nerror = "other"\ntext = "u"', 6, "rules[1].id", "another rule 'a' before it"),
    ("rules are a list", "[rules]\nid = 'a'", 1, "rules", "found a table, allowed is a list of tables"),
    ("a rule is a table", "rules = [1]", 1, "rules[0]", "found 1, allowed is a table"),
    ("line separator in a text", 'default_model = "a\u2028b"\nx = 1', 2, "x", "there is no such key"),
    ("windows", 'default_model = "a"\r\n\r\nx = 1\r\n', 3, "x", "there is no such key"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "path", "said"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])  # fmt: skip
def test_a_wrong_value_is_told_with_its_place(
    tmp_path: Path, text: str, line: int, path: str, said: str
) -> None:
    file = tmp_path / "aisopod.toml"
    file.write_bytes(text.encode())
    with pytest.raises(ConfigurationError) as caught:
        load_config(file, environ={})
    told = [told for told in str(caught.value).splitlines() if f" {path}: " in told]
    assert len(told) == 1, str(caught.value)
    assert told[0].startswith(f"{file}:{line}: {path}: ")
    assert said in told[0]


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = ", 1), ("a = 1\nb = [1,\n", 3), ("a = 1\n[a\n", 2), ("a = 1\na = 2", 2), ('a = "x', 1)],
)
def test_broken_toml_is_told_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=f"^{file}:{line}: this is no TOML: "):
        load_config(file, environ={})


@pytest.mark.parametrize("data", [b"\xff\xfe", b"a = " + b"9" * 5000, b"a = " + b"[" * 5000])
def test_what_is_no_file_of_ours_is_told_all_the_same(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "c.toml"
    file.write_bytes(data)
    with pytest.raises(ConfigurationError, match=str(file)):
        load_config(file, environ={})


def test_all_problems_come_at_once_and_no_secret_with_them(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        'x = 1\ny = 2\n[providers]\nopenai = "sk-planted-1"\n[providers.a]\napikey = "sk-planted-2"\n'
        'api_key = 7\ntoken = ["sk-planted-3"]\nheaders = { authorization = 1, x = "sk-planted-4\\n" }'
    )
    with pytest.raises(ConfigurationError) as caught:
        load_config(file, environ={})
    assert len(str(caught.value).splitlines()) == 9
    assert "planted" not in str(caught.value)
    assert "did you mean api_key?" in str(caught.value)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_bytes(b'\xef\xbb\xbfdefault_model = "a/b"\n')
    assert load_config(file, environ={}).default_model == "a/b"


def test_nothing_at_all_is_a_configuration(project: Path) -> None:
    assert load_config(environ={}, cwd=project) == Config()


def test_later_sources_win(project: Path, user_config: Path) -> None:
    user_config.write_text(
        'default_model = "user/m"\non_unsupported = "drop"\n'
        "timeouts = { idle = 1, total = 2 }\n[providers.openai.options]\na = '1'\nb = '2'"
    )
    deep = project / "src" / "deep"
    deep.mkdir(parents=True)
    file = project / "aisopod.toml"
    file.write_text(
        'default_model = "project/m"\ntimeouts.total = 3\n[providers.openai.options]\nb = "3"'
    )
    config = load_config(environ={}, cwd=deep)
    assert config.default_model == "project/m"
    assert config.on_unsupported == "drop"
    assert (config.timeouts.idle, config.timeouts.total) == (1, 3)
    assert config.providers["openai"].options == {"a": "1", "b": "3"}
    assert config.sources == (user_config, file)
    assert load_config(environ={"AISOPOD_MODEL": "env/m"}, cwd=deep).default_model == "env/m"


def test_the_nearest_project_file_counts_and_home_is_the_last(home: Path, project: Path) -> None:
    (home.parent / "aisopod.toml").write_text('default_model = "outside/m"')
    assert find_files(environ={}, cwd=project) == []
    (home / "aisopod.toml").write_text("")
    assert find_files(environ={}, cwd=project) == [home / "aisopod.toml"]
    (project / "aisopod.toml").write_text("")
    assert find_files(environ={}, cwd=project) == [project / "aisopod.toml"]
    assert find_files(environ={}, cwd=home.parent) == [home.parent / "aisopod.toml"]


def test_a_named_file_stands_in_for_both(project: Path, user_config: Path, tmp_path: Path) -> None:
    user_config.write_text('on_unsupported = "drop"')
    (project / "aisopod.toml").write_text('default_model = "project/m"')
    named, other = tmp_path / "named.toml", tmp_path / "other.toml"
    named.write_text('default_model = "named/m"')
    other.write_text('default_model = "other/m"')
    environ = {"AISOPOD_CONFIG": str(other)}
    assert load_config(named, environ=environ, cwd=project).default_model == "named/m"
    config = load_config(environ=environ, cwd=project)
    assert (config.default_model, config.on_unsupported) == ("other/m", "error")
    with pytest.raises(ConfigurationError, match=r"gone\.toml: there is no such .*AISOPOD_CONFIG"):
        load_config(environ={"AISOPOD_CONFIG": "gone.toml"}, cwd=project)
    with pytest.raises(ConfigurationError, match=r"gone\.toml: there is no such"):
        load_config("gone.toml", environ={}, cwd=project)


@pytest.mark.parametrize(
    ("variable", "read"),
    [
        ("AISOPOD_MODEL", lambda config: config.default_model),
        ("AISOPOD_CA_BUNDLE", lambda config: config.network.ca_bundle),
        ("AISOPOD_CLIENT_CERT", lambda config: config.network.client_certificate),
    ],
)
def test_each_variable_beats_the_files_unless_it_is_empty(
    project: Path, variable: str, read: Any
) -> None:
    (project / "aisopod.toml").write_text(
        'default_model = "/f"\n[network]\nca_bundle = "/f"\nclient_certificate = "/f"'
    )
    assert read(load_config(environ={variable: "/e"}, cwd=project)) == "/e"
    for nothing in ("", "  "):
        assert read(load_config(environ={variable: nothing}, cwd=project)) == "/f"


def test_a_certificate_and_its_key_come_from_one_source(project: Path) -> None:
    (project / "aisopod.toml").write_text(
        '[network]\nclient_certificate = "/f.pem"\nclient_key = "/f.key"'
    )
    network = load_config(environ={"AISOPOD_CLIENT_CERT": "/e.pem"}, cwd=project).network
    assert (network.client_certificate, network.client_key) == ("/e.pem", None)
    both = {"AISOPOD_CLIENT_CERT": "/e.pem", "AISOPOD_CLIENT_KEY": "/e.key"}
    network = load_config(environ=both, cwd=project).network
    assert (network.client_certificate, network.client_key) == ("/e.pem", "/e.key")
    (project / "aisopod.toml").write_text("")
    with pytest.raises(ConfigurationError, match="AISOPOD_CLIENT_KEY needs AISOPOD_CLIENT_CERT"):
        load_config(environ={"AISOPOD_CLIENT_KEY": "/e.key"}, cwd=project)


def test_a_credential_replaces_a_weaker_source_s_whole(project: Path, user_config: Path) -> None:
    user_config.write_text('[providers.openai]\napi_key = "sk-user"\nbase_url = "http://u"')
    (project / "aisopod.toml").write_text('[providers.openai]\napi_key_env = "PROJECT_KEY"')
    openai = load_config(environ={}, cwd=project).providers["openai"]
    assert (openai.api_key, openai.api_key_env) == (None, "PROJECT_KEY")
    assert openai.base_url == "http://u"


def test_relative_paths_hold_from_their_file(home: Path, project: Path) -> None:
    (project / "aisopod.toml").write_text(
        '[network]\nca_bundle = "ca.pem"\nclient_certificate = "~/me.pem"\n'
        '[providers.x]\napi_key_file = "keys/x"'
    )
    config = load_config(environ={}, cwd=project)
    assert config.network.ca_bundle == str(project / "ca.pem")
    assert config.network.client_certificate == str(home / "me.pem")
    assert config.providers["x"].api_key_file == str(project / "keys/x")


def test_a_folder_that_is_gone_or_closed_is_no_failure(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert load_config(environ={}) == Config()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.touch(mode=0)
    with pytest.raises(ConfigurationError, match="cannot be read: Permission denied"):
        load_config(file, environ={})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rate_limit": ()}, "cooldowns.rate_limit: found (), allowed is a list of at least one"),
        ({"auth": (0.0,)}, "cooldowns.auth: found (0.0,)"),
        ({"billing": (math.inf,)}, "cooldowns.billing: found (inf,)"),
        ({"pacing": math.nan}, "cooldowns.pacing: found nan"),
        ({"probe": -1}, "with 0 everybody may try"),
    ],
)
def test_cooldowns_of_a_program_are_looked_at_too(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        CooldownConfig(**given)


def test_keys_are_secret_from_the_start(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        '[network]\nproxy = "http://me:sk-planted@proxy:1"\n'
        '[providers.x]\napi_key = "sk-planted"\nheaders = { x-portkey-api-key = "sk-planted" }'
    )
    config = load_config(file, environ={})
    assert config.providers["x"].api_key == Secret("sk-planted")
    assert "planted" not in f"{config!r} {config} {config.network} {config.providers['x']}"


KEYS = st.sampled_from(
    ["default_model", "network", "providers", "timeouts", "openai", "api_key", "headers", "idle", ""]
) | st.text(max_size=5)  # fmt: skip
VALUES = st.recursive(
    st.text(max_size=5) | st.integers() | st.floats() | st.booleans() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)


@settings(deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_whatever_stands_there_is_told_or_taken(values: dict[str, Any]) -> None:
    import msgspec

    from aisopod.config.check import make_secret

    problems = list(find_problems(values))
    for problem in problems:
        assert problem.keys
        assert problem.reason
    if not problems:
        # What the walk lets pass, the types take.
        with contextlib.suppress(msgspec.ValidationError):
            msgspec.convert(values, Config, dec_hook=make_secret)
            return
        pytest.fail(f"not told: {values}")


@settings(deadline=None)
@given(st.text(max_size=60) | st.text("[]{}=.\"'\n ab1#,", max_size=60))
def test_whatever_text_it_is_a_configuration_or_a_configuration_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(ConfigurationError):
        load_config(file, environ={})


@settings(deadline=None)
@given(st.integers(0, 6), st.integers(0, 6), st.data())
def test_the_line_is_that_of_the_key(before: int, after: int, data: st.DataObject) -> None:
    filler = st.sampled_from(["# c", "", 'k{} = """\n\nx\n"""', "k{} = [\n1,\n]", "k{} = 1"])
    head = [data.draw(filler).format(i) for i in range(before)]
    tail = [data.draw(filler).format(i + 10) for i in range(after)]
    text = "\n".join([*head, "wanted = 1", *tail])
    assert tomllib.loads(text)["wanted"] == 1
    assert text.split("\n")[find_line(text, ("wanted",)) - 1] == "wanted = 1"
