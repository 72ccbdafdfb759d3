"""What a service answers, as records that later services cannot break.

A word that is new (a status, a state, a type) is passed on as it is; a field that is
new is in `Record.raw`; one that is missing has its default.

One file, since all are read alike, and name each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache
from typing import Any, Self, cast, get_args, get_origin, get_type_hints

from zg_core.plugin_api import Json, JsonObject

__all__ = [
    "ApiKey",
    "Approval",
    "Artifact",
    "CatalogueAgent",
    "CatalogueTool",
    "Delivery",
    "DeliveryAttempt",
    "Event",
    "JobRecord",
    "Me",
    "ModelUsage",
    "Pending",
    "ProgressDetail",
    "Question",
    "Record",
    "Spent",
    "Tokens",
    "Usage",
    "WebhookEndpoint",
    "WebhookEvent",
]


@dataclass(frozen=True, kw_only=True)
class Record:
    """Something that a service said.

    Attributes:
        raw: All of it, as it came.
    """

    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, said: object, **more: Any) -> Self:
        """Return what was said, as far as it is known.

        Args:
            said: The JSON document.
            **more: Fields that are not the service's.
        """
        document = _object(said)
        values = {"raw": document, **more}
        for name, read in _readers(cast(Any, cls)).items():
            if name in document and name not in values:
                values[name] = read(document[name])
        return cls(**values)


@cache
def _readers(kind: type[Record]) -> Mapping[str, Callable[[Any], Any]]:
    """Return what reads each field, by its type."""
    hints = get_type_hints(kind)
    return {known.name: _reader(hints[known.name]) for known in fields(kind)}


def _reader(hint: Any) -> Callable[[Any], Any]:
    if hint == datetime | None:
        return _moment
    if isinstance(hint, type) and issubclass(hint, Record):
        return hint.of
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (dict, Mapping):
        return _object
    if origin is not Sequence:
        return lambda said: said
    read = _reader(inner[0])
    return lambda said: tuple(map(read, said)) if isinstance(said, list) else ()


def _moment(said: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(said)
    except (TypeError, ValueError):
        return None


def _object(said: Any) -> JsonObject:
    return said if isinstance(said, dict) else {}


@dataclass(frozen=True, kw_only=True)
class ProgressDetail(Record):
    """How far a job is, in steps."""

    done: int = 0
    total: int = 0
    message: str | None = None


@dataclass(frozen=True, kw_only=True)
class Spent(Record):
    """What a job spent."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd_micros: int | None = None


@dataclass(frozen=True, kw_only=True)
class Pending(Record):
    """What a job waits for people to say."""

    approvals: int = 0
    inputs: int = 0


@dataclass(frozen=True, kw_only=True)
class JobRecord(Record):
    """A job, as it was when the service answered.

    Attributes:
        status: ``queued``, ``processing``, ``completed`` or ``failed``.
        state: More exactly: ``running``, ``awaiting_approval``, ``cancelled`` …
        progress: 0 to 1.
        result: What came of it.
        error: Why it failed, as a problem document.
    """

    job_id: str = ""
    status: str = ""
    progress: float = 0.0
    result: Json = None
    priority: str = ""
    callback_url: str | None = None
    created_at: datetime | None = None
    completed_at: datetime | None = None
    objective: str = ""
    state: str = ""
    state_reason: str | None = None
    progress_detail: ProgressDetail = ProgressDetail()
    error: JsonObject | None = None
    agent: str | None = None
    workflow: str | None = None
    parent_job_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    usage: Spent = Spent()
    budget: Mapping[str, int] = field(default_factory=dict)
    pending: Pending = Pending()
    attempt: int = 0
    version: int = 0
    started_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether it has ended, also with a status that is not known here."""
        return self.status in ("completed", "failed") or self.completed_at is not None

    @property
    def waits(self) -> bool:
        """Whether it goes on only when people have said something."""
        return self.state in ("awaiting_approval", "awaiting_input", "paused")


@dataclass(frozen=True, kw_only=True)
class Event(Record):
    """Something that happened in a job.

    Attributes:
        type: What: ``step.started``, ``message.delta``, ``job.completed`` …
        seq: Its number, from 1, without gaps; `None` for what is not kept, such as
            pieces of answers.
        state: The state of the job with it.
        data: More about it.
    """

    type: str = ""
    seq: int | None = None
    job_id: str = ""
    ts: datetime | None = None
    state: str = ""
    data: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ModelUsage(Record):
    """What one model did in one step."""

    step: str = ""
    agent: str = ""
    model: str = ""
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd_micros: int | None = None
    unpriced_calls: int = 0
    failed_attempts: int = 0


@dataclass(frozen=True, kw_only=True)
class Usage(Record):
    """What a job spent, by step and model."""

    job_id: str = ""
    prices: str = ""
    data: Sequence[ModelUsage] = ()


@dataclass(frozen=True, kw_only=True)
class Artifact(Record):
    """A file that a job gave."""

    artifact_id: str = ""
    path: str = ""
    media_type: str = ""
    size: int = 0
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class Approval(Record):
    """What a job would do, exactly, and what became of it.

    Attributes:
        args_sha256: The digest of tool and arguments: what a decision is about.
        state: ``pending``, ``approved``, ``rejected``, ``expired`` or ``void``.
    """

    approval_id: str = ""
    tool: str = ""
    args: JsonObject = field(default_factory=dict)
    args_sha256: str = ""
    risk: str = ""
    comment: str | None = None
    edited_args: JsonObject | None = None
    job_id: str = ""
    step: str = ""
    reason: str = ""
    requested_at: datetime | None = None
    expires_at: datetime | None = None
    state: str = ""
    decided_by: str | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Question(Record):
    """What a job asks people, and what became of it."""

    interrupt_id: str = ""
    question: str = ""
    response_schema: JsonObject = field(default_factory=dict)
    job_id: str = ""
    step: str = ""
    reason: str = ""
    requested_at: datetime | None = None
    expires_at: datetime | None = None
    state: str = ""
    decided_by: str | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class CatalogueAgent(Record):
    """An agent that an objective may name."""

    name: str = ""
    qualified: str = ""
    description: str = ""
    task_types: Sequence[str] = ()
    capabilities: Sequence[str] = ()
    tools: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class CatalogueTool(Record):
    """A tool that agents may use."""

    name: str = ""
    qualified: str = ""
    description: str = ""
    parameters: JsonObject | None = None
    risk: str = ""
    effect: str = ""
    capabilities: Sequence[str] = ()
    requires_approval: bool = False


@dataclass(frozen=True, kw_only=True)
class WebhookEndpoint(Record):
    """Somebody who is told.

    Attributes:
        secret: What signs; only where it was just made.
    """

    endpoint_id: str = ""
    url: str = ""
    events: Sequence[str] = ()
    description: str = ""
    asymmetric: bool = False
    include_result: bool = False
    enabled: bool = True
    disabled_for: str | None = None
    failing_since: datetime | None = None
    created_at: datetime | None = None
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class DeliveryAttempt(Record):
    """One time that a message was sent."""

    number: int = 0
    at: datetime | None = None
    outcome: str = ""
    milliseconds: int = 0


@dataclass(frozen=True, kw_only=True)
class Delivery(Record):
    """A message for one receiver."""

    delivery_id: str = ""
    endpoint_id: str | None = None
    job_id: str | None = None
    url: str = ""
    message_id: str = ""
    event_type: str = ""
    state: str = ""
    attempts: int = 0
    outcome: str | None = None
    due_at: datetime | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    history: Sequence[DeliveryAttempt] = ()


@dataclass(frozen=True, kw_only=True)
class ApiKey(Record):
    """What is known of an API key.

    Attributes:
        key: The key itself; only where it was just made.
    """

    key_id: str = ""
    user_id: str = ""
    name: str = ""
    hint: str = ""
    scopes: Sequence[str] = ()
    cidrs: Sequence[str] = ()
    created_at: datetime | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    key: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Me(Record):
    """Who asks, and what they may do."""

    kind: str = ""
    tenant_id: str = ""
    user_id: str = ""
    email: str = ""
    name: str = ""
    roles: Sequence[str] = ()
    scopes: Sequence[str] = ()
    session_id: str | None = None
    key_id: str | None = None
    auth_time: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Tokens(Record):
    """What somebody who logged in goes on with; a refresh token is good once."""

    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    expires_in: int = 0
    token_type: str = "Bearer"


@dataclass(frozen=True, kw_only=True)
class WebhookEvent(Record):
    """What a webhook tells.

    Attributes:
        message_id: The same however often it is sent: act on it once.
    """

    message_id: str = ""
    type: str = ""
    timestamp: datetime | None = None
    data: JsonObject = field(default_factory=dict)
