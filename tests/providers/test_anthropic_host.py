"""Anthropic's host: credentials, headers, listing and counting."""

from typing import Any

import msgspec
import pytest

from aisopod.errors import ProtocolError
from aisopod.providers.anthropic import host
from aisopod.providers.host import Credential, joined_headers
from aisopod.types import HttpRequest, ModelInfo, Secret

REQUEST = HttpRequest(method="POST", url="https://api.anthropic.com/v1/messages")


def test_the_host() -> None:
    assert host.key_variables == ("ANTHROPIC_API_KEY",)
    assert host.token_variables == ("ANTHROPIC_AUTH_TOKEN",)
    assert host.base_url_variables == ("ANTHROPIC_BASE_URL",)
    assert host.headers == {"anthropic-version": "2023-06-01"}
    assert host.option_headers["beta"] == "anthropic-beta"
    assert host.option_headers["workspace_id"] == "anthropic-workspace-id"
    assert host.request_id_headers[0] == "request-id"


def test_a_key_and_a_token_are_carried_differently() -> None:
    secret = Secret("s3cret")
    assert host.authorize(REQUEST, Credential(secret=secret)) == {"x-api-key": "s3cret"}
    assert host.authorize(REQUEST, Credential(secret=secret, kind="token")) == {
        "authorization": "Bearer s3cret",
        "anthropic-beta": "oauth-2025-04-20",
    }


def test_betas_of_all_sources_are_one_header() -> None:
    signed = host.authorize(REQUEST, Credential(secret=Secret("s"), kind="token"))
    option = {"anthropic-beta": "a,b"}
    encoded = {"anthropic-beta": "interleaved-thinking-2025-05-14, a"}
    assert joined_headers(option, encoded, signed)["anthropic-beta"] == (
        "a,b,interleaved-thinking-2025-05-14,oauth-2025-04-20"
    )


def listed(*entries: dict[str, Any], **fields: Any) -> bytes:
    return msgspec.json.encode({"data": entries, **fields})


def test_a_page_of_models() -> None:
    assert host.listing is not None
    told = {"supported": True}
    full = {
        "id": "claude-x",
        "type": "model",
        "display_name": "Claude X",
        "created_at": "2026-01-01T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": 1_000_000,
        "max_tokens": 128_000,
        "capabilities": {
            "image_input": told,
            "pdf_input": {"supported": False},
            "batch": None,
            "thinking": {**told, "types": {"adaptive": told}},
            "effort": {**told, "low": told, "max": {"supported": False}, "high": told},
        },
    }
    page = host.listing.parse(
        listed(full, {"id": "old"}, has_more=True, last_id="old"), "anthropic"
    )
    assert page.cursor == "old"
    assert page.models == [
        ModelInfo(
            id="claude-x",
            provider="anthropic",
            display_name="Claude X",
            context_window=1_000_000,
            max_output_tokens=128_000,
            capabilities=frozenset({"completion", "tools", "vision", "reasoning"}),
            lacks=frozenset({"documents"}),
            efforts=("low", "high"),
            reasoning_control="adaptive",
            lifecycle="active",
            created="2026-01-01T00:00:00Z",
            raw=full,
        ),
        ModelInfo(id="old", provider="anthropic", raw={"id": "old"}),
    ]


def test_the_last_page_has_no_cursor() -> None:
    assert host.listing is not None
    assert host.listing.path == "/v1/models?limit=1000"
    assert host.listing.cursor_query == "after_id"
    assert host.listing.parse(listed(has_more=False, last_id="x"), "anthropic").cursor is None


@pytest.mark.parametrize("body", [b"", b"{}", b'{"data": [{}]}', b'{"data": "\xff"}'])
def test_what_is_no_listing_is_a_protocol_error(body: bytes) -> None:
    assert host.listing is not None
    with pytest.raises(ProtocolError):
        host.listing.parse(body, "anthropic")


def test_counting() -> None:
    assert host.token_counting is not None
    assert host.token_counting.path == "/v1/messages/count_tokens"
    assert host.token_counting.parse(b'{"input_tokens": 14}') == 14
    for body in (b"", b"{}", b'{"input_tokens": "\xff"}'):
        with pytest.raises(ProtocolError):
            host.token_counting.parse(body)
