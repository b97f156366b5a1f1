"""What the catalogue says that a model can do, its encoder sends; what nobody knows, it does not refuse."""

from functools import cache
from typing import Any

import msgspec
import pytest

from aisopod.catalogue import ModelFacts, facts_for
from aisopod.catalogue.snapshot import rows_of
from aisopod.normalise.target import Target
from aisopod.providers.host import Host
from aisopod.providers.registry import find
from aisopod.types import (
    ChatCompletionRequest,
    ImagePart,
    JsonSchema,
    Message,
    Part,
    Reasoning,
    Tool,
)

PROVIDERS = ("anthropic", "azure", "bedrock", "bedrock-anthropic", "gemini", "openai", "vertex")
# Models that are left out: beginnings of their names, and why.
APART = {
    ("anthropic", "claude-v1"): "the encoder takes a name that it does not know for a newer one",
    ("vertex", "claude-"): "Claude's dialect is not the one that the host speaks",
}
MODELS = [
    (provider, row.id or name)
    for provider in PROVIDERS
    for name, row in rows_of(provider).items()
    if not any(provider == of and name.startswith(start) for of, start in APART)
]
_PICTURE = ImagePart(data=b"\x89PNG\r\n\x1a\n", media_type="image/png")
_TOOL = Tool(name="it", parameters={"type": "object", "properties": {}})
_SCHEMA = JsonSchema(name="it", schema={"type": "object", "properties": {}})


@cache
def host_of(provider: str) -> Host:
    host = find(provider)
    assert isinstance(host, Host)
    return host


def abilities(facts: ModelFacts) -> dict[str, ChatCompletionRequest]:
    """A request for each thing that the model is said to do."""

    def asks(content: str | list[Part] = "hi", **wish: Any) -> ChatCompletionRequest:
        return ChatCompletionRequest(
            model=facts.id,
            messages=[Message(role="user", content=content)],
            max_tokens=2048,
            **wish,
        )

    found = {}
    if "image" in (facts.input_modalities or ()):
        found["image"] = asks([_PICTURE])
    if facts.tools:
        found["tools"] = asks(tools=[_TOOL])
        if facts.forced_tool_choice:
            found["forced"] = asks(tools=[_TOOL], tool_choice="required")
    if facts.structured_output == "native":
        found["schema"] = asks(response_format=_SCHEMA)
    if facts.sampling == "allowed":
        found["temperature"] = asks(temperature=0.5)
    for effort in facts.efforts or ():
        found[f"effort {effort}"] = asks(reasoning=msgspec.convert({"effort": effort}, Reasoning))
    if facts.reasoning in {"optional", "default_on"}:
        found["no thinking"] = asks(reasoning=Reasoning(effort="none"))
    return found


@pytest.mark.parametrize(("provider", "model"), MODELS, ids=lambda value: value)
def test_nothing_that_the_model_can_do_is_refused(provider: str, model: str) -> None:
    host = host_of(provider)
    target = Target(provider=provider, model=model, quirks=host.quirks)
    for request in abilities(facts_for(provider, model)).values():
        host.codec.encode(request, target)
