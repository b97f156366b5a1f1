"""Fits a request's files to a wire: fetches what it reads no address of, changes what it refuses."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from aisopod.attachments.addresses import why_not
from aisopod.attachments.documents import as_text
from aisopod.attachments.images import refit
from aisopod.attachments.settings import FetchConfig
from aisopod.errors import InvalidRequestError
from aisopod.normalise.limits import Limits
from aisopod.normalise.media_types import FilePart, shown_address, type_by_ending, type_of_content
from aisopod.normalise.misfits import Misfit, Placing, file_parts, find_misfits, may_need_change
from aisopod.normalise.notes import Notes
from aisopod.normalise.target import Target
from aisopod.types import (
    ChatCompletionRequest,
    DocumentPart,
    ImagePart,
    MediaPart,
    Part,
    ResponseWarning,
    TextPart,
)

if TYPE_CHECKING:
    from aisopod.attachments.fetch import Fetched, Fetcher

__all__ = ["Attachments", "Fitted", "Kept"]

Kept = dict[str, "Fetched"]
"""What was fetched for one request, by address, so that its next candidate need not fetch it."""


_LIKELY: dict[type, tuple[str, ...]] = {
    ImagePart: ("image/png",),
    DocumentPart: ("application/pdf", "text/plain"),
    MediaPart: ("audio/mpeg", "video/mp4"),
}


class Fitted(NamedTuple):
    """A request whose files the wire takes.

    Attributes:
        request: the request.
        warnings: what was done to its files.
    """

    request: ChatCompletionRequest
    warnings: list[ResponseWarning]


class Attachments:
    """What is done with files that a wire does not take as they are.

    Args:
        config: whether and how files are fetched.
        ca_bundle: PEM file of the authorities to trust in place of the system's.
        proxy_for: URL of a file to URL of the proxy for it, or None.
    """

    def __init__(
        self,
        config: FetchConfig | None = None,
        *,
        ca_bundle: str | None = None,
        proxy_for: Callable[[str], str | None] | None = None,
    ) -> None:
        self._config = config or FetchConfig()
        self._ca_bundle = ca_bundle
        self._proxy_for = proxy_for
        self._fetcher: Fetcher | None = None

    def misfits(
        self, request: ChatCompletionRequest, target: Target, limits: Callable[[Target], Limits]
    ) -> list[Misfit]:
        """The request's files that a wire does not take as they are, or may not.

        Args:
            request: what is asked.
            target: whom it is for.
            limits: what that one's wire takes.
        """
        placings = file_parts(request)
        if not placings:
            return []
        found = find_misfits(placings, limits(target), target)
        return [each for each in found if self._config.enabled or not each.fetch]

    async def fit(
        self,
        request: ChatCompletionRequest,
        misfits: Sequence[Misfit],
        target: Target,
        kept: Kept,
    ) -> Fitted:
        """The request as the wire takes it; fetching is concurrent, decoding is off the loop.

        Args:
            request: what is asked; it is not changed.
            misfits: which of its files do not fit.
            target: whom it is for.
            kept: what was fetched for it before; takes in what is fetched now.

        Raises:
            InvalidRequestError: a file cannot be fetched, read or made to fit.
        """
        await self._fetch([each.placing for each in misfits if each.fetch], kept)
        return await asyncio.to_thread(_fitted, request, misfits, target, kept)

    def preview(
        self, request: ChatCompletionRequest, misfits: Sequence[Misfit], target: Target
    ) -> Fitted:
        """As `fit`, but nothing is fetched: something stands in the place of what would be."""
        for misfit in misfits:
            reason = None
            if misfit.fetch:
                url = str(misfit.placing.part.url)
                reason = why_not(url, allow_private=self._config.allow_private)
            if reason is not None:
                raise _unfetched(misfit.placing, reason, "Give its bytes")
        return _fitted(request, misfits, target, None)

    async def _fetch(self, placings: Sequence[Placing], kept: Kept) -> None:
        missing = {str(each.part.url): each for each in reversed(placings)}
        missing = {url: each for url, each in missing.items() if url not in kept}
        if not missing:
            return
        from aisopod.attachments.fetch import Fetcher, NotFetchedError

        if self._fetcher is None:
            self._fetcher = Fetcher(
                self._config, ca_bundle=self._ca_bundle, proxy_for=self._proxy_for
            )
        try:
            kept.update(await self._fetcher.fetch(missing))
        except NotFetchedError as error:
            raise _unfetched(missing[error.url], error.reason, error.remedy) from None


def _unfetched(placing: Placing, reason: str, remedy: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"the wire reads no address, and this one cannot be fetched: {reason}",
        field=f"{placing.path}.url",
        value=shown_address(str(placing.part.url)),
        remedy=remedy,
    )


def _fitted(
    request: ChatCompletionRequest, misfits: Sequence[Misfit], target: Target, kept: Kept | None
) -> Fitted:
    """Every misfit in its new form; without `kept`, what would be fetched has a stand-in."""
    notes = Notes(target)
    made: dict[tuple[int, int], Part] = {}
    for misfit in misfits:
        placing = misfit.placing
        part: Part = placing.part
        if misfit.fetch and kept is None:
            part = _stand_in(misfit, notes)
        else:
            if misfit.fetch and kept is not None:
                placing = Placing(placing.index, placing.position, _arrived(placing, kept, notes))
            part = _changed(placing, misfit, target, notes)
        made[placing.index, placing.position] = part
    return Fitted(_with_parts(request, made), notes.warnings)


def _arrived(placing: Placing, kept: Kept, notes: Notes) -> FilePart:
    """A part with the bytes that were fetched for it."""
    part, url = placing.part, str(placing.part.url)
    fetched = kept[url]
    told = part.media_type or fetched.told
    if told is None or told.startswith("application/octet-stream"):
        told = type_by_ending(url)
    media_type = type_of_content(part, fetched.data, told)
    if media_type is None:
        kind = {ImagePart: "image", DocumentPart: "document"}.get(type(part), "sound or film")
        raise InvalidRequestError(
            f"what is there is no {kind} of a known type, by its content ({told or 'no type told'})",
            field=f"{placing.path}.url",
            value=shown_address(url),
            remedy="Check the address, or give the bytes with their media_type",
        )
    notes.warn(
        "fetched",
        f"{shown_address(url)} was fetched and sent as {len(fetched.data):,} bytes of {media_type}",
        index=placing.index,
        part=placing.position,
    )
    return msgspec.structs.replace(part, url=None, data=fetched.data, media_type=media_type)


def _changed(placing: Placing, misfit: Misfit, target: Target, notes: Notes) -> Part:
    """A part whose bytes are here, as the wire takes it."""
    part = placing.part
    if not may_need_change(part, misfit.files, misfit.side, target):
        return part
    if isinstance(part, DocumentPart):
        text = as_text(part, placing.path)
        notes.warn(
            "document_as_text",
            "the text of a document was sent, since there is no place for documents",
            index=placing.index,
            part=placing.position,
        )
        return text
    fitting = refit(
        part.data or b"", part.media_type or "", misfit.files, misfit.side, placing.path
    )
    if fitting is None:
        return part
    if fitting.rule:
        notes.warn(fitting.rule, fitting.told, index=placing.index, part=placing.position)
    return msgspec.structs.replace(part, data=fitting.data, media_type=fitting.media_type)


def _stand_in(misfit: Misfit, notes: Notes) -> Part:
    """What a preview shows in the place of a file that would be fetched."""
    placing = misfit.placing
    part, url = placing.part, str(placing.part.url)
    notes.warn(
        "fetched",
        f"{shown_address(url)} would be fetched and sent as bytes",
        index=placing.index,
        part=placing.position,
    )
    text = f"(fetched from {shown_address(url)})"
    guesses = (part.media_type, type_by_ending(url), *_LIKELY[type(part)])
    kind = next((each for each in guesses if each and misfit.files.takes(each)), None)
    if kind is None:
        return TextPart(text=text)
    return msgspec.structs.replace(part, url=None, data=text.encode(), media_type=kind)


def _with_parts(
    request: ChatCompletionRequest, made: dict[tuple[int, int], Part]
) -> ChatCompletionRequest:
    messages = list(request.messages)
    for (index, position), part in made.items():
        content = list(messages[index].content)
        content[position] = part
        messages[index] = msgspec.structs.replace(messages[index], content=content)
    return msgspec.structs.replace(request, messages=messages)
