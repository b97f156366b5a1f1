"""JSON schemas that an answer or a call is held to, as the wires that do so take them.

What they refuse of a schema the model can still read, so it goes into the description, as the
vendor's own SDK puts it there. What would mean something else so is not given to these
(`schema_problems`).

Sources: https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs#json-schema-limitations,
https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html,
https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
"""

from collections.abc import Callable
from typing import Any

__all__ = ["Tell", "held_schema", "strict_schema"]

Schema = dict[str, Any]
Tell = Callable[[str, str], None]
"""Called with the path of what had to be changed, and what became of it."""

_DEFINITIONS = ("$defs", "definitions")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_TAKEN = frozenset({"$ref", "type", "enum", "const", "title", "description", "required"})
# Keywords of which only some values are taken.
_SOME: dict[str, tuple[Any, ...]] = {
    "format": ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"),
    "minItems": (0, 1),
}  # fmt: skip
# What says nothing of the value: nobody misses it.
_REMARKS = frozenset(
    {"$schema", "$id", "$anchor", "$comment", "deprecated", "readOnly", "writeOnly"}
)


def held_schema(schema: Schema, path: str, tell: Tell) -> Schema:
    """A schema as Anthropic's and Bedrock's grammars take it.

    Objects are closed, and what a grammar cannot hold (`minimum`, `pattern`, …) is in words.

    Args:
        schema: what the user gave; it is not changed.
        path: where it stands.
        tell: told what had to be changed.
    """
    found: Schema = {}
    words: Schema = {}
    for name, value in _apart(schema).items():
        if name == "oneOf":
            found["anyOf"] = _inside(held_schema, "anyOf", value, f"{path}.{name}", tell)
        elif name in _DEFINITIONS or name in {*_LISTS, "properties", "items"}:
            found[name] = _inside(held_schema, name, value, f"{path}.{name}", tell)
        elif name in _TAKEN or (name in _SOME and value in _SOME[name]):
            found[name] = value
        elif name != "additionalProperties" and name not in _REMARKS:
            words[name] = value
    if _is_object(schema):
        found["additionalProperties"] = False
    if words:
        tell(path, f"{', '.join(words)} stands in the description")
        said = "{" + ", ".join(f"{name}: {value}" for name, value in words.items()) + "}"
        found["description"] = "\n\n".join(filter(None, (found.get("description"), said)))
    return found


def strict_schema(schema: Schema, path: str, tell: Tell) -> Schema:
    """A schema as OpenAI's `strict` takes it, as its SDK makes one: closed, every property required.

    Args as for `held_schema`.
    """
    # What one of several must fit, one of them alone must: OpenAI has the former word only.
    found = {
        "anyOf" if name == "oneOf" else name: _inside(
            strict_schema, name, value, f"{path}.{name}", tell
        )
        for name, value in _apart(schema).items()
        if not (name == "default" and value is None)
    }
    if len(found.get("allOf") or ()) == 1:
        found |= found.pop("allOf")[0]
    if not _is_object(found):
        return found
    properties = found.get("properties") or {}
    optional = [name for name in properties if name not in (found.get("required") or ())]
    if optional:
        tell(path, f"{', '.join(optional)} became required")
    return {**found, "required": list(properties), "additionalProperties": False}


def _apart(schema: Schema) -> Schema:
    """A reference with something beside it as a choice of one: the wires take it only alone."""
    rest = {name: value for name, value in schema.items() if name != "$ref"}
    if "$ref" not in schema or rest.keys() <= {*_DEFINITIONS}:
        return schema
    alone = {"$ref": schema["$ref"]}
    return {"allOf": [alone, rest]} if "anyOf" in rest else {**rest, "anyOf": [alone]}


def _inside(
    fit: Callable[[Schema, str, Tell], Schema],
    name: str,
    value: Any,  # noqa: ANN401 - any JSON value
    path: str,
    tell: Tell,
) -> Any:  # noqa: ANN401 - the same
    """A keyword's value with the schemas in it fitted."""
    if name in {"properties", *_DEFINITIONS} and isinstance(value, dict):
        return {
            key: fit(each, f"{path}.{key}", tell) if isinstance(each, dict) else each
            for key, each in value.items()
        }
    if name in _LISTS and isinstance(value, list):
        return [
            fit(each, f"{path}[{at}]", tell) if isinstance(each, dict) else each
            for at, each in enumerate(value)
        ]
    if name == "items" and isinstance(value, dict):
        return fit(value, path, tell)
    return value


def _is_object(schema: Schema) -> bool:
    return schema.get("type") == "object" or "properties" in schema
