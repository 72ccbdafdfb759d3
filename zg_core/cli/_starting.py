"""Start a run: find its model, accept it, and do it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from zg_core._choice import choose_model, parse_chain, resolve_model
from zg_core.config import Config
from zg_core.engine import Engine
from zg_core.errors import ConfigError, InputError
from zg_core.providers import Preparing
from zg_core.running.accepting import check_objective, named_workflow
from zg_core.workflows import RunOptions

from ._doing import do
from ._invocation import Invocation
from ._output import Output
from ._retention import forget_older
from ._runs import whole_id
from ._wanted import Wanted

__all__ = ["choose", "read_files", "read_objective", "settled", "start"]

_STDIN = "-"
_MOST = 1_000_000  # bytes of an objective; what is longer is refused for its length


async def start(
    invocation: Invocation,
    objective: str,
    wanted: Wanted,
    *,
    files: Mapping[str, bytes],
    follows: str | None = None,
) -> int:
    """Accept a run, do it, and return the exit code.

    Args:
        invocation: The call of ``zg``.
        objective: What is to be made.
        wanted: How.
        files: Files the agents may read, by name.
        follows: A run whose results this one goes on from, by part of its id.
    """
    output = invocation.output
    config = settled(invocation, wanted)
    async with invocation.engine(config) as engine:
        if follows is not None:
            follows = await whole_id(engine, follows)
        options = wanted.run_options(follows=follows)
        check_objective(objective)
        model, _ = choose(engine, options)
        await _prepare(engine, model, output, download=wanted.download)
        if config.retention_days:
            await forget_older(engine, timedelta(days=config.retention_days))
        run_id = await engine.accept(
            config.workflow, objective, options=options, files=files
        )
        deltas = output.terminal if wanted.stream is None else wanted.stream
        return await do(engine, run_id, output, deltas=deltas)


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


def choose(engine: Engine, options: RunOptions) -> tuple[str, str]:
    """Return the models a run will try, and why these; what the engine will find too.

    Raises:
        ConfigError: If there is none, and an agent takes part that cannot do without.
            Those that are built in cannot; what others need only they know.
    """
    host = engine.host
    steps = named_workflow(engine.config.workflow, host).steps
    agents = options.agents or tuple(s.agent for s in steps if not s.model)
    need_one = any(host.find("agent", agent).builtin for agent in agents)
    try:
        return choose_model(engine.config, host, options.model)
    except ConfigError as error:
        if need_one:
            raise
        return "", error.cause


async def _prepare(
    engine: Engine, chain: str, output: Output, *, download: bool
) -> None:
    """Have the first model of a chain ready, if its provider has to do something."""
    for link in parse_chain(chain, engine.host)[:1] if chain else ():
        offer, model = resolve_model(link, engine.host)
        provider = engine.host.make(offer)
        if isinstance(provider, Preparing):
            await provider.prepare(model, output, download=download)


def read_objective(text: str) -> str:
    """Return the objective; ``-`` means all of standard input.

    Raises:
        InputError: If standard input is not text.
    """
    if text != _STDIN:
        return text
    content = sys.stdin.buffer.read(_MOST)
    # What is too long may end within a character, and is refused for its length.
    errors = "ignore" if len(content) == _MOST else "strict"
    try:
        return content.decode(errors=errors).removesuffix("\n")
    except UnicodeDecodeError as error:
        raise InputError(
            "the objective on standard input is not UTF-8",
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
            if path == _STDIN:
                files[name] = sys.stdin.buffer.read()
            else:
                files[name] = Path(path).read_bytes()
        except OSError as error:
            raise InputError(
                f"{path} cannot be read: {error.strerror}",
                "give files that exist and can be read",
                file=path,
            ) from error
    return files
