"""What a provider answered, it can do: no recorded success may be refused here before it is sent."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
import pytest

from aisopod.catalogue import facts_for
from aisopod.errors import AisopodError
from aisopod.normalise.target import Target
from aisopod.routing.fit import lacking, needs_of
from aisopod.types import (
    ChatCompletion,
    ChatCompletionRequest,
    ImagePart,
    JsonSchema,
    Message,
    Tool,
)
from support.recorded_answers import APIS, CODECS, answer_of, model_of
from support.recordings import Recording, load

# Recordings that show nothing of their model, and why.
NO_EVIDENCE = {
    "anthropic/ai--__fixtures__-spliced-message-start-0": "an answer put together by hand",
}
_IMAGES = ('"image_url"', '"type":"image"', '"image":{', "image/png", "image/jpeg")
_SCHEMAS = ("json_schema", "responseSchema", "responseJsonSchema", "response_schema")
_FORCED = ("required", "any", "ANY")


class Shown(msgspec.Struct, frozen=True):
    """What a recorded exchange shows that its model can do."""

    recording: Recording
    answer: ChatCompletion

    @property
    def wire(self) -> str:
        return msgspec.json.encode(self.recording.request.get("json") or {}).decode()

    @property
    def tools(self) -> bool:
        body = self.recording.request.get("json") or {}
        declared = body.get("tools") or body.get("toolConfig", {}).get("tools") or []
        # Services' own tools are no functions.
        functions = ("function", "toolSpec", "input_schema", "functionDeclarations")
        return any(name in tool for tool in declared for name in functions)

    @property
    def images(self) -> bool:
        return any(mark in self.wire for mark in _IMAGES)

    @property
    def schema(self) -> bool:
        return any(mark in self.wire for mark in _SCHEMAS)

    @property
    def reasoning(self) -> bool:
        usage = self.answer.usage
        return bool(self.answer.thinking or (usage and usage.reasoning_tokens))

    def setting(self, *names: str) -> Any:
        """A parameter's value, wherever the wire has it."""
        body = self.recording.request.get("json") or {}
        for place in (body, body.get("inferenceConfig", {}), body.get("generationConfig", {})):
            if (found := next((place[name] for name in names if name in place), None)) is not None:
                return found
        return None

    @property
    def forced(self) -> bool:
        body = self.recording.request.get("json") or {}
        choice = body.get("tool_choice") or body.get("toolConfig", {}).get("toolChoice")
        return choice in _FORCED or (isinstance(choice, dict) and "any" in choice)


@cache
def successes() -> tuple[Shown, ...]:
    return tuple(_successes())


def _successes() -> Iterator[Shown]:
    for provider, apis in APIS.items():
        for recording in load(provider, *apis):
            if recording.status != 200 or recording.name in NO_EVIDENCE:
                continue
            try:
                yield Shown(recording, answer_of(recording))
            except AisopodError:  # an error inside HTTP 200
                continue


def request_like(shown: Shown) -> ChatCompletionRequest:
    """A short request that asks for everything that the recorded one did."""
    picture = ImagePart(data=b"\x89PNG\r\n\x1a\n", media_type="image/png")
    schema = JsonSchema(name="it", schema={"type": "object", "properties": {}})
    return ChatCompletionRequest(
        model=model_of(shown.recording),
        messages=[Message(role="user", content=[picture] if shown.images else "hi")],
        tools=[Tool(name="it", parameters={"type": "object"})] if shown.tools else [],
        tool_choice="required" if shown.tools and shown.forced else None,
        temperature=shown.setting("temperature"),
        top_p=shown.setting("top_p", "topP"),
        response_format=schema if shown.schema else None,
        max_tokens=2048,
    )


@pytest.mark.parametrize("shown", successes(), ids=lambda shown: shown.recording.name)
def test_what_was_answered_is_not_refused_before_it_is_sent(shown: Shown) -> None:
    request = request_like(shown)
    provider = shown.recording.provider
    assert lacking(needs_of(request), facts_for(provider, request.model)) is None
    CODECS[provider].encode(request, Target(provider=provider, model=request.model))


@pytest.mark.parametrize("shown", successes(), ids=lambda shown: shown.recording.name)
def test_no_ability_that_was_used_is_denied(shown: Shown) -> None:
    facts = facts_for(shown.recording.provider, model_of(shown.recording))
    denied = {
        "tools": bool(shown.answer.tool_calls) and facts.tools is False,
        "image": shown.images and "image" not in (facts.input_modalities or {"image"}),
        "reasoning": shown.reasoning and facts.reasoning == "none",
        "structured_output": shown.schema and facts.structured_output in {"json", "none"},
        "sampling": shown.setting("temperature") is not None and facts.sampling == "rejected",
        "forced_tool_choice": shown.forced and facts.forced_tool_choice is False,
    }
    assert not any(denied.values()), denied


def test_enough_was_recorded() -> None:
    if not load("openai", "chat.completions"):
        pytest.skip("NO RECORDINGS: no ability is compared")
    assert len(successes()) >= 150
    assert sum(bool(shown.answer.tool_calls) for shown in successes()) >= 30
