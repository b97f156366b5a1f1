"""More than the context window holds: one error everywhere, with the numbers where they are told."""

import re
from typing import Any

import msgspec
import pytest

from aisopod import ContextLengthError
from aisopod.simulator import Fault, Reply
from hazards.ends import asked, meeting, user
from support.dialects import DIALECTS
from support.recordings import load_all

INVALID = "invalid_request_error"


def openai(message: str, code: str | None = "context_length_exceeded") -> dict[str, Any]:
    return {"error": {"message": message, "type": INVALID, "param": "messages", "code": code}}


def gemini(message: str) -> dict[str, Any]:
    return {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}


def anthropic(message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": INVALID, "message": message}}


# Dialect, body, limit, size.
OVERFLOWS: list[tuple[str, dict[str, Any], int | None, int | None]] = [
    ("anthropic", anthropic("prompt is too long: 215634 tokens > 200000 maximum"), 200_000, 215_634),
    ("openai", openai("This model's maximum context length is 128000 tokens. However, your messages "
                      "resulted in 150012 tokens. Please reduce the length of the messages."),
     128_000, 150_012),
    ("openai", openai("This model's maximum context length is 32768 tokens. However, you requested "
                      "35969 tokens (9969 in the messages, 26000 in the completion).", None),
     32_768, 35_969),
    ("openai", openai("Your input exceeds the context window of this model."), None, None),
    ("gemini", gemini("The input token count (1200000) exceeds the maximum number of tokens allowed "
                      "(1048575)."), 1_048_575, 1_200_000),
    ("bedrock", {"message": "Input is too long for requested model."}, None, None),
    ("bedrock", {"message": "The model returned the following errors: prompt is too long: 215634 "
                            "tokens > 200000 maximum"}, 200_000, 215_634),
    ("ollama", {"error": "the input length exceeds the context length"}, None, None),
    ("ollama", {"error": "the request exceeds the available context size, try increasing it"},
     None, None),
]  # fmt: skip


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
@pytest.mark.parametrize(
    ("provider", "body", "limit", "size"), OVERFLOWS,
    ids=[f"{provider}-{number}" for number, (provider, *_) in enumerate(OVERFLOWS)],
)  # fmt: skip
async def test_one_error_everywhere(
    provider: str, body: dict[str, Any], limit: int | None, size: int | None, *, stream: bool
) -> None:
    dialect = next(each for each in DIALECTS if each.provider == provider)
    fault = Fault(kind="status", status=400, body=msgspec.json.encode(body))
    async with meeting([Reply(fault=fault)]) as (client, simulator):
        with pytest.raises(ContextLengthError) as caught:
            await asked(client, dialect, [user("long")], stream=stream)
    error = caught.value
    assert (error.limit, error.size) == (limit, size)
    assert not error.retryable
    assert (error.provider, error.model) == (dialect.provider, dialect.model)
    assert len(simulator.requests) == 1, "what does not fit does not fit the second time"


_SAYS = re.compile(
    rb"prompt is too long|maximum context length|exceeds the maximum number of tokens|"
    rb"Input is too long|context_length_exceeded|exceeds the available context",
    re.IGNORECASE,
)


def test_recorded_overflows() -> None:
    """Every recorded refusal that speaks of the window."""
    found = [one for one in load_all() if one.status >= 400 and _SAYS.search(one.body)]
    codecs = {each.provider: each.codec for each in DIALECTS}
    codecs["openai-compatible"] = codecs["openai"]
    for recording in found:
        codec = codecs[recording.provider]
        error = codec.decode_error(recording.status, recording.headers, recording.body)
        assert isinstance(error, ContextLengthError), recording.name
