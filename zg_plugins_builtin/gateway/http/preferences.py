"""What a client prefers (RFC 7240): to wait for a while, or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.requests import Request

__all__ = ["LONGEST_WAIT", "Preferences", "preferences"]

LONGEST_WAIT = 25
_WAIT = re.compile(r"wait *= *\"?([0-9]{1,9})\"?")


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a client prefers.

    Args:
        wait: For how many seconds the answer may wait; `None` where it did not say.
        respond_async: Whether it would rather have 202 at once.
    """

    wait: int | None = None
    respond_async: bool = False

    @property
    def applied(self) -> str:
        """The value of ``Preference-Applied``; empty where nothing was preferred."""
        wait = "" if self.wait is None else f"wait={self.wait}"
        said = "respond-async" if self.respond_async else ""
        return ", ".join(filter(None, (said, wait)))

    @classmethod
    def parse(cls, values: Iterable[str]) -> Preferences:
        """Read the values of all headers ``Prefer``; what is unknown is no error."""
        wait = None
        respond_async = False
        for said in ",".join(values).split(","):
            name = said.partition(";")[0].strip().lower()
            match = _WAIT.fullmatch(name)
            if match is not None and wait is None:
                wait = min(int(match.group(1)), LONGEST_WAIT)
            respond_async = respond_async or name == "respond-async"
        return cls(wait, respond_async)


def preferences(request: Request) -> Preferences:
    """Return what the client prefers.

    No dependency of routes: FastAPI would have a thread call it, for each request.
    """
    said = request.headers.getlist("prefer")
    return Preferences.parse(said) if said else _NONE


_NONE = Preferences()
