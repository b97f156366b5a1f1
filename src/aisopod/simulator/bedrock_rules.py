"""What Converse refuses.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and the pages of
its blocks. Rules by model follow the models' documentation; a model of another name is free of
them.
"""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import msgspec

from aisopod.simulator.anthropic_binding import check_binding, is_own
from aisopod.simulator.anthropic_rules import check_begun, check_settings
from aisopod.simulator.anthropic_schemas import check_held, root_problem
from aisopod.simulator.bedrock_blocks import check_block, is_hosted, sources
from aisopod.simulator.bedrock_shape import bad, check_members, one_key
from aisopod.simulator.wire import Fields

__all__ = [
    "can_count",
    "check",
    "check_count",
    "check_members",
    "family",
    "head_of",
    "is_claude",
    "is_opaque",
    "thinks",
]

# fmt: off
_COUNTED = frozenset({"messages", "system", "toolConfig", "additionalModelRequestFields"})
_REQUEST = _COUNTED | {
    "inferenceConfig", "guardrailConfig", "promptVariables", "additionalModelResponseFieldPaths",
    "requestMetadata", "performanceConfig", "serviceTier", "outputConfig",
}
# fmt: on
_SYSTEM = frozenset({"text", "guardContent", "cachePoint"})
_TOOL = frozenset({"toolSpec", "systemTool", "cachePoint"})
_SPEC = frozenset({"name", "description", "inputSchema", "strict"})
_INFERENCE = frozenset({"maxTokens", "temperature", "topP", "stopSequences"})

_GEO = re.compile(r"^(us|eu|apac|jp|au|ca|in|us-gov|global)\.")
_CLAUDE = re.compile(r"(?:^|[./])anthropic\.(claude-[a-z0-9.-]+?)(-v\d+)?(:\w+)*$")
_MAKER = re.compile(r"^[a-z0-9]+\.")
_CACHES = re.compile(r"(?:^|[./])(anthropic\.|amazon\.nova)")
# Recorded answers of the service show that these take neighbours of one role.
_JOINS = re.compile(r"(?:^|[./])amazon\.titan")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_MOST_CACHE_POINTS = 4
# Mistral's own API has the rule: https://docs.mistral.ai/capabilities/function_calling.
_NINE = re.compile(r"(?:^|[./])mistral\.")
_NINE_ID = re.compile(r"[a-zA-Z0-9]{9}")
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolResultBlock.html: of
# `status`, that the field is not for every model.
_NO_STATUS = re.compile(r"(?:^|[./])writer\.")
_ANTHROPICS = {"reasoningContent": "thinking", "toolUse": "tool_use", "toolResult": "tool_result"}


def is_claude(model: str) -> bool:
    """Whether the identifier names a model of Anthropic's."""
    return _CLAUDE.search(model) is not None


def is_opaque(model: str) -> bool:
    """Whether the identifier tells nothing of its model."""
    return _MAKER.match(_GEO.sub("", model.rpartition("/")[2])) is None


def family(model: str) -> str:
    """Anthropic's own name of a model; the identifier when it has none."""
    found = _CLAUDE.search(model)
    return model if found is None else found[1]


def can_count(model: str) -> bool:
    """Only Anthropic's models are counted for, and only by the identifier of a model."""
    return not _GEO.match(model) and (is_claude(model) or is_opaque(model))


def thinks(fields: Fields) -> bool:
    """Whether the model's own fields ask for thinking."""
    kinds = {(fields.get(name) or {}).get("type") for name in ("thinking", "reasoningConfig")}
    asked = {"reasoning_effort", "reasoning", "reasoning_config"} & fields.keys()
    return bool(kinds & {"enabled", "adaptive"} or asked)


def check(body: Fields, model: str, issued: Mapping[str, set[str]]) -> None:
    """Refuse what the service refuses.

    Args:
        body: the request.
        model: its identifier from the address.
        issued: the thinking texts of every signature that was given out.

    Raises:
        Refusal: with the service's words.
    """
    check_members(body, _REQUEST)
    check_members(body.get("inferenceConfig") or {}, _INFERENCE)
    _check_inference(body.get("inferenceConfig") or {})
    if is_claude(model):
        _check_claude(body, model)
    _check_common(body, model, issued)


def check_count(body: Fields, model: str, issued: Mapping[str, set[str]]) -> None:
    """Refuse what token counting refuses."""
    check_members(body, _COUNTED)
    _check_common(body, model, issued)


def _check_common(body: Fields, model: str, issued: Mapping[str, set[str]]) -> None:
    _check_system(body.get("system"))
    _check_tools(body, model)
    _check_format(body)
    _check_messages(body, model, issued)
    _check_turns(body["messages"], joins=_JOINS.search(model) is not None)
    used = {kind for message in body["messages"] for block in message["content"] for kind in block}
    if used & {"toolUse", "toolResult"} and "toolConfig" not in body:
        raise bad(
            "The toolConfig field must be defined when using toolUse and toolResult content blocks."
        )
    _check_cache_points(body)
    if not _CACHES.search(model) and not is_opaque(model) and _has_cache_point(body):
        raise bad(
            "You invoked an unsupported model or your request did not allow prompt caching. See "
            "the documentation for more information."
        )


def _check_inference(config: Fields) -> None:
    for name in ("temperature", "topP"):
        value = config.get(name)
        if value is not None and not 0 <= value <= 1:
            raise bad(
                f"1 validation error detected: Value '{value}' at 'inferenceConfig.{name}' failed "
                "to satisfy constraint: Member must have value less than or equal to 1"
            )
    if config.get("maxTokens", 1) < 1:
        raise bad(
            f"1 validation error detected: Value '{config['maxTokens']}' at "
            "'inferenceConfig.maxTokens' failed to satisfy constraint: Member must have value "
            "greater than or equal to 1"
        )


def _check_claude(body: Fields, model: str) -> None:
    """The settings that the model's maker refuses, in its words."""
    config, fields = body.get("inferenceConfig") or {}, body.get("additionalModelRequestFields")
    settings = {
        **(fields or {}),
        "model": family(model),
        # The service puts in the most that the model can where nothing is said.
        "max_tokens": config.get("maxTokens", 1_000_000),
    }
    for name, own in (("temperature", "temperature"), ("topP", "top_p")):
        if name in config:
            settings[own] = config[name]
    check_settings(settings)
    turns = [
        (message["role"], [_ANTHROPICS.get(next(iter(block), ""), "text") for block in content])
        for message in body.get("messages") or ()
        if isinstance(content := message.get("content"), list)
    ]
    check_begun(settings, turns)
    _check_binding(body, settings)
    choice = (body.get("toolConfig") or {}).get("toolChoice") or {}
    forced = "any" in choice or "tool" in choice
    if forced and (settings.get("thinking") or {}).get("type") == "enabled":
        raise bad("Thinking may not be enabled when tool_choice forces tool use.")
    last = (body.get("messages") or [{}])[-1]
    if last.get("role") == "assistant":
        text = (last.get("content") or [{}])[-1].get("text", "")
        if text != text.rstrip():
            raise bad("messages: final assistant content cannot end with trailing whitespace")


def _check_binding(body: Fields, settings: Fields) -> None:
    turns = [turn for turn in body.get("messages") or () if isinstance(turn.get("content"), list)]
    check_binding(settings, head_of(body), turns, settings.get("anthropic_beta") or ())


def head_of(body: Fields) -> list[Any]:
    """What stands before all turns."""
    return [body.get("system"), (body.get("toolConfig") or {}).get("tools")]


def _check_system(system: list[Fields] | None) -> None:
    if system is not None and not isinstance(system, list):
        raise bad("Unexpected type: system has to be a list of SystemContentBlock objects.")
    for index, block in enumerate(system or ()):
        one_key(block, _SYSTEM, f"system.{index}", "SystemContentBlock")
        if not block.get("text", "x").strip():
            raise bad(
                f"The text field in the SystemContentBlock object at system.{index} is blank. Add "
                "text to the text field, and try again."
            )


def _check_format(body: Fields) -> None:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html."""
    form = (body.get("outputConfig") or {}).get("textFormat")
    if form is not None:
        schema = msgspec.json.decode(form["structure"]["jsonSchema"]["schema"])
        check_held(schema, "output_config.format.schema")


def _check_tools(body: Fields, model: str) -> None:
    config = body.get("toolConfig")
    if config is None:
        return
    check_members(config, frozenset({"tools", "toolChoice"}))
    tools = config.get("tools")
    if not tools:
        raise bad(
            "1 validation error detected: Value '[]' at 'toolConfig.tools' failed to satisfy "
            "constraint: Member must have length greater than or equal to 1"
        )
    names = []
    for index, tool in enumerate(tools):
        path = f"toolConfig.tools.{index}"
        one_key(tool, _TOOL, path, "Tool")
        if "toolSpec" in tool:
            _check_spec(tool["toolSpec"], f"{path}.toolSpec")
            schema = tool["toolSpec"]["inputSchema"]["json"]
            if tool["toolSpec"].get("strict"):
                check_held(schema, f"tools.{index}.custom.input_schema")
            # Anthropic's own words come through.
            if is_claude(model) and (
                said := root_problem(schema, f"tools.{index}.custom.input_schema")
            ):
                raise bad(said)
            names.append(tool["toolSpec"]["name"])
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise bad(f"The tool name {twice} is already defined in the toolConfig object.")
    choice = config.get("toolChoice")
    if choice is not None:
        one_key(choice, frozenset({"auto", "any", "tool"}), "toolConfig.toolChoice", "ToolChoice")
        if "tool" in choice and choice["tool"]["name"] not in names:
            raise bad(
                f"The tool name {choice['tool']['name']} in toolChoice is not in the tools of the "
                "toolConfig object."
            )


def _check_spec(spec: Fields, path: str) -> None:
    check_members(spec, _SPEC)
    if not _NAME.fullmatch(spec.get("name", "")):
        raise bad(
            f"1 validation error detected: Value '{spec.get('name')}' at '{path}.name' failed to "
            "satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"
        )
    if spec.get("description") == "":
        raise bad(
            f"1 validation error detected: Value at '{path}.description' failed to satisfy "
            "constraint: Member must have length greater than or equal to 1"
        )
    schema = spec.get("inputSchema")
    if not isinstance(schema, dict) or set(schema) != {"json"}:
        raise bad(f"The value at {path}.inputSchema must be an object with the one key json.")
    if not isinstance(schema["json"], dict) or schema["json"].get("type") != "object":
        raise bad(
            f"The value at {path}.inputSchema.json.type must be one of the following: object."
        )


def _check_messages(body: Fields, model: str, issued: Mapping[str, set[str]]) -> None:
    if not body.get("messages"):
        raise bad(
            "1 validation error detected: Value '[]' at 'messages' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1"
        )
    for index, message in enumerate(body["messages"]):
        check_members(message, frozenset({"role", "content"}))
        if message.get("role") not in {"user", "assistant"}:
            raise bad(
                f"1 validation error detected: Value '{message.get('role')}' at "
                f"'messages.{index + 1}.member.role' failed to satisfy constraint: Member must "
                "satisfy enum value set: [user, assistant]"
            )
        content = message.get("content")
        if not isinstance(content, list):
            raise bad(f"The format of the value at messages.{index}.content is invalid.")
        if not content:
            raise bad(
                f"The content field in the Message object at messages.{index} is empty. Add a "
                "ContentBlock object to the content field and try again."
            )
        for position, block in enumerate(content):
            path = f"messages.{index}.content.{position}"
            check_block(block, path, message["role"])
            if is_claude(model):
                _check_for_claude(block, path, issued)
            _check_for_others(block, path, model)
        if any("document" in block for block in content) and not any(
            "text" in block for block in content
        ):
            raise bad(
                "If you include a document in a message, the message must also include a text "
                "block with a prompt that is related to the document."
            )


def _check_for_claude(block: Fields, path: str, issued: Mapping[str, set[str]]) -> None:
    if "reasoningText" in block.get("reasoningContent", {}):
        _check_signature(block["reasoningContent"]["reasoningText"], path, issued)
    if any("s3Location" in source for source in sources(block)):
        raise bad("This model doesn't support the s3Uri field. Remove s3Uri and try again.")


def _check_for_others(block: Fields, path: str, model: str) -> None:
    use, result = block.get("toolUse", {}), block.get("toolResult", {})
    identity = use.get("toolUseId", result.get("toolUseId"))
    if identity is not None and _NINE.search(model) and not _NINE_ID.fullmatch(identity):
        raise bad(
            f"{path}: Tool call id was {identity} but must be a-z, A-Z, 0-9, with a length of 9."
        )
    if "status" in result and _NO_STATUS.search(model):
        raise bad("This model doesn't support the status field. Remove status and try again.")


def _check_signature(told: Fields, path: str, issued: Mapping[str, set[str]]) -> None:
    signature = told.get("signature")
    if not signature:
        raise bad(f"{path}.thinking.signature: Field required")
    texts = issued.get(signature)
    invented = signature.startswith("sim-") and not is_own(signature, told["text"])
    if (texts is None and invented) or (texts is not None and told["text"] not in texts):
        raise bad(f"{path}: Invalid `signature` in `thinking` block")


def _check_turns(messages: list[Fields], *, joins: bool) -> None:
    if messages[0]["role"] != "user":
        raise bad(
            "A conversation must start with a user message. Try again with a conversation that "
            "starts with a user message."
        )
    asked: list[str] = []
    previous = ""
    for index, message in enumerate(messages):
        role = message["role"]
        if role == previous and not joins:
            raise bad(
                'messages: roles must alternate between "user" and "assistant", but found '
                f'multiple "{role}" roles in a row'
            )
        _check_results(message["content"], asked, index)
        asked = _own(message["content"], "toolUse")
        if len(set(asked)) < len(asked):
            raise bad(f"messages.{index}: `tool_use` ids must be unique")
        previous = role
    _check_results([], asked, len(messages))


def _check_results(content: list[Fields], asked: list[str], index: int) -> None:
    """Each use is answered in the very next message, before anything else, and nothing else is."""
    results = _own(content, "toolResult")
    missing = [identity for identity in asked if identity not in results]
    if missing:
        raise bad(
            f"Expected toolResult blocks at messages.{index}.content for the following Ids: "
            f"{', '.join(missing)}"
        )
    if len(results) > len(asked) or set(results) - set(asked):
        raise bad(
            f"The number of toolResult blocks at messages.{index}.content exceeds the number of "
            "toolUse blocks of previous turn."
        )
    if any("toolResult" not in block for block in content[: len(results)]):
        raise bad(
            f"messages.{index - 1}: `tool_use` ids were found without `tool_result` blocks "
            "immediately after: each `tool_use` block must have its `tool_result` block at the "
            "start of the next message."
        )


def _own(content: list[Fields], kind: str) -> list[str]:
    """The ids of the uses or results of the user's own tools."""
    return [block[kind]["toolUseId"] for block in content if kind in block and not is_hosted(block)]


def _lists(body: Fields) -> list[list[Fields]]:
    """Where cache points may stand."""
    lists = [body.get("system") or [], (body.get("toolConfig") or {}).get("tools") or []]
    return [*lists, *(message["content"] for message in body["messages"])]


def _has_cache_point(body: Fields) -> bool:
    return any("cachePoint" in block for blocks in _lists(body) for block in blocks)


def _check_cache_points(body: Fields) -> None:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html."""
    count = 0
    for blocks in _lists(body):
        marks = ["cachePoint" in block for block in blocks]
        count += sum(marks)
        if marks[:1] == [True] or (True, True) in pairwise(marks):
            raise bad("A cachePoint has to follow the content that it caches.")
    if count > _MOST_CACHE_POINTS:
        raise bad(f"A maximum of 4 blocks with cache_control may be provided. Found {count}.")
