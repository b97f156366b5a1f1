"""The Gemini API at generativelanguage.googleapis.com: https://ai.google.dev/api."""

from aisopod.providers.gemini.host import host

__all__ = ["host"]
