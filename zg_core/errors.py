"""Every error ZeroGravity raises on purpose, as one tree.

```text
ZeroGravityError
├── ConfigError               the configuration cannot be used as written
├── PluginError               a plugin could not be loaded, or broke
├── UnknownNameError          no plugin offers that name (also a LookupError)
│   └── AmbiguousNameError    several plugins offer it and none has precedence
├── InputError                what the user gave cannot be worked on
│   └── WorkflowError         a workflow is not well formed
├── RunError                  a run could not go on
│   ├── ProviderError         a model could not be reached or would not answer
│   │   ├── ProviderTimeoutError      it took too long
│   │   ├── ProviderUnavailableError  no connection, or the server failed
│   │   │   └── CircuitOpenError      it kept failing, and is not asked for now
│   │   ├── ProviderResponseError     the answer is not in the promised format
│   │   ├── RateLimitError            too many requests, for now
│   │   ├── ProviderAuthError         the key is missing or refused
│   │   ├── ProviderRequestError      the request itself was refused
│   │   └── ContextLengthError        the prompt does not fit the model
│   ├── ToolError             a tool could not do what was asked
│   │   ├── ToolArgumentsError        the arguments do not fit its schema
│   │   └── ToolTimeoutError          it took too long
│   ├── OutputError           a model's answer does not fit the output schema
│   ├── LimitError            a limit of the run was reached
│   ├── GuardrailError        a guardrail refused something
│   ├── ReplayMismatchError   the code asks something else than what is recorded
│   ├── RunPausedError        the run was put aside, and waits for somebody
│   └── RunCancelledError     the run was cancelled
├── WorkspaceError            a file may not, or cannot, be read or written
└── JournalError              the journal could not be read or written
    ├── RunNotFoundError      it holds no such run
    └── RunBusyError          another engine owns the run
```

An error is one sentence of cause and one of remedy. What a program may want to
know is in attributes, so that nobody parses prose.
"""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "AmbiguousNameError",
    "CircuitOpenError",
    "ConfigError",
    "ContextLengthError",
    "GuardrailError",
    "InputError",
    "JournalError",
    "LimitError",
    "OutputError",
    "PluginError",
    "ProviderAuthError",
    "ProviderError",
    "ProviderRequestError",
    "ProviderResponseError",
    "ProviderTimeoutError",
    "ProviderUnavailableError",
    "RateLimitError",
    "ReplayMismatchError",
    "RunBusyError",
    "RunCancelledError",
    "RunError",
    "RunNotFoundError",
    "RunPausedError",
    "ToolArgumentsError",
    "ToolError",
    "ToolTimeoutError",
    "UnknownNameError",
    "WorkflowError",
    "WorkspaceError",
    "ZeroGravityError",
]


class ZeroGravityError(Exception):
    """Whatever ZeroGravity raises on purpose.

    Attributes:
        cause: What happened, as one sentence without a full stop.
        remedy: What the reader can do about it; empty where nothing helps.
        details: The parts of the message as data; JSON values only.
        exit_code: What ``zg`` exits with when this ends a command.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, cause: str, remedy: str = "", **details: Any) -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy
        self.details = {k: v for k, v in details.items() if v is not None}

    def __str__(self) -> str:
        return f"{self.cause}; {self.remedy}" if self.remedy else self.cause


class ConfigError(ZeroGravityError):
    """The configuration cannot be used as written."""

    exit_code = 3


class PluginError(ZeroGravityError):
    """A plugin could not be loaded, or broke.

    Raised for what a plugin *is* (it cannot be imported, its factory fails); an
    error of the work it does is a `RunError`.
    """

    exit_code = 3


class UnknownNameError(ZeroGravityError, LookupError):
    """No plugin offers a thing of that name."""

    exit_code = 2


class AmbiguousNameError(UnknownNameError):
    """Several plugins offer a thing of that name, and none has precedence."""


class InputError(ZeroGravityError):
    """What the user gave cannot be worked on; nothing was changed."""

    exit_code = 2


class WorkflowError(InputError):
    """A workflow is not well formed, or one of its expressions cannot be evaluated."""


class RunError(ZeroGravityError):
    """A run could not go on."""


class ProviderError(RunError):
    """A model could not be reached, or would not answer.

    Attributes:
        retryable: Whether the same request may succeed a little later.
        try_next: Whether another model of the chain may succeed instead.
        retry_after: Seconds the provider asked us to wait, if it said so.
        may_be_billed: Whether the vendor may have done the work all the same, so that
            a budget has to count the most that the call can have cost.
        status: HTTP status of the answer, where there was one.
        request_id: The vendor's id of the request, for its support.
    """

    retryable: ClassVar[bool] = False
    try_next: ClassVar[bool] = True
    may_be_billed: bool = False

    def __init__(
        self,
        cause: str,
        remedy: str = "",
        *,
        retry_after: float | None = None,
        status: int | None = None,
        request_id: str | None = None,
        may_be_billed: bool | None = None,
        **details: Any,
    ) -> None:
        if may_be_billed is not None:  # else it is as of all errors of its class
            self.may_be_billed = details["may_be_billed"] = may_be_billed
        super().__init__(
            cause,
            remedy,
            retry_after=retry_after,
            status=status,
            request_id=request_id,
            **details,
        )
        self.retry_after = retry_after
        self.status = status
        self.request_id = request_id


class ProviderTimeoutError(ProviderError):
    """The provider took longer than the time limit of the call."""

    retryable = True
    may_be_billed = True


class ProviderUnavailableError(ProviderError):
    """No connection, or the server said that the fault is its own."""

    retryable = True


class CircuitOpenError(ProviderUnavailableError):
    """The model kept failing, and is not asked for now; nothing was sent.

    ``retry_after`` says when it is asked again.
    """

    retryable = False


class ProviderResponseError(ProviderError):
    """The answer is cut short, or not in the format the provider promised."""

    retryable = True
    may_be_billed = True


class RateLimitError(ProviderError):
    """Too many requests or tokens, for now."""

    retryable = True


class ProviderAuthError(ProviderError):
    """The key is missing, wrong, or not allowed to do this."""


class ProviderRequestError(ProviderError):
    """The request itself was refused; sending it again will not help."""

    try_next = False


class ContextLengthError(ProviderError):
    """The prompt does not fit into the model's context."""


class ToolError(RunError):
    """A tool could not do what was asked."""


class ToolArgumentsError(ToolError):
    """The arguments do not fit the tool's JSON Schema."""


class ToolTimeoutError(ToolError):
    """The tool took longer than its time limit."""


class OutputError(RunError):
    """A model's answer does not fit the output schema, even when asked again."""


class LimitError(RunError):
    """A limit of the run was reached (`details`: which, allowed, spent)."""


class GuardrailError(RunError):
    """A guardrail refused what goes in or out (`details`: guardrail, subject)."""


class ReplayMismatchError(RunError):
    """The code of a step asks something else than what its journal recorded."""


class RunPausedError(RunError):
    """The run was put aside: a person is asked something, or somebody wanted it.

    It goes on where it was when it is resumed (`details`: run_id, questions).
    """

    exit_code = 5


class RunCancelledError(RunError):
    """The run was cancelled; what was done until then is in the journal."""

    exit_code = 130


class WorkspaceError(ZeroGravityError):
    """A file may not, or cannot, be read or written."""


class JournalError(ZeroGravityError):
    """The journal could not be read or written."""

    exit_code = 3


class RunNotFoundError(JournalError):
    """The journal holds no such run."""

    exit_code = 2


class RunBusyError(JournalError):
    """Another engine owns the run, or has taken it over."""

    exit_code = 1
