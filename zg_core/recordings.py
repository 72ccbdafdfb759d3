"""Recorded runs as files: everything that is needed to give their answers again.

A file has JSON Lines: first what it is and how much is in it, then one line for each
event, for each request (the journal has their digests alone), for what each model can
do, and for each file of the run. It is text, so that git keeps it well as a fixture.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ._codec import decode_event, dump, encode_event, event_document, load
from ._json import Json, JsonObject
from ._machine import RunState, fold
from ._workspace import MAX_BYTES, objection
from .errors import InputError, ZeroGravityError
from .events import Event, RunAccepted
from .models import ModelInfo, Request
from .workflows import RunOptions, Workflow

__all__ = ["Recording", "dump_recording", "load_recording", "read_recording"]

_FORMAT = "zerogravity-run"
_VERSION = 1
_LARGEST = 200_000_000  # bytes of a file
_COUNTED = ("events", "requests", "models", "files")
_ANEW = "export the run anew: zg runs export RUN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recorded run.

    Attributes:
        events: All that happened in it.
        requests: What models were asked, by call key, as far as it could be told.
        models: What the models could do, by step and the model the step named.
        files: What its files hold, by path: those it was given and those it wrote.
        core: The version of ZeroGravity that exported it.
        live: Whether a run that is given its answers makes other calls for real; if
            not, the first one ends the run.
    """

    events: tuple[Event, ...]
    requests: Mapping[str, Request] = field(default_factory=dict)
    models: Mapping[str, ModelInfo] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    core: str = ""
    live: bool = False

    @property
    def state(self) -> RunState:
        """How far the run was."""
        return fold(self.events)

    @property
    def accepted(self) -> RunAccepted:
        """How the run began."""
        first = self.events[0]
        assert isinstance(first, RunAccepted)
        return first

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.accepted.run_id

    @property
    def objective(self) -> str:
        """What the run was for."""
        return self.accepted.objective

    @property
    def workflow(self) -> Workflow:
        """The run's workflow."""
        return self.accepted.workflow

    @property
    def options(self) -> RunOptions:
        """How the run was to be done."""
        return self.accepted.options

    @property
    def model(self) -> str:
        """The models the run was to try, in order."""
        started = self.state.started
        return started.model if started else ""

    @property
    def inputs(self) -> Mapping[str, bytes]:
        """What the files hold that the run was given, by path."""
        return {p: self.files[p] for p in self.accepted.files if p in self.files}


def dump_recording(recording: Recording) -> Iterator[str]:
    """Yield the lines of a recording's file."""
    state = recording.state
    yield _line(
        {
            "format": _FORMAT,
            "version": _VERSION,
            "core": recording.core,
            "run_id": recording.run_id,
            "objective": recording.objective,
            "workflow": recording.workflow.name,
            "status": state.status,
            "model": recording.model,
            **{name: len(getattr(recording, name)) for name in _COUNTED},
        }
    )
    for event in recording.events:
        yield _line({"event": event_document(event)})
    for key, request in recording.requests.items():
        yield _line({"request": key, "asks": dump(request)})
    for key, info in recording.models.items():
        yield _line({"model": key, "info": dump(info)})
    for path, content in recording.files.items():
        yield _line({"file": path, **_content(content)})


def _line(document: JsonObject) -> str:
    return json.dumps(document, ensure_ascii=False) + "\n"


def _content(content: bytes) -> JsonObject:
    try:
        return {"text": content.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}


def load_recording(path: str | Path, *, live: bool = False) -> Recording:
    """Return the recording that a file holds.

    Args:
        path: A file that ``zg runs export`` wrote.
        live: As in `Recording`.

    Raises:
        InputError: If it cannot be read, or is no recording as it was written.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}",
            "name a file that `zg runs export` wrote",
            file=str(path),
        ) from error
    return replace(read_recording(content, str(path)), live=live)


def read_recording(content: bytes, name: str) -> Recording:
    """Return the recording that the content of a file is.

    Nobody has to trust it: whatever does not fit refuses all of it.

    Args:
        content: What the file holds.
        name: The file's name, for errors.

    Raises:
        InputError: If it is no recording as it was written; names the line.
    """
    if len(content) > _LARGEST:
        raise InputError(
            f"{name} is larger than {_LARGEST:,} bytes",
            "record a smaller run",
            file=name,
        )
    reader = _Reader()
    try:
        for line in content.splitlines():
            reader.take(line)
        return reader.recording()
    except (ValueError, KeyError, TypeError, RecursionError, ZeroGravityError) as error:
        raise InputError(
            f"{name} is no recording that can be used: line {reader.number}: "
            f"{_reason(error)}",
            _ANEW,
            file=name,
            line=reader.number,
        ) from error


def _parsed(line: bytes) -> JsonObject:
    try:
        document: Json = json.loads(line)
    except ValueError as error:
        raise ValueError("it is not JSON") from error
    if not isinstance(document, dict):
        raise ValueError("it is no JSON object")
    return document


def _reason(error: Exception) -> str:
    match error:
        case ZeroGravityError():
            return error.cause
        case KeyError():
            return f"it has no {error.args[0]!r}"
        case RecursionError():
            return "it is nested too deep"
    return str(error).partition("\n")[0]


class _Reader:
    """Puts a recording together, line by line."""

    def __init__(self) -> None:
        self.number = 0
        self._header: JsonObject | None = None
        self._events: list[Event] = []
        self._requests: dict[str, Request] = {}
        self._models: dict[str, ModelInfo] = {}
        self._files: dict[str, bytes] = {}

    def take(self, text: bytes) -> None:
        """Take one line in."""
        self.number += 1
        line = _parsed(text)
        if self._header is None:
            self._header = _header(line)
        elif "event" in line:
            self._take_event(line["event"])
        elif "request" in line:
            _add(self._requests, line["request"], _record(Request, line["asks"]))
        elif "model" in line:
            _add(self._models, line["model"], _record(ModelInfo, line["info"]))
        elif "file" in line:
            _add(self._files, line["file"], _file(line))
        else:
            raise ValueError("it is neither an event nor a request, model or file")

    def _take_event(self, document: Json) -> None:
        event = decode_event(json.dumps(document))
        known = self._events[0] if self._events else event
        if event.seq != len(self._events) + 1 or event.run_id != known.run_id:
            raise ValueError("the event is not the next one of this run")
        encode_event(event)
        self._events.append(event)
        if event is known:
            fold([event])

    def recording(self) -> Recording:
        """Return it all, once there are no more lines."""
        if self._header is None:
            raise ValueError("it is empty")
        found = Recording(
            events=tuple(self._events),
            requests=self._requests,
            models=self._models,
            files=self._files,
            core=str(self._header.get("core", "")),
        )
        for name in _COUNTED:
            count = len(getattr(found, name))
            if self._header.get(name) != count:
                raise ValueError(
                    f"the file ends with {count} {name} "
                    f"of {self._header.get(name)!r:.20}"
                )
        state = found.state
        known = {*state.artifacts, *state.accepted.files}
        for path in self._files:
            if path not in known:
                raise ValueError(f"{path!r} is no file of this run")
        return found


def _header(line: JsonObject) -> JsonObject:
    if line.get("format") != _FORMAT:
        raise ValueError("it does not begin a recorded run")
    if line.get("version") != _VERSION:
        raise ValueError(
            f"it is of version {line.get('version')!r:.20}, and this reads {_VERSION}"
        )
    return line


def _record(kind: type[Any], document: Json) -> Any:
    try:
        return load(kind, document)
    except ValueError as error:
        raise ValueError(f"it holds no {kind.__name__}") from error


def _add(found: dict[str, Any], key: object, value: object) -> None:
    if not isinstance(key, str) or key in found:
        raise ValueError(f"{key!r:.200} is there twice, or has no name")
    found[key] = value


def _file(line: JsonObject) -> bytes:
    """Return what the file of a line holds."""
    path = line["file"]
    if not isinstance(path, str):
        raise ValueError("the file has no name")
    if problem := objection(path):
        raise ValueError(f"the file {path!r:.200} {problem}")
    text = line.get("text")
    if isinstance(text, str):
        content = text.encode()
    else:
        content = base64.b64decode(line["base64"], validate=True)
    if len(content) > MAX_BYTES:
        raise ValueError(f"{path!r} is larger than {MAX_BYTES:,} bytes")
    return content
