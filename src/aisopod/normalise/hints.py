"""What a request wishes beside its words, on wires that have no field for it: told, never refused."""

from collections.abc import Iterator
from typing import NamedTuple

from aisopod.normalise.limits import Limits
from aisopod.normalise.notes import Notes
from aisopod.types import (
    CacheControl,
    ChatCompletionRequest,
    DocumentPart,
    ImagePart,
    Part,
    Tool,
)

__all__ = ["tell_hints"]

_HINTING = (ImagePart, DocumentPart)


class _At(NamedTuple):
    """A part, and where it stands in the request."""

    message: int
    position: int
    part: Part


class _Mark(NamedTuple):
    """A cache mark, and where it stands; neither for a tool's, no part for a message's."""

    mark: CacheControl
    message: int | None = None
    part: int | None = None


def tell_hints(request: ChatCompletionRequest, limits: Limits, notes: Notes) -> None:
    """Say which cache marks, details of images, names of documents and strict tools are not sent.

    Why: the answer is the same without them, so nobody would notice; what it costs or how well it
    fits is not. What may stand on every message is told once, with the first place and the count.

    Sources: https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching,
    https://platform.openai.com/docs/guides/prompt-caching,
    https://platform.openai.com/docs/guides/images-vision#choose-an-image-detail-level
    """
    parts = [
        _At(index, position, part)
        for index, message in enumerate(request.messages)
        if isinstance(message.content, list)
        for position, part in enumerate(message.content)
        if getattr(part, "cache", None) is not None or isinstance(part, _HINTING)
    ]
    _tell_caching(request, parts, limits, notes)
    _tell_details(parts, limits, notes)
    _tell_names(parts, limits, notes)
    if not limits.strict_tools:
        _tell_strict(request, notes)
    if request.reasoning and request.reasoning.display and not limits.reasoning_display:
        notes.warn("reasoning_display", "what is shown of the thinking cannot be chosen",
                   field="reasoning.display", action="left_out")  # fmt: skip


def _tell_caching(
    request: ChatCompletionRequest, parts: list[_At], limits: Limits, notes: Notes
) -> None:
    marks = list(_marks(request, parts))
    keyed = [each for each in marks if each.mark.key is not None]
    if request.cache is not None:
        marks.append(_Mark(request.cache))
        if request.cache.key is not None and not limits.cache_keys:
            keyed.append(marks[-1])
    _tell(notes, "cache_key", keyed, "{marks}'s key was left out: there is no field for it")
    if limits.caching == "marks":
        return
    if limits.caching == "parts":
        marks = [each for each in marks if each.message is None]
    if limits.caching == "none":
        _tell(notes, "cache_marks", marks, "{marks} was left out: no prompts are kept")
        return
    # Prompts are kept without being asked for it, so a mark is met; for how long, is not.
    kept = [each for each in marks if each.mark.ttl is not None]
    _tell(notes, "cache_marks", kept, "{marks}'s time to live was left out: prompts are kept as "
          "the provider sees fit")  # fmt: skip


def _marks(request: ChatCompletionRequest, parts: list[_At]) -> Iterator[_Mark]:
    for index, position, part in parts:
        mark = getattr(part, "cache", None)
        if mark is not None:
            yield _Mark(mark, index, position)
    for index, message in enumerate(request.messages):
        if message.cache is not None:
            yield _Mark(message.cache, index)
    for tool in request.tools:
        if isinstance(tool, Tool) and tool.cache is not None:
            yield _Mark(tool.cache)


def _tell(notes: Notes, rule: str, marks: list[_Mark], message: str) -> None:
    if not marks:
        return
    first = marks[0]
    told = message.format(
        marks=f"each of {len(marks)} cache marks" if marks[1:] else "a cache mark"
    )
    field = "cache" if first.message is None else None
    notes.warn(rule, told, index=first.message, part=first.part, field=field, action="left_out")


def _tell_details(parts: list[_At], limits: Limits, notes: Notes) -> None:
    if limits.image_detail:
        return
    found = [at for at in parts if isinstance(at.part, ImagePart) and at.part.detail is not None]
    if found:
        many = f"the detail of {len(found)} images" if len(found) > 1 else "an image's detail"
        notes.warn("image_detail", f"{many} was left out: there is no field for it",
                   index=found[0].message, part=found[0].position, action="left_out")  # fmt: skip


def _tell_names(parts: list[_At], limits: Limits, notes: Notes) -> None:
    if limits.document_names:
        return
    for index, position, part in parts:
        if isinstance(part, DocumentPart) and part.name:
            notes.warn("document_name", f"the name {part.name!r} was left out: there is no field "
                       "for it", index=index, part=position, action="left_out")  # fmt: skip


def _tell_strict(request: ChatCompletionRequest, notes: Notes) -> None:
    names = [tool.name for tool in request.tools if isinstance(tool, Tool) and tool.strict]
    if names:
        notes.warn("strict_tools", f"strict was left out of {', '.join(names)}: the model is not "
                   "held to a tool's schema", field="tools", action="left_out")  # fmt: skip
