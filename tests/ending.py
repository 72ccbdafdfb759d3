"""Wait until a process that was killed is gone, which takes the kernel a moment."""

from __future__ import annotations

import time
from pathlib import Path

__all__ = ["ends"]


def ends(pid: int, seconds: float = 20.0) -> bool:
    """Tell whether a process comes to its end; one that nobody waits for counts."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False
