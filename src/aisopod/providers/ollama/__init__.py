"""Ollama, on this machine or elsewhere: https://github.com/ollama/ollama/blob/main/docs/api.md."""

from aisopod.providers.ollama.host import host

__all__ = ["host"]
