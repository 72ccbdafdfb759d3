"""Open a journal by its address."""

from __future__ import annotations

from typing import cast

from .._memory_journal import MemoryJournal
from ..journals import Journal
from ..plugins import PluginHost

__all__ = ["open_journal"]


def open_journal(address: str, host: PluginHost) -> Journal:
    """Return the journal at an address.

    Args:
        address: ``memory``, ``sqlite``, ``sqlite:///runs.db``,
            ``postgresql://user@host/database``, or what a plugin's journals take.
        host: What knows the plugins.

    Raises:
        UnknownNameError: If no plugin offers journals of that scheme.
        JournalError: If it cannot be opened.
    """
    scheme, _, rest = address.partition(":")
    if scheme == "memory":
        return MemoryJournal()
    journal = host.make(host.find("journal", scheme), rest)
    return cast(Journal, journal)
