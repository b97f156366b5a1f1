"""Whether a model can do what a request asks for, as far as that is known before it is sent."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

import msgspec

from aisopod.catalogue import ModelFacts
from aisopod.errors import AisopodError, ContextLengthError, UnsupportedFeatureError
from aisopod.normalise.estimate import FEWEST_PER_FILE, estimate_tokens, most_tokens
from aisopod.providers.provider import Provider
from aisopod.routing.candidates import Candidate
from aisopod.routing.pool import Pool
from aisopod.types import ChatCompletionRequest, ImagePart

__all__ = ["counted", "unfit"]

log = logging.getLogger("aisopod.failover")

Count = Callable[[ChatCompletionRequest, Candidate], Awaitable[int | None]]
"""The provider's own count of a prompt; None where it cannot be had."""

NEAR = 0.8
"""From this share of the window on, an estimate is not enough."""
SMALLEST_WINDOW = 2_000
"""Tokens that fit every model."""
FAR = 1.5
"""An estimate beyond this share is believed; the real count differs by a third at most."""


async def unfit(
    chain: Sequence[Candidate],
    request: ChatCompletionRequest,
    facts_for: Callable[[str, str], ModelFacts],
    count: Count | None,
) -> Mapping[int, AisopodError]:
    """Why candidates cannot do what is asked, by their places.

    Args:
        chain: the candidates.
        request: what is asked.
        facts_for: what is known of a provider's model.
        count: a provider's own count; None where nobody is to be asked.
    """
    needs = needs_of(request)
    if needs.are_everyones:
        return {}
    found: dict[int, AisopodError] = {}
    for place, candidate in enumerate(chain):
        facts = facts_for(*candidate)
        error = lacking(needs, facts)
        if error is None and is_near(needs, facts):
            exact = partial(count, request, candidate) if count is not None else None
            error = await overflow(request, facts, exact)
        if error is not None:
            found[place] = error
    return found


async def counted(
    pool: Pool, base_url: str | None, request: ChatCompletionRequest, candidate: Candidate
) -> int | None:
    """The prompt's tokens by the provider's own count, if it can be had."""
    own = pool.default(candidate.provider, base_url)
    if not isinstance(own, Provider) or own.host.token_counting is None:
        return None
    try:
        asked = msgspec.structs.replace(request, model=candidate.model)
        return (await own.count_tokens(asked)).tokens
    except AisopodError as error:
        log.info("%s: not counted: %s", candidate, error)
        return None


class Needs(msgspec.Struct, frozen=True):
    """What a request asks of a model.

    Attributes:
        images: whether it shows any.
        tools: whether the model is to call any.
        most: more tokens than its prompt has.
    """

    images: bool
    tools: bool
    most: int

    @property
    def are_everyones(self) -> bool:
        """Whether there is no model that could not do it."""
        return not (self.images or self.tools) and self.most < SMALLEST_WINDOW * NEAR


def needs_of(request: ChatCompletionRequest) -> Needs:
    """What a request asks of a model."""
    lists = [each.content for each in request.messages if each.content.__class__ is not str]
    images = any(isinstance(part, ImagePart) for parts in lists for part in parts)
    return Needs(images, bool(request.tools), most_tokens(request))


def lacking(needs: Needs, facts: ModelFacts) -> AisopodError | None:
    """Why a model cannot do it; None where it can, or where that is not known."""
    name = f"{facts.provider}/{facts.id}"
    if needs.images and facts.input_modalities and "image" not in facts.input_modalities:
        return UnsupportedFeatureError(
            f"{name} sees no images ({_source(facts, 'input_modalities')})",
            field="messages",
            value="image",
            remedy="Ask a model with vision: `aisopod models --vision`",
        )
    if needs.tools and facts.tools is False:
        return UnsupportedFeatureError(
            f"{name} calls no tools ({_source(facts, 'tools')})",
            field="tools",
            value="tools",
            remedy="Ask a model that does: `aisopod models --tools`",
        )
    return None


def is_near(needs: Needs, facts: ModelFacts) -> bool:
    """Whether the prompt may come near the window."""
    return facts.context_window is not None and needs.most > facts.context_window * NEAR


async def overflow(
    request: ChatCompletionRequest,
    facts: ModelFacts,
    count: Callable[[], Awaitable[int | None]] | None,
) -> ContextLengthError | None:
    """Whether the prompt is longer than the window.

    Args:
        request: what is asked.
        facts: of the model.
        count: the provider's own count, if it may be asked; None where it has none.
    """
    window = facts.context_window
    if window is None:
        return None
    size: int | None = estimate_tokens(request)
    assert size is not None  # noqa: S101 - an estimate is a number
    if size <= window * NEAR:
        return None
    least = estimate_tokens(request, per_file=FEWEST_PER_FILE)
    exact = await count() if count is not None and least <= window * FAR * 2 else None
    if exact is None and least <= window * FAR:
        return None
    size = size if exact is None else exact
    if size <= window:
        return None
    about = "" if exact is not None else "about "
    return ContextLengthError(
        f"the prompt has {about}{size:,} tokens, and the window is {window:,}"
        f" ({_source(facts, 'context_window')}): shorten it, or ask a model with a larger one",
        limit=window,
        size=size,
        provider=facts.provider,
        model=facts.id,
    )


def _source(facts: ModelFacts, field: str) -> str:
    source = facts.sources[field]
    return f"{source.name}, {source.as_of}" if source.as_of else source.name
