"""The dialect as one value."""

from aisopod.codecs.codec import Codec
from aisopod.codecs.gemini_generate.decode import GenerateDecoder, decode
from aisopod.codecs.gemini_generate.encode import write
from aisopod.codecs.gemini_generate.errors import decode_error, rate_limits, read_failure
from aisopod.codecs.gemini_generate.limits import limits
from aisopod.codecs.gemini_generate.rules import RULES
from aisopod.framing import SseFraming

__all__ = ["codec"]

codec = Codec(
    dialect="gemini_generate",
    framing=SseFraming,
    limits=limits,
    write=write,
    stream_decoder=GenerateDecoder,
    decode=decode,
    decode_error=decode_error,
    read_failure=read_failure,
    rules=RULES,
    rate_limits=rate_limits,
)
