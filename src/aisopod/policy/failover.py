"""Which error does what: the one table, from which docs/failover.md is made, too."""

from typing import Literal

import msgspec

from aisopod.errors import (
    AisopodError,
    AuthenticationError,
    BadRequestError,
    BillingError,
    ConfigurationError,
    ConnectError,
    ContentFilterError,
    InvalidRequestError,
    ModelNotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProtocolError,
    ProviderError,
    RateLimitError,
    ServerError,
    TransportError,
    UnsupportedFeatureError,
)

__all__ = ["TABLE", "UNMENDED", "Action", "Reason", "Subject", "Verdict", "verdict_on"]

Action = Literal["next_profile", "next_candidate", "give_up"]
"""Where the request goes next. What was cooled comes back into question when its window ends."""

Subject = Literal["profile", "pair", "model", "provider"]
"""What a failure is held against; a pair is a profile with one model."""

Reason = Literal["rate_limit", "overloaded", "auth", "permission", "billing"]
"""Which window opens; the names are those of the cooldowns."""


UNMENDED: frozenset[Reason] = frozenset({"auth", "billing"})
"""Reasons that time alone does not end: a header's time, which is about load, shortens no window."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from an error.

    Attributes:
        action: where the request goes next.
        cools: what is left alone for a while; None when nothing is.
        reason: for which reason, which names the cooldown.
        why: the reason for this row.
    """

    action: Action
    cools: Subject | None = None
    reason: Reason | None = None
    why: str


TABLE: tuple[tuple[type[AisopodError], Verdict], ...] = (
    (
        RateLimitError,
        Verdict(
            action="next_profile",
            cools="pair",
            reason="rate_limit",
            why="limits are counted by key and model: other models of the key still answer",
        ),
    ),
    (
        AuthenticationError,
        Verdict(
            action="next_profile",
            cools="profile",
            reason="auth",
            why="no request with this secret can work; another secret starts afresh",
        ),
    ),
    (
        BillingError,
        Verdict(
            action="next_profile",
            cools="profile",
            reason="billing",
            why="the account pays for all models, and credit comes back by hand",
        ),
    ),
    (
        PermissionDeniedError,
        Verdict(
            action="next_profile",
            cools="pair",
            reason="permission",
            why="the credential is good, only not for this model",
        ),
    ),
    (
        ModelNotFoundError,
        Verdict(
            action="next_profile",
            why="another account may have the model; a typing error must not cool anything",
        ),
    ),
    (
        OverloadedError,
        Verdict(
            action="next_candidate",
            cools="model",
            reason="overloaded",
            why="no key gets capacity that is not there",
        ),
    ),
    (
        ServerError,
        Verdict(
            action="next_candidate",
            cools="model",
            reason="overloaded",
            why="the failure is not the key's",
        ),
    ),
    (
        ProtocolError,
        Verdict(
            action="next_candidate",
            cools="model",
            reason="overloaded",
            why="something between here and the model is broken",
        ),
    ),
    (
        ConnectError,
        Verdict(
            action="next_candidate",
            cools="provider",
            reason="overloaded",
            why="no model of an address that cannot be reached can answer",
        ),
    ),
    (
        TransportError,
        Verdict(
            action="next_candidate",
            cools="model",
            reason="overloaded",
            why="silence and cut streams are the model's, until several models fail",
        ),
    ),
    (
        ContentFilterError,
        Verdict(action="give_up", why="it is about what was said; asking elsewhere is the user's"),
    ),
    (
        BadRequestError,
        Verdict(action="give_up", why="it is about the request, context length included"),
    ),
    (
        UnsupportedFeatureError,
        Verdict(action="next_candidate", why="another model may be able to; nothing was sent"),
    ),
    (
        InvalidRequestError,
        Verdict(action="give_up", why="no model would take it; nothing was sent"),
    ),
    (
        ConfigurationError,
        Verdict(action="next_profile", why="this profile cannot be used as it is set up"),
    ),
    (
        ProviderError,
        Verdict(action="next_candidate", why="what nobody can classify is held against nobody"),
    ),
    (AisopodError, Verdict(action="give_up", why="nothing is known that would help")),
)
"""The first row whose class fits; no class stands before one of its own kind that is narrower."""


def verdict_on(error: AisopodError) -> Verdict:
    """What follows from this error."""
    return next(verdict for kind, verdict in TABLE if isinstance(error, kind))
