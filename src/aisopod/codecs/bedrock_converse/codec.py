"""The dialect as one value."""

from aisopod.codecs.bedrock_converse.decode import ConverseDecoder, decode
from aisopod.codecs.bedrock_converse.encode import write
from aisopod.codecs.bedrock_converse.errors import decode_error, rate_limits, read_failure
from aisopod.codecs.bedrock_converse.limits import limits
from aisopod.codecs.bedrock_converse.rules import RULES
from aisopod.codecs.codec import Codec
from aisopod.framing import EventStreamFraming

__all__ = ["codec"]

codec = Codec(
    dialect="bedrock_converse",
    framing=EventStreamFraming,
    limits=limits,
    write=write,
    stream_decoder=ConverseDecoder,
    decode=decode,
    decode_error=decode_error,
    read_failure=read_failure,
    rules=RULES,
    rate_limits=rate_limits,
)
