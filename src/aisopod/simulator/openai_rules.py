"""What OpenAI's API refuses: https://platform.openai.com/docs/api-reference/chat/create.

Rules by model follow the vendor's model pages; a model of another name is free of them.
"""

import re

from aisopod.simulator.openai_schemas import check_function, check_strict
from aisopod.simulator.wire import Fields, Refusal, words

__all__ = ["check"]

_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
_DEFAULTS = {"temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0}
_REJECTED = ("logit_bias", "logprobs", "top_logprobs")

_REASONING = re.compile(r"(o[134]|gpt-5|gpt-6)(?![\da-z])")
_CHAT = re.compile(r"gpt-5-chat")
# With these, sampling is free as long as reasoning is off, which is how the first ones start.
_OFF_BY_DEFAULT = re.compile(r"gpt-5\.[1-4](?!-chat)(?!.*-pro)")
_CAN_BE_OFF = re.compile(r"gpt-5\.[1-6](?!-chat)(?!.*-pro)|gpt-6-(sol|luna)|gpt-6\.1-terra")
_NO_STOP = re.compile(r"(o3|o4-mini)")

_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_MOST_STOPS = 4
# The vendor's own models; compatible services take longer ids.
_OWN = re.compile(r"(gpt-|o\d|chatgpt-)")
_LONGEST_ID = 40


def check(body: Fields, model: str) -> None:
    """Refuse what the API refuses.

    Raises:
        Refusal: with the documented status, code and words.
    """
    if not model:
        raise _bad("you must provide a model parameter", None)
    if "messages" not in body:
        raise _bad(
            "Missing required parameter: 'messages'.", "messages", "missing_required_parameter"
        )
    if not body["messages"]:
        raise _bad("Invalid 'messages': empty array.", "messages", "empty_array")
    if "stream_options" in body and not body.get("stream"):
        raise _bad(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            "stream_options",
        )
    _check_tools(body)
    _check_format(body)
    if _REASONING.match(model) and not _CHAT.match(model):
        _check_reasoning(body, model)
    if isinstance(body.get("stop"), list) and len(body["stop"]) > _MOST_STOPS:
        raise _bad(
            f"Invalid 'stop': array too long. Expected an array with maximum length {_MOST_STOPS}, "
            f"but got an array with length {len(body['stop'])} instead.",
            "stop",
            "array_above_max_length",
        )
    for index, message in enumerate(body["messages"]):
        _check_message(message, index, model)
    _check_turns(body["messages"])


def _bad(message: str, param: str | None, code: str | None = None) -> Refusal:
    return Refusal(400, message, param=param, code=code)


def _check_tools(body: Fields) -> None:
    tools = body.get("tools")
    if tools is None:
        if body.get("tool_choice") not in {None, "none", "auto"}:
            raise _bad("'tool_choice' is only allowed when 'tools' are specified.", "tool_choice")
        return
    if tools == []:
        raise _bad(
            "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an "
            "empty array instead.",
            "tools",
            "empty_array",
        )
    functions = [tool["function"] for tool in tools if tool["type"] == "function"]
    for index, function in enumerate(functions):
        check_function(function, index)
    names = [function["name"] for function in functions]
    for index, name in enumerate(names):
        if not _TOOL_NAME.fullmatch(name):
            raise _bad(
                f"Invalid 'tools[{index}].function.name': string does not match pattern. "
                "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
                f"tools[{index}].function.name",
                "invalid_value",
            )
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") == "function":
        name = choice["function"]["name"]
        if name not in names:
            raise _bad(f"Tool choice '{name}' not found in 'tools' parameter.", "tool_choice")


def _check_format(body: Fields) -> None:
    wish = body.get("response_format") or {}
    if wish.get("type") == "json_object" and not _says_json(body["messages"]):
        raise _bad(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of "
            "type 'json_object'.",
            "messages",
        )
    if wish.get("type") == "json_schema":
        form = wish["json_schema"]
        if not _TOOL_NAME.fullmatch(form.get("name", "")):
            raise _bad(
                "Missing required parameter: 'response_format.json_schema.name'.",
                "response_format.json_schema.name",
                "missing_required_parameter",
            )
        if form.get("strict"):
            check_strict(
                form.get("schema") or {}, f"response_format '{form['name']}'", "response_format"
            )


def _says_json(messages: list[Fields]) -> bool:
    texts = [message.get("content") or "" for message in messages]
    return any("json" in str(text).lower() for text in texts if words(text))


def _check_reasoning(body: Fields, model: str) -> None:
    if body.get("max_tokens") is not None:
        raise _bad(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead.",
            "max_tokens",
            "unsupported_parameter",
        )
    if body.get("stop") is not None and _NO_STOP.match(model):
        raise _unsupported("stop")
    effort = body.get("reasoning_effort")
    if effort is None and _OFF_BY_DEFAULT.match(model):
        effort = "none"
    if effort == "none" and _CAN_BE_OFF.match(model):
        return
    for field in _SAMPLING:
        if body.get(field) not in {None, _DEFAULTS[field]}:
            raise _bad(
                f"Unsupported value: '{field}' does not support {body[field]} with this model. "
                f"Only the default ({_DEFAULTS[field]}) value is supported.",
                field,
                "unsupported_value",
            )
    for field in _REJECTED:
        if body.get(field):
            raise _unsupported(field)


def _unsupported(field: str) -> Refusal:
    message = f"Unsupported parameter: '{field}' is not supported with this model."
    return _bad(message, field, "unsupported_parameter")


def _check_message(message: Fields, index: int, model: str) -> None:
    """Role, content and calls of one message.

    https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages
    """
    role, path = message["role"], f"messages[{index}]"
    if role not in _ROLES:
        known = ", ".join(f"'{each}'" for each in _ROLES)
        raise _bad(
            f"Invalid value: '{role}'. Supported values are: {known}.", f"{path}.role",
            "invalid_value",
        )  # fmt: skip
    content = message.get("content")
    kinds = [part["type"] for part in content] if isinstance(content, list) else []
    if role != "user" and (other := [kind for kind in kinds if kind not in {"text", "refusal"}]):
        raise _bad(
            f"Invalid content of role '{role}' in message {index}: '{other[0]}' parts are only "
            "allowed for messages with role 'user'.",
            f"{path}.content",
            "invalid_value",
        )
    for position, call in enumerate(message.get("tool_calls") or []):
        _check_call(call, f"{path}.tool_calls[{position}]", model)


def _check_call(call: Fields, path: str, model: str) -> None:
    name, identity = call[call.get("type", "function")]["name"], call["id"]
    if not _OWN.match(model):
        return
    if not _TOOL_NAME.fullmatch(name):
        raise _bad(
            f"Invalid '{path}.function.name': string does not match pattern. Expected a string "
            "that matches the pattern '^[a-zA-Z0-9_-]+$'.",
            f"{path}.function.name",
            "invalid_value",
        )
    if len(identity) > _LONGEST_ID:
        raise _bad(
            f"Invalid '{path}.id': string too long. Expected a string with maximum length "
            f"{_LONGEST_ID}, but got a string with length {len(identity)} instead.",
            f"{path}.id",
            "string_above_max_length",
        )


def _check_turns(messages: list[Fields]) -> None:
    """Each call is answered before any other role speaks, and each answer has its call."""
    waiting: list[str] = []
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            if message.get("tool_call_id") not in waiting:
                raise _bad(
                    "Invalid parameter: messages with role 'tool' must be a response to a "
                    "preceeding message with 'tool_calls'.",
                    f"messages.[{index}].role",
                )
            waiting.remove(message["tool_call_id"])
            continue
        _check_answered(waiting, index)
        waiting = [_checked_id(call, index) for call in message.get("tool_calls") or []]
        # Sound alone is an answer too: https://platform.openai.com/docs/guides/audio.
        said = any(message.get(name) is not None for name in ("content", "refusal", "audio"))
        if message["role"] == "assistant" and not waiting and not said:
            raise _bad(
                f"Invalid value for 'content': expected a string, got null in message {index}.",
                f"messages.[{index}].content",
            )
    _check_answered(waiting, len(messages))


def _check_answered(waiting: list[str], index: int) -> None:
    if waiting:
        raise _bad(
            "An assistant message with 'tool_calls' must be followed by tool messages responding "
            "to each 'tool_call_id'. The following tool_call_ids did not have response messages: "
            + ", ".join(waiting),
            f"messages.[{index - 1}].role",
        )


def _checked_id(call: Fields, index: int) -> str:
    kind, field = ("custom", "input") if call.get("type") == "custom" else ("function", "arguments")
    if not isinstance(call[kind][field], str):
        raise _bad(
            f"Invalid type for 'messages[{index}].tool_calls[0].{kind}.{field}': expected a "
            "string, but got an object instead.",
            f"messages[{index}].tool_calls[0].{kind}.{field}",
            "invalid_type",
        )
    return str(call["id"])
