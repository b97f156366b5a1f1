"""Types and functions as users write them, to JSON schemas and back."""

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Optional

import jsonschema
import msgspec
import pytest
from pydantic import BaseModel, Field, TypeAdapter
from typing_extensions import TypedDict

from aisopod.errors import InvalidRequestError, OutputValidationError
from aisopod.normalise.coerce import build_request
from aisopod.types import JsonSchema, Tool
from aisopod.types.schema import parse_as, type_schema

if TYPE_CHECKING:
    from aisopod.types import Message as Hidden


class City(BaseModel):
    name: str
    population: int = Field(ge=0)


class Tree(BaseModel):
    name: str
    children: list["Tree"] = []


@dataclass
class Trip:
    to: City
    days: int = 1


class Plan(TypedDict):
    stops: list[City]


class Struct(msgspec.Struct):
    a: int


CITY = {"name": "Bonn", "population": 330000}
TYPES: list[tuple[Any, Any, Any]] = [
    # a type, JSON that fits it, JSON that does not
    (City, CITY, {"name": "Bonn"}),
    (list[City], [CITY], [{}]),
    (City | None, None, 1),
    (Optional[City], CITY, 1),  # noqa: UP045 - what users write
    (City | Struct, {"a": 1}, {"b": 1}),
    (dict[str, City], {"x": CITY}, {"x": 1}),
    (Annotated[list[City], "noted"], [CITY], {}),
    (Trip, {"to": CITY}, {"to": 1}),
    (Plan, {"stops": [CITY]}, {"stops": CITY}),
    (Tree, {"name": "a", "children": [{"name": "b"}]}, {"children": []}),
    (TypeAdapter(list[int]), [1], ["a"]),
    (TypeAdapter(City), CITY, {}),
    (list[Struct], [{"a": 1}], [{}]),
    (Struct | None, None, 1),
    (int, 1, "a"),
]


@pytest.mark.parametrize(("type_", "good", "bad"), TYPES, ids=lambda each: str(each)[:40])
def test_any_type_can_be_asked_for(type_: Any, good: Any, bad: Any) -> None:
    if type_ == City | Struct:
        with pytest.raises(InvalidRequestError, match="no JSON schema"):  # two libraries' types
            type_schema(type_)
        return
    wish = build_request("m", "hi", response_format=type_).response_format
    assert isinstance(wish, JsonSchema)
    jsonschema.validate(good, wish.schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(bad, wish.schema)
    parse_as(msgspec.json.encode(good).decode(), type_)
    with pytest.raises(OutputValidationError):
        parse_as(msgspec.json.encode(bad).decode(), type_)


def test_models_come_back_as_models() -> None:
    assert parse_as('[{"name": "Bonn", "population": 1}]', list[City]) == [
        City(name="Bonn", population=1)
    ]
    assert parse_as("null", City | None) is None
    assert parse_as('{"to": {"name": "Bonn", "population": 1}}', Trip) == Trip(
        City(name="Bonn", population=1)
    )


def test_a_model_in_itself_is_an_object_at_its_root() -> None:
    schema = type_schema(Tree)
    assert schema["type"] == "object"
    assert "$ref" not in schema


class Later(msgspec.Struct):
    a: "Nobody"  # type: ignore[name-defined]  # noqa: F821


class LaterModel(BaseModel):
    a: "Nobody"  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize("type_", [Later, LaterModel, list[LaterModel], object()])
def test_a_type_that_cannot_be_described_is_refused(type_: Any) -> None:
    with pytest.raises(InvalidRequestError, match="no JSON schema") as caught:
        build_request("m", "hi", response_format=type_)
    assert caught.value.field == "response_format"
    assert caught.value.remedy


# --- functions --------------------------------------------------------------------------------


def travel(to: City, days: int = 1, notes: list[str] = []) -> str:  # noqa: B006 - what users write
    """Plan a journey.

    Args:
        to: where it goes.
        days: how long it takes.
    """
    raise NotImplementedError


def test_functions_take_models() -> None:
    tool = Tool.from_function(travel)
    assert tool.name == "travel"
    assert tool.description == "Plan a journey."
    schema = tool.parameters
    assert schema["type"] == "object"
    assert schema["required"] == ["to"]
    assert schema["properties"]["to"]["description"] == "where it goes."
    assert schema["properties"]["days"]["description"] == "how long it takes."
    assert schema["properties"]["days"]["default"] == 1
    jsonschema.validate({"to": CITY, "notes": ["a"]}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"to": {"name": "Bonn"}}, schema)


def search(query: str, *, key: str, limit: int = 3) -> str:
    """Search for it.

    Args:
        query: what for.
        key: the secret.
    """
    raise NotImplementedError


def test_what_a_partial_has_bound_is_not_the_model_s_to_give() -> None:
    made = functools.partial(functools.partial(search, key="secret"), limit=5)
    tool = Tool.from_function(made)
    assert (tool.name, tool.description) == ("search", "Search for it.")
    assert tool.parameters == {
        "type": "object",
        "properties": {"query": {"type": "string", "description": "what for."}},
        "required": ["query"],
    }
    assert "secret" not in str(tool)
    positional = Tool.from_function(functools.partial(search, "cats", key="k"))
    assert list(positional.parameters["properties"]) == ["limit"]


class Looking:
    """Looks for something."""

    def __call__(self, what: str) -> str:
        """Look."""
        raise NotImplementedError

    def method(self, what: str) -> str:
        """Look again."""
        raise NotImplementedError


def test_objects_and_methods_are_functions_too() -> None:
    tool = Tool.from_function(Looking())
    assert (tool.name, tool.description) == ("Looking", "Looks for something.")
    assert list(tool.parameters["properties"]) == ["what"]
    assert Tool.from_function(Looking().method).name == "method"


def many(a: int, *rest: int) -> None: ...


def named(a: int, **rest: int) -> None: ...


def hidden(a: "Hidden") -> None: ...


def bare(a) -> None: ...  # type: ignore[no-untyped-def]  # noqa: ANN001


def odd(a: object) -> None: ...


@pytest.mark.parametrize(
    ("function", "field"),
    [
        (many, "tools[many].*rest"),
        (named, "tools[named].**rest"),
        (hidden, "tools[hidden]"),
        (functools.partial(hidden), "tools[hidden]"),
        (bare, "tools[bare].a"),
        (odd, "tools[odd]"),
    ],
)
def test_functions_that_a_model_cannot_call_are_refused(function: Any, field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        build_request("m", "hi", tools=[function])
    assert caught.value.field == field
    assert "Tool with a JSON schema" in (caught.value.remedy or "")


def test_forward_references_that_are_there_are_followed() -> None:
    def late(a: "City", b: "int | None" = None) -> None: ...

    assert list(Tool.from_function(late).parameters["properties"]) == ["a", "b"]
