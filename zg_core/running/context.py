"""The context of one attempt at a step: the door, put together from its parts."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import asdict
from datetime import datetime
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any, cast

import anyio

from .._codec import as_json
from .._json import Json, JsonObject
from .._names import split_qualified
from .._shapes import shape_of
from .._step_paths import is_part
from ..agents import AgentCall, AgentResult, Reply
from ..classifiers import Classifier, ContextClassifier, Label
from ..contexts import Context, OutputSchema, Workspace
from ..errors import PluginError, UnknownNameError
from ..events import ArtifactWritten, HistoryCompacted, Progressed, ValueRecorded
from ..messages import Message, ToolResult
from ..models import Chunk, ModelInfo, Response
from ..plugins import PluginHost
from ..settings import Settings
from ..usage import Limits, Remaining
from .asking import Ask
from .conversing import Cut, cut, shortened
from .grace import to_its_end
from .model_calls import ModelCalls
from .people import People
from .pump import pumped
from .recorder import timestamp
from .replay import StepCalls
from .scope import RunScope
from .step_input import StepInput
from .structured import complete_structured
from .sub_agents import SubAgents
from .tool_calls import ToolCalls

__all__ = ["StepContext", "StepInput", "ask_classifier", "asks_in_context"]


class StepContext:
    """What one attempt at a step may reach. Implements `zg_core.Context`."""

    def __init__(
        self,
        scope: RunScope,
        given: StepInput,
        calls: StepCalls,
        agents: SubAgents,
        *,
        plugin: str = "",
    ) -> None:
        plugin = plugin or split_qualified(given.agent)[0]
        self._scope = scope
        self._given = given
        self._calls = calls
        self._agents = agents
        model = given.model or given.asked_model
        self._models = ModelCalls(scope, given.step, calls, plugin=plugin, model=model)
        self._tools = ToolCalls(scope, given.step, calls, plugin=plugin)
        self._plugin = plugin
        self._people = People(scope, given.step, calls)

    # -- What the step is given ------------------------------------------------------

    @property
    def run_id(self) -> str:
        return self._given.run_id

    @property
    def step(self) -> str:
        return self._given.step

    @property
    def agent(self) -> str:
        return self._given.agent

    @property
    def objective(self) -> str:
        return self._given.objective

    @property
    def prompt(self) -> str:
        return self._given.prompt

    @property
    def call_key(self) -> str:
        return self._calls.of

    # Copies, made when they are asked for: what is given is the run's own state.

    @cached_property
    def outputs(self) -> Mapping[str, Json]:
        return {name: as_json(value) for name, value in self._given.outputs.items()}

    @property
    def files(self) -> tuple[str, ...]:
        return self._given.files

    @property
    def tools(self) -> tuple[str, ...] | None:
        return self._given.tools

    @cached_property
    def output_schema(self) -> JsonObject | None:
        return cast("JsonObject | None", as_json(self._given.output_schema))

    @property
    def max_output_tokens(self) -> int | None:
        return self._given.max_output_tokens

    @property
    def settings(self) -> Settings:
        return self._scope.host.settings(self._plugin)

    @property
    def workspace(self) -> Workspace:
        return self._scope.workspace

    # -- What it may do ----------------------------------------------------------------

    async def model_info(self, model: str | None = None) -> ModelInfo:
        def find() -> ModelInfo:
            return self._models.chain(model)[0].info

        tape = self._scope.tape
        return tape.info(self.step, model, find) if tape else find()

    async def conversation(self) -> tuple[Message, ...]:
        history = self._scope.recorder.state.accepted.history
        if not history or is_part(self.step):
            return ()

        # Whoever was told how to answer is to know it to the end.
        instructed = tuple(takewhile(lambda said: said.role == "system", history))
        spoken = history[len(instructed) :]

        async def measure() -> Json:
            return asdict(cut(spoken, self._models.chain(None)[0]))

        at = Cut(**cast(dict[str, int], await self.once("conversation", measure)))
        if not at.pieces:
            return history

        async def ask(prompt: str) -> str:
            reply = await self.run_agent(self._scope.config.compactor, prompt)
            return str(reply.output)

        rest, complete = await shortened(spoken, at, ask)
        remains = (*instructed, *rest)
        state = self._scope.recorder.state
        told = state.history == remains if complete else state.forgot == self.step
        if not told:
            await self._scope.recorder.record(
                HistoryCompacted(step=self.step, history=remains, complete=complete)
            )
        return remains

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[str] = (),
        model: str | None = None,
        output_schema: OutputSchema | None = None,
        max_output_tokens: int | None = None,
        temperature: float | None = None,
    ) -> Response:
        ask = Ask(
            messages=tuple(messages),
            tools=tuple(tools),
            model=model,
            max_output_tokens=max_output_tokens,
            temperature=temperature,
        )
        if output_schema is None:
            return await self._models.answer(ask)
        return await complete_structured(self._models, ask, shape_of(output_schema))

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[str] = (),
        model: str | None = None,
        max_output_tokens: int | None = None,
        temperature: float | None = None,
    ) -> AsyncGenerator[Chunk, None]:
        ask = Ask(
            messages=tuple(messages),
            tools=tuple(tools),
            model=model,
            max_output_tokens=max_output_tokens,
            temperature=temperature,
        )

        async def work(emit: Callable[[Chunk], None]) -> None:
            response = await self._models.answer(ask, lambda t: emit(Chunk(text=t)))
            emit(Chunk(response=response))

        async with aclosing(pumped(work)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def ask(self, question: str, schema: OutputSchema | None = None) -> Json:
        return await self._people.ask(question, schema)

    async def approve(self, what: str, details: JsonObject) -> bool:
        return await self._people.approve(what, details)

    async def call_tool(self, name: str, arguments: JsonObject) -> ToolResult:
        return await self._tools.call(name, arguments, self._seen_by)

    async def run_agent(
        self,
        agent: str,
        prompt: str,
        *,
        model: str | None = None,
        limits: Limits | None = None,
    ) -> Reply:
        call = AgentCall(
            agent=agent, prompt=prompt, model=model, limits=limits or Limits()
        )
        return await self._agents.ask(call, self._calls, self._plugin)

    async def run_agents(self, calls: Sequence[AgentCall]) -> tuple[AgentResult, ...]:
        return await self._agents.results(calls, self._calls, self._plugin)

    def _seen_by(self, plugin: str, calls: StepCalls | None = None) -> StepContext:
        """Return the same for a plugin: its own settings, and a tool's own calls."""
        calls = calls or self._calls
        return StepContext(self._scope, self._given, calls, self._agents, plugin=plugin)

    async def classify(
        self, text: str, *, classifier: str | None = None
    ) -> Label | None:
        name = classifier or self._scope.config.classifier
        host = self._scope.host
        if asks_in_context(host, name):  # what it asks is recorded by itself
            plugin = host.find("classifier", name).plugin
            return await ask_classifier(host, name, text, self._seen_by(plugin))

        async def ask() -> Json:
            label = await ask_classifier(host, name, text, self)
            return (
                None if label is None else [label.name, label.probability, label.reason]
            )

        found = await self.once(f"classify:{name}:{text}", ask)
        return None if found is None else Label(*found)

    async def write_artifact(self, path: str, content: str | bytes) -> str:
        self._calls.check_open()
        data = content.encode() if isinstance(content, str) else content
        digest = hashlib.sha256(data).hexdigest()
        there = Path(self._scope.recorder.state.out, path).is_file()
        if self._calls.has_written(path, digest) and there:
            return path
        await to_its_end(
            anyio.to_thread.run_sync(self._scope.workspace.write, path, data)
        )
        written = ArtifactWritten(
            step=self.step,
            path=path,
            size=len(data),
            sha256=digest,
            call=self._calls.of,
        )
        known = self._scope.recorder.state.artifacts.get(path)
        if known is None or known.sha256 != written.sha256:
            await self._scope.recorder.record(written, durable=False)
        return path

    async def progress(self, message: str, fraction: float | None = None) -> None:
        self._calls.check_open()
        await self._scope.recorder.record(
            Progressed(step=self.step, message=message, fraction=fraction),
            durable=False,
        )

    async def now(self) -> datetime:
        async def read_clock() -> Json:
            return timestamp()

        return datetime.fromisoformat(await self.once("now", read_clock))

    async def remaining(self) -> Remaining:
        key = self._calls.key("remaining")  # of each, since limits may come later
        known = self._calls.value(key)
        if known is not None:
            return Remaining(**cast(dict[str, Any], known[0]))
        left, tape = self._scope.remaining(self.step), self._scope.tape
        if tape:
            told = tape.known_value(self.step, key)
            if told is None and not tape.live:
                return Remaining()
            left = Remaining(**cast(dict[str, Any], told[0])) if told else left
        # Nothing is recorded where nothing was limited, which may be so no more.
        before = self._calls.replaying and self._scope.limits_changed
        if left == Remaining() or before:
            return Remaining()
        await self._scope.recorder.record(
            ValueRecorded(step=self.step, call_key=key, value=asdict(left)),
            durable=False,
        )
        return left

    async def once(self, name: str, make: Callable[[], Awaitable[Json]]) -> Json:
        key = self._calls.key(("once", name))
        known = self._calls.value(key)
        if known is None and (tape := self._scope.tape):
            known = await tape.value(self._scope.recorder, self.step, key, name)
        if known is not None:
            return known[0]
        async with self._scope.gate.call():
            value = as_json(await make())
            recorded = await self._scope.recorder.record(
                ValueRecorded(step=self.step, call_key=key, value=value)
            )
        return recorded.value


async def ask_classifier(
    host: PluginHost, name: str, text: str, ctx: Context
) -> Label | None:
    """Return what a classifier says of a text.

    Args:
        host: Where it is found.
        name: Its name.
        text: The text.
        ctx: What it may reach, if it wants to.
    """
    classifier = host.make(host.find("classifier", name))
    if isinstance(classifier, ContextClassifier):
        label = await classifier.classify_in(ctx, text)
    else:
        label = await cast(Classifier, classifier).classify(text)
    if label is not None and not isinstance(label, Label):
        raise TypeError(f"it returned {type(label).__name__}, not a Label")
    return label


def asks_in_context(host: PluginHost, name: str) -> bool:
    """Tell whether a classifier wants a context, as to ask models.

    One that is not there, or broken, wants nothing: whoever asks it is told.
    """
    with suppress(UnknownNameError, PluginError):
        made = host.make(host.find("classifier", name))
        return isinstance(made, ContextClassifier)
    return False
