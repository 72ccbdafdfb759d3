"""The classifier that asks the run's model."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from calling import Caller

import zg_core as zg
from zg_core.testing import ScriptedProvider, WireRequest, WireServer

pytestmark = pytest.mark.anyio


def said(label: str, confidence: int) -> str:
    return json.dumps({"label": label, "confidence": confidence})


@asynccontextmanager
async def opened(
    model: ScriptedProvider, **more: Any
) -> AsyncGenerator[zg.Engine, None]:
    config = zg.Config(classifier="model", model="scripted:any", **more)
    async with zg.Engine.open(
        model, config=config, journal=zg.MemoryJournal(), discover=()
    ) as engine:
        yield engine


async def label(
    *answers: Any, text: str = "Do it", info: zg.ModelInfo | None = None
) -> tuple[zg.Label | None, Sequence[zg.Request]]:
    model = ScriptedProvider(*answers, info=info)
    async with opened(model) as engine, engine.classifying() as asked:
        return await asked.label("builtin:model", text), model.requests


async def test_it_takes_the_models_word_and_how_sure_it_says_it_is() -> None:
    found, [request] = await label(said("creative", 85))

    assert found == zg.Label("creative", 0.85, "any says so, and how sure it is")
    assert request.output_schema is not None
    assert request.output_schema["properties"]["label"]["enum"] == [
        *("technical", "strategic", "creative", "general")
    ]
    assert request.messages[-1].text == "Do it"


async def test_a_small_model_is_not_asked_how_sure_it_is() -> None:
    small = zg.ModelInfo(small=True, tools=False)
    found, [request] = await label('{"label": "strategic"}', info=small)

    assert found is not None
    assert (found.name, found.probability) == ("strategic", 0.5)
    assert "not measured" in found.reason
    assert request.output_schema is not None
    assert list(request.output_schema["properties"]) == ["label"]
    assert request.max_output_tokens is not None


async def test_it_is_asked_again_and_then_abstains() -> None:
    again, twice = await label("weather", said("weather", 90), said("general", 60))
    never, thrice = await label("weather", "weather?", said("weather", 90))

    assert (again and again.name, len(twice)) == ("general", 3)
    assert (never, len(thrice)) == (None, 3)


async def test_it_abstains_where_the_model_refuses() -> None:
    refusal = zg.Response(
        message=zg.Message(role="assistant", parts=(zg.Text(text="No."),)),
        stop_reason="refusal",
    )

    assert (await label(refusal))[0] is None


async def test_a_long_text_is_shown_without_its_middle() -> None:
    text = "Build a site. " + "x" * 50_000 + " And a logo."

    _, [request] = await label(said("general", 50), text=text)

    shown = request.messages[-1].text
    assert len(shown) < 5000
    assert shown.startswith("Build a site.")
    assert shown.endswith("And a logo.")


async def test_no_model_is_said_as_for_any_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZG_CLASSIFIER", "model")
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    async with zg.Engine.open(journal="memory", discover=()) as engine:
        with pytest.raises(zg.ConfigError):
            await engine.route("Do it")


# -- Over the wire -------------------------------------------------------------------


@pytest.fixture
def served(wire: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real server whose answers fit any schema: here always the same category."""
    monkeypatch.setenv("OPENAI_BASE_URL", f"{wire}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    monkeypatch.setenv("ZG_MODEL", "openai:gpt-5")


async def test_over_the_wire_each_objective_is_one_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def script(asked: WireRequest) -> str:
        return said("technical" if "login" in asked.prompt else "creative", 70)

    async with WireServer(script=script) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
        config = zg.Config(classifier="model", model="openai:gpt-5")
        async with (
            zg.Engine.open(config=config, journal="memory", discover=()) as engine,
            engine.classifying() as asked,
        ):
            found = [
                await asked.route(text) for text in ("Mend the login", "Draw a cat")
            ]
            spent = asked.result

    assert [(r.label, r.probability) for r in found] == [
        ("technical", 0.7),
        ("creative", 0.7),
    ]
    assert (len(server.requests), spent.usage.calls) == (2, 2)
    assert spent.cost_usd > 0


@pytest.mark.usefixtures("served")
def test_route_says_what_it_cost(zg_command: Caller) -> None:
    asked = ("route", "Do it", "--classifier", "model")
    done, shown = zg_command(*asked, "--json"), zg_command(*asked)

    assert (done.code, shown.code) == (0, 0)
    document = done.document
    assert document["route"]["classifier"] == "builtin:model"
    assert document["route"]["label"] == "technical"
    assert document["spent"]["usage"]["calls"] == 1
    assert document["spent"]["cost_usd"] > 0
    assert "route  openai:gpt-5  1" in shown.out


@pytest.mark.usefixtures("served")
def test_a_run_says_what_choosing_cost(
    zg_command: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZG_CLASSIFIER", "model")

    done = zg_command("run", "Do it", "--json")

    document = done.document
    assert done.code == 0
    steps = sum(step["usage"]["calls"] for step in document["history"])
    assert document["routing"]["usage"]["calls"] == 1
    assert document["usage"]["calls"] == steps + 1
    assert "model" not in str(document["execution_summary"]["selected_agents"])
    shown = zg_command("runs", "show", document["run_id"])
    assert "route" in shown.out


@pytest.mark.usefixtures("served")
def test_a_dry_run_asks_no_model(
    zg_command: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("ZG_CLASSIFIER", "model")

    done = zg_command("run", "Do it", "--dry-run")

    assert done.code == 0
    assert "some of these, after a model was asked which" in done.out


@pytest.mark.usefixtures("served")
def test_eval_counts_what_it_cost_and_keeps_to_the_limits(
    zg_command: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "own.jsonl"
    rows = [{"text": f"Do {n}", "label": "technical"} for n in range(4)]
    file.write_text("\n".join(map(json.dumps, rows)))
    asked = ("route", "eval", "--classifier", "model", "--data", str(file), "--json")

    done = zg_command(*asked)
    monkeypatch.setenv("ZG_LIMITS_CALLS", "3")
    limited = zg_command(*asked)

    assert done.code == 0
    assert done.document["spent"]["usage"]["calls"] == 4
    assert done.document["classifiers"][0]["accuracy"] == 1.0
    assert limited.code == 1
    assert limited.document["error"]["type"] == "LimitError"


@pytest.fixture
def zg_command(capfd: pytest.CaptureFixture[str]) -> Caller:
    return Caller(capfd)


# -- The embedded model --------------------------------------------------------------


@pytest.mark.heavy
async def test_the_embedded_model_always_names_a_category(smollm2_file: Path) -> None:
    config = zg.Config(classifier="model", model=f"local:{smollm2_file}")
    async with (
        zg.Engine.open(config=config, journal="memory", discover=()) as engine,
        engine.classifying() as asked,
    ):
        found = await asked.label("builtin:model", "Build a booking site")
        spent = asked.result

    assert found is not None
    assert found.name in ("technical", "strategic", "creative", "general")
    assert found.probability == 0.5
    assert spent.usage.calls >= 1
