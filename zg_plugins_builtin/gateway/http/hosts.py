"""The names under which the service may be reached; any other is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import BadRequestError
from .problems import answer
from .raw_headers import first

__all__ = ["Hosts"]

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?", re.IGNORECASE)


class Hosts:
    """Lets only requests in that name a host of ours.

    A page in somebody's browser may have had its name point here: it would then be of
    the same origin as the service on that machine.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        wanted = [host.lower() for host in hosts]
        self._exact = {host for host in wanted if not host.startswith("*.")}
        self._below = tuple(host[1:] for host in wanted if host.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and not self._knows(first(scope, b"host")):
            error = BadRequestError(
                "the service is not known by this host name",
                "use the name that its operator gave it",
            )
            await answer(error, scope)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _knows(self, host: str) -> bool:
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = match.group(1).lower().strip("[]")
        return name in self._exact or name.endswith(self._below)
