"""What one model call may take."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .._prices import Most

__all__ = ["Want"]

_FREE = Most()


@dataclass(frozen=True, slots=True)
class Want:
    """What one call may take.

    Attributes:
        reads: The most tokens it reads.
        writes: The most tokens it writes.
        least: The fewest tokens of output that are of any use.
        most: What it may cost; nothing, if its price is not known.
    """

    reads: int
    writes: int
    least: int
    most: Most = _FREE

    @property
    def tokens(self) -> int:
        """The most tokens, in and out."""
        return self.reads + self.writes

    @property
    def nanos(self) -> int:
        """The most it may cost, in billionths of a US dollar."""
        return self.most.nanos(self.writes)

    def within(self, tokens: int, nanos: int) -> Want:
        """Return the same, its output cut to what is left, or to the least."""
        writes = min(self.writes, tokens - self.reads)
        if self.most.nanos(writes) > nanos:
            writes = self.most.tokens(nanos)
        if writes == self.writes:
            return self
        return replace(self, writes=max(writes, self.least))
