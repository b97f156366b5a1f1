"""What keeps a service from holding a model to a schema without changing what the schema means.

Sources: https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations,
https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html,
https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
"""

from collections.abc import Iterator
from typing import Any

from aisopod.normalise.references import pointed

__all__ = ["held_problem", "strict_problem"]

Schema = dict[str, Any]

_NAMED = ("properties", "$defs", "definitions")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
# One of these says what a value is.
_SAYING = frozenset({"type", "enum", "const", "$ref", "properties", "anyOf", "oneOf", "allOf"})
_CHOICES = frozenset({"$ref", "anyOf", "oneOf", "allOf"})
# What OpenAI has no words for; a grammar's conditions can stand in a description.
_CONDITIONS = ("not", "if", "then", "else", "dependentRequired", "dependentSchemas")


def held_problem(schema: Schema) -> str | None:
    """Why Anthropic's and Bedrock's grammars cannot hold an answer to a schema; None where they can."""
    for path, inner in _within(schema, ""):
        if problem := _unsaid(inner):
            return _said(path, problem)
        parts = inner.get("allOf") or ()
        if any(isinstance(part, dict) and "$ref" in part for part in parts):
            return _said(path, "combines a reference with others")
        if sum(isinstance(part, dict) and _is_object(part) for part in parts) > 1:
            return _said(path, "combines several objects, of which each would be closed")
    reference = _recursion(schema, schema, frozenset(), set())
    return None if reference is None else f"{reference} holds itself or leads nowhere"


def strict_problem(schema: Schema) -> str | None:
    """Why OpenAI cannot hold a model to a schema by `strict`; None where it can."""
    for path, inner in _within(schema, ""):
        if problem := _unsaid(inner):
            return _said(path, problem)
        if len(inner.get("allOf") or ()) > 1:
            return _said(path, "combines several schemas")
        if word := next((word for word in _CONDITIONS if word in inner), None):
            return _said(path, f"has the condition {word}")
    return None


def _said(path: str, problem: str) -> str:
    return f"{path.removeprefix('.') or 'its root'} {problem}"


def _unsaid(schema: Schema) -> str | None:
    """Why it cannot be said by the words there are: closed, it would be another schema."""
    if _SAYING.isdisjoint(schema):
        return "may be anything"
    if len(_CHOICES & schema.keys()) > 1:  # only one of them can be said beside others
        return "combines several schemas"
    if not _is_object(schema):
        return None
    more = schema.get("additionalProperties", "properties" not in schema)
    if more is True or isinstance(more, dict) or schema.get("patternProperties"):
        return "may have any keys"
    return None


def _is_object(schema: Schema) -> bool:
    return schema.get("type") == "object" or "properties" in schema


def _within(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """A schema and all in it, each with its place; one that is `true` is one without words."""
    yield path, schema
    inner: list[tuple[str, Any]] = []
    for word in _NAMED:
        if isinstance(schema.get(word), dict):
            inner += [(f"{path}.{word}.{name}", each) for name, each in schema[word].items()]
    for word in _LISTS:
        if isinstance(schema.get(word), list):
            inner += [(f"{path}.{word}[{at}]", each) for at, each in enumerate(schema[word])]
    if "items" in schema:
        inner.append((f"{path}.items", schema["items"]))
    for place, each in inner:
        if isinstance(each, dict) or each is True:
            yield from _within({} if each is True else each, place)


def _recursion(schema: Schema, root: Schema, open_: frozenset[str], done: set[str]) -> str | None:
    """A reference that leads back to itself, or out of the schema."""
    for _, inner in _within(schema, ""):
        reference = inner.get("$ref")
        if reference is None or reference in done:
            continue
        target = pointed(reference, root)
        if target is None or reference in open_:
            return str(reference)
        if found := _recursion(target, root, open_ | {reference}, done):
            return found
        done.add(reference)
    return None
