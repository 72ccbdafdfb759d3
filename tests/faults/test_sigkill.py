"""A run killed at any instant goes on, and what is on disk is never paid for twice."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

import zg_core as zg
from zg_core.testing.wire import WireAnswer, WireRequest, WireServer

pytestmark = pytest.mark.anyio
CUT = Path(__file__).parent / "cut.py"


def asks_for_tools(request: WireRequest) -> WireAnswer | None:
    """Let whoever has tools write two files at once, then answer as usual."""
    body = request.body
    if not body.get("tools") or body["messages"][-1]["role"] != "user":
        return None
    return zg.Response(
        message=zg.Message(
            role="assistant",
            parts=tuple(
                zg.ToolCall(
                    call_id=f"call_{name}",
                    name="write_file",
                    arguments={"path": f"{name}.txt", "content": f"the {name}"},
                )
                for name in ("left", "right")
            ),
        ),
        stop_reason="tool_calls",
        usage=zg.Usage(input_tokens=10, output_tokens=5, calls=1),
    )


def of_type(events: list[Any], kind: str) -> list[Any]:
    return [event for event in events if event["type"] == kind]


def meaning(events: list[Any]) -> object:
    """Return what must be the same, however often a run was cut."""
    state = zg.decode_event(json.dumps(events[-1]))
    assert isinstance(state, zg.RunFinished)
    steps = sorted((e["step"], e["output"]) for e in of_type(events, "StepFinished"))
    files = {e["path"]: e["sha256"] for e in of_type(events, "ArtifactWritten")}
    tokens = [e["response"]["usage"] for e in of_type(events, "ModelAnswered")]
    return state.output, steps, files, sorted(map(str, tokens))


@pytest.mark.heavy
@pytest.mark.timeout(600)
async def test_killed_at_every_event_a_run_ends_the_same_and_repeats_nothing(
    tmp_path: Path,
) -> None:
    async with WireServer(script=asks_for_tools) as server:
        done = await anyio.run_process(
            [sys.executable, str(CUT), server.url, str(tmp_path / "runs")],
            env={**os.environ, "OPENAI_API_KEY": "sk-test-key-of-no-worth"},
            check=False,
            stderr=sys.stderr,
        )
    uncut, *cuts = map(json.loads, done.stdout.splitlines())

    assert done.returncode == 0
    assert len(cuts) == len(uncut["events"]) - 1
    calls = len(of_type(uncut["events"], "ModelAnswered"))
    assert uncut["asked_after"] == calls
    assert len(of_type(uncut["events"], "ToolFinished")) >= 2
    for cut in cuts:
        on_disk = len(of_type(cut["at_kill"], "ModelAnswered"))
        assert cut["asked_after"] == calls - on_disk, cut["cut"]
        assert meaning(cut["events"]) == meaning(uncut["events"]), cut["cut"]
        assert cut["files"] == uncut["files"], cut["cut"]
