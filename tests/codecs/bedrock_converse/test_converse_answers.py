"""Converse's answers and errors rule by rule."""

from typing import Any

import msgspec
import pytest

from aisopod import errors
from aisopod.codecs.bedrock_converse.codec import codec
from aisopod.errors import ProtocolError, ProviderError, StreamInterruptedError
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

TARGET = Target(provider="bedrock", model="m")


def delta(index: int, **piece: Any) -> dict[str, Any]:
    return {"contentBlockDelta": {"contentBlockIndex": index, "delta": piece, "p": "abc"}}


def start(index: int, **kind: Any) -> dict[str, Any]:
    return {"contentBlockStart": {"contentBlockIndex": index, "start": kind}}


def stop(index: int) -> dict[str, Any]:
    return {"contentBlockStop": {"contentBlockIndex": index}}


END: dict[str, Any] = {"messageStop": {"stopReason": "end_turn"}}
META: dict[str, Any] = {"metadata": {"usage": {"inputTokens": 3, "outputTokens": 4}}}


def stream(*events: dict[str, Any]) -> ChatCompletion:
    decoder = codec.stream_decoder(TARGET)
    chunks = [decoder.feed(msgspec.json.encode(each)) for each in events]
    chunks.append(decoder.close())
    return fold(chunk for chunk in chunks if chunk is not None)


FINISHES = [
    ("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"),
    ("model_context_window_exceeded", "length"), ("content_filtered", "content_filter"),
    ("guardrail_intervened", "content_filter"), ("malformed_tool_use", "error"),
    ("something_new", "other"),
]  # fmt: skip


@pytest.mark.parametrize(("word", "reason"), FINISHES)
def test_finish_reasons(word: str, reason: str) -> None:
    answer = stream(delta(0, text="a"), {"messageStop": {"stopReason": word}}, META)
    assert (answer.finish_reason, answer.raw_finish_reason) == (reason, word)


def test_with_calls_it_finishes_with_them() -> None:
    call = start(0, toolUse={"toolUseId": "t", "name": "f"})
    answer = stream(call, stop(0), {"messageStop": {"stopReason": "max_tokens"}}, META)
    assert answer.finish_reason == "tool_calls"
    assert [warning.rule for warning in answer.warnings] == ["tool_call_cut"]
    assert answer.tool_calls[0].arguments == "{}"


def test_blocks_stay_apart() -> None:
    answer = stream(
        delta(0, text="a"), delta(0, text="b"), stop(0), delta(2, text="c"), stop(2), END, META
    )
    assert answer.message.parts == [TextPart(text="ab"), TextPart(text="c")]


def test_thinking_has_its_signature_and_its_maker() -> None:
    answer = stream(
        delta(0, reasoningContent={"text": "let me"}), delta(0, reasoningContent={"text": " see"}),
        delta(0, reasoningContent={"signature": "si"}), delta(0, reasoningContent={"signature": "g"}),
        stop(0), delta(1, text="so"), stop(1), END, META,
    )  # fmt: skip
    assert answer.message.parts == [
        ThinkingPart(text="let me see", signature="sig", provider="bedrock"), TextPart(text="so"),
    ]  # fmt: skip


def test_redacted_thinking_in_pieces_is_joined_as_bytes() -> None:
    answer = stream(
        delta(0, reasoningContent={"redactedContent": "aA=="}),
        delta(0, reasoningContent={"redactedContent": "aQ=="}),
        stop(0), delta(1, text="so"), END, META,
    )  # fmt: skip
    assert answer.message.parts[0] == ThinkingPart(redacted="aGk=", provider="bedrock")


def test_what_the_service_calls_itself_is_no_call_of_the_caller() -> None:
    answer = stream(
        start(0, toolUse={"toolUseId": "a", "name": "code", "type": "server_tool_use"}),
        delta(0, toolUse={"input": '{"x":'}), delta(0, toolUse={"input": "1}"}), stop(0),
        start(1, toolResult={"toolUseId": "a", "status": "success"}),
        delta(1, toolResult=[{"text": "o"}]), delta(1, toolResult=[{"text": "k"}]), stop(1),
        start(2, toolUse={"toolUseId": "b", "name": "f", "type": "tool_use"}), stop(2),
        {"messageStop": {"stopReason": "tool_use"}}, META,
    )  # fmt: skip
    call, result = answer.message.parts
    assert isinstance(call, OpaquePart)
    assert isinstance(result, OpaquePart)
    assert call.data["toolUse"]["input"] == {"x": 1}
    assert result.data["toolResult"]["content"] == [{"text": "o"}, {"text": "k"}]
    assert [call.id for call in answer.tool_calls] == ["b"]


def test_citations_belong_to_their_text() -> None:
    answer = stream(
        delta(0, text="a"), delta(0, citation={"title": "t"}), delta(0, citation={"title": "u"}),
        stop(0), END, META,
    )  # fmt: skip
    assert answer.message.parts == [
        TextPart(text="a", citations=[{"title": "t"}, {"title": "u"}], provider="bedrock")
    ]


def test_an_image_that_the_model_made() -> None:
    answer = stream(
        start(0, image={"format": "png"}), delta(0, image={"source": {"bytes": "aGk="}}), stop(0),
        END, META,
    )  # fmt: skip
    assert answer.message.parts == [ImagePart(data=b"hi", media_type="image/png")]


def test_usage_counts_the_cache_as_input() -> None:
    usage = {"inputTokens": 12, "outputTokens": 5, "totalTokens": 117, "cacheReadInputTokens": 60,
             "cacheWriteInputTokens": 40}  # fmt: skip
    answer = stream(delta(0, text="a"), END, {"metadata": {"usage": usage}})
    assert answer.usage == TokenUsage(
        input_tokens=112, output_tokens=5, cache_read_tokens=60, cache_write_tokens=40
    )
    assert answer.usage.total_tokens == usage["totalTokens"]


def test_what_else_is_told_is_kept() -> None:
    answer = stream(
        delta(0, text="a"), {"newEvent": {"x": 1, "p": "pad"}},
        {"messageStop": {"stopReason": "end_turn",
                         "additionalModelResponseFields": {"stop_sequence": "END"}}},
        {"metadata": {"usage": {}, "metrics": {"latencyMs": 9}, "trace": {"guardrail": {"g": 1}}}},
    )  # fmt: skip
    assert answer.metadata == {
        "newEvent": {"x": 1}, "additionalModelResponseFields": {"stop_sequence": "END"},
        "metrics": {"latencyMs": 9}, "trace": {"guardrail": {"g": 1}},
    }  # fmt: skip


def test_the_end_is_behind_the_stop_reason() -> None:
    decoder = codec.stream_decoder(TARGET)
    decoder.feed(msgspec.json.encode(END))
    assert not decoder.done
    decoder.feed(msgspec.json.encode(META))
    assert decoder.done
    with pytest.raises(StreamInterruptedError, match="messageStop"):
        stream(delta(0, text="a"))


def test_a_plain_answer_folds_to_what_its_stream_would() -> None:
    blocks = [{"text": "a"}, {"reasoningContent": {"reasoningText": {"text": "t", "signature": "s"}}},
              {"toolUse": {"toolUseId": "t", "name": "f", "input": {"x": 1.0}}}]  # fmt: skip
    body = {"output": {"message": {"role": "assistant", "content": blocks}},
            "stopReason": "tool_use", "usage": {"inputTokens": 1, "outputTokens": 2},
            "metrics": {"latencyMs": 3}}  # fmt: skip
    answer = fold(codec.decode(msgspec.json.encode(body), TARGET))
    streamed = stream(
        delta(0, text="a"), stop(0), delta(1, reasoningContent={"text": "t"}),
        delta(1, reasoningContent={"signature": "s"}), stop(1),
        start(2, toolUse={"toolUseId": "t", "name": "f"}),
        delta(2, toolUse={"input": '{"x":1.0}'}), stop(2),
        {"messageStop": {"stopReason": "tool_use"}},
        {"metadata": {"usage": {"inputTokens": 1, "outputTokens": 2}, "metrics": {"latencyMs": 3}}},
    )  # fmt: skip
    assert answer == streamed


def failure(
    status: int | None, kind: str = "", message: str = "x", body: Any = None, **headers: str
) -> ProviderError:
    all_headers = {"x-amzn-errortype": kind, **headers} if kind else headers
    raw = msgspec.json.encode({"message": message} if body is None else body)
    return codec.decode_error(status, all_headers, raw)


ERRORS: list[tuple[int, str, str, type[ProviderError]]] = [
    (403, "AccessDeniedException", "You don't have access", errors.PermissionDeniedError),
    (403, "AccessDeniedException", "API Key is not valid", errors.AuthenticationError),
    (403, "UnrecognizedClientException", "The security token", errors.AuthenticationError),
    (403, "InvalidSignatureException", "x", errors.AuthenticationError),
    (403, "ExpiredTokenException", "x", errors.AuthenticationError),
    (403, "MPAgreementBeingCreated", "x", errors.PermissionDeniedError),
    (429, "ThrottlingException", "Too many tokens per day", errors.RateLimitError),
    (400, "ServiceQuotaExceededException", "x", errors.RateLimitError),
    (429, "ModelNotReadyException", "x", errors.OverloadedError),
    (503, "ServiceUnavailableException", "x", errors.OverloadedError),
    (408, "ModelTimeoutException", "x", errors.ServerError),
    (500, "InternalServerException", "x", errors.ServerError),
    (424, "ModelErrorException", "x", errors.ServerError),
    (404, "ResourceNotFoundException", "end of its life", errors.ModelNotFoundError),
    (400, "ValidationException", "The provided model identifier is invalid.",
     errors.ModelNotFoundError),
    (400, "ValidationException", "Model x with on-demand throughput isn't supported.",
     errors.ModelNotFoundError),
    (400, "ValidationException", "Input is too long for requested model.",
     errors.ContextLengthError),
    (400, "ValidationException", "Malformed input request", errors.BadRequestError),
    (418, "NewException", "x", errors.ProviderError),
]  # fmt: skip


@pytest.mark.parametrize(("status", "kind", "message", "class_"), ERRORS)
def test_errors_by_type(status: int, kind: str, message: str, class_: type[ProviderError]) -> None:
    error = failure(status, f"{kind}:http://internal.amazon.com/coral/", message)
    assert type(error) is class_
    assert (error.status, error.code) == (status, kind)
    assert message in error.message
    assert (
        type(failure(status, "", body={"__type": f"com.aws#{kind}", "Message": message})) is class_
    )


def test_remedies_and_ids() -> None:
    error = failure(400, "ValidationException", "on-demand throughput", **{"x-amzn-requestid": "r"})
    assert "inference profile" in error.message
    assert error.request_id == "r"
    assert failure(429, "ThrottlingException", **{"retry-after": "3"}).retry_after == 3


def test_an_overflow_tells_its_numbers() -> None:
    error = failure(
        400, "ValidationException", "prompt is too long: 208310 tokens > 200000 maximum"
    )
    assert isinstance(error, errors.ContextLengthError)
    assert (error.size, error.limit) == (208_310, 200_000)


IN_STREAM: list[tuple[dict[str, Any], type[ProviderError]]] = [
    ({"throttlingException": {"message": "slow down"}}, errors.RateLimitError),
    ({"serviceUnavailableException": {"message": "m"}}, errors.OverloadedError),
    ({"validationException": {"message": "m"}}, errors.BadRequestError),
    ({"internalServerException": {"message": "m"}}, errors.ServerError),
    ({"modelStreamErrorException": {"message": "m", "originalStatusCode": 500,
                                    "originalMessage": "why"}}, errors.ServerError),
    ({"error": {"code": "InternalFailure", "message": "m"}}, errors.ServerError),
    ({"newException": {"message": "m"}}, errors.ProviderError),
]  # fmt: skip


@pytest.mark.parametrize(("event", "class_"), IN_STREAM)
def test_errors_inside_a_stream(event: dict[str, Any], class_: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as caught:
        stream(delta(0, text="a"), event)
    assert type(caught.value) is class_
    if "modelStreamErrorException" in event:
        assert caught.value.status == 500
        assert "why" in caught.value.message


def test_what_is_no_answer() -> None:
    for body in (b"[]", b"{}", b'{"output": 1}', b"x"):
        with pytest.raises(ProtocolError):
            codec.decode(body, TARGET)


def test_pieces_without_a_beginning_and_blocks_without_an_end_are_kept() -> None:
    answer = stream(
        delta(0, toolResult=[{"text": "x"}]), stop(0), delta(1, reasoningContent={"text": "t"}),
        delta(1, reasoningContent={"signature": "s"}), END, META,
    )  # fmt: skip
    assert answer.message.parts == [
        OpaquePart(
            provider="bedrock", kind="toolResult", data={"toolResult": {"content": [{"text": "x"}]}}
        ),
        ThinkingPart(text="t", signature="s", provider="bedrock"),
    ]


def test_pieces_of_a_kind_that_is_not_known_are_kept_beside_the_message() -> None:
    answer = stream(delta(0, novelty={"x": 1}), delta(0, text="a"), delta(0, text=""), END, META)
    assert answer.text == "a"
    assert answer.metadata == {"contentBlockDelta": [{"novelty": {"x": 1}}]}


def test_a_stream_without_its_last_event_says_that_nothing_was_counted() -> None:
    answer = stream(delta(0, text="a"), END)
    assert answer.usage is None
    assert [warning.rule for warning in answer.warnings] == ["usage_missing"]


def test_malformed_blocks_are_protocol_errors() -> None:
    for events in (
        [start(0, toolUse={}, image={})],
        [delta(0, reasoningContent={"redactedContent": "é"}), stop(0)],
    ):
        with pytest.raises(ProtocolError):
            stream(*events)
