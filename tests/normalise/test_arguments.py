"""What is repaired of arguments is what was there."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from aisopod.normalise.arguments import repaired

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(max_size=8)
    | st.sampled_from([0.5, -1.25e30, '"', "\\", "\\u00", "a,b", "}{", "```", "\U0001f600"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
OBJECTS = st.dictionaries(st.text(max_size=4), JSON, max_size=4)


def is_beginning(found: Any, whole: Any) -> bool:
    """Whether a value is the beginning of another one, as a cut leaves it."""
    match found, whole:
        case dict(), dict():
            keys = list(found)
            inner = all(found[key] == whole.get(key) for key in keys[:-1])
            return (
                keys == list(whole)[: len(keys)]
                and inner
                and (not keys or is_beginning(found[keys[-1]], whole[keys[-1]]))
            )
        case list(), list():
            same = found[:-1] == whole[: len(found) - 1] if found else True
            return len(found) <= len(whole) and same and (
                not found or is_beginning(found[-1], whole[len(found) - 1])
            )  # fmt: skip
        case str(), str():
            return whole.startswith(found)
        case ((int() | float()), (int() | float())) if not isinstance(whole, bool):
            texts = [msgspec.json.encode(each).decode() for each in (found, whole)]
            return texts[1].startswith(texts[0].removesuffix(".0"))
        case _:
            return found is whole


@given(OBJECTS, st.data(), st.booleans())
def test_a_cut_object_keeps_its_beginning(whole: dict[str, Any], data: st.DataObject, ascii_: bool) -> None:  # fmt: skip
    text = msgspec.json.encode(whole).decode()
    if ascii_:
        text = "".join(_escaped(letter) for letter in text)
    cut = text[: data.draw(st.integers(1, len(text)))]
    found = repaired(cut)
    assert found is not None, cut
    made = msgspec.json.decode(found.text)
    assert is_beginning(made, whole), (cut, found)


def _escaped(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass")
    pairs = [units[at : at + 2].hex() for at in range(0, len(units), 2)]
    return letter if letter.isascii() else "".join(f"\\u{pair}" for pair in pairs)


@given(OBJECTS, st.text(alphabet="{}[]\"',:\\ `x1\n", max_size=8), st.text(max_size=5))
def test_a_whole_object_stays_whole_whatever_stands_behind_it(
    whole: dict[str, Any], odd: str, more: str
) -> None:
    text = msgspec.json.encode(whole).decode()
    found = repaired(text + odd + more)
    assert found is not None
    assert found.text == text
    assert ("left out" in found.how) == bool((odd + more).replace("```", "").strip())


@given(st.text(alphabet="{}[]\"',:\\ abtrue1\n-.", max_size=24))
def test_what_is_no_beginning_of_an_object_is_not_made_one(text: str) -> None:
    found = repaired(text)
    if found is None or "left out" in found.how:
        return
    # Every letter and number that is not told of as cut is still there.
    kept = msgspec.json.decode(found.text)
    assert isinstance(kept, dict)
    if found.how == "spelled as JSON":
        assert [c for c in text if c.isalnum()] == [c for c in found.text if c.isalnum()]


@given(OBJECTS)
def test_single_quotes_are_no_reason_to_lose_everything(whole: dict[str, Any]) -> None:
    found = repaired(repr(whole))
    assert found is None or msgspec.json.decode(found.text) == whole
