"""A server of its own process: the wires, as cheaply as can be. `_server.py PORT`."""

import asyncio
import struct
import sys
import zlib
from collections.abc import Callable

OPENAI = (
    b'data: {"id":"chatcmpl-CxzY1abcDEFghiJKLmnoPQRstuvWX","object":"chat.completion.chunk",'
    b'"created":1753242299,"model":"gpt-4o-2024-08-06","service_tier":"default",'
    b'"system_fingerprint":"fp_07871e2ad8","choices":[{"index":0,"delta":{"content":" the%d"},'
    b'"logprobs":null,"finish_reason":null}],"obfuscation":"abcd"}\n\n'
)
OPENAI_START = OPENAI.replace(b'{"content":" the%d"}', b'{"role":"assistant","content":""}')
OPENAI_END = [
    OPENAI.replace(b'{"content":" the%d"}', b"{}").replace(
        b'"finish_reason":null', b'"finish_reason":"stop"'
    ),
    (
        b'data: {"id":"chatcmpl-CxzY1abcDEFghiJKLmnoPQRstuvWX","object":"chat.completion.chunk",'
        b'"created":1753242299,"model":"gpt-4o-2024-08-06","choices":[],"usage":{"prompt_tokens":9,'
        b'"completion_tokens":2000,"total_tokens":2009}}\n\n'
    ),
    b"data: [DONE]\n\n",
]
ANTHROPIC = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
    b'"text":" the%d"}              }\n\n'
)
ANTHROPIC_START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_011CduoCRono7pFKoT",'
    b'"type":"message","role":"assistant","model":"claude-opus-4-8","content":[],'
    b'"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":1}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":'
    b'{"type":"text","text":""}}\n\n'
)
ANTHROPIC_END = [
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
    (
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn",'
        b'"stop_sequence":null},"usage":{"output_tokens":2000}}\n\n'
    ),
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
]
# As Google writes it: spaces, and lines that end in CR LF.
GEMINI = (
    b'data: {"candidates": [{"content": {"parts": [{"text": " the%d"}],"role": "model"},"index": 0}'
    b'],"usageMetadata": {"promptTokenCount": 9,"candidatesTokenCount": 469,"totalTokenCount": 1265'
    b',"promptTokensDetails": [{"modality": "TEXT","tokenCount": 9}],"thoughtsTokenCount": 787},'
    b'"modelVersion": "gemini-2.5-pro","responseId": "beHBaJfEMIi-qtsP3769-Q8"}\r\n\r\n'
)
GEMINI_START = GEMINI.replace(b" the%d", b"")
GEMINI_END = [GEMINI_START.replace(b'"index": 0', b'"finishReason": "STOP","index": 0')]


def header(name: bytes, value: bytes) -> bytes:
    return b"%c%s\x07%s%s" % (len(name), name, struct.pack(">H", len(value)), value)


def event(kind: bytes, payload: bytes) -> bytes:
    """https://smithy.io/2.0/aws/amazon-eventstream.html."""
    headers = header(b":event-type", kind) + header(b":content-type", b"application/json")
    headers += header(b":message-type", b"event")
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


BEDROCK = (
    b'{"contentBlockIndex":0,"delta":{"text":" the%d"},'
    b'"p":"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"}'
)
BEDROCK_START = event(b"messageStart", b'{"p":"abcdefgh","role":"assistant"}')
BEDROCK_END = [
    event(b"contentBlockStop", b'{"contentBlockIndex":0,"p":"abcdefghijklm"}'),
    event(b"messageStop", b'{"p":"abcdefghijkl","stopReason":"end_turn"}'),
    event(
        b"metadata",
        b'{"metrics":{"latencyMs":9613},"p":"abcdefghi","usage":{"inputTokens":9,'
        b'"outputTokens":2000,"totalTokens":2009}}',
    ),
]


def numbered(chunk: bytes) -> Callable[[int], bytes]:
    return lambda number: chunk % number


WIRES = {
    b"chat/completions": (OPENAI_START, numbered(OPENAI), OPENAI_END),
    b"messages": (ANTHROPIC_START, numbered(ANTHROPIC), ANTHROPIC_END),
    b"streamGenerateContent": (GEMINI_START, numbered(GEMINI), GEMINI_END),
    b"converse-stream": (
        BEDROCK_START,
        lambda number: event(b"contentBlockDelta", BEDROCK % number),
        BEDROCK_END,
    ),
}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ntransfer-encoding: chunked\r\n\r\n"


def framed(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class Server(asyncio.Protocol):
    """Answers with as many chunks as the user's text says: `N` or `N paced`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, separator, rest = self.buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        wire = next(frames for name, frames in WIRES.items() if name in head.split(b"\r\n")[0])
        words = rest[:length].rpartition(b"chunks=")[2]
        count = int(words[: next(i for i, c in enumerate(words) if not 48 <= c <= 57)])
        binary = b"converse-stream" in head.split(b"\r\n")[0]
        kind = b"application/vnd.amazon.eventstream" if binary else b"text/event-stream"
        self.transport.write(HEAD % kind)  # type: ignore[attr-defined]
        self.task = asyncio.ensure_future(self.answer(*wire, count, paced=b"paced" in rest))

    async def answer(
        self,
        start: bytes,
        chunk: Callable[[int], bytes],
        end: list[bytes],
        count: int,
        *,
        paced: bool,
    ) -> None:
        write = self.transport.write  # type: ignore[attr-defined]
        write(framed(start))
        for number in range(count):
            write(framed(chunk(number)))
            if paced:
                # Long enough for a reader to take each chunk by itself.
                await asyncio.sleep(0.0003)
        for data in end:
            write(framed(data))
        write(b"0\r\n\r\n")


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Server, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
