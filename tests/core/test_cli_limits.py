"""Budgets through the real command, against a real server that counts too."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import anyio
import pytest
from calling import Caller

from zg_core import Message, Response, Usage
from zg_core.config import user_file
from zg_core.testing.wire import Fault, WireRequest, WireServer

pytestmark = pytest.mark.anyio
CENT = 0.01
INPUT, OUTPUT = 0.15 / 1e6, 0.60 / 1e6
"""US dollars a token of gpt-4o-mini, as its vendor lists it."""


class Meter:
    """Answers with half of what it is allowed to write, and keeps the bill."""

    def __init__(self) -> None:
        self.usd = 0.0

    def answer(self, request: WireRequest) -> Response:
        body: Any = request.body
        most = body.get("max_completion_tokens") or body["max_tokens"]
        usage = Usage(input_tokens=1500, output_tokens=most // 2, calls=1)
        self.usd += usage.input_tokens * INPUT + usage.output_tokens * OUTPUT
        return Response(
            message=Message.assistant("and so on"),
            stop_reason="max_tokens",
            usage=usage,
        )


async def command(*arguments: str) -> tuple[int, Any, str]:
    """Call the real ``zg``: its exit code, its document, and what else it said."""
    done = await anyio.run_process(
        [sys.executable, "-m", "zg_core.cli", *arguments, "--json"],
        env={**os.environ, "OPENAI_API_KEY": "sk-test-key-of-no-worth"},
        check=False,
    )
    return done.returncode, json.loads(done.stdout), done.stderr.decode()


def serve(url: str) -> None:
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text(
        'model = "openai:gpt-4o-mini"\n'
        f'[plugins.config.builtin.openai]\nbase_url = "{url}/v1"\n'
    )


@pytest.mark.parametrize(
    ("option", "whose"),
    [
        ("0.01", "the run"),
        pytest.param("work=0.01", "step 'work'", marks=pytest.mark.heavy),
    ],
)
async def test_a_run_of_one_cent_costs_no_more_by_the_servers_own_count(
    option: str, whose: str
) -> None:
    meter = Meter()
    async with WireServer(script=meter.answer) as server:
        serve(server.url)
        code, document, _ = await command(
            "run", "write a long story", "--agent", "engineer", "--max-usd", option
        )
        spent, asked = meter.usd, len(server.requests)
        _, shown, _ = await command("runs", "show", "last")
        more, resumed, _ = await command("runs", "resume", "last")

    error = document["error"]
    assert (code, more) == (1, 1)
    assert error["type"] == "LimitError", error
    assert resumed["error"]["type"] == "LimitError", resumed
    assert f"the limit of {whose}, $0.01 (usd)" in error["cause"]
    assert asked > 1
    assert 0.5 * CENT < spent <= CENT
    assert document["cost_usd"] == pytest.approx(spent)
    assert meter.usd == spent, "a resumed run has no second cent"
    (model,) = shown["models"]
    assert model["usage"]["calls"] == asked
    assert shown["prices"].startswith("genai-prices ")


NO_USAGE = json.dumps(
    {"choices": [{"finish_reason": "stop", "message": {"content": "Done."}}]}
)


@pytest.mark.parametrize(
    "body", [NO_USAGE, NO_USAGE[:-1] + ', "usage": null}'], ids=["none", "null"]
)
async def test_an_answer_without_usage_is_not_taken_for_free(body: str) -> None:
    async with WireServer(script=lambda _: Fault(body=body.encode())) as server:
        serve(server.url)
        run = ("run", "write", "--agent", "engineer", "--max-usd", "0.01")
        code, document, _ = await command(*run)
        done = await anyio.run_process(
            [sys.executable, "-m", "zg_core.cli", "runs", "show", "last"]
        )

    shown = done.stdout.decode()
    assert (code, document["lost_calls"], document["unpriced_calls"]) == (0, 1, 1)
    assert "cost at a price we do not know" in shown
    assert "not counted there: 1 model call, whose answers were lost or do" in shown


# -- Options -------------------------------------------------------------------------


@pytest.fixture
def served(wire: str, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(wire)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key-of-no-worth")


RUN = ("run", "write a poem", "--workflow", "sequential")


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--max-usd=bild=1", "did you mean 'build'?"),
        ("--max-usd=engineer=1", "did you mean 'build'?"),
        ("--max-usd=Build=1", "'Build' is no step's name"),
        ("--max-usd=build=", "is no number"),
        ("--max-usd=build=0", "is not in the range"),
        ("--max-usd=inf", "inf is no amount"),
        ("--max-calls=build=1.5", "is no whole number"),
        ("--timeout=-3", "is not in the range"),
    ],
)
def test_a_limit_that_is_none_is_refused_before_anything_is_done(
    zg: Caller, option: str, said: str
) -> None:
    called = zg(*RUN, option)

    assert called.code == 2
    assert said in called.err
    assert zg("runs", "--json").document == []


@pytest.mark.usefixtures("served")
def test_a_misspelt_step_in_a_file_is_refused_with_the_file(zg: Caller) -> None:
    with user_file().open("a") as file:
        file.write("[limits.steps.biuld]\nusd = 1\n")

    called = zg(*RUN)

    assert called.code == 3
    assert f"limits.steps.biuld is set by user file {user_file()}" in called.err
    assert "did you mean 'build'?" in called.err


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("opnai", "there is no provider named 'opnai'"),
        ("opnai:gpt-4o-mini", "there is no provider named 'opnai'"),
        ("zg-elsewhere:provider", "there is no provider named 'zg-elsewhere'"),
        ("gpt-4o-mini", "'gpt-4o-mini' is a model, and its provider is not named"),
    ],
)
def test_calls_at_once_of_no_provider_are_refused_with_the_file(
    zg: Caller, name: str, said: str
) -> None:
    with user_file().open("a") as file:
        file.write(f"[concurrency]\n{name!r} = 1\n")

    called = zg(*RUN)

    assert (called.code, zg("runs", "--json").document) == (3, [])
    assert said in called.err
    assert f"concurrency.{name} is set by user file {user_file()}" in called.err


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    "name", ["openai", "builtin:openai", "openai:any", "builtin:openai:any", "local"]
)
def test_calls_at_once_are_of_providers_and_their_models(zg: Caller, name: str) -> None:
    with user_file().open("a") as file:
        file.write(f"[concurrency]\n{name!r} = 1\n")

    assert zg(*RUN, "--dry-run").code == 0


@pytest.mark.usefixtures("served")
def test_the_plan_of_a_run_shows_what_run_and_steps_may_spend(zg: Caller) -> None:
    limits = ("--max-usd", "2", "--max-usd", "build=0.5", "--max-calls", "build=7")
    called = zg(*RUN, *limits, "--dry-run", "--json")

    assert called.document["limits"] == {"usd": 2.0}
    assert called.document["step_limits"] == {"build": {"usd": 0.5, "calls": 7}}
    shown = zg(*RUN, *limits, "--dry-run").out
    assert "limits of step build: usd 0.5, calls 7\n" in shown


@pytest.mark.usefixtures("served")
def test_a_run_is_resumed_with_a_higher_limit_and_shown_with_what_it_spent(
    zg: Caller,
) -> None:
    failed = zg(*RUN, "--max-calls", "build=1", "--max-calls", "1")
    done = zg("runs", "resume", "last", "--max-calls", "90", "--max-calls", "build=80")

    shown = zg("runs", "show", "last").out
    document = zg("runs", "show", "last", "--json").document

    assert failed.code == 1
    assert "the run has made the 1 model call that its limit allows" in failed.err
    assert done.code == 0
    assert "STEP     MODEL" in shown
    assert "prices: genai-prices " in shown
    assert "limits: calls 90\n" in shown
    assert "limits of step build: calls 80\n" in shown
    assert document["limits"]["calls"] == 90
    assert "its limits are now: calls 90" in zg("runs", "show", "last", "--events").out


@pytest.mark.usefixtures("served")
def test_a_price_that_is_not_known_is_said_and_never_shown_as_nothing(
    zg: Caller,
) -> None:
    solo = ("run", "write a poem", "--agent", "engineer", "--model", "openai:gpt-none")
    unknown = zg(*solo)
    shown = zg("runs", "show", "last").out
    with user_file().open("a") as file:
        file.write(
            "[prices.'openai:gpt-none']\n"
            "input_per_million = 5\noutput_per_million = 50\n"
        )
    zg(*solo, "--max-usd", "5")
    stated = zg("runs", "show", "last").out

    assert "cost at a price we do not know" in unknown.out
    assert "price unknown for " in shown
    assert " of openai:gpt-none\n" in shown
    assert "$" not in shown
    assert "stated by you: openai:gpt-none\n" in stated
    assert "cost $" in stated
