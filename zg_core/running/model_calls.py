"""Model calls of a step: replay, chain, retry, budget, provider, journal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import anyio

from .._choice import choose_model
from .._isolation import contained, describe
from ..errors import (
    GuardrailError,
    ProviderError,
    ProviderResponseError,
    RateLimitError,
)
from ..events import ModelAnswered, ModelCalled, ModelFailed
from ..models import Request, Response, ToolDefinition
from .asking import Ask, Link, Names, offer_tools, shown, sighted
from .failing import is_ours
from .guarding import Guarding
from .recorder import TextDelta, error_info
from .replay import StepCalls
from .retries import may_retry, retried
from .scope import RunScope
from .spending import Payer, Spending, hold
from .strategies import held_to_schema
from .traffic import Lane

__all__ = ["ModelCalls"]

_TRIES, _TRIES_BEFORE_NEXT = 4, 2
_TRIES_AT_LIMIT = 8
"""How often a busy server is asked, where no other is left: as its limit is found."""


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
        self._offers: dict[
            tuple[str, ...], tuple[Names, tuple[ToolDefinition, ...]]
        ] = {}

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
        with self._scope.gate.work():
            return await self._answer(ask, on_text)

    async def _answer(
        self, ask: Ask, on_text: Callable[[str], None] | None
    ) -> Response:
        names, tools = self._offered(ask.tools)
        request = shown(ask, names, tools)
        key = self._calls.key(request)
        known = self._calls.model(key)
        if known is None:
            sent = await self._checked(key, request)
            if tape := self._scope.tape:
                recorder = self._scope.recorder
                known = await tape.answer(recorder, self._step, key, request)
            if known is None:
                known = await self._along_the_chain(
                    key, sent, self._able(ask, sent), on_text
                )
            elif on_text and known.text:
                on_text(known.text)
        return names.incoming(known)

    def _offered(
        self, tools: tuple[str, ...]
    ) -> tuple[Names, tuple[ToolDefinition, ...]]:
        """Return tools as a model is shown them, the same for each turn of an agent."""
        if tools not in self._offers:
            offered = offer_tools(tools, self._scope.host, plugin=self._plugin)
            self._offers[tools] = offered
        return self._offers[tools]

    def _able(self, ask: Ask, request: Request) -> tuple[Link, ...]:
        """Return the models to try, each with what it needs to answer as asked."""
        chain = sighted(self.chain(ask.model), request)
        return held_to_schema(chain, request) if request.output_schema else chain

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
                return await call.ask(link, request)
            except ProviderError as error:
                if not call.next_may_help(error):
                    raise
        return await call.ask(chain[-1], request, last=True)


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
        self._run_id = scope.recorder.state.accepted.run_id
        self._step = step
        self._key = key
        self._on_text = on_text
        self._began = scope.traffic.clock.now()
        self._attempt = 0
        self._requests = 0
        self._told = False
        self._heard = False
        guarding = scope.guarding
        self._guarding = guarding if guarding and guarding.checks("answer") else None

    def next_may_help(self, error: ProviderError) -> bool:
        """Tell whether another model may be asked instead."""
        return error.try_next and not self._told

    async def ask(
        self, link: Link, request: Request, *, last: bool = False
    ) -> Response:
        """Ask one model, as often as its errors say that it may help."""
        request = replace(request, model=link.model)
        lane = self._scope.traffic.lane(link)
        try:
            return await self._once(link, lane, request, last=last)
        except ProviderError as error:
            first = error
        return await self._again(first, link, lane, request, last=last)

    async def _again(
        self,
        first: ProviderError,
        link: Link,
        lane: Lane,
        request: Request,
        *,
        last: bool,
    ) -> Response:
        """Ask a model again that failed, if that may help."""

        async def ask() -> Response:
            return await self._once(link, lane, request, last=last)

        async def note(error: ProviderError, wait: float | None) -> None:
            await self._failed(link, error, wait, last=last)

        def allowed(error: ProviderError, attempts: int) -> bool:
            return (
                may_retry(error)
                and attempts < _tries(error, last=last)
                and not self._told
                and not lane.refuses(last=last)
            )

        clock = self._scope.traffic.clock
        injecting = self._scope.injecting
        chance = (
            partial(injecting.patience, link, self._key) if injecting else clock.chance
        )
        try:
            if not allowed(first, 1):
                raise first
            return await retried(
                first,
                ask,
                began=self._began,
                remaining=self._scope.gate.seconds_left,
                allowed=allowed,
                note=note,
                clock=clock,
                chance=chance,
            )
        except ProviderError as error:
            await note(error, None)
            raise

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
                billed=self._may_be_billed(error),
            ),
            durable=final,
        )

    async def _once(
        self, link: Link, lane: Lane, request: Request, *, last: bool
    ) -> Response:
        async with self._scope.gate.call():
            return await self._attempted(link, lane, request, last=last)

    async def _attempted(
        self, link: Link, lane: Lane, request: Request, *, last: bool
    ) -> Response:
        self._attempt += 1
        self._heard = False
        lane.check(last=last)
        budget = self._scope.step_budget(self._step)
        since = self._began if self._requests else None
        async with hold(budget, link, request, self._payer()) as spending:
            with await lane.enter(self._run_id, last=last, since=since):
                self._requests += 1
                await self._scope.recorder.record(
                    ModelCalled(
                        step=self._step,
                        call_key=self._key,
                        model=link.name,
                        provider=link.offer,
                        attempt=self._attempt,
                        reserved_tokens=spending.tokens,
                        reserved_usd=spending.usd,
                    ),
                    durable=spending.counts,
                )
                began = time.monotonic()
                response = await self._sent(link, spending)
                cost = spending.settle(response)
                took = time.monotonic() - began
            answered = ModelAnswered(
                step=self._step,
                call_key=self._key,
                model=link.name,
                response=response,
                cost_usd=cost,
                duration_seconds=round(took, 6),
                attempt=self._attempt,
            )
            if self._guarding:
                answered = await self._checked(self._guarding, answered)
            answered = await self._scope.recorder.record(answered)
            if self._guarding and self._on_text and answered.response.text:
                self._on_text(answered.response.text)
            return answered.response

    def _payer(self) -> Payer | None:
        steward = self._scope.steward
        if steward is None:
            return None
        agent = self._scope.recorder.state.agent_at(self._step)
        return Payer(steward, self._step, agent)

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

    async def _sent(self, link: Link, spending: Spending) -> Response:
        spending.forfeit()
        try:
            return await self._contained(link, spending.request)
        except ProviderError as error:
            if not self._may_be_billed(error):
                spending.spare()
            raise

    def _may_be_billed(self, error: ProviderError) -> bool:
        """Tell whether an attempt that failed may be billed: what was heard of is."""
        return self._heard or error.may_be_billed

    async def _contained(self, link: Link, request: Request) -> Response:
        if self._scope.injecting:
            link = self._scope.injecting.around(link, self._key)
        wanted = self._on_text or self._scope.recorder.streaming
        streamed = wanted and not self._guarding
        ask = self._streamed(link, request) if streamed else _complete(link, request)
        response, error = await contained(ask)
        if is_ours(error, self._scope.recorder):
            raise error
        if error is not None or not isinstance(response, Response):
            why = describe(error) if error else f"it answered {response!r:.100}"
            raise ProviderError(
                f"the provider of {link.name} failed: {why}",
                "update its plugin, or name another model",
                may_be_billed=True,  # perhaps it failed at reading a good answer
            ) from error
        return response

    async def _streamed(self, link: Link, request: Request) -> Response:
        tell = self._scope.recorder.tell
        if self._requests > 1:
            tell(self._piece("", restarted=True))
        pieces = link.provider.stream(request)
        try:
            async for chunk in pieces:
                self._heard = True
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


def _tries(error: ProviderError, *, last: bool) -> int:
    """Return how often a model is asked at most."""
    if not last:
        return _TRIES_BEFORE_NEXT
    return _TRIES_AT_LIMIT if isinstance(error, RateLimitError) else _TRIES


async def _complete(link: Link, request: Request) -> Response:
    return await link.provider.complete(request)
