"""Pictures given with an objective are shown to models that can see."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from urllib.request import urlopen

import pytest
from calling import Caller
from offering import Offering, flow

import zg_core as zg
from zg_core.testing import ScriptedProvider
from zg_plugins_builtin import plugin as builtin
from zg_plugins_builtin.agents import LLMAgent
from zg_plugins_builtin.agents._pictures import MOST_BYTES, MOST_PICTURES

PIXEL = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
    "awAAAABJRU5ErkJggg=="
)
IMAGE = zg.Image.of(PIXEL)
BLIND = zg.ModelInfo(images=False)
OPTIONS = zg.RunOptions(model="scripted:any")


async def asked(
    files: dict[str, bytes], info: zg.ModelInfo | None = None
) -> tuple[tuple[zg.Part, ...], list[str]]:
    """Run an agent over files; return what its model is shown, and what was noted."""
    model = ScriptedProvider("A dot.", info=info)
    agent = LLMAgent(name="agent", instructions="Be brief.")
    plugin = Offering(agent=agent)
    async with zg.Engine.open(
        plugin, model, journal="memory", discover=False
    ) as engine:
        work = flow("agent")
        stream = engine.stream(work, "What?", files=files, options=OPTIONS)
        events = [event async for event in stream]
    notes = [event.message for event in events if isinstance(event, zg.Progressed)]
    return model.requests[0].messages[-1].parts, notes


@pytest.mark.anyio
async def test_a_picture_is_shown_under_its_name_before_the_prompt() -> None:
    parts, _ = await asked({"notes.txt": b"x", "dot.PNG": PIXEL})

    name, image, prompt = parts
    assert name == zg.Text(text="inputs/dot.PNG:\n")
    assert image == IMAGE
    assert isinstance(prompt, zg.Text)
    assert prompt.text.startswith("What?")


@pytest.mark.anyio
async def test_a_model_that_cannot_see_is_shown_none_and_that_is_said() -> None:
    parts, notes = await asked({"dot.png": PIXEL}, BLIND)

    assert len(parts) == 1
    assert isinstance(parts[0], zg.Text)
    assert notes == ["the model cannot see inputs/dot.png"]


@pytest.mark.anyio
async def test_what_cannot_be_shown_is_said() -> None:
    files = {f"{n}.png": PIXEL for n in range(MOST_PICTURES)}
    files |= {"0.png": b"no picture", "1.png": PIXEL + bytes(MOST_BYTES), "9.gif": b""}

    parts, notes = await asked(files)

    assert parts.count(IMAGE) == MOST_PICTURES - 2
    assert notes == [
        "inputs/0.png is not shown to a model: "
        "the file is no image that models can read",
        "inputs/1.png is too large to be shown to a model",
        f"only {MOST_PICTURES} pictures are shown to a model",
    ]


def test_they_come_from_the_command_line(
    zg: Caller, wire: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("dot.png").write_bytes(PIXEL)
    monkeypatch.setenv("OPENAI_BASE_URL", f"{wire}/v1")
    model = ("--model", "openai:seeing", "--workflow", "solo")

    called = zg("run", "What do you see?", *model, "--input", "dot.png", "--json")

    assert called.document["status"] == "completed"
    with urlopen(f"{wire}/_requests") as answer:
        bodies = [request["body"] for request in json.load(answer)]
    shown = next(body for body in bodies if body["model"] == "seeing")["messages"][1]
    image = f"data:image/png;base64,{IMAGE.data}"
    assert {"type": "image_url", "image_url": {"url": image}} in shown["content"]


# -- A model that cannot see ---------------------------------------------------------


async def shown_to(model: str, *plugins: object) -> object:
    """Show a picture to models, without asking first what they can do."""

    async def ask(ctx: zg.Context) -> zg.Reply:
        response = await ctx.complete([zg.Message.user("What?", IMAGE)])
        return zg.Reply(output=response.text)

    async with zg.Engine.open(
        Offering(ask=ask), *plugins, journal="memory", discover=False
    ) as engine:
        options = zg.RunOptions(model=model)
        return (await engine.run(flow("ask"), "x", options=options)).output


@pytest.mark.anyio
async def test_a_picture_for_a_model_that_cannot_see_is_one_clear_error() -> None:
    model = ScriptedProvider("I see.", info=BLIND)

    with pytest.raises(zg.ProviderRequestError, match="cannot be shown images"):
        await shown_to("scripted:any", model)

    assert not model.requests


@pytest.mark.anyio
async def test_the_next_model_of_the_chain_is_shown_it() -> None:
    model = ScriptedProvider("I see.")

    output = await shown_to("local:smollm2, scripted:any", builtin, model)

    assert output == "I see."
    assert len(model.requests) == 1
