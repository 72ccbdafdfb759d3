"""The workflows of the documentation do what they say, without a network or a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from calling import Caller

import zg_core as zg
from zg_core.testing import ScriptedProvider, run_offline

ROOT = Path(__file__).parent.parent.parent / "docs"
FOLDER = ROOT / "examples" / "workflows"
FILES = sorted(FOLDER.iterdir())


def does(name: str, *data: Any) -> tuple[zg.RunResult, list[str]]:
    """Run an example with a model that gives these data where a schema is asked for.

    Returns its result, and all that the model was asked.
    """
    prompts: list[str] = []
    coming = list(data)

    def answer(request: zg.Request) -> str:
        prompts.append(request.messages[-1].text)
        if request.output_schema is not None:
            return json.dumps(coming.pop(0))
        return f"Text {len(prompts)}."

    workflow = zg.load_workflow(FOLDER / name)
    model = ScriptedProvider(answer, repeat=True)
    result = run_offline(workflow, "A page on bread", answers=model)
    assert not coming
    return result, prompts


def outputs(result: zg.RunResult) -> dict[str, Any]:
    return {step.step: step.output for step in result.history}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_is_wrong_with_an_example(
    path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    zg_command = Caller(capfd)

    assert zg_command("workflows", "check", str(path)).code == 0
    assert zg_command("workflows", "show", str(path), "--mermaid").code == 0
    assert path.name in (ROOT / "guides" / "workflows.md").read_text()


def test_the_review_goes_on_until_the_text_is_good() -> None:
    bad = {"approved": False, "remarks": ["too short"]}
    good = {"approved": True, "remarks": []}

    result, prompts = does("review.toml", bad, good)

    assert result.status == "completed"
    assert "too short" in prompts[2]
    assert "Text 1." in prompts[2]
    assert "Text 3." in prompts[-1]
    assert outputs(result)["write"] == "Text 3."


def test_a_review_that_is_never_content_ends_degraded() -> None:
    bad = {"approved": False, "remarks": ["too short"]}

    result, _ = does("review.toml", bad, bad, bad)

    assert result.status == "degraded"
    assert outputs(result)["publish"]


def test_each_component_is_described_by_a_call_of_its_own() -> None:
    parts = [{"title": title, "purpose": "x"} for title in ("Crust", "Crumb", "Salt")]

    result, prompts = does("components.toml", {"components": parts})

    assert result.status == "completed"
    assert len(outputs(result)["describe"]) == 3
    assert [title in prompts[n] for n, title in enumerate(("Crust", "Crumb"), 1)]
    assert sum("describe component number" in prompt for prompt in prompts) == 3


@pytest.mark.parametrize(
    ("check", "done"),
    [
        ({"ready": True, "missing": []}, "publish"),
        ({"ready": True, "missing": ["a date"]}, "send-back"),
        ({"ready": False, "missing": []}, "send-back"),
    ],
)
def test_what_is_ready_is_published_and_what_is_not_is_sent_back(
    check: dict[str, Any], done: str
) -> None:
    result, _ = does("release.toml", check)

    status = {step.step: step.status for step in result.history}
    other = "send-back" if done == "publish" else "publish"
    assert result.status == "completed"
    assert (status[done], status.get(other, "skipped")) == ("finished", "skipped")
