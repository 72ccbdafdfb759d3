"""Projects of all kinds, generated, built and installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from zg_core.scaffold import KINDS, create, names_of

__all__ = ["build", "generate", "name_of"]


def name_of(kind: str) -> str:
    """Return what the plugin of a kind is called, and what it offers."""
    return f"my-{kind}"


def generate(folder: Path) -> dict[str, Path]:
    """Make a project of each kind; return their folders."""
    return {
        kind: create(names_of(name_of(kind)), kind, folder).folder for kind in KINDS
    }


def build(project: Path, folder: Path) -> Path:
    """Build the wheel of a project, as its author would."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=project,
        check=True,
        capture_output=True,
    )
    return next(folder.glob(f"{project.name.replace('-', '_')}-*.whl"))
