"""Recorded chats of the providers that the catalogue knows: whom they asked, what was answered."""

import re
from urllib.parse import unquote

from aisopod.codecs.anthropic_messages.codec import codec as anthropic
from aisopod.codecs.bedrock_converse.codec import codec as bedrock
from aisopod.codecs.codec import Codec
from aisopod.codecs.gemini_generate.codec import codec as gemini
from aisopod.codecs.openai_chat.codec import codec as openai
from aisopod.normalise.target import Target
from aisopod.types import ChatCompletion, fold
from support.recordings import Recording, opening

CODECS: dict[str, Codec] = {
    "anthropic": anthropic,
    "bedrock": bedrock,
    "gemini": gemini,
    "openai": openai,
}
APIS = {
    "anthropic": ("messages",),
    "bedrock": ("converse", "converse-stream"),
    "gemini": ("generateContent", "streamGenerateContent"),
    "openai": ("chat.completions",),
}


def model_of(recording: Recording) -> str:
    """The model that was asked for, by the body or the address."""
    body = recording.request.get("json") or {}
    if model := body.get("model"):
        return str(model)
    match = re.search(r"models?/([^/?]+?)(?::\w+|/converse[a-z-]*)(\?|$)", recording.request["url"])
    return unquote(match[1]) if match else ""


def answer_of(recording: Recording) -> ChatCompletion:
    """The answer as the provider's codec reads it."""
    codec = CODECS[recording.provider]
    target = Target(provider=recording.provider, model=model_of(recording))
    if not recording.stream:
        return fold(codec.decode(recording.body, target))
    framing, decoder = codec.framing(), codec.stream_decoder(target)
    frames = [*framing.feed(recording.body), *framing.close()]
    chunks = [decoder.feed(frame) for frame in frames if not decoder.done]
    return fold([opening(recording.provider), *(chunk for chunk in chunks if chunk)])
