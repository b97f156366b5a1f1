"""What a provider is, ours or a third party's."""

from collections.abc import AsyncIterator
from typing import Protocol, runtime_checkable

from aisopod.types import ChatCompletionChunk, ChatCompletionRequest, ModelInfo, ProviderHealth

__all__ = ["ModelProvider"]


@runtime_checkable
class ModelProvider(Protocol):
    """One provider, with nothing in between.

    Third parties implement this and register by an entry point in the group
    `aisopod.providers`, whose name is the provider's id.

    Attributes:
        id: the name before the slash in `provider/model`.
    """

    id: str

    async def list_models(self) -> list[ModelInfo]:
        """Every model that the provider offers."""

    def chat_completion(self, request: ChatCompletionRequest) -> AsyncIterator[ChatCompletionChunk]:
        """Send a request; `request.stream` chooses the wire's streamed or plain answer.

        Raises:
            AisopodError: any of the tree in `aisopod.errors`.
        """

    async def health_check(self) -> ProviderHealth:
        """Whether requests can be expected to work; costs no tokens and does not raise."""
