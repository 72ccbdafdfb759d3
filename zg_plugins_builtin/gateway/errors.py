"""Every error of the service that a client is told of, as one tree.

```text
GatewayError                       (500 internal_error)
├── BadRequestError                400 bad_request
│   ├── MalformedJsonError         400 malformed_json
│   └── OAuthStateMismatchError    400 oauth_state_mismatch
├── UnauthenticatedError           401 unauthenticated
│   ├── TokenExpiredError          401 token_expired
│   ├── SecondFactorRequiredError  401 second_factor_required
│   └── LoginTooOldError           401 unauthenticated
├── ForbiddenError                 403 forbidden
│   ├── InsufficientScopeError     403 insufficient_scope
│   └── AgentDisabledError         403 agent_disabled
├── NotFoundError                  404 not_found
├── MethodNotAllowedError          405 method_not_allowed
├── RequestTimeoutError            408 request_timeout
├── ConflictError                  409 conflict
│   ├── IdempotencyInProgressError 409 idempotency_in_progress
│   ├── JobNotCancellableError     409 job_not_cancellable
│   ├── JobNotTerminalError        409 job_not_terminal
│   ├── ApprovalStaleError         409 approval_stale
│   └── ApprovalDecidedError       409 approval_decided
├── ApprovalExpiredError           410 approval_expired
├── CursorGoneError                410 cursor_gone
├── PreconditionFailedError        412 precondition_failed
├── PayloadTooLargeError           413 payload_too_large
├── UnsupportedMediaTypeError      415 unsupported_media_type
├── InvalidRequestError            422 validation_error
│   ├── CallbackForbiddenError     422 callback_url_forbidden
│   ├── InputSchemaMismatchError   422 input_schema_mismatch
│   └── IdempotencyKeyReusedError  422 idempotency_key_reused
├── QuotaExceededError             429 quota_exceeded
│   ├── BudgetExceededError        429 budget_exceeded
│   └── ConcurrencyExceededError   429 concurrency_exceeded
├── HeadersTooLargeError           431 headers_too_large
└── UnavailableError               503 temporarily_unavailable
    ├── QueueFullError             503 queue_full
    ├── SandboxUnavailableError    503 sandbox_unavailable
    ├── DatabaseError              503 temporarily_unavailable
    └── NoAnswerError              503 temporarily_unavailable
```

The codes are a part of the contract with clients: they are never renamed.

One file, since it is one tree: each class is no more than its code and its status.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from zg_core.plugin_api import ZeroGravityError

__all__ = [
    "AgentDisabledError",
    "ApprovalDecidedError",
    "ApprovalExpiredError",
    "ApprovalStaleError",
    "BadRequestError",
    "BudgetExceededError",
    "CallbackForbiddenError",
    "ConcurrencyExceededError",
    "ConflictError",
    "CursorGoneError",
    "DatabaseError",
    "Fault",
    "ForbiddenError",
    "GatewayError",
    "HeadersTooLargeError",
    "IdempotencyInProgressError",
    "IdempotencyKeyReusedError",
    "InputSchemaMismatchError",
    "InsufficientScopeError",
    "InvalidRequestError",
    "JobNotCancellableError",
    "JobNotTerminalError",
    "LoginTooOldError",
    "MalformedJsonError",
    "MethodNotAllowedError",
    "NoAnswerError",
    "NotFoundError",
    "OAuthStateMismatchError",
    "PayloadTooLargeError",
    "PreconditionFailedError",
    "QueueFullError",
    "QuotaExceededError",
    "RequestTimeoutError",
    "SandboxUnavailableError",
    "SecondFactorRequiredError",
    "TokenExpiredError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnsupportedMediaTypeError",
]


class GatewayError(ZeroGravityError):
    """The service cannot do what a client asks for.

    Attributes:
        code: The stable word for it in a problem document.
        status: The HTTP status.
        retry_after: Seconds after which it may work; `None` where waiting is no use.
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a request.

    Args:
        pointer: Where, as a JSON pointer: ``/password``.
        code: What, as a word.
        detail: What, as a sentence; it never repeats what was given.
        place: In which part of the request; outside the body, the pointer is a
            slash and the name of a parameter.
    """

    pointer: str
    code: str
    detail: str
    place: Literal["body", "query", "path", "header", "cookie"] = "body"


class BadRequestError(GatewayError):
    """What was sent is no request of HTTP that means one thing only."""

    code = "bad_request"
    status = 400


class MalformedJsonError(BadRequestError):
    """The body is not JSON that everybody reads in the same way."""

    code = "malformed_json"


class OAuthStateMismatchError(BadRequestError):
    """A login came back to another browser, or for the second time."""

    code = "oauth_state_mismatch"


class InvalidRequestError(GatewayError):
    """What was asked for is not valid.

    Attributes:
        faults: Each thing that is wrong.
    """

    code = "validation_error"
    status = 422

    def __init__(self, cause: str, remedy: str = "", *faults: Fault) -> None:
        super().__init__(cause, remedy)
        self.faults = faults


class CallbackForbiddenError(InvalidRequestError):
    """The service may not call that address."""

    code = "callback_url_forbidden"


class InputSchemaMismatchError(InvalidRequestError):
    """What was given does not fit the schema that was asked for."""

    code = "input_schema_mismatch"


class IdempotencyKeyReusedError(InvalidRequestError):
    """The key was used before, for something else."""

    code = "idempotency_key_reused"


class UnauthenticatedError(GatewayError):
    """Nobody knows who asks: the credential is missing, wrong or no longer good."""

    code = "unauthenticated"
    status = 401


class TokenExpiredError(UnauthenticatedError):
    """The access token was good, and is too old; a refresh brings another."""

    code = "token_expired"


class SecondFactorRequiredError(UnauthenticatedError):
    """The password is right, and a code of the authenticator is asked for too."""

    code = "second_factor_required"

    def __init__(self) -> None:
        super().__init__(
            "this account takes a code as well", "send 'totp', as it is shown now"
        )


class LoginTooOldError(UnauthenticatedError):
    """Somebody is known, and has to log in anew for this (RFC 9470).

    Attributes:
        max_age: The most seconds since they logged in.
    """

    def __init__(self, max_age: int) -> None:
        super().__init__(
            f"this takes a login of the last {max_age} s", "log in again, and ask anew"
        )
        self.max_age = max_age


class ForbiddenError(GatewayError):
    """Whoever asks may not do this."""

    code = "forbidden"
    status = 403


class InsufficientScopeError(ForbiddenError):
    """The credential lacks a scope.

    Attributes:
        scope: The scope that it takes.
    """

    code = "insufficient_scope"

    def __init__(self, scope: str) -> None:
        super().__init__(
            f"this takes the scope {scope!r}", "use a credential that has it"
        )
        self.scope = scope


class AgentDisabledError(ForbiddenError):
    """Somebody switched the agent off."""

    code = "agent_disabled"


class NotFoundError(GatewayError):
    """There is no such thing, or it is somebody else's: nobody can tell which."""

    code = "not_found"
    status = 404


class MethodNotAllowedError(GatewayError):
    """The place is there, and takes another method."""

    code = "method_not_allowed"
    status = 405


class RequestTimeoutError(GatewayError):
    """The request did not arrive in time."""

    code = "request_timeout"
    status = 408


class ConflictError(GatewayError):
    """The state of things does not allow it."""

    code = "conflict"
    status = 409


class IdempotencyInProgressError(ConflictError):
    """A request with the same key is being answered at this moment."""

    code = "idempotency_in_progress"
    retry_after = 1.0


class JobNotCancellableError(ConflictError):
    """The job has ended."""

    code = "job_not_cancellable"


class JobNotTerminalError(ConflictError):
    """The job has not ended yet."""

    code = "job_not_terminal"


class ApprovalStaleError(ConflictError):
    """What is to be approved is no longer what was shown."""

    code = "approval_stale"


class ApprovalDecidedError(ConflictError):
    """Somebody decided before."""

    code = "approval_decided"


class ApprovalExpiredError(GatewayError):
    """The time to decide is over."""

    code = "approval_expired"
    status = 410


class CursorGoneError(GatewayError):
    """What a reader has last seen is none of what there is to be read."""

    code = "cursor_gone"
    status = 410


class PreconditionFailedError(GatewayError):
    """The thing has changed since it was read."""

    code = "precondition_failed"
    status = 412


class PayloadTooLargeError(GatewayError):
    """The body is longer than the service reads."""

    code = "payload_too_large"
    status = 413


class UnsupportedMediaTypeError(GatewayError):
    """The body is not of a type that the place reads."""

    code = "unsupported_media_type"
    status = 415


class QuotaExceededError(GatewayError):
    """Too many requests in too little time."""

    code = "quota_exceeded"
    status = 429


class BudgetExceededError(QuotaExceededError):
    """The money or the tokens are spent, or reserved."""

    code = "budget_exceeded"


class ConcurrencyExceededError(QuotaExceededError):
    """Too many things are going on at once for one tenant."""

    code = "concurrency_exceeded"


class HeadersTooLargeError(GatewayError):
    """The headers are longer than the service reads."""

    code = "headers_too_large"
    status = 431


class UnavailableError(GatewayError):
    """There is too much to do at once; later it will work."""

    code = "temporarily_unavailable"
    status = 503
    retry_after = 1.0


class QueueFullError(UnavailableError):
    """As many jobs wait as may wait."""

    code = "queue_full"


class SandboxUnavailableError(UnavailableError):
    """Nothing here can run code safely."""

    code = "sandbox_unavailable"


class DatabaseError(UnavailableError):
    """The database cannot be reached, or refuses.

    Attributes:
        reason: Why, for the operator: clients are not told where it is.
    """

    reason: str = ""


class NoAnswerError(UnavailableError):
    """Another server, which the service asked, gave no answer.

    Attributes:
        reason: Why: ``timeout``, ``dns``, ``tls``, ``connection`` or ``answer``.
    """

    def __init__(self, cause: str, remedy: str = "", *, reason: str) -> None:
        super().__init__(cause, remedy)
        self.reason = reason
