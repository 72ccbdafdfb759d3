"""Streams that are open: how many there may be, and for how long who reads may."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio
from starlette.requests import Request

from ..errors import ConcurrencyExceededError, GatewayError, UnavailableError
from ..identity.principals import Principal
from .requirements import credential_of

if TYPE_CHECKING:
    from .services import Services

__all__ = ["KEEP_ALIVE", "Streams", "until_unknown"]

KEEP_ALIVE = 15
"""Seconds after which a stream in which nothing happens says that it is there."""
_KNOWN_FOR = 30.0
"""Seconds after which it is asked again whether the reader may still read."""
_AGAIN = 1.0
"""Seconds between two asks once its time is over: a token is good for a while yet."""
_OF_ONE = 20
_OF_ALL = 2_000


class Streams:
    """How many streams are open, in this process."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """How many there are."""
        return self._open.total()

    def check(self, actor: str) -> None:
        """See that another one may be opened.

        Raises:
            ConcurrencyExceededError: If they have as many as they may.
            UnavailableError: If all have.
        """
        if self._open[actor] >= _OF_ONE:
            raise ConcurrencyExceededError(
                f"{_OF_ONE} streams are open already", "close one first"
            )
        if self._open.total() >= _OF_ALL:
            raise UnavailableError("too many streams are open", "ask again later")

    @contextmanager
    def counted(self, actor: str) -> Iterator[None]:
        """Count one more, for as long as it is open."""
        self._open[actor] += 1
        try:
            yield
        finally:
            self._open[actor] -= 1
            self._open += Counter()  # forgets those who have none


async def until_unknown(services: Services, request: Request, who: Principal) -> None:
    """Return when a reader's credential is no longer good.

    Args:
        services: What all routes work with.
        request: The request that opened the stream.
        who: Who asked then.
    """
    credential = credential_of(request)
    client = request.client
    while True:
        left = (who.expires_at - services.clock.now()).total_seconds()
        await anyio.sleep(min(_KNOWN_FOR, left) if left > 0 else _AGAIN)
        try:
            again = await services.authenticator.authenticate(
                credential.strip(), client.host if client else None
            )
            again.require("jobs:read")
        except GatewayError:
            return
        if again.tid != who.tid:
            return
