"""List what plugins offer: ``zg agents``, ``zg tools`` and so on."""

from __future__ import annotations

from contextlib import suppress

import click

from zg_core._json import JsonObject
from zg_core._names import clean_description, is_name, plugin_id, split_qualified
from zg_core.config import Config
from zg_core.errors import ZeroGravityError
from zg_core.plugins import PluginHost, PluginRecord
from zg_core.plugins.manifests.shown import shown
from zg_core.registry import Contribution, Kind

from ._diagnostics import note_diagnostics
from ._groups import Command
from ._invocation import current_invocation, json_option
from ._output import Output

__all__ = [
    "agents",
    "classifiers",
    "exporters",
    "guardrails",
    "list_offers",
    "providers",
    "runtimes",
    "tools",
]

_STANDING = {"override": "override*"}
"""What lists show otherwise: what replaces another thing has a mark."""


@click.command(cls=Command, epilog="Example: zg agents --json")
@json_option
def agents() -> None:
    """List the agents that there are."""
    list_offers("agent")


@click.command(cls=Command, epilog="Example: zg tools --json")
@json_option
def tools() -> None:
    """List the tools that agents may name."""
    list_offers("tool")


@click.command(cls=Command, epilog="Example: zg providers --json")
@json_option
def providers() -> None:
    """List the providers of models: the part of openai:gpt-5 before the colon."""
    list_offers("provider")


@click.command(cls=Command, epilog="Example: zg classifiers --json")
@json_option
def classifiers() -> None:
    """List the classifiers, which tell what category an objective is of."""
    list_offers("classifier")


@click.command(cls=Command, epilog="Example: zg exporters --json")
@json_option
def exporters() -> None:
    """List the exporters, which send out what happens in runs, and which are on."""
    list_offers("exporter")


@click.command(cls=Command, epilog="Example: zg guardrails --json")
@json_option
def guardrails() -> None:
    """List the guardrails, which refuse or change what goes in and out."""
    list_offers("guardrail")


@click.command(cls=Command, epilog="Example: zg runtimes --json")
@json_option
def runtimes() -> None:
    """List the runtimes, which do runs elsewhere: zg run --runtime NAME."""
    list_offers("runtime")


def list_offers(kind: Kind) -> None:
    """Print what there is of a kind."""
    invocation = current_invocation()
    host, output = invocation.host(), invocation.output
    offers = [(offer, host.standing(offer)) for offer in host.all(kind)]
    listed = [{**_document(offer), "status": standing} for offer, standing in offers]
    ailing = host.unavailable(kind)
    listed += [
        {**_document(offer), "status": "unavailable", "reason": _reason(plugin)}
        for offer, plugin in ailing
    ]
    switch = ["ENABLED"] if kind in ("exporter", "guardrail") else []
    enabled = _enabled(kind, invocation.config(), host)
    if switch:
        listed = [{**row, "enabled": row["qualified"] in enabled} for row in listed]
    output.document({"schema": 1, f"{kind}s": listed})
    output.table(
        ["NAME", "QUALIFIED", "STATUS", *switch, "DESCRIPTION"],
        [
            (
                offer.name,
                offer.qualified,
                _STANDING.get(s, s),
                *(offer.qualified in enabled for _ in switch),
                _description(offer),
            )
            for offer, s in (
                *offers,
                *((offer, f"unavailable: {plugin.state}") for offer, plugin in ailing),
            )
        ],
    )
    for row in listed:
        _say_wish(row, kind, output)
    note_diagnostics(output, host)


def _enabled(kind: Kind, config: Config, host: PluginHost) -> set[str]:
    """Return the qualified names of what the configuration enables of a kind."""
    names = {
        "exporter": config.exporters_enabled,
        "guardrail": config.guardrails_enabled,
    }.get(kind, ())
    found = set(names)
    for name in names:
        with suppress(ZeroGravityError):  # a run says what is wrong with it
            found.add(host.find(kind, name).qualified)
    return found


def _description(offer: Contribution) -> str:
    about = offer.spec.description
    if not (instead := shown(offer.spec).get("deprecated")):
        return about
    return f"{about} (deprecated: {clean_description(str(instead))})"


def _say_wish(row: JsonObject, kind: Kind, output: Output) -> None:
    """Say how to grant it, if a thing offers to replace another one."""
    whose, name = split_qualified(str(row.get("overrides") or ""))
    if whose and is_name(name) and row["status"] in ("active", "shadowed", "ambiguous"):
        output.say(
            f"{row['qualified']} offers to replace {plugin_id(whose)}:{name}; enable "
            f"with: zg config set overrides.{kind}s.{name} {row['qualified']}"
        )


def _reason(plugin: PluginRecord) -> str:
    """Return why nothing of a plugin can be used."""
    return plugin.diagnostics[-1].message if plugin.diagnostics else plugin.state


def _document(offer: Contribution) -> JsonObject:
    return {
        "name": offer.name,
        "qualified": offer.qualified,
        "plugin": offer.plugin,
        "builtin": offer.builtin,
        "description": offer.spec.description,
        **shown(offer.spec),
    }
