"""What a wire takes of a conversation, as data."""

import re
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from aisopod.types import DocumentPart, ImagePart, MediaPart

__all__ = ["Files", "Limits", "Words", "holds_all", "is_web_address", "reads_none", "reads_web"]

Media = type[ImagePart] | type[DocumentPart] | type[MediaPart]


class Words(msgspec.Struct, frozen=True):
    """What a wire takes as an id or a name.

    Attributes:
        legal: the pattern of a whole one.
        length: how long one may be, in characters; made ones of less than 16 are all digest.
    """

    legal: re.Pattern[str]
    length: int


# Halves of characters, of which no UTF-8 can be made, would all become the same sign.
ANY_WORD = Words(re.compile(r"[^\ud800-\udfff]*"), 64)
"""For wires that take every word."""


def is_web_address(address: str) -> bool:
    """Whether an address is one of the web."""
    return address[:8].lower().startswith(("http://", "https://"))


def reads_none(address: str, media_type: str | None) -> bool:  # noqa: ARG001 - of any file
    """A wire that takes files as bytes only."""
    return False


def reads_web(address: str, media_type: str | None) -> bool:  # noqa: ARG001 - whatever is there
    """A wire whose server reads any address of the web."""
    return is_web_address(address)


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """Which files of one kind a wire takes, with one model on one host.

    Attributes:
        types: media types that it takes as bytes, with `text/*` for all texts; None takes any, an
            empty set no file at all.
        reads: whether it reads the file at an address by itself; the second argument is the
            file's media type, where that was given.
        max_bytes: how large one may be.
        max_side: how many pixels an image may be wide, and high.
        crowd: how many images a request may show before a smaller `max_side` holds, and that one.
    """

    types: frozenset[str] | None = None
    reads: Callable[[str, str | None], bool] = reads_none
    max_bytes: int | None = None
    max_side: int | None = None
    crowd: tuple[int, int] | None = None

    def takes(self, media_type: str) -> bool:
        """Whether it takes files of this type as bytes."""
        bare = media_type.partition(";")[0]
        return (
            self.types is None
            or bare in self.types
            or ("text/*" in self.types and bare.startswith("text/"))
        )

    def side_among(self, images: int) -> int | None:
        """The most pixels that a side may have in a request that shows so many images."""
        if self.crowd is not None and images > self.crowd[0]:
            return self.crowd[1]
        return self.max_side


def _same(model: str) -> str:
    return model


def holds_all(schema: dict[str, Any]) -> str | None:  # noqa: ARG001 - whatever it says
    """A wire that finds fault with no schema."""
    return None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a wire takes, with one model on one host. The defaults take everything.

    Attributes:
        tool_ids: what ids of calls may be.
        tool_names: what names of tools may be.
        property_keys: what names of a tool's properties may be; None takes any.
        results_required: whether it refuses a call without a result.
        result_errors: whether a result has a field that says that the call failed.
        result_media: what a result may hold beside text.
        assistant_media: what an assistant's message may hold beside text.
        images: which images it takes.
        documents: which documents it takes.
        media: which sound and film it takes.
        blank_texts: texts that it refuses: `empty` ones, or all without a `visible` character.
        system: where system messages may stand: `anywhere`; at the top and, in mid-conversation,
            `behind_user`; only at the `top`; or nowhere, so that they go to the `user`.
        bound: whether signed thinking is taken back only behind what it was made behind: there
            nothing may move to the top.
        user_first: whether the first turn must be the user's.
        prefill: whether the last message may be the assistant's, to be continued.
        trailing_space: whether a text that is to be continued may end in white space.
        refusals: whether an assistant's message has a field for a refusal.
        names: whether messages have a field for a participant's name.
        thinking: whose thinking it takes back: its own if it is `signed`, all its `own`, also
            what nobody signed for (`any`), or `none`.
        redacted: whether thinking may be an encrypted block.
        thinking_beside: kind of the OpaquePart that says the same as thinking beside it.
        signed_fields: fields of calls that only the family of models that signed them reads.
        lineage: the family of a model: signed thinking is good for that alone.
        schema: how the answer is held to a schema: `native`; natively but only `apart` from tools;
            by the call of a `tool`; or not at all (`none`).
        unheld: why nothing can be held to a schema; None where it can be.
        loose_schemas: whether such a schema may go along, only without `strict`.
        schema_description: whether a description of that schema has a field of its own.
        forced_tool: when a tool may be forced: `always`, while the model is `resting` from
            thinking, or `never`.
        strict_tools: whether a call can be held to its tool's schema.
        reasoning_display: whether what is shown of the thinking can be chosen.
        caching: how prompts are kept: up to the `marks`; automatically, and up to marks on `parts`
            of messages; only `automatic`; or not at all (`none`).
        cache_keys: whether the request has a field for a cache key.
        image_detail: whether an image has a field for how closely to look at it.
        document_names: whether a document has a field for its name.
    """

    tool_ids: Words = ANY_WORD
    tool_names: Words = ANY_WORD
    property_keys: re.Pattern[str] | None = None
    results_required: bool = False
    result_errors: bool = True
    result_media: frozenset[Media] = frozenset({ImagePart, DocumentPart, MediaPart})
    assistant_media: frozenset[Media] = frozenset({ImagePart, DocumentPart, MediaPart})
    images: Files = Files()
    documents: Files = Files()
    media: Files = Files()
    blank_texts: Literal["taken", "empty", "visible"] = "taken"
    system: Literal["anywhere", "behind_user", "top", "user"] = "anywhere"
    bound: bool = False
    user_first: bool = False
    prefill: bool = True
    trailing_space: bool = True
    refusals: bool = False
    names: bool = False
    thinking: Literal["signed", "own", "any", "none"] = "own"
    redacted: bool = False
    thinking_beside: str | None = None
    signed_fields: frozenset[str] = frozenset()
    lineage: Callable[[str], str] = _same
    schema: Literal["native", "apart", "tool", "none"] = "native"
    unheld: Callable[[dict[str, Any]], str | None] = holds_all
    loose_schemas: bool = True
    schema_description: bool = False
    forced_tool: Literal["always", "resting", "never"] = "always"
    strict_tools: bool = True
    reasoning_display: bool = True
    caching: Literal["marks", "parts", "automatic", "none"] = "automatic"
    cache_keys: bool = False
    image_detail: bool = False
    document_names: bool = True
