"""What only a completion can come to, as errors."""

from __future__ import annotations

from ...errors import ConflictError, GatewayError, NotFoundError

__all__ = [
    "JobFailedError",
    "JobInterruptedError",
    "JobNotDoneError",
    "JobOutOfBudgetError",
    "JobRejectedError",
    "JobWaitsError",
    "ModelNotFoundError",
]


class ModelNotFoundError(NotFoundError):
    """There is no agent and no workflow of this name."""

    code = "model_not_found"

    def __init__(self) -> None:
        super().__init__(
            "there is no such model", "see /v1/models: agents and workflows"
        )


class JobWaitsError(ConflictError):
    """The job waits for a person, who has not said anything yet."""

    code = "job_waits"


class JobNotDoneError(GatewayError):
    """The job takes longer than an answer may wait for it; it goes on."""

    code = "job_not_done"
    status = 504


class JobInterruptedError(GatewayError):
    """The service ends, or may not be asked any longer; the job goes on."""

    code = "job_interrupted"
    status = 503


class JobFailedError(GatewayError):
    """The job came to an end without a result."""

    code = "job_failed"
    status = 502


class JobRejectedError(GatewayError):
    """A guardrail refused the job."""

    code = "rejected"
    status = 400


class JobOutOfBudgetError(GatewayError):
    """The job, or whoever pays for it, has spent what may be spent."""

    code = "budget_exhausted"
    status = 429
