"""What was tried for a request, and who could be."""

from decimal import Decimal
from typing import Literal

import msgspec

from aisopod.types.usage import TokenUsage

__all__ = ["Attempt", "Explanation", "ProfileState"]


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try of one profile.

    Attributes:
        provider: id of the provider.
        model: the model asked for.
        profile: id of the profile, `provider:name`.
        outcome: `running` until it ends; `failed` before any content, or when the answer itself
            ends with `finish_reason="error"`; `interrupted` after some content; `cancelled` when the
            caller left.
        error: class of the error, such as `RateLimitError`.
        message: what it said.
        rule: id of the rule that classified it.
        status: HTTP status of the failure.
        started: when it was sent, in seconds since the epoch.
        seconds: how long it took, to its end or until the caller left.
        waited: seconds of waiting for a profile before it.
        probe: whether it tried again what had been left alone.
        usage: tokens as far as they were told.
        cost: what they cost at list price, in US dollars; None when that is not known.
    """

    provider: str
    model: str
    profile: str
    outcome: Literal["running", "ok", "failed", "interrupted", "cancelled"] = "running"
    error: str | None = None
    message: str | None = None
    rule: str | None = None
    status: int | None = None
    started: float = 0.0
    seconds: float = 0.0
    waited: float = 0.0
    probe: bool = False
    usage: TokenUsage | None = None
    cost: Decimal | None = None


class ProfileState(msgspec.Struct, frozen=True, kw_only=True):
    """How a profile stands, for one model.

    Attributes:
        provider: id of the provider.
        model: the model; empty where it is about the profile alone.
        profile: id of the profile, `provider:name`.
        state: `ready`; `probe` when its time is over and one request may try it; `probing` while
            one does; `out` until a time; `unusable` until the set-up is changed.
        until: when it comes back, in seconds since the epoch.
        subject: what is out: the profile, the profile for this model, the model or the provider.
        reason: why: `rate_limit`, `overloaded`, `auth`, `permission`, `billing`, `pacing`, or for
            what is unusable the problem in words.
        rule: id of the rule that classified the failure.
        message: what the provider said.
    """

    provider: str
    model: str = ""
    profile: str
    state: Literal["ready", "probe", "probing", "out", "unusable"] = "ready"
    until: float | None = None
    subject: str = ""
    reason: str = ""
    rule: str = ""
    message: str = ""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Who would be asked now, and who not, and why.

    Attributes:
        chosen: the profile that would be asked; None when nobody can be.
        considered: all that were looked at, in the order of the candidates.
        retry_at: without a chosen one, when the first may be back, in seconds since the epoch.
    """

    chosen: ProfileState | None
    considered: list[ProfileState]
    retry_at: float | None = None
