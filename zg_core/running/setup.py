"""What a run is done with, beside what is recorded of it."""

from __future__ import annotations

from dataclasses import dataclass

from ..config import Config
from ..drills import Drill
from ..plugins import PluginHost
from ..stewards import Steward
from .tape import Tape
from .traffic import Traffic

__all__ = ["Setup"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a run is done with, beside what is recorded of it.

    Attributes:
        config: The user's configuration.
        host: The plugins.
        traffic: The engine's ways to the models.
        tape: The recorded run whose answers the run is given again, if any.
        drill: What is to go wrong with the run's calls on purpose, if anything.
        steward: Who pays for the run beside its own limits, if anybody does.
        attended: Whether somebody answers the run's questions while it waits.
    """

    config: Config
    host: PluginHost
    traffic: Traffic
    tape: Tape | None = None
    drill: Drill | None = None
    steward: Steward | None = None
    attended: bool = False
