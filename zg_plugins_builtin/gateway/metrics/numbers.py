"""All the numbers there are, and what each thing that happens does to them.

Labels come from closed sets: no user, tenant, job, key, path or text of anybody is in
one, so that nobody can make a series of each.
"""

from __future__ import annotations

import platform
from datetime import datetime
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

import zg_core as zg

from ..errors import (
    GatewayError,
    InsufficientScopeError,
    QuotaExceededError,
    TokenExpiredError,
)
from ..http.access_log import Served
from ..jobs import Job, Question
from ..limits import SCOPES
from ..webhooks.courier import Sent

__all__ = ["Numbers"]

_OTHER = "other"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_TIMED = frozenset(
    {
        "/api/v1/objective",
        "/api/v1/job/{job_id}",
        "/api/v1/job/{job_id}/cancel",
        "/api/v1/jobs",
        "/api/v1/approvals",
        "/api/v1/approvals/{approval_id}/decision",
        "/api/v1/auth/login",
        "/readyz",
    }
)
"""The routes that have their own times; all others share theirs."""
_STREAMED = frozenset({"/api/v1/job/{job_id}/events", "/v1/chat/completions"})
"""What may take as long as a client likes, and has no time."""
_PASSWORDS, _RETURNS = "/api/v1/auth/login", "/api/v1/auth/oauth/{provider}/callback"
_NO_METHOD = 405
_RISKS = ("low", "medium", "high", "critical")
_HTTP = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_JOB = (1, 2.5, 5, 10, 15, 20, 30, 60, 120, 300, 900, 3600)
_WAIT = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600)
_SENT = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)
_COMMIT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)


class _Often:
    """A number that is looked up by its labels for each request: each lookup once."""

    def __init__(self, metric: Any) -> None:
        self._metric = metric
        self._known: dict[tuple[str, ...], Any] = {}

    def labels(self, *values: str) -> Any:
        """Return the number with these labels, which are of closed sets."""
        known = self._known.get(values)
        if known is None:
            known = self._known[values] = self._metric.labels(*values)
        return known


class Numbers:
    """The numbers of one process.

    Attributes:
        registry: All of them.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counter = partial(Counter, registry=self.registry)
        gauge = partial(Gauge, registry=self.registry)
        histogram = partial(Histogram, registry=self.registry)
        self._offer_http(counter, gauge, histogram)
        self._offer_jobs(counter, gauge, histogram)
        self._offer_limits(counter, gauge)
        self._offer_rest(counter, gauge, histogram)

    def _offer_http(self, counter: Any, gauge: Any, histogram: Any) -> None:
        labels = ("http_request_method", "http_route", "http_response_status_code")
        self._requests = _Often(
            counter(
                "http_server_requests_total", "Requests that were answered.", labels
            )
        )
        self._request_seconds = _Often(
            histogram(
                "http_server_request_duration_seconds",
                "How long requests took, to the last byte; the status is its class.",
                labels,
                buckets=_HTTP,
            )
        )
        self._active = _Often(
            gauge(
                "http_server_active_requests",
                "Requests that are being answered.",
                ("http_request_method",),
            )
        )

    def _offer_jobs(self, counter: Any, gauge: Any, histogram: Any) -> None:
        ended = ("priority", "outcome")
        self._jobs = counter("zg_jobs_total", "Jobs that ended.", ended)
        self._job_seconds = histogram(
            "zg_job_duration_seconds",
            "How long jobs took, from their acceptance to their end.",
            ended,
            buckets=_JOB,
        )
        self._wait_seconds = histogram(
            "zg_job_queue_wait_seconds",
            "How long jobs waited, from their acceptance to their beginning.",
            ("priority",),
            buckets=_WAIT,
        )
        self.inflight = gauge("zg_jobs_inflight", "Jobs that have begun.", ("state",))
        self.depth = gauge("zg_queue_depth", "Jobs that could begin.", ("priority",))
        self.oldest = gauge(
            "zg_queue_oldest_seconds",
            "How long the oldest of them could have.",
            ("priority",),
        )
        self._approvals = counter(
            "zg_approvals_total", "What people decided.", ("risk", "decision")
        )
        self.pending = gauge("zg_approvals_pending", "What they are asked.", ("risk",))

    def _offer_limits(self, counter: Any, gauge: Any) -> None:
        self._rates = _Often(
            counter(
                "zg_ratelimit_total",
                "Requests that were held against a rate.",
                ("policy", "decision"),
            )
        )
        self._rejections = counter(
            "zg_budget_rejections_total",
            "Jobs and calls of models that a budget refused.",
            ("scope",),
        )
        self.reserved = gauge(
            "zg_budget_reserved_usd_micros",
            "What calls under way may cost, in millionths of a US dollar.",
            ("scope",),
        )
        self._auth = _Often(
            counter("zg_auth_total", "Who showed a credential.", ("method", "outcome"))
        )

    def _offer_rest(self, counter: Any, gauge: Any, histogram: Any) -> None:
        self._deliveries = counter(
            "zg_webhook_deliveries_total", "Attempts to tell a receiver.", ("outcome",)
        )
        self._delivery_seconds = histogram(
            "zg_webhook_delivery_seconds", "How long they took.", buckets=_SENT
        )
        self.backlog = gauge("zg_webhook_backlog", "Messages that are due.")
        self.streams = gauge("zg_sse_connections", "Streams that are open.")
        self._commits = histogram(
            "zg_db_commit_seconds",
            "How long it took until what was written was on the disk.",
            buckets=_COMMIT,
        )
        build = gauge("zg_build_info", "What runs.", ("version", "python"))
        build.labels(zg.__version__, platform.python_version()).set(1)

    # -- What happens ----------------------------------------------------------------

    def serving(self, method: str) -> None:
        """Count a request that has begun."""
        self._active.labels(_among(method, _METHODS)).inc()

    def served(self, served: Served) -> None:
        """Count a request that was answered."""
        method = _among(served.method, _METHODS)
        self._active.labels(method).dec()
        # With each method that a route does not have there would be one more of it.
        route = "none" if served.status == _NO_METHOD else served.route or "none"
        self._requests.labels(method, route, str(served.status)).inc()
        if route not in _STREAMED:
            timed = route if route in _TIMED else _OTHER
            status = f"{served.status // 100}xx"
            self._request_seconds.labels(method, timed, status).observe(served.seconds)
        if route == _PASSWORDS:
            self._auth.labels("password", _outcome(served.status)).inc()
        elif route == _RETURNS:
            self._auth.labels("oauth", _outcome(served.status)).inc()

    def authenticated(self, method: str, error: GatewayError | None) -> None:
        """Count a credential that was shown."""
        match error:
            case None:
                outcome = "ok"
            case TokenExpiredError():
                outcome = "expired"
            case InsufficientScopeError():
                outcome = "forbidden"
            case QuotaExceededError():
                outcome = "throttled"
            case _:
                outcome = "bad_credentials"
        self._auth.labels(method, outcome).inc()

    def rated(self, policy: str, allowed: bool) -> None:
        """Count a request that was held against a rate, all of which are known."""
        self._rates.labels(policy, "allowed" if allowed else "limited").inc()

    def refused(self, scope: str) -> None:
        """Count what a budget refused."""
        self._rejections.labels(_among(scope, SCOPES)).inc()

    def ended(self, job: Job) -> None:
        """Count a job that has ended."""
        self._jobs.labels(job.priority, job.state).inc()
        took = _seconds(job.created_at, job.completed_at)
        if took is not None:
            self._job_seconds.labels(job.priority, job.state).observe(took)
        waited = _seconds(job.created_at, job.started_at)
        if waited is not None:
            self._wait_seconds.labels(job.priority).observe(waited)

    def decided(self, question: Question) -> None:
        """Count what somebody decided."""
        risk = _among(question.risk, _RISKS)
        self._approvals.labels(risk, question.state).inc()

    def sent(self, sent: Sent) -> None:
        """Count an attempt to tell a receiver."""
        self._deliveries.labels(sent.outcome).inc()
        self._delivery_seconds.observe(sent.seconds)

    def committed(self, seconds: float) -> None:
        """Count a writing of the database."""
        self._commits.observe(seconds)


def _among(value: str, known: tuple[str, ...]) -> str:
    return value if value in known else _OTHER


def _outcome(status: int) -> str:
    if status < 400:
        return "ok"
    return {429: "throttled", 403: "forbidden"}.get(status, "bad_credentials")


def _seconds(begun: datetime, ended: datetime | None) -> float | None:
    return None if ended is None else max((ended - begun).total_seconds(), 0.0)
