"""Try a plugin in a process of its own, and tell what it did there.

Whatever it does, imports, prints, changes or ends, it does to that process.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..._json import JsonObject
from ..diagnose import Diagnostic
from ..finding.choose import named
from ..finding.discover import installed
from ..finding.sources import Source
from .offers import Flaw

__all__ = ["SLOW", "Probe", "probe", "search_path"]

SLOW = frozenset(
    {
        *("aiohttp", "anthropic", "boto3", "httpx", "jsonschema", "langchain"),
        *("matplotlib", "numpy", "openai", "pandas", "pydantic", "requests"),
        *("scipy", "sklearn", "tensorflow", "torch", "transformers"),
    }
)
"""What takes long to import, and is not needed to say what a plugin offers."""

_STDERR = 4000
"""Letters of what it wrote to standard error that are kept, the last ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a plugin did when it was loaded, twice, in a process of its own.

    Attributes:
        plugin: The plugin's id.
        exit_status: What the process ended with, less than 0 if a signal ended it;
            `None` if it took too long and was killed.
        finished: Whether loading it came to an end, well or not.
        seconds_cpu: Processor time its import and its hooks took, above a host's.
        modules: The modules that were imported for it.
        stdout_bytes: How much it wrote to standard output.
        side_effects: What it changed, wrote or started besides, in words.
        network: What it would have reached; it was refused.
        unequal: Hooks that offered something else when they were asked again.
        diagnostics: What is not right with it, as its host sees it.
        contributions: What it offers: ``kind``, ``name``, ``description``,
            ``factory`` (`None` where it is no text), ``task_types``, ``examples``.
        flaws: What is wrong with what it offers, and shows only in use.
        stderr: The end of what it wrote to standard error.
    """

    plugin: str
    exit_status: int | None
    finished: bool = False
    seconds_cpu: float = 0.0
    modules: tuple[str, ...] = ()
    stdout_bytes: int = 0
    side_effects: tuple[str, ...] = ()
    network: tuple[str, ...] = ()
    unequal: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    contributions: tuple[JsonObject, ...] = ()
    flaws: tuple[Flaw, ...] = ()
    stderr: str = ""

    @property
    def ok(self) -> bool:
        """Whether it was loaded without an error."""
        return self.finished and all(d.severity != "error" for d in self.diagnostics)

    @property
    def timed_out(self) -> bool:
        """Whether it took too long."""
        return self.exit_status is None


def probe(plugin: Source | str, timeout: float = 30.0, *, first: str = "") -> Probe:
    """Load one plugin in a process of its own, with nothing else.

    Neither the configuration nor any policy is asked: who calls this has decided
    that the code may run.

    Args:
        plugin: Where the plugin comes from, or what an installed one is called.
        timeout: Seconds after which it is killed.
        first: A folder with modules that go before all others.

    Raises:
        UnknownNameError: If no plugin is called so.
    """
    if isinstance(plugin, str):
        plugin = named(plugin, installed().sources)[0]
    with tempfile.TemporaryDirectory() as place:
        told = Path(place, "told")
        with Path(place, "out").open("wb") as out, Path(place, "err").open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", f"{__package__}.probed", str(told)],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": search_path(first)},
            )
            status = _wait(process, json.dumps(asdict(plugin)).encode(), timeout)
        found: dict[str, Any] = {}
        if told.exists():
            found = json.loads(told.read_bytes())
        return Probe(
            plugin=plugin.id,
            exit_status=status,
            finished=bool(found),
            stdout_bytes=Path(place, "out").stat().st_size,
            stderr=Path(place, "err").read_text(errors="replace")[-_STDERR:],
            seconds_cpu=found.get("seconds_cpu", 0.0),
            modules=tuple(found.get("modules", ())),
            side_effects=tuple(found.get("side_effects", ())),
            network=tuple(found.get("network", ())),
            unequal=tuple(found.get("unequal", ())),
            diagnostics=tuple(Diagnostic(**d) for d in found.get("diagnostics", ())),
            contributions=tuple(found.get("contributions", ())),
            flaws=tuple(Flaw(**flaw) for flaw in found.get("flaws", ())),
        )


def search_path(first: str = "") -> str:
    """Return `sys.path` for a child, which then imports what we would.

    Args:
        first: A folder that goes before all others.
    """
    ours = [entry or str(Path.cwd()) for entry in sys.path]
    return os.pathsep.join([first, *ours] if first else ours)


def _wait(process: subprocess.Popen[bytes], told: bytes, timeout: float) -> int | None:
    """Tell the process its task, and return its status; kill it if it takes long."""
    try:
        process.communicate(told, timeout)
        return process.returncode
    except subprocess.TimeoutExpired:
        return None
    finally:
        # What it started may go on, and must not.
        with contextlib.suppress(OSError, AttributeError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
