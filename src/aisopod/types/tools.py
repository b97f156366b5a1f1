"""Tools that a model may call."""

from collections.abc import Callable
from typing import Any, Literal, Self

import msgspec

from aisopod.types.content import CacheControl
from aisopod.types.schema import object_schema

__all__ = ["OpaqueTool", "Tool", "ToolChoice", "ToolChoiceMode"]

ToolChoiceMode = Literal["auto", "none", "required"]


class ToolChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Force one tool.

    Attributes:
        name: the tool that must be called.
    """

    name: str


class Tool(msgspec.Struct, frozen=True, kw_only=True, tag="function"):
    """A function that the model may ask to have called.

    Attributes:
        name: what the model calls it.
        description: what it does and when to use it.
        parameters: JSON schema of the arguments, of type `object`.
        strict: hold the arguments to the schema, where the wire can.
        cache: a prompt-caching mark after this tool.
    """

    name: str
    description: str = ""
    parameters: dict[str, Any] = msgspec.field(default_factory=object_schema)
    strict: bool | None = None
    cache: CacheControl | None = None

    @classmethod
    def from_function(cls, function: Callable[..., Any], **fields: Any) -> Self:
        """Describe a typed function: its name, its docstring, its parameters' types.

        The docstring's first paragraph is the description; a Google-style `Args:` section (or
        `Annotated[..., msgspec.Meta(description=...)]`) describes the parameters.

        Raises:
            InvalidRequestError: a parameter has no annotation, or one without a JSON schema, or stands
            for any number of arguments.
        """
        from aisopod.types.signature import described

        return cls(**{**described(function)._asdict(), **fields})


class OpaqueTool(msgspec.Struct, frozen=True, kw_only=True, tag="opaque"):
    """A provider's own tool, such as its web search, in the provider's own form.

    Attributes:
        provider: whose it is; another provider gets an UnsupportedFeatureError.
        data: the entry of the wire's `tools`, sent as it is.
    """

    provider: str
    data: dict[str, Any]
