"""A provider serves models."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol, runtime_checkable

from .models import Chunk, ModelInfo, Request, Response

__all__ = ["Provider"]


@runtime_checkable
class Provider(Protocol):
    """Serves models; one object serves any number of runs at once.

    It translates in both directions and does nothing else: no retries, no
    limits, no logging. Every error it raises is a `ProviderError`.
    """

    def info(self, model: str) -> ModelInfo:
        """Say what a model can do, without a network."""
        ...

    def estimate(self, request: Request) -> int:
        """Return an upper bound of the request's input tokens, without a network."""
        ...

    async def complete(self, request: Request) -> Response:
        """Answer a request."""
        ...

    def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Answer a request in pieces; the last chunk carries the whole response."""
        ...

    async def close(self) -> None:
        """Let go of connections and memory; the provider is not used again."""
        ...
