"""Commands that are imported when they are used, ours and those of plugins."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from importlib import import_module
from itertools import dropwhile
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from zg_core._names import nearest
from zg_core.errors import AmbiguousNameError, PluginError, UnknownNameError

from ._invocation import Invocation, current_invocation
from ._servers import on_server, server_for

if TYPE_CHECKING:
    from zg_core.plugins import PluginHost
    from zg_core.registry import Contribution

__all__ = [
    "Command",
    "CommandWithCommands",
    "Group",
    "PluginCommands",
    "RootGroup",
    "complete_command",
    "plugin_commands",
]


def _show_help(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        current_invocation(ctx).output.stdout.write(f"{ctx.get_help()}\n")
        ctx.exit()


class Command(click.Command):
    """A command whose help goes to the real standard output."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return click's option, with our way to print."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _show_help
        return option


class Group(click.Group, Command):
    """A group of such commands."""

    command_class = Command


class CommandWithCommands(Group):
    """A command with an argument of its own, and commands below it.

    Only the exact word is one of them; whatever else comes first is the argument.
    """

    allow_extra_args = False
    allow_interspersed_args = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the arguments as the command's own, or leave them to one below it."""
        rest = list(dropwhile("--json".__eq__, args))
        if rest and rest[0] in self.commands:
            ctx.args = rest
            return rest
        return click.Command.parse_args(self, ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Do one of both."""
        if not ctx.args:
            return click.Command.invoke(self, ctx)
        name, command, args = self.resolve_command(ctx, ctx.args)
        assert command is not None
        with command.make_context(name, args, parent=ctx) as below:
            return command.invoke(below)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the parameters; a command below, in its usage, has none of them."""
        return super().get_params(ctx) if ctx.command is self else []

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the pieces of the command's own usage."""
        return click.Command.collect_usage_pieces(self, ctx)


def complete_command(
    ctx: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the commands that may stand in the place of such an argument."""
    assert isinstance(ctx.command, Group)
    return [
        CompletionItem(name, help=command.get_short_help_str())
        for name, command in ctx.command.commands.items()
        if name.startswith(incomplete)
    ]


class _Listed(Group):
    """A group that lists its commands without importing them."""

    def rows(self, ctx: click.Context) -> list[tuple[str, str]]:
        """Return the name of each command with a sentence about it."""
        raise NotImplementedError

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the help."""
        return [name for name, _ in self.rows(ctx)]

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[CompletionItem]:
        """Return what may come next; a name needs no command behind it for that."""
        names = [
            CompletionItem(name, help=about)
            for name, about in self.rows(ctx)
            if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the list of commands."""
        if rows := self.rows(ctx):
            with formatter.section("Commands"):
                formatter.write_dl(rows)


class RootGroup(_Listed):
    """``zg`` itself.

    Args:
        core: Each command of the core: where it is, as ``module:attribute``, and a
            sentence about it.
        on_servers: Those commands of the core that are about runs, and so about a
            server's where the configuration names one.
    """

    def __init__(
        self,
        *args: Any,
        core: Mapping[str, tuple[str, str]],
        on_servers: Collection[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._core = core
        self._on_servers = on_servers

    def invoke(self, ctx: click.Context) -> Any:
        """Take up the options first: they say where the command may come from."""
        current_invocation(ctx).take_up(**ctx.params)
        return super().invoke(ctx)

    def rows(self, ctx: click.Context) -> list[tuple[str, str]]:
        """Return the core's commands, the built-in plugin's, and those in manifests.

        Others would have to be imported to be known. Of those of other plugins only
        the ones are here that are called by their short name.
        """
        invocation = current_invocation(ctx)
        rows = [(name, about) for name, (_, about) in self._core.items()]
        offered = list(invocation.builtin_host().builtin("command"))
        host = invocation.shown_host()
        others = (c for c in host.known("command") if not c.builtin)
        offered += [c for c in others if host.standing(c) == "active"]
        rows += [(c.spec.name, c.spec.description) for c in offered]
        return sorted(dict(reversed(rows)).items())

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import a command.

        Raises:
            UnknownNameError: If neither the core nor a plugin has it.
            PluginError: If a plugin has it and it is broken.
            InputError: If a server is named, and it cannot be done there.
        """
        if not ctx.resilient_parsing:
            invocation = current_invocation(ctx)
            server = server_for(invocation, about_runs=name in self._on_servers)
            if server is not None:
                return _load(invocation, *on_server(invocation, server, name))
        if name in self._core:
            module, _, attribute = self._core[name][0].partition(":")
            found: click.Command = getattr(import_module(module), attribute)
            return found
        invocation = current_invocation(ctx)
        builtin = invocation.builtin_host()
        for offered in builtin.builtin("command"):
            if offered.spec.name == name:
                return _load(invocation, builtin, offered)
        if ctx.resilient_parsing:
            return None  # completing a word must not run a stranger's code
        host = invocation.host()
        try:
            return _load(invocation, host, host.find("command", name))
        except AmbiguousNameError:
            raise
        except UnknownNameError as error:
            others = (offered.spec.name for offered in host.all("command"))
            close = nearest(name, [*self.list_commands(ctx), *others])
            raise UnknownNameError(
                f"there is no command {name!r}",
                f"did you mean {close!r}?" if close else "`zg --help` lists them",
            ) from error


class PluginCommands(_Listed):
    """``zg x``: every command of every plugin, by its qualified name."""

    def rows(self, ctx: click.Context) -> list[tuple[str, str]]:
        """Return all of them, which loads the plugins without a manifest.

        Completing a word must not run a stranger's code: it gets what is known.
        """
        invocation = current_invocation(ctx)
        if ctx.resilient_parsing:
            offered = invocation.shown_host().known("command")
        else:
            offered = invocation.host().all("command")
        return sorted((c.qualified, c.spec.description) for c in offered)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import a command.

        Raises:
            UnknownNameError: If no plugin has it.
            PluginError: If it is broken.
        """
        if ctx.resilient_parsing:
            return None
        invocation = current_invocation(ctx)
        host = invocation.host()
        return _load(invocation, host, host.find("command", name))


def _load(
    invocation: Invocation, host: PluginHost, offered: Contribution
) -> click.Command:
    command = host.make(offered)
    if not isinstance(command, click.Command):
        raise PluginError(
            f"the command {offered.qualified!r} is not a click command",
            f"report it to the authors of {offered.plugin}",
            plugin=offered.plugin,
        )
    # From here on this command is what `zg` does, and what it prints is the result.
    sys.stdout = invocation.output.stdout
    return command


plugin_commands = PluginCommands(
    "x", help="Call a command of any plugin by its qualified name, PLUGIN:NAME."
)
