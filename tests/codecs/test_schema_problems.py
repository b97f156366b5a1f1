"""Schemas that no grammar holds: asked for by a tool, or without `strict`, and told."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from pydantic import BaseModel

from aisopod.codecs.held_schema import held_schema, strict_schema
from aisopod.codecs.schema_problems import held_problem, strict_problem
from aisopod.normalise.coerce import build_request
from aisopod.simulator.anthropic_schemas import check_held
from aisopod.simulator.openai_schemas import check_strict
from aisopod.types import JsonSchema, Message, Tool
from support.conversations import SCHEMAS
from support.dialects import DIALECTS, EVERY, Dialect, carried, named
from support.validity import problems

Schema = dict[str, Any]
HI = Message(role="user", content="hi")


def holding(schema: Schema, **more: Any) -> Schema:
    return {"type": "object", "properties": {"a": schema}, **more}


A = {"type": "object", "properties": {"x": {"type": "string"}}}
B = {"type": "object", "properties": {"y": {"type": "string"}}}
NODE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
OPEN = {
    "any": (holding({}), "properties.a may be anything"),
    "true": (holding(True), "properties.a may be anything"),  # type: ignore[arg-type]
    "dict": (holding({"type": "object"}), "properties.a may have any keys"),
    "dict of": (
        holding({"type": "object", "additionalProperties": {"type": "integer"}}),
        "properties.a may have any keys",
    ),
    "extra": (holding({**A, "additionalProperties": True}), "properties.a may have any keys"),
    "pattern": (
        holding({"type": "object", "patternProperties": {"^x": {}}, "additionalProperties": False}),
        "properties.a may have any keys",
    ),
    "root": ({"type": "object"}, "its root may have any keys"),
    "reference and choice": (
        holding({"$ref": "#/$defs/A", "oneOf": [A, B]}, **{"$defs": {"A": A}}),
        "properties.a combines several schemas",
    ),
    "in a list": (holding({"type": "array", "items": {"type": "object"}}), "properties.a.items may have any keys"),
}  # fmt: skip
HELD = {
    **OPEN,
    "recursion": (holding({"$ref": "#/$defs/Node"}, **{"$defs": {"Node": NODE}}), "#/$defs/Node holds itself"),
    "recursion to the root": (holding({"$ref": "#"}), "# holds itself"),
    "nowhere": (holding({"$ref": "#/$defs/Nobody"}), "leads nowhere"),
    "all of references": (
        holding({"allOf": [{"$ref": "#/$defs/A"}]}, **{"$defs": {"A": A}}),
        "properties.a combines a reference with others",
    ),
    "all of objects": (holding({"allOf": [A, B]}), "properties.a combines several objects"),
}  # fmt: skip
STRICT = {
    **OPEN,
    "all of": (holding({"allOf": [A, B]}), "properties.a combines several schemas"),
    "not": (
        holding({"type": "string", "not": {"const": ""}}),
        "properties.a has the condition not",
    ),
    "if": (holding({**A, "if": A, "then": B}), "properties.a has the condition if"),
}
FINE: list[Schema] = [
    holding(A),
    {"type": "object", "properties": {}},
    {"type": "object", "additionalProperties": False},
    holding({"$ref": "#/$defs/A"}, **{"$defs": {"A": A}}),
    {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A"}, "b": {"$ref": "#/$defs/A"}, "c": {"$ref": "#/properties/b"}},
        "$defs": {"A": A},
    },
    holding({"anyOf": [A, {"type": "null"}]}),
    holding({"enum": [1, None]}),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "why"), HELD.values(), ids=HELD)
def test_what_a_grammar_cannot_hold(schema: Schema, why: str) -> None:
    assert why in (held_problem(schema) or "")


@pytest.mark.parametrize(("schema", "why"), STRICT.values(), ids=STRICT)
def test_what_strict_cannot_hold(schema: Schema, why: str) -> None:
    assert why in (strict_problem(schema) or "")


@pytest.mark.parametrize("schema", FINE)
def test_what_can_be_held(schema: Schema) -> None:
    assert held_problem(schema) is None
    assert strict_problem(schema) is None


def test_strict_holds_schemas_in_themselves() -> None:
    assert strict_problem(HELD["recursion"][0]) is None


@given(SCHEMAS)
def test_what_is_said_to_be_held_is_refused_by_no_service(schema: Schema) -> None:
    if schema.get("type") != "object":
        return
    if held_problem(schema) is None:
        check_held(held_schema(schema, "", lambda *_: None), "")
    if strict_problem(schema) is None:
        check_strict(strict_schema(schema, "", lambda *_: None), "it", "response_format")


HOLDING = [DIALECTS[0], DIALECTS[3]]


@pytest.mark.parametrize("name", HELD)
@pytest.mark.parametrize("dialect", HOLDING, ids=named)
def test_the_answer_is_asked_for_by_a_tool_then(dialect: Dialect, name: str) -> None:
    schema, why = HELD[name]
    encoded = carried(dialect, [HI], response_format=JsonSchema(schema=schema))
    assert problems(dialect.name, encoded.body, dialect.model) == []
    assert encoded.answer is not None
    assert encoded.answer.tool == "answer"
    [told] = encoded.warnings
    assert told.rule == "schema_by_tool"
    assert why in told.message
    body = msgspec.json.decode(encoded.body)
    assert "output_config" not in body
    assert "outputConfig" not in body
    assert '"strict"' not in encoded.body.decode()


@pytest.mark.parametrize("name", HELD)
@pytest.mark.parametrize("dialect", HOLDING, ids=named)
def test_a_call_is_not_held_to_it(dialect: Dialect, name: str) -> None:
    schema, why = HELD[name]
    encoded = carried(dialect, [HI], tools=[Tool(name="f", parameters=schema, strict=True)])
    assert problems(dialect.name, encoded.body, dialect.model) == []
    assert '"strict"' not in encoded.body.decode()
    assert [(told.rule, told.action, why in told.message) for told in encoded.warnings] == [
        ("strict_tools", "left_out", True)
    ]


@pytest.mark.parametrize("name", STRICT)
@pytest.mark.parametrize(
    "dialect", [each for each in EVERY if each.name == "openai_chat"], ids=named
)
def test_openai_gets_it_without_strict(dialect: Dialect, name: str) -> None:
    schema, why = STRICT[name]
    asked = {
        "tools": [Tool(name="f", parameters=schema, strict=True)],
        "response_format": JsonSchema(schema=schema, strict=True),
    }
    for field, value in asked.items():
        encoded = carried(dialect, [HI], **{field: value})
        assert problems(dialect.name, encoded.body, dialect.model) == []
        assert '"strict"' not in encoded.body.decode()
        [told] = encoded.warnings
        assert why in told.message


class Report(BaseModel):
    title: str
    meta: dict[str, object]


@pytest.mark.parametrize("dialect", HOLDING, ids=named)
def test_a_dict_of_a_type_stays_open(dialect: Dialect) -> None:
    wish = build_request("m", "hi", response_format=Report).response_format
    encoded = carried(dialect, [HI], response_format=wish)
    assert [each.rule for each in encoded.warnings] == ["schema_by_tool"]
    assert "properties.meta may have any keys" in encoded.warnings[0].message
