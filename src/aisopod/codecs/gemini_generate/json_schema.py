"""JSON schemas to what the wire takes of them: any unknown keyword is refused with a 400.

Sources: https://ai.google.dev/api/caching#Schema for the older form, a subset of OpenAPI's, and
https://ai.google.dev/gemini-api/docs/structured-output#json_schema_support for the plain one.
"""

from collections.abc import Callable
from typing import Any

from aisopod.errors import InvalidRequestError
from aisopod.normalise.references import pointed

__all__ = ["check_openapi", "openapi_schema", "plain_schema"]

Schema = dict[str, Any]

_PLAIN = frozenset(
    {
        "$id", "$defs", "$ref", "$anchor", "type", "format", "title", "description", "enum", "items",
        "prefixItems", "minItems", "maxItems", "minimum", "maximum", "anyOf", "oneOf", "properties",
        "additionalProperties", "required", "propertyOrdering",
    }
)  # fmt: skip
_OPENAPI = frozenset(
    {
        "type", "format", "title", "description", "nullable", "enum", "items", "minItems", "maxItems",
        "properties", "required", "propertyOrdering", "minProperties", "maxProperties", "minimum",
        "maximum", "minLength", "maxLength", "pattern", "example", "anyOf", "default",
    }
)  # fmt: skip
# What says nothing of the value: nobody misses it.
_REMARKS = frozenset({"$schema", "$comment", "$id", "$anchor", "examples", "deprecated", "readOnly",
                      "writeOnly", "definitions", "$defs", "title", "additionalProperties"})  # fmt: skip
_STRINGS = frozenset({"date-time", "enum"})
_DEPTH = 32

Lost = Callable[[str, str], None]


def plain_schema(schema: Schema, path: str, lost: Lost) -> Schema:
    """A JSON schema with the keywords that newer models take.

    Args:
        schema: what the user gave; it is not changed.
        path: where it stands, for what is lost.
        lost: told the path and the keyword of what had to go.
    """
    definitions = schema.get("definitions")
    if isinstance(definitions, dict) and "$defs" not in schema:
        schema = {**_renamed(schema), "$defs": _renamed(definitions)}
    found: Schema = _Reduction(_PLAIN, lost, schema).reduced(schema, path, 0)
    return found


def openapi_schema(schema: Schema, path: str, lost: Lost) -> Schema:
    """The same as OpenAPI's subset: references in place, one type each, no `oneOf`.

    Args and what is lost as for `plain_schema`; what a schema holds of itself is left out, with
    whatever is nothing without it: an object without properties is refused.
    """
    found: Schema | None = _Reduction(_OPENAPI, lost, schema).reduced(schema, path, 0)
    return {"type": "object"} if found is None else found


def check_openapi(schema: Schema, path: str) -> None:
    """Refuse what older models refuse below a schema's root: places that leave open what they hold.

    Args:
        schema: in OpenAPI's subset.
        path: where the user's stands.

    Raises:
        InvalidRequestError: an object has no properties, or a list no items.
    """
    for name, inner in (schema.get("properties") or {}).items():
        _check_openapi(inner, f"{path}.properties.{name}")
    for index, inner in enumerate(schema.get("anyOf") or ()):
        _check_openapi(inner, f"{path}.anyOf[{index}]")
    if isinstance(schema.get("items"), dict):
        _check_openapi(schema["items"], f"{path}.items")


def _check_openapi(schema: Schema, path: str) -> None:
    kind, wanted = schema.get("type"), {"object": "properties", "array": "items"}
    if kind in wanted and not isinstance(schema.get(wanted[kind]) or None, dict):
        raise InvalidRequestError(
            f"this model takes no {kind} without {wanted[kind]}",
            field=path,
            value=schema,
            remedy=f"Say what it holds in {wanted[kind]}, or use a model from gemini-2.5 on",
        )
    check_openapi(schema, path)


class _Reduction:
    """One schema on its way to a set of keywords."""

    def __init__(self, keywords: frozenset[str], lost: Lost, root: Schema) -> None:
        self._keywords = keywords
        self._lost = lost
        self._root = root
        self._open: list[str] = []

    def reduced(self, schema: Any, path: str, depth: int) -> Any:  # noqa: ANN401 - schemas may be booleans
        if not isinstance(schema, dict):
            return schema if self._keywords is _PLAIN else {}
        if self._keywords is _OPENAPI and "$ref" in schema:
            return self._resolved(schema, path, depth)
        schema = self._merged(schema, path)
        if "const" in schema:
            schema = {**schema, "enum": [schema["const"]]}
            schema.pop("const")
        if self._keywords is _OPENAPI:
            schema = self._in_openapi(schema, path)
        return self._kept(schema, path, depth)

    def _kept(self, schema: Schema, path: str, depth: int) -> Schema | None:
        kept: Schema = {}
        for name, value in schema.items():
            if name not in self._keywords:
                # Whether there may be more properties is a remark; what they hold is none.
                if name not in _REMARKS or (
                    name == "additionalProperties" and isinstance(value, dict)
                ):
                    self._lost(path, name)
                continue
            kept[name] = self._value(name, value, f"{path}.{name}", depth + 1)
        if self._keywords is _PLAIN:
            return kept
        if _is_emptied(kept, schema):
            return None
        properties = kept.get("properties")
        if isinstance(properties, dict) and "required" in kept:
            # A required name without a property is refused.
            kept["required"] = [name for name in kept["required"] if name in properties]
        return kept

    def _value(self, name: str, value: Any, path: str, depth: int) -> Any:  # noqa: ANN401 - any JSON value
        if name in {"properties", "$defs"} and isinstance(value, dict):
            each = {key: self.reduced(one, f"{path}.{key}", depth) for key, one in value.items()}
            return {key: one for key, one in each.items() if one is not None}
        if name in {"anyOf", "oneOf", "prefixItems"} and isinstance(value, list):
            all_ = [self.reduced(one, f"{path}[{i}]", depth) for i, one in enumerate(value)]
            return [one for one in all_ if one is not None]
        if name in {"items", "additionalProperties"} and isinstance(value, dict):
            return self.reduced(value, path, depth)
        return value

    def _merged(self, schema: Schema, path: str) -> Schema:
        """`allOf` as one schema: both wires lack it."""
        parts = schema.get("allOf")
        if not isinstance(parts, list):
            return schema
        whole = {name: value for name, value in schema.items() if name != "allOf"}
        for part in parts:
            if not isinstance(part, dict) or ("$ref" in part and "$ref" in whole):
                self._lost(path, "allOf")
                continue
            target = self._target(part) if self._keywords is _OPENAPI else part
            if target is None:
                self._lost(path, "$ref")
                continue
            whole = _joined(whole, self._merged(target, path))
        return whole

    def _target(self, schema: Schema) -> Schema | None:
        """A schema with what it refers to; None where that is not in it."""
        if "$ref" not in schema:
            return schema
        found = pointed(schema["$ref"], self._root)
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return None if found is None else {**found, **rest}

    def _resolved(self, schema: Schema, path: str, depth: int) -> Schema | None:
        """What is referred to in the place of its reference; None where that has no end, or no place."""
        name = str(schema["$ref"])
        target = self._target(schema)
        if name in self._open or depth > _DEPTH or target is None:
            self._lost(path, "$ref")
            return None
        self._open.append(name)
        try:
            found: Schema | None = self.reduced(target, path, depth)
            return found
        finally:
            self._open.pop()

    def _in_openapi(self, schema: Schema, path: str) -> Schema:
        """Lists of types, `oneOf`, and what an enumeration may hold, in that form."""
        schema = dict(schema)
        if "oneOf" in schema:
            schema.setdefault("anyOf", schema["oneOf"])
            schema.pop("oneOf")
        if isinstance(schema.get("type"), list):
            types = [each for each in schema["type"] if each != "null"]
            if len(types) < len(schema["type"]):
                schema["nullable"] = True
            schema.pop("type")
            if len(types) == 1:
                schema["type"] = types[0]
            elif types:
                schema["anyOf"] = [{"type": each} for each in types]
        schema = _without_null(schema)
        if "enum" in schema:
            texts = [value for value in schema["enum"] if isinstance(value, str)]
            if len(texts) == len(schema["enum"]):
                schema.setdefault("type", "string")
            else:
                self._lost(path, "enum")
                schema.pop("enum")
        if schema.get("type") == "string" and schema.get("format") not in _STRINGS:
            schema.pop("format", None)
        return schema


def _is_emptied(kept: Schema, schema: Schema) -> bool:
    """Whether all that it was made of is left out."""
    inner = any(kept.get(name) in ({}, []) and schema[name] for name in ("properties", "anyOf")
                if name in kept)  # fmt: skip
    return inner or kept.get("items", True) is None


def _without_null(schema: Schema) -> Schema:
    """`anyOf` with null as `nullable`; one choice alone in its place."""
    choices = schema.get("anyOf")
    if not isinstance(choices, list):
        return schema
    rest = [each for each in choices if each != {"type": "null"}]
    if len(rest) == len(choices):
        return schema
    base = {name: value for name, value in schema.items() if name != "anyOf"} | {"nullable": True}
    if len(rest) == 1 and isinstance(rest[0], dict) and "$ref" not in rest[0]:
        return {**rest[0], **base}
    return {**base, "anyOf": rest}


def _joined(one: Schema, other: Schema) -> Schema:
    """Two schemas that both hold."""
    both = {**other, **one}
    for name in ("properties", "$defs"):
        if isinstance(one.get(name), dict) and isinstance(other.get(name), dict):
            both[name] = {**other[name], **one[name]}
    if isinstance(one.get("required"), list) and isinstance(other.get("required"), list):
        both["required"] = list(dict.fromkeys([*one["required"], *other["required"]]))
    return both


def _renamed(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """References to `definitions`, the old name, as references to `$defs`."""
    if isinstance(value, list):
        return [_renamed(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: each.replace("#/definitions/", "#/$defs/")
        if name == "$ref" and isinstance(each, str)
        else _renamed(each)
        for name, each in value.items()
        if name != "definitions"
    }
