"""OpenAI's models, and those of the many other servers that speak its formats."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace

from zg_core.plugin_api import (
    Chunk,
    Json,
    ModelInfo,
    Progress,
    ProviderRequestError,
    Request,
    Response,
    Settings,
)

from ._call_ids import CallIds
from ._chat_completions import ChatCompletions
from ._estimates import with_cut_images
from ._refused_fields import with_setting
from ._responses import Responses, reasons
from ._service import Service, model_info, section
from ._vendor import Vendor
from ._wire_json import dump_json

__all__ = ["AUTO", "OpenAIProvider", "make"]

AUTO = "auto"
"""The name that stands for the first model a server of one's own offers."""

_OWN = re.compile(r"https?://([^/@]*@)?([\w-]+\.)*openai\.com([:/]|$)")
_AZURE = re.compile(r"https?://([^/@]*@)?([\w-]+\.)+openai\.azure\.com([:/]|$)")
"""Where OpenAI's models are served by Azure, under names that users give them."""
_HIDDEN_TOKENS = 256
"""More than servers add of their own, beyond what JSON takes around the texts."""


def make(settings: Settings) -> OpenAIProvider:
    """Make the provider of OpenAI itself, or of another server by ``base_url``."""
    service = Service(provider="openai", package="openai", env="OPENAI_API_KEY")
    return OpenAIProvider(service, section(settings, "openai"))


def _call_ids(length: int | None) -> CallIds | None:
    """Return which ids a server takes that wants them to be so many letters long."""
    if length is None:
        return None
    return CallIds(allowed=re.compile(rf"[a-zA-Z0-9]{{{length}}}"), length=length)


class OpenAIProvider:
    """Serves the models of one server that speaks OpenAI's formats.

    Args:
        service: Which server.
        settings: Its section: ``base_url``, ``api_key``, ``timeout_seconds``, the
            fields of `ModelInfo`; ``api``: ``"chat"`` completions, ``"responses"``,
            or the latter for OpenAI's own models that reason (``"auto"``);
            ``call_id_length``, how many letters and digits the id of a tool call must
            have, where that matters; ``schema_with_tools``, whether a model that is
            held to a schema can call tools before it answers; and what the server does
            unlike others: see `ChatCompletions`, where ``bound`` is
            ``max_tokens_field`` here.
    """

    def __init__(self, service: Service, settings: Settings) -> None:
        self._provider = service.provider
        self._vendor = Vendor(service, settings)
        known: Mapping[str, Json] = {**service.quirks, **settings}
        self._info = model_info(known)
        self._schema_with_tools = known.get("schema_with_tools", True)
        url = self._vendor.base_url
        own = url is None or _OWN.match(url) is not None
        self._of_openai = own or _AZURE.match(str(url)) is not None
        # OpenAI's reasoning models refuse the old name; few others know the new one.
        current = own or ".openai." in str(url)
        usual = "max_completion_tokens" if current else "max_tokens"
        temperature = known.get("temperature", True)
        chat = ChatCompletions(
            bound=known.get("max_tokens_field", usual),
            stream_usage=known.get("stream_usage", True),
            temperature=temperature,
            cost_field=known.get("cost_field"),
            reasoning_field=known.get("reasoning_field"),
            call_ids=_call_ids(known.get("call_id_length")),
        )
        responses = Responses(temperature=temperature)
        asked = known.get("api", "auto")
        self._usual = responses if asked == "responses" else chat
        # Models that reason refuse a temperature. Not all of Azure has responses.
        self._reasoning = (
            Responses(temperature=False, sealed=True)
            if asked == "responses" or (asked == "auto" and own)
            else replace(chat, temperature=False)
        )
        self._first: str | None = None

    def info(self, model: str) -> ModelInfo:
        """Say what the settings say; by default that it can do everything."""
        return self._info

    def enforces(self, request: Request) -> bool:
        """Tell whether its server can hold an answer to a schema and call tools."""
        return bool(self._schema_with_tools or not request.tools)

    def estimate(self, request: Request) -> int:
        """Return the bytes of the request: no tokenizer makes more tokens of them.

        An image counts as much as one can, at most.
        """
        body = self._api(request.model).body(with_cut_images(request))
        return len(dump_json(body)) + _HIDDEN_TOKENS

    async def complete(self, request: Request) -> Response:
        """Answer a request."""
        if request.model == AUTO:
            request = await self._named(request)
        api = self._api(request.model)
        try:
            document, request_id = await self._vendor.ask(api.path, api.body(request))
        except ProviderRequestError as error:
            raise with_setting(error, self._provider) from error.__cause__
        return self._vendor.understand(api.response, document, request_id)

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Answer a request in pieces."""
        if request.model == AUTO:
            request = await self._named(request)
        api = self._api(request.model)
        gathered = api.gathering()
        body = api.streaming(request)
        try:
            async with self._vendor.stream(api.path, body) as (events, request_id):
                async for event in events:
                    if text := self._vendor.understand(gathered.add, event):
                        yield Chunk(text=text)
        except ProviderRequestError as error:
            raise with_setting(error, self._provider) from error.__cause__
        yield Chunk(response=self._vendor.understand(gathered.response, request_id))

    async def prepare(self, model: str, progress: Progress, *, download: bool) -> None:
        """See that there is a key, before a run is begun that would need it."""
        self._vendor.check_key()

    async def close(self) -> None:
        """Close all connections."""
        await self._vendor.close()

    def _api(self, model: str) -> ChatCompletions | Responses:
        return self._reasoning if self._of_openai and reasons(model) else self._usual

    async def _named(self, request: Request) -> Request:
        if self._first is None:
            names = await self._vendor.models()
            self._first = next((n for n in names if "embed" not in n), None)
        if self._first is None:
            raise ProviderRequestError(
                f"no model is loaded at {self._vendor.errors.url}",
                "load one there, or name another provider",
            )
        return replace(request, model=self._first)
