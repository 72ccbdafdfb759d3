"""Every hook ZeroGravity calls.

Read this file to learn what a plugin can be. An implementation may leave out
parameters it does not need.

Hooks that offer things are plain functions, asked once, when a host needs to know
what there is. They return an iterable of at most 1,000 specs, or `None`: light,
frozen descriptions, whose objects are made on first use. So such a hook does no
I/O, imports nothing heavy and reads no environment.

Hooks that observe runs are called only for plugins that the user's configuration
lists under ``[observers] enabled``. They may be ``async def``; a plain one runs in a
thread. They run beside the run, those of a plugin one after the other in the order
of its events, and cannot change it: what they return is ignored, what they raise is
counted, and a plugin whose hook takes longer than 5 s, or whose hooks fail three times,
is not called again in that run.
"""
# A specification has no body; pluggy reads only its name and arguments.
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Mapping
    from typing import Any

    from .observers import (
        ModelCallInfo,
        RunInfo,
        RunOutcome,
        StepInfo,
        StepOutcome,
        ToolCallInfo,
    )
    from .specs import (
        AgentSpec,
        ClassifierSpec,
        CommandSpec,
        ExporterSpec,
        GuardrailSpec,
        HostInfo,
        JournalSpec,
        ProviderSpec,
        RuntimeSpec,
        ToolSpec,
        WorkflowSpec,
    )

__all__ = ["API", "PROJECT", "hookimpl", "hookspec"]

API = 1
"""The version of the plugin API: of this file and of the specs."""

PROJECT = "zerogravity"
hookspec: pluggy.HookspecMarker = pluggy.HookspecMarker(PROJECT)
hookimpl: pluggy.HookimplMarker = pluggy.HookimplMarker(PROJECT)


# -- Offering things by name -------------------------------------------------------


@hookspec
def zg_register_agents(host: HostInfo) -> Iterable[AgentSpec] | None:
    """Offer agents, which steps of workflows name."""


@hookspec
def zg_register_tools(host: HostInfo) -> Iterable[ToolSpec] | None:
    """Offer tools, which agents name.

    Installing a tool gives it to nobody: an agent has the tools it lists.
    """


@hookspec
def zg_register_providers(host: HostInfo) -> Iterable[ProviderSpec] | None:
    """Offer providers; the part of ``"openai:gpt-5"`` before the colon.

    A provider of a plugin that is not built in is used only where it is named.
    """


@hookspec
def zg_register_classifiers(host: HostInfo) -> Iterable[ClassifierSpec] | None:
    """Offer classifiers, one of which the configuration names."""


@hookspec
def zg_register_exporters(host: HostInfo) -> Iterable[ExporterSpec] | None:
    """Offer exporters, which send events out.

    Installing one sends nothing: it is off until the user's configuration lists it
    under ``[exporters] enabled``.
    """


@hookspec
def zg_register_guardrails(host: HostInfo) -> Iterable[GuardrailSpec] | None:
    """Offer guardrails, which may refuse or change what goes in and out.

    Installing one checks nothing: it is off until the user's configuration lists it
    under ``[guardrails] enabled``. From then on it fails closed.
    """


@hookspec
def zg_register_workflows(host: HostInfo) -> Iterable[WorkflowSpec] | None:
    """Offer workflows, one of which a run names."""


@hookspec
def zg_register_journals(host: HostInfo) -> Iterable[JournalSpec] | None:
    """Offer journals; the part of ``"sqlite:///runs.db"`` before the colon."""


@hookspec
def zg_register_runtimes(host: HostInfo) -> Iterable[RuntimeSpec] | None:
    """Offer runtimes, one of which ``zg run --runtime`` names."""


# -- Extending the command line ------------------------------------------------------


@hookspec
def zg_register_commands(host: HostInfo) -> Iterable[CommandSpec] | None:
    """Offer commands: ``zg NAME`` if that is free, ``zg x PLUGIN:NAME`` always.

    One that has ``servers`` is also what ``zg --server ADDRESS NAME`` calls where the
    address begins with one of them; it finds the address at
    ``current_invocation().server``.
    """


# -- The plugin itself ---------------------------------------------------------------


@hookspec
def zg_configure(config: Mapping[str, Any]) -> None:
    """Take note of the plugin's own section, once it is registered.

    A plain function, called once per host, for every plugin that is loaded. The
    section may hold secrets. Raising leaves the plugin degraded.
    """


@hookspec
def zg_shutdown(host: HostInfo) -> Awaitable[None] | None:
    """Let go of what the plugin holds, when a host closes.

    Called for every plugin that was loaded; all of them together get 2 s.
    """


# -- Observing runs --------------------------------------------------------------------


@hookspec
def zg_run_started(run: RunInfo) -> Awaitable[None] | None:
    """See that a run begins, or is taken up again."""


@hookspec
def zg_step_started(run: RunInfo, step: StepInfo) -> Awaitable[None] | None:
    """See that a step's agent begins."""


@hookspec
def zg_model_called(
    run: RunInfo, step: StepInfo, call: ModelCallInfo
) -> Awaitable[None] | None:
    """See that a model answered, or failed to; never called for a piece of text."""


@hookspec
def zg_tool_called(
    run: RunInfo, step: StepInfo, call: ToolCallInfo
) -> Awaitable[None] | None:
    """See that a tool returned, or failed."""


@hookspec
def zg_step_finished(
    run: RunInfo, step: StepInfo, outcome: StepOutcome
) -> Awaitable[None] | None:
    """See how a step ended."""


@hookspec
def zg_run_finished(run: RunInfo, outcome: RunOutcome) -> Awaitable[None] | None:
    """See how a run ended: also if it failed, was cancelled or is paused."""
