"""Clients of an application in this process, and networks between that break."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx2

from zg_plugins_builtin.client import AsyncClient, Client, Retries

__all__ = ["AT_ONCE", "Cutting", "answers", "client_of", "problem", "streamed"]

AT_ONCE = Retries(attempts=4, seconds=5.0, first=0.0, longest=0.0)
"""Tries again without waiting."""
URL = "http://localhost"


class _Cut(httpx2.AsyncByteStream):
    """A body that breaks off after so many bytes."""

    def __init__(self, body: bytes, most: int | None) -> None:
        self._body = body
        self._most = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._most is None:
            yield self._body
            return
        # In two pieces, so that lines are cut as well as streams.
        half = self._most // 2
        yield self._body[:half]
        yield self._body[half : self._most]
        raise httpx2.ReadError("the connection was reset")


class Cutting(httpx2.AsyncBaseTransport):
    """A network before an application: it cuts the streams that it is told to.

    Args:
        app: The application.
        cuts: After how many bytes each stream breaks; when there are none left,
            streams stay whole.
    """

    def __init__(self, app: Any, *cuts: int) -> None:
        self._inner = httpx2.ASGITransport(app, client=("192.0.2.7", 4711))
        self._cuts = list(cuts)
        self.requests: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = await self._inner.handle_async_request(request)
        if not answer.headers.get("content-type", "").startswith("text/event"):
            return answer
        body = await answer.aread()
        most = self._cuts.pop(0) if self._cuts else None
        headers = [(k, v) for k, v in answer.headers.items() if k != "content-length"]
        return httpx2.Response(
            answer.status_code, headers=headers, stream=_Cut(body, most)
        )


def client_of(app: Any, key: str = "ada", *, cuts: tuple[int, ...] = ()) -> AsyncClient:
    """Return a client of an application."""
    http = httpx2.AsyncClient(transport=Cutting(app, *cuts))
    return AsyncClient(URL, key, http=http, retries=AT_ONCE)


Told = Callable[[httpx2.Request], httpx2.Response] | httpx2.Response | Exception


def answers(*told: Told, **more: Any) -> tuple[Client, list[httpx2.Request]]:
    """Return a client that gets these answers, and what it asked; the last stays."""
    waiting = list(told)
    asked: list[httpx2.Request] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    http = httpx2.Client(transport=httpx2.MockTransport(handle))
    more = {"retries": AT_ONCE, "api_key": "zgk_test_secret", **more}
    return Client(URL, http=http, **more), asked


def problem(status: int, code: str, **more: Any) -> httpx2.Response:
    """Return an answer that says no, as the service does."""
    headers = more.pop("headers", {})
    said = {"type": "about:blank", "title": code, "status": status, "code": code}
    said |= {"detail": f"{code} it is", "request_id": "req_1", **more}
    kind = {"content-type": "application/problem+json"}
    return httpx2.Response(status, content=json.dumps(said), headers=kind | headers)


class _Parts(httpx2.SyncByteStream):
    def __init__(self, parts: tuple[bytes | Exception, ...]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            if isinstance(part, Exception):
                raise part
            yield part


def streamed(*parts: bytes | Exception) -> httpx2.Response:
    """Return a stream that comes in pieces, and may break."""
    kind = {"content-type": "text/event-stream"}
    return httpx2.Response(200, headers=kind, stream=_Parts(parts))
