"""Open what the commands ask: the server that the command line names."""

from __future__ import annotations

import os
import shlex
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

import zg_core as zg
from zg_core import current_invocation

if TYPE_CHECKING:
    from ..asynchronous import AsyncClient, AsyncJob

__all__ = ["KEY", "called", "here_only", "job_called", "job_id_of", "opened"]

_Command = TypeVar("_Command", bound=Callable[..., Any])
KEY = "ZEROGRAVITY_API_KEY"
_WHOLE = 36
"""Characters of a job's id."""


@asynccontextmanager
async def opened() -> AsyncGenerator[AsyncClient, None]:
    """Yield a client of the server.

    Raises:
        ConfigError: If none is named, or there is no key for it.
    """
    server = current_invocation().server
    if server is None:
        raise zg.ConfigError(
            "this is done by a server, and none is named",
            "zg --server https://zg.example.com …, or set ZEROGRAVITY_SERVER",
        )
    key = os.environ.get(KEY)
    if not key:
        raise zg.ConfigError(
            f"there is no key for the server {server!r}",
            f"set {KEY} to an API key of it",
        )
    try:
        from ..asynchronous import AsyncClient
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("httpx2", "tenacity"):
            raise
        raise zg.ConfigError(
            f"the client needs a package that is not installed: {error.name}",
            "pip install 'zerogravity[client]'",
        ) from error
    async with AsyncClient(server, key) as client:
        yield client


def called(command: str) -> str:
    """Return how a command is called for the same server, as this one was."""
    named = current_invocation().overrides.get("server")
    where = f"--server {shlex.quote(str(named))} " if named is not None else ""
    return f"zg {where}{command}"


async def job_called(client: AsyncClient, name: str) -> AsyncJob:
    """Return the job that is meant: ``last``, or how its id begins.

    Raises:
        RunNotFoundError: If there is none.
        InputError: If there are several.
    """
    from ..errors import NotFoundError

    if name.startswith("job_") and len(name) == _WHOLE:
        try:
            return await client.job(name)
        except NotFoundError as error:
            raise _unknown(name) from error
    found = []
    async for job in client.jobs(limit=1 if name == "last" else None):
        if name == "last":
            return job
        if name and job.job_id.startswith((name, f"job_{name}")):
            found.append(job)
    if not found:
        raise _unknown(name)
    if len(found) > 1:
        raise zg.InputError(
            f"the ids of {len(found)} runs begin with {name!r}",
            f"write more of the id; `{called('runs')}` lists them",
        )
    return found[0]


async def job_id_of(client: AsyncClient, name: str) -> str:
    """Return the id of the job that is meant, as `job_called` finds it."""
    return (await job_called(client, name)).job_id


def _unknown(name: str) -> zg.RunNotFoundError:
    if name == "last":
        return zg.RunNotFoundError(
            "there is no run on the server yet", f'begin one: {called("run")} "…"'
        )
    return zg.RunNotFoundError(
        f"there is no run {name!r} on the server", f"`{called('runs')}` lists them"
    )


def here_only(
    name: str, *, why: str, flag: bool = False
) -> Callable[[_Command], _Command]:
    """Let a command refuse an option that only makes sense on this machine.

    Args:
        name: The option.
        why: Why it is not for a server, as a sentence.
        flag: Whether it takes no value.
    """

    def refuse(_: click.Context, __: click.Parameter, given: Any) -> None:
        if given:
            raise click.UsageError(
                f"{name} cannot be given to a server: {why}; for this machine: "
                "zg --server none"
            )

    return click.option(
        name,
        is_flag=flag,
        multiple=not flag,
        hidden=True,
        expose_value=False,
        callback=refuse,
    )
