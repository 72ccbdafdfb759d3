"""What is known of an account, for whoever decides something about it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Connection, RowMapping, select

from ..errors import ForbiddenError
from .principals import Principal
from .scopes import scopes_of
from .tables import tenants, users

__all__ = ["Account", "check_over", "find_account"]

COLUMNS = (
    users.c.id,
    users.c.tenant_id,
    users.c.email,
    users.c.name,
    users.c.roles,
    users.c.password_hash,
    users.c.disabled_at.label("user_disabled_at"),
    tenants.c.disabled_at.label("tenant_disabled_at"),
    tenants.c.is_host,
)
"""The columns that `Account.of` takes, from users joined with their tenants."""


@dataclass(frozen=True, slots=True, repr=False)
class Account:
    """A user as they are now.

    Args:
        user_id: Their id.
        tenant_id: Their tenant's.
        email: Their address.
        name: Their name.
        roles: Their roles.
        password_hash: The hash of their password, if they have one.
        active: Whether neither they nor their tenant are disabled.
        host: Whether they belong to the tenant of who runs the service.
    """

    user_id: str
    tenant_id: str
    email: str
    name: str
    roles: tuple[str, ...]
    password_hash: str | None
    active: bool
    host: bool

    def __repr__(self) -> str:
        return f"Account({self.user_id!r})"

    @classmethod
    def of(cls, found: RowMapping) -> Account:
        """Return the account of a row of `COLUMNS`, whatever else it holds."""
        return cls(
            user_id=found["id"],
            tenant_id=found["tenant_id"],
            email=found["email"],
            name=found["name"],
            roles=tuple(found["roles"].split()),
            password_hash=found["password_hash"],
            active=not (found["user_disabled_at"] or found["tenant_disabled_at"]),
            host=found["is_host"],
        )

    @property
    def scopes(self) -> frozenset[str]:
        """What they may do."""
        return scopes_of(self.roles, host=self.host)

    def check_below(self, by: Principal) -> None:
        """Go on only if they may do no more than whoever wants to change them.

        Raises:
            ForbiddenError: If they may do more.
        """
        if not self.scopes <= by.scopes:
            raise ForbiddenError(
                "nobody gives, or takes, more than they may do themselves"
            )


def find_account(connection: Connection, which: ColumnElement[bool]) -> Account | None:
    """Return the one account that a condition is true of."""
    query = select(*COLUMNS).join(tenants, tenants.c.id == users.c.tenant_id)
    found = connection.execute(query.where(which)).mappings().one_or_none()
    return None if found is None else Account.of(found)


def check_over(connection: Connection, by: Principal, user_id: str) -> None:
    """Go on only if a user may do no more than whoever takes something from them.

    Of a key it is what its owner may do that counts: one that was given
    ``admin:limits`` alone sets the budgets that its owner may set.

    Args:
        connection: The transaction.
        by: Who does it; from oneself everybody takes what they like.
        user_id: The user.

    Raises:
        ForbiddenError: If they may do more.
    """
    account = None if user_id == by.sub else find_account(connection, _id_is(user_id))
    if account is None:
        return
    holder = find_account(connection, _id_is(by.sub))
    may = by.scopes | (holder.scopes if holder else frozenset())
    account.check_below(replace(by, scopes=may))


def _id_is(user_id: str) -> ColumnElement[bool]:
    return users.c.id == user_id
