"""Whatever an answer is made of: it is sent back as it came, in its order, streamed or plain."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from aisopod.codecs.anthropic_messages.codec import codec as anthropic
from aisopod.codecs.bedrock_converse.codec import codec as converse
from aisopod.codecs.codec import Codec
from aisopod.codecs.gemini_generate.codec import codec as gemini
from aisopod.normalise.target import Target
from aisopod.normalise.validate import validate
from aisopod.types import ChatCompletionRequest, Message, Tool, fold
from support.recordings import opening

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(
    lambda text: text.strip() == text and text.strip() != ""
)
JSON = st.dictionaries(TEXTS, st.one_of(st.integers(-(2**53), 2**53), TEXTS, st.booleans()),
                       max_size=3)  # fmt: skip
# What the wire takes as a name: others are fitted before they are declared.
NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,11}", fullmatch=True)
IDS = st.integers(0, 10**6).map(lambda number: f"id_{number}")


def sent_back(codec: Codec, chunks: list[Any], model: str, place: str) -> Any:
    answer = fold([opening("p"), *chunks])
    request = ChatCompletionRequest(
        model=model,
        messages=[
            Message(role="user", content="hi"),
            answer.message,
            *(
                Message(role="tool", tool_call_id=call.id, name=call.name, content="done")
                for call in answer.tool_calls
            ),
        ],
        tools=[Tool(name="weather"), Tool(name="a-b_c")],
    )
    encoded = codec.encode(validate(request), Target(provider="p", model=model))
    assert encoded.warnings == []
    return msgspec.json.decode(encoded.body)[place][1]


def streamed(codec: Codec, model: str, frames: list[Any]) -> list[Any]:
    decoder = codec.stream_decoder(Target(provider="p", model=model))
    chunks = [decoder.feed(msgspec.json.encode(frame)) for frame in frames]
    chunks.append(decoder.close())
    return [chunk for chunk in chunks if chunk is not None]


# --- Gemini: parts; adjacent unsigned texts of a kind are one ---

GEMINI_PARTS = st.lists(
    st.one_of(
        TEXTS.map(lambda text: {"text": text}),
        TEXTS.map(lambda text: {"text": text, "thought": True}),
        st.tuples(st.one_of(TEXTS, st.just("")), TEXTS).map(
            lambda pair: {"text": pair[0], "thoughtSignature": pair[1]}
        ),
        st.tuples(TEXTS, TEXTS).map(
            lambda pair: {"text": pair[0], "thought": True, "thoughtSignature": pair[1]}
        ),
        st.tuples(NAMES, JSON).map(
            lambda pair: {"functionCall": {"name": pair[0], "args": pair[1]}}
        ),
        st.tuples(NAMES, JSON, TEXTS, IDS).map(
            lambda four: {
                "functionCall": {"id": four[3], "name": four[0], "args": four[1]},
                "thoughtSignature": four[2],
            }
        ),
        TEXTS.map(lambda code: {"executableCode": {"code": code}, "thoughtSignature": "s"}),
        TEXTS.map(lambda text: {"futureKind": {"what": text}}),
    ),
    min_size=1,
    max_size=8,
)


def joined(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for part in parts:
        unsigned = set(part) <= {"text", "thought"}
        if unsigned and found and set(found[-1]) == set(part):
            found[-1] = {**part, "text": found[-1]["text"] + part["text"]}
        else:
            found.append(part)
    return found


@settings(max_examples=200, deadline=None)
@given(GEMINI_PARTS)
def test_gemini_plain(parts: list[dict[str, Any]]) -> None:
    body = {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 1},
    }
    target = Target(provider="p", model="gemini-2.5-pro")
    chunks = gemini.decode(msgspec.json.encode(body), target)
    content = sent_back(gemini, chunks, target.model, "contents")
    assert content == {"role": "model", "parts": joined(parts)}


@settings(max_examples=200, deadline=None)
@given(GEMINI_PARTS)
def test_gemini_streamed_a_part_an_event(parts: list[dict[str, Any]]) -> None:
    frames: list[Any] = [{"candidates": [{"content": {"parts": [part]}}]} for part in parts]
    frames.append({"candidates": [{"finishReason": "STOP"}]})
    content = sent_back(
        gemini, streamed(gemini, "gemini-2.5-pro", frames), "gemini-2.5-pro", "contents"
    )
    assert content == {"role": "model", "parts": joined(parts)}


# --- Converse: blocks; each stays what it is ---

CALL = st.tuples(IDS, st.sampled_from(["weather", "a-b_c"]), JSON).map(
    lambda three: {"toolUse": {"toolUseId": three[0], "name": three[1], "input": three[2]}}
)
BLOCKS = st.lists(
    st.one_of(
        TEXTS.map(lambda text: {"text": text}),
        st.tuples(TEXTS, TEXTS).map(
            lambda pair: {
                "reasoningContent": {"reasoningText": {"text": pair[0], "signature": pair[1]}}
            }
        ),
        st.just({"reasoningContent": {"redactedContent": "aGVsbG8gd29ybGQ="}}),
        CALL,
        TEXTS.map(lambda text: {"futureKind": {"what": text}}),
        st.tuples(TEXTS, TEXTS).map(
            lambda pair: {
                "citationsContent": {
                    "content": [{"text": pair[0]}],
                    "citations": [{"title": pair[1]}],
                }
            }
        ),
    ),
    min_size=1,
    max_size=8,
).filter(
    lambda blocks: (
        len({str(b["toolUse"]["toolUseId"]) for b in blocks if "toolUse" in b})
        == sum("toolUse" in b for b in blocks)
    )
)


@settings(max_examples=200, deadline=None)
@given(BLOCKS)
def test_converse_plain(blocks: list[dict[str, Any]]) -> None:
    body = {
        "output": {"message": {"role": "assistant", "content": blocks}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 2},
    }
    target = Target(provider="p", model="anthropic.claude-sonnet-4-5-v1:0")
    chunks = converse.decode(msgspec.json.encode(body), target)
    message = sent_back(converse, chunks, target.model, "messages")
    assert message == {"role": "assistant", "content": blocks}


def converse_events(blocks: list[dict[str, Any]]) -> list[Any]:
    events: list[Any] = [{"messageStart": {"role": "assistant"}}]
    for index, block in enumerate(blocks):
        at = {"contentBlockIndex": index}
        [(kind, data)] = block.items()
        pieces: list[Any]
        if kind == "text":
            pieces = [{"text": data[:1]}, {"text": data[1:]}]
        elif kind == "toolUse":
            start = {name: data[name] for name in ("toolUseId", "name")}
            events.append({"contentBlockStart": {**at, "start": {"toolUse": start}}})
            text = msgspec.json.encode(data["input"]).decode()
            pieces = [{"toolUse": {"input": text[:3]}}, {"toolUse": {"input": text[3:]}}]
        elif kind == "citationsContent":
            pieces = [{"text": data["content"][0]["text"]}]
            pieces += [{"citation": citation} for citation in data["citations"]]
        elif "redactedContent" in data:
            pieces = [{"reasoningContent": data}]
        else:
            told = data["reasoningText"]
            pieces = [{"reasoningContent": {"text": told["text"]}}]
            pieces.append({"reasoningContent": {"signature": told["signature"]}})
        events += [{"contentBlockDelta": {**at, "delta": piece}} for piece in pieces]
        events.append({"contentBlockStop": at})
    return [*events, {"messageStop": {"stopReason": "end_turn"}}, {"metadata": {"usage": {}}}]


@settings(max_examples=200, deadline=None)
@given(BLOCKS.map(lambda blocks: [b for b in blocks if "futureKind" not in b]).filter(bool))
def test_converse_streamed(blocks: list[dict[str, Any]]) -> None:
    model = "anthropic.claude-sonnet-4-5-v1:0"
    chunks = streamed(converse, model, converse_events(blocks))
    message = sent_back(converse, chunks, model, "messages")
    assert message == {"role": "assistant", "content": blocks}


# --- Anthropic's Messages: the same law ---

ANTHROPIC_BLOCKS = st.lists(
    st.one_of(
        TEXTS.map(lambda text: {"type": "text", "text": text}),
        st.tuples(TEXTS, TEXTS).map(
            lambda pair: {"type": "thinking", "thinking": pair[0], "signature": pair[1]}
        ),
        TEXTS.map(lambda data: {"type": "redacted_thinking", "data": data}),
        st.tuples(IDS, JSON).map(
            lambda pair: {"type": "tool_use", "id": pair[0], "name": "weather", "input": pair[1]}
        ),
        TEXTS.map(lambda text: {"type": "future_kind", "what": text}),
    ),
    min_size=1,
    max_size=8,
).filter(
    lambda blocks: len({b["id"] for b in blocks if "id" in b}) == sum("id" in b for b in blocks)
)


@settings(max_examples=200, deadline=None)
@given(ANTHROPIC_BLOCKS)
def test_anthropic_plain(blocks: list[dict[str, Any]]) -> None:
    body = {
        "type": "message", "id": "m", "model": "m", "role": "assistant", "content": blocks,
        "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1},
    }  # fmt: skip
    target = Target(provider="p", model="claude-sonnet-4-5")
    chunks = anthropic.decode(msgspec.json.encode(body), target)
    message = sent_back(anthropic, chunks, target.model, "messages")
    assert message == {"role": "assistant", "content": blocks}
