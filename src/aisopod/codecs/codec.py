"""What every codec is: a value made of pure functions."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from aisopod.codecs.rules import Evidence, Rule
from aisopod.errors import ProviderError, UnsupportedFeatureError
from aisopod.framing import Framing
from aisopod.types import (
    ChatCompletionChunk,
    ChatCompletionRequest,
    OnUnsupported,
    OpaquePart,
    OpaqueTool,
    RateLimit,
    ResponseWarning,
)

__all__ = ["TOOL_CALL_CUT", "UNREADABLE", "Codec", "Decoder", "Encoded", "Notes", "Target"]

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading JSON raises: bytes that are no UTF-8 and absurd nesting are no errors of msgspec's own."""


TOOL_CALL_CUT = ResponseWarning(
    rule="tool_call_cut",
    message="the answer was cut at its length limit: a tool call may be missing or incomplete",
)


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a request is for, and how that one differs from the rest of its dialect.

    Attributes:
        provider: id of the provider; parts and fields that it made are sent back to it.
        model: the model asked for.
        on_unsupported: what to do with a parameter that the model does not take.
        quirks: the dialect's own description of the host, or None.
    """

    provider: str
    model: str
    on_unsupported: OnUnsupported = "error"
    quirks: Any = None


class Encoded(msgspec.Struct, frozen=True, kw_only=True):
    """A request on the wire.

    Attributes:
        body: the JSON body.
        headers: headers that this body needs, such as beta flags; names in lower case.
        warnings: what could not be carried.
    """

    body: bytes
    headers: Mapping[str, str] = {}
    warnings: list[ResponseWarning] = []


class Decoder(Protocol):
    """Reads one streamed response. It never waits, retries or logs."""

    @property
    def done(self) -> bool:
        """Whether the wire's terminator has been seen."""

    def feed(self, frame: bytes) -> ChatCompletionChunk | None:
        """Take in a frame; give the chunk it makes, or None for one without content.

        Raises:
            ProviderError: the provider reports an error inside the stream.
            ProtocolError: the frame cannot be read.
        """

    def close(self) -> ChatCompletionChunk | None:
        """The body has ended.

        Raises:
            StreamInterruptedError: it ended without its terminator.
        """


class Codec(msgspec.Struct, frozen=True, kw_only=True):
    """One wire dialect.

    Attributes:
        dialect: its name, such as `anthropic_messages`.
        framing: makes the framing of a streamed body.
        encode: request to body.
        stream_decoder: makes the decoder of one streamed response.
        decode: a plain body to chunks, which fold to the same as the stream would.
        decode_error: status (None inside a stream), headers and body of a failure to its error.
        read_failure: the same to what they say, which `rules` tell apart.
        rules: what tells one failure from another; the first that matches wins.
        rate_limits: what headers say of rate limits, by name; the second argument is the time
            in seconds since the epoch.
    """

    dialect: str
    framing: Callable[[], Framing]
    encode: Callable[[ChatCompletionRequest, Target], Encoded]
    stream_decoder: Callable[[Target], Decoder]
    decode: Callable[[bytes, Target], list[ChatCompletionChunk]]
    decode_error: Callable[[int | None, Mapping[str, str], bytes], ProviderError]
    read_failure: Callable[[int | None, Mapping[str, str], bytes], Evidence]
    rules: tuple[Rule, ...]
    rate_limits: Callable[[Mapping[str, str], float], dict[str, RateLimit]]


class Notes:
    """Gathers what an encoder could not carry, by the one policy for that."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.warnings: list[ResponseWarning] = []

    def unsupported(self, field: str, value: object, why: str, remedy: str) -> None:
        """A parameter that the target does not take: refused, or left out with a warning.

        Raises:
            UnsupportedFeatureError: the policy is `error`.
        """
        if self.target.on_unsupported == "error":
            raise UnsupportedFeatureError(
                f"{why} ({self.target.provider}/{self.target.model})",
                field=field,
                value=value,
                remedy=f'{remedy}, or set on_unsupported="drop"',
            )
        self.warn("unsupported_parameter", f"left out {field}: {why}", field=field)

    def refuse(self, field: str, value: object, why: str, remedy: str) -> None:
        """Content that cannot be carried without losing what the user said: always refused.

        Raises:
            UnsupportedFeatureError: always.
        """
        raise UnsupportedFeatureError(
            f"{why} ({self.target.provider}/{self.target.model})",
            field=field,
            value=value,
            remedy=remedy,
        )

    def own_tool(self, tool: OpaqueTool, path: str) -> dict[str, Any]:
        """The entry of a provider's own tool.

        Raises:
            UnsupportedFeatureError: it is another provider's.
        """
        if tool.provider != self.target.provider:
            self.refuse(path, tool.provider, "this is another provider's tool", "Leave it out")
        return tool.data

    def foreign_part(self, part: OpaquePart, index: int) -> None:
        """Another provider's own part was left out."""
        self.warn(
            "foreign_part",
            f"{part.provider}'s {part.kind} was left out: only that provider reads it",
            index=index,
        )

    def warn(
        self, rule: str, message: str, *, index: int | None = None, field: str | None = None
    ) -> None:
        """Something was changed or left out."""
        self.warnings.append(
            ResponseWarning(rule=rule, message=message, message_index=index, field=field)
        )
