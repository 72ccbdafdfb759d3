"""The latest lines about a job, for all who follow it: of a bounded size, and pure.

A line is an event, which has a number, or a piece of an answer, which has none. Who
follows is a `Place` and holds nothing: what is not here any more is in the journal.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

__all__ = ["Lines", "Place"]

_NOWHERE = -1


@dataclass(slots=True)
class Place:
    """How far somebody is.

    Attributes:
        seq: The latest event that they were given.
        from_at: The line from which on they are given pieces: they came before it.
        at: The line that is next; the lines know it.
    """

    seq: int
    from_at: int
    at: int = _NOWHERE


class Lines:
    """The latest lines about a job.

    Args:
        after: The event from which on there are lines; those before are never here.
        most: How many lines there may be.
        size: How many bytes, if there is more than one line.

    Attributes:
        head: The latest event that is known.
    """

    def __init__(self, after: int = 0, *, most: int, size: int) -> None:
        self.head = 0
        self._gone = after
        self._most = most
        self._largest = size
        self._lines: deque[tuple[int, bytes]] = deque()
        self._begin = 0
        self._size = 0

    @property
    def end(self) -> int:
        """The number of the line that comes next."""
        return self._begin + len(self._lines)

    def wants(self, seq: int) -> bool:
        """Know of an event; tell whether its line belongs here."""
        self.head = seq
        return seq > self._gone

    def add(self, line: bytes, seq: int = 0) -> None:
        """Add a line, and forget the first ones where there are too many.

        Args:
            line: The line.
            seq: The number of its event; 0 is a piece of an answer.
        """
        self._lines.append((seq, line))
        self._size += len(line)
        while len(self._lines) > self._most or (
            self._size > self._largest and len(self._lines) > 1
        ):
            gone, line = self._lines.popleft()
            self._begin += 1
            self._size -= len(line)
            self._gone = max(self._gone, gone)

    def take(self, place: Place) -> bytes | None:
        """Return the lines after a place, and move it there.

        Returns:
            The lines; `None` where events are missing that came after the place:
            then it is to be moved on with what the journal has of them.
        """
        if place.at < self._begin:
            if place.seq < self._gone:
                return None
            place.at = self._after(place.seq)
        taken = []
        for at in range(place.at, self.end):
            seq, line = self._lines[at - self._begin]
            if seq > place.seq or (not seq and at >= place.from_at):
                taken.append(line)
            place.seq = max(place.seq, seq)
        place.at = self.end
        return b"".join(taken)

    def _after(self, seq: int) -> int:
        """Return the line after an event; the first one, if that is not here."""
        for at, (known, _) in enumerate(self._lines, self._begin):
            if seq and known == seq:  # 0 is of pieces, which come after no event
                return at + 1
        return self._begin
