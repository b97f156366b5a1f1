"""The limit: asyncio streams, httptools, framing, msgspec. It times out and retries nothing."""

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Stream = Callable[[str], Awaitable[str]]
PATHS = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
    "bedrock": "/model/m/converse-stream",
}
PRELUDE = struct.Struct(">III")


def sse(separator: bytes) -> Callable[[bytes], tuple[list[bytes], bytes]]:
    def split(data: bytes) -> tuple[list[bytes], bytes]:
        events = data.split(separator)
        rest = events.pop()
        return [event[event.index(b"data: ") + 6 :] for event in events], rest

    return split


def eventstream(data: bytes) -> tuple[list[bytes], bytes]:
    payloads = []
    start = 0
    while len(data) - start >= 16:
        total, headers, crc = PRELUDE.unpack_from(data, start)
        end = start + total
        if end > len(data):
            break
        if zlib.crc32(data[start : start + 8]) != crc:
            raise ValueError
        if zlib.crc32(data[start : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise ValueError
        payloads.append(data[start + 12 + headers : end - 4])
        start = end
    return payloads, data[start:]


def reading(wire: str) -> Callable[[bytes], str]:
    """Payload to text."""
    import msgspec

    class Delta(msgspec.Struct):
        content: str | None = None
        text: str | None = None

    class Choice(msgspec.Struct):
        delta: Delta
        finish_reason: str | None = None

    class Content(msgspec.Struct):
        parts: list[Delta] = []

    class Candidate(msgspec.Struct):
        content: Content
        finishReason: str | None = None  # noqa: N815

    class Event(msgspec.Struct):
        type: str = ""
        choices: list[Choice] = []
        candidates: list[Candidate] = []
        delta: Delta | None = None
        usage: dict[str, object] | None = None

    decode = msgspec.json.Decoder(Event).decode

    def openai(payload: bytes) -> str:
        if payload == b"[DONE]":
            return ""
        choices = decode(payload).choices
        return (choices[0].delta.content or "") if choices else ""

    def gemini(payload: bytes) -> str:
        return decode(payload).candidates[0].content.parts[0].text or ""

    def other(payload: bytes) -> str:
        delta = decode(payload).delta
        return (delta.text or "") if delta is not None else ""

    return {"openai": openai, "gemini": gemini}.get(wire, other)


@asynccontextmanager
async def raw(wire: str, url: str, *, keep: bool = True) -> AsyncIterator[Stream]:
    import httptools
    import msgspec

    host, _, port = url.removeprefix("http://").split("/")[0].partition(":")
    split = eventstream if wire == "bedrock" else sse(b"\r\n\r\n" if wire == "gemini" else b"\n\n")
    read_payload = reading(wire)

    class Answer:
        def __init__(self) -> None:
            self.text: list[str] = []
            self.rest = b""
            self.complete = False

        def on_body(self, data: bytes) -> None:
            payloads, self.rest = split(self.rest + data)
            for payload in payloads:
                self.text.append(read_payload(payload))

        def on_message_complete(self) -> None:
            self.complete = True

    connection = await asyncio.open_connection(host, int(port)) if keep else None

    async def stream(prompt: str) -> str:
        reader, writer = connection or await asyncio.open_connection(host, int(port))
        body = msgspec.json.encode(
            {"model": "m", "stream": True, "messages": [{"role": "user", "content": prompt}]}
        )
        writer.write(
            b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            b"authorization: Bearer sk-benchmark\r\ncontent-length: %d\r\n\r\n%s"
            % (PATHS[wire].encode(), len(body), body)
        )
        answer = Answer()
        parser = httptools.HttpResponseParser(answer)
        reads = 0
        while not answer.complete:
            parser.feed_data(await reader.read(65536))
            reads += 1
        stream.reads = reads  # type: ignore[attr-defined]
        if connection is None:
            writer.close()
            await writer.wait_closed()
        return "".join(answer.text)

    yield stream
    if connection is not None:
        connection[1].close()


@asynccontextmanager
async def raw_new_connection(wire: str, url: str) -> AsyncIterator[Stream]:
    async with raw(wire, url, keep=False) as stream:
        yield stream
