"""Every rule is shown by an answer; every answer is told by the right rule, and nothing breaks."""

import itertools
import pickle
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisopod import errors
from aisopod.codecs.anthropic_messages.codec import codec as anthropic
from aisopod.codecs.bedrock_converse.codec import codec as bedrock
from aisopod.codecs.bedrock_invoke.codec import codec as bedrock_invoke
from aisopod.codecs.codec import Codec
from aisopod.codecs.gemini_generate.codec import codec as gemini
from aisopod.codecs.ollama_chat.codec import codec as ollama
from aisopod.codecs.openai_chat.codec import codec as openai
from aisopod.codecs.rules import (
    CLASSES,
    Evidence,
    Rule,
    all_matches,
    check_patterns,
    error_of,
    first_match,
    reclassified,
)
from aisopod.errors import ConfigurationError, ContextLengthError, ProviderError
from aisopod.normalise.target import Target
from support import recordings
from support.error_cases import Case
from support.error_cases.anthropic import CASES as ANTHROPIC
from support.error_cases.bedrock import CASES as BEDROCK
from support.error_cases.gemini import CASES as GEMINI
from support.error_cases.ollama import CASES as OLLAMA
from support.error_cases.openai import CASES as OPENAI
from support.error_table import PAGE, render

PAIRS = [
    (anthropic, ANTHROPIC), (openai, OPENAI), (gemini, GEMINI), (bedrock, BEDROCK),
    (ollama, OLLAMA),
]  # fmt: skip
CODECS = [codec for codec, _ in PAIRS]
SHOWN = [(codec, case) for codec, cases in PAIRS for case in cases]
RULES = [rule for codec in CODECS for rule in codec.rules]


@pytest.mark.parametrize(
    ("codec", "case"), SHOWN, ids=[f"{case.rule}-{n}" for n, (_, case) in enumerate(SHOWN)]
)
def test_an_answer_and_its_rule(codec: Codec, case: Case) -> None:
    error = codec.decode_error(case.status, case.headers, case.raw)
    assert (error.rule, type(error)) == (case.rule, case.error)
    [rule] = [rule for rule in codec.rules if rule.id == case.rule]
    assert CLASSES[rule.error] is case.error
    assert error.scope == (rule.scope or case.error.scope)
    assert error.message
    told = getattr(error, "limit", None), getattr(error, "size", None)
    assert told == (case.limit, case.size)


@pytest.mark.parametrize(("codec", "cases"), PAIRS, ids=[codec.dialect for codec in CODECS])
def test_every_rule_is_shown(codec: Codec, cases: list[Case]) -> None:
    assert {rule.id for rule in codec.rules} == {case.rule for case in cases}


def test_ids_are_unique_and_patterns_can_be_used() -> None:
    ids = [rule.id for rule in RULES]
    assert len(ids) == len(set(ids))
    check_patterns(RULES)
    for rule in RULES:
        assert rule.source.startswith("https://"), rule.id
        assert re.fullmatch(r"[a-z]+/[a-z0-9-]+", rule.id)
        assert all(code == code.lower() for code in rule.codes), rule.id


@pytest.mark.parametrize("codec", CODECS, ids=[codec.dialect for codec in CODECS])
def test_texts_are_tied_to_what_they_refine(codec: Codec) -> None:
    """A text alone decides only for Ollama, whose wire has nothing else."""
    for rule in codec.rules:
        if rule.text and codec is not ollama:
            assert rule.status or rule.codes, rule.id
    last = codec.rules[-1]
    assert last == Rule(id=last.id, error="other", source=last.source)
    bare = [not (rule.codes or rule.header or rule.text) for rule in codec.rules]
    texts = [number for number, rule in enumerate(codec.rules) if rule.text]
    statuses = [n for n, rule in enumerate(codec.rules) if bare[n] and 200 not in rule.status]
    assert max(texts) < min(statuses), "a bare status must not hide a text"


def test_bedrocks_second_dialect_has_the_same_rules() -> None:
    assert bedrock_invoke.rules is bedrock.rules


BY_PROVIDER = {
    "anthropic": anthropic, "openai": openai, "openai-compatible": openai, "gemini": gemini,
    "bedrock": bedrock, "ollama": ollama,
}  # fmt: skip


def _recorded() -> list[tuple[Codec, recordings.Recording]]:
    return [
        (BY_PROVIDER[recording.provider], recording)
        for recording in recordings.load_all()
        if recording.status >= 400
    ]


RECORDED = _recorded()


def test_the_docs_have_these_rules() -> None:
    page = PAGE.read_text()
    assert render() in page, "renew it: python tests/support/error_table.py"


@pytest.mark.parametrize(
    ("codec", "recording"), RECORDED, ids=[recording.name for _, recording in RECORDED]
)
def test_every_recorded_refusal_is_known(codec: Codec, recording: recordings.Recording) -> None:
    error = codec.decode_error(recording.status, recording.headers, recording.body)
    assert error.rule
    assert not error.rule.endswith("/other")
    assert type(error) is not ProviderError


IN_STREAM = [r for r in recordings.load_all() if r.status == 200 and r.stream and r.expect]
IN_STREAM = [r for r in IN_STREAM if (r.expect or {}).get("error")]


@pytest.mark.parametrize("recording", IN_STREAM, ids=[recording.name for recording in IN_STREAM])
def test_every_recorded_error_inside_a_stream_is_known(recording: recordings.Recording) -> None:
    codec = BY_PROVIDER[recording.provider]
    decoder = codec.stream_decoder(Target(provider="here", model="m"))
    framing = codec.framing()
    with pytest.raises(ProviderError) as caught:
        for frame in [*framing.feed(recording.body), *framing.close()]:
            decoder.feed(frame)
    assert caught.value.rule
    assert not caught.value.rule.endswith("/other")


_NAMES = st.sampled_from(
    ["error", "message", "code", "type", "status", "details", "metadata", "headers", "reason",
     "innererror", "promptFeedback", "blockReason", "safetyRatings", "@type", "violations",
     "retryDelay", "originalStatusCode", "__type", "detail", "n_ctx", "resets_in_seconds", "raw"],
)  # fmt: skip
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES | st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
_HEADERS = st.dictionaries(
    st.sampled_from(
        ["retry-after", "retry-after-ms", "date", "x-ratelimit-remaining-tokens",
         "x-ratelimit-limit-tokens", "x-ratelimit-reset-tokens", "x-ratelimit-reset",
         "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset",
         "x-amzn-errortype", "request-id"],
    ),
    st.text(max_size=30) | st.sampled_from(
        ["inf", "nan", "-1", "1e999", "9" * 5000, "²", "0001-01-01T00:00:00",
         "Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 01 Jan 0001 00:00:00 GMT", "9999999999999m"]
    ),
)  # fmt: skip
_STATUS = st.none() | st.integers(min_value=100, max_value=999)


@pytest.mark.parametrize("codec", CODECS, ids=[codec.dialect for codec in CODECS])
@settings(max_examples=300, deadline=None)
@given(body=st.binary(max_size=120), status=_STATUS, headers=_HEADERS)
def test_any_bytes_are_an_error(
    codec: Codec, body: bytes, status: int | None, headers: dict[str, str]
) -> None:
    error = codec.decode_error(status, headers, body)
    assert isinstance(error, ProviderError)
    assert error.rule
    codec.rate_limits(headers, 1e9)


@pytest.mark.parametrize("codec", CODECS, ids=[codec.dialect for codec in CODECS])
@settings(max_examples=300, deadline=None)
@given(value=st.dictionaries(_NAMES, _JSON, max_size=5), status=_STATUS, headers=_HEADERS)
def test_any_json_is_an_error(
    codec: Codec, value: dict[str, Any], status: int | None, headers: dict[str, str]
) -> None:
    error = codec.decode_error(status, headers, msgspec.json.encode(value))
    assert error.rule
    assert error.status is None or 100 <= error.status <= 999
    str(error)


@pytest.mark.parametrize("codec", CODECS, ids=[codec.dialect for codec in CODECS])
def test_absurd_numbers_are_no_sizes(codec: Codec) -> None:
    many = "9" * 5000
    for text in (
        f"prompt is too long: {many} tokens > {many} maximum",
        f"maximum context length is {many} tokens, you requested {many} tokens",
        f"Please try again in {many}s",
    ):
        for body in ({"error": {"message": text}}, {"message": text}, {"error": text}):
            codec.decode_error(400, {}, msgspec.json.encode(body))
            codec.decode_error(429, {}, msgspec.json.encode(body))


# --- the rules themselves --------------------------------------------------------------------


def rule(**fields: Any) -> Rule:
    return Rule(**{"id": "mine/one", "error": "rate_limit", **fields})


@pytest.mark.parametrize(
    ("fields", "matches"),
    [
        ({}, True),
        ({"status": (429,)}, True),
        ({"status": (400, "4xx")}, True),
        ({"status": ("5xx",)}, False),
        ({"status": ("none",)}, False),
        ({"codes": ("A_CODE", "other")}, True),
        ({"codes": ("other",)}, False),
        ({"header": {"X-Reason": "^quota"}}, True),
        ({"header": {"x-reason": "^a"}}, False),
        ({"header": {"x-missing": ""}}, False),
        ({"text": "SLOW"}, True),
        ({"text": "^down"}, False),
        ({"status": (429,), "codes": ("a_code",), "text": "slow"}, True),
        ({"status": (429,), "codes": ("a_code",), "text": "fast"}, False),
    ],
)
def test_a_rule_matches_when_all_that_it_names_match(fields: Any, matches: bool) -> None:
    evidence = Evidence(
        status=429,
        codes=frozenset({"a_code"}),
        headers={"x-reason": "quota spent"},
        message="Slow down",
    )
    assert (first_match([rule(**fields)], evidence) is not None) == matches


def test_without_a_status() -> None:
    assert first_match([rule(status=("none",))], Evidence()) is not None
    assert first_match([rule(status=("4xx", 429))], Evidence()) is None


def test_the_first_wins_and_the_others_are_told() -> None:
    rules = [rule(id="a", status=(500,)), rule(id="b"), rule(id="c", status=(429,))]
    found = list(all_matches(rules, Evidence(status=429)))
    assert [each.id for each in found] == ["b", "c"]
    assert error_of(Evidence(status=429), rules).rule == "b"
    assert error_of(Evidence(), []).rule is None


def test_what_a_rule_adds() -> None:
    own = rule(scope="provider", delay=30.0, remedy="wait a little")
    error = error_of(Evidence(message="no."), [own])
    assert (error.scope, error.retry_after) == ("provider", 30.0)
    assert error.message == "no. wait a little"
    told = error_of(Evidence(message="no", retry_after=0.0), [own])
    assert (told.retry_after, told.message) == (0.0, "no: wait a little")
    assert errors.RateLimitError("x").scope == "model"
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.scope, copy.rule, copy.retry_after) == ("provider", "mine/one", 30.0)


def test_a_reset_counts_for_throttles_only() -> None:
    evidence = Evidence(reset_after=9.0)
    assert error_of(evidence, [rule()]).retry_after == 9.0
    assert error_of(evidence, [rule(error="overloaded")]).retry_after == 9.0
    assert error_of(evidence, [rule(error="billing")]).retry_after is None
    assert error_of(evidence, [rule(delay=5.0)]).retry_after == 9.0


@pytest.mark.parametrize("fields", [{"text": "("}, {"header": {"x": "["}}])
def test_a_pattern_that_is_none(fields: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"rule 'mine/one'.*no regular expression"):
        check_patterns([rule(**fields)])


def test_a_users_rule_keeps_all_facts() -> None:
    body = msgspec.json.encode(
        {"error": {"message": "no money left", "code": "strange", "type": "t"}}
    )
    error = openai.decode_error(403, {"x-request-id": "r", "retry-after": "3"}, body)
    error.provider, error.model = "here", "m"
    error.__cause__ = cause = ValueError()
    made = reclassified(error, [rule(error="billing", codes=("STRANGE",), remedy="pay")])
    assert type(made) is errors.BillingError
    assert (made.rule, made.message) == ("mine/one", "no money left: pay")
    for name in ("provider", "model", "status", "code", "request_id", "retry_after", "body"):
        assert getattr(made, name) == getattr(error, name), name
    assert made.__cause__ is cause
    assert made.partial is error.partial
    # A second time changes nothing more.
    assert reclassified(made, [rule(error="server")]) is made


@pytest.mark.parametrize(
    "fields",
    [{"text": "money"}, {"text": "type.*wallet"}, {"header": {"x-why": "money"}}, {"status": ("4xx",)}],
)  # fmt: skip
def test_what_a_users_rule_sees(fields: Any) -> None:
    error = openai.decode_error(403, {}, b'{"error":{"message":"no money","type":"wallet"}}')
    assert reclassified(error, [rule(**fields)], {"x-why": "money"}).rule == "mine/one"
    assert reclassified(error, [rule(**fields, codes=("other",))], {"x-why": "money"}) is error


def test_sizes_survive_a_users_rule() -> None:
    case = next(case for case in ANTHROPIC if case.rule == "anthropic/context-length")
    error = anthropic.decode_error(case.status, {}, case.raw)
    made = reclassified(error, [rule(error="context_length")])
    assert isinstance(made, ContextLengthError)
    assert (made.size, made.limit) == (201_130, 200_000)
    plain = openai.decode_error(400, {}, b"{}")
    made = reclassified(plain, [rule(error="context_length")])
    assert isinstance(made, ContextLengthError)
    assert (made.size, made.limit) == (None, None)


@pytest.mark.parametrize(
    ("codec", "status", "headers", "body", "wait"),
    [
        (openai, 429, {}, {"error": {"type": "usage_limit_reached", "resets_in_seconds": 7139}}, 7139.0),
        (openai, 429, {}, {"error": {"message": "Please retry after 54 seconds."}}, 54.0),
        (ollama, 429, {"retry-after-ms": "250"}, {"error": "x"}, 0.25),
        (bedrock, 429, {"retry-after": "-1"}, {"message": "x"}, None),
        (gemini, 429, {"retry-after": "Mon, 23 Nov 2026 12:00:07 GMT",
                       "date": "Mon, 23 Nov 2026 12:00:00 GMT"}, {"error": {}}, 7.0),
    ],
)  # fmt: skip
def test_waits(
    codec: Codec, status: int, headers: dict[str, str], body: Any, wait: float | None
) -> None:
    assert codec.decode_error(status, headers, msgspec.json.encode(body)).retry_after == wait


def test_words_and_classes_are_one_to_one() -> None:
    for one, other in itertools.combinations(CLASSES.values(), 2):
        assert one is not other
