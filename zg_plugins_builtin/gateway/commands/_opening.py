"""Open what the commands for users and keys work on: the database of the service."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import click

import zg_core as zg
from zg_core import current_invocation

from ._extra import needing_extra

if TYPE_CHECKING:
    from ..identity import ApiKeys, Identity, Principal, User, Users
    from ..settings import GatewaySettings

__all__ = ["Office", "database_option", "in_office", "settings_of", "tenant_option"]

T = TypeVar("T")


@dataclass(frozen=True)
class Office:
    """Where somebody at the machine administers a tenant.

    Attributes:
        by: The operator.
        users: The tenant's users.
        keys: The tenant's API keys.
    """

    by: Principal
    users: Users
    keys: ApiKeys

    async def user(self, email: str) -> User:
        """Return the user of an address.

        Raises:
            UnknownNameError: If there is none.
        """
        from ..errors import NotFoundError

        try:
            return await self.users.find(email)
        except NotFoundError as error:
            raise zg.UnknownNameError(
                f"there is no user {email!r}", "zg users list"
            ) from error


def database_option(command: Any) -> Any:
    """Let a command be told the database."""
    return click.option(
        "--database",
        metavar="URL",
        help="The service's database: postgresql://user@host/name, or a file. "
        "By default what the configuration says, and else one file.",
    )(command)


def tenant_option(command: Any) -> Any:
    """Let a command be told whose users it is about."""
    return click.option(
        "--tenant",
        metavar="NAME",
        help="Whose users they are; by default of who runs the service.",
    )(command)


def settings_of(*, configured: bool = True, **told: Any) -> GatewaySettings:
    """Return what the configuration says of the service.

    Args:
        configured: Whether it is looked at, at all.
        **told: What goes before it, where it is not `None`.

    Raises:
        ConfigError: If something in it cannot be so.
    """
    invocation = current_invocation()
    sections = invocation.config().plugins_config if configured else {}
    values = sections.get("builtin", {})
    section = zg.Settings("builtin", values, on_secret=invocation.secrets.add)
    with needing_extra():
        from ..settings import read_settings
    return read_settings(section.section("gateway"), zg.data_dir() / "gateway", **told)


def in_office(
    work: Callable[[Office], Awaitable[T]], *, database: str | None, tenant: str | None
) -> T:
    """Return what some work on the service's database returns.

    Args:
        work: The work.
        database: The database, if it is not the configured one.
        tenant: The tenant's name; `None` is that of who runs the service.

    Raises:
        ConfigError: If the database cannot be had, or no service ever used it.
        UnknownNameError: If there is no such tenant.
    """
    settings = settings_of(database=database)

    async def main() -> T:
        async with _opened(settings) as identity:
            return await work(await _office(identity, tenant))

    return anyio.run(main)


@asynccontextmanager
async def _opened(settings: GatewaySettings) -> AsyncGenerator[Identity, None]:
    with needing_extra():
        from ..database import Database
        from ..identity import Identity
    place = settings.database_url
    if isinstance(place, Path) and not place.exists():
        raise _no_service()
    database = await Database.open(place)
    try:
        identity = await Identity.open(
            database,
            settings.folder,
            issuer=settings.address,
            audience=settings.address,
        )
        try:
            yield identity
        finally:
            identity.close()
    finally:
        await database.close()


async def _office(identity: Identity, name: str | None) -> Office:
    from ..errors import NotFoundError
    from ..identity import Principal
    from ..identity.identity import HOST

    try:
        found = await identity.tenants.find(Principal.operator(""), name or HOST)
    except NotFoundError as error:
        if name is None:
            raise _no_service() from error
        raise zg.UnknownNameError(
            f"there is no tenant {name!r}", "GET /api/v1/admin/tenants lists them"
        ) from error
    by = Principal.operator(found.id)
    return Office(by, identity.users(found.id), identity.api_keys(found.id))


def _no_service() -> zg.ConfigError:
    return zg.ConfigError(
        "no service has used that database yet", "start it once: zg serve"
    )
