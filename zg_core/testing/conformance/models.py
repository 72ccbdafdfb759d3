"""Models of the kit: one that is slow, one whose answers tell who asked."""

from __future__ import annotations

import hashlib

import anyio

from ...models import Request, Response
from .._offline import any_answer
from .._scripted import ScriptedProvider

__all__ = ["Echo", "Silent", "Wordy"]


class Silent(ScriptedProvider):
    """Never answers."""

    async def complete(self, request: Request) -> Response:
        """Wait."""
        await anyio.sleep_forever()
        raise AssertionError


class Echo(ScriptedProvider):
    """Answers a request with its digest, after letting others run."""

    def __init__(self) -> None:
        super().__init__(_digest, repeat=True)

    async def complete(self, request: Request) -> Response:
        """Answer, a little later."""
        response = await super().complete(request)
        await anyio.sleep(0.01)
        return response


class Wordy(ScriptedProvider):
    """Answers with a text that was given, where no schema is asked for."""

    def __init__(self, text: str) -> None:
        super().__init__(
            lambda r: text if r.output_schema is None else any_answer(r), repeat=True
        )


def _digest(request: Request) -> str:
    if request.output_schema is not None:
        return any_answer(request)
    said = "".join(f"{m.role}:{m.text}\n" for m in request.messages)
    mark = hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:12]
    return f"This is answer {mark}."
