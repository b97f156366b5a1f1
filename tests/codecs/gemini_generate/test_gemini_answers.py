"""Gemini's answers and errors rule by rule."""

from typing import Any

import msgspec
import pytest

from aisopod import errors
from aisopod.codecs.gemini_generate.codec import codec
from aisopod.errors import ContentFilterError, ProtocolError, ProviderError, StreamInterruptedError
from aisopod.normalise.target import Target
from aisopod.types import (
    ChatCompletion,
    ImagePart,
    OpaquePart,
    TextPart,
    ThinkingPart,
    TokenUsage,
    fold,
)

TARGET = Target(provider="gemini", model="m")


def event(*parts: Any, finish: str | None = None, **top: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "v", "responseId": "r", **top}


def stream(*events: dict[str, Any]) -> ChatCompletion:
    decoder = codec.stream_decoder(TARGET)
    chunks = [decoder.feed(msgspec.json.encode(each)) for each in events]
    chunks.append(decoder.close())
    return fold(chunk for chunk in chunks if chunk is not None)


def plain(body: Any) -> ChatCompletion:
    return fold(codec.decode(msgspec.json.encode(body), TARGET))


FINISHES = [
    ("STOP", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter"),
    ("RECITATION", "content_filter"), ("SPII", "content_filter"), ("LANGUAGE", "content_filter"),
    ("MALFORMED_FUNCTION_CALL", "error"), ("CONTINUATION", "pause"), ("OTHER", "other"),
    ("SOMETHING_NEW", "other"),
]  # fmt: skip


@pytest.mark.parametrize(("word", "reason"), FINISHES)
def test_finish_reasons(word: str, reason: str) -> None:
    answer = stream(event({"text": "a"}), event(finish=word))
    assert (answer.finish_reason, answer.raw_finish_reason) == (reason, word)
    assert answer.text == "a"


@pytest.mark.parametrize(
    ("word", "rule"),
    [
        ("STOP", None),
        ("MAX_TOKENS", "tool_call_cut"),
        ("UNEXPECTED_TOOL_CALL", "unexpected_tool_call"),
    ],
)
def test_with_calls_it_finishes_with_them(word: str, rule: str | None) -> None:
    answer = stream(event({"functionCall": {"name": "f"}}), event({"text": ""}, finish=word))
    assert answer.finish_reason == "tool_calls"
    assert [warning.rule for warning in answer.warnings] == ([rule] if rule else [])


def test_a_signature_belongs_to_its_part() -> None:
    answer = stream(
        event({"text": "a"}),
        event({"text": "b", "thoughtSignature": "s1"}),
        event({"text": "c"}),
        event({"text": "", "thoughtSignature": "s2"}, finish="STOP"),
    )
    own: Any = {"provider": "gemini"}
    assert answer.message.parts == [
        TextPart(text="a"), TextPart(text="b", signature="s1", **own), TextPart(text="c"),
        TextPart(text="", signature="s2", **own),
    ]  # fmt: skip
    assert answer.text == "abc"


def test_thoughts_and_their_signature() -> None:
    answer = stream(
        event({"text": "let me", "thought": True}),
        event({"text": " see", "thought": True}),
        event({"text": "x", "thought": True, "thoughtSignature": "s"}),
        event({"text": "so"}, finish="STOP"),
    )
    assert answer.thinking == "let me seex"
    assert answer.message.parts[1] == ThinkingPart(text="x", signature="s", provider="gemini")
    assert answer.text == "so"


def test_parts_of_one_event_keep_their_order() -> None:
    code = {"executableCode": {"code": "1"}, "thoughtSignature": "s"}
    answer = stream(event({"text": "a"}, code, {"text": "b"}, {"functionCall": {"name": "f"}}),
                    event(finish="STOP"))  # fmt: skip
    assert [type(part).__name__ for part in answer.message.parts] == [
        "TextPart", "OpaquePart", "TextPart",
    ]  # fmt: skip
    opaque = answer.message.parts[1]
    assert isinstance(opaque, OpaquePart)
    assert (opaque.kind, opaque.data) == ("executableCode", code)


def test_ids_are_made_where_there_are_none_and_are_the_same_again() -> None:
    call = {"functionCall": {"name": "f", "args": {"a": 1}}}
    one, two = stream(event(call, call), event(finish="STOP")).tool_calls
    assert one.id != two.id
    again = plain(event(call, call, finish="STOP"))
    assert [call.id for call in again.tool_calls] == [one.id, two.id]
    other = stream(event(call, responseId="other"), event(finish="STOP")).tool_calls
    assert other[0].id != one.id
    [given] = stream(event({"functionCall": {"id": "w", "name": "f"}}, finish="STOP")).tool_calls
    assert (given.id, given.fields, given.provider) == ("w", {"id": "w"}, "gemini")
    assert given.arguments == "{}"


def pieces(*values: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"jsonPath": path, **value} for path, value in values]


def test_arguments_in_pieces() -> None:
    parts: list[list[dict[str, Any]]] = [
        pieces(("$.city", {"stringValue": "Bo", "willContinue": True})),
        pieces(("$.city", {"stringValue": "nn"}), ("$.days[0].n", {"numberValue": 3})),
        pieces(
            ("$.days[1]['odd key']", {"boolValue": True}), ("$.none", {"nullValue": "NULL_VALUE"})
        ),
    ]
    events = [event({"functionCall": {"name": "f", "willContinue": True}, "thoughtSignature": "s"})]
    events += [
        event({"functionCall": {"partialArgs": part, "willContinue": True}}) for part in parts
    ]
    events += [event({"functionCall": {}}), event({"functionCall": {"name": "g"}}, finish="STOP")]
    first, second = stream(*events).tool_calls
    assert first.parse() == {
        "city": "Bonn", "days": [{"n": 3}, {"odd key": True}], "none": None
    }  # fmt: skip
    assert first.fields == {"thoughtSignature": "s"}
    assert (second.name, second.arguments) == ("g", "{}")


@pytest.mark.parametrize("path", ["city", "$", "$.a[5]", "$..a"])
def test_pieces_that_belong_nowhere(path: str) -> None:
    with pytest.raises(ProtocolError, match="belongs nowhere"):
        stream(
            event({"functionCall": {"name": "f", "willContinue": True}}),
            event({"functionCall": {"partialArgs": pieces((path, {"stringValue": "x"}))}}),
        )


def test_usage_is_the_last_and_in_one_convention() -> None:
    usage = {"promptTokenCount": 100, "cachedContentTokenCount": 80, "candidatesTokenCount": 5,
             "thoughtsTokenCount": 7, "toolUsePromptTokenCount": 3, "totalTokenCount": 115}  # fmt: skip
    answer = stream(
        event({"text": "a"}, usageMetadata={"promptTokenCount": 100, "candidatesTokenCount": 1}),
        event({"text": "b"}, usageMetadata={"promptTokenCount": 100, "candidatesTokenCount": 4}),
        event(finish="STOP", usageMetadata=usage),
    )
    assert answer.usage == TokenUsage(
        input_tokens=103, output_tokens=12, cache_read_tokens=80, reasoning_tokens=7
    )
    assert answer.usage.total_tokens == usage["totalTokenCount"]
    assert answer.metadata["usageMetadata"] == usage


def test_what_else_is_told_is_kept() -> None:
    body = event({"text": "a"}, finish="STOP", serviceTier="flex")
    body["candidates"][0] |= {"groundingMetadata": {"q": [1]}, "avgLogprobs": -0.1, "newField": 1,
                              "logprobsResult": {"chosen": []}}  # fmt: skip
    answer = plain(body)
    assert answer.metadata == {
        "serviceTier": "flex", "groundingMetadata": {"q": [1]}, "avgLogprobs": -0.1, "newField": 1,
    }  # fmt: skip
    assert answer.logprobs == [{"chosen": []}]


def test_an_image_that_the_model_made() -> None:
    blob = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    answer = plain(event({"text": "a"}, {**blob, "thoughtSignature": "s"}, finish="STOP"))
    assert answer.message.parts[1] == ImagePart(
        data=b"hi", media_type="image/png", signature="s", provider="gemini"
    )
    sound = {"inlineData": {"mimeType": "audio/wav", "data": "aGk="}}
    assert plain(event(sound, finish="STOP")).message.parts == [
        OpaquePart(provider="gemini", kind="inlineData", data=sound)
    ]


def test_one_candidate_is_read_and_the_others_told_of() -> None:
    body = event({"text": "a"}, finish="STOP")
    body["candidates"].append({"content": {"parts": [{"text": "b"}]}, "index": 1})
    answer = plain(body)
    assert answer.text == "a"
    assert [warning.rule for warning in answer.warnings] == ["more_candidates"]


def test_a_list_of_answers_is_the_stream_that_it_would_be() -> None:
    answer = plain([event({"text": "a"}), event({"text": "b"}, finish="STOP")])
    assert answer.text == "ab"


def test_a_blocked_prompt_keeps_what_was_counted() -> None:
    body = {"promptFeedback": {"blockReason": "OTHER"}, "usageMetadata": {"promptTokenCount": 9}}
    with pytest.raises(ContentFilterError, match="OTHER") as caught:
        plain(body)
    assert caught.value.partial is not None
    assert caught.value.partial.usage == TokenUsage(input_tokens=9, quality="partial")


def test_an_end_without_a_reason_is_an_interruption() -> None:
    with pytest.raises(StreamInterruptedError):
        stream(event({"text": "a"}))
    with pytest.raises(ProtocolError, match="no whole answer"):
        plain(event({"text": "a"}))


def failure(status: int | None, body: Any, **headers: str) -> ProviderError:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return codec.decode_error(status, headers, raw)


def told(status: str, message: str, *details: dict[str, Any], code: int = 400) -> dict[str, Any]:
    error = {"code": code, "message": message, "status": status, "details": list(details)}
    return {"error": error}


def info(reason: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}


ERRORS: list[tuple[int, Any, type[ProviderError]]] = [
    (400, told("INVALID_ARGUMENT", "bad", info("API_KEY_INVALID")), errors.AuthenticationError),
    (400, told("INVALID_ARGUMENT", "API key expired. Renew it."), errors.AuthenticationError),
    (400, told("INVALID_ARGUMENT", "Unknown name x"), errors.BadRequestError),
    (400, told("FAILED_PRECONDITION", "enable billing"), errors.BillingError),
    (400, told("FAILED_PRECONDITION", "User location is not supported for the API use."),
     errors.PermissionDeniedError),
    (401, told("UNAUTHENTICATED", "x", info("ACCESS_TOKEN_EXPIRED")), errors.AuthenticationError),
    (403, told("PERMISSION_DENIED", "x", info("SERVICE_DISABLED")), errors.PermissionDeniedError),
    (403, told("PERMISSION_DENIED", "x", info("BILLING_DISABLED")), errors.BillingError),
    (404, told("NOT_FOUND", "models/x is not found"), errors.ModelNotFoundError),
    (403, told("NOT_FOUND", "CachedContent not found"), errors.BadRequestError),
    (429, told("RESOURCE_EXHAUSTED", "Resource exhausted"), errors.RateLimitError),
    (500, told("INTERNAL", "x"), errors.ServerError),
    (503, told("UNAVAILABLE", "The model is overloaded."), errors.OverloadedError),
    (504, told("DEADLINE_EXCEEDED", "x"), errors.ServerError),
    (499, told("CANCELLED", "x"), errors.ServerError),
    (418, {"error": {"code": 418, "message": "x", "status": "TEAPOT"}}, errors.ProviderError),
    (502, b"<html>Bad Gateway</html>", errors.ServerError),
    (404, b"", errors.ModelNotFoundError),
    (400, [told("INVALID_ARGUMENT", "in a list")], errors.BadRequestError),
    (400, {"error": "invalid_grant"}, errors.BadRequestError),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "class_"), ERRORS)
def test_errors(status: int, body: Any, class_: type[ProviderError]) -> None:
    error = failure(status, body)
    assert type(error) is class_
    assert error.status == status
    assert error.message


def test_an_overflow_tells_its_numbers() -> None:
    text = "The input token count (1048600) exceeds the maximum number of tokens allowed (1048576)."
    error = failure(400, told("INVALID_ARGUMENT", text))
    assert isinstance(error, errors.ContextLengthError)
    assert (error.size, error.limit) == (1_048_600, 1_048_576)


def test_waiting_times_and_quotas() -> None:
    quota = {"@type": "x/google.rpc.QuotaFailure", "violations": [
        {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}  # fmt: skip
    retry = {"@type": "x/google.rpc.RetryInfo", "retryDelay": "0.5s"}
    error = failure(429, told("RESOURCE_EXHAUSTED", "quota", quota, retry))
    assert error.retry_after == 0.5
    assert "PerDay" in error.message
    assert "midnight Pacific" in error.message
    assert failure(429, told("RESOURCE_EXHAUSTED", "q"), **{"retry-after": "7"}).retry_after == 7
    assert failure(429, told("RESOURCE_EXHAUSTED", "q")).retry_after is None


def test_an_error_inside_a_stream() -> None:
    with pytest.raises(errors.OverloadedError) as caught:
        stream(event({"text": "a"}), told("UNAVAILABLE", "overloaded", code=503))
    assert caught.value.status == 503
