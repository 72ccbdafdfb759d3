"""Files of recorded runs: whatever is wrong with one, nothing of it is used."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import zg_core as zg
from zg_core.recordings import dump_recording, read_recording

Lines = list[dict[str, Any]]


def recording() -> zg.Recording:
    workflow = zg.Workflow("w", (zg.Step("s", agent="a"),))
    accepted = zg.RunAccepted(
        seq=1, at="t", run_id="r", objective="o", workflow=workflow, files=("inputs/x",)
    )
    wrote = zg.ArtifactWritten(
        seq=2, at="t", run_id="r", step="s", path="y.bin", size=1, sha256="0"
    )
    asked = zg.Request(model="", messages=(zg.Message.user("Grüße"),))
    return zg.Recording(
        events=(accepted, wrote),
        requests={"s:1:1": asked},
        models={"s:": zg.ModelInfo(small=True)},
        files={"inputs/x": "Grüße\r\n".encode(), "y.bin": b"\xff\x00"},
        core="1.2",
    )


def lines() -> Lines:
    return [json.loads(line) for line in dump_recording(recording())]


def test_a_recording_comes_back_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "run.zgrun"
    file.write_text("".join(dump_recording(recording())), newline="")

    assert zg.load_recording(file) == recording()
    assert zg.load_recording(str(file), live=True).live
    assert "Grüße" in file.read_text()


def test_a_recording_says_what_the_run_was() -> None:
    found = recording()

    assert (found.run_id, found.objective, found.core) == ("r", "o", "1.2")
    assert (found.workflow.name, found.model) == ("w", "")
    assert found.options == zg.RunOptions()
    assert found.inputs == {"inputs/x": "Grüße\r\n".encode()}


def _set(place: int, **values: Any) -> Callable[[Lines], None]:
    return lambda found: found[place].update(values)


def _drop(place: int) -> Callable[[Lines], None]:
    return lambda found: found.pop(place) and None


def _event(place: int, **values: Any) -> Callable[[Lines], None]:
    return lambda found: found[place]["event"].update(values)


def _again(place: int) -> Callable[[Lines], None]:
    return lambda found: found.insert(place, found[place])


def _deep(found: Lines) -> None:
    value: Any = 1
    for _ in range(400):
        value = [value]
    found[3]["asks"]["output_schema"] = {"x": value}


WRONG: dict[str, tuple[Callable[[Lines], None], int, str]] = {
    "no header": (_drop(0), 1, "it does not begin a recorded run"),
    "other format": (_set(0, format="x"), 1, "it does not begin a recorded run"),
    "other version": (_set(0, version=2), 1, "it is of version 2, and this reads 1"),
    "cut off": (_drop(-1), 6, "the file ends with 1 files of 2"),
    "no acceptance": (
        _event(1, type="Progressed"),
        2,
        "another version of ZeroGravity",
    ),
    "no event": (_set(1, event=3), 2, "a line that is no event"),
    "another run": (_event(2, run_id="q"), 3, "not the next one of this run"),
    "a gap": (_event(2, seq=4), 3, "not the next one of this run"),
    "a bad workflow": (
        lambda found: found[1]["event"]["workflow"].update(steps=[]),
        2,
        "another version of ZeroGravity",
    ),
    "a bad request": (_set(3, asks={"model": 1}), 4, "it holds no Request"),
    "no request at all": (_set(3, asks=None), 4, "it holds no Request"),
    "a request twice": (_again(3), 5, "is there twice"),
    "a key that is no text": (_set(3, request=["x"]), 4, "has no name"),
    "no answer": (lambda found: found[3].pop("asks"), 4, "it has no 'asks'"),
    "a bad model": (_set(4, info={"tools": "x"}), 5, "it holds no ModelInfo"),
    "a way out": (_set(5, file="../x"), 6, "is not a plain path"),
    "an absolute path": (_set(5, file="/etc/passwd"), 6, "is not a plain path"),
    "another way out": (_set(5, file="a\\..\\x"), 6, "forward slashes"),
    "a path of no text": (_set(5, file=7), 6, "has no name"),
    "a foreign file": (_set(5, file="z"), 7, "'z' is no file of this run"),
    "a file twice": (_again(5), 7, "is there twice"),
    "bad base64": (_set(6, base64="§"), 7, ""),
    "half a surrogate": (_set(5, text="\ud800"), 6, "surrogates"),
    "text that is none": (_set(5, text=5), 6, ""),
    "something else": (_set(6, file=None), 7, "has no name"),
    "unknown lines": (lambda found: found.append({"x": 1}), 8, "neither an event"),
    "a large file": (
        _set(6, base64=base64.b64encode(bytes(10_000_001)).decode()),
        7,
        "is larger than 10,000,000 bytes",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_refuses_all_of_it(name: str) -> None:
    spoil, number, said = WRONG[name]
    found = lines()
    spoil(found)
    content = "\n".join(map(json.dumps, found)).encode()

    with pytest.raises(zg.InputError) as caught:
        read_recording(content, "run.zgrun")

    assert caught.value.details == {"file": "run.zgrun", "line": number}
    assert f"line {number}: " in caught.value.cause
    assert said in caught.value.cause
    assert caught.value.remedy == "export the run anew: zg runs export RUN"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\n", b"[" * 100_000])
def test_what_is_no_json_is_refused(content: bytes) -> None:
    with pytest.raises(zg.InputError, match="is no recording"):
        read_recording(content, "run.zgrun")


def test_what_is_nested_too_deep_is_refused_or_kept() -> None:
    found = lines()
    _deep(found)
    content = "\n".join(map(json.dumps, found)).encode()

    assert read_recording(content, "x").requests["s:1:1"].output_schema


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(zg.InputError, match="cannot be read: No such file"):
        zg.load_recording(tmp_path / "none.zgrun")


def test_what_is_too_large_is_not_even_looked_at() -> None:
    with pytest.raises(zg.InputError, match="larger than 200,000,000 bytes"):
        read_recording(bytes(200_000_001), "run.zgrun")
