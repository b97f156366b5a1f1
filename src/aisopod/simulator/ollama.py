"""Ollama's wire: https://github.com/ollama/ollama/blob/main/docs/api.md."""

import base64
from collections.abc import Mapping

import msgspec
from aiohttp import web

from aisopod.simulator.responder import usage_of
from aisopod.simulator.script import Asked, Reply, pieces_of
from aisopod.simulator.wire import (
    Call,
    Fields,
    Frame,
    Refusal,
    Route,
    Wire,
    arguments_of,
    is_unknown,
    json_response,
    words,
)
from aisopod.types import TextPart, ThinkingPart, ToolCall

__all__ = ["OllamaWire"]

_CREATED = "2026-01-01T00:00:00.000000000Z"
_MODEL = "simulated:latest"
_DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "simulated",
    "families": ["simulated"],
    "parameter_size": "0B",
    "quantization_level": "F16",
}
_DIGEST = "sha256:" + "0" * 64
_CAPABILITIES = ["completion", "tools", "thinking"]
_THINK = (None, True, False, "low", "medium", "high", "max")
# Reasons that the wire does not have: it says that the model stopped.
_NO_REASON = frozenset({"tool_calls", "refusal", "content_filter", "pause"})


class OllamaWire(Wire):
    """Chat and the management calls."""

    name = "ollama"
    prefix = ""
    chat_paths: tuple[str, ...] = ("/api/chat",)
    content_type = "application/x-ndjson"
    ping = b"\n"
    wrong_key = "unauthorized"

    @property
    def routes(self) -> list[Route]:
        """Listing, description, download, version, health."""
        return [
            Route("GET", "/api/tags", self._tags),
            Route("POST", "/api/show", self._show),
            Route("POST", "/api/pull", self._pull),
            Route("GET", "/api/ps", lambda _: _json({"models": []})),
            Route("GET", "/api/version", lambda _: _json({"version": "0.99.0-simulated"})),
            Route("GET", "/", lambda _: web.Response(text="Ollama is running")),
        ]

    def claims(self, path: str, headers: Mapping[str, str]) -> bool:  # noqa: ARG002
        """All of `/api`, where no other wire is."""
        return path == "/" or path.startswith("/api/")

    def read(self, call: Call) -> Asked:
        """What is asked, by what the server's own decoder takes."""
        body = call.body
        messages = body.get("messages") or []
        options = body.get("options") or {}
        if not body.get("model"):
            raise Refusal(400, "model is required")
        _check(body)
        form = body.get("format")
        functions = [tool["function"] for tool in body.get("tools") or []]
        last = messages[-1] if messages else {}
        texts = [message.get("content", "") for message in messages if message["role"] == "user"]
        limit = options.get("num_predict")
        return Asked(
            model=body["model"],
            stream=body.get("stream", True) is not False,
            prompt=texts[-1] if texts else "",
            tool_result=last.get("content", "") if last.get("role") == "tool" else None,
            tools={function["name"]: function.get("parameters") or {} for function in functions},
            schema=form if isinstance(form, dict) else ({} if form == "json" else None),
            thinking=bool(body.get("think")),
            # A negative limit is none.
            max_tokens=limit if limit is not None and limit >= 0 else None,
            stop=options.get("stop") or [],
            words=words([messages, body.get("tools")]),
            only=None if messages else _loading(body),
        )

    def plain(self, reply: Reply, asked: Asked, number: int) -> bytes:  # noqa: ARG002
        """The one object."""
        message: Fields = {"role": "assistant", "content": reply.text}
        if reply.thinking:
            message["thinking"] = reply.thinking
        if reply.calls:
            calls = enumerate(reply.calls)
            message["tool_calls"] = [_call(call, index) for index, call in calls]
        return msgspec.json.encode(_final(reply, asked, message))

    def frames(self, reply: Reply, asked: Asked, number: int) -> list[Frame]:  # noqa: ARG002
        """A line a piece; calls come whole; the counts come last."""
        frames: list[Frame] = []
        index = 0
        for item in reply.items:
            match item:
                case TextPart(text=text):
                    pieces = pieces_of(text, reply.chunk_chars)
                    frames += [_line(asked, {"content": piece}) for piece in pieces]
                case ThinkingPart(text=text):
                    pieces = pieces_of(text, reply.chunk_chars)
                    frames += [_line(asked, {"content": "", "thinking": piece}) for piece in pieces]
                case ToolCall():
                    message = {"content": "", "tool_calls": [_call(item, index)]}
                    frames.append(_line(asked, message))
                    index += 1
                case _:
                    pass
        last = _final(reply, asked, {"role": "assistant", "content": ""})
        frames.append(Frame(msgspec.json.encode(last) + b"\n"))
        return frames

    def error(self, refusal: Refusal, number: int) -> bytes:  # noqa: ARG002
        """The body of a refusal: a text and no more."""
        return msgspec.json.encode({"error": refusal.message, **refusal.fields})

    def error_frame(self, body: bytes) -> bytes:
        """The same as a line."""
        return body + b"\n"

    def unknown_model(self, model: str) -> Refusal:
        """Not found, which is where a client may offer to pull."""
        return Refusal(404, f"model '{model}' not found")

    def unknown_path(self, method: str, path: str, number: int) -> web.Response:  # noqa: ARG002
        """What the server's router says, in plain text."""
        return web.Response(status=404, text="404 page not found")

    def key(self, headers: Mapping[str, str]) -> str | None:
        """A bearer key, as the cloud takes it."""
        return headers.get("authorization", "").removeprefix("Bearer ")

    def response_headers(self, number: int) -> dict[str, str]:  # noqa: ARG002
        """The server tells nothing in its headers."""
        return {}

    def _tags(self, call: Call) -> web.Response:  # noqa: ARG002
        return _json({"models": [_entry()]})

    def _show(self, call: Call) -> web.Response:
        self._named(call)
        return _json(
            {
                "details": _DETAILS,
                "model_info": {
                    "general.architecture": "simulated",
                    "simulated.context_length": 8192,
                },
                "capabilities": _CAPABILITIES,
                "template": "{{ .Prompt }}",
                "parameters": "num_ctx                        4096",
                "modified_at": _CREATED,
            }
        )

    def _named(self, call: Call) -> str:
        """The model of a management call; older clients say `name`."""
        name = call.body.get("model") or call.body.get("name")
        if not name:
            raise Refusal(400, "model is required")
        if is_unknown(name):
            raise self.unknown_model(name)
        return str(name)

    def _pull(self, call: Call) -> web.Response | list[Frame]:
        steps: list[Fields] = [{"status": "pulling manifest"}]
        status = 200
        try:
            self._named(call)
        except Refusal as refusal:
            if refusal.status != 404:
                raise
            # What is wrong shows only once the answer has begun.
            steps.append({"error": "pull model manifest: file does not exist"})
            status = 500
        else:
            layer = {"status": f"pulling {_DIGEST[7:19]}", "digest": _DIGEST, "total": 1000}
            steps += [layer, {**layer, "completed": 500}, {**layer, "completed": 1000}]
            steps += [{"status": "verifying sha256 digest"}, {"status": "writing manifest"}]
            steps.append({"status": "success"})
        if call.body.get("stream") is False:
            return _json(steps[-1], status)
        return [Frame(msgspec.json.encode(step) + b"\n") for step in steps]


def _json(value: Fields, status: int = 200) -> web.Response:
    return json_response(msgspec.json.encode(value), status)


def _check(body: Fields) -> None:
    for message in body.get("messages") or []:
        _check_message(message)
    if body.get("think") not in _THINK:
        raise Refusal(
            400,
            f'invalid think value: "{body["think"]}" (must be "high", "medium", "low", "max", '
            "true, or false)",
        )
    if isinstance((body.get("options") or {}).get("stop"), str):
        raise Refusal(400, 'option "stop" must be of type array')


def _check_message(message: Fields) -> None:
    content = message.get("content", "")
    if content is not None and not isinstance(content, str):
        kind = "array" if isinstance(content, list) else "object"
        raise Refusal(
            400,
            f"json: cannot unmarshal {kind} into Go struct field ChatRequest.messages.content of "
            "type string",
        )
    for image in message.get("images") or []:
        _check_image(image)
    for call in message.get("tool_calls") or []:
        if not isinstance(call["function"].get("arguments"), dict):
            raise Refusal(
                400,
                "json: cannot unmarshal string into Go struct field "
                ".messages.tool_calls.function.arguments of type api.ToolCallFunctionArguments",
            )


def _check_image(image: str) -> None:
    """`ImageData` of api/types.go is a `[]byte`, which Go reads from base64 alone."""
    try:
        base64.b64decode(image, validate=True)
    except ValueError:
        raise Refusal(400, "illegal base64 data at input byte 0") from None


def _loading(body: Fields) -> Reply:
    """A request without messages loads the model, or lets it go."""
    return Reply(finish_reason="unload" if body.get("keep_alive") == 0 else "load")


def _entry() -> Fields:
    return {
        "name": _MODEL,
        "model": _MODEL,
        "modified_at": _CREATED,
        "size": 1000,
        "digest": _DIGEST,
        "details": _DETAILS,
        "capabilities": _CAPABILITIES,
    }


def _call(call: ToolCall, index: int) -> Fields:
    function = {"index": index, "name": call.name, "arguments": arguments_of(call)}
    return {"id": call.id, "function": function}


def _line(asked: Asked, message: Fields) -> Frame:
    value = {
        "model": asked.model,
        "created_at": _CREATED,
        "message": {"role": "assistant", **message},
        "done": False,
    }
    return Frame(msgspec.json.encode(value) + b"\n", content=True)


def _final(reply: Reply, asked: Asked, message: Fields) -> Fields:
    usage = usage_of(reply, asked)
    return {
        "model": asked.model,
        "created_at": _CREATED,
        "message": message,
        "done_reason": "stop" if reply.reason in _NO_REASON else reply.reason,
        "done": True,
        "total_duration": 5_000_000,
        "load_duration": 1_000_000,
        "prompt_eval_count": usage.input_tokens,
        "prompt_eval_duration": 1_000_000,
        "eval_count": usage.output_tokens,
        "eval_duration": 3_000_000,
    }
