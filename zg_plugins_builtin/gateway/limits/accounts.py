"""Whose money it is, and for how long: the accounts that a call counts in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeAlias, get_args

from sqlalchemy import Connection

from ..identity import Principal
from ..identity.api_keys import first_of

__all__ = ["PERIODS", "SCOPES", "Account", "Payer", "Period", "Scope", "paying"]

Scope: TypeAlias = Literal["tenant", "user", "key"]
Period: TypeAlias = Literal["day", "month"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
PERIODS: tuple[Period, ...] = get_args(Period)


@dataclass(frozen=True, slots=True)
class Account:
    """What somebody may spend in a day or a month.

    Args:
        tenant: The tenant.
        scope: What kind of account it is.
        id: Whose: of the tenant, the user or the key.
        period: ``day`` or ``month``, of UTC.
    """

    tenant: str
    scope: Scope
    id: str
    period: Period

    def starts(self, now: datetime) -> datetime:
        """Return when the day or the month began."""
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return today if self.period == "day" else today.replace(day=1)

    def ends(self, now: datetime) -> datetime:
        """Return when the next one begins, and all may be spent anew."""
        begun = self.starts(now).timestamp()
        length = 1 if self.period == "day" else 31
        later = datetime.fromtimestamp(begun + length * 24 * 3600, now.tzinfo)
        return self.starts(later)

    @property
    def whose(self) -> str:
        """Whose it is, for people."""
        return f"the {self.scope}'s {self.period}"


@dataclass(frozen=True, slots=True)
class Payer:
    """For whom something is done.

    Args:
        tenant: The tenant.
        user: The user.
        key: The API key; empty if they were there themselves.
    """

    tenant: str
    user: str
    key: str = ""

    @classmethod
    def of(cls, who: Principal) -> Payer:
        """Return somebody who asks as who pays for it."""
        return cls(who.tid, who.sub, who.key_id or "")

    @property
    def accounts(self) -> Iterator[Account]:
        """The accounts it counts in: always in one order, so that no two block."""
        ids: dict[Scope, str] = {
            "tenant": self.tenant,
            "user": self.user,
            "key": self.key,
        }
        for scope, whose in ids.items():
            for period in PERIODS:
                if whose:
                    yield Account(self.tenant, scope, whose, period)


def paying(connection: Connection, payer: Payer) -> Payer:
    """Return who pays in the end: of keys that were rotated, the first."""
    if not payer.key:
        return payer
    return replace(payer, key=first_of(connection, payer.key))
