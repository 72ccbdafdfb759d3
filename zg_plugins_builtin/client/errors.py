"""Every error that a service answers with, as one tree, by its code.

```text
ServiceError                          any problem, also of a code that is new
├── ServiceUnreachableError           nothing answered
├── BadAnswerError                    what answered is no service of ours
├── WaitTimeoutError                  a job did not end in the time that was given
├── JobFailedError                    a job ended, and not well
├── BadRequestError                   bad_request
│   ├── MalformedJsonError            malformed_json
│   └── OAuthStateMismatchError       oauth_state_mismatch
├── UnauthenticatedError              unauthenticated
│   ├── TokenExpiredError             token_expired
│   └── SecondFactorRequiredError     second_factor_required
├── ForbiddenError                    forbidden
│   ├── InsufficientScopeError        insufficient_scope
│   └── AgentDisabledError            agent_disabled
├── NotFoundError                     not_found
├── MethodNotAllowedError             method_not_allowed
├── RequestTimeoutError               request_timeout
├── ConflictError                     conflict
│   ├── IdempotencyInProgressError    idempotency_in_progress
│   ├── JobNotCancellableError        job_not_cancellable
│   ├── JobNotTerminalError           job_not_terminal
│   ├── ApprovalStaleError            approval_stale
│   └── ApprovalDecidedError          approval_decided
├── ApprovalExpiredError              approval_expired
├── CursorGoneError                   cursor_gone
├── PreconditionFailedError           precondition_failed
├── PayloadTooLargeError              payload_too_large
├── UnsupportedMediaTypeError         unsupported_media_type
├── ValidationError                   validation_error
│   ├── CallbackForbiddenError        callback_url_forbidden
│   ├── InputSchemaMismatchError      input_schema_mismatch
│   └── IdempotencyKeyReusedError     idempotency_key_reused
├── QuotaExceededError                quota_exceeded
│   ├── BudgetExceededError           budget_exceeded
│   └── ConcurrencyExceededError      concurrency_exceeded
├── HeadersTooLargeError              headers_too_large
├── InternalServiceError              internal_error
└── UnavailableError                  temporarily_unavailable
    ├── QueueFullError                queue_full
    └── SandboxUnavailableError       sandbox_unavailable
```

A code that is not known here is the class of its HTTP status, and `ServiceError.code`
still says which it was.

One file, since it is one tree: a class of each code, and what chooses among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from zg_core.plugin_api import JsonObject, ZeroGravityError

__all__ = [
    "CODES",
    "AgentDisabledError",
    "ApprovalDecidedError",
    "ApprovalExpiredError",
    "ApprovalStaleError",
    "BadAnswerError",
    "BadRequestError",
    "BudgetExceededError",
    "CallbackForbiddenError",
    "ConcurrencyExceededError",
    "ConflictError",
    "CursorGoneError",
    "ForbiddenError",
    "HeadersTooLargeError",
    "IdempotencyInProgressError",
    "IdempotencyKeyReusedError",
    "InputSchemaMismatchError",
    "InsufficientScopeError",
    "InternalServiceError",
    "JobFailedError",
    "JobNotCancellableError",
    "JobNotTerminalError",
    "MalformedJsonError",
    "MethodNotAllowedError",
    "NotFoundError",
    "OAuthStateMismatchError",
    "PayloadTooLargeError",
    "PreconditionFailedError",
    "QueueFullError",
    "QuotaExceededError",
    "RequestTimeoutError",
    "SandboxUnavailableError",
    "SecondFactorRequiredError",
    "ServiceError",
    "ServiceUnreachableError",
    "TokenExpiredError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnsupportedMediaTypeError",
    "ValidationError",
    "WaitTimeoutError",
    "error_of",
]

CODES: dict[str, type[ServiceError]] = {}
"""The class of each code that is known here."""


class ServiceError(ZeroGravityError):
    """A service did not do what it was asked for.

    Attributes:
        code: The stable word for it; empty where the service said none.
        status: The HTTP status; 0 where there was no answer.
        request_id: What the service calls the request, for who runs it.
        retry_after: Seconds after which it may work, where the service said so.
        faults: Each thing that is wrong with the request.
        problem: All that the service said, also what is new.
    """

    of_code: ClassVar[str] = ""

    def __init__(
        self,
        cause: str,
        remedy: str = "",
        *,
        status: int = 0,
        code: str = "",
        request_id: str = "",
        retry_after: float | None = None,
        problem: JsonObject | None = None,
    ) -> None:
        super().__init__(
            cause, remedy, code=code or None, request_id=request_id or None
        )
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after
        self.problem: JsonObject = problem or {}

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if "of_code" in vars(cls):
            CODES[cls.of_code] = cls

    def __str__(self) -> str:
        said = super().__str__()
        return f"{said} (request {self.request_id})" if self.request_id else said

    @property
    def faults(self) -> Sequence[JsonObject]:
        """Each thing that is wrong with the request."""
        said = self.problem.get("errors")
        given = said if isinstance(said, list) else ()
        return [one for one in given if isinstance(one, dict)]


class ServiceUnreachableError(ServiceError):
    """Nothing answered, or the connection broke.

    Attributes:
        unsent: Whether the request surely did not reach the service.
    """

    unsent = False


class BadAnswerError(ServiceError):
    """What answered is no service of ours, or something before it."""


class WaitTimeoutError(ServiceError, TimeoutError):
    """A job did not end in the time that was given; it goes on."""


class JobFailedError(ServiceError):
    """A job ended, and not well; the code is that of the job's error."""


class BadRequestError(ServiceError):
    """What was sent is no request that means one thing only."""

    of_code = "bad_request"


class MalformedJsonError(BadRequestError):
    """The body is not strict JSON."""

    of_code = "malformed_json"


class OAuthStateMismatchError(BadRequestError):
    """A login came back to another browser, or for the second time."""

    of_code = "oauth_state_mismatch"


class UnauthenticatedError(ServiceError):
    """The credential is missing, wrong or no longer good."""

    of_code = "unauthenticated"
    exit_code = 3


class TokenExpiredError(UnauthenticatedError):
    """The access token is too old, and there is nothing to refresh it with."""

    of_code = "token_expired"


class SecondFactorRequiredError(UnauthenticatedError):
    """The password is right, and a code of the authenticator is needed too."""

    of_code = "second_factor_required"


class ForbiddenError(ServiceError):
    """Whoever asks may not do this."""

    of_code = "forbidden"


class InsufficientScopeError(ForbiddenError):
    """The credential lacks a scope."""

    of_code = "insufficient_scope"


class AgentDisabledError(ForbiddenError):
    """The agent is switched off."""

    of_code = "agent_disabled"


class NotFoundError(ServiceError):
    """There is no such thing for who asks."""

    of_code = "not_found"
    exit_code = 2


class MethodNotAllowedError(ServiceError):
    """The path takes no such method."""

    of_code = "method_not_allowed"


class RequestTimeoutError(ServiceError):
    """The request came too slowly."""

    of_code = "request_timeout"


class ConflictError(ServiceError):
    """The state of things does not allow it."""

    of_code = "conflict"


class IdempotencyInProgressError(ConflictError):
    """The same request is being answered."""

    of_code = "idempotency_in_progress"


class JobNotCancellableError(ConflictError):
    """The job has ended already."""

    of_code = "job_not_cancellable"


class JobNotTerminalError(ConflictError):
    """The job has not ended yet."""

    of_code = "job_not_terminal"


class ApprovalStaleError(ConflictError):
    """What is to be decided is not what was looked at."""

    of_code = "approval_stale"


class ApprovalDecidedError(ConflictError):
    """Somebody decided it before."""

    of_code = "approval_decided"


class ApprovalExpiredError(ServiceError):
    """Nobody decided it in time."""

    of_code = "approval_expired"


class CursorGoneError(ServiceError):
    """What comes after that place is not kept any more."""

    of_code = "cursor_gone"


class PreconditionFailedError(ServiceError):
    """The thing is not as the client knew it."""

    of_code = "precondition_failed"


class PayloadTooLargeError(ServiceError):
    """The body is too long."""

    of_code = "payload_too_large"


class UnsupportedMediaTypeError(ServiceError):
    """The body is not JSON."""

    of_code = "unsupported_media_type"


class ValidationError(ServiceError):
    """What was asked for is not valid; `faults` says why."""

    of_code = "validation_error"
    exit_code = 2


class CallbackForbiddenError(ValidationError):
    """The service may not call that address."""

    of_code = "callback_url_forbidden"


class InputSchemaMismatchError(ValidationError):
    """What was given does not fit the schema that was asked for."""

    of_code = "input_schema_mismatch"


class IdempotencyKeyReusedError(ValidationError):
    """The idempotency key was used before, for something else."""

    of_code = "idempotency_key_reused"


class QuotaExceededError(ServiceError):
    """Too much, in too little time."""

    of_code = "quota_exceeded"


class BudgetExceededError(QuotaExceededError):
    """There is no money left for it."""

    of_code = "budget_exceeded"


class ConcurrencyExceededError(QuotaExceededError):
    """Too much at once."""

    of_code = "concurrency_exceeded"


class HeadersTooLargeError(ServiceError):
    """The headers are too long."""

    of_code = "headers_too_large"


class InternalServiceError(ServiceError):
    """Something went wrong in the service."""

    of_code = "internal_error"


class UnavailableError(ServiceError):
    """Not now; later."""

    of_code = "temporarily_unavailable"


class QueueFullError(UnavailableError):
    """So many jobs wait that no more are taken."""

    of_code = "queue_full"


class SandboxUnavailableError(UnavailableError):
    """Nothing there can run code safely."""

    of_code = "sandbox_unavailable"


_BY_STATUS: dict[int, type[ServiceError]] = {
    400: BadRequestError,
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    405: MethodNotAllowedError,
    408: RequestTimeoutError,
    409: ConflictError,
    412: PreconditionFailedError,
    413: PayloadTooLargeError,
    415: UnsupportedMediaTypeError,
    422: ValidationError,
    429: QuotaExceededError,
    431: HeadersTooLargeError,
    500: InternalServiceError,
    503: UnavailableError,
}


def error_of(
    status: int,
    problem: JsonObject | None,
    *,
    request_id: str = "",
    retry_after: float | None = None,
) -> ServiceError:
    """Return the error that an answer tells of.

    Args:
        status: The HTTP status.
        problem: The problem document; `None` where the answer has none.
        request_id: The id of the request, as a header says it.
        retry_after: Seconds after which it may work.
    """
    said = problem or {}
    code = _text(said.get("code"))
    kind = CODES.get(code) or _BY_STATUS.get(status, ServiceError)
    detail = _text(said.get("detail")) or _text(said.get("title"))
    cause = detail or f"the service answered {status}, and did not say why"
    request_id = _text(said.get("request_id")) or request_id
    faults = "; ".join(_faults(said.get("errors")))
    remedy = "" if detail else "check the address, and what lies before the service"
    return kind(
        f"{cause}: {faults}" if faults else cause,
        "correct it, and send it again" if faults else remedy,
        status=status,
        code=code,
        request_id=request_id,
        retry_after=retry_after,
        problem=said,
    )


def _text(said: Any) -> str:
    return said if isinstance(said, str) else ""


def _faults(said: Any) -> list[str]:
    found = []
    for one in said if isinstance(said, list) else ():
        if isinstance(one, dict):
            where = _text(one.get("pointer")) or _text(one.get("parameter"))
            found.append(" ".join(filter(None, (where, _text(one.get("detail"))))))
    return found
