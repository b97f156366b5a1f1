"""Codecs: frames to types and back, one folder per wire dialect, pure."""

from aisopod.codecs.codec import Codec, Decoder, Encoded, Notes, Target

__all__ = ["Codec", "Decoder", "Encoded", "Notes", "Target"]
