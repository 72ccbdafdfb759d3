"""Count and time what runs do, for Prometheus to fetch.

No label holds a run's id, an objective or the name of a step: who sets those up could
make a series of each. The labels there are have a bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    start_http_server,
)

import zg_core as zg

from ._known_runs import KnownRuns

__all__ = ["PrometheusExporter"]

_MOST_VALUES = 100
_LONGEST_VALUE = 200
_OTHER = "other"
_TOOL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_MODEL_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300)
_STEP_SECONDS = (0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
_RUN_SECONDS = (0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)


class PrometheusExporter:
    """Keeps the numbers, and serves them where it is asked to.

    Attributes:
        registry: The numbers, for whoever serves them with an application of their
            own: ``prometheus_client.make_asgi_app(exporter.registry)``.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._numbers = _Numbers(self.registry)
        self._server: tuple[WSGIServer, Thread] | None = None

    async def export(self, events: Sequence[zg.Event]) -> None:
        """Count events, which takes no time worth a thread."""
        for event in events:
            self._numbers.count(event)

    async def flush(self, seconds: float) -> None:
        """Do nothing: whoever wants the numbers fetches them."""

    def serve(self, port: int, address: str = "127.0.0.1") -> int:
        """Serve the numbers over HTTP until `close`, and return the port.

        Args:
            port: The port; 0 is any that is free.
            address: Where to listen.

        Raises:
            ConfigError: If the port cannot be had, or they are served already.
        """
        if self._server is not None:
            raise zg.ConfigError(
                f"the metrics are served already, on port {self._port}",
                "fetch them there",
            )
        try:
            self._server = start_http_server(port, address, self.registry)
        except (OSError, OverflowError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise zg.ConfigError(
                f"the metrics cannot be served on {address} port {port}: {why}",
                "choose another port; 0 is any that is free",
                port=port,
            ) from error
        return self._port

    @property
    def _port(self) -> int:
        return self._server[0].server_port if self._server else 0

    def close(self) -> None:
        """Serve no longer."""
        if self._server is not None:
            server, thread = self._server
            self._server = None
            server.shutdown()
            server.server_close()
            thread.join()


class _Values:
    """The values a label has had; whatever comes after too many is ``other``."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def __call__(self, value: str) -> str:
        if value in self._known:
            return value
        usable = 0 < len(value) <= _LONGEST_VALUE and value.isprintable()
        if not usable or len(self._known) >= _MOST_VALUES:
            return _OTHER
        self._known.add(value)
        return value


class _Numbers:
    """All the numbers there are, and what each event does to them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def of(
            kind: type[Any], name: str, about: str, *labels: str, **more: Any
        ) -> Any:
            return kind(
                name, about, labels, namespace="zerogravity", registry=registry, **more
            )

        self._runs = KnownRuns()
        self._workflow, self._agent, self._model = _Values(), _Values(), _Values()
        self._tool, self._guardrail = _Values(), _Values()
        self._offer_runs(of)
        self._offer_calls(of)

    def _offer_runs(self, of: Callable[..., Any]) -> None:
        self._started = of(
            Counter, "runs_started_total", "Runs begun or taken up again.", "workflow"
        )
        self._finished = of(
            Counter, "runs_finished_total", "Runs ended.", "workflow", "status"
        )
        self._under_way = of(Gauge, "runs_under_way", "Runs being done.")
        self._run_seconds = of(
            Histogram,
            "run_duration_seconds",
            "How long runs took, from begun or taken up to their end.",
            "workflow",
            buckets=_RUN_SECONDS,
        )
        self._steps = of(Counter, "steps_total", "Steps ended.", "agent", "status")
        self._step_seconds = of(
            Histogram,
            "step_duration_seconds",
            "How long steps took.",
            "agent",
            buckets=_STEP_SECONDS,
        )

    def _offer_calls(self, of: Callable[..., Any]) -> None:
        self._model_calls = of(
            Counter, "model_calls_total", "Attempts to ask a model.", "model", "outcome"
        )
        self._tokens = of(
            Counter,
            "model_tokens_total",
            "Tokens of answered calls.",
            "model",
            "direction",
        )
        self._cost = of(
            Counter,
            "model_cost_usd_total",
            "What answered calls of known price cost.",
            "model",
        )
        self._model_seconds = of(
            Histogram,
            "model_call_duration_seconds",
            "From sending a request to the whole answer.",
            "model",
            buckets=_MODEL_SECONDS,
        )
        self._tool_calls = of(
            Counter, "tool_calls_total", "Calls of tools.", "tool", "outcome"
        )
        self._tool_seconds = of(
            Histogram,
            "tool_call_duration_seconds",
            "How long calls of tools took.",
            "tool",
            buckets=_TOOL_SECONDS,
        )
        self._decisions = of(
            Counter,
            "guardrail_decisions_total",
            "What guardrails said.",
            "guardrail",
            "verdict",
        )

    def count(self, event: zg.Event) -> None:
        """Take an event into account."""
        match event:
            case zg.RunAccepted():
                self._runs[event.run_id].workflow = event.workflow.name
            case zg.RunStarted():
                self._runs[event.run_id].agents = event.agents
                self._begin(event)
            case zg.RunResumed():
                self._begin(event)
            case zg.RunFinished() | zg.RunFailed() | zg.RunCancelled() | zg.RunPaused():
                self._end(event)
            case zg.StepStarted():
                run = self._runs[event.run_id]
                run.begin_step(event.step, event.agent, event.at)
            case zg.StepFinished():
                self._end_step(event, event.step, "finished")
            case zg.StepDegraded():
                self._end_step(event, event.step, "degraded")
            case zg.StepFailed():
                self._end_step(event, event.step, "failed")
            case zg.StepSkipped():
                self._end_step(event, event.step, "skipped")
            case zg.ModelAnswered() if not event.replayed:
                self._answered(event)
            case zg.ModelFailed() if not event.replayed:
                self._model_calls.labels(self._model(event.model), "failed").inc()
            case zg.ToolFinished() if not event.replayed:
                tool = self._tool(event.tool)
                outcome = "failed" if event.result.error is not None else "returned"
                self._tool_calls.labels(tool, outcome).inc()
                self._tool_seconds.labels(tool).observe(event.duration_seconds)
            case zg.GuardrailDecided():
                guardrail = self._guardrail(event.guardrail)
                self._decisions.labels(guardrail, _verdict(event)).inc()

    def _begin(self, event: zg.Event) -> None:
        run = self._runs[event.run_id]
        run.begin(event.at)
        self._started.labels(self._workflow(run.workflow)).inc()
        self._under_way.set(self._runs.under_way)

    def _end(self, event: zg.Event) -> None:
        run, status = self._runs[event.run_id], zg.status_after(event)
        workflow = self._workflow(run.workflow)
        self._finished.labels(workflow, status).inc()
        if (took := run.end(event.at)) is not None:
            self._run_seconds.labels(workflow).observe(took)
        if isinstance(event, zg.RunFinished):
            self._runs.forget(event.run_id)
        self._under_way.set(self._runs.under_way)

    def _end_step(self, event: zg.Event, step: str, status: str) -> None:
        name, took = self._runs[event.run_id].end_step(step, event.at)
        agent = self._agent(name)
        self._steps.labels(agent, status).inc()
        if took is not None:
            self._step_seconds.labels(agent).observe(took)

    def _answered(self, event: zg.ModelAnswered) -> None:
        model, usage = self._model(event.model), event.response.usage
        self._model_calls.labels(model, "answered").inc()
        self._model_seconds.labels(model).observe(event.duration_seconds)
        self._tokens.labels(model, "input").inc(usage.input_tokens)
        self._tokens.labels(model, "output").inc(usage.output_tokens)
        if event.cost_usd is not None:
            self._cost.labels(model).inc(event.cost_usd)


def _verdict(event: zg.GuardrailDecided) -> str:
    if event.failed:
        return "failed"
    if not event.allow:
        return "refused"
    return "allowed" if event.after_sha256 == event.before_sha256 else "changed"
