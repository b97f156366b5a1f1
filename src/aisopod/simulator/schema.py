"""Values that fit a JSON schema, for answers that must."""

from typing import Any

__all__ = ["plausible", "pointed"]

_DEEPEST = 12
_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "simulated@example.com",
    "hostname": "example.com",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}

Schema = dict[str, Any]


def plausible(schema: Schema, root: Schema | None = None, depth: int = 0) -> Any:  # noqa: ANN401
    """A value that fits a schema, as far as ordinary schemas go.

    Args:
        schema: what to fit.
        root: the schema that `$ref` points into.
        depth: how deep in the value this is; recursive schemas end where they may.
    """
    root = schema if root is None else root
    schema = _resolved(schema, root, depth)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type", "object" if "properties" in schema or depth == 0 else "string")
    if isinstance(kind, list):
        kind = "null" if "null" in kind and depth >= _DEEPEST else kind[0]
    match kind:
        case "object":
            return _object(schema, root, depth)
        case "array":
            return _array(schema, root, depth)
        case "integer" | "number":
            return _number(schema, whole=kind == "integer")
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return _text(schema)


def _resolved(schema: Schema, root: Schema, depth: int) -> Schema:
    """The schema without references and choices. A chain that never ends is cut."""
    for _ in range(_DEEPEST):
        if "$ref" in schema:
            schema = {**pointed(schema["$ref"], root), **_without(schema, "$ref")}
        elif schema.get("allOf"):
            schema = _merged(schema, root)
        elif choices := schema.get("anyOf") or schema.get("oneOf"):
            chosen = choices[0]
            if depth >= _DEEPEST:
                chosen = next((one for one in choices if one.get("type") == "null"), chosen)
            schema = {**_without(schema, "anyOf", "oneOf"), **chosen}
        else:
            break
    return schema


def pointed(reference: str, root: Schema) -> Schema:
    """The schema that a reference points to; an empty one where there is none."""
    found: Any = root
    for name in reference.removeprefix("#").split("/"):
        if name:
            found = found.get(name.replace("~1", "/").replace("~0", "~"), {})
    return found if isinstance(found, dict) else {}


def _merged(schema: Schema, root: Schema) -> Schema:
    merged = _without(schema, "allOf")
    for one in schema["allOf"]:
        part = pointed(one["$ref"], root) if "$ref" in one else one
        properties = {**merged.get("properties", {}), **part.get("properties", {})}
        merged = {**merged, **part}
        if properties:
            merged["properties"] = properties
    return merged


def _without(schema: Schema, *names: str) -> Schema:
    return {name: value for name, value in schema.items() if name not in names}


def _object(schema: Schema, root: Schema, depth: int) -> Schema:
    properties = schema.get("properties", {})
    if depth >= _DEEPEST:
        # Optional properties are where a recursive schema may end.
        required = schema.get("required", ()) if depth < 2 * _DEEPEST else ()
        properties = {name: properties[name] for name in required if name in properties}
    return {name: plausible(value, root, depth + 1) for name, value in properties.items()}


def _array(schema: Schema, root: Schema, depth: int) -> list[Any]:
    least = schema.get("minItems", 0)
    count = max(1, least) if depth < _DEEPEST else least
    count = min(count, schema.get("maxItems", count))
    if depth >= 2 * _DEEPEST:
        count = 0
    items = schema.get("items")
    items = items if isinstance(items, dict) else {}
    return [plausible(items, root, depth + 1) for _ in range(count)]


def _number(schema: Schema, *, whole: bool) -> int | float:
    step: int | float = 1 if whole else 0.5
    value: int | float = 1 if whole else 1.5
    value = max(value, schema.get("minimum", value))
    if "exclusiveMinimum" in schema:
        value = max(value, schema["exclusiveMinimum"] + step)
    value = min(value, schema.get("maximum", value))
    if "exclusiveMaximum" in schema:
        value = min(value, schema["exclusiveMaximum"] - step)
    if multiple := schema.get("multipleOf"):
        value = -(-value // multiple) * multiple
    return int(value) if whole else value


def _text(schema: Schema) -> str:
    text = _FORMATS.get(schema.get("format", ""), "simulated")
    text = text.ljust(schema.get("minLength", 0), ".")
    return text[: schema.get("maxLength", len(text))]
