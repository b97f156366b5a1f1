"""Anthropic at api.anthropic.com: https://docs.anthropic.com/en/api/overview."""

from aisopod.providers.anthropic.host import host

__all__ = ["host"]
