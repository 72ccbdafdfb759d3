"""Ask a service: with a credential, again where that may help, or with an error."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx2

from zg_core.plugin_api import InputError

from ._calls import Answer, Call, path_of
from ._retrying import Retries, again, repeated, retry_after
from ._wire import Wire
from .errors import (
    BadAnswerError,
    NotFoundError,
    ServiceError,
    ServiceUnreachableError,
    UnauthenticatedError,
    error_of,
)
from .records import Tokens

__all__ = ["Asker", "checked_address", "masked"]

_LOCAL = ("localhost", "127.0.0.1", "::1")
_UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_VISIBLE = re.compile(r"[\x21-\x7e]+")
"""What may be sent in a header, as a credential or a key."""
_PASSWORD = re.compile(r"//[^/?#]*@")
_EARLY_SECONDS = 30.0
"""How long before its end an access token is not used any more."""
_MOST_PER_PAGE = 100


def checked_address(url: str, *, insecure: bool) -> str:
    """Return the address of a service, without what does not belong to it.

    Raises:
        InputError: If it is none, or everybody on the way would read the credential.
    """
    shown = _PASSWORD.sub("//…@", str(url))
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, TypeError) as error:
        raise InputError(f"{shown!r} is no address of a service", _HOW) from error
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
        raise InputError(f"{shown!r} is no address of a service", _HOW)
    if parsed.scheme == "http" and parsed.host not in _LOCAL and not insecure:
        raise InputError(
            f"{shown!r} is not encrypted: everybody on the way would read the "
            "credential",
            "use https://, or say insecure=True if nobody can be on the way",
        )
    return str(parsed.copy_with(query=None, fragment=None)).rstrip("/")


_HOW = "write it as https://zg.example.com, without a password in it"


def masked(credential: str) -> str:
    """Return as much of a credential as tells which kind it is."""
    kind = re.match(r"zgk_(live|test)_", credential)
    return f"{kind[0]}…" if kind else "…"


class Asker:
    """Asks one service as one client.

    Args:
        address: The address of the service.
        wire: What does I/O.
        retries: When to ask again.
        api_key: The API key; or there are tokens.
        tokens: What a login gave.
        on_tokens: Is told each new pair, to keep it.
    """

    def __init__(
        self,
        address: str,
        wire: Wire,
        retries: Retries,
        *,
        api_key: str | None,
        tokens: Tokens | None,
        on_tokens: Callable[[Tokens], None] | None,
    ) -> None:
        self.address = address
        self.wire = wire
        self.retries = retries
        self.api_key = api_key
        self.tokens = tokens
        self._on_tokens = on_tokens
        self._stale_at = float("inf")
        if api_key is not None and not _VISIBLE.fullmatch(api_key):
            raise InputError("the API key is none", "give all of it, as it was shown")

    # -- Asking ----------------------------------------------------------------------

    async def ask(self, call: Call) -> Answer:
        """Return the answer to a request.

        Raises:
            InputError: If it holds what cannot be sent.
            ServiceError: If the service does not do it, or cannot be reached.
        """
        keyed = _with_key(call)
        sent = 0

        async def once() -> Answer:
            nonlocal sent
            sent += 1
            try:
                response = await self.open(keyed)
            except NotFoundError:
                if call.method == "DELETE" and sent > 1:
                    return Answer(status=204, headers={})  # the first time did it
                raise
            body = await self._read(response)
            return _answer(response, body)

        retries = self.retries.within(call.within)
        return await again(once, retries, _judge(keyed), self.wire.sleep)

    async def open(self, call: Call) -> httpx2.Response:
        """Return the answer to a request, its body unread; it is sent once.

        An access token that is too old is refreshed, and the request sent once more.

        Raises:
            ServiceError: If the service does not do it, or cannot be reached.
        """
        credential = None if call.public else await self._credential()
        response = await self._send(call, credential)
        if response.status_code == 401 and credential and self.tokens is not None:
            await self._read(response)
            response = await self._send(call, await self._refreshed(credential))
        if response.status_code >= 400:
            body = await self._read(response)
            raise _refusal(response, body)
        return response

    async def _send(self, call: Call, credential: str | None) -> httpx2.Response:
        headers = {"accept": "application/json", **call.headers}
        if credential:
            headers["authorization"] = f"Bearer {credential}"
        query = {name: v for name, v in call.query.items() if v is not None}
        try:
            request = self.wire.http.build_request(
                call.method,
                self.address + call.path,
                params=query or None,
                json=call.body,
                headers=headers,
                timeout=httpx2.Timeout(call.seconds, connect=min(call.seconds, 10.0)),
            )
        except (ValueError, TypeError, RecursionError) as error:
            raise InputError(
                f"what is to be sent is no JSON: {error}",
                "send text, finite numbers, lists and dictionaries",
            ) from error
        try:
            return await self.wire.send(request)
        except httpx2.TransportError as error:
            raise unreachable(self.address, error) from error

    async def _read(self, response: httpx2.Response) -> bytes:
        try:
            return await self.wire.read(response)
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            raise unreachable(self.address, error) from error

    async def pages(
        self, path: str, query: dict[str, Any], limit: int | None
    ) -> AsyncIterator[Any]:
        """Yield the rows of a list, page by page.

        Args:
            path: The list.
            query: What chooses the rows.
            limit: How many rows at most; `None` is all.
        """
        cursor: str | None = None
        left = limit
        while left is None or left > 0:
            size = _MOST_PER_PAGE if left is None else min(left, _MOST_PER_PAGE)
            asked = {**query, "limit": size, "cursor": cursor}
            page = await self.ask(Call(method="GET", path=path, query=asked))
            said = page.document if isinstance(page.document, dict) else {}
            rows = said.get("data")
            for row in rows[:size] if isinstance(rows, list) else ():
                yield row
            left = None if left is None else left - size
            cursor = said.get("next_cursor")
            if not said.get("has_more") or not cursor:
                return

    # -- The credential --------------------------------------------------------------

    async def _credential(self) -> str:
        if self.tokens is None:
            if self.api_key is None:
                raise UnauthenticatedError(
                    "there is no credential",
                    "give api_key=, set ZEROGRAVITY_API_KEY, or log in first",
                )
            return self.api_key
        token = self.tokens.access_token
        if time.monotonic() < self._stale_at:
            return token
        return await self._refreshed(token)

    def take(self, tokens: Tokens) -> None:
        """Go on with other tokens."""
        self.tokens = tokens
        lasts = max(tokens.expires_in - _EARLY_SECONDS, tokens.expires_in / 2)
        self._stale_at = time.monotonic() + lasts
        if self._on_tokens is not None:
            self._on_tokens(tokens)

    async def _refreshed(self, used: str) -> str:
        """Return the access token that comes after one, whoever fetches it."""
        async with self.wire.alone():
            assert self.tokens is not None
            if self.tokens.access_token != used:
                return self.tokens.access_token
            await self.refresh()
            return self.tokens.access_token

    async def refresh(self) -> Tokens:
        """Fetch the next pair of tokens.

        Raises:
            ServiceError: If the session is over, or the service cannot be reached.
        """
        held = self.tokens
        if held is None or not held.refresh_token:
            raise UnauthenticatedError("nobody is logged in", "log in first")
        call = Call(
            method="POST",
            path=path_of("auth", "refresh"),
            body={"refresh_token": held.refresh_token},
            public=True,
        )
        # A token that is used twice ends the session, so that this is not repeated.
        answer = await self.ask(call)
        self.take(Tokens.of(answer.document))
        assert self.tokens is not None
        return self.tokens


def _judge(call: Call) -> Callable[[BaseException], bool]:
    return lambda error: repeated(error, repeatable=call.repeatable)


def _with_key(call: Call) -> Call:
    """Give a request a key of its own, by which its repetitions are known."""
    if (key := call.headers.get("idempotency-key")) is not None:
        if not _VISIBLE.fullmatch(key):
            raise InputError(
                f"{key!r} is no idempotency key",
                "use letters, digits and signs of ASCII, without spaces",
            )
        return call
    if call.method != "POST" or call.public:
        return call
    return replace(call, headers={**call.headers, "idempotency-key": uuid4().hex})


def unreachable(address: str, error: Exception) -> ServiceUnreachableError:
    """Return what it means that a connection could not be had, or broke."""
    why = str(error) or type(error).__name__
    told = ServiceUnreachableError(
        f"the service at {address} does not answer: {why}",
        "check the address, and that the service runs",
    )
    told.unsent = isinstance(error, _UNSENT)
    return told


def _answer(response: httpx2.Response, body: bytes) -> Answer:
    headers = response.headers
    if response.status_code >= 300 and response.status_code != 304:
        raise _no_service(response)
    document = None
    if body and headers.get("content-type", "").startswith("application/json"):
        document = _json(body)
        if document is None:
            raise _no_service(response)
    return Answer(
        status=response.status_code, headers=headers, body=body, document=document
    )


def _refusal(response: httpx2.Response, body: bytes) -> ServiceError:
    said = _json(body)
    return error_of(
        response.status_code,
        said if isinstance(said, dict) else None,
        request_id=response.headers.get("x-request-id", ""),
        retry_after=retry_after(response.headers),
    )


def _no_service(response: httpx2.Response) -> BadAnswerError:
    return BadAnswerError(
        f"what answered {response.status_code} at {response.request.url.path} is no "
        "service of ZeroGravity",
        "check the address",
        status=response.status_code,
        request_id=response.headers.get("x-request-id", ""),
    )


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
