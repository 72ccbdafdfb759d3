"""Every hook ZeroGravity calls.

Read this file to learn what a plugin can be. Two things hold for all of it:
hooks are plain functions, asked once, when a host needs to know what there is;
and what they return is light, frozen specs, whose objects are made on first use.
So a hook does no I/O, imports nothing heavy and reads no environment.

A hook returns an iterable of at most 1,000 specs, or `None`. It may leave out
the parameter ``host``.
"""
# A specification has no body; pluggy reads only its name and arguments.
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .specs import (
        AgentSpec,
        ClassifierSpec,
        CommandSpec,
        HostInfo,
        JournalSpec,
        ProviderSpec,
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
def zg_register_workflows(host: HostInfo) -> Iterable[WorkflowSpec] | None:
    """Offer workflows, one of which a run names."""


@hookspec
def zg_register_journals(host: HostInfo) -> Iterable[JournalSpec] | None:
    """Offer journals; the part of ``"sqlite:///runs.db"`` before the colon."""


# -- Extending the command line ------------------------------------------------------


@hookspec
def zg_register_commands(host: HostInfo) -> Iterable[CommandSpec] | None:
    """Offer commands: ``zg NAME`` if that is free, ``zg x PLUGIN:NAME`` always."""
