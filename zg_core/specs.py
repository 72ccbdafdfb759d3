"""What a plugin says it offers: light, frozen descriptions with a lazy factory.

A factory is ``"package.module:attribute"`` (or a callable), called on first use
with no argument or with one named ``settings``, the plugin's `Settings`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ._json import JsonObject
from ._names import is_name
from .exporters import Signal
from .guardrails import Stage, Subject
from .workflows import Workflow

__all__ = [
    "AgentSpec",
    "ClassifierSpec",
    "CommandSpec",
    "Detect",
    "Effect",
    "ExporterSpec",
    "Factory",
    "GuardrailSpec",
    "HostInfo",
    "JournalSpec",
    "ProviderSpec",
    "Risk",
    "RuntimeSpec",
    "Spec",
    "ToolSpec",
    "WorkflowSpec",
]

Factory: TypeAlias = str | Callable[..., Any]
Effect: TypeAlias = Literal["none", "read", "idempotent", "once"]
"""What calling a tool again would do: nothing, nothing (it only looks), nothing
more than the first time, or something more, so that it must never be repeated."""
Risk: TypeAlias = Literal["low", "high", "critical"]


@dataclass(frozen=True, kw_only=True)
class HostInfo:
    """What a plugin is told about the host that asks.

    Attributes:
        core_version: ZeroGravity's version.
        api: The plugin API's version.
    """

    core_version: str
    api: int


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What all specs have.

    Attributes:
        name: Lower-case letter, then letters, digits, ``-`` and ``_``; at most 64.
        description: One sentence for people and models.
        deprecated: What to use instead, where it should not be used any more.
    """

    name: str
    description: str = ""
    deprecated: str | None = None

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise ValueError(
                f"{self.name!r} is no name: use a lower-case letter, then up to 63 "
                "letters, digits, '-' or '_'"
            )
        if not isinstance(self.description, str):
            raise TypeError(f"the description of {self.name!r} is no text")


@dataclass(frozen=True, kw_only=True)
class AgentSpec(Spec):
    """An agent.

    Attributes:
        factory: Makes the `Agent`.
        task_types: Categories of objectives it is meant for.
        tools: Names of the tools it uses; a short name means its own plugin's first.
        capabilities: What it is good at, in a word each.
        complexity_threshold: From which complexity of a task on, 0 to 1, it is
            worth asking.
        needs_model: Whether it can do nothing without a model, so that a run of its
            is refused before it begins where there is none.
        overrides: Qualified name of the agent it offers to replace. A wish: only
            the user's configuration makes it so.
        examples: Labelled objectives that it is meant for, as
            ``"package:examples.jsonl"``: a file among the package's own, with a JSON
            object on each line, ``{"text": …, "label": …}``; see `zg route eval`.
    """

    factory: Factory
    task_types: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    complexity_threshold: float = 0.0
    needs_model: bool = False
    overrides: str | None = None
    examples: str | None = None


@dataclass(frozen=True, kw_only=True)
class ToolSpec(Spec):
    """A tool: a function, or a factory of a `Tool`.

    What it returns must be JSON, of 1,000,000 bytes at most; of anything else the
    model is told that the call failed.

    Attributes:
        factory: Makes the `Tool`; `None` where *function* is given.
        function: The function a decorated tool was made of.
        parameters: JSON Schema (2020-12) of the arguments; `None` takes it from
            the function.
        effect: What calling it again would do.
        capabilities: What it reaches: ``network files exec secrets``.
        risk: How bad a wrong call is.
        requires_approval: Whether a person must agree to each call.
        timeout_seconds: The longest a call may take, without the time that it waits
            for people; `None` is 60 seconds. What takes longer is given up, and the
            model is told.
    """

    factory: Factory | None = None
    function: Callable[..., Any] | None = None
    parameters: JsonObject | None = None
    effect: Effect = "none"
    capabilities: frozenset[str] = frozenset()
    risk: Risk = "low"
    requires_approval: bool = False
    timeout_seconds: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.factory is None) == (self.function is None):
            raise ValueError(f"tool {self.name!r} needs a factory or a function")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function, as if it had not been decorated."""
        if self.function is None:
            raise TypeError(f"tool {self.name!r} is not made of a function")
        return self.function(*args, **kwargs)


@dataclass(frozen=True, kw_only=True)
class Detect:
    """How to see, in no time, that a provider could be used.

    Any one is enough.

    Attributes:
        env: Environment variables, any of which makes it usable.
        module: A module that is there if the provider's extra is installed.
        url: An address on this machine at which a local server lists its models,
            as OpenAI's ``/v1/models`` does; the first is meant where there is no
            default.
    """

    env: tuple[str, ...] = ()
    module: str | None = None
    url: str | None = None


@dataclass(frozen=True, kw_only=True)
class ProviderSpec(Spec):
    """A provider; its name is the part of ``"openai:gpt-5"`` before the colon.

    Attributes:
        factory: Makes the `Provider`. The vendor's package is imported by the
            provider's first call, not before.
        default_model: The model where only the provider was named.
        detect: How to see that it could be used.
        env: Environment variables whose values are its secrets.
        free: Whether its models cost nothing, since they run on this machine.
    """

    factory: Factory
    default_model: str | None = None
    detect: Detect | None = None
    env: tuple[str, ...] = ()
    free: bool = False


@dataclass(frozen=True, kw_only=True)
class ClassifierSpec(Spec):
    """A classifier.

    Attributes:
        factory: Makes the `Classifier`, or the `ContextClassifier`.
        labels: The categories it tells apart.
        examples: The labelled objectives it is measured by, as in `AgentSpec`.
    """

    factory: Factory
    labels: tuple[str, ...] = ()
    examples: str | None = None


@dataclass(frozen=True, kw_only=True)
class WorkflowSpec(Spec):
    """A workflow by name.

    Attributes:
        workflow: The workflow, which is data.
    """

    workflow: Workflow


@dataclass(frozen=True, kw_only=True)
class JournalSpec(Spec):
    """A journal; its name is the scheme of its address, as in ``sqlite:///runs.db``.

    Attributes:
        factory: Makes the `Journal` from one argument, the address after the scheme.
    """

    factory: Factory


@dataclass(frozen=True, kw_only=True)
class ExporterSpec(Spec):
    """An exporter. It is off until the user's configuration lists it.

    Attributes:
        factory: Makes the `Exporter`.
        signals: What it makes of events.
    """

    factory: Factory
    signals: frozenset[Signal] = frozenset({"events"})


@dataclass(frozen=True, kw_only=True)
class GuardrailSpec(Spec):
    """A guardrail. It is off until the user's configuration lists it.

    Attributes:
        factory: Makes the `Guardrail`.
        stages: Where it stands.
        subjects: What of it it checks there; empty is all.
    """

    factory: Factory
    stages: frozenset[Stage]
    subjects: frozenset[Subject] = frozenset()


@dataclass(frozen=True, kw_only=True)
class RuntimeSpec(Spec):
    """A runtime, which ``zg run --runtime`` names.

    Attributes:
        factory: Makes the `Runtime`.
    """

    factory: Factory


@dataclass(frozen=True, kw_only=True)
class CommandSpec(Spec):
    """A command of ``zg``.

    Attributes:
        factory: The `click.Command` itself (not called), imported when it is used.
        servers: What the addresses of servers begin with that it works on, such as
            ``https``: it is what ``zg --server ADDRESS NAME`` calls, in the place of
            what does the same on this machine.
    """

    factory: Factory
    servers: tuple[str, ...] = ()
