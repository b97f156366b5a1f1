"""The encoders have tables of their own; while there are two, they say the same of every model."""

from typing import Any

import pytest

from aisopod.catalogue import ModelFacts, facts_for
from aisopod.catalogue.snapshot import rows_of
from aisopod.codecs.anthropic_messages import families as claude
from aisopod.codecs.bedrock_converse import families as bedrock
from aisopod.codecs.gemini_generate import families as gemini
from aisopod.codecs.openai_chat import families as gpt

# (provider, model) -> why the two see it differently.
DIFFERENT: dict[tuple[str, str], str] = {
    ("anthropic", "claude-v1"): "the encoder takes a name that it does not know for a newer one",
    ("bedrock", "anthropic.claude-sonnet-4-6"): "models.dev has 64k on Bedrock and 128k elsewhere",
    ("openai", "gpt-4o-search-preview"): "the encoder sends the temperature that it refuses",
}

_SAMPLING = {
    "always": "allowed",
    "never": "rejected",
    "effort_none": "only_when_reasoning_off",
    "effort_off": "only_when_reasoning_off",
}


def of_claude(model: str) -> dict[str, Any]:
    family = claude.family_of(model)
    return {
        "sampling": "allowed" if family.sampling else "rejected",
        "efforts": family.efforts,
        "forced_tool_choice": family.forced_tool,
        "structured_output": "native" if family.structured else None,
        "max_output_tokens": family.max_output_tokens,
    }


def of_gpt(model: str) -> dict[str, Any]:
    family = gpt.find_family(model)
    if family is None:
        return {}
    return {
        "sampling": _SAMPLING[family.sampling],
        "efforts": tuple(effort for effort in family.efforts if effort != "none"),
    }


def of_gemini(model: str) -> dict[str, Any]:
    family = gemini.family_of(model)
    control = "level" if family.levels else "budget" if family.budgets else "none"
    return {
        "efforts": tuple(level.lower() for level in family.levels),
        "reasoning_control": control,
    }


def of_bedrock(model: str) -> dict[str, Any]:
    family = bedrock.family_of(model)
    if family.claude:
        return of_claude(model)
    return {
        "tools": family.tools,
        "cache": "explicit" if family.cache else "none",
        "forced_tool_choice": family.forced_tool if family.tools else None,
    }


CODECS = {"anthropic": of_claude, "bedrock": of_bedrock, "gemini": of_gemini, "openai": of_gpt}
MODELS = [(provider, model) for provider in CODECS for model in rows_of(provider)]


def disagreements(provider: str, model: str, facts: ModelFacts) -> dict[str, Any]:
    told = CODECS[provider](model)
    return {
        fact: (getattr(facts, fact), value)
        for fact, value in told.items()
        if value is not None and getattr(facts, fact) is not None and getattr(facts, fact) != value
    }


@pytest.mark.parametrize(("provider", "model"), MODELS, ids=lambda value: value)
def test_encoder_and_catalogue_agree(provider: str, model: str) -> None:
    found = disagreements(provider, model, facts_for(provider, model))
    assert bool(found) == ((provider, model) in DIFFERENT), found
