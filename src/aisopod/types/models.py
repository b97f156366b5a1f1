"""What is known of a model, and of a provider's health."""

from typing import Any, Literal

import msgspec

__all__ = ["ModelInfo", "ProviderHealth", "PullProgress"]


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A model that a provider offers. Unknown is None, never a guess.

    Attributes:
        id: the name to ask for, as the provider writes it.
        provider: id of the provider.
        display_name: a name for people.
        context_window: tokens of prompt and answer together.
        max_output_tokens: the longest answer, in tokens.
        capabilities: what it can do, in these words: `tools`, `vision`, `documents`, `reasoning`,
            `structured_output`, `completion`, `embedding`, …; None where the provider tells none.
        lacks: what the provider says that it cannot do, in the same words.
        efforts: the provider's words for how much it may think, from the least to the most; None
            where it tells none.
        reasoning_control: what steers its thinking, where the provider tells that: `adaptive` or a
            token `budget`.
        lifecycle: `active`, `deprecated` or `retired`.
        like: id of the provider's model that it is, where its own id does not tell.
        created: when it was made or published, ISO 8601.
        raw: the provider's own entry.
    """

    id: str
    provider: str
    display_name: str | None = None
    context_window: int | None = None
    max_output_tokens: int | None = None
    capabilities: frozenset[str] | None = None
    lacks: frozenset[str] = frozenset()
    efforts: tuple[str, ...] | None = None
    reasoning_control: Literal["adaptive", "budget"] | None = None
    lifecycle: str | None = None
    like: str | None = None
    created: str | None = None
    raw: dict[str, Any] = {}


class ProviderHealth(msgspec.Struct, frozen=True, kw_only=True):
    """What a check that costs no tokens found.

    Attributes:
        provider: id of the provider.
        reachable: whether it answered at all.
        authorised: whether it took the credential; None when that could not be told.
        latency_seconds: how long its answer took.
        problem: what is wrong and what to do, in words; None when all is well.
    """

    provider: str
    reachable: bool
    authorised: bool | None = None
    latency_seconds: float | None = None
    problem: str | None = None

    @property
    def ok(self) -> bool:
        """Whether requests can be expected to work."""
        return self.reachable and self.authorised is not False and self.problem is None


class PullProgress(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a model's download.

    Attributes:
        status: what is being done, in the server's words.
        digest: the layer that it concerns.
        total: size of that layer in bytes.
        completed: bytes of it that are here.
    """

    status: str
    digest: str | None = None
    total: int | None = None
    completed: int | None = None
