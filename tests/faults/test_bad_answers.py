"""What a model's server may do wrong, and what becomes of the run."""

from __future__ import annotations

import random

import pytest
from calling import Caller
from faults.judging import check_failed, check_refused, serving, use

import zg_core as zg_api
from zg_core.testing.wire import Fault

VENDORS = ("openai", "anthropic")
vendors = pytest.mark.parametrize("vendor", VENDORS)
RUN = ("run", "Build a page", "--agent", "engineer")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again at once, as chance may have it; the waits are tested elsewhere."""
    monkeypatch.setattr(random, "random", lambda: 0.0)


def wishes(*calls: tuple[str, dict[str, object]]) -> zg_api.Response:
    """Make an answer that calls tools."""
    parts = tuple(
        zg_api.ToolCall(call_id=f"call_{n}", name=name, arguments=arguments)
        for n, (name, arguments) in enumerate(calls)
    )
    message = zg_api.Message(role="assistant", parts=parts)
    usage = zg_api.Usage(input_tokens=5, output_tokens=3, calls=1)
    return zg_api.Response(message=message, stop_reason="tool_calls", usage=usage)


# -- No model -----------------------------------------------------------------------


@vendors
@pytest.mark.parametrize("key", ["", "  ", "kéy", "two\nlines"])
def test_without_a_key_nothing_is_begun(
    zg: Caller, monkeypatch: pytest.MonkeyPatch, vendor: str, key: str
) -> None:
    monkeypatch.setenv("ZG_MODEL", vendor)
    monkeypatch.setenv(f"{vendor.upper()}_API_KEY", key)

    called = zg(*RUN)

    check_refused(called, 3, "API key")
    assert f"{vendor.upper()}_API_KEY" in called.err


def test_of_a_chain_one_key_is_enough(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as server:
        use(monkeypatch, server.url)
        called = zg(*RUN, "--model", "anthropic:x, openai:y")

    assert called.code == 0
    assert "anthropic needs an API key" in called.out


@pytest.mark.parametrize(
    ("model", "cause"),
    [
        ("local:smollm", "no local model 'smollm'"),
        ("local:/no/model.gguf", "/no/model.gguf cannot be read: No such file"),
        (f"local:{__file__}", "is not a GGUF file"),
    ],
)
def test_a_local_model_that_is_not_there_is_refused(
    zg: Caller, model: str, cause: str
) -> None:
    pytest.importorskip("xllamacpp")

    check_refused(zg(*RUN, "--model", model), 3, cause)


def test_a_key_that_is_lost_is_missed_when_the_run_goes_on(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(Fault(status=401)) as server:
        use(monkeypatch, server.url)
        zg(*RUN)
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL")

    check_failed(zg, zg("runs", "resume", "last"), "openai needs an API key")


# -- What is refused ----------------------------------------------------------------


@vendors
@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (400, "refused the request"),
        (401, "does not accept the key"),
        (402, "wants to be paid first"),
        (404, "knows no such model or address"),
        (302, "redirects to another address"),
    ],
)
def test_what_a_server_refuses_is_not_asked_again(
    zg: Caller, monkeypatch: pytest.MonkeyPatch, vendor: str, status: int, cause: str
) -> None:
    with serving(Fault(status=status)) as server:
        use(monkeypatch, server.url, vendor)
        called = zg(*RUN)

    check_failed(zg, called, f"{vendor} {cause}")
    assert len(server.requests) == 1


def test_a_server_that_is_not_there_fails_the_run(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, "http://127.0.0.1:9")

    called = zg(*RUN)

    check_failed(zg, called, "no connection to openai at http://127.0.0.1:9/v1/")


def test_a_provider_that_asks_for_too_much_patience_fails_the_run(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(Fault(status=429, retry_after=3600)) as server:
        use(monkeypatch, server.url)
        called = zg(*RUN)

    check_failed(zg, called, "openai allows no more requests for now")


# -- What passes, and what does not -------------------------------------------------

FAULTS = {
    "busy": Fault(status=429, retry_after=0),
    "broken": Fault(status=500),
    "overloaded": Fault(status=529),
    "no JSON": Fault(body=b"<html>Bad gateway</html>"),
    "not UTF-8": Fault(body=b"\xff\xfe{"),
    "nothing": Fault(body=b""),
    "a list": Fault(body=b"[]"),
    "an empty object": Fault(body=b"{}"),
    "nested": Fault(body=b"[" * 100_000),
    "half": Fault(cut=0.5),
    "half, then a reset": Fault(cut=0.5, end="reset"),
    "a reset": Fault(end="reset"),
    "half an event": Fault(body=b'data: {"id": "chatcmpl-1", "choi'),
}


@vendors
@pytest.mark.parametrize("way", ["--stream", "--no-stream"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_that_passes_is_outlived(
    zg: Caller, monkeypatch: pytest.MonkeyPatch, vendor: str, way: str, fault: Fault
) -> None:
    with serving(fault) as server:
        use(monkeypatch, server.url, vendor)
        called = zg(*RUN, way)

    assert called.code == 0
    assert called.err == ""
    assert len(server.requests) == 2


@vendors
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_that_stays_fails_the_run(
    zg: Caller, monkeypatch: pytest.MonkeyPatch, vendor: str, fault: Fault
) -> None:
    with serving(*[fault] * 8) as server:
        use(monkeypatch, server.url, vendor)
        called = zg(*RUN)

    check_failed(zg, called, "")
    assert vendor in called.err
    assert len(server.requests) == (8 if fault.status == 429 else 4)


@vendors
def test_faults_now_and_then_do_not_change_what_four_agents_make(
    zg: Caller, monkeypatch: pytest.MonkeyPatch, vendor: str
) -> None:
    faults = {1: Fault(status=429, retry_after=0), 2: Fault(status=500)}

    with serving() as server:
        use(monkeypatch, server.url, vendor)
        smooth = zg("run", "Build a page", "--json")
        server.script = lambda asked: faults.get(asked.number % 4)
        rough = zg("run", "Build a page", "--json")

    assert (smooth.code, rough.code) == (0, 0)
    assert rough.document["result"] == smooth.document["result"]
    assert rough.document["usage"] == smooth.document["usage"]


# -- What a model wishes ------------------------------------------------------------


@vendors
@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("rm_rf", {"path": "/"}, "there is no tool 'rm_rf'"),
        ("write\ud83d", {}, "there is no tool"),
        ("write_file", {"path": "a.txt"}, "'content' is a required property"),
        ("write_file", {"path": 3, "content": ""}, "3 is not of type 'string'"),
        ("write_file", {"path": "a", "content": "", "mode": 7}, "'mode' was"),
        ("write_file", {"path": "../a", "content": ""}, "is not a plain path"),
        ("write_file", {"path": "a\0", "content": ""}, "cannot be shown"),
        ("read_file", {"path": "a.txt"}, "'a.txt' does not exist"),
    ],
)
def test_a_wish_nobody_can_fulfil_goes_back_to_the_model(
    zg: Caller,
    monkeypatch: pytest.MonkeyPatch,
    vendor: str,
    name: str,
    arguments: dict[str, object],
    told: str,
) -> None:
    with serving(wishes((name, arguments))) as server:
        use(monkeypatch, server.url, vendor)
        called = zg(*RUN)

    assert (called.code, called.err) == (0, "")
    assert told in str(server.requests[1].body["messages"][-1])


def test_a_model_that_never_stops_wishing_fails_the_run(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(*[wishes(("rm_rf", {}))] * 100) as server:
        use(monkeypatch, server.url)
        called = zg(*RUN)

    check_failed(zg, called, "agent 'engineer' came to no end in 40 turns")


def test_halves_of_characters_in_an_answer_spoil_nothing(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving("half \ud83d and \x1b[31mred\0") as server:
        use(monkeypatch, server.url)
        called = zg(*RUN)

    shown = zg("runs", "show", "last", "--json")
    assert (called.code, shown.code) == (0, 0)
    assert shown.document["status"] == "completed"
