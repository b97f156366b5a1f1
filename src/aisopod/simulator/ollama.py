"""Ollama's wire: https://github.com/ollama/ollama/blob/main/docs/api.md."""

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from aisopod.simulator.responder import usage_of
from aisopod.simulator.script import Asked, Reply, pieces_of
from aisopod.simulator.wire import Frame, Refusal, json_response, words
from aisopod.types import TextPart, ThinkingPart

__all__ = ["OllamaWire"]

Fields = dict[str, Any]

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


class OllamaWire:
    """Chat and the management calls."""

    name = "ollama"
    prefix = ""
    chat_paths: tuple[str, ...] = ("/api/chat",)
    content_type = "application/x-ndjson"
    ping = b"\n"

    def read(self, body: Fields, path_model: str | None) -> Asked:  # noqa: ARG002
        """What is asked, by what the server's own decoder takes."""
        messages = body.get("messages") or []
        for message in messages:
            _check(message)
        form = body.get("format")
        options = body.get("options") or {}
        functions = [tool["function"] for tool in body.get("tools") or []]
        return Asked(
            model=body.get("model", ""),
            stream=body.get("stream", True),
            prompt=next((m["content"] for m in reversed(messages) if m["role"] == "user"), ""),
            tool_result=messages[-1]["content"]
            if messages and messages[-1]["role"] == "tool"
            else None,
            tools={function["name"]: function.get("parameters") or {} for function in functions},
            schema=form if isinstance(form, dict) else ({} if form == "json" else None),
            thinking=bool(body.get("think")),
            max_tokens=options.get("num_predict"),
            stop=options.get("stop") or [],
            words=words(messages),
        )

    def plain(self, reply: Reply, asked: Asked, number: int) -> bytes:  # noqa: ARG002
        """The one object."""
        message: Fields = {"role": "assistant", "content": _joined(reply, TextPart)}
        if thinking := _joined(reply, ThinkingPart):
            message["thinking"] = thinking
        if reply.tool_calls:
            message["tool_calls"] = _calls(reply)
        return msgspec.json.encode(_final(reply, asked, message))

    def frames(self, reply: Reply, asked: Asked, number: int) -> list[Frame]:  # noqa: ARG002
        """A line a piece; calls come whole; the counts come last."""
        frames: list[Frame] = []
        for part in reply.parts:
            field = "thinking" if isinstance(part, ThinkingPart) else "content"
            text = part.text if isinstance(part, TextPart | ThinkingPart) else ""
            pieces = pieces_of(text, reply.chunk_chars)
            frames += [_line(asked, {"content": "", field: piece}) for piece in pieces]
        if reply.tool_calls:
            frames.append(_line(asked, {"content": "", "tool_calls": _calls(reply)}))
        last = _final(reply, asked, {"role": "assistant", "content": ""})
        frames.append(Frame(msgspec.json.encode(last) + b"\n"))
        return frames

    def error(self, refusal: Refusal) -> bytes:
        """The body of a refusal: a text and no more."""
        return msgspec.json.encode({"error": refusal.message})

    def error_frame(self, refusal: Refusal) -> bytes:
        """The same as a line."""
        return self.error(refusal) + b"\n"

    def key(self, headers: Mapping[str, str]) -> str | None:
        """A bearer key, as the cloud takes it."""
        return headers.get("authorization", "").removeprefix("Bearer ")

    def response_headers(self, number: int) -> dict[str, str]:  # noqa: ARG002
        """The server tells nothing in its headers."""
        return {}

    def add_routes(self, app: web.Application) -> None:
        """Listing, description, download, version, health."""
        app.router.add_get("/api/tags", self._tags)
        app.router.add_post("/api/show", self._show)
        app.router.add_post("/api/pull", self._pull)
        app.router.add_get("/api/ps", self._ps)
        app.router.add_get("/api/version", self._version)
        app.router.add_get("/", self._root)

    async def _tags(self, request: web.Request) -> web.StreamResponse:  # noqa: ARG002
        return json_response(msgspec.json.encode({"models": [_entry()]}))

    async def _ps(self, request: web.Request) -> web.StreamResponse:  # noqa: ARG002
        return json_response(msgspec.json.encode({"models": []}))

    async def _version(self, request: web.Request) -> web.StreamResponse:  # noqa: ARG002
        return json_response(msgspec.json.encode({"version": "0.99.0-simulated"}))

    async def _root(self, request: web.Request) -> web.StreamResponse:  # noqa: ARG002
        return web.Response(text="Ollama is running")

    async def _show(self, request: web.Request) -> web.StreamResponse:
        name = msgspec.json.decode(await request.read()).get("model", "")
        if name.endswith("no-such-model"):
            refusal = Refusal(404, "not_found", f"model '{name}' not found")
            return json_response(self.error(refusal), 404)
        shown = {
            "details": _DETAILS,
            "model_info": {"general.architecture": "simulated", "simulated.context_length": 8192},
            "capabilities": ["completion", "tools", "thinking"],
            "modified_at": _CREATED,
        }
        return json_response(msgspec.json.encode(shown))

    async def _pull(self, request: web.Request) -> web.StreamResponse:
        body = msgspec.json.decode(await request.read())
        steps: list[Fields] = [{"status": "pulling manifest"}]
        if str(body.get("model", "")).endswith("no-such-model"):
            steps.append({"error": "pull model manifest: file does not exist"})
        else:
            layer = {"status": f"pulling {_DIGEST[7:19]}", "digest": _DIGEST, "total": 1000}
            steps += [layer, {**layer, "completed": 500}, {**layer, "completed": 1000}]
            steps += [{"status": "verifying sha256 digest"}, {"status": "writing manifest"}]
            steps.append({"status": "success"})
        if body.get("stream") is False:
            return json_response(msgspec.json.encode(steps[-1]))
        response = web.StreamResponse(headers={"content-type": self.content_type})
        await response.prepare(request)
        for step in steps:
            await response.write(msgspec.json.encode(step) + b"\n")
        return response


def _check(message: Fields) -> None:
    if not isinstance(message.get("content", ""), str):
        raise Refusal(
            400,
            "invalid_request",
            "json: cannot unmarshal array into Go struct field ChatRequest.messages.content of "
            "type string",
        )
    for call in message.get("tool_calls") or []:
        if not isinstance(call["function"].get("arguments"), dict):
            raise Refusal(
                400,
                "invalid_request",
                "json: cannot unmarshal string into Go struct field "
                ".messages.tool_calls.function.arguments of type api.ToolCallFunctionArguments",
            )


def _entry() -> Fields:
    return {
        "name": _MODEL,
        "model": _MODEL,
        "modified_at": _CREATED,
        "size": 1000,
        "digest": _DIGEST,
        "details": _DETAILS,
    }


def _joined(reply: Reply, kind: type[TextPart] | type[ThinkingPart]) -> str:
    return "".join(part.text for part in reply.parts if isinstance(part, kind))


def _calls(reply: Reply) -> list[Fields]:
    return [
        {
            "id": call.id,
            "function": {
                "index": index,
                "name": call.name,
                "arguments": msgspec.Raw(call.arguments.encode()),
            },
        }
        for index, call in enumerate(reply.tool_calls)
    ]


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
        # The wire has no reason for tool calls.
        "done_reason": "stop" if reply.reason == "tool_calls" else reply.reason,
        "done": True,
        "total_duration": 5_000_000,
        "load_duration": 1_000_000,
        "prompt_eval_count": usage.input_tokens,
        "prompt_eval_duration": 1_000_000,
        "eval_count": usage.output_tokens,
        "eval_duration": 3_000_000,
    }
