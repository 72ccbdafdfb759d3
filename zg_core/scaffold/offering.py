"""Ask a project's plugin what it offers, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from .._json import JsonObject
from ..errors import PluginError
from ..plugins.finding.sources import Source
from ..plugins.trial.probe import search_path
from .project import Project

__all__ = ["offering"]


def offering(project: Project, source: Source, timeout: float = 30.0) -> JsonObject:
    """Return the manifest that fits a plugin's code as it is now.

    Args:
        project: Whose files are imported, whether or not it is installed.
        source: The plugin of it.
        timeout: Seconds after which the process is ended.

    Raises:
        PluginError: If it cannot be loaded, or takes too long.
    """
    with tempfile.TemporaryDirectory() as place:
        told = Path(place, "told")
        try:
            subprocess.run(
                [sys.executable, "-P", "-m", f"{__package__}._offering", str(told)],
                input=json.dumps(asdict(source)),
                text=True,
                encoding="utf-8",
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=timeout,
                env={**os.environ, "PYTHONPATH": search_path(str(project.root))},
            )
            found = json.loads(told.read_bytes()) if told.exists() else {}
        except subprocess.TimeoutExpired:
            found = {"problem": f"loading it did not end within {timeout:g} s"}
    if "manifest" not in found:
        raise PluginError(
            f"the plugin {source.id!r} cannot be loaded: "
            + found.get("problem", "it ends the process"),
            "`zg plugin check` says more",
            plugin=source.id,
        )
    manifest: JsonObject = found["manifest"]
    return manifest
