"""References inside a schema, as RFC 6901 reads them."""

from typing import Any

import pytest

from aisopod.normalise.references import pointed

ROOT: dict[str, Any] = {
    "properties": {"a": {"type": "string"}, "a/b": {"x": 1}, "a~b": {"x": 2}, "ü c": {"x": 3}},
    "anyOf": [{"x": 4}, True],
    "title": "T",
}


@pytest.mark.parametrize(
    ("reference", "wanted"),
    [
        ("#", ROOT),
        ("#/properties/a", {"type": "string"}),
        ("#/properties/a~1b", {"x": 1}),
        ("#/properties/a~0b", {"x": 2}),
        ("#/properties/%C3%BC%20c", {"x": 3}),
        ("#/anyOf/0", {"x": 4}),
        ("#/anyOf/1", None),
        ("#/anyOf/2", None),
        ("#/anyOf/-1", None),
        ("#/title", None),
        ("#/title/x", None),
        ("#/nowhere", None),
        ("#anchor", None),
        ("https://example.com/a.json", None),
        ("", None),
        (None, None),
    ],
)
def test_what_a_reference_points_to(reference: object, wanted: dict[str, Any] | None) -> None:
    assert pointed(reference, ROOT) == wanted
