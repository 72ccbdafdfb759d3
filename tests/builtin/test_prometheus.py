"""The exporter `prometheus`: the right numbers, under names Prometheus asks for."""

from __future__ import annotations

import shutil
import socket
import subprocess
import urllib.request
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from offering import Offering, ask, flow, say
from prometheus_client.openmetrics.parser import text_string_to_metric_families

import zg_core as zg
from zg_core.testing import ScriptedProvider
from zg_plugins_builtin.exporters import _known_runs
from zg_plugins_builtin.exporters.prometheus import PrometheusExporter

pytestmark = pytest.mark.anyio
ERROR = zg.ErrorInfo(type="RunError", cause="it broke")
SEVERAL = zg.Workflow("pair", (zg.Step("a", agent="x"), zg.Step("b", agent="y")))


@pytest.fixture
async def exporter() -> AsyncIterator[PrometheusExporter]:
    exporter = PrometheusExporter()
    yield exporter
    exporter.close()


def at(seconds: float) -> str:
    return f"2026-01-01T00:00:{seconds:06.3f}Z"


def a_run(run_id: str = "r", end: zg.Event | None = None) -> list[zg.Event]:
    """Return the events of a run of two steps, the first of which asks and calls."""
    answer = zg.Response(
        message=zg.Message(role="assistant", parts=()),
        usage=zg.Usage(input_tokens=30, output_tokens=12, calls=1),
    )
    happened: Sequence[zg.Event] = (
        zg.RunAccepted(objective="secret plans", workflow=SEVERAL, at=at(0)),
        zg.RunStarted(
            model="m",
            model_reason="",
            agents={"a": "p:x", "b": "p:y"},
            core="0",
            api=1,
            python="3",
            at=at(1),
        ),
        zg.StepStarted(step="a", agent="p:x", at=at(1)),
        zg.ModelFailed(step="a", call_key="k", model="p:m", error=ERROR),
        zg.ModelAnswered(
            step="a",
            call_key="k",
            model="p:m",
            response=answer,
            cost_usd=0.25,
            duration_seconds=1.5,
        ),
        zg.ModelAnswered(
            step="a",
            call_key="l",
            model="p:m",
            response=answer,
            cost_usd=None,
            duration_seconds=1.5,
        ),
        *(
            zg.ToolFinished(
                step="a",
                call_key="t",
                tool="p:look",
                result=zg.ToolResult(call_id="c", error=error),
                duration_seconds=0.02,
            )
            for error in (None, "no light")
        ),
        zg.StepFinished(step="a", output="", at=at(4)),
        zg.StepSkipped(step="b", reason="not chosen", at=at(4)),
        end or zg.RunFinished(output="", at=at(7)),
    )
    return [replace(event, run_id=run_id) for event in happened]


def numbers(exporter: PrometheusExporter) -> dict[str, float]:
    """Return what is not zero, by name and labels, without buckets."""
    return {
        f"{sample.name}{dict(sorted(sample.labels.items())) or ''}": sample.value
        for family in exporter.registry.collect()
        for sample in family.samples
        if sample.value and not sample.name.endswith(("_bucket", "_created"))
    }


async def test_each_event_adds_to_what_it_is_about(
    exporter: PrometheusExporter,
) -> None:
    await exporter.export(a_run())
    await exporter.flush(1)

    assert numbers(exporter) == {
        "zerogravity_runs_started_total{'workflow': 'pair'}": 1,
        "zerogravity_runs_finished_total{'status': 'completed', 'workflow': 'pair'}": 1,
        "zerogravity_run_duration_seconds_count{'workflow': 'pair'}": 1,
        "zerogravity_run_duration_seconds_sum{'workflow': 'pair'}": 6,
        "zerogravity_steps_total{'agent': 'p:x', 'status': 'finished'}": 1,
        "zerogravity_steps_total{'agent': 'p:y', 'status': 'skipped'}": 1,
        "zerogravity_step_duration_seconds_count{'agent': 'p:x'}": 1,
        "zerogravity_step_duration_seconds_sum{'agent': 'p:x'}": 3,
        "zerogravity_model_calls_total{'model': 'p:m', 'outcome': 'failed'}": 1,
        "zerogravity_model_calls_total{'model': 'p:m', 'outcome': 'answered'}": 2,
        "zerogravity_model_call_duration_seconds_count{'model': 'p:m'}": 2,
        "zerogravity_model_call_duration_seconds_sum{'model': 'p:m'}": 3,
        "zerogravity_model_tokens_total{'direction': 'input', 'model': 'p:m'}": 60,
        "zerogravity_model_tokens_total{'direction': 'output', 'model': 'p:m'}": 24,
        "zerogravity_model_cost_usd_total{'model': 'p:m'}": 0.25,
        "zerogravity_tool_calls_total{'outcome': 'returned', 'tool': 'p:look'}": 1,
        "zerogravity_tool_calls_total{'outcome': 'failed', 'tool': 'p:look'}": 1,
        "zerogravity_tool_call_duration_seconds_count{'tool': 'p:look'}": 2,
        "zerogravity_tool_call_duration_seconds_sum{'tool': 'p:look'}": 0.04,
    }


async def test_an_agent_that_is_asked_is_counted_by_its_own_name(
    exporter: PrometheusExporter,
) -> None:
    first, begun, *_ = a_run()
    happened: Sequence[zg.Event] = (
        zg.StepStarted(step="a", agent="p:x", at=at(1)),
        zg.StepStarted(step="a/z.1", agent="p:z", call_key="k", at=at(2)),
        zg.StepStarted(step="a/z.2", agent="p:z", call_key="l", at=at(2)),
        zg.StepFinished(step="a/z.1", output="", call_key="k", at=at(5)),
        zg.StepFinished(step="a", output="", at=at(6)),  # without waiting for z.2
    )
    await exporter.export([first, begun, *(replace(e, run_id="r") for e in happened)])

    found = numbers(exporter)
    assert found["zerogravity_steps_total{'agent': 'p:z', 'status': 'finished'}"] == 1
    assert found["zerogravity_step_duration_seconds_sum{'agent': 'p:z'}"] == 3
    assert found["zerogravity_step_duration_seconds_sum{'agent': 'p:x'}"] == 5


@pytest.mark.parametrize(
    ("allow", "failed", "after", "verdict"),
    [
        (True, False, "1", "allowed"),
        (True, False, "2", "changed"),
        (False, False, "1", "refused"),
        (True, True, "1", "failed"),
        (False, True, "1", "failed"),
    ],
)
async def test_what_a_guardrail_said_is_counted(
    exporter: PrometheusExporter, allow: bool, failed: bool, after: str, verdict: str
) -> None:
    decided = zg.GuardrailDecided(
        guardrail="p:g",
        stage="input",
        subject="objective",
        step="",
        call_key="",
        allow=allow,
        reason="",
        failed=failed,
        before_sha256="1",
        after_sha256=after,
    )
    await exporter.export([decided])

    labels = f"{{'guardrail': 'p:g', 'verdict': '{verdict}'}}"
    assert numbers(exporter) == {f"zerogravity_guardrail_decisions_total{labels}": 1}


async def test_a_run_is_under_way_until_it_ends_and_again_when_it_is_taken_up(
    exporter: PrometheusExporter,
) -> None:
    def under_way() -> float:
        return numbers(exporter).get("zerogravity_runs_under_way", 0)

    *first, end = a_run("r", zg.RunFailed(error=ERROR, at=at(3)))
    accepted = a_run("waits")[0]
    await exporter.export([*first, accepted])
    assert under_way() == 1
    await exporter.export([end])
    assert under_way() == 0
    await exporter.export(
        [
            zg.RunResumed(run_id="r", epoch=2, at=at(9)),
            zg.StepDegraded(run_id="r", step="a", output="", error=ERROR, at=at(9)),
            zg.StepFailed(run_id="r", step="b", error=ERROR, at=at(9)),
        ]
    )
    assert under_way() == 1
    await exporter.export([zg.RunCancelled(run_id="r", at=at(19))])

    found = numbers(exporter)
    assert under_way() == 0
    assert found["zerogravity_runs_started_total{'workflow': 'pair'}"] == 2
    assert found["zerogravity_run_duration_seconds_sum{'workflow': 'pair'}"] == 2 + 10
    assert found["zerogravity_step_duration_seconds_count{'agent': 'p:x'}"] == 1
    for status in ("failed", "cancelled"):
        name = f"{{'status': '{status}', 'workflow': 'pair'}}"
        assert found[f"zerogravity_runs_finished_total{name}"] == 1
    for agent, status in (("x", "degraded"), ("y", "failed")):
        name = f"{{'agent': 'p:{agent}', 'status': '{status}'}}"
        assert found[f"zerogravity_steps_total{name}"] == 1


async def test_a_paused_run_is_not_under_way(exporter: PrometheusExporter) -> None:
    await exporter.export(a_run("r", zg.RunPaused(run_id="r", reason="x", at=at(3))))

    found = numbers(exporter)
    assert "zerogravity_runs_under_way" not in found
    name = "{'status': 'paused', 'workflow': 'pair'}"
    assert found[f"zerogravity_runs_finished_total{name}"] == 1


async def test_an_end_whose_begin_was_not_seen_has_no_duration(
    exporter: PrometheusExporter,
) -> None:
    await exporter.export([zg.RunFinished(run_id="r", output="", at=at(3))])

    assert numbers(exporter) == {
        "zerogravity_runs_finished_total{'status': 'completed', 'workflow': 'other'}": 1
    }


async def test_labels_have_a_bound_and_hold_nothing_of_users(
    exporter: PrometheusExporter,
) -> None:
    for number in range(150):
        await exporter.export(
            [
                zg.RunAccepted(
                    run_id=f"run-{number}",
                    objective=f"objective-{number}",
                    workflow=zg.Workflow(f"flow-{number}", SEVERAL.steps),
                ),
                zg.RunResumed(run_id=f"run-{number}", epoch=2),
            ]
        )
    for odd in ("m" * 201, "half a \ud800", "two\nlines", ""):
        await exporter.export(
            [zg.ModelFailed(step="a", call_key="k", model=odd, error=ERROR)]
        )

    found = numbers(exporter)
    started = [name for name in found if "runs_started_total" in name]
    assert len(started) == 101
    assert found["zerogravity_runs_started_total{'workflow': 'other'}"] == 50
    failed = "{'model': 'other', 'outcome': 'failed'}"
    assert found[f"zerogravity_model_calls_total{failed}"] == 4
    assert "run-" not in str(found)
    assert "objective" not in str(found)


async def test_what_it_keeps_of_runs_has_a_bound(
    exporter: PrometheusExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_known_runs, "_MOST", 3)
    for number in range(9):
        await exporter.export([zg.RunResumed(run_id=str(number), epoch=2, at=at(1))])

    assert numbers(exporter)["zerogravity_runs_under_way"] == 3


def fetched(url: str, **headers: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as got:
        text: str = got.read().decode()
    return text


async def test_it_serves_until_it_is_closed(exporter: PrometheusExporter) -> None:
    await exporter.export(a_run())
    port = exporter.serve(0)
    url = f"http://127.0.0.1:{port}/metrics"
    open_metrics = fetched(url, Accept="application/openmetrics-text; version=1.0.0")
    families = list(text_string_to_metric_families(open_metrics))

    assert isinstance(exporter, zg.Scrapable)
    assert 'zerogravity_runs_started_total{workflow="pair"} 1.0' in fetched(url)
    assert all(family.name.startswith("zerogravity_") for family in families)
    assert {"counter", "gauge", "histogram"} == {family.type for family in families}
    with pytest.raises(zg.ConfigError, match=f"served already, on port {port}"):
        exporter.serve(0)
    exporter.close()
    exporter.close()
    with pytest.raises(OSError, match="refused"):
        fetched(url)


@pytest.mark.parametrize(
    ("port", "address", "why"),
    [(-1, "127.0.0.1", "port"), (70_000, "127.0.0.1", "port"), (0, "256.1", "")],
)
async def test_a_port_that_cannot_be_is_an_error_with_a_remedy(
    exporter: PrometheusExporter, port: int, address: str, why: str
) -> None:
    with pytest.raises(zg.ConfigError, match=f"served on {address}.*{why}") as caught:
        exporter.serve(port, address)

    assert "another port" in caught.value.remedy


async def test_a_port_that_is_taken_is_an_error(exporter: PrometheusExporter) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(zg.ConfigError, match="in use"),
    ):
        exporter.serve(taken.getsockname()[1])


async def test_two_of_them_share_nothing(exporter: PrometheusExporter) -> None:
    other = PrometheusExporter()
    await exporter.export(a_run())

    assert numbers(other) == {}


async def test_an_engine_counts_what_it_does() -> None:
    config = zg.Config(model="scripted:m", exporters_enabled=("prometheus",))
    async with zg.Engine.open(
        Offering(a=ask(), b=say("ok")),
        ScriptedProvider("hi"),
        config=config,
        journal="memory",
        discover=(),
    ) as engine:
        exporter: Any = engine.exporter("prometheus")
        await engine.run(flow("a", "b", b="a"), "x")
    found = numbers(exporter)

    assert found["zerogravity_runs_started_total{'workflow': 'test'}"] == 1
    (answered,) = (name for name in found if "model_calls_total" in name)
    assert "scripted:m" in answered
    steps = "{'agent': 'offering:b', 'status': 'finished'}"
    assert found[f"zerogravity_steps_total{steps}"] == 1
    assert "zerogravity_runs_under_way" not in found


@pytest.mark.heavy
async def test_promtool_finds_nothing_to_object_to(
    exporter: PrometheusExporter,
) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("there is no promtool here; .ci/run fetches it")
    await exporter.export(a_run())
    text = fetched(f"http://127.0.0.1:{exporter.serve(0)}/metrics")
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True
    )

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
