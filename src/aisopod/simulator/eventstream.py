"""Frames of AWS's event streams: https://smithy.io/2.0/aws/amazon-eventstream.html. Written only."""

import struct
import zlib
from collections.abc import Mapping

__all__ = ["event", "exception", "flipped", "frame"]

_STRING = 7
_PRELUDE = 12
_CHECKSUM = 4


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """A frame: lengths and their checksum, headers, payload, checksum of it all."""
    written = b"".join(_header(name, value) for name, value in headers.items())
    total = _PRELUDE + len(written) + len(payload) + _CHECKSUM
    lengths = struct.pack(">II", total, len(written))
    message = lengths + struct.pack(">I", zlib.crc32(lengths)) + written + payload
    return message + struct.pack(">I", zlib.crc32(message))


def event(kind: str, payload: bytes) -> bytes:
    """A frame of an event."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, payload)


def exception(kind: str, payload: bytes) -> bytes:
    """A frame with which the service gives up."""
    headers = {
        ":exception-type": kind,
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return frame(headers, payload)


def flipped(data: bytes) -> bytes:
    """A frame whose payload lost a bit on its way: its lengths hold, its checksum does not."""
    place = max(0, len(data) - _CHECKSUM - 1)
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return struct.pack(">B", len(key)) + key + struct.pack(">BH", _STRING, len(text)) + text
