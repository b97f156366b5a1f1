"""An uploaded file can be read where it lies, and nowhere else."""

import pytest

from aisopod.codecs.anthropic_messages.codec import codec as anthropic
from aisopod.codecs.bedrock_converse.codec import codec as converse
from aisopod.codecs.codec import Codec
from aisopod.codecs.gemini_generate.codec import codec as gemini
from aisopod.codecs.ollama_chat.codec import codec as ollama
from aisopod.codecs.openai_chat.codec import codec as openai
from aisopod.errors import InvalidRequestError
from aisopod.normalise.target import Target
from aisopod.normalise.validate import validate
from aisopod.types import ChatCompletionRequest, DocumentPart, Message

WIRES: dict[str, tuple[Codec, str]] = {
    "anthropic": (anthropic, "claude-sonnet-4-5"),
    "openai": (openai, "gpt-4o"),
    "gemini": (gemini, "gemini-3-pro"),
    "bedrock": (converse, "amazon.nova-pro-v1:0"),
    "ollama": (ollama, "llama3"),
}
IDS = {
    "file_011CNha8iCJcU1wXNR6q4V8w": "anthropic",
    "file-6F2ksmvXxt4VdoqmHRw6kL": "openai",
    "files/abc-123": "gemini",
    "gs://bucket/a.pdf": "gemini",
    "s3://bucket/a.pdf": "bedrock",
}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("file_id", IDS)
def test_a_file_is_read_where_it_lies(wire: str, file_id: str) -> None:
    codec, model = WIRES[wire]
    part = DocumentPart(file_id=file_id, media_type="application/pdf")
    request = ChatCompletionRequest(model=model, messages=[Message(role="user", content=[part])])
    quirks = None
    if wire == "openai":
        from aisopod.providers.openai import host

        quirks = host.quirks
    target = Target(provider=wire, model=model, quirks=quirks)
    if IDS[file_id] == wire:
        body = codec.encode(validate(request), target).body.decode()
        assert file_id in body
        return
    with pytest.raises(InvalidRequestError) as caught:
        codec.encode(validate(request), target)
    assert (caught.value.field or "").startswith("messages[0].content[0]")
    assert caught.value.remedy
