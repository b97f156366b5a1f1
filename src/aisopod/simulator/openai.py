"""OpenAI's wire: https://platform.openai.com/docs/api-reference/chat."""

from collections.abc import Mapping

import msgspec
from aiohttp import web

from aisopod.simulator import openai_rules as rules
from aisopod.simulator.responder import usage_of
from aisopod.simulator.script import Asked, Reply, pieces_of
from aisopod.simulator.wire import (
    Call,
    Fields,
    Frame,
    Refusal,
    Route,
    Wire,
    is_unknown,
    json_response,
    words,
)
from aisopod.types import TextPart, ThinkingPart, ToolCall

__all__ = ["OpenAIWire"]

_MODELS = ("simulated", "simulated-mini")
_CODES: dict[int, tuple[str, str | None]] = {
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
    503: ("server_error", "server_overloaded"),
    529: ("server_error", "server_overloaded"),
}


class OpenAIWire(Wire):
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
    wrong_key = "Incorrect API key provided: ***."

    @property
    def routes(self) -> list[Route]:
        """The listing, whose path Anthropic has too."""
        return [
            Route("GET", "/v1/models", self._models),
            Route("GET", "/models", self._models),
            Route("GET", "/openai/models", self._models),
            Route("GET", "/v1/models/{model:.+}", self._model),
        ]

    def claims(self, path: str, headers: Mapping[str, str]) -> bool:  # noqa: ARG002
        """All that no other wire claims: compatible services have many addresses."""
        return True

    def read(self, call: Call) -> Asked:
        """What is asked, by the documented rules."""
        body = call.body
        model = call.path.get("model") or body.get("model", "")
        rules.check(body, model)
        messages = body["messages"]
        tools, forced = _tools(body)
        limit = body.get("max_completion_tokens")
        return Asked(
            model=model,
            stream=bool(body.get("stream")),
            stream_usage=bool((body.get("stream_options") or {}).get("include_usage")),
            prompt=_last_text(messages),
            tool_result=_text(messages[-1]) if messages[-1]["role"] == "tool" else None,
            tools=tools,
            forced_tool=forced,
            schema=_schema(body),
            thinking=body.get("reasoning_effort") not in {None, "none"},
            max_tokens=body.get("max_tokens") if limit is None else limit,
            stop=[stop] if isinstance(stop := body.get("stop") or [], str) else stop,
            words=words([messages, body.get("tools")]),
        )

    def plain(self, reply: Reply, asked: Asked, number: int) -> bytes:
        """The completion."""
        refused = reply.reason == "refusal"
        content = reply.text or (None if reply.calls else "")
        message: Fields = {
            "role": "assistant",
            "content": None if refused else content,
            "refusal": reply.text if refused else None,
        }
        if reply.thinking:
            message["reasoning_content"] = reply.thinking
        if reply.calls:
            message["tool_calls"] = [_call(call) for call in reply.calls]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _reason(reply)}
        head = _head(asked, number, "chat.completion")
        return msgspec.json.encode({**head, "choices": [choice], "usage": _usage(reply, asked)})

    def frames(self, reply: Reply, asked: Asked, number: int) -> list[Frame]:
        """The chunks; usage comes after the finish reason, in one without choices, if asked for."""
        head = _head(asked, number, "chat.completion.chunk")
        usage: Fields = {"usage": None} if asked.stream_usage else {}

        def frame(delta: Fields, finish: str | None = None, *, content: bool = False) -> Frame:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
            return _event({**head, "choices": [choice], **usage}, content=content)

        frames = [frame({"role": "assistant", "content": "", "refusal": None})]
        frames += [frame(delta, content=shown) for delta, shown in _deltas(reply)]
        frames.append(frame({}, _reason(reply)))
        if asked.stream_usage:
            frames.append(_event({**head, "choices": [], "usage": _usage(reply, asked)}))
        frames.append(Frame(b"data: [DONE]\n\n"))
        return frames

    def error(self, refusal: Refusal, number: int) -> bytes:  # noqa: ARG002
        """The body of a refusal."""
        usual = ("server_error" if refusal.status >= 500 else "invalid_request_error", None)
        kind, code = _CODES.get(refusal.status, usual)
        error = {"message": refusal.message, "type": kind, "param": None, "code": code}
        return msgspec.json.encode({"error": {**error, **refusal.fields}})

    def error_frame(self, body: bytes) -> bytes:
        """An error in place of a chunk."""
        return b"data: %s\n\n" % body

    def unknown_model(self, model: str) -> Refusal:
        """Not found, or not for this account: the service does not say which."""
        message = f"The model `{model}` does not exist or you do not have access to it."
        return Refusal(404, message)

    def unknown_path(self, method: str, path: str, number: int) -> web.Response:
        """Not found, in the wire's form."""
        refusal = Refusal(404, f"Invalid URL ({method} {path})", code=None)
        return json_response(self.error(refusal, number), 404, self.response_headers(number))

    def key(self, headers: Mapping[str, str]) -> str | None:
        """A bearer key, or Azure's header."""
        return headers.get("api-key") or headers.get("authorization", "").removeprefix("Bearer ")

    def response_headers(self, number: int) -> dict[str, str]:
        """Request id and rate limits."""
        headers = {
            "x-request-id": f"req_sim_{number}",
            "openai-processing-ms": "1",
            "openai-version": "2020-10-01",
        }
        for kind, limit, reset in (("requests", 1000, "60ms"), ("tokens", 80000, "6m0s")):
            headers[f"x-ratelimit-limit-{kind}"] = str(limit)
            headers[f"x-ratelimit-remaining-{kind}"] = str(limit - 1)
            headers[f"x-ratelimit-reset-{kind}"] = reset
        return headers

    def _models(self, call: Call) -> web.Response:  # noqa: ARG002
        data = [_entry(name) for name in _MODELS]
        return json_response(msgspec.json.encode({"object": "list", "data": data}))

    def _model(self, call: Call) -> web.Response:
        if is_unknown(call.path["model"]):
            raise self.unknown_model(call.path["model"])
        return json_response(msgspec.json.encode(_entry(call.path["model"])))


def _deltas(reply: Reply) -> list[tuple[Fields, bool]]:
    """What comes between the role and the finish reason, and whether it is content."""
    field = "refusal" if reply.reason == "refusal" else "content"
    deltas: list[tuple[Fields, bool]] = []
    index = 0
    for item in reply.items:
        match item:
            case TextPart(text=text):
                deltas += [({field: piece}, True) for piece in pieces_of(text, reply.chunk_chars)]
            case ThinkingPart(text=text):
                pieces = pieces_of(text, reply.chunk_chars)
                deltas += [({"reasoning_content": piece}, True) for piece in pieces]
            case ToolCall():
                deltas += [
                    ({"tool_calls": [{"index": index, **piece}]}, True)
                    for piece in _call_pieces(item, reply.chunk_chars or 12)
                ]
                index += 1
            case _:
                pass
    return deltas


def _call(call: ToolCall) -> Fields:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _call_pieces(call: ToolCall, chunk_chars: int) -> list[Fields]:
    """Id and name come first, then the arguments in pieces."""
    begin = _call(call)
    begin["function"] = {"name": call.name, "arguments": ""}
    pieces = pieces_of(call.arguments, chunk_chars)
    return [begin, *({"function": {"arguments": piece}} for piece in pieces)]


def _reason(reply: Reply) -> str:
    return "stop" if reply.reason == "refusal" else reply.reason


def _entry(name: str) -> Fields:
    return {"id": name, "object": "model", "created": 1700000000, "owned_by": "simulator"}


def _tools(body: Fields) -> tuple[dict[str, Fields], str | None]:
    choice = body.get("tool_choice")
    functions = [tool["function"] for tool in body.get("tools") or [] if "function" in tool]
    tools = {function["name"]: function.get("parameters") or {} for function in functions}
    if choice == "none":
        return {}, None
    if choice == "required":
        return tools, ""
    if not isinstance(choice, dict):
        return tools, None
    if choice["type"] == "allowed_tools":
        allowed = choice["allowed_tools"]
        names = {tool["function"]["name"] for tool in allowed["tools"]}
        chosen = {name: schema for name, schema in tools.items() if name in names}
        return chosen, "" if allowed["mode"] == "required" else None
    return tools, str(choice["function"]["name"])


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
            "audio_tokens": usage.input_audio_tokens,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": usage.output_audio_tokens,
        },
    }
