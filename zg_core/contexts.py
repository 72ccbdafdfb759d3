"""What a step may reach: the one door from agents and tools to everything else."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from ._json import Json, JsonObject
from .classifiers import Label
from .messages import Message, ToolResult
from .models import Chunk, ModelInfo, Response
from .settings import Settings
from .usage import Limits, Remaining

if TYPE_CHECKING:  # what an agent is rests on what it may reach
    from .agents import AgentCall, AgentResult, Reply

__all__ = ["Context", "OutputSchema", "Workspace"]

OutputSchema: TypeAlias = JsonObject | type[Any]
"""A JSON Schema, or a type that pydantic writes one of: a model, a dataclass."""


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
        """The path that it works at: the step's name, and which part of it.

        ``draft@2`` is the second round of a step, ``draft[0]`` the first item that it
        is done for, and ``draft/critic.1f2e3d`` an agent that its agent asks.
        """
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
    def call_key(self) -> str:
        """The key of the call, for a tool: the same when it is called again.

        It is the idempotency key for whoever the tool asks to do something. For an
        agent it is empty.
        """
        ...

    @property
    def outputs(self) -> Mapping[str, Json]:
        """The outputs of the steps it needs, by step name.

        In a loop those of the round before are among them: of the step itself, and of
        the steps of the loop that come after it.
        """
        ...

    @property
    def tools(self) -> tuple[str, ...] | None:
        """The tools that the workflow gives the agent, in the place of its own.

        `None` is the agent's own. An agent offers its model these and no others, and
        refuses what else the model wants.
        """
        ...

    @property
    def output_schema(self) -> JsonObject | None:
        """JSON Schema that the workflow wants the reply to fit; `None` is any reply.

        An agent that can give what fits at once should; else its reply is turned into
        what does.
        """
        ...

    @property
    def max_output_tokens(self) -> int | None:
        """The most tokens that the workflow lets the agent's answer have.

        `None` is as many as the agent likes. An agent that answers in text has its
        model write no more than these, and gives what was written until then.
        """
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

    async def conversation(self) -> tuple[Message, ...]:
        """Return what was said before, in the conversation that the run goes on with.

        Where it is more than half of what the model can read, all but its end is
        summed up, by the agent that the configuration's ``compactor`` names. Nothing
        was said before to an agent that another one asks.

        Returns:
            The messages, oldest first; none where the run goes on with nothing. Where
            the summing up fails, what is not the end is left out, and a message says
            so.

        Raises:
            ConfigError: If there is no model whose size could be asked for.
            UnknownNameError: If there is no such model, or no agent of the name that
                ``compactor`` says.
        """
        ...

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
        """Ask a model and wait for its whole answer.

        Args:
            messages: The conversation so far.
            tools: Names of tools the model may ask for; calling them is up to
                the caller, with `call_tool`. In the answer, tool calls carry the
                qualified names.
            model: The agent's own choice of models, in order; the user's goes first.
            output_schema: JSON Schema the answer must fit, or a type that pydantic
                knows, such as a model of its. The answer is checked, asked for again
                with the exact error, and parsed into ``data``, which stays plain
                JSON: ``Plan.model_validate(answer.data)`` is the model. An answer
                that wants tools, and one whose ``stop_reason`` is ``"refusal"``,
                come back as they are.
            max_output_tokens: The most it may write.
            temperature: 0 and up.

        Raises:
            ProviderError: If no model of the chain would answer.
            OutputError: If no answer fitted *output_schema*.
            PluginError: If *output_schema* is none, or may not be used.
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

    async def ask(self, question: str, schema: OutputSchema | None = None) -> Json:
        """Ask a person for what only people know, and wait for the answer.

        If nobody is there the run is paused, and goes on here when it is resumed. The
        time that it waits is not counted.

        Args:
            question: The question, in plain words.
            schema: JSON Schema that the answer must fit, or a type that pydantic
                knows; by default it is any text.

        Raises:
            RunError: If nobody answers in time (``approvals.expire_seconds``), or
                this is a tool whose effect is ``once``, which cannot wait half way.
            PluginError: If *schema* is none, or may not be used.
        """
        ...

    async def approve(self, what: str, details: JsonObject) -> bool:
        """Ask a person whether something may be done, and wait for the decision.

        Tools that declare ``requires_approval`` need not do so: they are asked about.
        Where nobody may be asked (``approve = "never"``) the answer is no.

        Args:
            what: What is to be done, in plain words.
            details: What exactly, which the person is shown as it is.

        Raises:
            RunError: As `ask`; nobody deciding in time is a no, unless
                ``approvals.on_expiry`` is ``fail``.
        """
        ...

    async def call_tool(self, name: str, arguments: JsonObject) -> ToolResult:
        """Call a tool; what goes wrong in it is in the result, for the model.

        Where a person must agree, it waits; see `ask`.

        Raises:
            UnknownNameError: If there is no such tool.
        """
        ...

    async def run_agent(
        self,
        agent: str,
        prompt: str,
        *,
        model: str | None = None,
        limits: Limits | None = None,
    ) -> Reply:
        """Have another agent reply, and wait for it.

        It sees the same objective, files and workspace, and no outputs of steps. What
        it spends is this one's spending too. At most ten of one agent's are at work
        at once, and who comes later waits; they ask one another five deep at most.
        When this step is run again, a reply that is recorded is given again.

        Args:
            agent: Its name; a short one means the own plugin's agent first.
            prompt: What it is asked.
            model: The models to try, in order, rather than its own; the user's word
                for the run, or for the step, goes first.
            limits: The most it may spend; its seconds run from when it begins.

        Raises:
            ZeroGravityError: What it failed with; `RunError` for an error of its own.
            LimitError: If a limit of the run, or the depth, does not allow it.
            UnknownNameError: If there is no such agent; ``details["agents"]`` is
                what there is, by name, with descriptions.
        """
        ...

    async def run_agents(self, calls: Sequence[AgentCall]) -> tuple[AgentResult, ...]:
        """Have several agents reply, at once, and wait for all; see `run_agent`.

        One agent's failure is its own result, and is no matter of the others.

        Args:
            calls: What is asked, and whom.

        Returns:
            What came of each, in the same order.
        """
        ...

    async def classify(
        self, text: str, *, classifier: str | None = None
    ) -> Label | None:
        """Say what a text is; `None` if the classifier abstains.

        When the step is run again, what is recorded is said again.

        Args:
            text: The text.
            classifier: The classifier's name; by default the configuration says it.

        Raises:
            UnknownNameError: If there is no such classifier.
            PluginError: If the classifier cannot be made.
            TypeError: If what it says is no `Label`.
            Exception: Whatever else the classifier raises, as it is: one that asks a
                model raises what `complete` does.
        """
        ...

    async def write_artifact(self, path: str, content: str | bytes) -> str:
        """Write a file of the run's results and return its path.

        The file is written whole or not at all, and one of that path is replaced. When
        a step that was cut off is taken up, what it had written stays as it is, and as
        others wrote over it since; a step that failed writes all anew.

        Args:
            path: Where in the workspace: relative, with forward slashes.
            content: What it is to hold; text is written in UTF-8.

        Raises:
            WorkspaceError: If the path leaves the run's folder, *content* is too large
                (10 MB is most), or the disk refuses.
            RunError: If the step has ended.
        """
        ...

    async def progress(self, message: str, fraction: float | None = None) -> None:
        """Say how far the step is, to whoever watches the run.

        Args:
            message: What it is at, in words.
            fraction: How much of the step is done, from 0 to 1; `None` where nobody
                can tell.

        Raises:
            RunError: If the step has ended.
        """
        ...

    async def now(self) -> datetime:
        """Return the time (UTC); the same again when the step is run again."""
        ...

    async def remaining(self) -> Remaining:
        """Say what the step may still spend; the same again when it is run again.

        Nothing is recorded of it, and `None` said, where nothing is limited.
        """
        ...

    async def once(self, name: str, make: Callable[[], Awaitable[Json]]) -> Json:
        """Return what *make* returned the first time, also when the step is run again.

        What *make* returned is on disk before `once` returns. When the step is run
        again, the recorded value is returned, and *make* is not called. What *make*
        raises is not recorded: *make* is called again when the step is run again.

        *make* may be called twice all the same, if the process dies after *make* has
        ended and before its value is on disk. So it is meant for what is chosen or
        looked up; what must not be done twice belongs into a tool with the effect
        ``once``.

        A name may be used several times in a step: the first call by it gets the
        value of the first call before, the second that of the second. Calls that are
        under way at once need a name each, since their order may be another next
        time.

        Args:
            name: What the value is called, the same whenever the step is run.
            make: Makes the value; it is called with nothing, and awaited.

        Returns:
            The value as the journal gives it back: a tuple is a list, and secrets
            are replaced.

        Raises:
            ValueError: If what *make* returned is no JSON.
            RunError: If the step has ended, or its value cannot be recorded.
            ReplayMismatchError: If a recorded run is replayed that has no such value.
            JournalError: If the journal cannot be written.
            Exception: Whatever *make* raises, as it is.
        """
        ...
