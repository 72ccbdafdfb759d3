"""Jobs: objectives that clients submit, each done as one run of the engine.

`Jobs` is the door. What was accepted is a row here; what then happened is the run's
journal, and a row only follows it. No route is here, and nothing knows of HTTP.
"""

from __future__ import annotations

from .asked import Asked, Budget, Priority
from .jobs import Jobs
from .settings import JobSettings
from .views import Job, Question

__all__ = ["Asked", "Budget", "Job", "JobSettings", "Jobs", "Priority", "Question"]
