"""Who owns a run: an open journal of a process."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass, fields

import zg_core as zg

__all__ = ["Owner"]


@dataclass(frozen=True, slots=True)
class Owner(zg.Process):
    """An open journal of a process.

    Attributes:
        journal: Tells the journals that one process has open apart.
    """

    journal: str

    @classmethod
    def here(cls) -> Owner:
        """Return a new owner in this process."""
        return cls(**asdict(zg.Process.here()), journal=uuid.uuid4().hex)

    @classmethod
    def decode(cls, text: str) -> Owner:
        """Return the owner that `encode` wrote, be it of a newer version."""
        known = {field.name for field in fields(cls)}
        said = json.loads(text)
        return cls(**{name: value for name, value in said.items() if name in known})

    def encode(self) -> str:
        """Return the owner as text: equal owners have equal texts."""
        return json.dumps(asdict(self))
