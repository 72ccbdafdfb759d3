"""Leave a host alone that keeps failing, and look after a while whether it is back.

It is known to one process, and forgotten with it: what is on the disk is when each
message is due. A host is one tenant's: nobody's bad address keeps others' messages.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

__all__ = ["Circuits"]

_FAILURES = 5
_FIRST_SECONDS = 30.0
_MOST_SECONDS = 600.0
_MOST_HOSTS = 10_000

Host = tuple[str, str]
"""A tenant and a host's name."""


@dataclass(slots=True)
class _Circuit:
    failures: int = 0
    seconds: float = _FIRST_SECONDS
    open_until: float | None = None


class Circuits:
    """Counts how each host does."""

    def __init__(self) -> None:
        self._circuits: OrderedDict[Host, _Circuit] = OrderedDict()

    def ask(self, host: Host, now: float) -> float:
        """Return seconds to wait before the host may be asked; 0 is at once.

        While nobody knows whether a host is back, one may ask, and others wait.

        Args:
            host: The tenant and the host.
            now: Seconds of a clock that only grows.
        """
        circuit = self._circuits.get(host)
        if circuit is None or circuit.open_until is None:
            return 0.0
        if now < circuit.open_until:
            return circuit.open_until - now
        circuit.open_until = now + circuit.seconds  # for the others
        return 0.0

    def succeeded(self, host: Host) -> None:
        """Forget what a host did before."""
        self._circuits.pop(host, None)

    def failed(self, host: Host, now: float) -> None:
        """Count a failure; several in a row open the circuit, for longer each time."""
        circuit = self._circuits.setdefault(host, _Circuit())
        self._circuits.move_to_end(host)
        circuit.failures += 1
        if circuit.failures >= _FAILURES:
            if circuit.failures > _FAILURES:
                circuit.seconds = min(circuit.seconds * 2, _MOST_SECONDS)
            circuit.open_until = now + circuit.seconds
        while len(self._circuits) > _MOST_HOSTS:
            self._circuits.popitem(last=False)
