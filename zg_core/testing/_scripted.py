"""A provider that answers from a list, for tests without a model."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable
from typing import Any, TypeAlias

from ..errors import ProviderRequestError
from ..hookspecs import hookimpl
from ..messages import Message, Text, ToolCall
from ..models import Chunk, ModelInfo, Request, Response
from ..specs import ProviderSpec
from ..usage import Usage

__all__ = ["ScriptedProvider", "call"]

Answer: TypeAlias = (
    str
    | ToolCall
    | tuple[str | ToolCall, ...]
    | Response
    | Exception
    | Callable[[Request], "Answer"]
)


def call(tool: str, /, *, call_id: str = "", **arguments: Any) -> ToolCall:
    """Make a scripted answer that asks for a tool: ``call("add", a=1, b=2)``."""
    return ToolCall(call_id=call_id or f"call-{tool}", name=tool, arguments=arguments)


class ScriptedProvider:
    """Answers from a list, in order; as a plugin it offers itself as ``scripted``.

    An answer is text; a `call`; a tuple of both; a whole `Response`; an error to
    raise; or a function of the `Request` that returns one of these.

    Args:
        *answers: The answers, one for each request.
        repeat: Whether the last answer serves all further requests.
        info: What the model says it can do.

    Attributes:
        requests: Every request so far.
    """

    def __init__(
        self, *answers: Answer, repeat: bool = False, info: ModelInfo | None = None
    ) -> None:
        self.requests: list[Request] = []
        self._answers = list(answers)
        self._repeat = repeat
        self._info = info or ModelInfo()

    @hookimpl
    def zg_register_providers(self) -> list[ProviderSpec]:
        """Offer itself."""
        return [
            ProviderSpec(
                name="scripted",
                description="Answers from a list.",
                factory=lambda: self,
                default_model="any",
                free=True,
            )
        ]

    def info(self, model: str) -> ModelInfo:
        """Return what it was told that it can do."""
        return self._info

    def estimate(self, request: Request) -> int:
        """Count the letters of the texts: its tokens are their words, which are fewer.

        Of a real model this would be no bound; see `Provider.estimate()`.
        """
        return sum(len(message.text) for message in request.messages)

    async def complete(self, request: Request) -> Response:
        """Give the next answer."""
        self.requests.append(request)
        if not self._answers:
            raise ProviderRequestError(
                f"the script has no answer to request {len(self.requests)}",
                "give ScriptedProvider one answer for each request",
            )
        last = self._repeat and len(self._answers) == 1
        answer = self._answers[0] if last else self._answers.pop(0)
        while callable(answer):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Response) else _response(answer, request)

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Give the next answer word by word."""
        response = await self.complete(request)
        for word in re.findall(r"\S+\s*|\s+", response.text):
            yield Chunk(text=word)
        yield Chunk(response=response)

    async def close(self) -> None:
        """Do nothing: there is nothing to let go of."""


def _response(
    answer: str | ToolCall | tuple[str | ToolCall, ...], request: Request
) -> Response:
    parts = answer if isinstance(answer, tuple) else (answer,)
    message = Message(
        role="assistant",
        parts=tuple(Text(text=p) if isinstance(p, str) else p for p in parts),
    )
    return Response(
        message=message,
        stop_reason="tool_calls" if message.tool_calls else "end",
        model=request.model,
        usage=Usage(
            input_tokens=sum(len(m.text.split()) for m in request.messages),
            output_tokens=len(message.text.split()),
            calls=1,
        ),
    )
