"""One model, many names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisopod.catalogue import canonical, facts_for
from aisopod.catalogue.ids import keys

_ARN = "arn:aws:bedrock:us-east-1"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku"),
        ("claude-opus-4.6", "claude-opus-4-6"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("claude-opus-4-6@default", "claude-opus-4-6"),
        ("publishers/anthropic/models/claude-opus-5", "claude-opus-5"),
        ("claude-2.1", "claude-2-1"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-5.2_2025-12-11", "gpt-5.2"),
        ("gpt-5-chat-latest", "gpt-5-chat"),
        ("GPT-4o", "gpt-4o"),
        ("ft:gpt-4.1:org::id", "gpt-4.1"),
        ("ft:gpt-4o-2024-08-06:org:suffix:id", "gpt-4o"),
        ("models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("projects/p/locations/global/publishers/google/models/gemini-3-flash", "gemini-3-flash"),
        ("gemini-2.0-flash-001", "gemini-2.0-flash"),
        ("gemini-2.0-flash-exp", "gemini-2.0-flash"),
        ("gemini-2.5-flash-preview-09-2025", "gemini-2.5-flash"),
        ("gemini-2.5-pro-preview-05-06", "gemini-2.5-pro"),
        ("anthropic.claude-v2:1", "claude-v2"),
        ("anthropic.claude-3-sonnet-20240229-v1:0", "claude-3-sonnet"),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0:51k", "claude-3-5-sonnet"),
        ("us.anthropic.claude-opus-4-6-v1", "claude-opus-4-6"),
        ("us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("global.openai.gpt-6.1-sol", "gpt-6.1-sol"),
        ("apac.amazon.nova-lite-v1:0", "nova-lite"),
        ("openai.gpt-oss-120b-1:0", "gpt-oss-120b"),
        (f"{_ARN}::foundation-model/amazon.nova-pro-v1:0", "nova-pro"),
        (f"{_ARN}:123456789012:inference-profile/eu.anthropic.claude-opus-5", "claude-opus-5"),
        # What stands behind these, only AWS and Google can say.
        (f"{_ARN}:123456789012:application-inference-profile/abc", None),
        (f"{_ARN}:123456789012:provisioned-model/abc", None),
        (f"{_ARN}:123456789012:imported-model/abc", None),
        ("tunedModels/my-model-123", None),
        ("projects/p/locations/l/endpoints/123", None),
        ("llama3.2", "llama3.2"),
        ("", ""),
    ],
)
def test_least_specific_name(name: str, key: str | None) -> None:
    assert canonical(name) == (name.lower() if key is None else key)


def test_names_become_less_specific_step_by_step() -> None:
    found = keys(f"{_ARN}:1:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0")
    assert [key.id for key in found][1:] == [
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "anthropic.claude-sonnet-4-5-20250929",
        "anthropic.claude-sonnet-4-5",
        "claude-sonnet-4-5",
    ]
    assert [key.same_price for key in found] == [True] * 5 + [False]


PIECES = st.sampled_from(
    [
        "claude",
        "gemini",
        "gpt",
        "ft:",
        "us.",
        "global.",
        "anthropic.",
        "-v1:0",
        ":1",
        "-20250101",
        "-2025-01-01",
        "@",
        "@default",
        "-latest",
        "models/",
        "publishers/",
        "arn:aws:bedrock::",
        "foundation-model/",
        "-preview",
        "-exp-0827",
        "-001",
        ".",
        "-",
        "/",
        ":",
        "5",
    ]
)
NAMES = st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=8).map("".join))


@given(NAMES)
def test_the_least_specific_name_is_its_own(name: str) -> None:
    assert canonical(canonical(name)) == canonical(name)


@given(NAMES)
def test_no_key_comes_twice_and_the_first_is_the_name(name: str) -> None:
    found = [key.id for key in keys(name)]
    assert len(found) == len(set(found))
    assert found[:1] == ([name.strip().lower()] if name.strip() else [])


@given(NAMES)
def test_once_a_relative_never_the_same_again(name: str) -> None:
    prices = [key.same_price for key in keys(name)]
    assert prices == sorted(prices, reverse=True)


@given(st.sampled_from(["anthropic", "bedrock", "openai", "vertex", "ollama", "nobody"]), NAMES)
def test_any_name_can_be_looked_up(provider: str, name: str) -> None:
    facts = facts_for(provider, name)
    assert facts.id == name


def test_a_fine_tuned_model_can_what_its_base_can_at_its_own_price() -> None:
    base = facts_for("openai", "gpt-4o")
    listed = facts_for("openai", "ft:gpt-4o-2024-08-06:org::id")
    assert (listed.context_window, listed.tools) == (base.context_window, True)
    assert listed.price is not None
    assert base.price is not None
    assert listed.price.input == base.price.input * 3 / 2 if base.price.input else False
    unlisted = facts_for("openai", "ft:gpt-4.1:org::id")
    assert unlisted.price is None
    assert unlisted.context_window == facts_for("openai", "gpt-4.1").context_window


def test_a_preview_has_a_price_of_its_own() -> None:
    assert facts_for("gemini", "gemini-2.5-pro-preview-05-06").price is None
    assert facts_for("gemini", "gemini-2.5-pro-preview-05-06").reasoning == "always"


def test_a_hidden_model_is_unknown() -> None:
    facts = facts_for("bedrock", f"{_ARN}:123456789012:application-inference-profile/claude-opus-5")
    assert facts.sources == {}
