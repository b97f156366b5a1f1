"""JSON schemas from Python types, and values back from JSON text."""

from collections.abc import Callable
from typing import Any

import msgspec

from aisopod.errors import InvalidRequestError, OutputValidationError

__all__ = ["object_schema", "parse_as", "signature_schema", "type_schema"]


def object_schema() -> dict[str, Any]:
    """The schema of an object without properties."""
    return {"type": "object", "properties": {}}


def type_schema(type_: Any) -> dict[str, Any]:  # noqa: ANN401 - any type that has a schema
    """JSON schema of a msgspec Struct, dataclass, TypedDict or pydantic model.

    Raises:
        InvalidRequestError: there is no schema for this type.
    """
    pydantic_schema = getattr(type_, "model_json_schema", None)
    if pydantic_schema is not None:
        schema: dict[str, Any] = pydantic_schema()
        return schema
    try:
        return _inline_top(msgspec.json.schema(type_))
    except TypeError as error:
        raise InvalidRequestError(
            f"no JSON schema can be made of this type: {error}",
            field="response_format",
            value=type_,
            remedy="Give a msgspec Struct, a dataclass, a TypedDict, a pydantic model or a schema",
        ) from error


def parse_as(text: str, type_: Any) -> Any:  # noqa: ANN401 - any type that has a schema
    """Read JSON text as a value of `type_`.

    Raises:
        OutputValidationError: the text is no JSON, or not of that type.
    """
    validate = getattr(type_, "model_validate_json", None)
    try:
        if validate is not None:
            return validate(text)
        return msgspec.json.decode(text, type=type_)
    except ValueError as error:  # both libraries' validation errors are ValueErrors
        raise OutputValidationError(
            f"the answer does not fit {getattr(type_, '__name__', type_)}: {error}", text=text
        ) from error


def signature_schema(function: Callable[..., Any]) -> tuple[str, dict[str, Any]]:
    """Description and parameter schema of a typed function.

    Raises:
        InvalidRequestError: a parameter has no annotation, or one without a JSON schema.
    """
    import inspect
    import typing

    hints = typing.get_type_hints(function, include_extras=True)
    description, notes = _docstring(inspect.getdoc(function) or "")
    fields: list[Any] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in hints:
            raise InvalidRequestError(
                "the parameter has no type annotation",
                field=f"tools[{function.__name__}].{name}",
                remedy="Annotate it, or describe the tool by a Tool with a JSON schema",
            )
        hint = hints[name]
        if name in notes:
            hint = typing.Annotated[hint, msgspec.Meta(description=notes[name])]
        if parameter.default is inspect.Parameter.empty:
            fields.append((name, hint))
        else:
            fields.append((name, hint, parameter.default))
    try:
        struct = msgspec.defstruct(function.__name__, fields, kw_only=True)
        schema = _inline_top(msgspec.json.schema(struct))
    except TypeError as error:
        raise InvalidRequestError(
            f"no JSON schema can be made of its parameters: {error}",
            field=f"tools[{function.__name__}]",
            remedy="Use JSON-like types, or describe the tool by a Tool with a JSON schema",
        ) from error
    schema.pop("title", None)
    return description, schema


def _inline_top(schema: dict[str, Any]) -> dict[str, Any]:
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


def _docstring(text: str) -> tuple[str, dict[str, str]]:
    """Split a Google-style docstring into its description and its notes on parameters."""
    lines = text.splitlines()
    heads = {"Args:", "Arguments:", "Returns:", "Raises:", "Yields:", "Example:", "Examples:"}
    end = next((i for i, line in enumerate(lines) if line.strip() in heads), len(lines))
    notes: dict[str, str] = {}
    name = ""
    inside = False
    for line in lines[end:]:
        stripped = line.strip()
        if stripped in heads:
            inside = stripped.startswith("Arg")
        elif inside and line.startswith("    ") and not line.startswith("     ") and ":" in line:
            head, _, note = stripped.partition(":")
            name = head.split(" (")[0].strip()
            notes[name] = note.strip()
        elif inside and stripped and name:
            notes[name] += " " + stripped
    return "\n".join(lines[:end]).strip(), notes
