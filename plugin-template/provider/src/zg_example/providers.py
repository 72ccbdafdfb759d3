"""The provider: it turns a request into an answer, and does nothing else.

There is no model behind this one, so that it runs anywhere; put yours in its place.
A vendor's package is imported inside `complete` and `stream`, not at the top, and
whatever it raises is raised again as one of the `ProviderError` classes.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import asdict

import zg_core.plugin_api as zg

_HIDDEN_TOKENS = 256
"""More than servers add of their own, such as words around the tools."""


class ExampleProvider:
    """Answers with the words of the last message, the last one first."""

    def info(self, model: str) -> zg.ModelInfo:
        """Say that it calls no tools and knows no schemas."""
        return zg.ModelInfo(tools=False, output_schema=False)

    def estimate(self, request: zg.Request) -> int:
        """Count the bytes of the whole request: no tokenizer makes more tokens of them.

        Letters would be too few, since many are several tokens each. Tools, schemas
        and images count too; of a large image JSON is far more than a model makes.
        """
        return len(json.dumps(asdict(request))) + _HIDDEN_TOKENS

    async def complete(self, request: zg.Request) -> zg.Response:
        """Answer at once."""
        words = request.messages[-1].text.split()[::-1]
        said = words[: request.max_output_tokens]
        return zg.Response(
            message=zg.Message.assistant(" ".join(said)),
            stop_reason="end" if said == words else "max_tokens",
            model=request.model,
            usage=zg.Usage(
                input_tokens=sum(len(m.text.split()) for m in request.messages),
                output_tokens=len(said),
                calls=1,
            ),
        )

    async def stream(self, request: zg.Request) -> AsyncGenerator[zg.Chunk, None]:
        """Answer word by word, and then as a whole."""
        response = await self.complete(request)
        for number, word in enumerate(response.text.split()):
            yield zg.Chunk(text=f" {word}" if number else word)
        yield zg.Chunk(response=response)

    async def close(self) -> None:
        """Do nothing: there is no connection to let go of."""
