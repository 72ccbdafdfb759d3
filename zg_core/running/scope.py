"""What all steps of one run share."""

from __future__ import annotations

from dataclasses import dataclass, field

from .._workspace import FolderWorkspace
from ..config import Config
from ..plugins import PluginHost
from .asking import Link, links
from .budget import Budget
from .guarding import Guarding
from .recorder import Recorder
from .replay import Recorded

__all__ = ["RunScope"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunScope:
    """What all steps of one run share.

    Attributes:
        model: The models to try, in order, where neither step nor agent has its own.
        guarding: The guardrails, if any is enabled.
        forced_model: The same, if the user named them for this run; they go first.
        chains: The chains that were asked for until now.
    """

    host: PluginHost
    config: Config
    recorder: Recorder
    recorded: Recorded
    budget: Budget
    workspace: FolderWorkspace
    guarding: Guarding | None
    model: str
    forced_model: str | None
    chains: dict[str, tuple[Link, ...]] = field(default_factory=dict)

    def chain(self, models: str) -> tuple[Link, ...]:
        """Return the models of a chain; see `links`."""
        if models not in self.chains:
            self.chains[models] = links(models, self.host)
        return self.chains[models]
