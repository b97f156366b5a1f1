"""What Anthropic takes of schemas, at the root of a tool's and where a grammar is made of one."""

import re
from typing import Any

from aisopod.simulator.schema import pointed
from aisopod.simulator.wire import Fields, Refusal

__all__ = ["check_held", "check_schemas", "root_problem"]

_KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
# What no grammar holds an answer to.
_UNHELD = frozenset({
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
    "maxLength", "maxItems", "uniqueItems", "minProperties", "maxProperties",
})  # fmt: skip
_SAYING = frozenset({"type", "enum", "const", "$ref", "anyOf", "oneOf", "allOf"})


def check_schemas(body: Fields) -> None:
    """Refuse schemas of tools and answers that the service does not take."""
    form = (body.get("output_config") or {}).get("format") or {}
    if "schema" in form:
        check_held(form["schema"], "output_config.format.schema")
    for index, tool in enumerate(body.get("tools") or []):
        if "input_schema" in tool:
            path = f"tools.{index}.custom.input_schema"
            if problem := root_problem(tool["input_schema"], path):
                raise Refusal(400, problem)
        if tool.get("strict"):
            check_held(tool["input_schema"], f"tools.{index}.custom.input_schema")


def root_problem(schema: Fields, path: str) -> str | None:
    """What is refused of the root of a tool's parameters, in the service's words.

    Sources: https://github.com/anthropics/claude-code/issues/5319,
    https://github.com/beautyfree/appstore-connect-mcp/issues/2
    """
    if schema.get("type") != "object":
        return f"{path}.type: Input should be 'object'"
    if not {"oneOf", "allOf", "anyOf"}.isdisjoint(schema):
        return f"{path}: input_schema does not support oneOf, allOf, or anyOf at the top level"
    if not all(map(_KEY.fullmatch, schema.get("properties") or ())):
        return f"{path}.properties: Property keys should match pattern '^[a-zA-Z0-9_.-]{{1,64}}$'"
    return None


def check_held(schema: Fields, path: str) -> None:
    """Refuse a schema that no grammar is made of.

    Source: https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations
    """
    _check_held(schema, path, schema, frozenset())


def _check_held(schema: Any, path: str, root: Fields, open_: frozenset[str]) -> None:  # noqa: ANN401 - any JSON value
    if isinstance(schema, list):
        for each in schema:
            _check_held(each, path, root, open_)
    if not isinstance(schema, dict):
        return
    if problem := _problem(schema):
        raise Refusal(400, f"{path}: {problem}")
    reference = schema.get("$ref")
    if reference in open_:
        raise Refusal(400, f"{path}: Circular reference detected in schema: {reference}")
    if reference is not None:
        _check_held(pointed(reference, root), path, root, open_ | {reference})
    for name in ("properties", "$defs", "definitions"):
        _check_held(list((schema.get(name) or {}).values()), path, root, open_)
    for name in ("items", "anyOf", "allOf"):
        _check_held(schema.get(name), path, root, open_)


def _problem(schema: Fields) -> str | None:
    kind = schema.get("type")
    if kind == "object" and schema.get("additionalProperties") is not False:
        return "For 'object' type, 'additionalProperties' must be explicitly set to false"
    if unheld := sorted(_UNHELD & schema.keys()):
        return f"For '{kind}' type, properties {', '.join(unheld)} are not supported"
    if any("$ref" in part for part in schema.get("allOf") or ()):
        return "allOf with $ref is not supported"
    if _SAYING.isdisjoint(schema):
        return "Schema must have a 'type', 'anyOf', 'oneOf', or 'allOf' field"
    return None
