"""A drill at work: providers whose calls go wrong as if the vendor had done it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

import anyio

from .._choice import resolve_model
from .._names import local_name
from ..drills import Drill, Injection
from ..errors import (
    ContextLengthError,
    ProviderAuthError,
    ProviderError,
    ProviderRequestError,
    ProviderResponseError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    RateLimitError,
)
from ..messages import Message
from ..models import Chunk, ModelInfo, Request, Response
from ..plugins import PluginHost
from ..providers import Provider
from .asking import Link

__all__ = ["Injecting", "check_names", "error_of_status"]

_LONGEST_CUT = 8  # pieces of a stream before it breaks off
_GARBAGE = '{"garbage": [}'
_BY_STATUS: dict[int, type[ProviderError]] = {
    401: ProviderAuthError,
    402: ProviderAuthError,
    403: ProviderAuthError,
    408: ProviderTimeoutError,
    409: ProviderUnavailableError,
    413: ContextLengthError,
    425: ProviderUnavailableError,
    429: RateLimitError,
    504: ProviderTimeoutError,
}


def error_of_status(status: int) -> type[ProviderError]:
    """Return the error that a vendor's answer of an HTTP status becomes."""
    other = ProviderUnavailableError if status >= 500 else ProviderRequestError
    return _BY_STATUS.get(status, other)


def check_names(drill: Drill, host: PluginHost) -> None:
    """Refuse a drill that names what nobody offers.

    Raises:
        UnknownNameError: If no plugin offers a provider of that name.
    """
    for model in drill.models:
        if ":" in model:
            resolve_model(model, host)
        else:
            host.find("provider", model)


class Injecting:
    """The faults of one run."""

    def __init__(self, drill: Drill) -> None:
        self._drill = drill
        self._sent: Counter[tuple[str, str]] = Counter()

    def around(self, link: Link, call_key: str) -> Link:
        """Return a link for one request of a call: with the fault that befalls it."""
        this = link.name, call_key
        self._sent[this] += 1
        fault, part = self._drill.fault(
            link.name, local_name(link.offer), call_key, self._sent[this]
        )
        if fault is None:
            return link
        faulty = _Faulty(link.provider, link.name, fault, part)
        return replace(link, provider=faulty)

    def patience(self, link: Link, call_key: str) -> float:
        """Return how long a call waits before it is sent again, from 0 to 1."""
        nth = self._sent[link.name, call_key]
        return self._drill.patience(link.name, call_key, nth)


class _Faulty:
    """A provider that one fault befalls.

    Args:
        real: The provider it stands before.
        model: The model's name, for the error.
        fault: What goes wrong.
        part: How far an answer comes that is cut, from 0 to 1.
    """

    def __init__(
        self, real: Provider, model: str, fault: Injection, part: float
    ) -> None:
        self._real = real
        self._model = model
        self._fault = fault
        self._cut = int(part * _LONGEST_CUT)

    def info(self, model: str) -> ModelInfo:
        """Return what the real one says."""
        return self._real.info(model)

    def estimate(self, request: Request) -> int:
        """Return what the real one says."""
        return self._real.estimate(request)

    async def complete(self, request: Request) -> Response:
        """Answer, or fail, with the fault."""
        await self._before()
        response = await self._real.complete(request)
        if self._fault.kind == "truncate":
            raise self._error(ProviderResponseError, "an answer that breaks off")
        return _garbled(response) if self._fault.kind == "garbage" else response

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Answer in pieces, or fail, with the fault."""
        await self._before()
        if self._fault.kind == "garbage":
            response = await self.complete(request)
            yield Chunk(text=response.text)
            yield Chunk(response=response)
            return
        told = 0
        async with aclosing(self._real.stream(request)) as pieces:
            async for piece in pieces:
                over = piece.response is not None or told >= self._cut
                if self._fault.kind == "truncate" and over:
                    raise self._error(ProviderResponseError, "a stream that breaks off")
                yield piece
                told += 1

    async def close(self) -> None:
        """Leave the real one open: it is closed by whoever made it."""

    async def _before(self) -> None:
        """Do what befalls a request before it is sent, which then it may not be."""
        fault, kind = self._fault, self._fault.kind
        if kind in ("slow", "timeout") and fault.seconds:
            await anyio.sleep(fault.seconds)
        if kind == "timeout":
            raise self._error(ProviderTimeoutError, "no answer in time")
        if kind == "reset":
            raise self._error(ProviderUnavailableError, "a lost connection")
        if kind.isdecimal():
            status = int(kind)
            raise self._error(
                lambda cause, remedy, **details: error_of_status(status)(
                    cause, remedy, status=status, retry_after=fault.seconds, **details
                ),
                f"the status {status}",
            )

    def _error(self, kind: Callable[..., ProviderError], what: str) -> ProviderError:
        return kind(
            f"the drill gave {self._model} {what}",
            "run it without `zg drill` to do it in earnest",
            injected=self._fault.kind,
        )


def _garbled(response: Response) -> Response:
    message = Message.assistant(_GARBAGE)
    return replace(response, message=message, stop_reason="end", data=None)
