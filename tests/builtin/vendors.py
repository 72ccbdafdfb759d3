"""The two vendors' providers, as tests of both want them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from zg_core.plugin_api import (
    Message,
    Provider,
    Request,
    Response,
    Settings,
    Text,
    ToolCall,
    Usage,
)
from zg_core.testing import WireServer
from zg_plugins_builtin.providers import anthropic, openai

VENDORS = ("openai", "anthropic")
KEY = "sk-canary-7f3a9b"
ASKED = Request(model="m", messages=(Message.user("Say hello."),))


def base_url(vendor: str, server: WireServer) -> str:
    """Where a vendor's package expects a server of the vendor's."""
    return f"{server.url}/v1" if vendor == "openai" else server.url


def make(vendor: str, **values: Any) -> Provider:
    """Make a provider of the settings in its section."""
    settings = Settings("zerogravity", {vendor: values})
    return {"openai": openai.make, "anthropic": anthropic.make}[vendor](settings)


@asynccontextmanager
async def asking(
    vendor: str, server: WireServer, **values: Any
) -> AsyncIterator[Provider]:
    """Make a provider that asks a server, and close it in the end."""
    values = {"base_url": base_url(vendor, server), "api_key": KEY, **values}
    provider = make(vendor, **values)
    try:
        yield provider
    finally:
        await provider.close()


async def streamed(provider: Provider, request: Request) -> tuple[str, Response]:
    """Return the pieces of a stream, put together, and the response at its end."""
    text, whole = "", None
    async for chunk in provider.stream(request):
        assert whole is None, "nothing comes after the whole response"
        text, whole = text + chunk.text, chunk.response
    assert whole is not None
    return text, whole


async def both(provider: Provider, request: Request) -> tuple[Response, Response]:
    """Ask twice: for the whole answer, and for a stream."""
    whole = await provider.complete(request)
    _, response = await streamed(provider, request)
    return whole, response


def answer(*parts: Text | ToolCall, **fields: Any) -> Response:
    """Make an answer that a server may give."""
    usage = Usage(input_tokens=5, output_tokens=3, calls=1)
    fields = {"model": "m-2026", "request_id": "req_42", "usage": usage, **fields}
    return Response(message=Message(role="assistant", parts=parts), **fields)
