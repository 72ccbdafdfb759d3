"""`zg run --runtime`: a run that is accepted here and done elsewhere."""

from __future__ import annotations

import pytest
from calling import Caller
from installing import Site

RUNTIMES = """
    import zg_core.plugin_api as zg

    class Queue:
        async def submit(self, run_id, journal):
            return f"{run_id} of {journal} is in line"

    class Broken:
        async def submit(self, run_id, journal):
            raise ValueError("no queue")

    class Full:
        async def submit(self, run_id, journal):
            raise zg.RunError("the queue is full", "wait")

    @zg.hookimpl
    def zg_register_runtimes():
        return [
            zg.RuntimeSpec(name="line", factory=Queue),
            zg.RuntimeSpec(name="broken", factory=Broken),
            zg.RuntimeSpec(name="full", factory=Full),
        ]
"""
RUN = ("run", "x", "--agent", "play-ask", "--runtime")
pytestmark = pytest.mark.usefixtures("play")


@pytest.fixture(autouse=True)
def runtimes(site: Site) -> None:
    site.install("zg-queue", RUNTIMES)


def test_the_run_is_handed_over_and_how_to_watch_it_is_said(zg: Caller) -> None:
    called = zg(*RUN, "line")
    first, *rest = called.out.splitlines()
    run_id = first.split()[1]

    assert (called.code, called.err) == (0, "")
    assert first == (
        f"run {run_id} is done by zg-queue:line: {run_id} of sqlite is in line"
    )
    assert rest == ["watch it with:", f"  zg runs watch {run_id}"]
    (listed,) = zg("runs", "--json").document
    assert (listed["run_id"], listed["owned"]) == (run_id, False)


def test_as_json_it_is_one_document(zg: Caller) -> None:
    document = zg(*RUN, "zg-queue:line", "--json").document

    assert document == {
        "run_id": document["run_id"],
        "runtime": "zg-queue:line",
        "where": f"{document['run_id']} of sqlite is in line",
    }


def test_a_follow_up_may_be_done_elsewhere_too(zg: Caller) -> None:
    assert zg("run", "x", "--agent", "play-ask").code == 0
    called = zg("runs", "follow-up", "last", "y", "--runtime", "line", "--json")

    assert called.document["runtime"] == "zg-queue:line"


@pytest.mark.parametrize(
    ("name", "cause", "remedy"),
    [
        ("full", "the queue is full", "wait"),
        ("broken", "'zg-queue:broken' failed: ValueError: no queue", "zg runs resume"),
    ],
)
def test_a_runtime_that_cannot_do_it_fails_and_the_run_waits(
    zg: Caller, name: str, cause: str, remedy: str
) -> None:
    called = zg(*RUN, name, "--json")

    assert called.code == 1
    assert cause in called.document["error"]["cause"]
    assert remedy in called.document["error"]["remedy"]
    assert zg("runs", "resume", "last").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*RUN, "gone"), "there is no runtime named 'gone'"),
        ((*RUN, ""), "it is empty"),
        ((*RUN, "line", "--fallback", "dear"), "--fallback needs --model"),
        (("-p", "no:zg-queue", *RUN, "detached"), "hold for this process only"),
    ],
)
def test_what_cannot_be_is_refused_before_there_is_a_run(
    zg: Caller, arguments: tuple[str, ...], said: str
) -> None:
    called = zg(*arguments)

    assert called.code == 2
    assert said in called.err
    assert zg("runs", "--json").document == []


def test_runtimes_are_listed(zg: Caller) -> None:
    listed = {row["name"]: row for row in zg("runtimes", "--json").document["runtimes"]}

    assert {"queue", "broken", "full"} < listed.keys()
    assert "enabled" not in listed["queue"]
