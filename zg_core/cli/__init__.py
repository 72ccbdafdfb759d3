"""The command line, ``zg``: which commands there are, and how one is called."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from zg_core._secrets import Secrets

from ._failures import Failures
from ._garbage import seldom_collected
from ._groups import RootGroup
from ._invocation import Invocation, current_invocation, json_option
from ._output import Output
from ._overriding import read_overrides
from ._servers import text_or_nothing
from ._streams import own_streams

__all__ = ["current_invocation", "json_option", "main", "zg"]

_CORE = {
    "run": ("zg_core.cli.run:run", "Work on an objective."),
    "chat": ("zg_core.cli.chat:chat", "Talk with one agent."),
    "runs": ("zg_core.cli.runs:runs", "List, show, resume and end runs."),
    "drill": ("zg_core.cli.drill:drill", "Test a command with models that fail."),
    "route": ("zg_core.cli.route:route", "Show which agents an objective gets."),
    "agents": ("zg_core.cli.listings:agents", "List agents."),
    "tools": ("zg_core.cli.listings:tools", "List tools."),
    "providers": ("zg_core.cli.listings:providers", "List providers of models."),
    "classifiers": ("zg_core.cli.listings:classifiers", "List classifiers."),
    "exporters": ("zg_core.cli.listings:exporters", "List exporters."),
    "guardrails": ("zg_core.cli.listings:guardrails", "List guardrails."),
    "runtimes": ("zg_core.cli.listings:runtimes", "List runtimes."),
    "workflows": ("zg_core.cli.workflows:workflows", "List and check workflows."),
    "plugin": ("zg_core.cli.plugin:plugin", "Make, install and switch off plugins."),
    "plugins": ("zg_core.cli.plugins:plugins", "List and check plugins."),
    "config": ("zg_core.cli.config:config", "Show and change the configuration."),
    "doctor": ("zg_core.cli.doctor:doctor", "Check that everything is in place."),
    "x": ("zg_core.cli._groups:plugin_commands", "Call a command of any plugin."),
}

_ON_SERVERS = frozenset(
    {
        *("agents", "chat", "classifiers", "drill", "exporters", "guardrails"),
        *("providers", "route", "run", "runs", "runtimes", "tools", "workflows"),
    }
)
"""What is about runs, and so about a server's where one is named."""

_EXAMPLE = """\b
Example:
  zg run "Build a booking site for a yoga studio"
"""


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from zg_core._version import core_version
        from zg_core.hookspecs import API

        stdout = current_invocation(ctx).output.stdout
        stdout.write(f"zg {core_version()} (plugin API {API})\n")
        ctx.exit()


@click.group(cls=RootGroup, core=_CORE, on_servers=_ON_SERVERS, epilog=_EXAMPLE)
@click.option(
    "-p",
    "plugins",
    metavar="NAME|no:NAME",
    multiple=True,
    help="Load this plugin for this command, or do not load it (no:NAME).",
)
@click.option("--no-plugins", is_flag=True, help="Load the built-in plugin only.")
@click.option(
    "--strict-plugins", is_flag=True, help="Fail if anything is wrong with a plugin."
)
@click.option(
    "--locked", is_flag=True, help="Load only plugins that are in zg-plugins.lock."
)
@click.option(
    "--override",
    metavar="KIND:NAME=PLUGIN:NAME",
    multiple=True,
    callback=read_overrides,
    help="For this command, put what a plugin offers in the place of something else: "
    "agent:planner=zg-better:planner.",
)
@click.option(
    "--server",
    metavar="ADDRESS",
    callback=text_or_nothing,
    help="The server that does the command, such as https://zg.example.com; its key is "
    "in ZEROGRAVITY_API_KEY. With none, this machine does it. By default "
    "ZEROGRAVITY_SERVER names the server.",
)
@click.option("--debug", is_flag=True, help="Show where an error comes from.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def zg(**_: object) -> None:
    """Give an objective to agents, and get files back."""


def main(args: Sequence[str] | None = None) -> int:
    """Call ``zg`` and return its exit code.

    Args:
        args: The arguments; the process's if `None`.
    """
    given = list(sys.argv[1:] if args is None else args)
    secrets = Secrets.of_process()
    if "_ZG_COMPLETE" in os.environ:  # a shell asks what could come next
        output = Output(sys.stdout, sys.stderr, as_json=False)
        zg.main(given, "zg", obj=Invocation(output, secrets))
    with seldom_collected(), own_streams(secrets) as (stdout, stderr):
        # Also for what is wrong before the option was read.
        words = given[: given.index("--")] if "--" in given else given
        output = Output(stdout, stderr, as_json="--json" in words)
        invocation = Invocation(output, secrets)
        with Failures(invocation) as failures, invocation.closing():
            code = zg.main(given, "zg", standalone_mode=False, obj=invocation)
            failures.exit_code = code if isinstance(code, int) else 0
            stdout.flush()  # a failure of which is one of the command
    return failures.exit_code
