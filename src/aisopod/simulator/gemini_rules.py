"""What Google's API refuses: https://ai.google.dev/api/generate-content.

Rules by model follow the models' documentation; a model of another name is free of them.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

from aisopod.simulator.gemini_schema import check_schema, unknown_name
from aisopod.simulator.gemini_signatures import check_unaltered
from aisopod.simulator.wire import Fields, Refusal

__all__ = ["check", "check_count", "declarations", "normalised", "wants_signatures"]

# fmt: off
_TOP = frozenset({
    "contents", "systemInstruction", "tools", "toolConfig", "safetySettings", "generationConfig",
    "cachedContent", "serviceTier", "labels", "store", "model", "modelArmorConfig",
    "continuationToken", "outputConfig",
})
_CONFIG = frozenset({
    "temperature", "topP", "topK", "candidateCount", "maxOutputTokens", "stopSequences", "seed",
    "presencePenalty", "frequencyPenalty", "responseLogprobs", "logprobs", "responseMimeType",
    "responseSchema", "responseJsonSchema", "responseModalities", "mediaResolution",
    "thinkingConfig", "speechConfig", "imageConfig", "audioTimestamp", "routingConfig",
    "enableAffectiveDialog", "enableEnhancedCivicAnswers", "audioTranscriptionConfig", "modelConfig",
})
_COUNT = frozenset({"contents", "generateContentRequest", "systemInstruction", "tools", "model",
                    "generationConfig"})
_DATA = frozenset({
    "text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode",
    "codeExecutionResult", "toolCall", "toolResponse",
})
_PART = _DATA | {
    "thought", "thoughtSignature", "mediaResolution", "mediaProcessing", "videoMetadata",
    "partMetadata", "audioMetadata", "audioTranscription", "documentMetadata", "speechMetadata",
    "spreadsheetMetadata",
}
_FUNCTION = frozenset({
    "name", "description", "parameters", "parametersJsonSchema", "response", "responseJsonSchema",
    "behavior",
})
_THINKING = frozenset({"includeThoughts", "thinkingBudget", "thinkingLevel"})
# Under these stands the user's own JSON.
_FREE = frozenset({
    "args", "response", "parametersJsonSchema", "responseJsonSchema", "labels", "partMetadata",
    "default", "example", "$defs",
})
# fmt: on

_SNAKE = re.compile(r"_([a-z0-9])")
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
_STRICT = re.compile(r"gemini-([3-9]|\d\d)")
_OLD = re.compile(r"gemini-[12](?!\d)")
# Recorded answers of the service show that these take an object without properties.
_TAKES_EMPTY = re.compile(r"gemini-(2\.5|[3-9]|\d\d)")
_NO_THINKING = re.compile(r"gemini-(1|2\.0|2\.5-flash-image)|gemma")
_NO_LEVELS = re.compile(r"gemini-2\.5")
_ALWAYS_THINKS = re.compile(r"gemini-2\.5-pro")
_MODES = frozenset({"MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"})
_MOST_STOPS = 5


def normalised(body: Fields) -> Fields:
    """The request with its names in camel case: the service takes both."""
    renamed: Fields = _camel(body, free=False)
    return renamed


def wants_signatures(model: str) -> bool:
    """Whether the calls of a model have to come back with their signatures."""
    return _STRICT.match(model) is not None


def declarations(body: Fields) -> list[Fields]:
    """The functions of all tools."""
    return [one for tool in body.get("tools") or [] for one in tool.get("functionDeclarations", [])]


def check(body: Fields, model: str) -> None:
    """Refuse what the API refuses.

    Args:
        body: the request, normalised.
        model: its name from the address.

    Raises:
        Refusal: with the service's status and words.
    """
    _check_names(body, _TOP, "")
    _check_contents(body)
    _check_config(body.get("generationConfig") or {}, model)
    _check_tools(body, model)
    _check_turns(body["contents"])
    if wants_signatures(model):
        _check_signatures(body["contents"])
        for content in body["contents"]:
            check_unaltered(content["parts"])


def check_count(body: Fields) -> None:
    """Refuse what token counting refuses."""
    _check_names(body, _COUNT, "")
    if "contents" in body and "generateContentRequest" in body:
        raise _bad("Only one of contents and generate_content_request may be set.")
    if "generateContentRequest" in body:
        body = body["generateContentRequest"]
        if not body.get("model"):
            raise _bad("* CountTokensRequest.generate_content_request.model: unexpected model name")
        _check_names(body, _TOP, "generate_content_request")
    _check_contents(body)


def _camel(value: Any, *, free: bool) -> Any:  # noqa: ANN401 - any JSON may come
    if free:
        return value
    if isinstance(value, list):
        return [_camel(item, free=False) for item in value]
    if not isinstance(value, dict):
        return value
    renamed: Fields = {}
    for key, inner in value.items():
        name = _SNAKE.sub(lambda found: found[1].upper(), key)
        # A declaration's own schema of its response is a message, a tool's response is not.
        free = name in _FREE
        if name == "properties" and isinstance(inner, dict):
            renamed[name] = {key: _camel(one, free=False) for key, one in inner.items()}
        else:
            renamed[name] = _camel(inner, free=free)
    return renamed


def _bad(message: str) -> Refusal:
    return Refusal(400, message)


def _check_names(fields: Fields, known: frozenset[str], path: str) -> None:
    for name in fields:
        if name not in known:
            raise unknown_name(name, path)


def _check_contents(body: Fields) -> None:
    if not body.get("contents"):
        raise _bad("* GenerateContentRequest.contents: contents is not specified\n")
    for index, content in enumerate(body["contents"]):
        path = f"contents[{index}]"
        _check_names(content, frozenset({"role", "parts"}), path)
        if content.get("role", "user") not in {"user", "model"}:
            raise _bad("Please use a valid role: user, model.")
        _check_parts(content.get("parts"), path)
    instruction = body.get("systemInstruction")
    if instruction is not None:
        _check_parts(instruction.get("parts"), "system_instruction")
        if any("text" not in part for part in instruction["parts"]):
            raise _bad("System instruction only supports text parts.")


def _check_parts(parts: list[Fields] | None, path: str) -> None:
    if not parts:
        raise _bad(
            "Unable to submit request because it must include at least one parts field, which "
            "describes the prompt input."
        )
    for index, part in enumerate(parts):
        _check_part(part, f"{path}.parts[{index}]")


def _check_part(part: Fields, path: str) -> None:
    _check_names(part, _PART, path)
    data = [name for name in part if name in _DATA]
    if not data:
        raise _bad(
            f"* GenerateContentRequest.{path}.data: required oneof field 'data' must have one "
            "initialized field\n"
        )
    if len(data) > 1:
        raise _bad(
            f"Invalid value at '{path}' (oneof), oneof field 'data' is already set. Cannot set "
            f"'{data[1]}'"
        )
    if "thoughtSignature" in part:
        _check_base64(part["thoughtSignature"], f"{path}.thought_signature")
    match data[0]:
        case "text" if not part["text"] and "thoughtSignature" not in part:
            raise _bad(
                "Unable to submit request because it must have a text parameter. Add a text "
                "parameter and try again."
            )
        case "inlineData":
            _check_blob(part["inlineData"], f"{path}.inline_data")
        case "fileData" if not part["fileData"].get("fileUri"):
            raise _bad(f"* GenerateContentRequest.{path}.file_data.file_uri: must not be empty\n")
        case "functionCall":
            _check_function(part["functionCall"], "args", f"{path}.function_call")
        case "functionResponse":
            _check_function(part["functionResponse"], "response", f"{path}.function_response")
        case _:
            pass


def _check_blob(blob: Fields, path: str) -> None:
    _check_names(blob, frozenset({"mimeType", "data", "displayName"}), path)
    if not blob.get("mimeType"):
        raise _bad(f"* GenerateContentRequest.{path}.mime_type: must not be empty\n")
    if not blob.get("data"):
        raise _bad(f"* GenerateContentRequest.{path}.data: must not be empty\n")
    _check_base64(blob["data"], f"{path}.data")


def _check_base64(text: str, path: str) -> None:
    """Both alphabets are taken, with padding or without."""
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise _bad(
            f"Invalid value at '{path}' (TYPE_BYTES), Base64 decoding failed for \"{text[:40]}\""
        ) from None


def _check_function(function: Fields, field: str, path: str) -> None:
    _check_names(
        function, frozenset({"id", "name", field, "parts", "willContinue", "scheduling"}), path
    )
    if not function.get("name"):
        raise _bad(f"* GenerateContentRequest.{path}.name: Name cannot be empty.\n")
    if not _NAME.fullmatch(function["name"]):
        raise _misnamed(path)
    if not isinstance(function.get(field, {}), dict):
        raise _bad(
            f"Invalid value at '{path}.{field}' (type.googleapis.com/google.protobuf.Struct)"
        )
    if field == "response" and field not in function:
        raise _bad(f"* GenerateContentRequest.{path}.response: must be set\n")
    for index, part in enumerate(function.get("parts") or []):
        _check_blob(part["inlineData"], f"{path}.parts[{index}].inline_data")


def _check_config(config: Fields, model: str) -> None:
    _check_names(config, _CONFIG, "generation_config")
    said = "* GenerateContentRequest.generation_config"
    empty = _TAKES_EMPTY.match(model) is not None
    if len(config.get("stopSequences") or []) > _MOST_STOPS:
        raise _bad(f"{said}.stop_sequences: must have at most {_MOST_STOPS} items\n")
    temperature = config.get("temperature")
    if temperature is not None and not 0 <= temperature <= 2:
        raise _bad(f"{said}.temperature: must be in the range [0.0, 2.0].\n")
    if config.get("maxOutputTokens", 1) < 1:
        raise _bad(f"{said}.max_output_tokens: must be a positive integer.\n")
    if "responseSchema" in config and "responseJsonSchema" in config:
        raise _bad(
            f"{said}.response_json_schema: response_schema and response_json_schema cannot both "
            "be set\n"
        )
    if "responseSchema" in config:
        check_schema(config["responseSchema"], "generation_config.response_schema", empty=empty)
    if {"responseSchema", "responseJsonSchema"} & config.keys() and config.get(
        "responseMimeType"
    ) not in {"application/json", "text/x.enum"}:
        raise _bad(
            f"{said}.response_schema: only allowed with response_mime_type of JSON or enum\n"
        )
    _check_thinking(config.get("thinkingConfig"), model)


def _check_thinking(thinking: Fields | None, model: str) -> None:
    if thinking is None:
        return
    _check_names(thinking, _THINKING, "generation_config.thinking_config")
    if _NO_THINKING.match(model):
        raise _bad("Thinking is not enabled for this model.")
    if "thinkingBudget" in thinking and "thinkingLevel" in thinking:
        raise _bad("You can only set only one of thinking budget and thinking level.")
    if "thinkingLevel" in thinking and _NO_LEVELS.match(model):
        raise _bad("Thinking level is not supported for this model.")
    if thinking.get("thinkingBudget") == 0 and _ALWAYS_THINKS.match(model):
        raise _bad("Budget 0 is invalid. This model only works in thinking mode.")


def _check_tools(body: Fields, model: str) -> None:
    wish = (body.get("toolConfig") or {}).get("functionCallingConfig")
    functions = declarations(body)
    if wish is not None:
        _check_wish(wish, functions)
    for tool_index, tool in enumerate(body.get("tools") or []):
        for index, function in enumerate(tool.get("functionDeclarations") or []):
            path = f"tools[{tool_index}].function_declarations[{index}]"
            _check_declaration(function, path, empty=_TAKES_EMPTY.match(model) is not None)
    names = [function["name"] for function in functions]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise _bad(f"Duplicate function declaration found: {twice}")
    if functions and _OLD.match(model):
        if any(name != "functionDeclarations" for tool in body["tools"] for name in tool):
            raise _bad("Tool use with function calling is unsupported")
        kind = (body.get("generationConfig") or {}).get("responseMimeType")
        if kind == "application/json":
            raise _bad(f"Function calling with a response mime type: '{kind}' is unsupported")


def _check_wish(wish: Fields, functions: list[Fields]) -> None:
    if not functions:
        raise _bad("Function calling config is set without function_declarations.")
    if wish.get("mode", "AUTO") not in _MODES:
        place = "tool_config.function_calling_config.mode"
        raise _bad(f"Invalid value at '{place}' (TYPE_ENUM), \"{wish['mode']}\"")
    allowed = wish.get("allowedFunctionNames")
    if allowed:
        if wish.get("mode") not in {"ANY", "VALIDATED"}:
            raise _bad("Allowed function names should only be set when the mode is ANY.")
        known = {function["name"] for function in functions}
        if strange := [name for name in allowed if name not in known]:
            raise _bad(f"allowed_function_names has no function declaration: {strange[0]}")


def _misnamed(path: str) -> Refusal:
    return _bad(
        f"* GenerateContentRequest.{path}.name: Invalid function name. Must start with a letter or "
        "an underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons "
        "(:), or dashes (-), with a maximum length of 128.\n"
    )


def _check_declaration(function: Fields, path: str, *, empty: bool) -> None:
    _check_names(function, _FUNCTION, path)
    if not _NAME.fullmatch(function.get("name", "")):
        raise _misnamed(path)
    if "parameters" in function and "parametersJsonSchema" in function:
        raise _bad(
            f"* GenerateContentRequest.{path}: parameters and parameters_json_schema cannot both "
            "be set\n"
        )
    if "parameters" in function:
        check_schema(function["parameters"], f"{path}.parameters", empty=empty)


def _count(content: Fields, name: str) -> int:
    return sum(name in part for part in content["parts"])


def _check_turns(contents: list[Fields]) -> None:
    """Each turn of calls comes after the user, and right before as many responses."""
    asked = 0
    previous = ""
    for content in contents:
        role = content.get("role", "user")
        calls, responses = _count(content, "functionCall"), _count(content, "functionResponse")
        if calls and previous != "user":
            raise _bad(
                "Please ensure that function call turn comes immediately after a user turn or "
                "after a function response turn."
            )
        if responses and not asked:
            raise _bad(
                "Please ensure that function response turn comes immediately after a function "
                "call turn."
            )
        if asked != responses:
            raise _uneven()
        asked, previous = calls, role
    if asked:
        raise _uneven()


def _uneven() -> Refusal:
    return _bad(
        "Please ensure that the number of function response parts is equal to the number of "
        "function call parts of the function call turn."
    )


def _check_signatures(contents: list[Fields]) -> None:
    """Of each step since the user spoke last, the first call bears a signature."""
    for index in _current_turn(contents):
        content = contents[index]
        calls = [
            (position, part)
            for position, part in enumerate(content["parts"])
            if "functionCall" in part
        ]
        if calls and not calls[0][1].get("thoughtSignature"):
            position, part = calls[0]
            raise _bad(
                "Function call is missing a thought_signature in functionCall parts. This is "
                "required for tools to work correctly, and missing thought_signature may lead to "
                "degraded model performance. Additional data, function call "
                f"`default_api:{part['functionCall']['name']}` , position {index + position + 1}. "
                "Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for "
                "more details."
            )


def _current_turn(contents: list[Fields]) -> Iterator[int]:
    for index in range(len(contents) - 1, -1, -1):
        content = contents[index]
        if content.get("role", "user") == "user" and not _count(content, "functionResponse"):
            return
        if content.get("role", "user") == "model":
            yield index
