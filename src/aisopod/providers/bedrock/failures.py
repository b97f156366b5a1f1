"""What went wrong in botocore, as an error of aisopod with its remedy, and without its words.

botocore's messages and causes may hold what a credential_process printed, lines of the
credentials file or the body of a metadata service's answer: none of that is carried over.
"""

from urllib.parse import urlsplit

from aisopod.errors import (
    AisopodError,
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    ConnectTimeoutError,
    MissingCredentialError,
    MissingDependencyError,
    RateLimitError,
    ServerError,
)

__all__ = ["botocore_missing", "no_credentials", "no_profile", "told"]

_METHODS = {
    "assume-role": "the role's source",
    "assume-role-with-web-identity": "the web identity",
    "boto2-config": "boto's configuration file",
    "config-file": "the AWS config file",
    "container-role": "the container's credentials endpoint",
    "custom-process": "credential_process",
    "ec2-credentials-file": "the file that AWS_CREDENTIAL_FILE names",
    "env": "the environment",
    "iam-role": "the instance's metadata service",
    "login": "the `aws login` session",
    "shared-credentials-file": "the AWS credentials file",
    "sso": "the SSO session",
}
_THROTTLED = frozenset({"Throttling", "ThrottlingException", "TooManyRequestsException"})


def botocore_missing() -> MissingDependencyError:
    """What to install."""
    return MissingDependencyError(
        'AWS credentials and addresses need botocore: pip install "aisopod[bedrock]"'
    )


def no_credentials(profile: str | None) -> MissingCredentialError:
    """No way of the chain led to anything; names them."""
    if profile:
        return MissingCredentialError(
            f"the AWS profile {profile!r} holds no credentials: run `aws sso login --profile "
            f"{profile}` or `aws configure --profile {profile}`"
        )
    return MissingCredentialError(
        "no AWS credentials were found: set AWS_BEARER_TOKEN_BEDROCK, or AWS_PROFILE, or "
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; or run `aws sso login` or `aws configure`"
    )


def no_profile(profile: str, known: list[str]) -> ConfigurationError:
    """The profile that was asked for is in neither file."""
    there = f"there are {', '.join(sorted(known))}" if known else "there are none at all"
    return ConfigurationError(
        f"there is no AWS profile {profile!r}; {there}: correct the option profile or AWS_PROFILE, "
        f"or run `aws configure --profile {profile}`"
    )


def told(error: Exception, *, method: str = "", profile: str | None = None) -> AisopodError:
    """The error of aisopod for one of botocore's, or of what it runs.

    Args:
        error: what was raised.
        method: botocore's name of the way that it was trying.
        profile: the profile in use, for the remedy.
    """
    from botocore import exceptions as its

    if isinstance(error, its.CredentialRetrievalError):
        method = error.kwargs.get("provider", method)
    chosen = f" --profile {profile}" if profile else ""
    if (unreachable := _unreachable(error)) is not None:
        return _connect_error(unreachable, method)
    if isinstance(error, its.ClientError):
        return _refusal(error, method, chosen)
    if (login := _login_failure(error, chosen)) is not None:
        return login
    if (settings := _settings_failure(error, profile)) is not None:
        return settings
    if isinstance(error, OSError):
        return _not_read(error, method)
    if isinstance(error, RuntimeError):
        return AuthenticationError(
            f"{_source(method)} gives credentials that have expired: renew them"
        )
    return _failed(method, profile)


def _settings_failure(error: Exception, profile: str | None) -> AisopodError | None:
    """What the shared files or the variables have wrong, if it is that."""
    from botocore import exceptions as its

    match error:
        case its.PartialCredentialsError():
            return _partial(error)
        case its.CredentialRetrievalError() | its.MetadataRetrievalError():
            return None
        case its.ParamValidationError():
            # Its message shows the values, a web identity's token among them.
            return ConfigurationError(
                "AWS settings: check role_arn, external_id, role_session_name and "
                f"duration_seconds of the profile {profile or 'default'!r}: one of them is nothing "
                "that AWS takes"
            )
        case its.BotoCoreError():
            return ConfigurationError(f"AWS settings: {_line(str(error))}")
        case _:
            return None


def _login_failure(error: Exception, chosen: str) -> AisopodError | None:
    """What the user must log in again for, if it is that."""
    from botocore import exceptions as its

    match error:
        case its.SSOTokenLoadError():
            return MissingCredentialError(f"nobody is logged in: run `aws sso login{chosen}`")
        case its.SSOError() | its.TokenRetrievalError() | its.NoAuthTokenError():
            return AuthenticationError(f"the SSO session has ended: run `aws sso login{chosen}`")
        case its.LoginError():
            return AuthenticationError(f"the login session has ended: run `aws login{chosen}`")
        case its.MissingDependencyException():
            return MissingDependencyError(
                'this profile\'s way to log in needs the AWS CRT: pip install "botocore[crt]"'
            )
        case _:
            return None


def _source(method: str) -> str:
    return _METHODS.get(method, method or "what should give AWS credentials")


def _line(text: str) -> str:
    """The first line: after it a service shows what it was sent."""
    return text.partition("\n")[0][:300]


def _unreachable(error: BaseException) -> BaseException | None:
    """The connection's failure, also where botocore raised something else over it."""
    from botocore.exceptions import ConnectionError as BotoConnectionError
    from botocore.exceptions import HTTPClientError

    kinds = (BotoConnectionError, HTTPClientError)
    found: BaseException | None = error
    while found is not None and not isinstance(found, kinds):
        found = found.__cause__ or found.__context__
    return found


def _connect_error(error: BaseException, method: str) -> ConnectError:
    from botocore.exceptions import ConnectTimeoutError as BotoConnectTimeoutError

    facts = getattr(error, "kwargs", {})
    place = urlsplit(str(facts.get("endpoint_url") or "")).hostname
    kind = ConnectTimeoutError if isinstance(error, BotoConnectTimeoutError) else ConnectError
    return kind(
        f"AWS credentials: {_source(method)} could not be asked: no answer"
        + (f" from {place}" if place else "")
        + f" ({type(error).__name__}); check the network, and the proxy's and AWS_ENDPOINT_URL "
        "variables"
    )


def _refusal(error: Exception, method: str, chosen: str) -> AisopodError:
    """A service said no: STS, or the SSO portal."""
    response = getattr(error, "response", {})
    facts, about = response.get("Error", {}), response.get("ResponseMetadata", {})
    code, status = str(facts.get("Code", "")), about.get("HTTPStatusCode")
    operation = getattr(error, "operation_name", "the call")
    details = {"status": status, "code": code, "request_id": about.get("RequestId")}
    said = f"AWS refused {operation}: {_line(str(facts.get('Message', '')))}"
    if code in _THROTTLED or status == 429:
        return RateLimitError(said, **details)
    if isinstance(status, int) and status >= 500:
        return ServerError(said, **details)
    return AuthenticationError(f"{said}. {_remedy(operation, method, chosen)}", **details)


def _remedy(operation: str, method: str, chosen: str) -> str:
    if method == "sso":
        return f"Run `aws sso login{chosen}`, and check sso_account_id and sso_role_name"
    if operation == "AssumeRoleWithWebIdentity":
        return "Renew the token file, and check the role's trust policy"
    return (
        "Check role_arn, that its trust policy allows you, and that the keys that ask for it are "
        f"good (`aws sts get-caller-identity{chosen}`)"
    )


def _partial(error: Exception) -> MissingCredentialError:
    facts = getattr(error, "kwargs", {})
    return MissingCredentialError(
        f"the AWS credentials of {_source(facts.get('provider', ''))} lack "
        f"{facts.get('cred_var', 'a part')}: set it too"
    )


def _not_read(error: OSError, method: str) -> ConfigurationError:
    reason = error.strerror or type(error).__name__
    return ConfigurationError(
        f"AWS credentials: {_source(method)}: {error.filename or 'a file'}: {reason}"
    )


def _failed(method: str, profile: str | None) -> AisopodError:
    """Something answered, but not with credentials. What it said is not repeated."""
    if not method:
        return ConfigurationError(
            "an AWS setting, in a variable or the shared files, has a value that it cannot have: "
            "check it with `aws configure list`"
        )
    if method == "custom-process":
        return AuthenticationError(
            f"credential_process of the AWS profile {profile or 'default'!r} failed, or printed no "
            "credentials: run its command by hand to see why"
        )
    if method == "container-role":
        return AuthenticationError(
            "the container's credentials endpoint gave no credentials: check "
            "AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI and "
            "AWS_CONTAINER_AUTHORIZATION_TOKEN, and the role of the task or pod"
        )
    return AuthenticationError(
        f"{_source(method)} gave no AWS credentials that can be read: check it with "
        "`aws sts get-caller-identity`"
    )
