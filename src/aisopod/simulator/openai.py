"""OpenAI's wire: https://platform.openai.com/docs/api-reference/chat, and its documented rules."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from aisopod.simulator.responder import usage_of
from aisopod.simulator.script import Asked, Reply, pieces_of
from aisopod.simulator.wire import Frame, Refusal, json_response, words
from aisopod.types import TextPart, ThinkingPart

__all__ = ["OpenAIWire"]

Fields = dict[str, Any]

MODELS = ("simulated", "simulated-mini")

_REASONING = re.compile(r"^(o[134]|gpt-5(?!.*chat)|gpt-6)")
_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
_CODES = {
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
    529: ("server_error", "overloaded"),
}


class OpenAIWire:
    """Chat completions and models, and Azure's address of the same."""

    name = "openai"
    prefix = "/v1"
    chat_paths: tuple[str, ...] = (
        "/v1/chat/completions",
        "/chat/completions",
        "/openai/deployments/{model}/chat/completions",
    )
    content_type = "text/event-stream; charset=utf-8"
    ping = b": ping\n\n"

    def read(self, body: Fields, path_model: str | None) -> Asked:
        """What is asked, by the documented rules."""
        model = path_model or body.get("model", "")
        messages = body.get("messages") or []
        if not messages:
            raise _bad("[] is too short - 'messages'", "messages")
        _check_fields(body, model)
        _check_tools(messages)
        tools, forced = _tools(body)
        return Asked(
            model=model,
            stream=bool(body.get("stream")),
            prompt=_last_text(messages),
            tool_result=_text(messages[-1]) if messages[-1]["role"] == "tool" else None,
            tools=tools,
            forced_tool=forced,
            schema=_schema(body),
            thinking=body.get("reasoning_effort") not in {None, "none"},
            max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
            stop=[stop] if isinstance(stop := body.get("stop") or [], str) else stop,
            words=words(messages),
        )

    def plain(self, reply: Reply, asked: Asked, number: int) -> bytes:
        """The completion."""
        message: Fields = {"role": "assistant", "content": _content(reply), "refusal": None}
        if thinking := _thinking(reply):
            message["reasoning_content"] = thinking
        if reply.tool_calls:
            message["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in reply.tool_calls
            ]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reply.reason}
        head = _head(asked, number, "chat.completion")
        return msgspec.json.encode({**head, "choices": [choice], "usage": _usage(reply, asked)})

    def frames(self, reply: Reply, asked: Asked, number: int) -> list[Frame]:
        """The chunks; usage comes after the finish reason, in one without choices."""
        head = _head(asked, number, "chat.completion.chunk")

        def frame(delta: Fields, finish: str | None = None, *, content: bool = False) -> Frame:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
            return _event({**head, "choices": [choice], "usage": None}, content=content)

        frames = [frame({"role": "assistant", "content": "", "refusal": None})]
        for part in reply.parts:
            field = "reasoning_content" if isinstance(part, ThinkingPart) else "content"
            text = part.text if isinstance(part, TextPart | ThinkingPart) else ""
            frames += [frame({field: p}, content=True) for p in pieces_of(text, reply.chunk_chars)]
        for index, call in enumerate(reply.tool_calls):
            function = {"name": call.name, "arguments": ""}
            first = {"index": index, "id": call.id, "type": "function", "function": function}
            frames.append(frame({"tool_calls": [first]}, content=True))
            frames += [
                frame(
                    {"tool_calls": [{"index": index, "function": {"arguments": p}}]}, content=True
                )
                for p in pieces_of(call.arguments, reply.chunk_chars or 12)
            ]
        frames.append(frame({}, reply.reason))
        # The simulator reports usage always: a client that did not ask for it must not mind.
        frames.append(_event({**head, "choices": [], "usage": _usage(reply, asked)}))
        frames.append(Frame(b"data: [DONE]\n\n"))
        return frames

    def error(self, refusal: Refusal) -> bytes:
        """The body of a refusal."""
        kind, code = _CODES.get(refusal.status, ("invalid_request_error", None))
        error = {"message": refusal.message, "type": kind, "param": None, "code": code}
        return msgspec.json.encode({"error": {**error, **refusal.fields}})

    def error_frame(self, refusal: Refusal) -> bytes:
        """An error in place of a chunk."""
        return b"data: %s\n\n" % self.error(refusal)

    def key(self, headers: Mapping[str, str]) -> str | None:
        """A bearer key, or Azure's header."""
        return headers.get("api-key") or headers.get("authorization", "").removeprefix("Bearer ")

    def response_headers(self, number: int) -> dict[str, str]:
        """Request id and rate limits."""
        return {
            "x-request-id": f"req_sim_{number}",
            "x-ratelimit-limit-requests": "1000",
            "x-ratelimit-remaining-requests": "999",
            "x-ratelimit-reset-requests": "60ms",
        }

    def add_routes(self, app: web.Application) -> None:
        """The listing; Anthropic's has the same path and is told apart by its header."""
        for path in ("/v1/models", "/models"):
            app.router.add_get(path, self._models)
        app.router.add_get("/v1/models/{model}", self._model)

    async def _models(self, request: web.Request) -> web.StreamResponse:
        if "anthropic-version" in request.headers:
            data = [_anthropic_entry(name) for name in MODELS]
            listing: Fields = {"first_id": MODELS[0], "last_id": MODELS[-1], "has_more": False}
            return json_response(msgspec.json.encode({"data": data, **listing}))
        data = [_entry(name) for name in MODELS]
        return json_response(msgspec.json.encode({"object": "list", "data": data}))

    async def _model(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["model"]
        if name not in MODELS:
            return json_response(self.error(Refusal(404, "not_found", f"no model {name}")), 404)
        if "anthropic-version" in request.headers:
            return json_response(msgspec.json.encode(_anthropic_entry(name)))
        return json_response(msgspec.json.encode(_entry(name)))


def _entry(name: str) -> Fields:
    return {"id": name, "object": "model", "created": 1700000000, "owned_by": "simulator"}


def _anthropic_entry(name: str) -> Fields:
    return {
        "type": "model",
        "id": name,
        "display_name": name.title(),
        "created_at": "2026-01-01T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
    }


def _check_fields(body: Fields, model: str) -> None:
    if body.get("tools") == []:
        raise _bad("[] is too short - 'tools'", "tools")
    if not _REASONING.match(model):
        return
    if "max_tokens" in body:
        raise _bad(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead.",
            "max_tokens",
            "unsupported_parameter",
        )
    for field in _SAMPLING:
        if body.get(field) not in (None, 1, 1.0) and body.get("reasoning_effort") != "none":
            raise _bad(
                f"Unsupported value: '{field}' does not support {body[field]} with this model. "
                "Only the default (1) value is supported.",
                field,
                "unsupported_value",
            )


def _check_tools(messages: list[Fields]) -> None:
    """Each call is answered before any other role speaks, and each answer has its call."""
    waiting: set[str] = set()
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            if message.get("tool_call_id") not in waiting:
                raise _bad(
                    "messages with role 'tool' must be a response to a preceeding message with "
                    "'tool_calls'.",
                    f"messages.[{index}].role",
                )
            waiting.discard(message["tool_call_id"])
            continue
        if waiting:
            raise _bad(
                "An assistant message with 'tool_calls' must be followed by tool messages "
                f"responding to each 'tool_call_id': {', '.join(sorted(waiting))}",
                f"messages.[{index}].role",
            )
        waiting = {call["id"] for call in message.get("tool_calls") or []}


def _bad(message: str, param: str, code: str | None = None) -> Refusal:
    return Refusal(400, "invalid_request", message, param=param, code=code)


def _tools(body: Fields) -> tuple[dict[str, Fields], str | None]:
    choice = body.get("tool_choice")
    if choice == "none":
        return {}, None
    functions = [t["function"] for t in body.get("tools") or [] if t.get("type") == "function"]
    tools = {function["name"]: function.get("parameters") or {} for function in functions}
    if choice == "required":
        return tools, ""
    return tools, choice["function"]["name"] if isinstance(choice, dict) else None


def _schema(body: Fields) -> Fields | None:
    wish = body.get("response_format") or {}
    if wish.get("type") == "json_object":
        return {"type": "object", "properties": {"simulated": {"type": "boolean"}}}
    schema: Fields | None = (wish.get("json_schema") or {}).get("schema")
    return schema


def _last_text(messages: list[Fields]) -> str:
    texts = [_text(message) for message in messages if message["role"] == "user"]
    return texts[-1] if texts else ""


def _text(message: Fields) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(part["text"] for part in content if part["type"] == "text")


def _content(reply: Reply) -> str | None:
    text = "".join(part.text for part in reply.parts if isinstance(part, TextPart))
    return text or (None if reply.tool_calls else "")


def _thinking(reply: Reply) -> str:
    return "".join(part.text for part in reply.parts if isinstance(part, ThinkingPart))


def _head(asked: Asked, number: int, kind: str) -> Fields:
    return {
        "id": f"chatcmpl-sim-{number}",
        "object": kind,
        "created": 1700000000,
        "model": asked.model,
        "service_tier": "default",
        "system_fingerprint": "fp_sim",
    }


def _event(value: Fields, *, content: bool = False) -> Frame:
    return Frame(b"data: %s\n\n" % msgspec.json.encode(value), content)


def _usage(reply: Reply, asked: Asked) -> Fields:
    usage = usage_of(reply, asked)
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
