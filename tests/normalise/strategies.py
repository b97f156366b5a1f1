"""Conversations of every kind, right and wrong."""

import msgspec
from hypothesis import strategies as st

from aisopod.types import (
    DocumentPart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    TextPart,
    ThinkingPart,
    ToolCall,
)

PNG = b"\x89PNG\r\n\x1a\nrest"
IDS = st.sampled_from(["call_1", "call_2", "call_3", "functions.f:0", "x" * 70, "a b", "ä"])
TEXTS = st.sampled_from(["", " ", "one", "two ", "\n", "three\n\nfour"])
PROVIDERS = st.sampled_from(["p", "q", None])
MODELS = st.sampled_from([None, "claude-sonnet-4-5", "gemini-3-pro", "x/y"])

TEXT_PARTS = st.builds(
    TextPart,
    text=TEXTS,
    citations=st.sampled_from([None, [{"a": 1}]]),
    signature=st.sampled_from([None, "s"]),
    provider=PROVIDERS,
)
IMAGES = st.builds(ImagePart, data=st.just(PNG), signature=st.sampled_from([None, "s"]))
DOCUMENTS = st.builds(DocumentPart, data=st.just(b"text"), name=st.just("a"))
THINKING = st.builds(
    ThinkingPart,
    text=TEXTS,
    signature=st.sampled_from([None, "s"]),
    redacted=st.sampled_from([None, None, "r"]),
    provider=PROVIDERS,
)
OPAQUE = st.builds(
    OpaquePart,
    provider=st.sampled_from(["p", "q"]),
    kind=st.sampled_from(["k", "reasoning_details"]),
    data=st.just({"k": 1}),
)
USERS_PARTS = st.lists(st.one_of(TEXT_PARTS, IMAGES, DOCUMENTS), max_size=3)
PARTS: st.SearchStrategy[list[Part]] = st.lists(
    st.one_of(TEXT_PARTS, IMAGES, THINKING, OPAQUE), max_size=4
)
CALLS = st.lists(
    st.builds(
        ToolCall,
        id=IDS,
        name=st.sampled_from(["f", "a.b/c", "é"]),
        arguments=st.sampled_from(["{}", "", '{"a": 1', "[1]", '{"a": "x"}']),
        position=st.sampled_from([None, 0, 1]),
        provider=PROVIDERS,
        fields=st.sampled_from([None, {"thoughtSignature": "s"}, {"x": 1}]),
    ),
    max_size=3,
)
SYSTEMS = st.builds(Message, role=st.just("system"), content=TEXTS)
USERS = st.builds(
    Message,
    role=st.just("user"),
    content=st.one_of(TEXTS, USERS_PARTS),
    name=st.sampled_from([None, "ann"]),
)
ASSISTANTS = st.builds(
    Message,
    role=st.just("assistant"),
    content=st.one_of(TEXTS, PARTS),
    tool_calls=CALLS,
    refusal=st.sampled_from([None, None, "no"]),
    model=MODELS,
)
RESULTS = st.builds(
    Message,
    role=st.just("tool"),
    tool_call_id=IDS,
    name=st.sampled_from([None, "f"]),
    content=st.one_of(TEXTS, USERS_PARTS),
    is_error=st.booleans(),
)
CONVERSATIONS = st.lists(
    st.one_of(USERS, ASSISTANTS, RESULTS, RESULTS, SYSTEMS), min_size=1, max_size=9
)


def snapshot(value: object) -> bytes:
    """All that a value holds, to see that nobody changed it."""
    return msgspec.msgpack.encode(value)
