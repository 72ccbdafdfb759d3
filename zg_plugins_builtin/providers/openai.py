"""OpenAI's chat completions, which many other servers speak as well."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace

from zg_core.plugin_api import (
    Chunk,
    JsonObject,
    ModelInfo,
    Progress,
    ProviderRequestError,
    Request,
    Response,
    Settings,
)

from ._chat_completions import Gathered, body_of, response_of
from ._service import Service, model_info, section
from ._vendor import Vendor
from ._wire_json import dump_json

__all__ = ["AUTO", "OpenAIProvider", "make"]

AUTO = "auto"
"""The name that stands for the first model a server of one's own offers."""

_PATH = "/chat/completions"
_HIDDEN_TOKENS = 256
"""More than servers add of their own, beyond what JSON takes around the texts."""


def make(settings: Settings) -> OpenAIProvider:
    """Make the provider of OpenAI itself, or of another server by ``base_url``."""
    service = Service(provider="openai", package="openai", env="OPENAI_API_KEY")
    return OpenAIProvider(service, section(settings, "openai"))


class OpenAIProvider:
    """Serves the models of one server that speaks OpenAI's chat completions.

    Args:
        service: Which server.
        settings: Its section: ``base_url``, ``api_key``, ``timeout_seconds``, the
            fields of `ModelInfo`, and ``max_tokens_field``, the name under which
            the server knows the bound of an answer.
    """

    def __init__(self, service: Service, settings: Settings) -> None:
        self._vendor = Vendor(service, settings)
        self._info = model_info(settings)
        url = self._vendor.base_url
        # OpenAI's reasoning models refuse the old name; few others know the new one.
        current = url is None or ".openai." in url
        usual = "max_completion_tokens" if current else "max_tokens"
        self._bound: str = settings.get("max_tokens_field", usual)
        self._first: str | None = None

    def info(self, model: str) -> ModelInfo:
        """Say what the settings say; by default that it can do everything."""
        return self._info

    def estimate(self, request: Request) -> int:
        """Return the bytes of the request: no tokenizer makes more tokens of them."""
        return len(dump_json(self._body(request))) + _HIDDEN_TOKENS

    async def complete(self, request: Request) -> Response:
        """Answer a request."""
        body = self._body(await self._named(request))
        document, request_id = await self._vendor.ask(_PATH, body)
        return self._vendor.understand(response_of, document, request_id)

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Answer a request in pieces."""
        body = self._body(await self._named(request))
        body |= {"stream": True, "stream_options": {"include_usage": True}}
        gathered = Gathered()
        async with self._vendor.stream(_PATH, body) as (events, request_id):
            async for event in events:
                if text := self._vendor.understand(gathered.add, event):
                    yield Chunk(text=text)
        yield Chunk(response=self._vendor.understand(gathered.response, request_id))

    async def prepare(self, model: str, progress: Progress, *, download: bool) -> None:
        """See that there is a key, before a run is begun that would need it."""
        self._vendor.check_key()

    async def close(self) -> None:
        """Close all connections."""
        await self._vendor.close()

    async def _named(self, request: Request) -> Request:
        if request.model != AUTO:
            return request
        if self._first is None:
            names = await self._vendor.models()
            self._first = next((n for n in names if "embed" not in n), None)
        if self._first is None:
            raise ProviderRequestError(
                f"no model is loaded at {self._vendor.errors.url}",
                "load one there, or name another provider",
            )
        return replace(request, model=self._first)

    def _body(self, request: Request) -> JsonObject:
        return body_of(request, bound=self._bound)
