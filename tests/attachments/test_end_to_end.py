"""From a client to a wire, with files that the wire does not take as they are."""

import asyncio
import base64
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from aisopod import (
    AsyncClient,
    Config,
    DocumentPart,
    FetchConfig,
    ImagePart,
    InvalidRequestError,
    MediaPart,
    Message,
    NormaliseConfig,
    ProviderConfig,
    Secret,
    TextPart,
    Timeouts,
)
from aisopod.attachments import fitting
from aisopod.attachments.images import refit
from aisopod.errors import TotalTimeoutError, UnsupportedFeatureError
from aisopod.simulator import Reply, Simulator
from attachments.conftest import Web
from attachments.files import image, pdf
from matrix.configured import AWS

CLAUDE = "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0"
TITAN = "bedrock/amazon.titan-text-express-v1"
LLAVA = "ollama/llava"
GPT = "openai/gpt-4o"
ANTHROPIC = "anthropic/claude-sonnet-4-5"
GEMINI = "gemini/gemini-2.5-flash"


class Bench:
    """A simulator, and clients of it."""

    def __init__(self, simulator: Simulator, stack: AsyncExitStack) -> None:
        self.simulator = simulator
        self._stack = stack

    async def client(self, **fields: Any) -> AsyncClient:
        url = self.simulator.url_for
        key = Secret("sk-0123456789")
        providers = {
            "bedrock": ProviderConfig(base_url=url("bedrock"), options={"region": "us-east-1"}),
            "ollama": ProviderConfig(base_url=url("ollama")),
            **{
                name: ProviderConfig(base_url=url(name), api_key=key)
                for name in ("openai", "anthropic", "gemini")
            },
            "lmstudio": ProviderConfig(base_url=url("openai")),
        }
        fields.setdefault("fetch", FetchConfig(allow_private=True))
        config = Config(state="memory", providers=providers, **fields)
        return await self._stack.enter_async_context(AsyncClient(config))

    @property
    def sent(self) -> Any:
        """The last body."""
        return self.simulator.requests[-1].body


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    [(key_id, secret)] = AWS.items()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK"):
        monkeypatch.delenv(name, raising=False)
    async with AsyncExitStack() as stack:
        simulator = Simulator([Reply(content="fine")])
        await stack.enter_async_context(simulator)
        yield Bench(simulator, stack)


def shows(*parts: Any) -> list[Message]:
    return [Message(role="user", content=[TextPart(text="What is this?"), *parts])]


async def test_the_total_limit_holds_for_fetching_too(bench: Bench, site: Web) -> None:
    client = await bench.client()
    messages = shows(ImagePart(url=site.url("/slow")))
    with pytest.raises(TotalTimeoutError, match="files were not here"):
        await client.complete(CLAUDE, messages=messages, timeouts=Timeouts(total=0.2))
    assert not bench.simulator.requests
    explained = await client.explain(CLAUDE)
    assert explained.chosen is not None
    assert explained.chosen.state == "ready"


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def test_bedrock_and_ollama_get_the_bytes(bench: Bench, site: Web) -> None:
    client = await bench.client()
    messages = shows(ImagePart(url=site.url("/cat.png?signature=secret")))
    answer = await client.complete(CLAUDE, messages=messages)
    assert answer.text == "fine"
    assert bench.sent["messages"][0]["content"][1] == {
        "image": {"format": "png", "source": {"bytes": encoded(image("PNG"))}}
    }
    [warning] = answer.warnings
    assert (warning.rule, warning.message_index, warning.part_index) == ("fetched", 0, 1)
    assert warning.action == "changed"
    assert site.url("/cat.png") in warning.message
    assert "secret" not in str(warning)
    async with client.stream(LLAVA, messages=messages) as stream:
        text = "".join([chunk.delta.content or "" async for chunk in stream])
    assert text == "fine"
    assert bench.sent["messages"][0]["images"] == [encoded(image("PNG"))]
    assert [each.rule for each in stream.response.warnings] == ["fetched"]
    assert messages[0].parts[1] == ImagePart(url=site.url("/cat.png?signature=secret"))


@pytest.mark.parametrize("model", [GPT, ANTHROPIC, GEMINI])
async def test_who_reads_addresses_gets_the_address(bench: Bench, site: Web, model: str) -> None:
    client = await bench.client()
    url = site.url("/cat.png")
    answer = await client.complete(model, messages=shows(ImagePart(url=url)))
    assert answer.warnings == []
    assert url in str(bench.sent)
    assert not site.asked


async def test_gemini_gets_the_bytes_where_the_address_tells_no_type(
    bench: Bench, site: Web
) -> None:
    client = await bench.client()
    await client.complete(GEMINI, messages=shows(ImagePart(url=site.url("/cat"))))
    [_, part] = bench.sent["contents"][0]["parts"]
    assert part == {"inlineData": {"mimeType": "image/png", "data": encoded(image("PNG"))}}


async def test_what_is_fetched_is_converted_where_it_must_be(bench: Bench, site: Web) -> None:
    client = await bench.client()
    answer = await client.complete(CLAUDE, messages=shows(ImagePart(url=site.url("/cat.bmp"))))
    assert [each.rule for each in answer.warnings] == ["fetched", "image_converted"]
    assert bench.sent["messages"][0]["content"][1]["image"]["format"] == "png"
    answer = await client.complete("lmstudio/x", messages=shows(ImagePart(data=image("WEBP"))))
    assert [each.rule for each in answer.warnings] == ["image_converted"]
    assert bench.sent["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/jpeg")


async def test_decoding_is_off_the_loop(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def seen(*args: Any) -> Any:
        threads.append(threading.current_thread())
        return refit(*args)

    monkeypatch.setattr(fitting, "refit", seen)
    client = await bench.client()
    await client.complete(LLAVA, messages=shows(ImagePart(data=image("BMP"))))
    assert threads
    assert threading.main_thread() not in threads


async def test_images_in_a_crowd_must_be_smaller(bench: Bench) -> None:
    client = await bench.client()
    part = ImagePart(data=image("PNG", (2_100, 2)))
    answer = await client.complete(ANTHROPIC, messages=shows(*[part] * 20))
    assert answer.warnings == []
    answer = await client.complete(ANTHROPIC, messages=shows(*[part] * 21))
    assert [each.rule for each in answer.warnings] == ["image_scaled"] * 21


async def test_documents_and_sound_are_fetched_too(bench: Bench, site: Web) -> None:
    client = await bench.client()
    parts = (
        DocumentPart(url=site.url("/pdf"), name="a.pdf"),
        DocumentPart(url=site.url("/notes.txt"), name="b"),
        MediaPart(url=site.url("/tone.mp3")),
    )
    nova = "bedrock/amazon.nova-lite-v1:0"
    await client.complete(nova, messages=shows(*parts))
    [_, first, second, third] = bench.sent["messages"][0]["content"]
    assert first["document"]["format"] == "pdf"
    assert second["document"]["format"] == "txt"
    assert third["audio"]["format"] == "mp3"
    assert site.most_at_once == 3


async def test_documents_become_text_if_asked(bench: Bench, site: Web) -> None:
    parts = (DocumentPart(data=pdf("Aloud"), name="a.pdf"), DocumentPart(url=site.url("/pdf")))
    plain = await bench.client()
    for model in (TITAN, LLAVA):
        with pytest.raises(UnsupportedFeatureError, match=r'normalise\.documents = "text"'):
            await plain.complete(model, messages=shows(parts[0]))
    client = await bench.client(normalise=NormaliseConfig(documents="text"))
    answer = await client.complete(LLAVA, messages=shows(*parts))
    assert bench.sent["messages"][0]["content"] == "What is this?\n# a.pdf\n\nAloud\nAloud"
    assert [each.rule for each in answer.warnings] == [
        "document_as_text",
        "fetched",
        "document_as_text",
    ]
    await client.complete(CLAUDE, messages=shows(parts[0]))
    assert "document" in bench.sent["messages"][0]["content"][1]  # it has a place for documents


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/none?secret", "its server answered 404"),
        ("/lies.png", "no image of a known type, by its content (image/png)"),
        ("/pdf", "no image of a known type"),
        ("/slow", "it was not here within 0.2 s"),
    ],
)
async def test_a_failed_fetch_is_the_request_s_error(
    bench: Bench, site: Web, path: str, reason: str
) -> None:
    fetch = FetchConfig(allow_private=True, timeout=0.2)
    client = await bench.client(fetch=fetch)
    messages = [Message(role="system", content="x"), *shows(ImagePart(url=site.url(path)))]
    with pytest.raises(InvalidRequestError) as caught:
        await client.complete(LLAVA, models=[CLAUDE], messages=messages)
    error = caught.value
    assert error.field == "messages[1].content[1].url"
    assert reason in error.message
    assert site.url(path.partition("?")[0]) in error.message
    assert "secret" not in str(error)
    assert error.remedy
    assert not isinstance(error, UnsupportedFeatureError)
    assert len(error.attempts) == 1  # nobody else was tried
    assert not [each for each in bench.simulator.requests if each.body]
    # And nobody is held back.
    states = (await client.explain(LLAVA)).considered
    assert all(state.state == "ready" for state in states), states


async def test_a_private_address_is_refused_unless_it_is_allowed(bench: Bench, site: Web) -> None:
    client = await bench.client(fetch=FetchConfig())
    with pytest.raises(InvalidRequestError, match=r"not public.*fetch\.allow_private"):
        await client.complete(LLAVA, messages=shows(ImagePart(url=site.url("/cat.png"))))
    assert not site.asked


async def test_nothing_is_fetched_where_that_is_turned_off(bench: Bench, site: Web) -> None:
    client = await bench.client(fetch=FetchConfig(enabled=False))
    with pytest.raises(UnsupportedFeatureError, match=r"fetch\.enabled"):
        await client.complete(LLAVA, messages=shows(ImagePart(url=site.url("/cat.png"))))
    assert not site.asked


async def test_the_next_candidate_does_not_fetch_again(bench: Bench, site: Web) -> None:
    bench.simulator.down.add("bedrock")
    client = await bench.client()
    part = ImagePart(url=site.url("/cat.png"))
    answer = await client.complete(CLAUDE, models=[LLAVA, GPT], messages=shows(part, part))
    assert answer.info is not None
    assert [each.outcome for each in answer.attempts][-1] == "ok"
    assert answer.info.provider == "ollama"
    assert site.asked["/cat.png"] == 1
    assert len(bench.sent["messages"][0]["images"]) == 2


async def test_a_preview_asks_nobody(bench: Bench, site: Web) -> None:
    client = await bench.client()
    messages = shows(ImagePart(url=site.url("/cat.png?secret")), ImagePart(data=image("BMP")))
    preview = client.preview(model=CLAUDE, messages=messages)
    [_, first, second] = preview.body["messages"][0]["content"]
    shown = base64.b64decode(first["image"]["source"]["bytes"]).decode()
    assert shown == f"(fetched from {site.url('/cat.png')})"
    assert second["image"]["format"] == "png"
    assert [each.rule for each in preview.warnings] == ["fetched", "image_converted"]
    assert "would be fetched" in preview.warnings[0].message
    assert not site.asked
    for url in ("http://u:p@x.example/a.png", "http://127.0.0.1/a.png"):
        other = await bench.client(fetch=FetchConfig())
        with pytest.raises(InvalidRequestError, match="cannot be fetched"):
            other.preview(model=CLAUDE, messages=shows(ImagePart(url=url)))


async def test_leaving_a_request_ends_its_fetching(bench: Bench, site: Web) -> None:
    client = await bench.client()
    messages = shows(ImagePart(url=site.url("/slow")))
    task = asyncio.create_task(client.complete(LLAVA, messages=messages))
    while not site.at_once:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.2)
    assert not site.at_once


async def test_tokens_are_counted_with_what_is_fetched(bench: Bench, site: Web) -> None:
    client = await bench.client()
    counted = await client.count_tokens(CLAUDE, messages=shows(ImagePart(url=site.url("/cat.png"))))
    assert counted.quality == "exact"
    assert site.asked["/cat.png"] == 1
