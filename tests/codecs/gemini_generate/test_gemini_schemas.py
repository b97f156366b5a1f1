"""JSON schemas as the wire takes them, and what of them is lost."""

import copy
from typing import Any

import pytest

from aisopod.codecs.gemini_generate.json_schema import openapi_schema, plain_schema

Lost = list[tuple[str, str]]


def reduce(schema: dict[str, Any], *, plain: bool) -> tuple[dict[str, Any], Lost]:
    lost: Lost = []
    before = copy.deepcopy(schema)
    found = (plain_schema if plain else openapi_schema)(
        schema, "s", lambda path, keyword: lost.append((path, keyword))
    )
    assert schema == before
    return found, lost


PLAIN: list[tuple[dict[str, Any], dict[str, Any], Lost]] = [
    ({"type": "string", "enum": ["a"]}, {"type": "string", "enum": ["a"]}, []),
    ({"const": 1}, {"enum": [1]}, []),
    ({"type": "string", "pattern": "a+", "minLength": 1}, {"type": "string"},
     [("s", "pattern"), ("s", "minLength")]),
    ({"$schema": "x", "$comment": "y", "type": "object"}, {"type": "object"}, []),
    ({"type": ["string", "null"]}, {"type": ["string", "null"]}, []),
    ({"oneOf": [{"type": "string", "pattern": "x"}, {"type": "null"}]},
     {"oneOf": [{"type": "string"}, {"type": "null"}]}, [("s.oneOf[0]", "pattern")]),
    ({"allOf": [{"properties": {"a": {}}, "required": ["a"]}, {"properties": {"b": {}}}],
      "required": ["b"]}, {"properties": {"a": {}, "b": {}}, "required": ["b", "a"]}, []),
    ({"$ref": "#/$defs/N", "$defs": {"N": {"properties": {"next": {"$ref": "#/$defs/N"}}}}},
     {"$ref": "#/$defs/N", "$defs": {"N": {"properties": {"next": {"$ref": "#/$defs/N"}}}}}, []),
    ({"properties": {"a": {"$ref": "#/definitions/A"}}, "definitions": {"A": {"type": "string"}}},
     {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string"}}}, []),
    ({"properties": {"pattern": {"type": "string"}, "$ref": {"type": "null"}}},
     {"properties": {"pattern": {"type": "string"}, "$ref": {"type": "null"}}}, []),
    ({"additionalProperties": {"type": "string", "minLength": 1}},
     {"additionalProperties": {"type": "string"}}, [("s.additionalProperties", "minLength")]),
    ({"items": False, "prefixItems": [True]}, {"items": False, "prefixItems": [True]}, []),
    ({"not": {"type": "null"}}, {}, [("s", "not")]),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "expected", "lost"), PLAIN)
def test_plain(schema: dict[str, Any], expected: dict[str, Any], lost: Lost) -> None:
    assert reduce(schema, plain=True) == (expected, lost)


OPENAPI: list[tuple[dict[str, Any], dict[str, Any], Lost]] = [
    ({"type": ["string", "null"]}, {"type": "string", "nullable": True}, []),
    ({"type": ["string", "integer"]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}, []),
    ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string", "nullable": True}, []),
    ({"oneOf": [{"type": "string"}, {"type": "integer"}]},
     {"anyOf": [{"type": "string"}, {"type": "integer"}]}, []),
    ({"const": "a"}, {"enum": ["a"], "type": "string"}, []),
    ({"enum": [1, 2], "type": "integer"}, {"type": "integer"}, [("s", "enum")]),
    ({"type": "string", "format": "uri", "pattern": "a"}, {"type": "string", "pattern": "a"}, []),
    ({"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "required": ["a", "b"],
      "$defs": {"A": {"type": "string", "title": "A"}}},
     {"type": "object", "properties": {"a": {"type": "string", "title": "A"}},
      "required": ["a"]}, []),
    # An object without properties is refused: what would become one is left out.
    ({"properties": {"n": {"$ref": "#/$defs/N"}},
      "$defs": {"N": {"type": "object", "properties": {"next": {"$ref": "#/$defs/N"}}}}},
     {"type": "object"}, [("s.properties.n.properties.next", "$ref")]),
    ({"properties": {"n": {"$ref": "#/$defs/N"}}, "$defs": {"N": {"type": "object", "properties": {
        "v": {"type": "string"}, "all": {"type": "array", "items": {"$ref": "#/$defs/N"}},
        "or": {"anyOf": [{"$ref": "#/$defs/N"}, {"type": "string"}]}},
        "required": ["v", "all"]}}},
     {"properties": {"n": {"type": "object", "required": ["v"], "properties": {
         "v": {"type": "string"}, "or": {"anyOf": [{"type": "string"}]}}}}},
     [("s.properties.n.properties.all.items", "$ref"),
      ("s.properties.n.properties.or.anyOf[0]", "$ref")]),
    ({"type": "object", "properties": {"v": {"type": "string"}, "next": {"$ref": "#"}}},
     {"type": "object", "properties": {"v": {"type": "string"}, "next": {
         "type": "object", "properties": {"v": {"type": "string"}}}}},
     [("s.properties.next.properties.next", "$ref")]),
    ({"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}, "uniqueItems": True},
     {"type": "array", "items": {"type": "number"}},
     [("s.items", "exclusiveMinimum"), ("s", "uniqueItems")]),
    ({"type": "object", "additionalProperties": False}, {"type": "object"}, []),
    ({"allOf": [{"$ref": "#/$defs/A"}], "description": "d",
      "$defs": {"A": {"type": "string"}}}, {"description": "d", "type": "string"}, []),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "expected", "lost"), OPENAPI)
def test_openapi(schema: dict[str, Any], expected: dict[str, Any], lost: Lost) -> None:
    assert reduce(schema, plain=False) == (expected, lost)


def test_the_same_definition_twice_is_no_circle() -> None:
    schema = {
        "properties": {"a": {"$ref": "#/$defs/A"}, "b": {"$ref": "#/$defs/A"}},
        "$defs": {"A": {"type": "string"}},
    }
    found, lost = reduce(schema, plain=False)
    assert found["properties"] == {"a": {"type": "string"}, "b": {"type": "string"}}
    assert lost == []


def test_a_deep_schema_ends() -> None:
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(200):
        deep = {"type": "object", "properties": {"a": deep}}
    assert reduce(deep, plain=True)[0] == deep
    assert reduce(deep, plain=False)[0] == deep


def test_what_an_older_model_s_object_may_hold_more_is_told() -> None:
    inner = {"type": "object", "properties": {"a": {"type": "string"}}}
    schema = {
        "type": "object",
        "additionalProperties": {"$ref": "#/$defs/A"},
        "$defs": {"A": inner},
    }
    assert reduce(schema, plain=False) == ({"type": "object"}, [("s", "additionalProperties")])
    for remark in (True, False):
        closed = {**inner, "additionalProperties": remark}
        assert reduce(closed, plain=False) == (inner, [])


def test_references_lead_anywhere_in_the_schema() -> None:
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "string"},
            "b": {"$ref": "#/properties/a", "description": "as a"},
            "c": {"type": "array", "items": {"$ref": "#/$defs/outer/properties/x~1y"}},
            "d": {"allOf": [{"$ref": "#/properties/a"}, {"maxLength": 3}]},
        },
        "$defs": {"outer": {"properties": {"x/y": {"type": "integer"}}}},
    }
    wanted = {
        "a": {"type": "string"},
        "b": {"type": "string", "description": "as a"},
        "c": {"type": "array", "items": {"type": "integer"}},
        "d": {"type": "string", "maxLength": 3},
    }
    assert reduce(schema, plain=False) == ({"type": "object", "properties": wanted}, [])


def test_references_that_lead_nowhere_are_told() -> None:
    for reference in ("#/$defs/a", "#/properties/a/x", "https://example.com/a", "#a"):
        schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"$ref": reference}},
                  "$defs": {"x": {"a": {}}}}  # fmt: skip
        wanted = {"type": "object", "properties": {"a": {"type": "string"}}}
        assert reduce(schema, plain=False) == (wanted, [("s.properties.b", "$ref")])
