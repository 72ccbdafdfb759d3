"""``zg runs export`` and ``zg run --replay``: a run as a file, and again from it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from textwrap import dedent

import pytest
from calling import Caller
from installing import Site
from playing import PLAY

from zg_core.config import user_file

pytestmark = pytest.mark.heavy

EDITED = PLAY.replace("zg.Message.user(ctx.prompt)", 'zg.Message.user("Briefly!")')


def edit(site: Site, code: str) -> None:
    """Change the code of the installed plugin."""
    (site.folder / "zg_play.py").write_text(dedent(code))
    site.forget()


@pytest.fixture
def recorded(zg: Caller, play: Site) -> Path:
    """A recorded run, whose plugin then has no model any more."""
    called = zg("run", "make it", "--workflow", "pair")
    assert called.code == 0, called.err
    assert zg("runs", "export", "last", "-o", "run.zgrun").code == 0
    edit(play, PLAY.replace("requests.append(request)", "1 / 0"))
    return Path("run.zgrun")


def test_a_run_is_written_as_lines_of_json(zg: Caller, play: Site) -> None:
    run_id = zg("run", "make it", "--workflow", "pair", "--json").document["run_id"]

    exported = zg("runs", "export", "last")

    assert exported.code == 0
    lines = [json.loads(t) for t in Path(f"{run_id}.zgrun").read_text().splitlines()]
    assert lines[0] | {"core": ""} == {
        "format": "zerogravity-run",
        "version": 1,
        "core": "",
        "run_id": run_id,
        "objective": "make it",
        "workflow": "pair",
        "status": "completed",
        "model": "play:toy",
        "events": len([line for line in lines if "event" in line]),
        "requests": 2,
        "models": 0,
        "files": 2,
    }
    assert exported.out == (
        f"wrote {run_id}.zgrun: {lines[0]['events']} events, 2 requests, 2 files\n"
        f"replay it with: zg run --replay {run_id}.zgrun\n"
    )
    assert not exported.err


def test_what_is_on_standard_output_is_the_same(zg: Caller, recorded: Path) -> None:
    again = zg("runs", "export", "last", "-o", "-")

    assert again.out == recorded.read_text()
    assert zg("runs", "export", "last", "-o", "-", "--json").code == 2


def test_a_file_is_written_over_on_demand_only(zg: Caller, recorded: Path) -> None:
    recorded.write_text("mine")

    refused = zg("runs", "export", "last", "-o", "run.zgrun")
    assert refused.code == 2
    assert "there is a file 'run.zgrun' already" in refused.err
    assert recorded.read_text() == "mine"

    forced = zg("runs", "export", "last", "-o", "run.zgrun", "--force", "--json")
    assert forced.document["requests"] == 2
    assert recorded.read_text() != "mine"
    assert zg("runs", "export", "last", "-o", "no/such/place").code == 2


def test_a_link_is_followed_to_the_file_that_is_written(
    zg: Caller, recorded: Path, tmp_path: Path
) -> None:
    file, link = tmp_path / "real.zgrun", tmp_path / "link.zgrun"
    link.symlink_to(file)

    assert zg("runs", "export", "last", "-o", str(link)).code == 0
    assert file.read_text() == recorded.read_text()
    file.write_text("mine")

    refused = zg("runs", "export", "last", "-o", str(link))
    forced = zg("runs", "export", "last", "-o", str(link), "--force")

    assert "write over it with --force" in refused.err
    assert (refused.code, forced.code) == (2, 0)
    assert link.readlink() == file
    assert file.read_text() == recorded.read_text()


@pytest.mark.parametrize("force", [(), ("--force",)])
@pytest.mark.parametrize("kind", ["pipe", "link", "folder", "loop"])
def test_what_is_no_file_is_never_written_over(
    zg: Caller, recorded: Path, tmp_path: Path, kind: str, force: tuple[str, ...]
) -> None:
    target, pipe = tmp_path / kind, tmp_path / "pipe"
    os.mkfifo(pipe)
    if kind == "folder":
        target.mkdir()
    elif kind != "pipe":
        target.symlink_to(pipe if kind == "link" else target)

    refused = zg("runs", "export", "last", "-o", str(target), *force)

    assert refused.code == 2
    assert "is no regular file\n  name another with -o; -o - writes" in refused.err
    assert "--force" not in refused.err
    assert pipe.is_fifo()
    assert target.is_dir() if kind == "folder" else not target.is_file()


def test_a_file_that_was_changed_since_is_left_out(zg: Caller, recorded: Path) -> None:
    shown = zg("runs", "show", "last", "--json").document
    Path(shown["out"], "first.txt").write_text("mine")
    Path(shown["out"], "second.txt").unlink()

    exported = zg("runs", "export", "last", "-o", "other.zgrun")

    assert exported.code == 0
    assert "'first.txt' was changed since, and is left out" in exported.err
    assert "'second.txt' does not exist, and is left out" in exported.err
    assert zg("run", "--replay", "other.zgrun").code == 0


def test_a_replay_asks_nobody_and_gives_the_same(zg: Caller, recorded: Path) -> None:
    replayed = zg("run", "--replay", "run.zgrun")

    assert replayed.code == 0, replayed.err
    assert "first: play:toy answered, in the recorded run" in replayed.out
    assert "replayed 2 model calls of run_" in replayed.out
    document = zg("runs", "show", "last", "--json").document
    assert document["result"] == "Answer 2."
    assert document["usage"]["calls"] == 0
    assert document["replayed_calls"] == 2
    assert Path(document["out"], "second.txt").read_text() == "Answer 2."


def test_an_edited_agent_is_shown_what_it_asks_now(
    zg: Caller, play: Site, recorded: Path
) -> None:
    edit(play, EDITED)

    replayed = zg("run", "--replay", "run.zgrun")

    assert replayed.code == 1
    assert "error: the 1st model call of step 'first' is not in the rec" in replayed.err
    assert "(agent zg-play:play-ask, model play:toy)" in replayed.err
    assert "-make it\n+Briefly!\n" in replayed.err
    shown = zg("runs", "show", "last", "--json").document
    assert shown["status"] == "failed"
    assert shown["error"]["type"] == "ReplayMismatchError"
    assert "+Briefly!" in shown["error"]["details"]["diff"]


def test_with_live_it_goes_on_for_real(zg: Caller, play: Site, recorded: Path) -> None:
    edit(play, EDITED)

    replayed = zg("run", "--replay", "run.zgrun", "--live")

    assert replayed.code == 0, replayed.err
    assert "from here on it is real: the 1st model call of step" in replayed.out
    assert "-make it\n+Briefly!\n" in replayed.err
    assert "2 model calls" in replayed.out
    assert "replayed no model call" in replayed.out


def test_another_objective_differs(zg: Caller, recorded: Path) -> None:
    replayed = zg("run", "--replay", "run.zgrun", "make another", "--json")

    assert replayed.code == 1
    assert replayed.document["error"]["details"]["call"] == 1
    assert "-make it\n+make another\n" in replayed.err


def test_a_run_cut_off_in_a_replay_goes_on_for_real(
    zg: Caller, play: Site, recorded: Path
) -> None:
    assert zg("run", "--replay", "run.zgrun", "make another").code == 1
    edit(play, PLAY)

    resumed = zg("runs", "resume", "last")

    assert resumed.code == 0, resumed.err
    assert "2 model calls" in resumed.out
    assert "+make another" not in resumed.err


@pytest.mark.parametrize(
    "options",
    [
        ("--live", "x"),
        (),
        ("--replay", "run.zgrun", "--dry-run"),
        ("--replay", "run.zgrun", "--runtime", "detached"),
        ("--replay", "missing.zgrun"),
        ("--replay", "run.zgrun", "--model", "nobody:x"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    zg: Caller, recorded: Path, options: tuple[str, ...]
) -> None:
    assert zg("run", *options).code == 2


def test_no_secret_is_in_a_file(
    zg: Caller, play: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one the run knew, nor one of the file, nor one that came since."""
    canaries = "sk-canary-of-the-run-1", "sk-canary-learned-later-2", "sk-canary-file-3"
    monkeypatch.setenv("PLAY_API_KEY", canaries[0])
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text(
        f'[plugins.config.builtin.openai]\napi_key = "{canaries[2]}"\n'
    )
    Path("input.txt").write_text(" ".join(canaries))
    Path("input.bin").write_bytes(b"\xff" + canaries[0].encode())
    objective = f"use {canaries[0]} and {canaries[1]}"
    called = zg("run", objective, "--workflow", "pair", "--input", "input.txt")
    assert called.code == 0, called.err
    called = zg("run", objective, "--agent", "play-quiet", "--input", "input.bin")
    monkeypatch.setenv("LATER_TOKEN", canaries[1])

    for run in zg("runs", "--json").document:
        exported = zg("runs", "export", run["run_id"], "-o", "-")
        assert exported.code == 0, exported.err
        assert "[secret]" in exported.out
        assert not any(canary in exported.out + exported.err for canary in canaries)
        assert "/zg-runs/" not in exported.out
