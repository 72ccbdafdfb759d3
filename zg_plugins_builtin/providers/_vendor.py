"""A vendor's service, asked through the vendor's own package.

The package owns address, key and headers; it is imported by the first call. It is
asked through its low-level ``post``, which both packages document for endpoints they
do not know, because their typed methods cost more than all the rest of a call. Even so
it makes a request anew each time, so that only the first of each kind is made by it;
later ones have the same head, until one is refused. That is one state, and so one file.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, Protocol, TypeVar

import anyio

from zg_core.plugin_api import (
    ConfigError,
    Json,
    JsonObject,
    ProviderAuthError,
    ProviderRequestError,
    Settings,
)

from ._service import Service, check_settings, check_url
from ._sse import EventStream
from ._vendor_errors import VendorErrors, without_login
from ._wire_json import dump_json, load_json

if TYPE_CHECKING:
    import httpx2

    from ._fast_http import FastClient, Head, Read

__all__ = ["Vendor"]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_A = TypeVar("_A", bound="Read | httpx2.Response")
_NO_KEY = "none"
_TIMEOUT_SECONDS = 600.0
_CONNECT_SECONDS = 10.0
_DRAIN_SECONDS = 0.1
_OPENING = 2**18
"""The bytes of an answer that is no stream that are looked at for an error."""
_LAST = frozenset(
    (
        "message_stop",
        "response.completed",
        "response.failed",
        "response.incomplete",
    )
)
"""The types of the last events of Anthropic's messages and OpenAI's responses."""


class _Client(Protocol):
    """What both packages' clients have in common, as far as it is used."""

    @property
    def base_url(self) -> httpx2.URL: ...

    async def get(
        self, path: str, *, cast_to: type[httpx2.Response]
    ) -> httpx2.Response: ...

    async def post(
        self,
        path: str,
        *,
        cast_to: type[httpx2.Response],
        content: bytes,
        stream: bool,
        stream_cls: None,
    ) -> httpx2.Response: ...

    async def close(self) -> None: ...


class _Headed(Protocol):
    """An answer, of which its headers are looked at."""

    @property
    def headers(self) -> Mapping[str, str]: ...


class Vendor:
    """One service: its client, its answers, its errors in our words.

    Args:
        service: Which one.
        settings: Its own section: ``base_url``, ``api_key``, ``timeout_seconds``.

    Raises:
        ConfigError: If its section or its address cannot be used as written.

    Attributes:
        base_url: Where the service is; `None` is the vendor's own address.
        errors: Makes its errors.
    """

    def __init__(self, service: Service, settings: Settings) -> None:
        check_settings(settings, service)
        self._service = service
        self._settings = settings
        self._client: _Client | None = None
        self._http: FastClient | None = None
        self._heads: dict[tuple[str, bool], Head] = {}
        self._root = ""
        self._raises: type[Exception] = Exception
        self.base_url: str | None = settings.get("base_url") or service.base_url
        if self.base_url is None:
            variable = f"{service.package.upper()}_BASE_URL"
            self.base_url = os.environ.get(variable) or None
            if self.base_url is not None:
                check_url(self.base_url, f"the variable {variable}")
        if self.base_url is not None:  # the key takes the place of a name in it
            self.base_url = without_login(self.base_url)
        self.errors = VendorErrors(
            provider=service.provider,
            url=self.base_url or "the vendor's address",
            login=f"check the key in {service.env} or in your configuration",
        )

    async def ask(self, path: str, body: JsonObject) -> tuple[JsonObject, str | None]:
        """Return the answer to a request, and the vendor's id of the exchange."""
        answer = await self._answer(path, dump_json(body))
        request_id = _request_id(answer)
        try:
            document = load_json(answer.content)
        except ValueError as error:
            raise self.errors.unreadable(_what(answer, error), request_id) from error
        return self._object(document, answer), request_id

    @asynccontextmanager
    async def stream(
        self, path: str, body: JsonObject
    ) -> AsyncGenerator[tuple[AsyncIterator[JsonObject], str | None]]:
        """Ask for a stream; yield its events, to iterate over, and its id."""
        response = await self._begun(path, dump_json(body))
        try:
            async with aclosing(self._events(response)) as events:
                yield events, _request_id(response)
            await _drain(response)
        finally:
            await response.aclose()

    async def models(self) -> list[str]:
        """Return the names of the models that the service offers."""
        client = await self._open()
        try:
            response = await client.get("/models", cast_to=_response_type())
            return [str(model["id"]) for model in load_json(response.content)["data"]]
        except self._raises as error:
            raise self.errors.of_package(error) from self.errors.fit(error)
        except (ValueError, LookupError, TypeError) as error:
            raise self.errors.unreadable("it lists no models") from error

    async def package(self) -> Any:
        """Return the vendor's package, which the first call imports."""
        # Half a second or more, during which the event loop can go on.
        return await anyio.to_thread.run_sync(_load, self._service.package)

    def understand(
        self, read: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """Read what may not be in the format it should have."""
        try:
            return read(*args, **kwargs)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise self.errors.unreadable("it is not in the usual format") from error

    async def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.close()

    async def _answer(self, path: str, content: bytes) -> Read | httpx2.Response:
        """Send a request; the package makes the first, and later ones are like it."""
        head = self._heads.get((path, False))
        if head is None:
            return await self._post(path, content, stream=False)
        assert self._http is not None
        return await self._again(self._http.read_again(head, content))

    async def _begun(self, path: str, content: bytes) -> httpx2.Response:
        """Send a request for a stream, in the same way."""
        head = self._heads.get((path, True))
        if head is None:
            return await self._post(path, content, stream=True)
        assert self._http is not None
        return await self._again(self._http.send_again(head, content, stream=True))

    async def _post(
        self, path: str, content: bytes, *, stream: bool
    ) -> httpx2.Response:
        """Send a request as the package makes it, and keep that for later ones."""
        client = await self._open()
        try:
            response = await client.post(
                f"{self._root}{path}",
                content=content,
                cast_to=_response_type(),
                stream=stream,
                stream_cls=None,
            )
        except self._raises as error:
            raise self.errors.of_package(error) from self.errors.fit(error)
        assert self._http is not None
        self._heads[path, stream] = self._http.head_of(response.request)
        return response

    async def _again(self, sent: Awaitable[_A]) -> _A:
        """Return the answer to what the package made before, with other content."""
        import httpx2

        try:
            answer = await sent
        except httpx2.HTTPError as error:
            raise self.errors.of_transport(error) from self.errors.fit(error)
        if isinstance(answer, httpx2.Response) and not answer.is_success:
            self._heads.clear()  # whatever is wrong, the package is asked anew
            raise self.errors.of_response(answer)
        return answer

    async def _events(
        self, response: httpx2.Response
    ) -> AsyncGenerator[JsonObject, None]:
        """Yield what the events say, until the last one that the vendors name."""
        stream = EventStream()
        opening = bytearray()
        begun = False
        async with aclosing(self._chunks(response)) as chunks:
            async for chunk in chunks:
                if not begun and len(opening) < _OPENING:
                    opening += chunk
                for data in stream.feed(chunk):
                    if data.strip() == b"[DONE]":  # OpenAI's last word
                        return
                    event = self._event(data, response)
                    begun = True
                    yield event
                    if event.get("type") in _LAST:
                        return
        self._unended(b"" if begun else bytes(opening), response)

    async def _chunks(self, response: httpx2.Response) -> AsyncGenerator[bytes, None]:
        import httpx2

        assert isinstance(response.stream, httpx2.AsyncByteStream)
        try:
            async for chunk in response.stream:
                yield chunk
        except httpx2.HTTPError as error:
            raise self.errors.of_transport(error) from error
        yield b"\n\n"  # which ends an event that some servers leave open

    def _unended(self, opening: bytes, response: httpx2.Response) -> NoReturn:
        """Refuse a stream that did not end, or was none but may tell of an error."""
        request_id = _request_id(response)
        if opening.strip():
            with suppress(ValueError):
                self._object(load_json(opening), response)
            raise self.errors.unreadable(_what(response, "no events"), request_id)
        raise self.errors.unreadable("it ended too early", request_id)

    def _event(self, data: bytearray, response: httpx2.Response) -> JsonObject:
        try:
            document = load_json(data)
        except ValueError as error:
            raise self.errors.unreadable(error, _request_id(response)) from error
        event = self._object(document, response)
        if event.get("type") == "response.failed":
            self._object(event.get("response"), response)  # which has the error
        return event

    def _object(self, document: Json, answer: _Headed) -> JsonObject:
        """Refuse what is no JSON object, or tells of an error."""
        if not isinstance(document, dict):
            raise self.errors.unreadable("it is no object", _request_id(answer))
        if document.get("error") or document.get("type") == "error":
            raise self.errors.of_stream(document, answer.headers)
        return document

    async def _open(self) -> _Client:
        """Return the client; the first call imports the package and makes it."""
        if self._client is None:
            key = self._key()
            package = await self.package()
            if self._client is None:
                self._client = self._make(package, key)
        return self._client

    def check_key(self) -> None:
        """See whether there is a key that could be one, if one is needed.

        Raises:
            ConfigError: If there is not.
        """
        try:
            self._key()
        except ProviderAuthError as error:
            raise ConfigError(error.cause, error.remedy) from error

    def _key(self) -> str:
        try:
            key = self._settings.secret("api_key", env=self._service.env).strip()
        except ConfigError as error:
            if self.base_url is not None and not self._service.needs_key:
                return _NO_KEY  # servers of one's own seldom ask for one
            raise ProviderAuthError(
                f"{self._service.provider} needs an API key", error.remedy
            ) from error
        if not (key.isascii() and key.isprintable()):
            raise ProviderAuthError(
                f"the API key of {self._service.provider} holds characters no key has",
                f"copy it again to {self._service.env} or your configuration file",
            )
        return key

    def _make(self, package: Any, key: str) -> _Client:
        import httpx2

        from ._fast_http import FastClient

        secret = "" if key == _NO_KEY else key
        self._http = FastClient(secret, self._headers(package, key))
        seconds = float(self._settings.get("timeout_seconds", _TIMEOUT_SECONDS))
        make, self._raises = {
            "openai": lambda: (package.AsyncOpenAI, package.OpenAIError),
            "anthropic": lambda: (package.AsyncAnthropic, package.AnthropicError),
        }[self._service.package]()
        try:
            client: _Client = make(
                api_key=key,
                base_url=self.base_url,
                max_retries=0,
                timeout=httpx2.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS)),
                http_client=self._http,
            )
            url = client.base_url
            if url.scheme not in ("http", "https") or not url.host:
                raise httpx2.InvalidURL("it is no address of the web")
        except httpx2.InvalidURL as error:
            raise ProviderRequestError(
                f"the base URL of {self._service.provider} cannot be used: {error}",
                "write it like 'https://example.org/v1'",
            ) from error
        self._root = "" if url.query else str(client.base_url).rstrip("/")
        self.errors = replace(self.errors, url=str(url), key=secret)
        return client

    def _headers(self, package: Any, key: str) -> Mapping[str, str] | None:
        """Return all that a server is to be told, where it is not the vendor's.

        The package adds what the environment says of its vendor's account, and even
        puts that in the place of the key: ``OPENAI_ORG_ID``, ``OPENAI_PROJECT_ID``
        and ``OPENAI_CUSTOM_HEADERS``. That is not for others to see.
        """
        if self._service.provider == self._service.package:
            return None
        return {
            "accept": "application/json",
            "authorization": f"Bearer {key}",
            "content-type": "application/json",
            "user-agent": f"AsyncOpenAI/Python {package.__version__}",
        }


def _load(package: str) -> ModuleType:
    import_module("zg_plugins_builtin.providers._fast_http")
    return import_module(package)


def _response_type() -> type[httpx2.Response]:
    import httpx2

    return httpx2.Response


def _request_id(answer: _Headed) -> str | None:
    return answer.headers.get("x-request-id") or answer.headers.get("request-id")


def _what(answer: _Headed, why: object) -> object:
    """Say what an answer is that should be something else, such as a login page."""
    said: str = answer.headers.get("content-type", "").partition(";")[0]
    return f"it is {said}" if "html" in said else why


async def _drain(response: httpx2.Response) -> None:
    """Read what may follow the last event, so that the connection can be used again."""
    import httpx2

    assert isinstance(response.stream, httpx2.AsyncByteStream)
    with anyio.move_on_after(_DRAIN_SECONDS), suppress(httpx2.HTTPError):
        async for _ in response.stream:
            pass
