"""What one call of ``zg`` was told, and what its commands share."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import click

from zg_core._isolation import traceback_of
from zg_core._names import plugin_id
from zg_core._secrets import Secrets, looks_secret, password_in

from ._output import Output

if TYPE_CHECKING:
    from zg_core.config import Config
    from zg_core.engine import Engine
    from zg_core.plugins import PluginHost

    from ._drilling import Drilling

__all__ = ["HERE", "Invocation", "current_invocation", "json_option"]

HERE = "none"
"""What is said in the place of a server's address for this machine."""


class Invocation:
    """One call of ``zg``.

    Args:
        output: What prints.
        secrets: What must not be printed.

    Attributes:
        debug: Whether an error shows where it comes from.
        overrides: What the options before the command say, by dotted key.
        hosts: What loaded plugins, which are told when the command is over.
        drilling: The drill that the command is under, if any.
    """

    def __init__(self, output: Output, secrets: Secrets) -> None:
        self.output = output
        self.secrets = secrets
        self.debug = False
        self.overrides: dict[str, object] = {}
        self.hosts: list[PluginHost] = []
        self.drilling: Drilling | None = None
        self._host: PluginHost | None = None
        self._builtin: PluginHost | None = None
        self._shown: PluginHost | None = None

    def take_up(
        self,
        *,
        plugins: Sequence[str],
        no_plugins: bool,
        strict_plugins: bool,
        locked: bool,
        override: Mapping[str, str],
        server: str | None,
        debug: bool,
    ) -> None:
        """Take up the options before the command; of two about a plugin the later."""
        wanted = {plugin_id(text.removeprefix("no:")): text for text in plugins}
        on = [text for text in wanted.values() if not text.startswith("no:")]
        off = [text[3:] for text in wanted.values() if text.startswith("no:")]
        self.debug = debug
        self.overrides = {
            "plugins.enable": on or None,
            "plugins.disable": off or None,
            "plugins.off": no_plugins or None,
            "plugins.strict": strict_plugins or None,
            "plugins.policy": "locked" if locked else None,
            "server": server,
            **override,
        }

    @property
    def server(self) -> str | None:
        """The address of the server to have things done by; `None` is this machine.

        Raises:
            ConfigError: If the configuration cannot be used as written.
        """
        server = self.config().server
        return None if server == HERE else server

    def trace(self, error: BaseException) -> None:
        """Show where an error comes from, if that was asked for."""
        if self.debug:
            self.output.note(traceback_of(error).rstrip())

    def config(self, overrides: Mapping[str, object] | None = None) -> Config:
        """Return the configuration; *overrides* are options of the command itself.

        Raises:
            ConfigError: If it cannot be used as written.
        """
        from zg_core.config import load_config

        config = load_config({**self.overrides, **(overrides or {})})
        for secret in _secrets_in(config.plugins_config):
            self.secrets.add(secret)
        if config.server and (password := password_in(config.server)):
            self.secrets.add(password)
        return config

    def host(self) -> PluginHost:
        """Return what knows all plugins, opened once."""
        if self._host is None:
            from zg_core.plugins import PluginHost

            self._host = PluginHost.open(self.config(), on_secret=self.secrets.add)
            self.hosts.append(self._host)
        return self._host

    def shown_host(self) -> PluginHost:
        """Return what knows which plugins there are, for help and completion.

        These work whatever is configured, and whatever is wrong with plugins.
        """
        if self._shown is None:
            from zg_core.errors import ZeroGravityError
            from zg_core.plugins import PluginHost

            try:
                self._shown = PluginHost.open(self.config(), lenient=True)
            except ZeroGravityError:
                self._shown = self.builtin_host()
        return self._shown

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Let plugins let go at the end that were loaded and want to."""
        try:
            yield
        finally:
            for host in self.hosts:
                if host.holds:
                    import anyio  # which most commands have no use for

                    anyio.run(host.close)

    @asynccontextmanager
    async def engine(
        self, config: Config, *, journal: str | None = None
    ) -> AsyncGenerator[Engine, None]:
        """Open an engine, whose secrets are not printed and whose logs are."""
        from zg_core.engine import Engine

        from ._diagnostics import note_diagnostics
        from ._logs import logging_to

        drilling = self.drilling
        opened = Engine.open(
            config=config,
            journal=journal,
            secrets=self.secrets,
            drill=drilling.drill if drilling else None,
        )
        host: PluginHost | None = None
        with logging_to(self.output.stderr, debug=self.debug):
            try:
                async with opened as engine:
                    host = engine.host
                    yield engine
                    if drilling:
                        await drilling.look_at(engine)
            finally:  # when it is closed, exporters have lost what they lose
                if host is not None:
                    note_diagnostics(self.output, host)

    def builtin_host(self) -> PluginHost:
        """Return what knows the built-in plugin alone, whatever is configured."""
        if self._builtin is None:
            from zg_core.plugins import PluginHost

            self._builtin = PluginHost.of_builtin()
        return self._builtin


def current_invocation(ctx: click.Context | None = None) -> Invocation:
    """Return the call of ``zg`` that the running command belongs to."""
    found = (ctx or click.get_current_context()).find_object(Invocation)
    if found is None:
        raise RuntimeError("this command runs inside `zg` only")
    return found


def json_option(command: Any) -> Any:
    """Let a command be asked for JSON; `Output.as_json` tells whether it was."""
    return click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        help="Print one JSON document and nothing else.",
    )(command)


def _secrets_in(table: Mapping[str, Any]) -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _secrets_in(value)
        elif isinstance(value, str) and looks_secret(name):
            yield value
        elif isinstance(value, str) and (password := password_in(value)):
            yield password
