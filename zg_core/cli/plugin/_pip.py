"""Let pip install and remove packages, in the environment that runs this."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from zg_core.errors import ConfigError, ZeroGravityError
from zg_core.plugins.finding.discover import installed
from zg_core.plugins.trust.freeze import frozen

__all__ = ["pip", "require_pip"]


def require_pip(action: str, wanted: Sequence[str]) -> None:
    """Refuse where something other than pip keeps the environment.

    What pip does there is lost with the next upgrade, if pip is there at all.

    Args:
        action: ``"install"`` or ``"uninstall"``.
        wanted: Lines of a requirements file.

    Raises:
        ConfigError: With the one line that does it.
    """
    prefix = Path(sys.prefix)
    words = [word for line in wanted for word in _words(line)]
    if (prefix / "uv-receipt.toml").exists():
        raise _refused("uv", _uv_tool(action, wanted))
    if (prefix / "pipx_metadata.json").exists():
        verb = "inject" if action == "install" else "uninject"
        raise _refused("pipx", shlex.join(["pipx", verb, "zerogravity", *words]))
    if find_spec("pip") is None:
        python = ["--python", sys.executable]
        raise ConfigError(
            f"there is no pip in {prefix}",
            f"with uv: {shlex.join(['uv', 'pip', action, *python, *words])}\n"
            f"to have pip: {shlex.join([sys.executable, '-m', 'ensurepip'])}",
        )


def pip(action: str, *arguments: str) -> None:
    """Call pip; what it says goes to standard error as it is said.

    Raises:
        ZeroGravityError: If it fails.
    """
    done = subprocess.run(
        [sys.executable, "-m", "pip", action, "--disable-pip-version-check", *arguments]
    )
    if done.returncode:
        raise ZeroGravityError(
            f"pip could not {action} it", "what it said stands above", pip=action
        )


def _uv_tool(action: str, wanted: Sequence[str]) -> str:
    """Return the command that names all plugins: uv forgets those it does not."""
    lines = list(frozen(installed().sources))
    if action == "install":
        lines += wanted
    else:
        lines = [line for line in lines if _name(line) not in wanted]
    options: list[str] = []
    for line in lines:
        *editable, what = _words(line)
        options += ["--with-editable" if editable else "--with", what]
    return shlex.join(["uv", "tool", "install", "zerogravity", *options])


def _words(line: str) -> list[str]:
    """Split what makes a project editable from its folder."""
    return shlex.split(line) if line.startswith("-e ") else [line]


def _name(line: str) -> str:
    return line.partition("==")[0].partition(" @ ")[0]


def _refused(tool: str, command: str) -> ConfigError:
    return ConfigError(
        f"this ZeroGravity was installed by {tool}, which would undo what pip does",
        f"call: {command}",
        command=command,
    )
