"""One use of every hook; the reference of hooks shows them, and a test loads them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import zg_core.plugin_api as zg

log = logging.getLogger("zg_weather")


@zg.hookimpl
def zg_register_agents(host: zg.HostInfo) -> list[zg.AgentSpec]:
    return [
        zg.AgentSpec(
            name="forecaster",
            description="Says what the weather will be.",
            factory="zg_weather.agents:Forecaster",
            tools=("current-weather",),
        )
    ]


@zg.hookimpl
def zg_register_tools(host: zg.HostInfo) -> list[zg.ToolSpec]:
    return [
        zg.ToolSpec(
            name="current-weather",
            description="Tell the weather of a city as it is now.",
            factory="zg_weather.service:make_current_weather",
            parameters={"type": "object", "properties": {"city": {"type": "string"}}},
            effect="read",
            capabilities=frozenset({"network", "secrets"}),
        )
    ]


@zg.hookimpl
def zg_register_providers(host: zg.HostInfo) -> list[zg.ProviderSpec]:
    return [
        zg.ProviderSpec(
            name="clouds",
            description="Asks the models of clouds.example.",
            factory="zg_weather.provider:make_provider",
            default_model="cirrus-1",
            detect=zg.Detect(env=("CLOUDS_API_KEY",)),
        )
    ]


@zg.hookimpl
def zg_register_classifiers(host: zg.HostInfo) -> list[zg.ClassifierSpec]:
    return [
        zg.ClassifierSpec(
            name="by-season",
            description="Goes by the seasons an objective speaks of.",
            factory="zg_weather.classifier:BySeason",
            labels=("summer", "winter"),
        )
    ]


@zg.hookimpl
def zg_register_exporters(host: zg.HostInfo) -> list[zg.ExporterSpec]:
    return [
        zg.ExporterSpec(
            name="station",
            description="Sends metrics to a weather station.",
            factory="zg_weather.exporter:make_exporter",
            signals=frozenset({"metrics"}),
        )
    ]


@zg.hookimpl
def zg_register_guardrails(host: zg.HostInfo) -> list[zg.GuardrailSpec]:
    return [
        zg.GuardrailSpec(
            name="no-addresses",
            description="Takes e-mail addresses out of what models are sent.",
            factory="zg_weather.guardrail:NoAddresses",
            stages=frozenset({"input"}),
        )
    ]


@zg.hookimpl
def zg_register_workflows(host: zg.HostInfo) -> list[zg.WorkflowSpec]:
    steps = (
        zg.Step("look", agent="zg-weather:forecaster"),
        zg.Step("tell", agent="operator", needs=("look",)),
    )
    return [
        zg.WorkflowSpec(
            name="morning-report",
            description="Looks at the weather, and tells everybody.",
            workflow=zg.Workflow("morning-report", steps),
        )
    ]


@zg.hookimpl
def zg_register_journals(host: zg.HostInfo) -> list[zg.JournalSpec]:
    return [
        zg.JournalSpec(
            name="barometer",
            description="Keeps runs in a database of its own: barometer://host/db.",
            factory="zg_weather.journal:open_journal",
        )
    ]


@zg.hookimpl
def zg_register_runtimes(host: zg.HostInfo) -> list[zg.RuntimeSpec]:
    return [
        zg.RuntimeSpec(
            name="station-queue",
            description="Has runs done by the machines of the station.",
            factory="zg_weather.runtime:make_runtime",
        )
    ]


@zg.hookimpl
def zg_register_commands(host: zg.HostInfo) -> list[zg.CommandSpec]:
    return [
        zg.CommandSpec(
            name="weather",
            description="Show the weather, without any agent.",
            factory="zg_weather.command:weather",
        )
    ]


@zg.hookimpl
def zg_configure(config: Mapping[str, Any]) -> None:
    if config.get("units", "metric") not in ("metric", "imperial"):
        raise zg.ConfigError("units is neither metric nor imperial", "correct it")


@zg.hookimpl
async def zg_shutdown(host: zg.HostInfo) -> None:
    log.info("closed the connection to the station")


@zg.hookimpl
def zg_run_started(run: zg.RunInfo) -> None:
    log.info("%s begins%s", run.run_id, " again" if run.resumed else "")


@zg.hookimpl
def zg_step_started(run: zg.RunInfo, step: zg.StepInfo) -> None:
    log.info("%s: %s begins", run.run_id, step.agent)


@zg.hookimpl
def zg_model_called(run: zg.RunInfo, step: zg.StepInfo, call: zg.ModelCallInfo) -> None:
    log.info("%s: %s used %s", step.name, call.model, call.usage.total_tokens)


@zg.hookimpl
def zg_tool_called(run: zg.RunInfo, step: zg.StepInfo, call: zg.ToolCallInfo) -> None:
    log.info("%s: %s took %.1f s", step.name, call.tool, call.duration_seconds)


@zg.hookimpl
async def zg_step_finished(
    run: zg.RunInfo, step: zg.StepInfo, outcome: zg.StepOutcome
) -> None:
    log.info("%s: %s %s", run.run_id, step.name, outcome.status)


@zg.hookimpl
async def zg_run_finished(run: zg.RunInfo, outcome: zg.RunOutcome) -> None:
    log.info("%s %s, for $%.4f", run.run_id, outcome.status, outcome.cost_usd)
