"""The hosts of the dialect: data that holds together."""

import msgspec
import pytest

from aisopod.codecs.openai_chat.codec import codec
from aisopod.codecs.openai_chat.quirks import Quirks
from aisopod.errors import ProtocolError
from aisopod.normalise.target import Target
from aisopod.normalise.validate import validate
from aisopod.providers.compatible import HOSTS, custom_host
from aisopod.providers.host import Credential, Host
from aisopod.providers.openai import host as openai
from aisopod.providers.openai.listing import parse_models
from aisopod.types import ChatCompletionRequest, HttpRequest, Message, Secret

ALL = {**HOSTS, "openai": openai}
LOCAL = {"vllm", "llamacpp", "lmstudio"}


@pytest.mark.parametrize("host", ALL.values(), ids=ALL)
def test_host_is_whole(host: Host) -> None:
    assert ALL[host.id] is host
    assert host.codec is codec
    assert isinstance(host.quirks, Quirks)
    assert host.key_variables
    assert host.base_url_variables
    assert host.key_required == (host.id not in LOCAL)
    assert host.chat_path.startswith("/")
    assert not host.base_url.endswith("/")
    if host.id in LOCAL:
        assert host.base_url.startswith("http://127.0.0.1:")
        assert host.connect_hint
    else:
        assert host.base_url.startswith("https://") or host.id == "azure"


@pytest.mark.parametrize("host", ALL.values(), ids=ALL)
def test_host_encodes_a_request(host: Host) -> None:
    request = ChatCompletionRequest(
        model="m", messages=[Message(role="user", content="hi")], max_tokens=5
    )
    target = Target(provider=host.id, model="m", quirks=host.quirks)
    body = msgspec.json.decode(codec.encode(validate(request), target).body)
    assert body["messages"] == [{"role": "user", "content": "hi"}]
    assert body["stream"] is True
    assert body[host.quirks.max_tokens_field] == 5


def test_azure_sends_keys_and_tokens_in_their_own_headers() -> None:
    azure, request = HOSTS["azure"], HttpRequest(method="POST", url="https://x")
    key = Credential(secret=Secret("k"))
    token = Credential(secret=Secret("t"), kind="token")
    assert azure.authorize(request, key) == {"api-key": "k"}
    assert azure.authorize(request, token) == {"authorization": "Bearer t"}
    path = azure.chat_path.format(model="dep", **azure.option_defaults)
    assert path.startswith("/openai/deployments/dep/chat/completions?api-version=20")


@pytest.mark.parametrize(
    "written",
    [
        "https://r.openai.azure.com",
        "https://r.openai.azure.com/",
        "https://r.openai.azure.com/openai/v1/",
        "https://r.openai.azure.com/openai/deployments/d",
    ],
)
def test_azure_takes_an_address_as_users_paste_it(written: str) -> None:
    parse = HOSTS["azure"].parse_base_url
    assert parse is not None
    assert parse(written) == "https://r.openai.azure.com"


def test_openai_options_become_headers() -> None:
    assert openai.option_headers == {
        "organization": "openai-organization",
        "project": "openai-project",
    }
    assert openai.option_variables["organization"] == "OPENAI_ORG_ID"


def test_custom_host_needs_only_an_address() -> None:
    host = custom_host("mine", "http://10.0.0.2:9000/v1/")
    assert (host.id, host.base_url, host.key_required) == (
        "mine",
        "http://10.0.0.2:9000/v1",
        False,
    )
    assert host.quirks.max_tokens_field == "max_tokens"
    assert not host.quirks.openai_models
    other = custom_host("mine", "http://x", quirks=Quirks(seed_field=None), headers={"x-a": "b"})
    assert other.quirks.seed_field is None
    assert other.headers == {"x-a": "b"}


def test_listing_reads_what_hosts_add() -> None:
    body = msgspec.json.encode(
        {
            "object": "list",
            "data": [
                {"id": "a", "created": 1700000000, "owned_by": "x", "created_by": None},
                {
                    "id": "b",
                    "name": "B",
                    "context_length": 10,
                    "top_provider": {"max_completion_tokens": 4},
                },
                {"id": "c", "context_window": 20, "max_completion_tokens": 5, "active": False},
                {"id": "d", "max_model_len": 30, "created": 0},
                {"id": "e", "max_context_length": 40, "deprecation": "2027-01-01"},
            ],
        }
    )
    models = parse_models(body, "p").models
    assert [(m.id, m.context_window, m.max_output_tokens, m.lifecycle) for m in models] == [
        ("a", None, None, None),
        ("b", 10, 4, None),
        ("c", 20, 5, "retired"),
        ("d", 30, None, None),
        ("e", 40, None, "deprecated"),
    ]
    assert models[0].created == "2023-11-14T22:13:20Z"
    assert models[3].created is None
    assert models[1].display_name == "B"
    assert all(model.provider == "p" and model.capabilities is None for model in models)
    assert models[0].raw["owned_by"] == "x"


def test_listing_may_be_a_bare_list() -> None:
    assert [m.id for m in parse_models(b'[{"id":"a"}]', "p").models] == ["a"]


@pytest.mark.parametrize("body", [b"<html>", b"3", b'{"data":[{"name":"x"}]}', b'{"error":"no"}'])
def test_listing_that_is_none(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_models(body, "p")
