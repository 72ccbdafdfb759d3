"""Decide whose code the user trusts, before any of it is imported.

Trusted is always what is built in, what the program itself gave as an object, and,
unless plugins are locked, a file that the user's own configuration names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from ..._isolation import contain
from ..._names import nearest, plugin_id
from ...config import Config, lock_path
from ...errors import ConfigError
from ...registry import Contribution
from ...specs import ToolSpec
from ..diagnose import Findings
from ..finding.sources import Source

if TYPE_CHECKING:
    from .lock import Lock

__all__ = ["Policy"]


class Policy:
    """What the configuration says about trust.

    Args:
        config: The configuration.
        lenient: Whether a lock that cannot be read only means that nothing is
            locked, so that one can see what there is.

    Raises:
        ConfigError: If plugins are locked and the lock cannot be read.
    """

    def __init__(self, config: Config, *, lenient: bool = False) -> None:
        self._allowed = {plugin_id(name) for name in config.plugins_allow}
        self._policy = config.plugins_policy
        self._lenient = lenient
        self._lock: Lock | None = None
        self._no_lock = ""

    def trusts(self, source: Source, findings: Findings) -> bool:
        """Tell whether an installed plugin's code may be imported; note it if not.

        Raises:
            ConfigError: If plugins are locked and the lock cannot be read.
        """
        if source.builtin or self._policy == "open":
            return True
        if self._policy == "allowlist":
            # By the distribution: anybody may call an entry point anything.
            if source.file or source.distribution in self._allowed:
                return True
            findings.add(
                "ZG141",
                "is not in plugins.allow",
                f'put "{source.distribution}" into plugins.allow of your own file',
            )
            return False
        objection = self._objection(source)
        if objection:
            findings.add(
                "ZG142",
                objection,
                f"install what was locked, or look at what it is and then: zg "
                f"plugins lock; or: zg -p no:{source.id} …",
            )
        return not objection

    def trusted(
        self, offers: tuple[Contribution, ...], findings: Findings
    ) -> Iterator[Contribution]:
        """Yield what a plugin offers, without tools that are not what was locked.

        A tool's description is read by models: another one is another tool.
        """
        for offer in offers:
            if offer.builtin or self._is_locked(offer):
                yield offer
                continue
            findings.add(
                "ZG143",
                f"the tool {offer.name!r} is not the one that was locked: models "
                "would be told something else of it",
                "see what changed: zg plugins lock --diff",
            )

    def note_absent(self, ids: Collection[str], findings: Findings) -> None:
        """Note what is locked and is not there, where a plugin was judged by the lock.

        Args:
            ids: The plugins that are there.
            findings: Where to note it.
        """
        if self._lock is None:
            return
        for plugin in sorted(self._lock.plugins.keys() - ids):
            close = nearest(plugin, ids)
            findings.add(
                "ZG131",
                f"{self._lock.path} locks {plugin!r}, and there is no such plugin",
                f"did you mean {close!r}?" if close else "zg plugins lock",
            )

    def _objection(self, source: Source) -> str | None:
        lock = self._read()
        return lock.objection(source) if lock else self._no_lock

    def _is_locked(self, offer: Contribution) -> bool:
        if self._lock is None or not isinstance(offer.spec, ToolSpec):
            return True
        from .lock import tool_digest

        locked = self._lock.tools(offer.plugin)
        if locked is None:
            return True
        with contain():  # it looks at annotations, which are the plugin's code
            return locked.get(offer.name) == tool_digest(offer.spec)
        return False

    def _read(self) -> Lock | None:
        """Return the lock, which is read when there is a plugin to judge."""
        if self._lock is None and not self._no_lock:
            from .lock import read_lock

            try:
                self._lock = read_lock(lock_path())
            except ConfigError as error:
                if not self._lenient:
                    raise
                self._no_lock = error.cause
        return self._lock
