"""What all steps of one run share."""

from __future__ import annotations

from dataclasses import dataclass

from .._workspace import FolderWorkspace
from ..config import Config
from ..journals import Journal
from ..plugins import PluginHost
from .budget import Budget
from .recorder import Recorder
from .replay import Recorded

__all__ = ["RunScope"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunScope:
    """What all steps of one run share.

    Attributes:
        model: The models to try, in order, where neither step nor agent has its own.
        forced_model: The same, if the user named them for this run; they go first.
    """

    host: PluginHost
    config: Config
    recorder: Recorder
    journal: Journal
    recorded: Recorded
    budget: Budget
    workspace: FolderWorkspace
    model: str
    forced_model: str | None
