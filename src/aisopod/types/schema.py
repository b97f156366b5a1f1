"""JSON schemas from Python types, and values back from JSON text."""

from functools import partial
from typing import Any

import msgspec

from aisopod.errors import InvalidRequestError, OutputValidationError
from aisopod.types.json_text import read_text
from aisopod.types.validation import adapter

__all__ = ["UNDESCRIBED", "inlined", "object_schema", "parse_as", "type_schema"]

UNDESCRIBED = (TypeError, NameError, RuntimeError)
"""What is raised for a type without a schema, or of which a part cannot be found: pydantic's errors
are RuntimeErrors, those of names that are not there yet NameErrors."""


def object_schema() -> dict[str, Any]:
    """The schema of an object without properties."""
    return {"type": "object", "properties": {}}


def type_schema(type_: Any) -> dict[str, Any]:  # noqa: ANN401 - any type that has a schema
    """JSON schema of a msgspec Struct, dataclass, TypedDict or pydantic model, or of what is made of them.

    Raises:
        InvalidRequestError: there is no schema for this type.
    """
    try:
        validator = adapter(type_)
        schema = msgspec.json.schema(type_) if validator is None else validator.json_schema()
    except UNDESCRIBED as error:
        raise InvalidRequestError(
            f"no JSON schema can be made of this type: {error}",
            field="response_format",
            value=type_,
            remedy="Give a msgspec Struct, a dataclass, a TypedDict, a pydantic model or a schema",
        ) from error
    return inlined(schema)


def parse_as(text: str, type_: Any) -> Any:  # noqa: ANN401 - any type that has a schema
    """Read JSON text as a value of `type_`.

    Raises:
        OutputValidationError: the text is no JSON, or not of that type.
    """
    validator = adapter(type_)
    try:
        if validator is not None:
            return read_text(text, validator.validate_json)
        return read_text(text, partial(msgspec.json.decode, type=type_))
    except ValueError as error:  # both libraries' validation errors are ValueErrors
        raise OutputValidationError(
            f"the answer does not fit {getattr(type_, '__name__', type_)}: {error}", text=text
        ) from error


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Put the definition that the root refers to in the root's place, as wires want it."""
    definitions = schema.get("$defs", {})
    reference = schema.get("$ref", "")
    name = reference.removeprefix("#/$defs/")
    if not reference or name not in definitions:
        return schema
    root = dict(definitions[name])
    rest = {key: value for key, value in definitions.items() if key != name}
    if rest or reference in str(root):
        root["$defs"] = rest if reference not in str((root, rest)) else definitions
    return root
