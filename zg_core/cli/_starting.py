"""Start a run: find its model, accept it, and do it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import cast

from zg_core._choice import choose_model, parse_chain, resolve_model
from zg_core._objectives import too_long
from zg_core._workspace import MAX_BYTES, objection
from zg_core.config import Config, named_by, user_file
from zg_core.engine import Engine
from zg_core.errors import ConfigError, InputError, ProviderError
from zg_core.exporters import Scrapable
from zg_core.providers import Preparing
from zg_core.recordings import Recording
from zg_core.running.accepting import check_objective
from zg_core.specs import AgentSpec
from zg_core.workflows import RunOptions, Workflow

from ._doing import do
from ._elsewhere import Elsewhere
from ._invocation import Invocation
from ._output import Output
from ._retention import forget_older
from ._runs import whole_id
from ._wanted import Wanted
from ._workflow_files import workflow_called

__all__ = [
    "choose",
    "configured_workflow",
    "prepare",
    "read_files",
    "read_objective",
    "settled",
    "start",
]

_METRICS = "builtin:prometheus"
_STDIN = "-"
_MOST = 1_000_000  # bytes of an objective; what is longer is refused for its length


async def start(
    invocation: Invocation,
    objective: str,
    wanted: Wanted,
    *,
    files: Mapping[str, bytes],
    follows: str | None = None,
    replay: Recording | None = None,
) -> int:
    """Accept a run, do it, and return the exit code.

    Args:
        invocation: The call of ``zg``.
        objective: What is to be made.
        wanted: How.
        files: Files the agents may read, by name.
        follows: A run whose results this one goes on from, by part of its id.
        replay: A recorded run whose answers this one is given; its workflow is done
            and its models are named where the command line names none.
    """
    output = invocation.output
    config = settled(invocation, wanted)
    async with invocation.engine(config) as engine:
        if follows is not None:
            follows = await whole_id(engine, follows)
        options = wanted.run_options(follows=follows)
        check_objective(objective)
        elsewhere = (
            Elsewhere.named(wanted.runtime, invocation, engine)
            if wanted.runtime
            else None
        )
        if wanted.metrics_port is not None:
            _serve_metrics(engine, wanted.metrics_port, output)
        if replay is None or wanted.workflow or wanted.agent:
            workflow = configured_workflow(engine)
        else:
            workflow = replay.workflow
        if replay is None:
            model, _ = choose(engine, options, workflow)
        else:
            model = _needed(replay, options)
        await prepare(engine, model, output, download=wanted.download)
        if wanted.out and _holds_something(Path(wanted.out)):
            output.note(f"agents may write over the files that are in {wanted.out}")
        run_id = await engine.accept(
            workflow, objective, options=options, files=files, replay=replay
        )
        if config.retention_days:
            await forget_older(engine, timedelta(days=config.retention_days))
        if elsewhere:
            return await elsewhere.submit(invocation, engine, run_id)
        deltas = output.terminal if wanted.stream is None else wanted.stream
        return await do(engine, run_id, output, deltas=deltas, replay=replay)


def _holds_something(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except (OSError, ValueError):  # it is not there, or refused in a moment
        return False


def settled(invocation: Invocation, wanted: Wanted) -> Config:
    """Return the configuration, with what the command line says."""
    config = invocation.config(wanted.overrides())
    if wanted.fallback and not wanted.model:
        chain, _ = choose_model(config, invocation.host())
        model = ", ".join((chain, *wanted.fallback))
        config = replace(
            config, model=model, origins={**config.origins, "model": "argument"}
        )
    return config


def choose(engine: Engine, options: RunOptions, workflow: Workflow) -> tuple[str, str]:
    """Return the models a run will try, and why these; what the engine will find too.

    Raises:
        ConfigError: If there is none, and an agent takes part that needs one.
    """
    host = engine.host
    steps = workflow.steps
    agents = options.agents or tuple(s.agent for s in steps if not s.model)
    specs = (host.find("agent", agent).spec for agent in agents)
    need_one = any(isinstance(spec, AgentSpec) and spec.needs_model for spec in specs)
    try:
        return choose_model(engine.config, host, options.model)
    except ConfigError as error:
        if need_one:
            raise
        return "", error.cause


def _needed(replay: Recording, options: RunOptions) -> str:
    """Return the models that a replayed run may ask; none if it asks nobody."""
    return (options.model or replay.model) if replay.live else ""


def configured_workflow(engine: Engine) -> Workflow:
    """Return the workflow that is configured, or asked for on the command line.

    Raises:
        UnknownNameError: If there is none of that name.
        InputError: If it is in a file that cannot be read, or that is wrong.
        ConfigError: If it is a variable or a file that says so.
    """
    config = engine.config
    # The current folder is a repository's, from whomever.
    folder = user_file().parent if config.is_set("workflow") else Path()
    with named_by(config, "workflow"):
        return workflow_called(config.workflow, engine.host, folder)


def _serve_metrics(engine: Engine, port: int, output: Output) -> None:
    """Let Prometheus fetch what the run does, until it is over.

    From the first exporter that is enabled and serves its numbers; else from ours.

    Raises:
        ConfigError: If the port cannot be had.
    """
    enabled = map(engine.exporter, engine.config.exporters_enabled)
    scrapable = (found for found in enabled if isinstance(found, Scrapable))
    exporter = next(scrapable, None) or cast(Scrapable, engine.exporter(_METRICS))
    address = "127.0.0.1"
    output.note(f"metrics on http://{address}:{exporter.serve(port, address)}/metrics")


async def prepare(
    engine: Engine, chain: str, output: Output, *, download: bool
) -> None:
    """Have a model of a chain ready: the first that can be had.

    Raises:
        ConfigError: If none can, with what the first lacks.
        ProviderError: As well, if the first could not be fetched.
    """
    lacking: list[ConfigError | ProviderError] = []
    for link in parse_chain(chain, engine.host) if chain else ():
        offer, model = resolve_model(link, engine.host)
        provider = engine.host.make(offer)
        try:
            if isinstance(provider, Preparing):
                await provider.prepare(model, output, download=download)
        except (ConfigError, ProviderError) as error:
            lacking.append(error)
        else:
            return
    if lacking:
        raise lacking[0]


def read_objective(text: str) -> str:
    """Return the objective; ``-`` means all of standard input.

    Raises:
        InputError: If it is not text, or far too long.
    """
    given = text == _STDIN
    try:
        if not given:
            return os.fsencode(text).decode()  # as it was typed, whatever the locale
        content = _read_stdin(_MOST)
        if len(content) == _MOST:
            raise too_long()  # how long it is nobody has read
        return content.decode().removesuffix("\n")
    except UnicodeError as error:
        raise InputError(
            f"the objective{' on standard input' if given else ''} is not UTF-8",
            "write it as UTF-8 text, and give other files with --input",
        ) from error


def read_files(paths: Sequence[str]) -> dict[str, bytes]:
    """Return files by the names agents will see; ``-`` is standard input.

    Raises:
        InputError: If one cannot be read, or two have the same name.
    """
    files: dict[str, bytes] = {}
    for path in paths:
        name = "standard-input" if path == _STDIN else Path(path).name
        if name in files:
            raise InputError(
                f"two files given with --input are called {name!r}",
                "rename one of them",
            )
        try:
            # A byte more than is allowed, for which it will be refused.
            if path == _STDIN:
                files[name] = _read_stdin(MAX_BYTES + 1)
            else:
                with Path(path).open("rb") as file:
                    files[name] = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise InputError(
                f"{path} cannot be read: {error.strerror}",
                "give files that exist and can be read",
                file=path,
            ) from error
        if problem := objection(name):
            raise InputError(
                f"the name of the file {path!r} {problem}",
                "rename it, or give it on standard input: --input -",
                file=path,
            )
    return files


def _read_stdin(most: int) -> bytes:
    if not sys.stdin:  # the process was started without one
        raise InputError(
            "standard input is closed", "pipe something into it, or name a file"
        )
    return sys.stdin.buffer.read(most)
