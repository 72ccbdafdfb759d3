"""``zg plugin manifest``: write down what a project's plugin offers."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zg_core._json import JsonObject
from zg_core.errors import InputError, WorkspaceError

from .._groups import Command
from .._invocation import current_invocation, json_option

if TYPE_CHECKING:
    from zg_core.plugins.finding.sources import Source
    from zg_core.scaffold.project import Project

__all__ = ["Listed", "listed", "manifest"]

_EXAMPLE = """\b
Example:
  zg plugin manifest --write
  zg plugin manifest --check
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A plugin's manifest, as it is and as it should be.

    Attributes:
        plugin: The plugin's id.
        path: Where it belongs.
        text: What it should hold.
        held: What it holds; empty if it is not there.
    """

    plugin: str
    path: Path
    text: str
    held: str

    @property
    def in_step(self) -> bool:
        """Whether it says what the code says."""
        return self.text == self.held

    def differences(self) -> list[str]:
        """Return the lines that differ, as a unified diff."""
        before, after = self.held.splitlines(), self.text.splitlines()
        names = (str(self.path), "the code")
        return list(difflib.unified_diff(before, after, *names, lineterm="", n=1))


@click.command(
    cls=Command, epilog=_EXAMPLE, short_help="Write down what a project offers."
)
@click.option("--write", is_flag=True, help="Write the file.")
@click.option("--check", is_flag=True, help="Fail if the file says something else.")
@json_option
def manifest(write: bool, check: bool) -> int:
    """Print what the plugin in this folder offers, as its manifest says it.

    With a manifest, lists and help need not import the plugin. It is made of what
    the hooks return, and never written by hand. The exit code of --check is 1 if it
    is out of step.
    """
    if write and check:
        raise InputError("--write and --check exclude each other", "choose one")
    from zg_core.scaffold.project import read_project

    output = current_invocation().output
    project = read_project(Path())
    found = [listed(project, source) for source in project.sources]
    if write:
        for each in found:
            _write(each)
    output.document({"schema": 1, "manifests": [_document(each) for each in found]})
    for each in found:
        if write:
            output.say(f"wrote {each.path}")
        elif not check:
            output.say(each.text.rstrip())
        elif each.in_step:
            output.say(f"{each.path} is in step")
        else:
            output.note(f"{each.path} is not what the code is:")
            for line in each.differences():
                output.note(line)
    if check and not all(each.in_step for each in found):
        output.note("`zg plugin manifest --write` writes it anew")
        return 1
    return 0


def listed(project: Project, source: Source, timeout: float = 30.0) -> Listed:
    """Return the manifest of a project's plugin.

    Raises:
        InputError: If the project does not name it.
        PluginError: If the plugin cannot be loaded in so many seconds.
        WorkspaceError: If the manifest cannot be read.
    """
    from zg_core.plugins.manifests.format import manifest_text
    from zg_core.scaffold.offering import offering

    path = project.manifest(source)
    text = manifest_text(offering(project, source, timeout))
    return Listed(plugin=source.id, path=path, text=text, held=_read(path))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise WorkspaceError(
            f"{path} cannot be read: {error}", "remove it, and write it anew"
        ) from error


def _write(each: Listed) -> None:
    try:
        each.path.write_text(each.text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise WorkspaceError(
            f"{each.path} cannot be written: {error.strerror}",
            "correct where pyproject.toml says it is, or make room there",
        ) from error


def _document(each: Listed) -> JsonObject:
    return {
        "plugin": each.plugin,
        "file": str(each.path),
        "in_step": each.in_step,
        "text": each.text,
        "differences": each.differences(),
    }
