"""Whose job is next: the rule alone, without a database and without a clock.

Between tenants it is smooth weighted round-robin: whoever waits gains its weight each
turn, the one with the most is served, and pays what all have gained. Nobody is ever a
whole turn ahead of its share. Within a tenant it is priority, and what waits long
counts as of the next priority, so that it comes to be the oldest of the highest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime, timedelta

__all__ = ["RANKS", "Turns", "Waiting", "in_order"]

RANKS = {"high": 0, "normal": 1, "low": 2}
"""The priorities, the most urgent first."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that waits.

    Attributes:
        id: The job.
        tenant: Whose it is.
        priority: Its priority.
        since: Since when it could be done.
    """

    id: str
    tenant: str
    priority: str
    since: datetime


def in_order(
    waiting: Iterable[Waiting], now: datetime, ageing: timedelta
) -> list[Waiting]:
    """Return the jobs of one tenant, the next one first.

    Args:
        waiting: The jobs.
        now: The time.
        ageing: After how long each counts as of the next priority.
    """

    def place(job: Waiting) -> tuple[int, datetime, str]:
        aged = max((now - job.since) // ageing, 0)
        return max(RANKS[job.priority] - aged, 0), job.since, job.id

    return sorted(waiting, key=place)


class Turns:
    """Whose turn it is, remembered from one choice to the next.

    Args:
        weights: How much more than others a tenant gets; 1 where nothing is said.
        at_once: How many jobs of one tenant may run at once.
        credit: What each has saved up, or owes, from before.

    Attributes:
        credit: The same, as it is now.
    """

    def __init__(
        self,
        weights: Mapping[str, int],
        at_once: int,
        credit: Mapping[str, int] | None = None,
    ) -> None:
        self._weights = weights
        self._at_once = at_once
        self.credit: dict[str, int] = {**(credit or {})}

    def choose(
        self,
        ordered: Mapping[str, list[Waiting]],
        running: Mapping[str, int],
        free: int,
    ) -> list[Waiting]:
        """Return the jobs that are begun now, in this order.

        Args:
            ordered: The jobs of each tenant, in order.
            running: How many jobs of each tenant run.
            free: How many jobs may be begun.
        """
        left = {
            tenant: jobs[: max(self._at_once - running.get(tenant, 0), 0)]
            for tenant, jobs in ordered.items()
        }
        self._forget(ordered)
        chosen: list[Waiting] = []
        while len(chosen) < free:
            open_to = [tenant for tenant in sorted(left) if left[tenant]]
            if not open_to:
                break
            chosen.append(left[self._next(open_to, self.credit)].pop(0))
        return chosen

    def _forget(self, ordered: Mapping[str, object]) -> None:
        """Let who has nothing to be done save up nothing, and owe nothing."""
        self.credit = {t: c for t, c in self.credit.items() if t in ordered}

    def _next(self, tenants: list[str], credit: MutableMapping[str, int]) -> str:
        weights = {tenant: max(self._weights.get(tenant, 1), 1) for tenant in tenants}
        for tenant, weight in weights.items():
            credit[tenant] = credit.get(tenant, 0) + weight
        served = max(tenants, key=credit.__getitem__)
        credit[served] -= sum(weights.values())
        return served
