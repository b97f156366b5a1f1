"""Schemas that are held to, beside what the vendors' own SDKs make of the same."""

import copy
from typing import Annotated, Any, Literal

import jsonschema
import msgspec
import pytest
from anthropic.lib._parse._transform import transform_schema
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib._pydantic import _ensure_strict_json_schema
from pydantic import BaseModel, Field

from aisopod.codecs.held_schema import held_schema, strict_schema

Schema = dict[str, Any]

WORDS: dict[str, Schema] = {
    "string": {"pattern": "^a", "minLength": 1, "format": "email", "default": None},
    "integer": {"minimum": 1, "maximum": 9},
    "number": {"multipleOf": 0.5},
    "boolean": {"default": True},
    "null": {"title": "Nothing"},
}


def _leaf(draw: st.DrawFn) -> Schema:
    kind = draw(st.sampled_from(sorted(WORDS)))
    words = draw(st.lists(st.sampled_from(sorted(WORDS[kind])), unique=True))
    return {"type": kind, **{name: WORDS[kind][name] for name in words}}


@st.composite
def schemas(draw: st.DrawFn, depth: int = 3) -> Schema:
    """Objects, lists, choices and plain values, with words that say more of them."""
    kinds = (
        ["leaf", "object", "array", "anyOf", "enum", "ref"] if depth else ["leaf", "enum", "ref"]
    )
    match draw(st.sampled_from(kinds)):
        case "object":
            return draw(objects(depth))
        case "array":
            words = draw(st.sampled_from([{}, {"minItems": 1}, {"minItems": 3}, {"maxItems": 2}]))
            return {"type": "array", "items": draw(schemas(depth - 1)), **words}
        case "anyOf":
            return {"anyOf": draw(st.lists(schemas(depth - 1), min_size=1, max_size=3))}
        case "enum":
            return {"enum": ["a", "b"], "description": "one of two"}
        case "ref":
            return {"$ref": "#/$defs/Shared"}
        case _:
            return _leaf(draw)


@st.composite
def objects(draw: st.DrawFn, depth: int = 3) -> Schema:
    properties = draw(st.dictionaries(st.sampled_from("abcd"), schemas(depth - 1), max_size=3))
    made: Schema = {"type": "object", "properties": properties}
    if draw(st.booleans()):
        made["description"] = "an object"
    if draw(st.booleans()):
        made["required"] = [name for name in properties if draw(st.booleans())]
    return made


@st.composite
def roots(draw: st.DrawFn) -> Schema:
    return {**draw(objects()), "$defs": {"Shared": draw(objects(1))}}


def silent(path: str, what: str) -> None:
    """Somebody who does not want to know."""


@settings(max_examples=200, deadline=None)
@given(roots())
def test_held_as_anthropic_s_sdk_holds_it(schema: Schema) -> None:
    given_ = copy.deepcopy(schema)
    assert held_schema(schema, "s", silent) == transform_schema(copy.deepcopy(schema))
    assert schema == given_


@settings(max_examples=200, deadline=None)
@given(roots())
def test_strict_as_openai_s_sdk_makes_it(schema: Schema) -> None:
    given_ = copy.deepcopy(schema)
    wanted = copy.deepcopy(schema)
    assert strict_schema(schema, "s", silent) == _ensure_strict_json_schema(
        wanted, path=(), root=wanted
    )
    assert schema == given_


@settings(max_examples=100, deadline=None)
@given(roots())
def test_both_are_schemas_and_do_not_change_when_made_again(schema: Schema) -> None:
    for fit in (held_schema, strict_schema):
        told: list[str] = []
        once = fit(schema, "s", silent)
        jsonschema.Draft202012Validator.check_schema(once)
        assert fit(once, "s", lambda path, what: told.append(f"{path} {what}")) == once  # noqa: B023
        assert told == []


class Address(msgspec.Struct):
    """Where somebody lives."""

    street: Annotated[str, msgspec.Meta(min_length=1)]
    number: Annotated[int, msgspec.Meta(ge=1)] = 1


class Person(BaseModel):
    name: str = Field(pattern="^[A-Z]")
    role: Literal["user", "admin"] = "user"
    friends: list["Person"] = Field(default_factory=list, max_length=3)


@pytest.mark.parametrize(
    "schema",
    [msgspec.json.schema(Address), Person.model_json_schema()],
    ids=["msgspec", "pydantic"],
)
def test_what_types_say_is_carried(schema: Schema) -> None:
    told: list[str] = []
    held = held_schema(schema, "s", lambda path, what: told.append(f"{path}: {what}"))
    text = str(held)
    assert told
    assert all(each.endswith("stands in the description") for each in told)
    for word in ("minLength", "minimum", "pattern", "maxItems"):
        assert (f"{word}: " in text) == (f"'{word}'" in str(schema))
        assert f"'{word}'" not in text
    strict = strict_schema(schema, "s", silent)
    for made in (held, strict):
        for name, entry in (made.get("$defs") or {}).items():
            assert entry["additionalProperties"] is False, name


def test_words_beside_a_reference_stay() -> None:
    schema = {"properties": {"a": {"$ref": "#/$defs/A", "description": "the first"}}}
    wanted = {"anyOf": [{"$ref": "#/$defs/A"}], "description": "the first"}
    assert held_schema(schema, "s", silent)["properties"]["a"] == wanted
    assert strict_schema(schema, "s", silent)["properties"]["a"] == wanted


def test_one_of_several_is_any_of_them_for_strict() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"oneOf": [{"type": "object", "properties": {}}]}},
    }
    made = strict_schema(schema, "s", silent)["properties"]["a"]
    closed = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    assert made == {"anyOf": [closed]}


def test_odd_values_are_left_to_the_provider() -> None:
    odd: Schema = {"format": ["x"], "minItems": [1], "items": True, "properties": None, "anyOf": {}}
    assert held_schema(odd, "s", silent)["items"] is True
    assert strict_schema({**odd, "properties": {}}, "s", silent)["anyOf"] == {}
