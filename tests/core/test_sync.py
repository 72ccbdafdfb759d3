"""Code that is not asynchronous can run a workflow too."""

from __future__ import annotations

import pytest
from offering import Offering, flow, say

import zg_core as zg


def test_a_workflow_is_run_in_one_call() -> None:
    result = zg.run_sync(flow("a"), "x", Offering(a=say("done")), run_id="r1")

    assert (result.run_id, result.output) == ("r1", "done")


@pytest.mark.anyio
async def test_within_an_event_loop_it_says_what_to_write_instead() -> None:
    with pytest.raises(zg.InputError, match=r"await engine\.run"):
        zg.run_sync(flow("a"), "x")
