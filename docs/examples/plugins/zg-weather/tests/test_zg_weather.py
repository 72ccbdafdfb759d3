"""The agent says what the service measured; nobody sees the key."""

from __future__ import annotations

import contextlib
import json

import anyio
import pytest
import zg_weather.plugin
from weather_service import KEY, Service

import zg_core as zg
from zg_core.testing import ScriptedProvider

WORK = zg.Workflow("work", (zg.Step("say", agent="forecaster"),))


def ask(
    service: Service, *answers: str, key: str = KEY, **section: object
) -> tuple[zg.RunResult, ScriptedProvider, list[zg.Event]]:
    """Do a run with the forecaster; return it with all that was said and done."""
    model = ScriptedProvider(*answers)
    section = {"base_url": service.url, "api_key": key, **section}
    config = zg.Config(plugins_config={"zg-weather-plugin": section})

    async def run() -> tuple[zg.RunResult, ScriptedProvider, list[zg.Event]]:
        options = zg.RunOptions(model="scripted:any")
        async with zg.Engine.open(
            zg_weather.plugin, model, config=config, journal="memory", discover=False
        ) as engine:
            run_id = await engine.accept(
                WORK, "What do I wear in Rome?", options=options
            )
            with contextlib.suppress(zg.ZeroGravityError):
                await engine.resume(run_id)
            return (
                await engine.result(run_id),
                model,
                list(await engine.journal.read(run_id)),
            )

    return anyio.run(run)


def test_the_agent_says_what_was_measured(service: Service) -> None:
    result, model, _ = ask(service, '{"city": "Rome"}', "Clear. Wear a shirt.")

    assert result.output == "Clear. Wear a shirt."
    told = model.requests[1].messages[-1].text
    assert json.loads(told.partition("\n\n")[2]) == {
        "city": "Rome",
        "sky": "clear sky",
        "temperature": 21.5,
        "unit": "°C",
        "wind": 3,
    }


def test_the_units_are_configured(service: Service) -> None:
    ask(service, '{"city": "Rome"}', "Warm.", units="imperial")

    assert service.queries[0]["units"] == ["imperial"]


def test_a_city_there_is_not_is_said(service: Service) -> None:
    result, _, _ = ask(service, '{"city": "Atlantis"}')

    assert result.status == "failed"
    assert "knows no 'Atlantis'" in str(result.error)


def test_a_key_that_is_refused_is_said(service: Service) -> None:
    result, _, _ = ask(service, '{"city": "Rome"}', key="another")

    assert "refuses the key" in str(result.error)


def test_a_service_that_is_down_is_said() -> None:
    gone = Service("http://127.0.0.1:9")

    result, _, _ = ask(gone, '{"city": "Rome"}')

    assert "does not answer" in str(result.error)


@pytest.mark.parametrize("cities", [["Rome"], ["Atlantis"]])
def test_the_key_is_in_no_event(service: Service, cities: list[str]) -> None:
    _, _, events = ask(service, json.dumps({"city": cities[0]}), "Clear.")

    assert events
    assert all(KEY not in repr(event) for event in events)


def test_without_a_key_it_says_how_to_give_one(service: Service) -> None:
    result, _, _ = ask(service, '{"city": "Rome"}', key="")

    assert "OPENWEATHER_KEY" in str(result.error)


def test_units_there_are_not_are_refused(service: Service) -> None:
    result, _, _ = ask(service, '{"city": "Rome"}', units="kelvin")

    assert "metric" in str(result.error)
