"""The credentials chain over real files, processes and loopback endpoints."""

import asyncio
import datetime as dt
import hashlib
import re
import sys
import time
import traceback
from typing import Any

import msgspec
import pytest

from aisopod.errors import (
    AisopodError,
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    MissingCredentialError,
    MissingDependencyError,
    ServerError,
)
from aisopod.providers.bedrock.credentials import AwsCredential, ChainSource

SECRET = "hunter2/hunter2+hunter2=="
CONTAINER = "AWS_CONTAINER_CREDENTIALS_FULL_URI"


def source(profile: str | None = None) -> ChainSource:
    return ChainSource(profile, "eu-west-1")


def keys(credential: AwsCredential) -> tuple[str, str, str | None]:
    token = credential.session_token
    return (
        credential.access_key_id,
        credential.secret.reveal(),
        token.reveal() if token else None,
    )


async def found(profile: str | None = None) -> tuple[str, str, str | None]:
    return keys(await source(profile).credential())


async def failure(profile: str | None = None) -> AisopodError:
    """The chain's error, which shows no secret in any way that one is shown."""
    with pytest.raises(AisopodError) as caught:
        await source(profile).credential()
    error = caught.value
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    assert "hunter2" not in shown
    assert error.__cause__ is None
    assert error.__context__ is None
    return error


def after(**span: float) -> str:
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(**span)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


# Environment and files


@pytest.mark.usefixtures("home")
async def test_nothing_found_names_every_way() -> None:
    error = await failure()
    assert isinstance(error, MissingCredentialError)
    for way in (
        "AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "aws sso login",
        "aws configure",
    ):  # fmt: skip
        assert way in str(error)


@pytest.mark.usefixtures("home")
async def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKENV")
    error = await failure()
    assert isinstance(error, MissingCredentialError)
    assert "AWS_SECRET_ACCESS_KEY" in str(error)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert await found() == ("AKENV", SECRET, None)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token\n")
    assert await found() == ("AKENV", SECRET, "token")


@pytest.mark.usefixtures("home")
async def test_a_token_that_would_break_the_header_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "hunter2\r\nx-evil: 1")
    error = await failure()
    assert isinstance(error, ConfigurationError)
    assert "line break" in str(error)


@pytest.mark.usefixtures("home")
async def test_environment_that_says_it_has_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", after(minutes=-1))
    error = await failure()
    assert isinstance(error, AuthenticationError)
    assert "expired" in str(error)


async def test_profiles_and_their_precedence(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    home.credentials(
        f"[default]\naws_access_key_id = AKDEF\naws_secret_access_key = {SECRET}\n"
        f"[work]\naws_access_key_id = AKWORK\naws_secret_access_key = {SECRET}\n"
        "aws_session_token = token\n"
        "[half]\naws_access_key_id = AKHALF\n"
    )
    home.config(f"[profile plain]\naws_access_key_id = AKCFG\naws_secret_access_key = {SECRET}\n")
    assert await found() == ("AKDEF", SECRET, None)
    assert await found("plain") == ("AKCFG", SECRET, None)
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert await found() == ("AKWORK", SECRET, "token")
    assert await found("plain") == ("AKCFG", SECRET, None)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert await found() == ("AKENV", SECRET, None), "keys win over a profile that is only set"
    assert await found("work") == ("AKWORK", SECRET, "token"), "an explicit profile wins over keys"
    half = await failure("half")
    assert isinstance(half, MissingCredentialError)
    assert "aws_secret_access_key" in str(half)


async def test_other_places_of_the_files(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = home.path / "elsewhere"
    elsewhere.write_text(f"[x]\naws_access_key_id = AKX\naws_secret_access_key = {SECRET}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(elsewhere))
    assert await found("x") == ("AKX", SECRET, None)


async def test_profiles_that_lead_nowhere(home: Any) -> None:
    home.config(
        "[profile empty]\nregion = us-east-1\n"
        "[profile role]\nrole_arn = arn:aws:iam::123456789012:role/r\n"
        "[profile lost]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = gone\n"
        "[profile ring]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = gnir\n"
        "[profile gnir]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = ring\n"
        "[profile short]\nrole_arn = hunter2\nsource_profile = base\nexternal_id = e\n"
        f"[profile base]\naws_access_key_id = AK\naws_secret_access_key = {SECRET}\n"
        "[profile odd]\nrole_arn = arn:aws:iam::123456789012:role/r\ncredential_source = Odd\n"
    )
    gone = await failure("gone")
    assert isinstance(gone, ConfigurationError)
    assert "there are base, empty, gnir, lost, odd, ring, role, short" in str(gone)
    assert "aws sso login --profile empty" in str(await failure("empty"))
    assert "source_profile or credential_source" in str(await failure("role"))
    assert '"gone"' in str(await failure("lost"))
    assert "Infinite loop" in str(await failure("ring"))
    assert "external_id" in str(await failure("short"))
    assert "Odd" in str(await failure("odd"))


async def test_a_role_that_wants_a_code_is_refused_at_once(home: Any) -> None:
    home.config(
        "[profile mfa]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\n"
        "mfa_serial = arn:aws:iam::123456789012:mfa/me\n"
        f"[profile base]\naws_access_key_id = AK\naws_secret_access_key = {SECRET}\n"
        "[profile chained]\nrole_arn = arn:aws:iam::123456789012:role/q\nsource_profile = mfa\n"
    )
    for profile in ("mfa", "chained"):
        error = await failure(profile)
        assert isinstance(error, ConfigurationError)
        assert f"export-credentials --profile {profile}" in str(error)


# credential_process


def process(home: Any, body: str) -> None:
    script = home.script("give", f"#!{sys.executable}\n{body}\n")
    home.config(f"[profile process]\ncredential_process = {script} --for me\n")


def printing(**answer: Any) -> str:
    text = msgspec.json.encode({"Version": 1, **answer}).decode()
    return f"print({text!r})"


async def test_process(home: Any) -> None:
    process(home, printing(AccessKeyId="AKP", SecretAccessKey=SECRET))
    assert await found("process") == ("AKP", SECRET, None)
    process(
        home,
        printing(
            AccessKeyId="AKP", SecretAccessKey=SECRET, SessionToken="t", Expiration=after(hours=1)
        ),
    )
    assert await found("process") == ("AKP", SECRET, "t")


@pytest.mark.parametrize(
    "body",
    [
        f"import sys; sys.exit('{SECRET}')",
        f"print('{SECRET}')",
        f"print('[\"{SECRET}\"]')",
        "import sys; sys.stdout.buffer.write(b'hunter2 \\xff')",
        "",
        printing(SecretAccessKey=SECRET),
        printing(Version=2, SecretAccessKey=SECRET),
        printing(AccessKeyId=7, SecretAccessKey=[SECRET]),
        printing(AccessKeyId="AK", SecretAccessKey=SECRET, Expiration="hunter2"),
        printing(AccessKeyId="AK", SecretAccessKey=SECRET, Expiration="9" * 30),
    ],
)
async def test_process_that_fails(body: str, home: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    process(home, body)
    error = await failure("process")
    assert isinstance(error, AuthenticationError)
    assert "credential_process of the AWS profile 'process'" in str(error)
    assert "hunter2" not in caplog.text


async def test_process_that_is_not_there(home: Any) -> None:
    home.config("[profile process]\ncredential_process = /nowhere/give\n")
    error = await failure("process")
    assert isinstance(error, ConfigurationError)
    assert "credential_process: /nowhere/give: No such file" in str(error)


async def test_process_that_gives_expired_ones(home: Any) -> None:
    process(
        home,
        printing(AccessKeyId="AK", SecretAccessKey=SECRET, Expiration=after(hours=-1)),
    )
    assert "expired" in str(await failure("process"))


# SSO


def sso(home: Any, name: str, **token: Any) -> None:
    cache = home.folder / "sso/cache"
    cache.mkdir(parents=True, exist_ok=True)
    file = cache / (hashlib.sha1(name.encode()).hexdigest() + ".json")
    file.write_bytes(msgspec.json.encode(token))


START = "https://company.example/start"
SSO = "sso_account_id = 123456789012\nsso_role_name = dev\nregion = eu-west-1\n"
LEGACY = f"[profile sso]\nsso_start_url = {START}\nsso_region = eu-west-1\n{SSO}"
SESSION = (
    f"[profile sso]\nsso_session = company\n{SSO}"
    f"[sso-session company]\nsso_start_url = {START}\nsso_region = eu-west-1\n"
)
STYLES = pytest.mark.parametrize(
    ("config", "name"), [(LEGACY, START), (SESSION, "company")], ids=["legacy", "session"]
)


@STYLES
async def test_sso(
    config: str, name: str, home: Any, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", endpoint.url)
    home.config(config)
    sso(home, name, accessToken=SECRET, expiresAt=after(hours=8), startUrl=START)
    role = {
        "accessKeyId": "AKSSO", "secretAccessKey": SECRET, "sessionToken": "t",
        "expiration": int((time.time() + 3600) * 1000),
    }  # fmt: skip
    endpoint.answer = lambda _path, _headers: (200, {"roleCredentials": role})
    assert await found("sso") == ("AKSSO", SECRET, "t")
    path, headers, _ = endpoint.asked[0]
    assert path == "/federation/credentials?role_name=dev&account_id=123456789012"
    assert headers["x-amz-sso_bearer_token"] == SECRET


@STYLES
async def test_sso_nobody_logged_in(config: str, name: str, home: Any) -> None:
    home.config(config)
    error = await failure("sso")
    assert isinstance(error, MissingCredentialError)
    assert "`aws sso login --profile sso`" in str(error)


@STYLES
async def test_sso_has_ended(config: str, name: str, home: Any) -> None:
    home.config(config)
    sso(home, name, accessToken=SECRET, expiresAt=after(hours=-1))
    error = await failure("sso")
    assert isinstance(error, AuthenticationError)
    assert "`aws sso login --profile sso`" in str(error)


@STYLES
async def test_sso_portal_refuses(
    config: str, name: str, home: Any, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", endpoint.url)
    home.config(config)
    sso(home, name, accessToken=SECRET, expiresAt=after(hours=8))
    endpoint.answer = lambda _path, _headers: (
        401, {"__type": "UnauthorizedException", "message": f"bad {SECRET}"},
    )  # fmt: skip
    error = await failure("sso")
    assert isinstance(error, AuthenticationError)
    assert "`aws sso login --profile sso`" in str(error)


@STYLES
async def test_sso_role_that_is_not_yours(
    config: str, name: str, home: Any, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", endpoint.url)
    home.config(config)
    sso(home, name, accessToken=SECRET, expiresAt=after(hours=8))
    endpoint.answer = lambda _path, _headers: (
        403, {"__type": "ForbiddenException", "message": "No access"},
    )  # fmt: skip
    error = await failure("sso")
    assert isinstance(error, AuthenticationError)
    assert (error.status, error.code) == (403, "ForbiddenException")
    assert "sso_role_name" in str(error)


async def test_sso_settings_that_lack_something(home: Any) -> None:
    home.config("[profile sso]\nsso_account_id = 1\nsso_role_name = r\n")
    error = await failure("sso")
    assert isinstance(error, ConfigurationError)
    assert "sso_start_url" in str(error)


async def test_sso_cache_that_is_no_cache(home: Any) -> None:
    home.config(LEGACY)
    sso(home, START, hunter2=1)
    assert isinstance(await failure("sso"), AisopodError)


# Container and instance


def container(endpoint: Any, monkeypatch: pytest.MonkeyPatch, **span: float) -> None:
    """An endpoint whose keys are numbered by the call and live for `span`."""
    monkeypatch.setenv(CONTAINER, f"{endpoint.url}/credentials")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic hunter2")

    def answer(_path: str, headers: dict[str, str]) -> tuple[int, Any]:
        if headers.get("authorization") != "Basic hunter2":
            return 403, f"not {headers.get('authorization')}"
        return 200, {
            "AccessKeyId": f"AK{len(endpoint.asked)}",
            "SecretAccessKey": SECRET,
            "Token": "t",
            "Expiration": after(**span),
        }

    endpoint.answer = answer


@pytest.mark.usefixtures("home")
async def test_container(endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    container(endpoint, monkeypatch, hours=6)
    chain = source()
    assert keys(await chain.credential()) == ("AK1", SECRET, "t")
    assert await chain.credential() is await chain.credential()
    assert len(endpoint.asked) == 1


@pytest.mark.usefixtures("home")
async def test_container_with_a_token_file(
    endpoint: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    container(endpoint, monkeypatch, hours=6)
    monkeypatch.delenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))
    error = await failure()
    assert isinstance(error, ConfigurationError)
    assert str(tmp_path / "token") in str(error)
    (tmp_path / "token").write_text("Basic hunter2")
    assert await found() == ("AK1", SECRET, "t")


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("status", "answer"),
    [(403, SECRET), (200, SECRET), (200, {"SecretAccessKey": SECRET}), (200, [SECRET])],
)
async def test_container_that_gives_none(
    status: int, answer: Any, endpoint: Any, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level("DEBUG")
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    container(endpoint, monkeypatch, hours=6)
    endpoint.answer = lambda _path, _headers: (status, answer)
    error = await failure()
    assert isinstance(error, AuthenticationError)
    assert "AWS_CONTAINER_AUTHORIZATION_TOKEN" in str(error)
    assert "hunter2" not in caplog.text


@pytest.mark.usefixtures("home")
async def test_container_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    monkeypatch.setenv(CONTAINER, "http://127.0.0.1:1/credentials")
    error = await failure()
    assert isinstance(error, ConnectError)
    assert "container" in str(error)


@pytest.mark.usefixtures("home")
async def test_container_on_a_strange_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONTAINER, "http://evil.example/credentials")
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" in str(await failure())


def instance(endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint.url)
    monkeypatch.setenv("AWS_METADATA_SERVICE_TIMEOUT", "1")


@pytest.mark.usefixtures("home")
async def test_instance(endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    instance(endpoint, monkeypatch)
    role = {
        "AccessKeyId": "AKI", "SecretAccessKey": SECRET, "Token": "t", "Expiration": after(hours=6),
        "Code": "Success",
    }  # fmt: skip

    def answer(path: str, headers: dict[str, str]) -> tuple[int, Any]:
        if path == "/latest/api/token":
            return 200, "v2"
        if headers.get("x-aws-ec2-metadata-token") != "v2":
            return 401, ""
        return 200, role if path.endswith("/my-role") else "my-role"

    endpoint.answer = answer
    assert await found() == ("AKI", SECRET, "t")
    # As on a machine that has no role.
    endpoint.answer = lambda _path, _headers: (404, "")
    assert isinstance(await failure(), MissingCredentialError)


@pytest.mark.usefixtures("home")
async def test_no_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
    assert isinstance(await failure(), MissingCredentialError)
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "nonsense")
    assert "nonsense" in str(await failure())
    monkeypatch.setenv("AWS_METADATA_SERVICE_TIMEOUT", "soon")
    assert "aws configure list" in str(await failure())


async def test_credential_source_of_a_role_fails(
    home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.config(
        "[profile r]\nrole_arn = arn:aws:iam::123456789012:role/r\n"
        "credential_source = EcsContainer\n"
    )
    assert isinstance(await failure("r"), AisopodError)


# STS that answers otherwise than with a role


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "AccessDenied", AuthenticationError),
        (403, "InvalidClientTokenId", AuthenticationError),
        (403, "ExpiredToken", AuthenticationError),
        (500, "InternalFailure", ServerError),
    ],
)
async def test_sts_refuses(
    status: int, code: str, kind: type[AisopodError], home: Any, endpoint: Any,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level("DEBUG")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", endpoint.url)
    role(home)
    endpoint.answer = lambda _path, _headers: (
        status,
        (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>No, not you\n"
            f"x-amz-security-token:{SECRET}</Message></Error><RequestId>r-1</RequestId>"
            "</ErrorResponse>"
        ),
    )
    error = await failure("role")
    assert type(error) is kind
    assert "AWS refused AssumeRole: No, not you" in str(error)
    assert "hunter2" not in caplog.text
    if isinstance(error, AuthenticationError):
        assert "aws sts get-caller-identity --profile role" in str(error)
        assert (error.status, error.code, error.request_id) == (status, code, "r-1")


@pytest.mark.parametrize("answer", [SECRET, "<html>hunter2</html>", "<A><B>hunter2</B></A>", ""])
async def test_sts_is_somebody_else(
    answer: str, home: Any, endpoint: Any, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level("DEBUG")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", endpoint.url)
    role(home)
    endpoint.answer = lambda _path, _headers: (200, answer)
    error = await failure("role")
    assert isinstance(error, AuthenticationError)
    assert "hunter2" not in caplog.text


async def test_aws_login_without_a_session(home: Any) -> None:
    home.config("[profile login]\nlogin_session = me\n")
    error = await failure("login")
    # Without the AWS CRT it can only say that this way needs it.
    assert "botocore[crt]" in str(error) or "`aws login --profile login`" in str(error)


async def test_sts_does_not_answer(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
    role(home)
    error = await failure("role")
    assert isinstance(error, ConnectError)
    assert "127.0.0.1" in str(error)


async def test_web_identity_without_its_file(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(home.path / "gone"))
    assert "AWS_ROLE_ARN" in str(await failure())
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r")
    error = await failure()
    assert isinstance(error, ConfigurationError)
    assert str(home.path / "gone") in str(error)


def role(home: Any) -> None:
    home.config(
        "[profile role]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\n"
        f"[profile base]\naws_access_key_id = AKBASE\naws_secret_access_key = {SECRET}\n"
    )


# Renewal, and many that wait


@pytest.mark.usefixtures("home")
async def test_renewed_before_they_expire(endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    container(endpoint, monkeypatch, minutes=14)
    chain = source()
    assert (await chain.credential()).access_key_id == "AK2", "its first ones were due at once"
    # Those live no longer: asked again only after a while, not with every request.
    for _ in range(20):
        assert (await chain.credential()).access_key_id == "AK2"
    assert len(endpoint.asked) == 2
    monkeypatch.setattr("aisopod.providers.bedrock.credentials._AGAIN_SECONDS", 0.0)
    assert (await chain.credential()).access_key_id == "AK3"


@pytest.mark.usefixtures("home")
async def test_about_to_expire_means_asking_at_once(
    endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    container(endpoint, monkeypatch, seconds=90)
    chain = source()
    first = await chain.credential()
    second = await chain.credential()
    assert first.access_key_id != second.access_key_id


@pytest.mark.usefixtures("home")
async def test_renewal_fails_while_there_is_time(
    endpoint: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As botocore does: between 15 and 10 minutes before the end the old ones still do."""
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    monkeypatch.setattr("aisopod.providers.bedrock.credentials._AGAIN_SECONDS", 0.0)
    container(endpoint, monkeypatch, minutes=14)
    chain = source()
    good = await chain.credential()
    endpoint.answer = lambda _path, _headers: (500, SECRET)
    assert keys(await chain.credential()) == keys(good)
    assert "hunter2" not in caplog.text
    assert "Refreshing temporary credentials failed" in caplog.text


@pytest.mark.usefixtures("home")
async def test_renewal_fails_when_it_must_not(
    endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    monkeypatch.setattr("aisopod.providers.bedrock.credentials._AGAIN_SECONDS", 0.0)
    container(endpoint, monkeypatch, minutes=9)
    chain = source()
    await chain.credential()
    good, endpoint.answer = endpoint.answer, lambda _path, _headers: (500, SECRET)
    with pytest.raises(AuthenticationError):
        await chain.credential()
    endpoint.answer = good
    assert (await chain.credential()).access_key_id.startswith("AK")


async def test_renewal_by_another_way_once_the_first_has_gone(
    home: Any, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aisopod.providers.bedrock.credentials._AGAIN_SECONDS", 0.0)
    process(
        home,
        printing(
            AccessKeyId="AKP", SecretAccessKey=SECRET, SessionToken="t", Expiration=after(minutes=5)
        ),
    )
    monkeypatch.setenv("AWS_PROFILE", "process")
    chain = source()
    assert (await chain.credential()).access_key_id == "AKP"
    (home.path / "give").unlink()
    with pytest.raises(ConfigurationError, match="credential_process"):
        await chain.credential()
    home.credentials(f"[process]\naws_access_key_id = AKNEW\naws_secret_access_key = {SECRET}\n")
    assert (await chain.credential()).access_key_id == "AKNEW"


async def test_renewal_that_fails_names_the_profile(
    home: Any, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", endpoint.url)
    monkeypatch.setenv("AWS_PROFILE", "sso")
    home.config(LEGACY)
    sso(home, START, accessToken=SECRET, expiresAt=after(hours=8))
    role = {
        "accessKeyId": "AKSSO", "secretAccessKey": SECRET, "sessionToken": "t",
        "expiration": int((time.time() + 60) * 1000),
    }  # fmt: skip
    endpoint.answer = lambda _path, _headers: (200, {"roleCredentials": role})
    chain = source()
    await chain.credential()
    sso(home, START, accessToken=SECRET, expiresAt=after(hours=-8))
    with pytest.raises(AuthenticationError, match="`aws sso login --profile sso`"):
        await chain.credential()
    sso(home, START, accessToken=SECRET, expiresAt=after(hours=8))
    assert (await chain.credential()).access_key_id == "AKSSO"


def slow(endpoint: Any, seconds: float) -> None:
    at_once = endpoint.answer

    def answer(path: str, headers: dict[str, str]) -> tuple[int, Any]:
        time.sleep(seconds)
        return at_once(path, headers)  # type: ignore[no-any-return]

    endpoint.answer = answer


@pytest.mark.usefixtures("home")
async def test_fifty_wait_and_one_looks(endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    container(endpoint, monkeypatch, hours=6)
    slow(endpoint, 0.1)
    chain = source()
    credentials = await asyncio.gather(*(chain.credential() for _ in range(50)))
    assert len(endpoint.asked) == 1
    assert all(credential is credentials[0] for credential in credentials)


@pytest.mark.usefixtures("home")
async def test_who_stops_waiting_takes_nothing_from_the_others(
    endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    container(endpoint, monkeypatch, hours=6)
    slow(endpoint, 0.3)
    chain = source()
    waiting = [asyncio.create_task(chain.credential()) for _ in range(5)]
    await asyncio.sleep(0.1)
    waiting[0].cancel()
    rest = await asyncio.gather(*waiting[1:])
    assert {credential.access_key_id for credential in rest} == {"AK1"}
    assert waiting[0].cancelled()
    assert len(endpoint.asked) == 1


def _is_done(chain: ChainSource) -> bool:
    task = chain._renewal._task
    return task is not None and task.done()


@pytest.mark.usefixtures("home")
async def test_all_stop_waiting(endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look-up ends alone; a failure of it is nobody's, and the next one asks anew."""
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    container(endpoint, monkeypatch, hours=6)
    slow(endpoint, 0.2)
    good, endpoint.answer = endpoint.answer, lambda _path, _headers: (403, "")
    slow(endpoint, 0.2)
    chain = source()
    waiting = [asyncio.create_task(chain.credential()) for _ in range(3)]
    await asyncio.sleep(0.1)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    while not endpoint.asked or not _is_done(chain):
        await asyncio.sleep(0.05)
    endpoint.answer = good
    assert keys(await chain.credential())[1:] == (SECRET, "t")


@pytest.mark.usefixtures("home")
async def test_a_failure_is_told_to_each_that_waits() -> None:
    chain = source()
    failures = await asyncio.gather(*(chain.credential() for _ in range(3)), return_exceptions=True)
    assert {type(error) for error in failures} == {MissingCredentialError}
    assert len({id(error) for error in failures}) == 3


@pytest.mark.usefixtures("home")
async def test_the_loop_goes_on_meanwhile(endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    container(endpoint, monkeypatch, hours=6)
    slow(endpoint, 1.0)
    lookup = asyncio.create_task(source().credential())
    gaps, last = [], time.perf_counter()
    while not lookup.done():
        await asyncio.sleep(0.005)
        gaps.append(time.perf_counter() - last)
        last = time.perf_counter()
    assert (await lookup).access_key_id == "AK1"
    # Parsing files and making a session holds the interpreter for moments; waiting does not.
    assert max(gaps) < 0.5
    assert len(gaps) > 50


def test_one_source_in_several_loops(
    home: Any, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    container(endpoint, monkeypatch, hours=6)
    slow(endpoint, 0.2)
    chain = source()

    async def given_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(chain.credential(), 0.01)

    asyncio.run(given_up())
    assert asyncio.run(chain.credential()).access_key_id in {"AK1", "AK2"}


# Refusal


@pytest.mark.usefixtures("home")
async def test_refused_ones_that_expire_are_looked_up_anew(
    endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    container(endpoint, monkeypatch, hours=6)
    chain = source()
    first = await chain.credential()
    assert chain.refused(first)
    assert chain.refused(first), "another request with the same ones"
    second = await chain.credential()
    assert (first.access_key_id, second.access_key_id) == ("AK1", "AK2")
    assert chain.refused(first), "there are newer ones already, which stay"
    assert await chain.credential() is second


@pytest.mark.usefixtures("home")
async def test_refused_keys_that_do_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    chain = source()
    assert not chain.refused(await chain.credential())


async def test_without_botocore(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if re.match(r"botocore(\.|$)", name):
            monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "botocore", None)
    error = await failure()
    assert isinstance(error, MissingDependencyError)
    assert 'pip install "aisopod[bedrock]"' in str(error)
