"""The dialect as one value."""

from aisopod.codecs.anthropic_messages.decode import MessagesDecoder, decode
from aisopod.codecs.anthropic_messages.encode import write
from aisopod.codecs.anthropic_messages.errors import decode_error, rate_limits, read_failure
from aisopod.codecs.anthropic_messages.limits import limits
from aisopod.codecs.anthropic_messages.rules import RULES
from aisopod.codecs.codec import Codec
from aisopod.framing import SseFraming

__all__ = ["codec"]

codec = Codec(
    dialect="anthropic_messages",
    framing=SseFraming,
    limits=limits,
    write=write,
    stream_decoder=MessagesDecoder,
    decode=decode,
    decode_error=decode_error,
    read_failure=read_failure,
    rules=RULES,
    rate_limits=rate_limits,
)
