"""What Anthropic takes of schemas, at the root of a tool's and where a grammar is made of one."""

import re
from typing import Any

from aisopod.simulator.wire import Fields, Refusal

__all__ = ["check_schemas", "root_problem"]

_KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
# What no grammar holds an answer to.
_UNHELD = frozenset({
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
    "maxLength", "maxItems", "uniqueItems", "minProperties", "maxProperties",
})  # fmt: skip


def check_schemas(body: Fields) -> None:
    """Refuse schemas of tools and answers that the service does not take."""
    form = (body.get("output_config") or {}).get("format") or {}
    if "schema" in form:
        _check_schema(form["schema"], "output_config.format.schema")
    for index, tool in enumerate(body.get("tools") or []):
        if "input_schema" in tool:
            path = f"tools.{index}.custom.input_schema"
            if problem := root_problem(tool["input_schema"], path):
                raise Refusal(400, problem)
        if tool.get("strict"):
            _check_schema(tool["input_schema"], f"tools.{index}.custom.input_schema")


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


def _check_schema(schema: Any, path: str) -> None:  # noqa: ANN401 - any JSON value
    """https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations."""
    if isinstance(schema, list):
        for each in schema:
            _check_schema(each, path)
    if not isinstance(schema, dict):
        return
    kind = schema.get("type")
    if kind == "object" and schema.get("additionalProperties") is not False:
        raise Refusal(400, f"{path}: For 'object' type, 'additionalProperties' must be explicitly set to "
                   "false")  # fmt: skip
    unheld = sorted(_UNHELD & schema.keys())
    if unheld:
        raise Refusal(
            400, f"{path}: For '{kind}' type, properties {', '.join(unheld)} are not supported"
        )
    for name in ("properties", "$defs", "definitions"):
        _check_schema(list((schema.get(name) or {}).values()), path)
    for name in ("items", "anyOf", "allOf"):
        _check_schema(schema.get(name), path)
