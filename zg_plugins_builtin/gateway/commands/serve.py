"""``zg serve``: objectives over HTTP, until somebody stops it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import click

from zg_core import current_invocation, json_option

from ._extra import needing_extra
from ._opening import database_option, settings_of
from ._workers import inherited_socket, supervise

if TYPE_CHECKING:
    import socket

    from ..identity import Credential
    from ..service import Service
    from ..settings import GatewaySettings

__all__ = ["serve"]

_LOOP: dict[str, Any] = {
    "backend_options": {"use_uvloop": sys.platform != "win32"},
}
_EPILOG = (
    "The first minute: zg serve --dev. Its settings stand in your own configuration "
    "file, in [plugins.config.builtin.gateway]."
)


@click.command(epilog=_EPILOG)
@click.option("--host", help="The address to listen on; 127.0.0.1 by default.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="The port; 8000 by default, 0 is any that is free.",
)
@click.option(
    "--dev",
    is_flag=True,
    help="Try it out: on this machine only, with a key to throw away; nothing is kept.",
)
@database_option
@click.option(
    "--no-jobs",
    "works",
    flag_value=False,
    type=bool,
    default=None,
    help="Only answer requests: zg worker does the jobs. This needs PostgreSQL.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    help="How many processes answer; more than one needs PostgreSQL.",
)
@json_option
def serve(
    host: str | None,
    port: int | None,
    dev: bool,
    database: str | None,
    works: bool | None,
    workers: int | None,
) -> None:
    """Serve objectives over HTTP.

    The first start makes the service's keys and its first administrator, whose
    credential is printed once. Ctrl-C or SIGTERM ends the service when the requests
    under way are answered, within 20 s.
    """
    if dev and database:
        raise click.UsageError("--dev has a database of its own: leave one of them out")
    told: dict[str, Any] = {"host": host, "port": port, "workers": workers}
    told["works"] = works
    if not dev:
        _serve(settings_of(database=database, **told))
        return
    with tempfile.TemporaryDirectory(prefix="zg-dev-") as folder:
        told |= {"dev": True, "folder": folder}
        _serve(settings_of(configured=False, **told))


def _serve(settings: GatewaySettings) -> None:
    with needing_extra():
        from ..service import listen
    inherited = inherited_socket()
    if inherited is not None:
        anyio.run(partial(_answer, settings, inherited, first=False), **_LOOP)
        return
    with listen(settings.host, settings.port) as listening:
        if settings.workers == 1:
            anyio.run(partial(_answer, settings, listening, first=True), **_LOOP)
        else:
            credential = anyio.run(_prepare, settings)
            _announce(settings, listening, credential)
            supervise(listening, settings.workers)


async def _answer(
    settings: GatewaySettings, listening: socket.socket, *, first: bool
) -> None:
    """Serve, in this process.

    Args:
        settings: What the operator decided.
        listening: The socket.
        first: Whether no other process has said what there is to say.
    """
    async with _opened(settings) as service:
        if first:
            credential = await service.identity.bootstrap(settings.admin_email)
            _announce(settings, listening, credential)
        await service.serve(listening)


async def _prepare(settings: GatewaySettings) -> Credential | None:
    """Make what all workers need, and return the first credential, if it is new."""
    async with _opened(settings) as service:
        return await service.identity.bootstrap(settings.admin_email)


@asynccontextmanager
async def _opened(settings: GatewaySettings) -> AsyncGenerator[Service, None]:
    from ..service import Service

    invocation = current_invocation()
    kept = {"out": str(settings.folder / "runs")} if settings.dev else {}
    own = f"sqlite:///{settings.folder / 'runs.db'}" if settings.dev else None
    journal = own or settings.journal_address
    async with (
        invocation.engine(invocation.config(kept), journal=journal) as engine,
        Service.open(settings, engine) as service,
    ):
        yield service


def _announce(
    settings: GatewaySettings,
    listening: socket.socket,
    credential: Credential | None,
) -> None:
    """Say where it is served, and the first credential if it was just made."""
    output = current_invocation().output
    address = _address(settings, listening)
    told: dict[str, object] = {"address": address, "dev": settings.dev}
    if credential is not None:
        told["credential"] = {
            "kind": credential.kind,
            "email": credential.email,
            "secret": credential.secret,
        }
    output.line(told)
    output.say(f"serving at {address}")
    if settings.dev:
        output.say("to try out, on this machine only: nothing is kept")
    if credential is not None:
        what = "password" if credential.kind == "password" else "API key"
        output.say(f"the first administrator is {credential.email}; shown this once,")
        output.say(f"the {what}: {credential.secret}")


def _address(settings: GatewaySettings, listening: socket.socket) -> str:
    if settings.public_url is not None or settings.port:
        return settings.address
    port = listening.getsockname()[1]
    return f"{settings.address.removesuffix(':0')}:{port}"
