"""The client: chat, profiles and models on one core."""

from aisopod.client.chat import AsyncClient
from aisopod.client.single import get_provider
from aisopod.routing.stream import Stream

__all__ = ["AsyncClient", "Stream", "get_provider"]
