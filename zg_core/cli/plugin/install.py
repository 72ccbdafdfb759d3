"""``zg plugin install`` and ``uninstall``: have pip do it, in the right environment."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from zg_core._isolation import contain
from zg_core._names import plugin_id
from zg_core.errors import InputError, UnknownNameError

from .._groups import Command
from .._invocation import current_invocation, json_option
from ._pip import pip, require_pip

__all__ = ["install", "uninstall"]

_OURS = "zerogravity"
_EXAMPLE = """\b
Example:
  zg plugin install weather
  zg plugin install --editable ./zg-weather
"""


@click.command(cls=Command, epilog=_EXAMPLE, short_help="Install plugins.")
@click.argument("requirements", metavar="[NAME]...", nargs=-1)
@click.option("-U", "--upgrade", is_flag=True, help="Take the newest version.")
@click.option(
    "-e",
    "--editable",
    metavar="FOLDER",
    multiple=True,
    help="A project that goes on being worked on.",
)
@json_option
def install(
    requirements: tuple[str, ...], upgrade: bool, editable: tuple[str, ...]
) -> None:
    """Install plugins with pip, in the environment that runs this.

    NAME weather means the package zg-weather; a file, a URL and a name with zg- mean
    themselves. pip's own configuration holds, as do its PIP_… variables.
    """
    if not requirements and not editable:
        raise InputError("there is nothing to install", "name a plugin")
    wanted = [_requirement(text) for text in requirements]
    lines = [f"-e {shlex.quote(folder)}" for folder in editable]
    require_pip("install", [*wanted, *lines])
    folders = [word for folder in editable for word in ("-e", folder)]
    pip("install", *(["--upgrade"] if upgrade else []), *folders, "--", *wanted)
    _show()


@click.command(
    cls=Command,
    epilog="Example: zg plugin uninstall weather",
    short_help="Remove plugins, broken ones too.",
)
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@json_option
def uninstall(names: tuple[str, ...]) -> None:
    """Remove plugins with pip, from the environment that runs this.

    None is imported for it, so that also a broken one can be removed.
    """
    wanted = list(dict.fromkeys(_distribution(name) for name in names))
    require_pip("uninstall", wanted)
    pip("uninstall", "--yes", "--", *wanted)
    _show()


def _requirement(text: str) -> str:
    """Return what is to be installed, which for a short name is the plugin of it."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return text  # a path or URL
    name = plugin_id(requirement.name)
    itself = name.startswith("zg-") or name in _installed() or name == _OURS
    if requirement.url or itself or (Path(text).exists() and "." in text):
        return text
    current_invocation().output.note(
        f"{text!r} means zg-{text}; for a package of exactly that name: "
        f"{sys.executable} -m pip install {text}"
    )
    return f"zg-{text}"


def _distribution(name: str) -> str:
    """Return the distribution a user means.

    Raises:
        UnknownNameError: If it is not installed.
        InputError: If it is ZeroGravity itself.
    """
    from zg_core.plugins.finding.choose import named
    from zg_core.plugins.finding.discover import installed

    try:
        found = named(name, installed().sources)[0].distribution
    except UnknownNameError:
        # Its metadata may be such that it is no plugin any more.
        there = [each for each in (name, f"zg-{name}") if _is_installed(each)]
        if not there:
            raise
        found = plugin_id(there[0])
    if found in ("", _OURS):
        raise InputError(
            f"{name!r} is ZeroGravity itself",
            f"{sys.executable} -m pip uninstall {_OURS}",
        )
    if plugin_id(name) != found:
        current_invocation().output.note(f"{name!r} means {found}")
    return found


def _installed() -> set[str]:
    from zg_core.plugins.finding.discover import installed

    return {source.distribution for source in installed().sources}


def _is_installed(name: str) -> bool:
    import importlib_metadata

    with contain():
        return bool(importlib_metadata.distribution(name))
    return False


def _show() -> None:
    """Show what there is now, as a new process sees it."""
    output = current_invocation().output
    command = [sys.executable, "-m", "zg_core.cli", "plugins"]
    options: Sequence[str] = ["--json"] if output.as_json else []
    done = subprocess.run([*command, *options], stdout=subprocess.PIPE, text=True)
    if output.as_json:
        output.document(json.loads(done.stdout or "null"))
    else:
        output.say(done.stdout.rstrip())
