"""Parameters of tools as each service takes them, without `strict`."""

from typing import Any

import jsonschema
import msgspec
import pytest

from aisopod.errors import InvalidRequestError, UnsupportedFeatureError
from aisopod.types import JsonSchema, Message, Tool
from support.dialects import DIALECTS, EVERY, Dialect, carried, named
from support.validity import problems

HI = Message(role="user", content="hi")
Schema = dict[str, Any]


def closed(required: list[str], **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": required}


ID = closed(["by", "id"], by={"const": "id"}, id={"type": "integer"})
NAME = closed(
    ["by", "name"], by={"const": "name"}, name={"type": "string"}, more={"type": "string"}
)
NODE = closed(["value"], value={"type": "string"}, next={"$ref": "#/$defs/Node"})
ROOTS: dict[str, tuple[Schema, list[Schema], Schema | None]] = {
    # what is given, calls that it takes, and what it is sent as where nothing is taken out
    "empty": ({}, [{}], {"type": "object", "properties": {}}),
    "no properties": ({"type": "object"}, [{}], {"type": "object", "properties": {}}),
    "reference": (
        {"$ref": "#/$defs/Node", "$defs": {"Node": NODE}},
        [{"value": "a"}, {"value": "a", "next": {"value": "b"}}],
        {**NODE, "$defs": {"Node": NODE}},
    ),
    "choice": (
        {"anyOf": [ID, NAME], "description": "Finds one."},
        [{"by": "id", "id": 1}, {"by": "name", "name": "a"}],
        {
            **closed(["by"], by={"anyOf": [{"const": "id"}, {"const": "name"}]}, id={"type": "integer"},
                     name={"type": "string"}, more={"type": "string"}),
            "description": 'Finds one.\n\nGive the properties of one of these: by "id", id; '
            'by "name", name, more (optional).',
        },
    ),
    "one of": (
        {"type": "object", "properties": {"a": {}}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
        [{"a": 1}, {"b": 1}],
        None,
    ),
    "choices by reference": (
        {"oneOf": [{"$ref": "#/$defs/Id"}, {"$ref": "#/$defs/Name"}, {"type": "null"}],
         "$defs": {"Id": ID, "Name": NAME}},
        [{"by": "id", "id": 1}, {"by": "name", "name": "a"}],
        None,
    ),
    "both": (
        {"allOf": [closed(["a"], a={"type": "integer"}), {"$ref": "#/$defs/B"}],
         "$defs": {"B": closed(["b"], b={"type": "string"})}},
        [{"a": 1, "b": "x"}],
        {**closed(["a", "b"], a={"type": "integer"}, b={"type": "string"}),
         "$defs": {"B": closed(["b"], b={"type": "string"})}},
    ),
    "not": ({**ID, "not": {"required": ["x"]}}, [{"by": "id", "id": 1}], None),
}  # fmt: skip


def parameters(dialect: Dialect, schema: Schema) -> tuple[Schema, list[str]]:
    """A tool's parameters on the wire, and what is told of them."""
    encoded = carried(dialect, [HI], tools=[Tool(name="f", parameters=schema)])
    assert problems(dialect.codec.dialect, encoded.body, dialect.model) == []
    body = msgspec.json.decode(encoded.body)
    return _tool(body), [str(warning) for warning in encoded.warnings]


def _tool(body: Any) -> Any:
    match body:
        case {"toolConfig": {"tools": [{"toolSpec": {"inputSchema": {"json": schema}}}]}}:
            return schema
        case {"tools": [{"input_schema": schema}]}:
            return schema
        case {"tools": [{"function": {"parameters": schema}}]}:
            return schema
        case {"tools": [{"functionDeclarations": [declared]}]}:
            return declared.get("parametersJsonSchema") or declared.get("parameters") or {}
        case _:
            raise AssertionError(body)


@pytest.mark.parametrize("dialect", EVERY, ids=named)
@pytest.mark.parametrize("name", ROOTS)
def test_a_root_that_services_refuse_becomes_an_object(dialect: Dialect, name: str) -> None:
    schema, calls, _ = ROOTS[name]
    made, _ = parameters(dialect, schema)
    for call in calls:
        if dialect.model != "gemini-2.0-flash":  # its form is none of JSON schema
            jsonschema.validate(call, made)


@pytest.mark.parametrize("name", ROOTS)
@pytest.mark.parametrize("dialect", [DIALECTS[0], DIALECTS[1], DIALECTS[3]], ids=named)
def test_the_object_has_what_any_branch_has(dialect: Dialect, name: str) -> None:
    schema, _, wanted = ROOTS[name]
    made, told = parameters(dialect, schema)
    if wanted is not None:
        assert made == wanted
    has_choice = not {"anyOf", "oneOf", "not"}.isdisjoint(schema)
    assert [each.startswith("schema: tools[0].parameters: became one object") for each in told] == (
        [True] if has_choice else []
    )


@pytest.mark.parametrize(
    "schema",
    [
        {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        {"$ref": "#/$defs/A"},
        {"$ref": "#"},
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}},
        {"$ref": "https://example.com/schema.json"},
        {"allOf": [{"type": "array"}]},
    ],
)
@pytest.mark.parametrize("dialect", DIALECTS, ids=named)
def test_a_root_that_is_no_object_is_refused(dialect: Dialect, schema: Schema) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        carried(dialect, [HI], tools=[Tool(name="f", parameters=schema)])
    assert caught.value.field == "tools[0].parameters"
    assert caught.value.remedy


@pytest.mark.parametrize("dialect", EVERY, ids=named)
def test_a_property_s_name_that_the_service_refuses_is_named(dialect: Dialect) -> None:
    schema = closed([], **{"filter[id]": {"type": "string"}})
    if "claude" not in dialect.model or dialect.codec.dialect == "openai_chat":
        parameters(dialect, schema)
        return
    with pytest.raises(UnsupportedFeatureError) as caught:
        carried(dialect, [HI], tools=[Tool(name="f", parameters=schema)])
    assert caught.value.field == "tools[0].parameters.properties"
    assert caught.value.value == repr("filter[id]")
    parameters(dialect, closed([], a=schema))  # the service looks at the root only


def test_such_a_name_in_a_schema_by_tool_is_the_schema_s() -> None:
    schema = closed([], **{"Account Number": {"type": "string"}})
    old = msgspec.structs.replace(DIALECTS[0], model="claude-3-haiku-20240307")
    with pytest.raises(UnsupportedFeatureError) as caught:
        carried(old, [HI], response_format=JsonSchema(schema=schema))
    assert caught.value.field == "response_format.schema.properties"


OLLAMA = DIALECTS[4]


def test_ollama_gets_what_it_keeps_and_the_rest_is_told() -> None:
    schema = {
        **closed(
            ["a"],
            a={"$ref": "#/$defs/A", "description": "the first"},
            b={"type": "array", "items": {"$ref": "#/$defs/A"}},
            c={"oneOf": [{"const": "x"}, {"type": "null"}], "title": "C"},
            d={"allOf": [{"$ref": "#/$defs/A"}, {"type": "string", "maxLength": 3}]},
            e={"$ref": "#/properties/c"},
        ),
        "$defs": {"A": {"type": "string", "minLength": 1, "format": "date"}},
        "description": "All of it.",
        "additionalProperties": False,
    }
    made, told = parameters(OLLAMA, schema)
    choice = {"anyOf": [{"enum": ["x"]}, {"type": "null"}]}
    assert made == closed(
        ["a"],
        a={"type": "string", "description": "the first"},
        b={"type": "array", "items": {"type": "string", "minLength": 1, "format": "date"}},
        c=choice,
        d={"type": "string"},
        e=choice,
    )
    assert told == [
        f"schema: tools[0].parameters.properties.{field}: left out {keyword} of "
        f"tools[0].parameters.properties.{field}{more}: the wire does not take it"
        for field, keyword, more in [
            ("a", "minLength", " and 1 more"), ("a", "format", " and 1 more"), ("d", "maxLength", ""),
        ]
    ]  # fmt: skip


def test_ollama_is_told_of_schemas_in_themselves_as_far_as_they_go() -> None:
    made, told = parameters(
        OLLAMA, closed([], root={"$ref": "#/$defs/Node"}) | {"$defs": {"Node": NODE}}
    )
    assert made["properties"]["root"]["properties"] == {"value": {"type": "string"}, "next": {}}
    assert len(told) == 1
    assert "left out $ref" in told[0]
