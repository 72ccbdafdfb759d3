"""The context of one attempt at a step: the door, put together from its parts."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import anyio

from .._codec import as_json
from .._json import Json, JsonObject
from .._names import split_qualified
from ..classifiers import Classifier, Label
from ..contexts import Workspace
from ..events import ArtifactWritten, Progressed, ValueRecorded
from ..messages import Message, ToolResult
from ..models import Chunk, ModelInfo, Response
from ..plugins import PluginHost
from ..settings import Settings
from .asking import Ask
from .model_calls import ModelCalls
from .pump import pumped
from .recorder import timestamp
from .replay import StepCalls
from .scope import RunScope
from .structured import complete_structured
from .tool_calls import ToolCalls

__all__ = ["StepContext", "StepInput", "ask_classifier"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepInput:
    """What a step is given; the attributes are those of `Context`."""

    run_id: str
    step: str
    agent: str
    objective: str
    prompt: str
    outputs: Mapping[str, Json]
    files: tuple[str, ...]
    model: str | None


class StepContext:
    """What one attempt at a step may reach. Implements `zg_core.Context`."""

    def __init__(
        self, scope: RunScope, given: StepInput, calls: StepCalls, *, plugin: str = ""
    ) -> None:
        plugin = plugin or split_qualified(given.agent)[0]
        self._scope = scope
        self._given = given
        self._calls = calls
        self._models = ModelCalls(
            scope, given.step, calls, plugin=plugin, model=given.model
        )
        self._tools = ToolCalls(scope, given.step, calls, plugin=plugin)
        self._plugin = plugin

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
    def outputs(self) -> Mapping[str, Json]:
        return self._given.outputs

    @property
    def files(self) -> tuple[str, ...]:
        return self._given.files

    @property
    def settings(self) -> Settings:
        return self._scope.host.settings(self._plugin)

    @property
    def workspace(self) -> Workspace:
        return self._scope.workspace

    # -- What it may do ----------------------------------------------------------------

    async def model_info(self, model: str | None = None) -> ModelInfo:
        return self._models.chain(model)[0].info

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[str] = (),
        model: str | None = None,
        output_schema: JsonObject | None = None,
        max_output_tokens: int | None = None,
        temperature: float | None = None,
    ) -> Response:
        ask = Ask(
            messages=tuple(messages),
            tools=tuple(tools),
            model=model,
            output_schema=output_schema,
            max_output_tokens=max_output_tokens,
            temperature=temperature,
        )
        if output_schema is None:
            return await self._models.answer(ask)
        return await complete_structured(self._models, ask, output_schema)

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

    async def call_tool(self, name: str, arguments: JsonObject) -> ToolResult:
        return await self._tools.call(name, arguments, self._seen_by)

    def _seen_by(self, plugin: str) -> StepContext:
        """Return the same context for a plugin's tool: with its own settings."""
        if plugin == self._plugin:
            return self
        return StepContext(self._scope, self._given, self._calls, plugin=plugin)

    async def classify(
        self, text: str, *, classifier: str | None = None
    ) -> Label | None:
        name = classifier or self._scope.config.classifier

        async def ask() -> Json:
            found = self._scope.host.find("classifier", name).qualified
            label = await ask_classifier(self._scope.host, found, text)
            return (
                None if label is None else [label.name, label.probability, label.reason]
            )

        found = await self.once(f"classify:{name}:{text}", ask)
        return None if found is None else Label(*found)

    async def write_artifact(self, path: str, content: str | bytes) -> str:
        self._calls.check_open()
        data = content.encode() if isinstance(content, str) else content
        await anyio.to_thread.run_sync(self._scope.workspace.write, path, data)
        written = ArtifactWritten(
            step=self.step,
            path=path,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
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

    async def once(self, name: str, make: Callable[[], Awaitable[Json]]) -> Json:
        key = self._calls.key(("once", name))
        known = self._calls.value(key)
        if known is not None:
            return known[0]
        value = as_json(await make())
        recorded = await self._scope.recorder.record(
            ValueRecorded(step=self.step, call_key=key, value=value)
        )
        return recorded.value


async def ask_classifier(host: PluginHost, name: str, text: str) -> Label | None:
    """Return what a classifier says of a text."""
    classifier = cast(Classifier, host.make(host.find("classifier", name)))
    label = await classifier.classify(text)
    if label is not None and not isinstance(label, Label):
        raise TypeError(f"it returned {type(label).__name__}, not a Label")
    return label
