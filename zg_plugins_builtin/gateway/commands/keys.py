"""``zg keys``: the API keys of the service, from the machine that it runs on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

import zg_core as zg
from zg_core import current_invocation, json_option

from ._opening import Office, database_option, in_office, tenant_option

if TYPE_CHECKING:
    from ..identity import ApiKey, NewApiKey

__all__ = ["keys"]

_PAGE = 100
_USUAL = ("jobs:read", "jobs:write", "agents:read", "usage:read")


@click.group(epilog="Example: zg keys create ci --user ada@example.com")
def keys() -> None:
    """Create, list and revoke the API keys of the service's users.

    The service need not run, and sees what is changed within seconds.
    """


@keys.command("create", epilog="Example: zg keys create ci --user ada@example.com")
@click.argument("name")
@click.option("--user", required=True, metavar="EMAIL", help="Whose key it is.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    default=_USUAL,
    show_default=True,
    help="What it may do, as long as its user may; may be repeated.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    default=90,
    show_default=True,
    help="How long it is good for.",
)
@click.option(
    "--cidr", "cidrs", multiple=True, help="A network that it works from, alone."
)
@tenant_option
@database_option
@json_option
def create(
    name: str,
    user: str,
    scopes: tuple[str, ...],
    days: int,
    cidrs: tuple[str, ...],
    tenant: str | None,
    database: str | None,
) -> None:
    """Make a key, and print it; it is shown this once."""

    async def work(office: Office) -> NewApiKey:
        owner = await office.user(user)
        return await office.keys.create(
            office.by,
            name,
            scopes,
            expires_at=datetime.now(UTC) + timedelta(days=days),
            cidrs=cidrs,
            owner=owner.id,
        )

    made = in_office(work, database=database, tenant=tenant)
    output = current_invocation().output
    output.document(_document(made.key) | {"key": made.secret})
    output.say(f"made {made.key.id}, for {', '.join(sorted(made.key.scopes))}")
    output.say(f"shown this once, the key: {made.secret}")


@keys.command("list", epilog="Example: zg keys list --user ada@example.com")
@click.option("--user", metavar="EMAIL", help="Only the keys of this user.")
@tenant_option
@database_option
@json_option
def list_(user: str | None, tenant: str | None, database: str | None) -> None:
    """List keys; void ones too."""

    async def work(office: Office) -> list[ApiKey]:
        owner = None if user is None else (await office.user(user)).id
        found: list[ApiKey] = []
        while True:
            after = found[-1].id if found else None
            page = await office.keys.list(owner, limit=_PAGE, after=after)
            found += page
            if len(page) < _PAGE:
                return found

    found = in_office(work, database=database, tenant=tenant)
    output = current_invocation().output
    output.document({"schema": 1, "keys": [_document(key) for key in found]})
    output.table(
        ["ID", "NAME", "BEGINS", "SCOPES", "EXPIRES", "LAST USED", "REVOKED"],
        [
            (
                key.id,
                key.name,
                key.hint,
                sorted(key.scopes),
                _time(key.expires_at),
                _time(key.last_used_at),
                _time(key.revoked_at),
            )
            for key in found
        ],
    )


@keys.command("revoke", epilog="Example: zg keys revoke key_0190…")
@click.argument("key_id")
@tenant_option
@database_option
@json_option
def revoke(key_id: str, tenant: str | None, database: str | None) -> None:
    """Make a key void; the service lets nobody in with it within seconds."""

    async def work(office: Office) -> ApiKey:
        from ..errors import NotFoundError

        try:
            await office.keys.revoke(office.by, key_id)
            return await office.keys.get(office.by, key_id)
        except NotFoundError as error:
            raise zg.UnknownNameError(
                f"there is no key {key_id!r}", "zg keys list"
            ) from error

    revoked = in_office(work, database=database, tenant=tenant)
    current_invocation().output.document(_document(revoked))
    current_invocation().output.say(f"revoked {revoked.id}")


def _document(key: ApiKey) -> dict[str, object]:
    return {
        "key_id": key.id,
        "user_id": key.user_id,
        "name": key.name,
        "hint": key.hint,
        "scopes": sorted(key.scopes),
        "cidrs": list(key.cidrs),
        "created_at": _time(key.created_at),
        "expires_at": _time(key.expires_at),
        "last_used_at": _time(key.last_used_at),
        "revoked_at": _time(key.revoked_at),
    }


def _time(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
