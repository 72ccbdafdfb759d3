"""``zg users``: who may use the service, from the machine that it runs on."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING

import click

from zg_core import current_invocation, json_option

from ._opening import Office, database_option, in_office, tenant_option

if TYPE_CHECKING:
    from ..identity import Ticket, User

__all__ = ["users"]

_PAGE = 100
_RESET = "POST /api/v1/auth/password/reset"


@click.group(epilog="Example: zg users add ada@example.com --role member")
def users() -> None:
    """Add, list, disable and invite the users of the service.

    The service need not run, and sees what is changed at once; it has to have been
    started once.
    """


@users.command("add", epilog="Example: zg users add ada@example.com --role member")
@click.argument("email")
@click.option(
    "--role",
    "roles",
    multiple=True,
    default=("member",),
    show_default=True,
    help="viewer, member, operator, admin, owner or service; may be repeated.",
)
@click.option("--name", default="", help="What they are called.")
@click.option(
    "--password-stdin",
    is_flag=True,
    help="Read their password from standard input, instead of inviting them.",
)
@tenant_option
@database_option
@json_option
def add(
    email: str,
    roles: tuple[str, ...],
    name: str,
    password_stdin: bool,
    tenant: str | None,
    database: str | None,
) -> None:
    """Make a user, who sets a password with the ticket that is printed."""
    password = None
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")

    async def work(office: Office) -> tuple[User, Ticket | None]:
        made = await office.users.create(
            office.by, email, roles, name=name, password=password
        )
        if password is not None or "service" in roles:
            return made, None
        return made, await office.users.invite(office.by, made.id)

    made, ticket = in_office(work, database=database, tenant=tenant)
    output = current_invocation().output
    output.document(_document(made) | _ticket(ticket))
    output.say(f"made {made.email} ({', '.join(made.roles)}), {made.id}")
    _say_ticket(ticket)


@users.command("list", epilog="Example: zg users list --json")
@tenant_option
@database_option
@json_option
def list_(tenant: str | None, database: str | None) -> None:
    """List the users."""

    async def work(office: Office) -> list[User]:
        found: list[User] = []
        while True:
            after = found[-1].id if found else None
            page = await office.users.list(limit=_PAGE, after=after)
            found += page
            if len(page) < _PAGE:
                return found

    found = in_office(work, database=database, tenant=tenant)
    output = current_invocation().output
    output.document({"schema": 1, "users": [_document(user) for user in found]})
    output.table(
        ["EMAIL", "NAME", "ROLES", "PASSWORD", "DISABLED", "ID"],
        [
            (
                user.email,
                user.name,
                user.roles,
                user.has_password,
                user.disabled_at is not None,
                user.id,
            )
            for user in found
        ],
    )


@users.command("disable", epilog="Example: zg users disable ada@example.com")
@click.argument("email")
@tenant_option
@database_option
@json_option
def disable(email: str, tenant: str | None, database: str | None) -> None:
    """Let a user do nothing any more: sessions end, and keys work no longer."""

    async def work(office: Office) -> User:
        user = await office.user(email)
        return await office.users.disable(office.by, user.id)

    changed = in_office(work, database=database, tenant=tenant)
    current_invocation().output.document(_document(changed))
    current_invocation().output.say(f"disabled {changed.email}")


@users.command("enable", epilog="Example: zg users enable ada@example.com")
@click.argument("email")
@tenant_option
@database_option
@json_option
def enable(email: str, tenant: str | None, database: str | None) -> None:
    """Let a user do again what their roles allow."""

    async def work(office: Office) -> User:
        user = await office.user(email)
        return await office.users.enable(office.by, user.id)

    changed = in_office(work, database=database, tenant=tenant)
    current_invocation().output.document(_document(changed))
    current_invocation().output.say(f"enabled {changed.email}")


@users.command("invite", epilog="Example: zg users invite ada@example.com")
@click.argument("email")
@tenant_option
@database_option
@json_option
def invite(email: str, tenant: str | None, database: str | None) -> None:
    """Print a ticket by which a user sets a password, the first or a new one."""

    async def work(office: Office) -> tuple[User, Ticket]:
        user = await office.user(email)
        return user, await office.users.invite(office.by, user.id)

    user, ticket = in_office(work, database=database, tenant=tenant)
    current_invocation().output.document(_document(user) | _ticket(ticket))
    _say_ticket(ticket)


def _say_ticket(ticket: Ticket | None) -> None:
    if ticket is None:
        return
    output = current_invocation().output
    output.say(f"shown this once, and good until {_time(ticket.expires_at)},")
    output.say(f"the ticket: {ticket.secret}")
    output.say(f'they set their password with {_RESET} {{"ticket", "password"}}')


def _ticket(ticket: Ticket | None) -> dict[str, object]:
    if ticket is None:
        return {}
    return {"ticket": ticket.secret, "ticket_expires_at": _time(ticket.expires_at)}


def _document(user: User) -> dict[str, object]:
    return {
        "user_id": user.id,
        "email": user.email,
        "name": user.name,
        "roles": list(user.roles),
        "has_password": user.has_password,
        "created_at": _time(user.created_at),
        "disabled_at": user.disabled_at and _time(user.disabled_at),
    }


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
