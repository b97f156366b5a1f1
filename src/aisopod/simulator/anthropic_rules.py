"""What Anthropic's API refuses: https://docs.anthropic.com/en/api/messages and /errors.

Rules by model follow the table of the models' documentation; a model of another name is free of
them.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any

from aisopod.simulator.anthropic_binding import check_binding, is_own
from aisopod.simulator.anthropic_schemas import check_schemas
from aisopod.simulator.wire import Call, Fields, Refusal
from aisopod.types import sniff_media_type

__all__ = [
    "blocks_of", "check", "check_begun", "check_count", "check_settings", "head_of", "merged",
]  # fmt: skip

_SAMPLING = ("temperature", "top_p", "top_k")
_NOT_COUNTED = frozenset({"max_tokens", "stream", "metadata", "stop_sequences", *_SAMPLING})
# fmt: off
_FIELDS = _NOT_COUNTED | {
    "model", "messages", "system", "thinking", "output_config", "tools", "tool_choice",
    "service_tier", "speed", "cache_control", "inference_geo", "container", "diagnostics",
    "mcp_servers", "context_management",
}
# fmt: on

_NEW_VERSION = "2026-10-21"
_NO_SAMPLING = re.compile(r"claude-(fable-5|mythos-5|opus-5|sonnet-5|haiku-5|opus-4-[78])")
_ADAPTIVE_ONLY = _NO_SAMPLING
_ENABLED_ONLY = re.compile(r"claude-(opus|sonnet|haiku)-4-5")
_NEVER_OFF = re.compile(r"claude-(fable-5|mythos-5|opus-5-5|sonnet-5-5)")
_NEVER_FORCED = re.compile(r"claude-(fable-5-[12]|mythos-5-[12]|opus-5-5|sonnet-5-5)")
_SYSTEM_ENTRIES = re.compile(r"claude-(fable-5|mythos-5|opus-4-8|opus-5|(sonnet|haiku)-5-5)")
_ENTRY = frozenset({"text", "tool_addition", "tool_removal"})

# https://platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-6#prefill-removal
_NO_PREFILL = re.compile(r"claude-((opus|sonnet)-4-[6-9]|(fable|mythos|opus|sonnet|haiku)-5)")

_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_THOUGHT = frozenset({"thinking", "redacted_thinking"})


def check(call: Call, issued: Mapping[str, set[str]]) -> None:
    """Refuse what the API refuses.

    Args:
        call: the request.
        issued: the thinking texts of every signature that was given out.

    Raises:
        Refusal: with the documented status and words.
    """
    body = call.body
    if "max_tokens" not in body:
        raise _bad("max_tokens: Field required")
    _check_shape(call, _FIELDS)
    if call.headers["anthropic-version"] >= _NEW_VERSION:
        _check_gone(body)
    check_settings(body)
    _check_tools(body)
    check_schemas(body)
    _check_turns(body, issued)
    betas = [flag.strip() for flag in call.headers.get("anthropic-beta", "").split(",")]
    check_binding(body, head_of(body), merged(body["messages"]), betas)


def check_count(call: Call, issued: Mapping[str, set[str]]) -> None:
    """Refuse what token counting refuses."""
    _check_shape(call, _FIELDS - _NOT_COUNTED)
    _check_turns(call.body, issued)


def check_settings(body: Fields) -> None:
    """Refuse how the model is set, on whichever service's address it is asked.

    Raises:
        Refusal: with the documented status and words.
    """
    _check_sampling(body)
    _check_thinking(body)


def blocks_of(message: Fields) -> list[Fields]:
    """The content of a message as blocks."""
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def head_of(body: Fields) -> list[Any]:
    """What stands before all turns."""
    return [body.get("system"), body.get("tools")]


def merged(messages: list[Fields]) -> list[Fields]:
    """The turns: the API joins neighbours of one role."""
    turns: list[Fields] = []
    for message in messages:
        if turns and turns[-1]["role"] == message["role"]:
            turns[-1]["content"] = [*turns[-1]["content"], *blocks_of(message)]
        else:
            turns.append({"role": message["role"], "content": blocks_of(message)})
    return turns


def _bad(message: str) -> Refusal:
    return Refusal(400, message)


def _check_shape(call: Call, fields: frozenset[str]) -> None:
    if "anthropic-version" not in call.headers:
        raise _bad("anthropic-version: header is required")
    for field in call.body:
        if field not in fields:
            raise _bad(f"{field}: Extra inputs are not permitted")
    if not call.body.get("model"):
        raise _bad("model: Field required")
    if "messages" not in call.body:
        raise _bad("messages: Field required")
    if not call.body["messages"]:
        raise _bad("messages: at least one message is required")


def _check_gone(body: Fields) -> None:
    for field in _SAMPLING:
        if field in body:
            raise _bad(f"{field}: Extra inputs are not permitted")


def _check_sampling(body: Fields) -> None:
    for field in _SAMPLING:
        if field in body and _NO_SAMPLING.match(body["model"]):
            raise _bad(f"`{field}` is not supported on this model.")
    temperature = body.get("temperature")
    if temperature is not None and not 0 <= temperature <= 1:
        raise _bad("temperature: range: 0..1")


def _check_thinking(body: Fields) -> None:
    thinking = body.get("thinking")
    if thinking is None:
        return
    model, kind = body["model"], thinking.get("type")
    refused = (
        (kind == "enabled" and _ADAPTIVE_ONLY.match(model))
        or (kind == "adaptive" and _ENABLED_ONLY.match(model))
        or (kind == "disabled" and _NEVER_OFF.match(model))
        or (kind == "between_tools" and not model.startswith("claude-sonnet-5-5"))
        or kind not in {"adaptive", "enabled", "disabled", "between_tools"}
    )
    if refused:
        remedy = 'Use "thinking.type.adaptive" and "output_config.effort" to control thinking.'
        remedy = remedy if kind == "enabled" else ""
        raise _bad(f'"thinking.type.{kind}" is not supported for this model. {remedy}'.rstrip())
    if kind == "enabled":
        budget = thinking.get("budget_tokens", 0)
        if budget < 1024:
            raise _bad("thinking.enabled.budget_tokens: should be greater than or equal to 1024")
        if budget >= body["max_tokens"]:
            raise _bad("`max_tokens` must be greater than `thinking.budget_tokens`.")
        if body.get("temperature") not in {None, 1} or "top_k" in body:
            raise _bad("`temperature` may only be set to 1 when thinking is enabled.")


def _check_tools(body: Fields) -> None:
    choice = body.get("tool_choice") or {}
    if choice.get("type") in {"any", "tool"}:
        if not body.get("tools"):
            raise _bad("tool_choice: may only be specified while providing `tools`.")
        if (body.get("thinking") or {}).get("type") == "enabled":
            raise _bad("Thinking may not be enabled when tool_choice forces tool use.")
        if _NEVER_FORCED.match(body["model"]):
            raise _bad("tool_choice: forced tool use is not supported on this model.")
    names = [tool["name"] for tool in body.get("tools") or []]
    for index, name in enumerate(names):
        _check_name(name, f"tools.{index}.custom")
    if len(set(names)) < len(names):
        raise _bad("tools: Tool names must be unique.")
    if choice.get("type") == "tool" and choice.get("name") not in names:
        raise _bad(f"Tool '{choice.get('name')}' not found in provided tools")


def _check_name(name: str, path: str) -> None:
    if not _NAME.fullmatch(name):
        raise _bad(f"{path}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")


def check_begun(body: Fields, turns: list[tuple[str, list[str]]]) -> None:
    """Refuse thinking with a budget in a turn that did not begin with thinking.

    https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking#preserving-thinking-blocks

    Args:
        body: the settings.
        turns: of each turn the role and the types of its blocks.

    Raises:
        Refusal: with the documented words.
    """
    if (body.get("thinking") or {}).get("type") != "enabled":
        return
    begun: tuple[int, str] | None = None
    for index, (role, kinds) in enumerate(turns):
        if role == "assistant" and kinds:
            begun = begun or (index, kinds[0])
        elif role == "user" and "tool_result" not in kinds:
            begun = None
    if begun is not None and begun[1] not in _THOUGHT:
        raise _bad(
            f"messages.{begun[0]}.content.0.type: Expected `thinking` or `redacted_thinking`, but "
            f"found `{begun[1]}`. When `thinking` is enabled, a final `assistant` message must "
            "start with a thinking block (preceeding the lastmost set of `tool_use` and "
            "`tool_result` blocks). To avoid this requirement, disable `thinking`."
        )


def _check_content(messages: list[Fields], index: int) -> None:
    is_open = index == len(messages) - 1 and messages[index]["role"] == "assistant"
    if not messages[index]["content"] and not is_open:
        raise _bad(
            f"messages.{index}: all messages must have non-empty content except for the optional "
            "final assistant message"
        )


def _check_system(system: Any) -> None:  # noqa: ANN401 - any JSON may come
    for position, block in enumerate(system if isinstance(system, list) else ()):
        _check_text(block["text"], f"system.{position}")


def _check_prefill(body: Fields, turns: list[Fields]) -> None:
    """A text that the model is to continue; what ends in another block is a turn that paused."""
    last = turns[-1]
    if last["role"] != "assistant" or last["content"][-1:] == []:
        return
    end = last["content"][-1]
    if end["type"] != "text":
        return
    if _NO_PREFILL.match(body["model"]):
        raise _bad(
            "This model does not support assistant message prefill. The conversation must end "
            "with a user message."
        )
    if end["text"] != end["text"].rstrip():
        raise _bad("messages: final assistant content cannot end with trailing whitespace")


def _check_turns(body: Fields, issued: Mapping[str, set[str]]) -> None:
    _check_system(body.get("system"))
    for index, message in enumerate(body["messages"]):
        _check_role(message, body["model"], index)
        _check_entry(body["messages"], index)
        _check_content(body["messages"], index)
        for position, block in enumerate(blocks_of(message)):
            _check_block(block, f"messages.{index}.content.{position}", issued)
    calls: list[str] = []
    known: set[str] = set()
    turns = merged(body["messages"])
    for index, turn in enumerate(turns):
        _check_results(turn["content"], calls, index)
        calls = [block["id"] for block in turn["content"] if block["type"] == "tool_use"]
        if len(known) + len(calls) > len(known := known.union(calls)):
            raise _bad(f"messages.{index}: `tool_use` ids must be unique")
    _check_results([], calls, len(turns))
    _check_prefill(body, turns)
    kinds = [(turn["role"], [block["type"] for block in turn["content"]]) for turn in turns]
    check_begun(body, kinds)


def _check_role(message: Fields, model: str, index: int) -> None:
    role = message.get("role")
    if role == "system" and not _SYSTEM_ENTRIES.match(model):
        raise _bad(f"messages.{index}: role 'system' is not supported on this model")
    if role not in {"user", "assistant", "system"}:
        raise _bad(f"messages.{index}.role: Input should be 'user' or 'assistant'")


def _check_entry(messages: list[Fields], index: int) -> None:
    """Where a system message may stand, and what it holds.

    https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages#limitations
    """
    if messages[index]["role"] != "system":
        return
    if index == 0:
        raise _bad("messages.0: use the top-level 'system' parameter for the initial system prompt")
    kinds = {block["type"] for block in blocks_of(messages[index])}
    if not kinds:
        raise _bad(f"messages.{index}: system content must contain at least one block")
    if not kinds <= _ENTRY:
        raise _bad(f"messages.{index}: a system message supports text blocks only")
    before = messages[index - 1]
    paused = [block["type"] for block in blocks_of(before)[-1:]] == ["server_tool_use"]
    if before["role"] != "user" and not (before["role"] == "assistant" and paused):
        raise _bad(f"messages.{index}: a system message must immediately follow a user turn")
    if [each["role"] for each in messages[index + 1 : index + 2]] not in ([], ["assistant"]):
        raise _bad(
            f"messages.{index}: a system message must be the last message or be followed by an "
            "assistant turn"
        )


def _check_results(content: list[Fields], calls: list[str], index: int) -> None:
    """Each call is answered in the very next turn, before any text, and nothing else is."""
    results = [block["tool_use_id"] for block in content if block["type"] == "tool_result"]
    first = [block["type"] for block in content[: len(results)]]
    missing = [call for call in calls if call not in results]
    if missing or first != ["tool_result"] * len(results):
        raise _bad(
            f"messages.{index - 1}: `tool_use` ids were found without `tool_result` blocks "
            f"immediately after: {', '.join(missing or calls)}. Each `tool_use` block must have "
            "a corresponding `tool_result` block in the next message."
        )
    for result in results:
        if result not in calls:
            raise _bad(
                f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: "
                f"{result}. Each `tool_result` block must have a corresponding `tool_use` block "
                "in the previous message."
            )
    if twice := next((each for each in results if results.count(each) > 1), None):
        raise _bad(
            f"messages.{index}: each tool_use must have a single result. Found multiple "
            f"`tool_result` blocks with id: {twice}"
        )


def _check_block(block: Fields, path: str, issued: Mapping[str, set[str]]) -> None:
    match block["type"]:
        case "text":
            _check_text(block["text"], path)
        case "tool_use":
            if not isinstance(block.get("input"), dict):
                raise _bad(f"{path}.tool_use.input: Input should be a valid dictionary")
            if not _ID.fullmatch(block["id"]):
                raise _bad(f"{path}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
            _check_name(block["name"], f"{path}.tool_use")
        case "tool_result":
            _check_result_content(block.get("content", ""), path)
        case "image":
            _check_image(block["source"], f"{path}.image")
        case "thinking":
            _check_signature(block, path, issued)
        case _:
            pass


def _check_text(text: str, path: str) -> None:
    if not text:
        raise _bad(f"{path}: text content blocks must be non-empty")
    if not text.strip():
        raise _bad(f"{path}: text content blocks must contain non-whitespace text")


def _check_result_content(content: Any, path: str) -> None:  # noqa: ANN401 - any JSON may come
    if content == []:
        raise _bad(f"{path}.tool_result.content: List should have at least 1 item")
    for inner in content if isinstance(content, list) else ():
        if inner["type"] == "text":
            _check_text(inner["text"], f"{path}.tool_result.content")
        if inner["type"] == "image":
            _check_image(inner["source"], f"{path}.tool_result.content.image")


def _check_image(source: Fields, path: str) -> None:
    """Source: https://github.com/BerriAI/litellm/issues/24900."""
    if source["type"] != "base64":
        return
    told, found = source["media_type"], sniff_media_type(base64.b64decode(source["data"]))
    if found is not None and found != told:
        raise _bad(
            f"{path}.source.base64: The image was specified using the {told} media type, but the "
            f"image appears to be a {found} image"
        )


def _check_signature(block: Fields, path: str, issued: Mapping[str, set[str]]) -> None:
    signature = block.get("signature")
    if not signature:
        raise _bad(f"{path}.thinking.signature: Field required")
    texts = issued.get(signature)
    # Signatures from elsewhere are not ours to judge, but the simulator's own cannot be invented.
    invented = (
        texts is None and signature.startswith("sim-") and not is_own(signature, block["thinking"])
    )
    altered = texts is not None and block["thinking"] not in texts
    if altered or invented:
        raise _bad(f"{path}: Invalid `signature` in `thinking` block")
