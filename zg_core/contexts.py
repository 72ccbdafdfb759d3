"""What a step may reach: the one door from agents and tools to everything else."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from ._json import Json, JsonObject
from .classifiers import Label
from .messages import Message, ToolResult
from .models import Chunk, ModelInfo, Response
from .settings import Settings

__all__ = ["Context", "Workspace"]


class Workspace(Protocol):
    """The files of a run: one folder, and nothing outside it.

    Paths are relative, with forward slashes. Whatever would leave the folder
    (absolute paths, ``..``, symbolic links, NUL) raises `WorkspaceError`.
    """

    def list(self, folder: str = "") -> tuple[str, ...]:
        """Return the paths of all files below *folder*, sorted."""
        ...

    def read(self, path: str) -> bytes:
        """Return what a file holds."""
        ...

    def write(self, path: str, content: bytes) -> None:
        """Write a file whole or not at all, making its folders."""
        ...


class Context(Protocol):
    """What a step may reach."""

    @property
    def run_id(self) -> str:
        """The run."""
        ...

    @property
    def step(self) -> str:
        """The step's name."""
        ...

    @property
    def agent(self) -> str:
        """Qualified name of the step's agent."""
        ...

    @property
    def objective(self) -> str:
        """What the run is for, in the user's words."""
        ...

    @property
    def prompt(self) -> str:
        """What this step is asked."""
        ...

    @property
    def outputs(self) -> Mapping[str, Json]:
        """The outputs of the steps it needs, by step name."""
        ...

    @property
    def files(self) -> tuple[str, ...]:
        """Files given with the objective, as paths in the workspace."""
        ...

    @property
    def settings(self) -> Settings:
        """The agent's or tool's plugin's own configuration."""
        ...

    @property
    def workspace(self) -> Workspace:
        """The run's files; results are written with `write_artifact`."""
        ...

    async def model_info(self, model: str | None = None) -> ModelInfo:
        """Say what the model that `complete` would ask can do.

        Args:
            model: The agent's own choice, as for `complete`.
        """
        ...

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
        """Ask a model and wait for its whole answer.

        Args:
            messages: The conversation so far.
            tools: Names of tools the model may ask for; calling them is up to
                the caller, with `call_tool`. In the answer, tool calls carry the
                qualified names.
            model: The agent's own choice of models, in order; the user's goes first.
            output_schema: JSON Schema the answer must fit. The answer is checked,
                asked for again with the exact error, and parsed into ``data``.
            max_output_tokens: The most it may write.
            temperature: 0 and up.

        Raises:
            ProviderError: If no model of the chain would answer.
            OutputError: If no answer fitted *output_schema*.
            LimitError: If a limit of the run does not allow the call.
            UnknownNameError: If there is no such model or tool.
        """
        ...

    def stream(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[str] = (),
        model: str | None = None,
        max_output_tokens: int | None = None,
        temperature: float | None = None,
    ) -> AsyncGenerator[Chunk, None]:
        """Ask a model and yield its answer in pieces; close what you do not exhaust.

        The arguments and errors are those of `complete`.
        """
        ...

    async def call_tool(self, name: str, arguments: JsonObject) -> ToolResult:
        """Call a tool; what goes wrong in it is in the result, for the model.

        Raises:
            UnknownNameError: If there is no such tool.
        """
        ...

    async def classify(
        self, text: str, *, classifier: str | None = None
    ) -> Label | None:
        """Say what a text is; `None` if the classifier abstains."""
        ...

    async def write_artifact(self, path: str, content: str | bytes) -> str:
        """Write a file of the run's results and return its path.

        Raises:
            WorkspaceError: If the path leaves the run's folder, or the disk refuses.
        """
        ...

    async def progress(self, message: str, fraction: float | None = None) -> None:
        """Say how far the step is."""
        ...

    async def now(self) -> datetime:
        """Return the time (UTC); the same again when the step is run again."""
        ...

    async def once(self, name: str, make: Callable[[], Awaitable[Json]]) -> Json:
        """Return what *make* returned the first time, also when run again."""
        ...
