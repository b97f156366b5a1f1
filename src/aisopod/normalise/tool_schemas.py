"""The root of a tool's parameters: services take one object there, whatever else they take below."""

from typing import Any

import msgspec

from aisopod.errors import InvalidRequestError
from aisopod.normalise.limits import Limits
from aisopod.normalise.notes import Notes
from aisopod.normalise.references import pointed
from aisopod.types import ChatCompletionRequest, OpaqueTool, Tool

__all__ = ["fit_parameters"]

Schema = dict[str, Any]

_UNIONS = ("anyOf", "oneOf")
# What OpenAI refuses at the root; Anthropic refuses the first three and needs no others.
_REFUSED = frozenset({"allOf", *_UNIONS, "$ref", "enum", "not", "const"})
_DEFINITIONS = ("$defs", "definitions")


def fit_parameters(
    request: ChatCompletionRequest, answer: str | None, limits: Limits, notes: Notes
) -> ChatCompletionRequest:
    """Every tool's parameters as one object with `properties`.

    Why: a root that is a reference or a choice is refused ("input_schema does not support oneOf,
    allOf, or anyOf at the top level"; "schema must have type 'object' and not have 'oneOf'/'anyOf'/
    'allOf'/'enum'/'not' at the top level"). Of a choice the properties of all branches are taken,
    and what all require: a call looks as the user's tool expects it, which an object around it
    would change. Which belong together goes into the description.

    Sources: https://docs.anthropic.com/en/api/messages, https://github.com/anthropics/claude-code/issues/5319,
    https://github.com/langchain-ai/langchainjs/issues/9804

    Args:
        request: what is asked.
        answer: the tool that stands for the schema of the answer.
        limits: what the wire takes.
        notes: told what had to be changed.

    Raises:
        InvalidRequestError: the root is no object.
        UnsupportedFeatureError: the wire does not take a property's name.
    """
    tools = [
        tool
        if isinstance(tool, OpaqueTool)
        else _fitted(
            tool,
            "response_format.schema" if tool.name == answer else f"tools[{at}].parameters",
            limits,
            notes,
        )
        for at, tool in enumerate(request.tools)
    ]
    if all(new is old for new, old in zip(tools, request.tools, strict=True)):
        return request
    return msgspec.structs.replace(request, tools=tools)


def _fitted(tool: Tool, path: str, limits: Limits, notes: Notes) -> Tool:
    schema = tool.parameters
    if not _REFUSED.isdisjoint(schema):
        schema = _Root(schema, path, notes).merged()
    strict = tool.strict
    if strict and (why := limits.unheld(schema)):
        notes.warn("strict_tools", f"strict was left out of {tool.name}: no call can be held to its "
                   f"schema: {why}", field=path, action="left_out")  # fmt: skip
        strict = None
    if "properties" not in schema or schema.get("type") != "object":
        schema = {"type": "object", "properties": {}, **schema}
    _check_keys(schema, path, limits, notes)
    if schema is tool.parameters and strict is tool.strict:
        return tool
    return msgspec.structs.replace(tool, parameters=schema, strict=strict)


def _check_keys(schema: Schema, path: str, limits: Limits, notes: Notes) -> None:
    """Only those at the root are looked at by the service."""
    legal = limits.property_keys
    for key in schema["properties"] or ():
        if legal is not None and not legal.fullmatch(key):
            notes.refuse(
                f"{path}.properties", key, f"a property's name must match {legal.pattern}",
                "Rename it in the schema, and back where the tool is run",
            )  # fmt: skip


class _Root:
    """One root on its way to a plain object."""

    def __init__(self, schema: Schema, path: str, notes: Notes) -> None:
        self._schema = schema
        self._path = path
        self._notes = notes
        self._said: list[str] = []

    def merged(self) -> Schema:
        made = self._object(self._schema, ())
        if made is None:
            raise self._wrong("its root is no object in any case")
        made = {
            **made,
            **{word: self._schema[word] for word in _DEFINITIONS if word in self._schema},
        }
        if self._said:
            said = " ".join(self._said)
            self._notes.schema(self._path, f"became one object, and the description says: {said}")
            made["description"] = "\n\n".join(filter(None, (made.get("description"), said)))
        return made

    def _object(self, schema: Any, seen: tuple[str, ...]) -> Schema | None:  # noqa: ANN401 - any JSON
        """A schema without references and choices; None where it is no object's."""
        if not isinstance(schema, dict) or schema.get("type", "object") not in (
            "object",
            ["object", "null"],
        ):
            return None
        made = {name: each for name, each in schema.items() if name not in _REFUSED}
        made["type"] = "object"
        parts = [each for each in schema.get("allOf") or () if isinstance(each, dict)]
        if "$ref" in schema:
            parts.append(self._target(str(schema["$ref"]), seen))
            seen = (*seen, str(schema["$ref"]))
        for part in parts:
            inner = self._object(part, seen)
            if inner is None:
                return None
            made = _both(made, inner)
        for word in _UNIONS:
            if isinstance(schema.get(word), list):
                branches = [self._object(each, seen) for each in schema[word]]
                objects = [each for each in branches if each is not None]
                if not objects:
                    return None
                made = _both(made, self._either(objects))
        self._said += [
            f"{word}: {msgspec.json.encode(schema[word]).decode()}"
            for word in ("not", "enum", "const")
            if word in schema
        ]
        return made

    def _target(self, reference: str, seen: tuple[str, ...]) -> Schema:
        found = pointed(reference, self._schema)
        if found is None or reference in seen or reference == "#":
            raise self._wrong(f"{reference} at its root leads nowhere")
        return found

    def _either(self, branches: list[Schema]) -> Schema:
        """An object with what any of some has, and what all of them require."""
        if len(branches) == 1:
            return branches[0]
        properties: dict[str, list[Any]] = {}
        for branch in branches:
            for name, each in (branch.get("properties") or {}).items():
                known = properties.setdefault(name, [])
                known += [each] if each not in known else []
        required = [branch.get("required") or [] for branch in branches]
        made: Schema = {
            "properties": {
                name: each[0] if len(each) == 1 else {"anyOf": each}
                for name, each in properties.items()
            }
        }
        if common := [name for name in required[0] if all(name in each for each in required)]:
            made["required"] = common
        if all(branch.get("additionalProperties") is False for branch in branches):
            made["additionalProperties"] = False
        self._said.append(
            f"Give the properties of one of these: {'; '.join(map(_shown, branches))}."
        )
        return made

    def _wrong(self, why: str) -> InvalidRequestError:
        return InvalidRequestError(
            f"the arguments of a call are an object: {why}",
            field=self._path,
            value=self._schema,
            remedy="Describe an object with its properties",
        )


def _both(one: Schema, other: Schema) -> Schema:
    """An object that both hold; what the first one says of itself goes before."""
    properties = dict(one.get("properties") or {})
    for name, each in (other.get("properties") or {}).items():
        known = properties.get(name, each)
        properties[name] = known if known == each else {"allOf": [known, each]}
    made = {**other, **one, "properties": properties}
    required = [*(one.get("required") or ()), *(other.get("required") or ())]
    if required:
        made["required"] = list(dict.fromkeys(required))
    # Each branch closes itself around its own properties only; together they are closed around all.
    return made


def _shown(branch: Schema) -> str:
    """A branch by its properties, with the values that tell it from others."""
    required = branch.get("required") or ()
    names = [*dict.fromkeys([*(branch.get("properties") or {}), *required])]
    shown = []
    for name in names:
        each = (branch.get("properties") or {}).get(name)
        only = each.get("const", each.get("enum")) if isinstance(each, dict) else None
        text = name if only is None else f"{name} {msgspec.json.encode(only).decode()}"
        shown.append(text if name in required else f"{text} (optional)")
    return ", ".join(shown) or "nothing"
