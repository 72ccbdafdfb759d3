"""What the routes work with; whoever starts the service makes it, once a process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from ..clock import Clock, SystemClock
from .access_log import Served
from .cursors import Cursors
from .rates import RateLimits
from .requirements import Authenticator
from .settings import HttpSettings
from .stopping import Stopping
from .streams import Streams

__all__ = ["Check", "Services"]

Check = Callable[[], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Services:
    """What the routes work with.

    Args:
        settings: What the operator decided.
        authenticator: Finds out who asks.
        cursors: Signs places in lists.
        checks: By name, what must work for the service to be ready; each raises an
            error of ours where it does not.
        clock: Tells the time.
        stopping: The moment from which the service is ending.
        served: Is told of each request that was answered, for the metrics.
        serving: Is told of each that begins, by its method.
        streams: Those that are open in this process.
    """

    settings: HttpSettings
    authenticator: Authenticator
    cursors: Cursors
    checks: Mapping[str, Check] = field(default_factory=dict)
    clock: Clock = field(default_factory=SystemClock)
    stopping: Stopping = field(default_factory=Stopping)
    served: Callable[[Served], None] | None = None
    serving: Callable[[str], None] | None = None
    streams: Streams = field(default_factory=Streams)
    limits: RateLimits = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "limits", RateLimits(self.settings.rates))
