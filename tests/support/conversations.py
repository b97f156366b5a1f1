"""Grows conversations: every kind of part, in every order that people and models bring about.

What grows here is what could be said. What no program should send, but some do (calls without
results, results without calls, one id twice), grows only where it is asked for by name.
"""

import base64
from typing import Any, Literal

import msgspec
from hypothesis import strategies as st

from aisopod.types import (
    DocumentPart,
    ImagePart,
    JsonSchema,
    MediaPart,
    Message,
    OpaquePart,
    Part,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCall,
)

__all__ = [
    "ARGUMENTS",
    "DOCUMENTS",
    "FORMATS",
    "IDS",
    "IMAGES",
    "JSON_OBJECTS",
    "MEDIA",
    "NAMES",
    "SCHEMAS",
    "TEXTS",
    "TOOLS",
    "WORDS",
    "Disorder",
    "answers",
    "conversations",
    "own_parts",
    "plain_conversations",
    "signed",
    "surrogates",
]

Disorder = Literal["missing", "duplicate", "orphan", "late", "same_ids", "surrogates"]
"""What may be out of order: a call has no result, or two; a result has no call, or comes after
something else was said; an id names calls of two turns; texts hold halves of characters."""

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c626001000000ffff03000006000557bfabd40000000049454e44ae426082"
)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"
GIF = b"GIF89a\x01\x00\x01\x00"
WEBP = b"RIFF\x00\x00\x00\x00WEBPVP8 "
HEIC = b"\x00\x00\x00\x18ftypheic"
PDF = b"%PDF-1.7\n%%EOF"
MP3, WAV = b"ID3\x04\x00\x00", b"RIFF\x00\x00\x00\x00WAVEfmt "
MP4 = b"\x00\x00\x00\x18ftypisom"

PROVIDERS = ("anthropic", "openai", "gemini", "bedrock", "ollama")

# --- texts ---

_ODD = [
    "", " ", "\n\t ", "\u200b", "\u00a0", "\x00", "a\x00b", "\x1b[31m", "\ufeff", "\U0010ffff",
    "👩‍👩‍👧‍👦", "🇪🇺", "e\u0301", "\u202eabc\u202c", "مرحبا بالعالم", "שלום\u200f", "￿", "ends in space ",
    '{"a": 1}', "[]", "null", "</tool>", "<|im_end|>", "data: [DONE]", "\r\n\r\n", "\u2028",
]  # fmt: skip
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Z"]), min_size=1,
                max_size=12)  # fmt: skip
TEXTS = st.one_of(WORDS, st.sampled_from(_ODD), st.text(st.characters(codec="utf-8"), max_size=20))
_HALVES = ["\ud83d", "\udc69", "a\ud800", "\udfffz", "\ud83d\ude00"]
surrogates = st.one_of(TEXTS, st.sampled_from(_HALVES))
_BASE64 = st.binary(min_size=1, max_size=24).map(lambda data: base64.b64encode(data).decode())

# --- JSON ---

_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63), TEXTS,
    st.floats(allow_nan=False, allow_infinity=False),
)  # fmt: skip
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
JSON_OBJECTS = st.dictionaries(TEXTS, _JSON, max_size=4)
_BROKEN = ["", " ", "{", '{"a": ', "[1]", "1", '"x"', "null", "{}}", "{'a': 1}", '{"a": NaN}',
           '{"a":1}{"b":2}', "not json", '{"a": "\\ud83d"}', '{"a": "\x00"}']  # fmt: skip
ARGUMENTS = st.one_of(
    st.just("{}"),
    JSON_OBJECTS.map(lambda value: msgspec.json.encode(value).decode()),
    st.sampled_from(_BROKEN),
    st.just('{"a": ' + "[" * 40 + "]" * 40 + "}"),
    st.just('{"long": "' + "x" * 5000 + '"}'),
    st.just('{"big": 123456789012345678901234567890, "a": 1, "a": 2}'),
)

_OBJECT_TEXTS = JSON_OBJECTS.map(lambda value: msgspec.json.encode(value).decode())

# --- what can be shown ---

_SHOWN = {PNG: "image/png", JPEG: "image/jpeg", GIF: "image/gif", WEBP: "image/webp",
          HEIC: "image/heic"}  # fmt: skip


def _data_url(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


IMAGES = st.one_of(
    st.sampled_from(list(_SHOWN)).map(lambda data: ImagePart(data=data)),
    st.sampled_from(list(_SHOWN)).map(lambda data: ImagePart(url=_data_url(data, _SHOWN[data]))),
    st.sampled_from(["https://example.com/a.png", "https://example.com/image?id=1"]).map(
        lambda url: ImagePart(url=url)
    ),
    st.builds(ImagePart, data=st.just(PNG), detail=st.sampled_from(["auto", "low", "high"])),
    st.builds(ImagePart, data=st.just(PNG), signature=_BASE64, provider=st.just("gemini")),
    st.just(ImagePart(file_id="upload1")),
    st.just(ImagePart(data=b"BM123", media_type="image/bmp")),
)
DOCUMENTS = st.one_of(
    st.builds(DocumentPart, data=st.just(PDF), name=st.none() | TEXTS, context=st.none() | TEXTS,
              citations=st.booleans()),
    st.builds(DocumentPart, data=st.sampled_from([b"a,b\n1,2", "größer".encode()]),
              media_type=st.sampled_from([None, "text/plain", "text/csv", "text/markdown"]),
              name=st.none() | TEXTS),
    st.just(DocumentPart(data=b"\xff\xfe\x00", media_type="text/plain")),
    st.just(DocumentPart(url="https://example.com/a.pdf")),
    st.just(DocumentPart(url=_data_url(PDF, "application/pdf"))),
    st.just(DocumentPart(file_id="upload2")),
    st.just(DocumentPart(data=b"PK\x03\x04", media_type="application/zip")),
)  # fmt: skip
MEDIA = st.sampled_from(
    [
        MediaPart(data=MP3), MediaPart(data=WAV), MediaPart(data=MP4),
        MediaPart(url="https://example.com/a.mp4"), MediaPart(file_id="files/abc"),
    ]
)  # fmt: skip

# --- what only one provider understands ---

_OWN: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "anthropic": [
        ("server_tool_use", {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search",
                             "input": {"query": "q"}}),
        ("web_search_tool_result", {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1",
                                    "content": []}),
    ],
    "openai": [("audio", {"id": "audio_1", "data": "", "transcript": "hm", "expires_at": 1})],
    "gemini": [
        ("executableCode", {"executableCode": {"language": "PYTHON", "code": "1+1"}}),
        ("codeExecutionResult", {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}}),
    ],
    "bedrock": [("searchResult", {"searchResult": {"source": "s", "title": "t",
                                                   "content": [{"text": "x"}]}})],
    "ollama": [],
}  # fmt: skip


def own_parts(provider: str) -> st.SearchStrategy[OpaquePart]:
    """Parts of one provider's own."""
    made = [OpaquePart(provider=provider, kind=kind, data=data) for kind, data in _OWN[provider]]
    return st.sampled_from(made) if made else st.nothing()


_ANY_OWN = st.one_of(
    *(own_parts(name) for name in PROVIDERS),
    st.just(OpaquePart(provider="elsewhere", kind="future", data=["anything", None])),
)
_MAKERS = st.sampled_from([*PROVIDERS, "elsewhere", None])
_THOUGHTS = st.one_of(
    st.builds(ThinkingPart, text=TEXTS, signature=st.none() | _BASE64, provider=_MAKERS),
    st.builds(ThinkingPart, redacted=_BASE64, provider=_MAKERS),
)

# --- tools ---

NAMES = st.sampled_from(["weather", "a-b_c", "f", "x" * 64])
IDS = st.one_of(
    st.integers(0, 99).map(lambda number: f"call_{number}"),
    st.sampled_from(
        ["-", "_", " ", "0", "x" * 100, "functions.weather:0", "chatcmpl-tool-1", "a/b|c", "ключ",
         "👍", "a\nb", "toolu_01", "a b", "a_b", "A_B", "123456789"]
    ),
    WORDS,
)  # fmt: skip
_TREE = {"$defs": {"Node": {"type": "object", "properties": {
            "value": {"type": "string"},
            "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}}}}},
         "type": "object", "properties": {"root": {"$ref": "#/$defs/Node"}}}  # fmt: skip
SCHEMAS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"type": "object", "properties": {}},
        {},
        {"type": "object"},
        {"type": "object", "properties": {"x": {"type": "integer", "minimum": 0, "maximum": 9}},
         "required": ["x"], "additionalProperties": False},
        _TREE,
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "T",
         "type": "object", "properties": {"a": {"type": ["string", "null"], "default": None},
         "b": {"anyOf": [{"type": "integer"}, {"type": "string", "format": "date"}]},
         "c": {"enum": [1, "a", None]}, "d": {"const": "x"}, "e": {"type": "array"},
         "f": {"oneOf": [{"type": "string"}, {"type": "null"}]}}},
        {"type": "object", "properties": {"a": {"allOf": [{"type": "object", "properties": {
            "b": {"type": "string"}}}, {"properties": {"c": {"not": {"type": "null"}}}}]},
            "p": {"type": "object", "patternProperties": {"^x": {"type": "string"}}},
            "q": {"type": "object", "properties": {"$weird name": {"type": "string"}}}, "t": True}},
        {"oneOf": [{"type": "object", "properties": {"by": {"const": "id"}, "id": {"type": "integer"}},
                    "required": ["by", "id"]}, {"$ref": "#/$defs/ByName"}],
         "$defs": {"ByName": {"type": "object", "properties": {"by": {"const": "name"}}, "required": ["by"]}}},
        {"$ref": "#/$defs/Node", "$defs": _TREE["$defs"]},
        {"type": "object", "properties": {"p": {"$ref": "#/definitions/P"}},
         "definitions": {"P": {"type": "object", "properties": {"n": {"type": "number"}}}}},
    ]
)  # fmt: skip
TOOLS = st.lists(
    st.builds(Tool, name=NAMES, description=st.sampled_from(["", "What it does.", "Größe 👍"]),
              parameters=SCHEMAS),
    max_size=3, unique_by=lambda tool: tool.name,
)  # fmt: skip
FORMATS = st.one_of(
    st.sampled_from([None, "text", "json"]), st.builds(JsonSchema, schema=SCHEMAS)
)  # fmt: skip


def signed(provider: str | None, id_: str, name: str, arguments: str, signature: str) -> ToolCall:
    """A call with what its maker attaches to it."""
    fields: dict[str, Any] | None = None
    if provider == "gemini":
        fields = {"thoughtSignature": signature, "id": id_}
    elif provider == "anthropic":
        fields = {"caller": {"type": "direct"}}
    return ToolCall(
        id=id_, name=name, arguments=arguments, fields=fields,
        provider=provider if fields else None,
    )  # fmt: skip


_CALLS = st.builds(signed, _MAKERS, IDS, NAMES, ARGUMENTS, _BASE64)

# --- messages ---


def _parts(draw: Any, texts: st.SearchStrategy[str], *kinds: Any) -> str | list[Part]:
    """A text, or parts in any order."""
    if draw(st.booleans()):
        return str(draw(texts))
    part: st.SearchStrategy[Part] = st.one_of(st.builds(TextPart, text=texts), *kinds)
    found: list[Part] = draw(st.lists(part, max_size=4))
    return found


class _Grower:
    """One conversation under way."""

    def __init__(self, draw: Any, disorder: frozenset[Disorder]) -> None:
        self._draw = draw
        self._disorder = disorder
        self._texts = surrogates if "surrogates" in disorder else TEXTS
        self._ids: list[str] = []
        self.messages: list[Message] = []

    def chance(self, of: Disorder) -> bool:
        return of in self._disorder and bool(self._draw(st.booleans()))

    def system(self) -> None:
        self._add(role="system", content=_parts(self._draw, self._texts))

    def user(self) -> None:
        content = _parts(self._draw, self._texts, IMAGES, DOCUMENTS, MEDIA)
        self._add(role="user", content=content, name=self._draw(st.none() | st.just("ada")))

    def assistant(self) -> None:
        calls: list[ToolCall] = []
        for call in self._draw(st.lists(_CALLS, max_size=3)):
            calls.append(self._fresh(call, {each.id for each in calls}))
        content = _parts(self._draw, self._texts, _THOUGHTS, _ANY_OWN)
        count = len(content) if isinstance(content, list) else 0
        placed = self._draw(st.booleans())
        position = sorted(self._draw(st.lists(st.integers(0, count), min_size=len(calls),
                                              max_size=len(calls))))  # fmt: skip
        if placed:
            pairs = zip(calls, position, strict=True)
            calls = [msgspec.structs.replace(call, position=at) for call, at in pairs]
        refusal = self._draw(st.sampled_from([None, None, None, "I cannot."]))
        self._add(role="assistant", content=content, tool_calls=calls, refusal=refusal)
        self._results(calls)

    def _fresh(self, call: ToolCall, here: set[str]) -> ToolCall:
        """The call with an id of its own; one of an earlier turn's only where that is asked for."""
        id_ = call.id
        if self.chance("same_ids") and self._ids:
            id_ = self._draw(st.sampled_from(self._ids))
        taken = here if "same_ids" in self._disorder else set(self._ids)
        while id_ in taken:
            id_ += "_"
        self._ids.append(id_)
        fields = call.fields and {**call.fields, **({"id": id_} if "id" in call.fields else {})}
        return msgspec.structs.replace(call, id=id_, fields=fields)

    def _results(self, calls: list[ToolCall]) -> None:
        order = self._draw(st.permutations(calls)) if calls else []
        for call in order:
            if self.chance("late"):
                self.user()
            if self.chance("missing"):
                continue
            self._result(call.id, call.name)
            if self.chance("duplicate"):
                self._result(call.id, call.name)
        if self.chance("orphan"):
            self._result("nobody_called", "weather")

    def _result(self, id_: str, name: str) -> None:
        content = _parts(self._draw, self._texts, IMAGES, DOCUMENTS)
        named = self._draw(st.booleans())
        failed = self._draw(st.booleans())
        self._add(role="tool", tool_call_id=id_, content=content, is_error=failed,
                  name=name if named else None)  # fmt: skip

    def _add(self, **fields: Any) -> None:
        self.messages.append(Message(**fields))


@st.composite
def conversations(draw: Any, *disorder: Disorder, max_turns: int = 6) -> list[Message]:
    """Any conversation that could be under way, ending with whoever spoke last."""
    grower = _Grower(draw, frozenset(disorder))
    kinds = draw(st.lists(st.sampled_from(["system", "user", "user", "assistant", "assistant"]),
                          min_size=1, max_size=max_turns))  # fmt: skip
    for kind in kinds:
        getattr(grower, kind)()
    return grower.messages


_SIGNS_THINKING = frozenset({"anthropic", "gemini", "bedrock"})
_CITED = {
    "anthropic": {"type": "char_location", "cited_text": "a", "document_index": 0},
    "bedrock": {"title": "a", "sourceContent": [{"text": "a"}]},
}


@st.composite
def answers(draw: Any, provider: str, model: str) -> Message:
    """An answer as one provider gives it: its own thinking, blocks, citations and signatures."""
    text = st.builds(TextPart, text=WORDS)
    kinds: list[st.SearchStrategy[Part]] = [text, own_parts(provider)]
    if provider in _SIGNS_THINKING:
        kinds.append(
            st.builds(ThinkingPart, text=WORDS, signature=_BASE64, provider=st.just(provider))
        )
    if provider in _CITED:
        cited = [_CITED[provider]]
        kinds.append(st.builds(ThinkingPart, redacted=_BASE64, provider=st.just(provider)))
        kinds.append(
            st.builds(TextPart, text=WORDS, citations=st.just(cited), provider=st.just(provider))
        )
    if provider == "gemini":
        kinds.append(st.builds(TextPart, text=WORDS, signature=_BASE64, provider=st.just("gemini")))
    if provider == "ollama":
        kinds.append(st.builds(ThinkingPart, text=WORDS, provider=st.just("ollama")))
    parts = draw(st.lists(st.one_of(*kinds), max_size=4, unique_by=_kind if provider == "openai"
                          else None))  # fmt: skip
    calls = [
        msgspec.structs.replace(
            signed(provider, f"{provider}_{number}", name, arguments, signature), position=len(parts)
        )
        for number, name, arguments, signature in draw(
            st.lists(
                st.tuples(st.integers(0, 10**6), NAMES, _OBJECT_TEXTS, _BASE64),
                max_size=2, unique_by=lambda four: four[0],
            )
        )
    ]  # fmt: skip
    return Message(
        role="assistant", content=parts or "It is so.", tool_calls=calls, provider=provider,
        model=model,
    )  # fmt: skip


def _kind(part: Part) -> str:
    """Of OpenAI's own blocks an answer has one of a kind."""
    return part.kind if isinstance(part, OpaquePart) else repr(part)


@st.composite
def plain_conversations(draw: Any, max_turns: int = 4) -> list[Message]:
    """What every wire has a place for: instructions, words, calls and their results in text.

    Each text is told from all others by its number, so that a lost one is seen.
    """
    count = 0

    def said() -> str:
        nonlocal count
        count += 1
        return f"<{count}>{draw(TEXTS)}</{count}>"

    messages = [Message(role="system", content=said())] if draw(st.booleans()) else []
    taken: set[str] = set()
    for _ in range(draw(st.integers(1, max_turns))):
        messages.append(Message(role="user", content=said()))
        calls: list[ToolCall] = []
        for call in draw(st.lists(_CALLS, max_size=3)):
            id_ = call.id if call.id not in taken else f"{call.id}_{len(taken)}"
            taken.add(id_)
            calls.append(msgspec.structs.replace(call, id=id_))
        refusal = said() if draw(st.integers(0, 5)) == 0 else None
        messages.append(Message(role="assistant", content=said() if draw(st.booleans()) else "",
                                tool_calls=calls, refusal=refusal))  # fmt: skip
        messages += [Message(role="tool", tool_call_id=call.id, content=said()) for call in calls]
    messages.append(Message(role="user", content=said()))
    return messages
