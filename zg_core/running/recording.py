"""Make a recording of a journaled run: its events, its files, and what it asked.

A journal has the digests of requests alone. To have the requests, the run is done
once more in memory, with every answer from the record: no model and no tool is
called, and no file is written but in a folder that is gone afterwards.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from .._machine import fold
from .._memory_journal import MemoryJournal
from .._secrets import Secrets, looks_secret
from .._step_paths import ROUTE
from .._version import core_version
from .._workspace import FolderWorkspace
from ..config import Config
from ..errors import WorkspaceError, ZeroGravityError
from ..events import (
    ArtifactWritten,
    Event,
    GuardrailDecided,
    ModelAnswered,
    ModelCalled,
    ModelFailed,
    RunAccepted,
)
from ..plugins import PluginHost
from ..recordings import Recording
from ..workflows import RunOptions
from .accepting import accept
from .recorder import Recorder
from .run import do_run
from .setup import Setup
from .tape import Tape
from .traffic import Traffic

__all__ = ["make_recording"]

_SECONDS = 120.0


async def make_recording(
    events: Sequence[Event], *, config: Config, host: PluginHost, secrets: Secrets
) -> tuple[Recording, tuple[str, ...]]:
    """Return a recording, without secrets; and what is missing from it, in words.

    Args:
        events: The run, from its journal.
        config: The configuration.
        host: The plugins, whose agents are asked what they asked then.
        secrets: What must not be in it.
    """
    missing: list[str] = []
    for secret in _configured(config.plugins_config):
        secrets.add(secret)
    first, *rest = events
    assert isinstance(first, RunAccepted)
    kept = await anyio.to_thread.run_sync(_files, first, rest, secrets, missing)
    # The folder was somewhere on this machine, and means nothing on any other.
    neutral = replace(first, options=replace(first.options, out=None))
    told = Recording(events=(neutral, *rest), files=kept, core=core_version())
    recording = secrets.redact_record(told)
    tape = Tape(recording)
    problem = await _done_again(tape, config, host)
    # Who chose the agents is on the tape, and is not asked again.
    calls = [e for e in events if isinstance(e, _CALLS) and e.step != ROUTE]
    called = {e.call_key for e in calls}
    requests = {k: request for k, request in tape.asked.items() if k in called}
    answered = {e.call_key for e in calls if isinstance(e, ModelAnswered)}
    if lost := answered - requests.keys():
        missing.append(
            f"{len(lost)} of {len(answered)} requests could not be told again"
            f"{f' ({problem})' if problem else ''}: equal ones are answered all the "
            "same, but of one that differs no diff can be shown"
        )
    found = replace(
        recording,
        requests=requests,
        models=dict(tape.models),
        files=_redacted(recording.files, secrets, missing),  # of what was asked for
    )
    return secrets.redact_record(found), tuple(missing)


def _configured(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the plugins' settings hold under the name of a secret."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _configured(value)
        elif isinstance(value, str) and looks_secret(key):
            yield value


_CALLS = ModelCalled | ModelAnswered | ModelFailed


def _files(
    accepted: RunAccepted, rest: Iterable[Event], secrets: Secrets, missing: list[str]
) -> dict[str, bytes]:
    """Return what the files of a run hold, as far as they are still what it wrote."""
    rest = list(rest)
    workspace = FolderWorkspace(Path(fold((accepted, *rest)).out or "."))
    digests = dict.fromkeys(accepted.files, "")
    digests |= dict(_written(rest))
    found: dict[str, bytes] = {}
    for path, sha256 in sorted(digests.items()):
        try:
            content = workspace.read(path)
        except WorkspaceError as error:
            missing.append(f"{error.cause}, and is left out")
            continue
        if sha256 and hashlib.sha256(content).hexdigest() != sha256:
            missing.append(f"{path!r} was changed since, and is left out")
            continue
        found[path] = content
    return _redacted(found, secrets, missing)


def _redacted(
    files: Mapping[str, bytes], secrets: Secrets, missing: list[str]
) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for path, content in files.items():
        kept = _without_secrets(content, secrets)
        if kept is None:
            missing.append(f"{path!r} has a secret in it, and is left out")
        else:
            found[path] = kept
    return found


def _written(events: Iterable[Event]) -> Iterator[tuple[str, str]]:
    for event in events:
        if isinstance(event, ArtifactWritten):
            yield event.path, event.sha256


def _without_secrets(content: bytes, secrets: Secrets) -> bytes | None:
    """Return a text with its secrets replaced; of another file that has one, `None`."""
    try:
        return secrets.redact(content.decode()).encode()
    except UnicodeDecodeError:
        text = content.decode("latin-1")
        return content if secrets.redact(text) == text else None


async def _done_again(tape: Tape, config: Config, host: PluginHost) -> str:
    """Do a recorded run once more for its requests; say what stood in the way."""
    recording, journal, secrets = tape.recording, MemoryJournal(), Secrets()
    run_id = recording.run_id
    route = recording.state.route
    decided = [e.guardrail for e in recording.events if isinstance(e, GuardrailDecided)]
    config = replace(
        config,
        classifier=route.classifier if route else config.classifier,
        guardrails_enabled=tuple(dict.fromkeys(decided)),
    )
    with tempfile.TemporaryDirectory() as place:
        options = RunOptions(out=str(Path(place, "files")))
        try:
            with anyio.fail_after(_SECONDS):
                await accept(
                    recording.workflow,
                    recording.objective,
                    options=options,
                    run_id=run_id,
                    files={},
                    config=config,
                    host=host,
                    journal=journal,
                    secrets=secrets,
                    tape=tape,
                )
                epoch, events = await journal.claim(run_id), await journal.read(run_id)
                pen = Recorder(
                    journal, run_id, epoch, events, secrets=secrets, listener=None
                )
                setup = Setup(config=config, host=host, traffic=Traffic(), tape=tape)
                await do_run(pen, events, setup, epoch=epoch)
        except ZeroGravityError as error:
            return error.cause
        except TimeoutError:
            return f"it took longer than {_SECONDS:g} s"
    return ""
