"""Server-sent events, as the HTML standard has them (§9.2.6)."""

from __future__ import annotations

__all__ = ["EventStream"]

_BOM = b"\xef\xbb\xbf"


class EventStream:
    """Takes a stream as it comes, in pieces, and gives the data of its events.

    Names, ids and comments are left out: these vendors say all of it in the data.
    What is held back is looked at once, however small the pieces are.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[bytearray]:
        """Take a piece; return the data of the events that are whole now."""
        if self._after_cr or b"\r" in chunk:
            chunk = self._with_plain_ends(chunk)
        new = max(0, len(self._held) - 1)
        self._held += chunk
        if self._held.find(b"\n\n", new) < 0:
            return []
        *events, self._held = self._held.split(b"\n\n")
        return [data for event in events if (data := _data(event)) is not None]

    def _with_plain_ends(self, chunk: bytes) -> bytes:
        """Make every end of a line a newline, also one that is cut in two."""
        if self._after_cr:
            chunk = chunk.removeprefix(b"\n")
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _data(event: bytearray) -> bytearray | None:
    if event.startswith(b"data: ") and b"\n" not in event:
        return event[6:]  # as nearly all are
    lines = []
    for line in event.removeprefix(_BOM).split(b"\n"):
        name, _, value = line.partition(b":")
        if name == b"data":
            lines.append(value.removeprefix(b" "))
    return bytearray(b"\n").join(lines) if lines else None
