"""What Google's form of a schema takes: https://ai.google.dev/api/caching#Schema."""

from typing import Any

from aisopod.simulator.wire import Fields, Refusal

__all__ = ["check_schema", "unknown_name"]

_TYPES = frozenset({"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"})
# fmt: off
_KEYWORDS = frozenset({
    "type", "format", "title", "description", "nullable", "enum", "items", "minItems", "maxItems",
    "properties", "required", "propertyOrdering", "minProperties", "maxProperties", "minimum",
    "maximum", "minLength", "maxLength", "pattern", "example", "anyOf", "default",
    "additionalProperties", "$ref", "$defs", "ref", "defs",
})
# fmt: on


def unknown_name(name: str, path: str) -> Refusal:
    """A field that the message does not have."""
    place = f" at '{path}'" if path else ""
    said = f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.'
    violation = {"field": path, "description": said}
    detail = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}
    return Refusal(400, said, details=[detail])


def check_schema(schema: Fields, path: str, *, empty: bool) -> None:
    """Refuse what the form has no word for, or what the service makes no sense of.

    Args:
        schema: the schema, names in camel case.
        path: where it stands, in the service's words.
        empty: whether the model takes an object without properties.
    """
    for name in schema:
        if name not in _KEYWORDS:
            raise unknown_name(name, path)
    kind = _kind(schema.get("type"), path)
    _check_kind(schema, kind, path, empty=empty)
    for index, inner in enumerate((schema.get("properties") or {}).values()):
        check_schema(inner, f"{path}.properties[{index}].value", empty=empty)
    for index, inner in enumerate(schema.get("anyOf") or []):
        check_schema(inner, f"{path}.any_of[{index}]", empty=empty)
    if isinstance(schema.get("items"), dict):
        check_schema(schema["items"], f"{path}.items", empty=empty)


def _kind(kind: Any, path: str) -> str:  # noqa: ANN401 - any JSON may come
    if kind is None:
        return ""
    if isinstance(kind, list):
        raise Refusal(
            400,
            f"Invalid JSON payload received. Unknown name \"type\" at '{path}': Proto field is "
            "not repeating, cannot start list.",
        )
    if not isinstance(kind, str) or kind.upper() not in _TYPES:
        raise Refusal(400, f"Invalid value at '{path}.type' (TYPE_ENUM), \"{kind}\"")
    return kind.upper()


def _check_kind(schema: Fields, kind: str, path: str, *, empty: bool) -> None:
    said = f"* GenerateContentRequest.{path}"
    properties = schema.get("properties") or {}
    if kind == "OBJECT" and not properties and not empty:
        raise Refusal(400, f"{said}.properties: should be non-empty for OBJECT type\n")
    if kind == "ARRAY" and "items" not in schema:
        raise Refusal(400, f"{said}.items: missing field.\n")
    if schema.get("enum") and kind != "STRING":
        raise Refusal(400, f"{said}.enum: only allowed for STRING type\n")
    for index, name in enumerate(schema.get("required") or []):
        if name not in properties:
            raise Refusal(400, f"{said}.required[{index}]: property is not defined\n")
