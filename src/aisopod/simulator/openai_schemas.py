"""What OpenAI takes of schemas, at the root of a function's and where `strict` holds a model to one.

Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
"""

from typing import Any

from aisopod.simulator.wire import Fields, Refusal

__all__ = ["check_function", "check_strict"]

_NOT_PERMITTED = ("allOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas",
                  "patternProperties")  # fmt: skip


def check_function(function: Fields, index: int) -> None:
    """Refuse what no function may have as its parameters.

    Source: https://github.com/langchain-ai/langchainjs/issues/9804
    """
    schema = function.get("parameters")
    if schema is None:
        return
    said, param = None, f"tools[{index}].function.parameters"
    if schema.get("type") != "object":
        said = (
            f"schema must be a JSON Schema of 'type: \"object\"', got 'type: {schema.get('type')}'."
        )
    elif not {"oneOf", "anyOf", "allOf", "enum", "not"}.isdisjoint(schema):
        said = ("schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at "
                "the top level.")  # fmt: skip
    elif "properties" not in schema:
        said = "In context=(), object schema missing properties."
    if said:
        raise _bad(f"Invalid schema for function '{function['name']}': {said}", param)
    if function.get("strict"):
        check_strict(schema, f"function '{function['name']}'", param)


def check_strict(schema: Fields, whose: str, param: str) -> None:
    """Refuse what `strict` does not take, anywhere in a schema.

    Args:
        schema: the schema.
        whose: what it is of, in the service's words.
        param: the field that it stands in.
    """
    said = f"Invalid schema for {whose}: In context="
    if "anyOf" in schema or schema.get("type") != "object":
        raise _bad(
            f"{said}(), schema must have type 'object' and not have 'anyOf' at the top level.",
            param,
        )
    if problem := _problem(schema, ()):
        raise _bad(f"{said}{problem}", param)


def _problem(schema: Any, context: tuple[str, ...]) -> str | None:  # noqa: ANN401 - any JSON
    """What is wrong first, with its place, in the service's words."""
    if not isinstance(schema, dict) or {"type", "$ref", "anyOf", "enum", "const"}.isdisjoint(
        schema
    ):
        return f"{context}, schema must have a 'type' key."
    if word := next((word for word in _NOT_PERMITTED if word in schema), None):
        return f"{context}, '{word}' is not permitted."
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        return f"{context}, 'additionalProperties' is required to be supplied and to be false."
    if missing := set(schema.get("properties", {})) - set(schema.get("required", ())):
        return (f"{context}, 'required' is required to be supplied and to be an array including every "
                f"key in properties. Missing '{min(missing)}'.")  # fmt: skip
    inner = [
        ((*context, name, key), each)
        for name in ("properties", "$defs", "definitions")
        for key, each in (schema.get(name) or {}).items()
    ]
    inner += [
        ((*context, "anyOf", str(at)), each) for at, each in enumerate(schema.get("anyOf") or ())
    ]
    inner += [((*context, "items"), schema["items"])] if "items" in schema else []
    return next((problem for place, each in inner if (problem := _problem(each, place))), None)


def _bad(message: str, param: str) -> Refusal:
    of_format = param == "response_format"
    code = "invalid_json_schema" if of_format else "invalid_function_parameters"
    return Refusal(400, message, param=param, code=code)
