"""JSON schemas from the signatures of functions."""

import copy
import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable
from typing import Any

import msgspec

from aisopod.errors import InvalidRequestError
from aisopod.types.schema import UNDESCRIBED, inlined
from aisopod.types.validation import adapter

__all__ = ["Signature", "described"]

_DESCRIBE = "describe the tool by a Tool with a JSON schema"
_MANY = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


class Signature(typing.NamedTuple):
    """What a function says of itself.

    Attributes:
        name: its name.
        description: the first paragraphs of its docstring.
        parameters: JSON schema of its arguments.
    """

    name: str
    description: str
    parameters: dict[str, Any]


def described(function: Callable[..., Any]) -> Signature:
    """Name, description and parameters of a typed function.

    What a `functools.partial` has bound is not the model's to give.

    Raises:
        InvalidRequestError: a parameter has no annotation, or one without a JSON schema, or stands
            for any number of arguments.
    """
    inner, bound = function, set[str]()
    while isinstance(inner, functools.partial):
        bound |= inner.keywords.keys()
        inner = inner.func
    name = getattr(inner, "__name__", type(inner).__name__)
    described_ = inner if hasattr(inner, "__name__") else inner.__call__  # type: ignore[operator]
    description, notes = _docstring(inspect.getdoc(inner) or "")
    path = f"tools[{name}]"
    hints = _hints(described_, path)
    fields = [
        _field(parameter, path, hints, notes)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name not in bound
    ]
    try:
        schema = _schema(name, fields)
    except UNDESCRIBED as error:
        raise InvalidRequestError(
            f"no JSON schema can be made of its parameters: {error}",
            field=path,
            remedy=f"Use JSON-like types, or {_DESCRIBE}",
        ) from error
    schema.pop("title", None)
    return Signature(name, description, schema)


class _Field(typing.NamedTuple):
    """A parameter; `default` is empty where it has none."""

    name: str
    hint: Any
    default: Any
    note: str | None


def _hints(function: Callable[..., Any], path: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        raise InvalidRequestError(
            f"its annotations cannot be read: {error}",
            field=path,
            remedy=f"Let them name what its module has when it runs, or {_DESCRIBE}",
        ) from error


def _field(
    parameter: inspect.Parameter, path: str, hints: dict[str, Any], notes: dict[str, str]
) -> _Field:
    name = parameter.name
    if parameter.kind in _MANY:
        raise InvalidRequestError(
            "a model gives arguments by their names, and this one has none",
            field=f"{path}.{_MANY[parameter.kind]}{name}",
            remedy=f"Name the parameters, or {_DESCRIBE}",
        )
    if name not in hints:
        raise InvalidRequestError(
            "the parameter has no type annotation",
            field=f"{path}.{name}",
            remedy=f"Annotate it, or {_DESCRIBE}",
        )
    return _Field(name, hints[name], parameter.default, notes.get(name))


def _schema(name: str, fields: list[_Field]) -> dict[str, Any]:
    """The schema of an object with these fields, by the library that knows their types."""
    if any(adapter(field.hint) is not None for field in fields):
        return _by_pydantic(name, fields)
    members: list[Any] = []
    for field in fields:
        hint = field.hint
        if field.note:
            hint = typing.Annotated[hint, msgspec.Meta(description=field.note)]
        has_default = field.default is not inspect.Parameter.empty
        members.append((field.name, hint, field.default) if has_default else (field.name, hint))
    return inlined(msgspec.json.schema(msgspec.defstruct(name, members, kw_only=True)))


def _by_pydantic(name: str, fields: list[_Field]) -> dict[str, Any]:
    """A dataclass takes any name of a parameter; a model of pydantic's has names of its own."""
    from pydantic import Field, TypeAdapter

    members: list[Any] = []
    for name_, hint, default, note in fields:
        about = typing.Annotated[hint, Field(description=note)] if note else hint
        if default is inspect.Parameter.empty:
            members.append((name_, about))
        elif default.__hash__ is None:  # no dataclass has such a one as it is
            members.append(
                (
                    name_,
                    about,
                    dataclasses.field(default_factory=functools.partial(copy.copy, default)),
                )
            )
        else:
            members.append((name_, about, default))
    made = dataclasses.make_dataclass(name, members, kw_only=True)
    return inlined(TypeAdapter(made).json_schema())


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
