"""What a client asks about what was spent, and what may be."""

from __future__ import annotations

from datetime import date

from ._jobs import JobCalls
from .limits import Limits, UsageBy

__all__ = ["SpendingCalls"]


class SpendingCalls(JobCalls):
    """Usage and limits; what one job spent is `usage`."""

    async def usage_by(
        self,
        group: str = "day",
        *,
        since: date | None = None,
        until: date | None = None,
    ) -> UsageBy:
        """Return what the tenant spent.

        Args:
            group: By what it is told: ``day``, ``user``, ``agent`` or ``model``.
            since: The first day, of UTC; by default 29 days before the last.
            until: The last day; by default today.

        Raises:
            ValidationError: If there are no such days.
        """
        days = {
            "from": since and f"{since:%Y-%m-%d}",
            "to": until and f"{until:%Y-%m-%d}",
        }
        return UsageBy.of(await self._get("usage", group_by=group, **days))

    async def limits(self) -> Limits:
        """Return all limits that concern who asks, and what is left of them."""
        return Limits.of(await self._get("limits"))
