"""What each dialect sends for a schema, in the words of the vendors' own types."""

from functools import cache
from typing import Any

import anthropic.types
import msgspec
import ollama._types
import openai.types.chat
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from google.genai import types as genai
from pydantic import TypeAdapter

from aisopod.codecs.anthropic_messages.codec import codec as messages
from aisopod.codecs.bedrock_converse.codec import codec as converse
from aisopod.codecs.codec import Codec
from aisopod.codecs.gemini_generate.codec import codec as gemini
from aisopod.codecs.ollama_chat.codec import codec as ollama_chat
from aisopod.codecs.openai_chat.codec import codec as openai_chat
from aisopod.normalise.target import Target
from aisopod.normalise.validate import validate
from aisopod.providers.registry import find
from aisopod.types import ChatCompletionRequest, JsonSchema, Message, Tool

OBJECT = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
SCHEMAS: list[dict[str, Any]] = [
    OBJECT,
    {"type": "array", "items": {"$ref": "#/$defs/a"}, "$defs": {"a": OBJECT}},
    {"anyOf": [OBJECT, {"type": "null"}]},
]
TARGETS = [
    (messages, "anthropic", "claude-3-haiku-20240307"),
    (messages, "anthropic", "claude-3-7-sonnet-20250219"),
    (messages, "anthropic", "claude-sonnet-4-5"),
    (openai_chat, "openai", "gpt-4-turbo"),
    (openai_chat, "openai", "gpt-4.1"),
    (openai_chat, "deepseek", "deepseek-chat"),
    (gemini, "gemini", "gemini-2.0-flash"),
    (gemini, "gemini", "gemini-2.5-flash"),
    (gemini, "gemini", "gemini-3-flash-preview"),
    (converse, "bedrock", "amazon.nova-pro-v1:0"),
    (converse, "bedrock", "meta.llama3-1-70b-instruct-v1:0"),
    (converse, "bedrock", "mistral.mistral-large-2407-v1:0"),
    (ollama_chat, "ollama", "qwen3"),
]


@cache
def shape() -> Any:
    model = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"))
    return model.operation_model("ConverseStream").input_shape


def judge(dialect: str, body: dict[str, Any]) -> None:
    match dialect:
        case "anthropic_messages":
            for tool in body.get("tools", ()):
                TypeAdapter(anthropic.types.ToolUnionParam).validate_python(tool)
            if "tool_choice" in body:
                TypeAdapter(anthropic.types.ToolChoiceParam).validate_python(body["tool_choice"])
        case "openai_chat":
            for tool in body.get("tools", ()):
                kind: Any = openai.types.chat.ChatCompletionToolUnionParam
                TypeAdapter(kind).validate_python(tool)
            if "tool_choice" in body:
                choice: Any = openai.types.chat.ChatCompletionToolChoiceOptionParam
                TypeAdapter(choice).validate_python(body["tool_choice"])
        case "gemini_generate":
            for tool in body.get("tools", ()):
                genai.Tool.model_validate(tool)
            genai.ToolConfig.model_validate(body.get("toolConfig", {}))
            genai.GenerationConfig.model_validate(body.get("generationConfig", {}))
        case "bedrock_converse":
            report = ParamValidator().validate({"modelId": "m", **body}, shape())
            assert not report.has_errors(), report.generate_report()
        case _:
            ollama._types.ChatRequest.model_validate(body)


@pytest.mark.parametrize("tools", [[], [Tool(name="f")]])
@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize(("codec", "provider", "model"), TARGETS)
def test_bodies(
    codec: Codec, provider: str, model: str, schema: dict[str, Any], tools: list[Any]
) -> None:
    host: Any = find(provider)
    target = Target(provider=provider, model=model, quirks=host.quirks)
    request = ChatCompletionRequest(
        model=model, messages=[Message(role="user", content="hi")], tools=tools,
        response_format=JsonSchema(schema=schema),
    )  # fmt: skip
    encoded = codec.encode(validate(request), target)
    judge(codec.dialect, msgspec.json.decode(encoded.body))
    wrapped = schema is not OBJECT
    assert (encoded.answer is not None and encoded.answer.wrapped) == wrapped
