"""The signature is botocore's: what a client of boto3 sends, and what arrives over the wire."""

import datetime as dt
import string
from functools import cache
from typing import Any
from urllib.parse import quote

import boto3
import msgspec
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aisopod.providers.bedrock.credentials import AwsCredential
from aisopod.providers.bedrock.signing import authorize
from aisopod.providers.host import Credential
from aisopod.transport.aiohttp_transport import AiohttpTransport
from aisopod.types import HttpRequest, Secret

NOON = dt.datetime(2026, 11, 23, 12, 0, 0)  # noqa: DTZ001 - as botocore's clock gives it
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
PLAIN = AwsCredential(secret=Secret(SECRET), access_key_id="AKIDEXAMPLE", region="eu-west-1")
SESSION = msgspec.structs.replace(PLAIN, session_token=Secret("FwoGZX/+=" * 40))
SIGNERS = {"authorization", "x-amz-date", "x-amz-security-token"}
# What botocore adds when all is signed.
LATER = {"content-length", "amz-sdk-invocation-id", "amz-sdk-request"}


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: NOON)


class _CapturedError(Exception):
    pass


@cache
def client(service: str, token: str | None) -> Any:
    return boto3.client(
        service,
        region_name="eu-west-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key=SECRET,
        aws_session_token=token,
    )


def prepared(
    credential: AwsCredential, operation: str, params: dict[str, Any], headers: dict[str, str]
) -> Any:
    """The request that a client of boto3 would send."""
    service = "bedrock" if operation.startswith("list") else "bedrock-runtime"
    token = credential.session_token
    judge = client(service, token.reveal() if token else None)
    found = []

    def add(params: Any, **_: Any) -> None:
        params["headers"].update(headers)

    def capture(request: Any, **_: Any) -> None:
        found.append(request)
        raise _CapturedError

    events = judge.meta.events
    events.register("before-call", add, unique_id="add")
    events.register("before-send", capture, unique_id="capture")
    try:
        with pytest.raises(_CapturedError):
            getattr(judge, operation)(**params)
    finally:
        events.unregister("before-call", unique_id="add")
        events.unregister("before-send", unique_id="capture")
    return found[0]


def text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


MODELS = [
    "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-6",
    "arn:aws:bedrock:eu-west-1:123456789012:provisioned-model/a//b/../c",
    "a model with spaces",
    "100%25 %2F",
    "模型/é~._-!*'()",
    "a+b&c=d?e#f@g;h,i$j",
]
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("converse", {"messages": [{"role": "user", "content": [{"text": "Grüße, 世界"}]}]}),
    ("converse_stream", {"messages": [{"role": "user", "content": [{"text": "x" * 5000}]}]}),
    ("invoke_model", {"body": b'{"a": "b"}'}),
    ("invoke_model", {"body": b""}),
]


@pytest.mark.usefixtures("noon", "home")
@pytest.mark.parametrize("credential", [PLAIN, SESSION], ids=["plain", "session"])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("operation", "params"), CALLS)
def test_signature_equals_boto3s(
    credential: AwsCredential, model: str, operation: str, params: dict[str, Any]
) -> None:
    extra = {"X-Odd": "  two   words\tand a tab ", "anthropic-beta": "a,b"}
    judge = prepared(credential, operation, {"modelId": model, **params}, extra)
    assert_same(judge, credential)


@pytest.mark.usefixtures("noon", "home")
@pytest.mark.parametrize("credential", [PLAIN, SESSION], ids=["plain", "session"])
@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("list_foundation_models", {}),
        ("list_foundation_models", {"byProvider": "A b/ü", "byOutputModality": "TEXT"}),
        ("list_inference_profiles", {"maxResults": 1000, "nextToken": "a/b+c=%20&d"}),
    ],
)
def test_signature_of_a_listing_equals_boto3s(
    credential: AwsCredential, operation: str, params: dict[str, Any]
) -> None:
    assert_same(prepared(credential, operation, params, {}), credential)


def assert_same(judge: Any, credential: AwsCredential) -> None:
    headers = {name.lower(): text(value) for name, value in judge.headers.items()}
    ours = HttpRequest(
        method=judge.method,
        url=judge.url,
        headers={name: value for name, value in headers.items() if name not in SIGNERS | LATER},
        body=judge.body or None,
    )
    added = authorize(ours, credential)
    assert added == {name: headers[name] for name in SIGNERS & headers.keys()}


names = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=12).map(
    "x-{}".format
)
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=40)
paths = st.lists(st.text(max_size=12), max_size=5).map(
    lambda parts: "/" + "/".join(quote(part, safe="") for part in parts)
)
queries = st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=8), max_size=4).map(
    lambda pairs: "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in pairs.items())
)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    path=paths,
    query=queries,
    headers=st.dictionaries(names, values, max_size=5),
    body=st.none() | st.binary(max_size=200),
    host=st.sampled_from(["https://b.eu-west-1.amazonaws.com", "http://127.0.0.1:8080"]),
    credential=st.sampled_from([PLAIN, SESSION]),
)
@pytest.mark.usefixtures("noon")
def test_any_request_is_signed_as_botocores_signer_does(
    path: str,
    query: str,
    headers: dict[str, str],
    body: bytes | None,
    host: str,
    credential: AwsCredential,
) -> None:
    url = host + path + ("?" + query) * bool(query)
    token = credential.session_token
    judge = AWSRequest(method="POST", url=url, headers=headers, data=body)
    keys = Credentials(credential.access_key_id, SECRET, token.reveal() if token else None)
    SigV4Auth(keys, "bedrock", "eu-west-1").add_auth(judge)

    added = authorize(HttpRequest(method="POST", url=url, headers=headers, body=body), credential)

    assert added["authorization"] == judge.headers["Authorization"]
    assert added["x-amz-date"] == judge.headers["X-Amz-Date"] == "20261123T120000Z"
    assert added.get("x-amz-security-token") == (token.reveal() if token else None)
    assert not added.keys() & headers.keys()


@pytest.mark.usefixtures("noon")
def test_headers_that_hops_change_are_not_signed() -> None:
    request = HttpRequest(
        method="GET",
        url="https://bedrock.eu-west-1.amazonaws.com/foundation-models",
        headers={"user-agent": "aisopod", "traceparent": "00-1-1-0", "accept-encoding": "gzip"},
    )
    signed = authorize(request, PLAIN)["authorization"]
    assert "SignedHeaders=host;x-amz-date," in signed


@pytest.mark.usefixtures("noon")
def test_a_date_header_is_renewed_with_the_signature() -> None:
    request = HttpRequest(
        method="GET", url="https://b.example/", headers={"date": "Mon, 01 Jan 2024 00:00:00 GMT"}
    )
    added = authorize(request, PLAIN)
    assert added["date"] == "Mon, 23 Nov 2026 12:00:00 -0000"
    assert "SignedHeaders=date;host," in added["authorization"]


@pytest.mark.parametrize("kind", ["token", "api_key"])
def test_a_bedrock_key_is_a_bearer_token(kind: Any) -> None:
    request = HttpRequest(method="GET", url="https://b.example/")
    added = authorize(request, Credential(secret=Secret("bedrock-api-key-x"), kind=kind))
    assert added == {"authorization": "Bearer bedrock-api-key-x"}


def test_nothing_secret_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    request = HttpRequest(method="GET", url="https://b.example/")
    authorize(request, SESSION)
    shown = caplog.text + repr(SESSION) + str(SESSION)
    for secret in SESSION.secrets:
        assert secret not in shown
    assert set(SESSION.secrets) == {SECRET, "FwoGZX/+=" * 40, "AKIDEXAMPLE"}


def test_botocores_log_is_left_to_others(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    authorize(HttpRequest(method="GET", url="https://b.example/"), PLAIN)
    assert not caplog.records
    judge = AWSRequest(method="GET", url="https://b.example/")
    SigV4Auth(Credentials("AK", SECRET), "bedrock", "eu-west-1").add_auth(judge)
    assert "CanonicalRequest" in caplog.text


@pytest.mark.parametrize("model", MODELS)
async def test_what_arrives_still_has_its_signature(model: str, endpoint: Any) -> None:
    """The transport must change nothing that is signed: path, host, headers, body."""
    endpoint.answer = lambda _path, _headers: (200, {})
    request = HttpRequest(
        method="POST",
        url=f"{endpoint.url}/model/{quote(model, safe='')}/converse?q=a%2Fb",
        headers={
            "user-agent": "aisopod",
            "content-type": "application/json",
            "accept-encoding": "identity",
            "x-odd": "two   words",
        },
        body=b'{"messages": []}',
    )
    added = authorize(request, SESSION)
    sent = HttpRequest(
        method="POST", url=request.url, headers={**request.headers, **added}, body=request.body
    )
    transport = AiohttpTransport()
    response = await transport.send(sent, connect_timeout=5)
    await response.read_all(1000)
    response.close()
    await transport.close()

    path, headers, body = endpoint.asked[0]
    signed = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    judge = AWSRequest(
        method="POST",
        url=f"http://{headers['host']}{path}",
        headers={name: headers[name] for name in signed},
        data=body,
    )
    judge.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", SECRET), "bedrock", "eu-west-1")
    expected = signer.signature(
        signer.string_to_sign(judge, signer.canonical_request(judge)), judge
    )
    assert headers["authorization"].endswith(f"Signature={expected}")
    assert {"host", "content-type", "x-odd", "x-amz-date", "x-amz-security-token"} <= set(signed)
