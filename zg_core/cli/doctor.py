"""``zg doctor``: check that everything a run needs is in place."""

from __future__ import annotations

import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from zg_core._secrets import without_password
from zg_core.errors import ZeroGravityError

from ._groups import Command
from ._invocation import Invocation, current_invocation, json_option

if TYPE_CHECKING:
    from zg_core.config import Config
    from zg_core.plugins import PluginHost

__all__ = ["doctor"]

_WIDTH = 14


@dataclass(frozen=True, slots=True)
class _Check:
    """One thing that was looked at."""

    name: str
    status: Literal["ok", "warn", "fail"]
    message: str
    remedy: str = ""


@click.command(cls=Command, epilog="Example: zg doctor --json")
@json_option
def doctor() -> int:
    """Check that everything a run needs is in place."""
    output = current_invocation().output
    checks = []
    for check in _checks(current_invocation()):
        checks.append(check)
        output.say(f"{check.status:<5} {check.name:<{_WIDTH}} {check.message}")
        if check.remedy:
            output.say(f"{'':<5} {'':<{_WIDTH}} {check.remedy}")
    output.document({"checks": [asdict(check) for check in checks]})
    return int(any(check.status == "fail" for check in checks))


def _checks(invocation: Invocation) -> Iterator[_Check]:
    yield _python()
    yield _version()
    try:
        config = invocation.config()
    except ZeroGravityError as error:
        yield _failed("configuration", error)
        return
    yield from _configuration()
    yield _data_folder()
    try:
        host = invocation.host()
    except ZeroGravityError as error:
        yield _failed("plugins", error)
        return
    yield from _plugins(host)
    yield _journal(config, host)
    yield _model(config, host)


def _failed(name: str, error: ZeroGravityError) -> _Check:
    return _Check(name, "fail", error.cause, error.remedy)


def _python() -> _Check:
    return _Check("python", "ok", f"{platform.python_version()} at {sys.executable}")


def _version() -> _Check:
    from zg_core._version import core_version

    version = core_version()
    if "unknown" in version:
        return _Check(
            "zerogravity", "warn", "it is not installed", "pip install zerogravity"
        )
    return _Check("zerogravity", "ok", version)


def _configuration() -> Iterator[_Check]:
    from zg_core._config_files import find_project_file, read_file
    from zg_core.config import misspelt_variables, user_file

    files = filter(None, (read_file(user_file()), find_project_file(Path.cwd())))
    found = ", ".join(str(file.path) for file in files)
    yield _Check("configuration", "ok", found or f"none; {user_file()} would be read")
    for name, meant in misspelt_variables().items():
        yield _Check(
            "configuration",
            "warn",
            f"the variable {name} means nothing to us",
            f"did you mean {meant}?",
        )


def _data_folder() -> _Check:
    from zg_core.config import data_dir

    folder = data_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return _Check("data", "ok", str(folder))
    except OSError as error:
        return _Check(
            "data",
            "fail",
            f"{folder} cannot be written to: {error.strerror}",
            "make it writable, or set ZG_HOME to another folder",
        )


def _plugins(host: PluginHost) -> Iterator[_Check]:
    host.load_all()  # so that what is wrong with each shows
    names = ", ".join(f"{plugin.id} {plugin.state}" for plugin in host.plugins)
    if any(plugin.source.builtin for plugin in host.plugins):
        yield _Check("plugins", "ok", names)
    else:
        yield _Check(
            "plugins",
            "fail",
            "the built-in plugin is missing",
            "pip install --force-reinstall zerogravity",
        )
    for found in host.diagnostics:
        if found.severity != "info":
            whose = f"{found.plugin} {found.version}: " if found.plugin else ""
            status: Literal["warn", "fail"] = (
                "fail" if found.severity == "error" else "warn"
            )
            message = f"{found.code} {whose}{found.message}"
            yield _Check("plugins", status, message, found.hint)


def _journal(config: Config, host: PluginHost) -> _Check:
    import anyio

    from zg_core._names import new_run_id
    from zg_core.errors import RunNotFoundError
    from zg_core.running.journal_address import open_journal

    async def look() -> None:
        journal = open_journal(config.journal, host)
        try:
            await journal.list(limit=1)
            with suppress(RunNotFoundError):  # that it can be written, too
                await journal.delete(new_run_id())
        finally:
            await journal.close()

    try:
        anyio.run(look)
    except ZeroGravityError as error:
        return _failed("journal", error)
    return _Check("journal", "ok", f"{without_password(config.journal)} opens")


def _model(config: Config, host: PluginHost) -> _Check:
    from zg_core._choice import choose_model

    try:
        model, reason = choose_model(config, host)
    except ZeroGravityError as error:
        return _failed("model", error)
    return _Check("model", "ok", f"{model} ({reason})")
