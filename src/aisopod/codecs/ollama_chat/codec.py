"""The dialect as one value."""

from aisopod.codecs.codec import Codec
from aisopod.codecs.ollama_chat.decode import ChatDecoder, decode
from aisopod.codecs.ollama_chat.encode import write
from aisopod.codecs.ollama_chat.errors import decode_error, rate_limits, read_failure
from aisopod.codecs.ollama_chat.limits import limits
from aisopod.codecs.ollama_chat.rules import RULES
from aisopod.framing import NdjsonFraming

__all__ = ["codec"]

codec = Codec(
    dialect="ollama_chat",
    framing=NdjsonFraming,
    limits=limits,
    write=write,
    stream_decoder=ChatDecoder,
    decode=decode,
    decode_error=decode_error,
    read_failure=read_failure,
    rules=RULES,
    rate_limits=rate_limits,
)
