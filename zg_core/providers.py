"""A provider serves models."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from .models import Chunk, ModelInfo, Request, Response

__all__ = ["Enforcing", "Preparing", "Progress", "Provider"]


@runtime_checkable
class Provider(Protocol):
    """Serves models; one object serves any number of runs at once.

    It translates in both directions and does nothing else: no retries, no
    limits, no logging. Every error it raises is a `ProviderError`.

    Its methods are called for many runs at the same time, so what belongs to one
    request is kept in no attribute. `complete` and `stream` may be cancelled wherever
    they await: they let go of what they hold for the request, such as a connection or
    a lock, and let the cancellation pass.
    """

    def info(self, model: str) -> ModelInfo:
        """Say what a model can do, without a network."""
        ...

    def estimate(self, request: Request) -> int:
        """Return an upper bound of the request's input tokens, without a network.

        Budgets rest on it: before a request is sent, so many tokens are reserved, and
        a bound that is too low lets a run spend more than it may. A bound that is too
        high has requests refused that would fit. It is called before each request, and
        must be quick.

        Args:
            request: What is to be asked: messages with all their parts, tools and
                output schema count. Their letters are no bound of the tokens; the
                bytes of the whole request as JSON are, with some more for what a
                server puts around them.
        """
        ...

    async def complete(self, request: Request) -> Response:
        """Answer a request.

        Args:
            request: What is asked.

        Returns:
            The whole answer, with what the vendor counted.

        Raises:
            ProviderError: If there is no answer. Its class says whether the same
                request is tried again, and whether another model is asked instead. Any
                other exception is taken for a fault of the provider, of which the
                request is not tried again.
        """
        ...

    def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Answer a request in pieces; the last chunk carries the whole response.

        The generator may be closed before its end, by whoever wants no more: it lets
        go of the connection then, as when it is cancelled.

        Args:
            request: What is asked.

        Raises:
            ProviderError: As `complete` does, also when pieces have come already.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and memory; the provider is not used again."""
        ...


@runtime_checkable
class Enforcing(Protocol):
    """What a provider may have besides: a say in which schemas its servers enforce.

    It is asked where `ModelInfo.output_schema` is true. Where it says no, the model is
    held to the schema by a tool that it is to answer with, or by words.
    """

    def enforces(self, request: Request) -> bool:
        """Tell whether a request's output schema can be enforced, without a network.

        Args:
            request: What is to be asked, with its schema and its tools: some servers
                enforce no schema that says this or that, and some none beside tools.
        """
        ...


class Progress(Protocol):
    """Shows a person what takes long."""

    def note(self, text: str) -> None:
        """Show a line."""
        ...

    def bar(
        self, label: str, total: int
    ) -> AbstractContextManager[Callable[[int], None]]:
        """Show how far something is; yields what is told each further amount.

        Args:
            label: What is going on.
            total: What all the amounts come to, in bytes.
        """
        ...


@runtime_checkable
class Preparing(Protocol):
    """What a provider may have besides: something to do before a model is used.

    Whoever starts a run while a person watches calls it for the models of the
    run, in order, until one is ready, before the run is accepted. Nobody calls it
    for a service.
    """

    async def prepare(self, model: str, progress: Progress, *, download: bool) -> None:
        """Have the model ready, fetching it if need be.

        Args:
            model: The model's name, as the provider knows it.
            progress: Shows what takes long.
            download: Whether anything may be fetched.

        Raises:
            ConfigError: If it is not here and may not, or cannot, be fetched, or
                there is no key for it.
            ProviderError: If fetching it failed.
        """
        ...
