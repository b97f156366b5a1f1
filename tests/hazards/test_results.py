"""Calls without a result, results without a call, and pictures in results."""

import base64

import msgspec
import pytest

from aisopod.errors import InvalidRequestError
from aisopod.normalise.target import NormaliseConfig
from aisopod.normalise.validate import validate
from aisopod.types import ChatCompletionRequest, ImagePart, Message, Part, TextPart, ToolCall
from hazards.ends import WEATHER, asked, meeting, on_each, said, user
from support.dialects import EVERY, Dialect, blocks, carried, named
from support.validity import problems

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PICTURE = base64.b64encode(PNG).decode()


def calling(*ids: str) -> Message:
    calls = [ToolCall(id=id_, name="weather", arguments='{"city":"Oslo"}') for id_ in ids]
    return Message(role="assistant", tool_calls=calls)


def result(id_: str, content: str | list[Part] = "18 degrees") -> Message:
    return Message(role="tool", tool_call_id=id_, content=content)


HISTORIES = {
    "none": [user("hi"), calling("a"), user("never mind")],
    "at-the-end": [user("hi"), calling("a")],
    "one-of-two": [user("hi"), calling("a", "b"), result("b"), user("go on")],
    "before-the-next-answer": [
        user("hi"), calling("a"), Message(role="assistant", content="I gave up."), user("ok"),
    ],
    "two-turns-of-calls": [user("hi"), calling("a"), calling("b"), result("b")],
    "late": [user("hi"), calling("a"), user("hm"), result("a"), user("go on")],
    "twice": [user("hi"), calling("a"), result("a"), result("a", "19 degrees"), user("go on")],
    "of-nobody": [user("hi"), result("nobody"), user("go on")],
    "first-of-all": [result("nobody"), user("hi")],
    "only": [result("nobody")],
}  # fmt: skip


@pytest.mark.parametrize("name", HISTORIES)
@pytest.mark.parametrize("dialect", EVERY, ids=named)
def test_any_disorder_is_put_right(dialect: Dialect, name: str) -> None:
    history = HISTORIES[name]
    encoded = carried(dialect, history, tools=[WEATHER])
    assert problems(dialect.name, encoded.body, dialect.model) == []
    told = {warning.rule for warning in encoded.warnings}
    is_disorder = {"missing_result", "orphan_result", "user_first", "foreign_signature"}
    assert told <= is_disorder | {"empty_message"}
    assert told or name in {"none", "at-the-end", "one-of-two", "before-the-next-answer",
                            "two-turns-of-calls", "late"}  # fmt: skip
    for message in history:
        if message.role == "tool":
            assert message.text in encoded.body.decode()


@pytest.mark.parametrize("name", ["of-nobody", "twice", "first-of-all"])
@on_each
def test_strangers_can_be_refused(dialect: Dialect, name: str) -> None:
    target = msgspec.structs.replace(
        dialect.target(), normalise=NormaliseConfig(on_orphan_result="error")
    )
    request = ChatCompletionRequest(model=dialect.model, messages=HISTORIES[name], tools=[WEATHER])
    with pytest.raises(InvalidRequestError, match=r"answer|call") as caught:
        dialect.codec.encode(validate(request), target)
    assert caught.value.field is not None
    assert "messages[" in caught.value.field


@on_each
async def test_the_wire_takes_it(dialect: Dialect) -> None:
    async with meeting([said("Well.")]) as (client, _):
        for history in HISTORIES.values():
            answer = await asked(client, dialect, history, stream=False, tools=[WEATHER])
            assert answer.text == "Well."


@pytest.mark.parametrize("around", [[], [TextPart(text="see:")]], ids=["alone", "with-text"])
@pytest.mark.parametrize("dialect", EVERY, ids=named)
def test_pictures_in_results(dialect: Dialect, around: list[Part]) -> None:
    """Each arrives, between the results or behind all of the turn's, and in order."""
    picture = ImagePart(data=PNG)
    history = [
        user("hi"),
        calling("a", "b", "c"),
        result("a", [*around, picture]),
        result("b", "text alone"),
        result("c", [picture, *around, picture]),
    ]
    try:
        encoded = carried(dialect, history, tools=[WEATHER])
    except InvalidRequestError as error:
        assert "image" in str(error).lower() or "ImagePart" in str(error)  # noqa: PT017 - some see nothing
        return
    assert problems(dialect.name, encoded.body, dialect.model) == []
    assert encoded.body.decode().count(PICTURE) == 3
    moved = [warning for warning in encoded.warnings if warning.rule == "tool_media"]
    assert bool(moved) == (dialect.name == "openai_chat")
    assert "text alone" in str(blocks(encoded))
