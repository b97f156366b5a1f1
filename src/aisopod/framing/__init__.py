"""Bytes of a body to frames, incrementally: any split of the bytes gives the same frames."""

from aisopod.framing.eventstream import EventStreamFraming
from aisopod.framing.framing import MAX_FRAME_BYTES, Framing
from aisopod.framing.ndjson import NdjsonFraming
from aisopod.framing.sse import SseFraming

__all__ = ["MAX_FRAME_BYTES", "EventStreamFraming", "Framing", "NdjsonFraming", "SseFraming"]
