"""Model calls of a step: replay, chain, retry, budget, provider, journal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import anyio

from .._choice import choose_model
from .._isolation import contained, describe
from .._prices import price_of, worst_case
from ..errors import (
    GuardrailError,
    LimitError,
    ProviderError,
    ProviderResponseError,
    ProviderTimeoutError,
    ZeroGravityError,
)
from ..events import ModelAnswered, ModelCalled, ModelFailed
from ..models import Request, Response
from ..usage import Usage
from .asking import Ask, Link, offer_tools, shown
from .budget import Reservation
from .guarding import Guarding
from .recorder import TextDelta, error_info
from .replay import StepCalls
from .retries import attempts, may_retry
from .scope import RunScope

__all__ = ["ModelCalls"]

_TRIES, _TRIES_BEFORE_NEXT = 4, 2
_USUAL_OUTPUT = 4096
"""Output tokens to reserve where neither the agent nor the model names a bound."""


class ModelCalls:
    """The model calls of one attempt at a step."""

    def __init__(
        self,
        scope: RunScope,
        step: str,
        calls: StepCalls,
        *,
        plugin: str,
        model: str | None,
    ) -> None:
        self._scope = scope
        self._step = step
        self._calls = calls
        self._plugin = plugin
        self._model = model

    def chain(self, model: str | None) -> tuple[Link, ...]:
        """Return the models to try, in order.

        The user's word for this run goes first, then the step's, then the
        agent's, then what the run found when it began.

        Raises:
            ConfigError: If it found none, and there is none now.
        """
        scope = self._scope
        chosen = scope.forced_model or self._model or model or scope.model
        if not chosen:
            chosen, _ = choose_model(scope.config, scope.host)
        return scope.chain(chosen)

    async def answer(
        self, ask: Ask, on_text: Callable[[str], None] | None = None
    ) -> Response:
        """Return a model's answer, a recorded one if there is one.

        Args:
            ask: What is asked.
            on_text: Told each piece of the text; such a call is not tried again
                once it has told one.
        """
        names, tools = offer_tools(ask.tools, self._scope.host, plugin=self._plugin)
        request = shown(ask, names, tools)
        key = self._calls.key(request)
        known = self._calls.model(key)
        if known is None:
            known = await self._along_the_chain(
                key, await self._checked(key, request), self.chain(ask.model), on_text
            )
        return names.incoming(known)

    async def _checked(self, key: str, request: Request) -> Request:
        """Return a request as it may be sent."""
        guarding = self._scope.guarding
        if guarding is None:
            return request
        messages = await guarding.messages(
            request.messages, step=self._step, call_key=key
        )
        return replace(request, messages=messages)

    async def _along_the_chain(
        self,
        key: str,
        request: Request,
        chain: tuple[Link, ...],
        on_text: Callable[[str], None] | None,
    ) -> Response:
        call = _Call(self._scope, self._step, key, on_text)
        for link in chain[:-1]:
            try:
                return await call.ask(link, request, tries=_TRIES_BEFORE_NEXT)
            except ProviderError as error:
                if not call.next_may_help(error):
                    raise
        return await call.ask(chain[-1], request, tries=_TRIES, last=True)


class _Call:
    """One call, over however many attempts and models it takes."""

    def __init__(
        self,
        scope: RunScope,
        step: str,
        key: str,
        on_text: Callable[[str], None] | None,
    ) -> None:
        self._scope = scope
        self._step = step
        self._key = key
        self._on_text = on_text
        self._attempt = 0
        self._told = False
        guarding = scope.guarding
        self._guarding = guarding if guarding and guarding.checks("answer") else None

    def next_may_help(self, error: ProviderError) -> bool:
        """Tell whether another model may be asked instead."""
        return error.try_next and not self._told

    async def ask(
        self, link: Link, request: Request, *, tries: int, last: bool = False
    ) -> Response:
        """Ask one model, as often as its errors say that it may help."""
        request = replace(request, model=link.model)
        async for attempt in attempts(tries, unless=lambda: self._told):
            with attempt:
                self._attempt += 1
                try:
                    return await self._once(link, request)
                except ProviderError as error:
                    again = may_retry(error) and attempt.num < tries and not self._told
                    asked = error.retry_after  # which may be 0
                    soon = attempt.next_wait if asked is None else asked
                    wait = soon if again else None
                    await self._failed(link, error, wait, last=last)
                    raise
        raise AssertionError("the last attempt returns or raises")  # pragma: no cover

    async def _failed(
        self, link: Link, error: ProviderError, wait: float | None, *, last: bool
    ) -> None:
        final = wait is None and (last or not self.next_may_help(error))
        await self._scope.recorder.record(
            ModelFailed(
                step=self._step,
                call_key=self._key,
                model=link.name,
                error=error_info(error),
                attempt=self._attempt,
                retry_in_seconds=wait,
                final=final,
            ),
            durable=final,
        )

    async def _once(self, link: Link, request: Request) -> Response:
        request, tokens, usd = self._bounded(link, request)
        with self._scope.budget.reserve(tokens, usd) as held:
            await self._scope.recorder.record(
                ModelCalled(
                    step=self._step,
                    call_key=self._key,
                    model=link.name,
                    provider=link.offer,
                    attempt=self._attempt,
                    reserved_tokens=tokens,
                    reserved_usd=usd,
                ),
                durable=False,
            )
            began = time.monotonic()
            response = await self._sent(link, request, held)
            cost = _cost(link, response)
            held.settle(response.usage, cost)
            answered = ModelAnswered(
                step=self._step,
                call_key=self._key,
                model=link.name,
                response=response,
                cost_usd=cost,
                duration_seconds=round(time.monotonic() - began, 6),
                attempt=self._attempt,
            )
            if self._guarding:
                answered = await self._checked(self._guarding, answered)
            answered = await self._scope.recorder.record(answered)
            if self._guarding and self._on_text and answered.response.text:
                self._on_text(answered.response.text)
            return answered.response

    async def _checked(
        self, guarding: Guarding, answered: ModelAnswered
    ) -> ModelAnswered:
        """Return an answer as it may be seen.

        A refused one is recorded all the same, for what it cost, but without a word
        of it; and after the refusal, so that no replay finds it alone.
        """
        try:
            response = await guarding.answer(
                answered.response, step=self._step, call_key=self._key
            )
        except GuardrailError:
            message = replace(answered.response.message, parts=())
            response = replace(
                answered.response, message=message, data=None, stop_reason="refusal"
            )
            with anyio.CancelScope(shield=True):
                await self._scope.recorder.record(replace(answered, response=response))
            raise
        return replace(answered, response=response)

    async def _sent(self, link: Link, request: Request, held: Reservation) -> Response:
        held.forfeit()  # until an answer says otherwise
        try:
            return await self._contained(link, request)
        except (ProviderTimeoutError, ProviderResponseError):
            raise  # it may have been billed all the same
        except ProviderError:
            held.settle(Usage(), 0.0)
            raise

    async def _contained(self, link: Link, request: Request) -> Response:
        wanted = self._on_text or self._scope.recorder.streaming
        streamed = wanted and not self._guarding
        ask = self._streamed(link, request) if streamed else _complete(link, request)
        response, error = await contained(ask)
        if isinstance(error, ZeroGravityError):
            raise error
        if error is not None or not isinstance(response, Response):
            why = describe(error) if error else f"it answered {response!r:.100}"
            raise ProviderError(
                f"the provider of {link.name} failed: {why}",
                "update its plugin, or name another model",
            ) from error
        return response

    async def _streamed(self, link: Link, request: Request) -> Response:
        tell = self._scope.recorder.tell
        if self._attempt > 1:
            tell(self._piece("", restarted=True))
        pieces = link.provider.stream(request)
        try:
            async for chunk in pieces:
                if chunk.text:
                    tell(self._piece(chunk.text))
                    if self._on_text:
                        self._told = True
                        self._on_text(chunk.text)
                if chunk.response:
                    return chunk.response
        finally:
            await pieces.aclose()
        raise ProviderResponseError(
            f"the stream of {link.name} ended without an answer",
            "try again, or name another model",
        )

    def _piece(self, text: str, *, restarted: bool = False) -> TextDelta:
        return TextDelta(
            step=self._step, call_key=self._key, text=text, restarted=restarted
        )

    def _bounded(
        self, link: Link, request: Request
    ) -> tuple[Request, int, float | None]:
        """Clamp the output to what is left, and say what the call may take."""
        budget = self._scope.budget
        if not budget.bounded:
            return request, 0, 0.0
        reads = link.provider.estimate(request)
        writes = request.max_output_tokens or min(
            link.info.max_output_tokens or _USUAL_OUTPUT, _USUAL_OUTPUT
        )
        left = budget.tokens_left
        if left is not None:
            writes = max(1, min(writes, left - reads))
        usd = 0.0 if link.free else worst_case(link.name, reads, writes)
        if usd is None and budget.needs_price:
            raise LimitError(
                f"the price of {link.name} is not known, so USD cannot be limited",
                "limit tokens or calls instead, or name a model of known price",
                model=link.name,
            )
        return replace(request, max_output_tokens=writes), reads + writes, usd


async def _complete(link: Link, request: Request) -> Response:
    return await link.provider.complete(request)


def _cost(link: Link, response: Response) -> float | None:
    if link.free:
        return 0.0
    if response.cost_usd is not None:
        return response.cost_usd
    return price_of(link.name, response.usage)
