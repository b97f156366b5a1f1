"""A schema for the answer, on wires and models that have none: the one tool that must be called.

Sources: https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/implement-tool-use#json-mode,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolChoice.html
"""

import re
from itertools import count
from typing import Any

import msgspec

from aisopod.normalise.limits import Limits
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import AnswerForm, Placed
from aisopod.types import (
    ChatCompletionRequest,
    JsonSchema,
    Message,
    OpaqueTool,
    TextPart,
    Tool,
    ToolChoice,
)

__all__ = [
    "ANSWER_CALL",
    "WRAPPED",
    "answer_form",
    "answer_tool",
    "fit_schema",
    "is_object",
    "wrapped",
]

WRAPPED = "answer"
"""The one property of the object around an answer that is none itself."""
ANSWER_CALL = "answer_that_does_not_fit"
"""The id of a call that stands for an answer that came so and is asked for again."""
# Every wire takes these in the name of a tool or a schema.
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST_NAME = 64
_PURPOSE = "Gives the final answer to the user."


def fit_schema(
    request: ChatCompletionRequest, turns: list[Placed], limits: Limits, notes: Notes
) -> tuple[ChatCompletionRequest, list[Placed], AnswerForm | None]:
    """The request with its schema as the wire takes it; None where the answer is its text.

    Why: a schema's root must be an object on most wires; older models and many compatible hosts
    take no schema but for a tool, and forcing that tool gives the same answer.

    Raises:
        UnsupportedFeatureError: the model takes neither schemas nor tools.
    """
    wish = request.response_format
    if not isinstance(wish, JsonSchema):
        return request, turns, None
    form = answer_form(request, limits)
    if form is None or form.tool is None:
        turns = _without_calls(turns)
    if limits.schema == "none":
        notes.refuse(
            "response_format", wish.name, "the model takes neither a schema for its answer nor tools",
            "Use another model",
        )  # fmt: skip
    schema = wish.schema if form is None or not form.wrapped else wrapped(wish.schema)
    if form is None or form.tool is None:
        wish = _unstrict(wish, limits, notes)
        name = schema_name(wish)
        if wish.description and not limits.schema_description:
            schema = {"description": wish.description, **schema}
        if schema is wish.schema and name == wish.name and wish is request.response_format:
            return request, turns, form
        wish = msgspec.structs.replace(wish, schema=schema, name=name)
        return msgspec.structs.replace(request, response_format=wish), turns, form
    tool = Tool(name=form.tool, description=wish.description or _PURPOSE, parameters=schema)
    why = limits.unheld(wish.schema) if limits.schema == "native" else None
    why = (
        f"its text cannot be held to the schema: {why}"
        if why
        else "the model takes no schema for its text"
    )
    notes.warn("schema_by_tool", f"the answer is asked for as a call of the tool {form.tool}: {why}",
               field="response_format")  # fmt: skip
    choice = _choice(request, form.tool)
    if not _may_force(request, limits) and choice != request.tool_choice:
        choice = None if request.tool_choice == "none" else request.tool_choice
        notes.warn("schema_unforced", "the model was asked in words to call that tool: it cannot "
                   "be forced to", field="response_format", action="added")  # fmt: skip
        turns = _instructed(turns, f"Give your final answer only by calling the tool {form.tool}, "
                            "never as text.")  # fmt: skip
    request = msgspec.structs.replace(
        request, tools=[*request.tools, tool], tool_choice=choice, response_format=None
    )
    return request, turns, form


def answer_form(request: ChatCompletionRequest, limits: Limits) -> AnswerForm | None:
    """How the answer to a request stands on a wire; None where it is its text, as it is."""
    wish = request.response_format
    if not isinstance(wish, JsonSchema):
        return None
    is_wrapped = not is_object(wish.schema)
    if _is_by_tool(request, wish, limits):
        return AnswerForm(tool=answer_tool(request, wish), wrapped=is_wrapped)
    return AnswerForm(wrapped=True) if is_wrapped else None


def schema_name(wish: JsonSchema) -> str:
    """The schema's name as every wire takes it: a generic type's, or a title, may be `Page[Item]`."""
    return _ILLEGAL.sub("_", wish.name)[:_LONGEST_NAME] or "answer"


def answer_tool(request: ChatCompletionRequest, wish: JsonSchema) -> str:
    """The name of the tool for the answer: the schema's, and no other's."""
    name = schema_name(wish)
    if not name[:1].isalpha():  # Google wants a letter first
        name = f"answer_{name}"[:_LONGEST_NAME]
    taken = {tool.name for tool in request.tools if isinstance(tool, Tool)}
    if name not in taken:
        return name
    made = (f"{name[: _LONGEST_NAME - 4]}_{number}" for number in count(2))
    return next(each for each in made if each not in taken)


def _is_by_tool(request: ChatCompletionRequest, wish: JsonSchema, limits: Limits) -> bool:
    if limits.schema == "native" and not limits.loose_schemas:
        return limits.unheld(wish.schema) is not None
    if limits.schema != "apart":
        return limits.schema == "tool"
    if not request.tools or request.tool_choice == "none":
        return False
    # Who takes no schema beside tools takes no functions beside the service's own either.
    return not any(isinstance(tool, OpaqueTool) for tool in request.tools)


def _unstrict(wish: JsonSchema, limits: Limits, notes: Notes) -> JsonSchema:
    """The wish without `strict` where nothing can be held to its schema."""
    why = limits.unheld(wish.schema) if wish.strict else None
    if why is None:
        return wish
    notes.warn("schema", f"strict was left out: no answer can be held to the schema: {why}",
               field="response_format.strict", action="left_out")  # fmt: skip
    return msgspec.structs.replace(wish, strict=None)


def _may_force(request: ChatCompletionRequest, limits: Limits) -> bool:
    if limits.forced_tool != "resting":
        return limits.forced_tool == "always"
    return request.reasoning is None or request.reasoning.effort == "none"


def _choice(request: ChatCompletionRequest, name: str) -> Any:  # noqa: ANN401 - the request's type
    """What must be called: who names a tool wants that one first."""
    if isinstance(request.tool_choice, ToolChoice):
        return request.tool_choice
    if not request.tools or request.tool_choice == "none":
        return ToolChoice(name=name)
    return "required"


def _instructed(turns: list[Placed], words: str) -> list[Placed]:
    """The conversation with one more instruction behind those that begin it."""
    first = next(
        (at for at, placed in enumerate(turns) if placed.message.role != "system"), len(turns)
    )
    index = turns[first - 1].index if first else 0
    message = Message(role="system", content=[TextPart(text=words)])
    return [*turns[:first], Placed(index, message), *turns[first:]]


def _without_calls(turns: list[Placed]) -> list[Placed]:
    """Answers that came as calls as the texts that they are: here there is no such tool."""
    return [_in_words(placed) for placed in turns]


def _in_words(placed: Placed) -> Placed:
    message = placed.message
    if message.tool_call_id == ANSWER_CALL:
        return Placed(placed.index, Message(role="user", content=message.content))
    if [call.id for call in message.tool_calls] != [ANSWER_CALL]:
        return placed
    parts = [*message.parts, TextPart(text=message.tool_calls[0].arguments)]
    return Placed(placed.index, msgspec.structs.replace(message, content=parts, tool_calls=[]))


def is_object(schema: dict[str, Any]) -> bool:
    """Whether what fits a schema is an object, as wires want it to say at its root."""
    kind = schema.get("type")
    if kind is None:
        return not any(word in schema for word in ("anyOf", "oneOf", "enum", "const", "$ref"))
    return bool(kind == "object")


def wrapped(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object whose one property fits a schema.

    Definitions stay at the root, where wires look for them.
    """
    definitions = {word: schema[word] for word in ("$defs", "definitions") if word in schema}
    inner = {word: value for word, value in schema.items() if word not in definitions}
    return {
        "type": "object",
        "properties": {WRAPPED: _moved(inner)},
        "required": [WRAPPED],
        "additionalProperties": False,
        **{word: _moved(value) for word, value in definitions.items()},
    }


def _moved(schema: Any) -> Any:  # noqa: ANN401 - any JSON
    """The same with references to the old root at its new place."""
    if isinstance(schema, list):
        return [_moved(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    moved = {word: _moved(value) for word, value in schema.items()}
    reference = schema.get("$ref")
    if isinstance(reference, str) and re.match(r"#(?!/(\$defs|definitions)/)", reference):
        moved["$ref"] = f"#/properties/{WRAPPED}{reference[1:]}"
    return moved
