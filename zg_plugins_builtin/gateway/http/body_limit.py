"""Bodies no longer than the service reads."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import PayloadTooLargeError
from .problems import answer
from .raw_headers import first

__all__ = ["BodyLimit"]


class BodyLimit:
    """Refuses a body that is too long: at once where it says so, else at that byte.

    Whoever is refused may still be sending, and would find the connection broken
    before it had read why. So the answer goes out whole, and what still comes is
    dropped until there is no more, or until the connection has no more patience.

    FastAPI has a limit too, which answers in plain text.
    """

    def __init__(self, app: ASGIApp, longest: int) -> None:
        self._app = app
        self._longest = longest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = first(scope, b"content-length", "0")
        if not said.isdecimal() or int(said[:20]) > self._longest:
            error = PayloadTooLargeError(
                f"the body is longer than {self._longest} bytes", "send less"
            )
            refusal = answer(error, scope, {"connection": "close"})
            await refusal(scope, receive, _Lingering(receive, send))
            return
        body = _Counted(receive, self._longest)

        async def sent(message: Message) -> None:
            await (lingering if body.too_long else send)(message)

        lingering = _Lingering(receive, send)
        await self._app(scope, body, sent)


class _Counted:
    """Hands on a body as long as it is not too long."""

    def __init__(self, receive: Receive, longest: int) -> None:
        self._receive = receive
        self._left = longest

    @property
    def too_long(self) -> bool:
        return self._left < 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self.too_long:
            # An HTTPException, since FastAPI takes any other for bad JSON.
            raise HTTPException(413, headers={"connection": "close"})
        return message


class _Lingering:
    """Sends an answer, and ends it when no more of the request comes."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send

    async def __call__(self, message: Message) -> None:
        last = message["type"] == "http.response.body" and not message.get("more_body")
        await self._send({**message, "more_body": True} if last else message)
        if last:
            while (await self._receive()).get("more_body"):
                pass
            await self._send({"type": "http.response.body"})
