"""Every error that aisopod raises, drawn once.

AisopodError
  ConfigurationError            the set-up is wrong: nothing was sent
    UnknownProviderError
    UnknownModelError
    MissingCredentialError
    MissingSettingError
    MissingDependencyError
  InvalidRequestError           the request is wrong: nothing was sent (field, value, remedy)
    UnsupportedFeatureError     right in itself, but this provider or model has no such thing
  OutputValidationError         the answer is not what `response_format` asked for
  ProviderError                 the provider answered, and said no
    AuthenticationError
    PermissionDeniedError
    BillingError
    RateLimitError
    OverloadedError
    ServerError
    ModelNotFoundError
    BadRequestError
      ContextLengthError
    ContentFilterError
  TransportError                no whole answer arrived
    ConnectError
      ConnectTimeoutError
    FirstTokenTimeoutError
    IdleTimeoutError
    TotalTimeoutError
    StreamInterruptedError      the stream ended without its terminator
  ProtocolError                 the peer broke its own wire
  AllAttemptsFailedError        every attempt, in order, and who could not be asked

Policies read `retryable` and `scope`, never a status code. No secret is in any of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisopod.types import Attempt, ChatCompletion, ProfileState

__all__ = [
    "AisopodError",
    "AllAttemptsFailedError",
    "AuthenticationError",
    "BadRequestError",
    "BillingError",
    "ConfigurationError",
    "ConnectError",
    "ConnectTimeoutError",
    "ContentFilterError",
    "ContextLengthError",
    "FirstTokenTimeoutError",
    "IdleTimeoutError",
    "InvalidRequestError",
    "MissingCredentialError",
    "MissingDependencyError",
    "MissingSettingError",
    "ModelNotFoundError",
    "OutputValidationError",
    "OverloadedError",
    "PermissionDeniedError",
    "ProtocolError",
    "ProviderError",
    "RateLimitError",
    "Scope",
    "ServerError",
    "StreamInterruptedError",
    "TotalTimeoutError",
    "TransportError",
    "UnknownModelError",
    "UnknownProviderError",
    "UnsupportedFeatureError",
]

MESSAGE_LENGTH = 4_000
"""Some services repeat the request in what they say of it."""
BODY_LENGTH = 2_000
FRAME_LENGTH = 500

Scope = Literal["request", "profile", "model", "provider"]
"""What a failure tells about: this request, this credential, this model, or the whole provider."""


def _rebuild(cls: type[AisopodError], args: tuple[Any, ...], state: dict[str, Any]) -> AisopodError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class AisopodError(Exception):
    """Base of all errors of this library.

    Attributes:
        message: what went wrong, for a person.
        retryable: whether the same request may succeed later, unchanged.
        scope: what the failure tells about.
        partial: what had arrived when a response broke off, else None.
        attempts: what a client had tried for the request, this failure included.
    """

    retryable: ClassVar[bool] = False
    scope: Scope = "request"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.partial: ChatCompletion | None = None
        self.attempts: Sequence[Attempt] = ()

    # Keyword-only constructors do not survive the default pickling, and errors cross processes.
    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, dict(self.__dict__))

    def redact(self, secret: str) -> None:
        """Replace `secret` with `***` in every text this error carries."""
        if not secret:
            return
        self.args = tuple(_masked(value, secret) for value in self.args)
        for name, value in self.__dict__.items():
            self.__dict__[name] = _masked(value, secret)


def _masked(value: Any, secret: str) -> Any:  # noqa: ANN401 - error attributes are of any type
    if not isinstance(value, str):
        return value
    value = value.replace(secret, "***")
    if len(value) < FRAME_LENGTH:
        return value
    # An excerpt may end in the middle of a secret.
    stem = value.removesuffix("…")
    cut = next((at for at in range(len(secret) - 1, 3, -1) if stem.endswith(secret[:at])), 0)
    return stem[:-cut] + "***" if cut else value


class ConfigurationError(AisopodError):
    """Something in the configuration, the environment or the installation is wrong."""


class UnknownProviderError(ConfigurationError):
    """No provider has this name."""


class UnknownModelError(ConfigurationError):
    """The model cannot be told from what was given."""


class MissingCredentialError(ConfigurationError):
    """The provider needs a credential and none is configured."""


class MissingSettingError(ConfigurationError):
    """The provider needs a project, a region or an address, and none is configured."""


class MissingDependencyError(ConfigurationError):
    """An optional part of aisopod is not installed; the message names the extra."""


class InvalidRequestError(AisopodError):
    """The request cannot be sent as it is; nothing was sent.

    Attributes:
        field: path of the offending field, such as `messages[2].tool_call_id`.
        value: what was found there, shortened for display.
        remedy: what to do instead.
    """

    def __init__(self, message: str, *, field: str, value: object = None, remedy: str = "") -> None:
        self.field = field
        self.value = _shortened(value)
        self.remedy = remedy
        found = "" if value is None else f" (found {self.value})"
        super().__init__(f"{field}: {message}{found}" + (f". {remedy}" if remedy else ""))


class UnsupportedFeatureError(InvalidRequestError):
    """The request is sound, but this provider or model cannot do it; nothing was sent."""


def _shortened(value: object, limit: int = 200) -> str:
    return _excerpt(repr(value), limit)


def _excerpt(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


class OutputValidationError(AisopodError):
    """The model's text does not match the `response_format` that was asked for.

    Attributes:
        text: the text as it came.
    """

    def __init__(self, message: str, *, text: str) -> None:
        super().__init__(message)
        self.text = text


class ProviderError(AisopodError):
    """The provider refused or failed the request. An unknown status stays of this class.

    Attributes:
        provider: id of the provider, such as `anthropic`.
        model: the model asked for, or None where the call names none.
        status: HTTP status; None for an error inside a stream that names none.
        code: the provider's own code or type for it.
        request_id: the provider's id of the exchange, for its support.
        retry_after: seconds to wait before trying again, as the provider said.
        body: excerpt of the body, at most 2,000 characters.
        rule: id of the rule that told this class of error from others, such as `openai/quota`.
    """

    def __init__(  # noqa: PLR0913 - the facts of one failure, by name
        self,
        message: str,
        *,
        provider: str | None = None,
        model: str | None = None,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        body: str | None = None,
        rule: str | None = None,
    ) -> None:
        super().__init__(_excerpt(message, MESSAGE_LENGTH))
        self.provider = provider
        self.model = model
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after
        self.body = body[:BODY_LENGTH] if body else body
        self.rule = rule

    def __str__(self) -> str:
        """One line with all that helps to act on it."""
        target = "/".join(part for part in (self.provider, self.model) if part)
        facts = [
            f"HTTP {self.status}" if self.status else "",
            self.code or "",
            f"retry after {self.retry_after:g} s" if self.retry_after is not None else "",
            f"request {self.request_id}" if self.request_id else "",
        ]
        tail = ", ".join(fact for fact in facts if fact)
        return f"{target}: " * bool(target) + self.message + f" ({tail})" * bool(tail)


class AuthenticationError(ProviderError):
    """The credential is wrong, expired or revoked."""

    scope: Scope = "profile"


class PermissionDeniedError(ProviderError):
    """The credential is good but may not do this."""

    scope: Scope = "model"


class BillingError(ProviderError):
    """The account is out of credit or over a spending limit; waiting does not help."""

    scope: Scope = "profile"


class RateLimitError(ProviderError):
    """Too many requests or tokens for now; see `retry_after`."""

    retryable = True
    scope: Scope = "model"


class OverloadedError(ProviderError):
    """The provider has no capacity for the model at the moment."""

    retryable = True
    scope: Scope = "model"


class ServerError(ProviderError):
    """The provider failed on its own."""

    retryable = True
    scope: Scope = "model"


class ModelNotFoundError(ProviderError):
    """The provider does not know the model, or does not serve it to this account."""

    scope: Scope = "model"


class BadRequestError(ProviderError):
    """The provider found the request invalid."""


class ContextLengthError(BadRequestError):
    """The prompt (with what may be generated) does not fit the model's context window.

    Attributes:
        limit: the window in tokens, where the provider told it.
        size: what was asked for in tokens, where the provider told it: the prompt, and what may
            be generated where the two together are too much.
    """

    def __init__(
        self, message: str, *, limit: int | None = None, size: int | None = None, **facts: Any
    ) -> None:
        super().__init__(message, **facts)
        self.limit = limit
        self.size = size


class ContentFilterError(ProviderError):
    """The provider's content policy stopped the request or the answer."""


class TransportError(AisopodError):
    """No whole answer arrived.

    Attributes:
        provider: id of the provider, where known.
        model: the model asked for, where known.
    """

    retryable = True
    scope: Scope = "provider"

    def __init__(
        self, message: str, *, provider: str | None = None, model: str | None = None
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.model = model

    def __str__(self) -> str:
        """The message, with the target before it."""
        target = "/".join(part for part in (self.provider, self.model) if part)
        return f"{target}: {self.message}" if target else self.message


class ConnectError(TransportError):
    """No connection: name not found, refused, TLS failure."""


class ConnectTimeoutError(ConnectError):
    """No connection within `timeouts.connect` seconds."""


class FirstTokenTimeoutError(TransportError):
    """No content within `timeouts.first_token` seconds of sending the request."""

    scope: Scope = "model"


class IdleTimeoutError(TransportError):
    """No further content within `timeouts.idle` seconds."""

    scope: Scope = "model"


class TotalTimeoutError(TransportError):
    """The answer was not whole within `timeouts.total` seconds."""

    scope: Scope = "model"


class StreamInterruptedError(TransportError):
    """The stream ended without its terminator; `partial` holds what had arrived."""

    scope: Scope = "model"


class ProtocolError(AisopodError):
    """The peer broke the rules of its own wire.

    Attributes:
        dialect: the codec or framing that could not read on.
        frame: excerpt of what could not be read.
        offset: bytes of the body before that frame, where known.
    """

    retryable = True
    scope: Scope = "provider"

    def __init__(
        self, message: str, *, dialect: str, frame: bytes = b"", offset: int | None = None
    ) -> None:
        self.dialect = dialect
        self.frame = frame[:FRAME_LENGTH].decode("utf-8", "backslashreplace")
        self.offset = offset
        place = "" if offset is None else f" at byte {offset}"
        seen = f": {self.frame!r}" if frame else ""
        super().__init__(f"{dialect}: {message}{place}{seen}")


class AllAttemptsFailedError(AisopodError):
    """Nobody could serve the request: every attempt failed, or all were out.

    Attributes:
        errors: of the attempts, in order; the last one is also the cause.
        considered: who could have been asked, and why not, or not again.
        retry_at: when the first of them may be back, in seconds since the epoch; None when
            waiting does not help.
        retry_after: seconds until then.
    """

    retryable = True

    def __init__(
        self,
        message: str,
        *,
        errors: Sequence[AisopodError] = (),
        considered: Sequence[ProfileState] = (),
        retry_at: float | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.errors = tuple(errors)
        self.considered = tuple(considered)
        self.retry_at = retry_at
        self.retry_after = retry_after
