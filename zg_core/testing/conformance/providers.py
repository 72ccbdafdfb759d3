"""What every provider must do: answer in our words, whole and in pieces alike."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, ClassVar, TypeVar, cast, get_args

import anyio
import pytest
from hypothesis import strategies as st

from ..._isolation import contained
from ...errors import ProviderError
from ...messages import Image, Message, Reasoning, Text, ToolCall, ToolResult
from ...models import Chunk, ModelInfo, Request, Response, StopReason, ToolDefinition
from ...providers import Provider
from ...specs import ProviderSpec
from .base import for_any, level
from .plugins import PluginConformance
from .timing import stops, within
from .watching import watched

__all__ = ["ProviderConformance"]

T = TypeVar("T")
_TOOL = ToolDefinition(
    name="add",
    description="Add two numbers.",
    parameters={
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
)
_ANSWERED = Message(
    role="assistant",
    parts=(
        Reasoning(provider="another vendor", data={"sealed": "🔒"}),
        Text(text="Hello."),
    ),
)
"""What a model of another vendor answered, who began the conversation."""
_CALLED = (
    Message(
        role="assistant",
        parts=(ToolCall(call_id="call_1", name="add", arguments={"a": 1, "b": 1}),),
    ),
    Message.tool(ToolResult(call_id="call_1", output=2)),
)
_IMAGE = Image(
    media_type="image/png",
    data="iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA"
    "WjR9awAAAABJRU5ErkJggg==",
)
"""One pixel."""
_SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string", "maxLength": 40}},
    "required": ["title"],
    "additionalProperties": False,
}
_RARE = "".join(map(chr, range(0x13000, 0x13100)))
"""Hieroglyphs: too rare to be tokens of their own, and of four bytes each.

The tokenizers that are published make three tokens or four of each.
"""
_PROSE = " ".join(f"The box number {number} is green." for number in range(100))
_BYTES_PER_TOKEN = 12
"""More than any tokenizer puts into a token of `_PROSE`, on average: it is about 4."""


class ProviderConformance(PluginConformance):
    """Standard tests of a provider, and of its plugin.

    What it asks must be there: a server on this machine that speaks its format
    (`zg_core.testing.WireServer` speaks two), or what else the provider needs.

    ```python
    class TestOwl(ProviderConformance):
        plugin = "zg-owl"
        provider = "owl"
        secrets = ("sk-any-key-of-no-worth",)

        def make_provider(self):
            return OwlProvider(base_url=self.url, api_key=self.secrets[0])
    ```

    Attributes:
        provider: Its short name.
        model: A model of it; by default the spec's `default_model`.
        secrets: What must not be seen anywhere: its keys.
        deterministic: Whether a request gets the same answer twice.
    """

    provider: ClassVar[str]
    model: ClassVar[str] = ""
    secrets: ClassVar[Sequence[str]] = ()
    deterministic: ClassVar[bool] = True

    def make_provider(self) -> Provider:
        """Return a new one; by default what its factory makes of `config`."""
        return cast(Provider, self.make("provider", self.provider))

    def requests(self) -> list[Request]:
        """Return requests of every sort that the model can be asked."""
        info = self.make_provider().info(self._model())
        hello = Message.user("Say hello.")
        found = [
            self.request("Say hello."),
            Request(
                model=self._model(),
                messages=(Message.system("Be short."), hello),
                max_output_tokens=100,
                temperature=0.0,
            ),
            Request(
                model=self._model(),
                messages=(hello, _ANSWERED, Message.user("Again.")),
            ),
        ]
        if info.images:
            shown = Message.user("What is to be seen?", _IMAGE)
            found.append(Request(model=self._model(), messages=(shown,)))
        if info.tools:
            found += [
                Request(model=self._model(), messages=said, tools=(_TOOL,))
                for said in ((hello,), (hello, *_CALLED))
            ]
        if info.output_schema:
            found.append(
                Request(model=self._model(), messages=(hello,), output_schema=_SCHEMA)
            )
        return found

    def request(self, text: str) -> Request:
        """Return a plain request."""
        return Request(model=self._model(), messages=(Message.user(text),))

    def _larger(self) -> Iterator[tuple[str, Request, int]]:
        """Yield what a request may have besides, and how many tokens that has."""
        info = self.make_provider().info(self._model())
        prose = len(_PROSE) // _BYTES_PER_TOKEN
        hello = self._with().messages
        rare = Message.user(_RARE)
        yield "rare letters", self._with(messages=(*hello, rare)), 2 * len(_RARE)
        if info.tools:
            tool = replace(_TOOL, description=_PROSE)
            called = ToolCall(call_id="1", name="add", arguments={"a": _PROSE})
            said = (*hello, Message(role="assistant", parts=(called,)))
            result = Message.tool(ToolResult(call_id="1", output=_PROSE))
            yield "a tool's description", self._with(tools=(tool,)), prose
            yield "a call's arguments", self._with(messages=said), prose
            yield "a tool's result", self._with(messages=(*said, result)), 2 * prose
        if info.output_schema:
            schema = {**_SCHEMA, "description": _PROSE}
            yield "an output schema", self._with(output_schema=schema), prose
        if info.images:
            shown = (*hello, Message.user("", _IMAGE))
            yield "an image", self._with(messages=shown), 1

    def _with(self, **fields: Any) -> Request:
        return replace(self.request("Say hello."), **fields)

    def _model(self) -> str:
        if self.model:
            return self.model
        spec = self.offer("provider", self.provider).spec
        assert isinstance(spec, ProviderSpec)
        return spec.default_model or "any"

    def _ask(self, work: Callable[[Provider], Awaitable[T]]) -> T:
        async def asked() -> T:
            provider = self.make_provider()
            try:
                return await work(provider)
            finally:
                await provider.close()

        return within(60.0, asked, f"the provider {self.provider!r}")

    # -- Without a network -------------------------------------------------------------

    @level(1)
    def test_it_knows_its_models_without_a_network(self) -> None:
        """Also those it has never heard of."""
        provider = self.make_provider()
        with watched() as watch:
            for model in (self._model(), "a-model-nobody-has-heard-of"):
                info = provider.info(model)
                assert isinstance(info, ModelInfo)
                for size in (info.context_tokens, info.max_output_tokens):
                    assert size is None or size > 0
            for request in self.requests():
                assert isinstance(provider.estimate(request), int)
        assert not watch.network

    @level(1)
    def test_its_estimate_is_an_upper_bound(self) -> None:
        """Budgets are kept by it: no request may turn out to be larger."""

        async def ask(provider: Provider) -> None:
            for request in self.requests():
                response = await provider.complete(request)
                assert provider.estimate(request) >= response.usage.input_tokens

        self._ask(ask)

    @level(1)
    def test_its_estimate_counts_all_that_is_sent(self) -> None:
        """Letters that are several tokens each, tools, their results, and the rest."""
        provider = self.make_provider()
        plain = provider.estimate(self._with())
        for what, request, least in self._larger():
            more = provider.estimate(request) - plain
            assert more >= least, f"{what} is {least} tokens at least, not {more}"

    # -- What it answers ---------------------------------------------------------------

    @level(1)
    def test_it_answers(self) -> None:
        """With a whole response: who said it, why it ended, and what it cost."""

        async def ask(provider: Provider) -> None:
            for request in self.requests():
                _check(await provider.complete(request), request)

        self._ask(ask)

    @level(1)
    def test_a_stream_says_what_an_answer_says(self) -> None:
        """Its pieces are the text of the response, which comes last and once."""

        async def ask(provider: Provider) -> None:
            for request in self.requests():
                text, response = await _streamed(provider, request)
                _check(response, request)
                assert text == response.text
                if self.deterministic:
                    whole = await provider.complete(request)
                    assert text == whole.text
                    assert response.stop_reason == whole.stop_reason
                    assert [
                        (c.name, c.arguments) for c in response.message.tool_calls
                    ] == [(c.name, c.arguments) for c in whole.message.tool_calls]

        self._ask(ask)

    @level(1)
    def test_a_stream_can_be_left(self) -> None:
        """Whoever closes it early can ask again."""

        async def ask(provider: Provider) -> None:
            request = self.request("Say hello.")
            async with aclosing(provider.stream(request)) as chunks:
                async for _ in chunks:
                    break
            _check(await provider.complete(request), request)

        self._ask(ask)

    @level(1)
    def test_requests_at_once_do_not_mix(self) -> None:
        """One object serves any number of runs."""
        if not self.deterministic:
            pytest.skip("its answers differ anyway")
        requests = [self.request(f"Say {number}.") for number in range(4)]

        async def ask(provider: Provider) -> None:
            alone = [(await provider.complete(request)).text for request in requests]
            at_once = [""] * len(requests)

            async def one(place: int) -> None:
                at_once[place] = (await provider.complete(requests[place])).text

            async with anyio.create_task_group() as group:
                for place in range(len(requests)):
                    group.start_soon(one, place)
            assert at_once == alone

        self._ask(ask)

    # -- What goes wrong ---------------------------------------------------------------

    @level(1)
    def test_it_raises_provider_errors_alone(self) -> None:
        """Whatever it is asked."""

        @for_any(st.text(), examples=15)
        def law(text: str) -> None:
            async def ask(provider: Provider) -> BaseException | None:
                return (await contained(provider.complete(self.request(text))))[1]

            error = self._ask(ask)
            assert isinstance(error, ProviderError | None), repr(error)

        law()

    @level(1)
    def test_without_a_network_it_says_so(self) -> None:
        """With an error that tells how to go on, not with one of its client's."""

        async def ask(provider: Provider) -> BaseException | None:
            with watched():
                request = self.request("Say hello.")
                return (await contained(provider.complete(request)))[1]

        error = self._ask(ask)
        assert isinstance(error, ProviderError | None), repr(error)

    @level(1)
    def test_no_secret_is_seen(self) -> None:
        """Neither in it nor in its errors, which are printed and kept."""
        if not self.secrets:
            pytest.skip("it has no secrets")

        async def ask(provider: Provider) -> str:
            seen = [repr(provider), str(provider)]
            wrong = Request(
                model="a-model-nobody-has-heard-of",
                messages=(Message.user("Say hello."),),
            )
            with watched():
                for request in (wrong, self.request("Say hello.")):
                    _, error = await contained(provider.complete(request))
                    if error is not None:
                        seen += [repr(error), *traceback.format_exception(error)]
                        seen.append(str(getattr(error, "details", "")))
            return "\n".join(seen)

        seen = self._ask(ask)
        assert not [secret for secret in self.secrets if secret in seen]

    @level(1)
    def test_it_stops_when_the_run_is_cancelled(self) -> None:
        """Within a second, whole or in pieces."""
        request = self.request("Say hello.")
        stops(
            lambda: self.make_provider().complete(request),
            f"the provider {self.provider!r}",
            after=0.0,
        )
        stops(
            lambda: _streamed(self.make_provider(), request),
            f"a stream of the provider {self.provider!r}",
            after=0.0,
        )

    @level(1)
    def test_it_can_be_closed_twice(self) -> None:
        """Used or not."""

        async def close(provider: Provider) -> None:
            await provider.close()
            used = self.make_provider()
            await used.complete(self.request("Say hello."))
            await used.close()
            await used.close()

        self._ask(close)


def _check(response: object, request: Request) -> None:
    """Refuse a response that is not what one is."""
    assert isinstance(response, Response)
    message, usage = response.message, response.usage
    assert message.role == "assistant"
    assert response.stop_reason in get_args(StopReason)
    assert usage.calls == 1
    assert usage.input_tokens > 0
    assert usage.output_tokens >= 0
    assert 0 <= usage.cached_input_tokens <= usage.input_tokens
    assert 0 <= usage.reasoning_tokens <= usage.output_tokens
    assert (response.stop_reason == "tool_calls") == bool(message.tool_calls)
    assert {call.name for call in message.tool_calls} <= {t.name for t in request.tools}


async def _streamed(provider: Provider, request: Request) -> tuple[str, Response]:
    text = ""
    whole: Response | None = None
    async with aclosing(provider.stream(request)) as chunks:
        async for chunk in chunks:
            assert isinstance(chunk, Chunk)
            assert whole is None, "nothing may come after the whole response"
            text += chunk.text
            whole = chunk.response
    assert whole is not None, "the stream ended without the whole response"
    return text, whole
