"""Bytes over HTTP: one method, with the HTTP library behind it."""

from aisopod.transport.transport import Response, Transport

__all__ = ["Response", "Transport"]
