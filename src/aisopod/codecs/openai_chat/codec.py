"""The dialect as one value."""

from aisopod.codecs.codec import Codec
from aisopod.codecs.openai_chat.decode import ChatDecoder, decode
from aisopod.codecs.openai_chat.encode import write
from aisopod.codecs.openai_chat.errors import decode_error, rate_limits, read_failure
from aisopod.codecs.openai_chat.limits import limits
from aisopod.codecs.openai_chat.rules import RULES
from aisopod.framing import SseFraming

__all__ = ["codec"]

codec = Codec(
    dialect="openai_chat",
    framing=SseFraming,
    limits=limits,
    write=write,
    stream_decoder=ChatDecoder,
    decode=decode,
    decode_error=decode_error,
    read_failure=read_failure,
    rules=RULES,
    rate_limits=rate_limits,
)
