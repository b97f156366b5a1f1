"""The chain and the signature against moto: STS, instance metadata, and its check of signatures."""

from collections.abc import Iterator
from typing import Any

import boto3
import msgspec
import pytest

from aisopod.errors import AuthenticationError
from aisopod.providers.bedrock.credentials import AwsCredential, ChainSource
from aisopod.providers.bedrock.platform import platform
from aisopod.providers.bedrock.signing import authorize
from aisopod.transport.aiohttp_transport import AiohttpTransport
from aisopod.types import HttpRequest, Secret

pytestmark = pytest.mark.real

ROLE = "arn:aws:iam::123456789012:role/"
ANYONE = '{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:*"}]}'
ALL = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def sts(moto: str, monkeypatch: pytest.MonkeyPatch, home: Any) -> str:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto)
    return moto


async def send(request: HttpRequest, credential: AwsCredential) -> tuple[int, Any]:
    headers = {**request.headers, **authorize(request, credential)}
    transport = AiohttpTransport()
    try:
        response = await transport.send(
            HttpRequest(method=request.method, url=request.url, headers=headers, body=request.body),
            connect_timeout=5,
        )
        body = await response.read_all(100_000)
        await response.finish()
    finally:
        await transport.close()
    return response.status, body


async def test_role_of_a_source_profile(home: Any, sts: str) -> None:
    home.config(f"[profile up]\nrole_arn = {ROLE}up\nsource_profile = base\nexternal_id = ext\n")
    home.credentials("[base]\naws_access_key_id = AKBASE\naws_secret_access_key = hunter2\n")
    chain = ChainSource("up", "eu-west-1")
    credential = await chain.credential()
    assert credential.access_key_id.startswith("ASIA")
    assert credential.session_token
    assert await chain.credential() is credential
    assert chain.refused(credential)
    assert (await chain.credential()).access_key_id != credential.access_key_id


async def test_role_over_a_role_over_a_process(home: Any, sts: str) -> None:
    script = home.script(
        "give",
        "#!/bin/sh\n"
        """echo '{"Version": 1, "AccessKeyId": "AKP", "SecretAccessKey": "hunter2"}'\n""",
    )
    home.config(
        f"[profile top]\nrole_arn = {ROLE}top\nsource_profile = middle\n"
        f"[profile middle]\nrole_arn = {ROLE}middle\nsource_profile = base\n"
        f"[profile base]\ncredential_process = {script}\n"
    )
    credential = await ChainSource("top", "eu-west-1").credential()
    assert credential.access_key_id.startswith("ASIA")


async def test_role_of_the_environments_keys(
    home: Any, sts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.config(f"[profile env]\nrole_arn = {ROLE}env\ncredential_source = Environment\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    credential = await ChainSource("env", "eu-west-1").credential()
    assert credential.access_key_id.startswith("ASIA")


async def test_web_identity_of_variables_and_profile(
    home: Any, sts: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    token = home.path / "token"
    token.write_text("a.web.identity.hunter2")
    home.config(
        f"[profile web]\nrole_arn = {ROLE}web\nrole_session_name = me\n"
        f"web_identity_token_file = {token}\n"
    )
    by_profile = await ChainSource("web", "eu-west-1").credential()
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ROLE_ARN", f"{ROLE}web")
    by_variables = await ChainSource(None, "eu-west-1").credential()
    for credential in (by_profile, by_variables):
        assert credential.access_key_id.startswith("ASIA")
        for secret in (*credential.secrets, "hunter2"):
            # botocore would log the answer of STS for debugging; werkzeug logs only paths.
            assert secret not in caplog.text


async def test_instance_metadata(moto: str, home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", moto)
    chain = ChainSource(None, "eu-west-1")
    credential = await chain.credential()
    assert credential.secrets == ["test-secret-key", "test-session-token", "test-key"]
    assert chain.refused(credential)


async def test_role_of_the_instance(sts: str, home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    home.config(f"[profile ec2]\nrole_arn = {ROLE}ec2\ncredential_source = Ec2InstanceMetadata\n")
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", sts)
    credential = await ChainSource("ec2", "eu-west-1").credential()
    assert credential.access_key_id.startswith("ASIA")


def client(service: str, moto: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=moto,
        region_name="eu-west-1",
        aws_access_key_id="AKADMIN",
        aws_secret_access_key="hunter2",
    )


@pytest.fixture
def user(moto: str, home: Any) -> Iterator[AwsCredential]:
    """A user who may do all, at a moto that checks every signature from then on."""
    import urllib.request

    def checks(after: bytes) -> None:
        urllib.request.urlopen(
            urllib.request.Request(
                f"{moto}/moto-api/reset-auth", data=after, headers={"content-type": "text/plain"}
            ),
            timeout=5,
        ).close()

    iam = client("iam", moto)
    iam.create_user(UserName="me")
    iam.put_user_policy(UserName="me", PolicyName="all", PolicyDocument=ALL)
    key = iam.create_access_key(UserName="me")["AccessKey"]
    checks(b"0")
    yield AwsCredential(
        secret=Secret(key["SecretAccessKey"]),
        access_key_id=key["AccessKeyId"],
        region="eu-west-1",
    )
    checks(b"inf")
    iam.delete_access_key(UserName="me", AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName="me", PolicyName="all")
    iam.delete_user(UserName="me")


async def test_moto_accepts_our_signature_and_no_other(moto: str, user: AwsCredential) -> None:
    """With a body: where there is none moto takes the headers for it, and refuses boto3 too."""
    settled = platform.settle({"region": "eu-west-1", "base_url": moto})
    request = HttpRequest(
        method="PUT",
        url=settled["listing_url"] + "/logging/modelinvocations",
        headers={"user-agent": "aisopod", "content-type": "application/json"},
        body=b'{"loggingConfig": {"textDataDeliveryEnabled": true}}',
    )
    status, body = await send(request, user)
    assert status == 200, body
    for wrong in (
        msgspec.structs.replace(user, secret=Secret("wrong")),
        msgspec.structs.replace(user, access_key_id="AKIAWRONG"),
    ):
        status, body = await send(request, wrong)
        assert status == 403
        assert b"SignatureDoesNotMatch" in body or b"InvalidClientTokenId" in body


async def test_keys_of_an_assumed_role_sign_too(
    moto: str, sts: str, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.config(f"[profile up]\nrole_arn = {ROLE}up\nsource_profile = base\n")
    home.credentials("[base]\naws_access_key_id = AKBASE\naws_secret_access_key = hunter2\n")
    credential = await ChainSource("up", "eu-west-1").credential()
    request = HttpRequest(method="GET", url=f"{moto}/custom-models?nameContains=a%20b")
    status, body = await send(request, credential)
    assert status == 200, body
    assert msgspec.json.decode(body)["modelSummaries"] == []


@pytest.mark.parametrize("path", ["/foundation-models", "/inference-profiles?maxResults=1000"])
async def test_what_moto_does_not_serve(path: str, moto: str, home: Any) -> None:
    """If this fails moto has learnt it: judge the listing by it."""
    credential = AwsCredential(secret=Secret("x"), access_key_id="AK", region="eu-west-1")
    status, _ = await send(HttpRequest(method="GET", url=moto + path), credential)
    assert status >= 400


async def test_refused_by_sts(moto: str, sts: str, home: Any, user: AwsCredential) -> None:
    home.config(f"[profile up]\nrole_arn = {ROLE}up\nsource_profile = base\n")
    home.credentials("[base]\naws_access_key_id = AKBASE\naws_secret_access_key = hunter2\n")
    with pytest.raises(AuthenticationError, match="AWS refused AssumeRole") as caught:
        await ChainSource("up", "eu-west-1").credential()
    assert caught.value.status == 403
    assert caught.value.code == "InvalidClientTokenId"
