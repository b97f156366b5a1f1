"""Types that pydantic describes and reads: its models, and whatever holds some.

Pydantic is nobody's dependency here: it is imported for who uses it.
"""

import dataclasses
import typing
from typing import Any, Protocol

__all__ = ["Adapter", "adapter"]


class Adapter(Protocol):
    """A pydantic TypeAdapter."""

    def json_schema(self) -> dict[str, Any]:
        """The JSON schema of the type."""

    def validate_json(self, data: str, /) -> Any:  # noqa: ANN401 - a value of the type
        """A value of the type."""


def adapter(type_: Any) -> Adapter | None:  # noqa: ANN401 - any type
    """What describes and reads a type, where that is pydantic's business; None where it is not."""
    if hasattr(type_, "validate_json") and hasattr(type_, "json_schema"):
        given: Adapter = type_
        return given
    if not _holds_model(type_, set()):
        return None
    from pydantic import TypeAdapter

    return TypeAdapter(type_)


def _holds_model(type_: Any, seen: set[int]) -> bool:  # noqa: ANN401 - any type
    """Whether a model stands anywhere in a type: in a list, a union, a dataclass, a TypedDict."""
    if id(type_) in seen:
        return False
    seen.add(id(type_))
    if hasattr(type_, "model_json_schema"):
        return True
    inner = list(typing.get_args(type_))
    # A TypedDict of typing_extensions, which pydantic wants before Python 3.12, is none of typing's.
    if dataclasses.is_dataclass(type_) or hasattr(type_, "__required_keys__"):
        try:
            inner += typing.get_type_hints(type_, include_extras=True).values()
        except NameError:
            return False  # whoever describes it says which name is missing
    return any(_holds_model(each, seen) for each in inner)
