"""The real command against a real server, with a chain of two models, under drills.

Whatever goes wrong, a run ends, in a way that its exit code tells; one model off for
good is borne; and a budget is never passed.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from faults.judging import process

from zg_core.testing.wire import serve_apart

pytestmark = pytest.mark.heavy
STORM = "429:0.05@0.2,500:0.05@0.05,timeout@0.05,truncate@0.02"
CHAINS = {
    "one vendor": ("openai:model-one", "openai:model-two"),
    "two vendors": ("openai:model-one", "anthropic:model-two"),
}
PRICED = ("openai:gpt-4o-mini", "openai:gpt-4o")
CODES = {"completed": 0, "degraded": 4, "failed": 1}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Both vendors' servers, and keys for them."""
    with serve_apart() as url:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v1")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-a-key-of-no-worth")
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-a-key-of-no-worth")
        yield url


def drilled(*faults: str, chain: tuple[str, str], limits: tuple[str, ...] = ()) -> Any:
    """Do a run under a drill, and return the document that says all of it."""
    one, two = chain
    models = ("--model", one, "--fallback", two)
    objective = "Build a booking site for a yoga studio"
    work = ("run", objective, "--workflow", "optimized", *models, *limits)
    called = process("drill", *faults, "--json", "--", *work)

    document = json.loads(called.out)
    result = document["result"]
    assert called.code == document["drill"]["exit_code"] == CODES[result["status"]]
    assert "Traceback" not in called.err
    assert (result["error"] is None) == (result["status"] != "failed")
    return document


def models_asked(url: str) -> list[str]:
    with urllib.request.urlopen(f"{url}/_requests") as answer:
        return [asked["body"]["model"] for asked in json.load(answer)]


@pytest.mark.parametrize(
    ("vendors", "seed"), [("one vendor", 7), ("one vendor", 42), ("two vendors", 1)]
)
def test_every_run_ends_in_a_storm(server: str, vendors: str, seed: int) -> None:
    document = drilled("--inject", STORM, "--seed", str(seed), chain=CHAINS[vendors])

    drill, result = document["drill"], document["result"]
    assert drill["drill"].endswith(f"seed {seed}")
    assert drill["needed_calls"] >= 1
    assert drill["provider_calls"] >= len(models_asked(server))
    assert drill["goodput"] == 1.0 or result["status"] != "completed"


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_one_model_off_for_good_is_borne(server: str, chain: tuple[str, str]) -> None:
    document = drilled("--down", chain[0], chain=chain)

    drill = document["drill"]
    assert document["result"]["status"] == "completed"
    assert drill["goodput"] == 1.0
    assert drill["fallbacks"] == drill["answered_calls"] >= 4
    assert set(models_asked(server)) == {"model-two"}
    assert drill["injected"].keys() == {chain[0]}


def test_both_models_off_for_good_is_a_typed_error_soon(server: str) -> None:
    one, two = CHAINS["one vendor"]

    document = drilled("--down", one, "--down", two, chain=(one, two))

    assert document["result"]["status"] == "failed"
    assert document["result"]["error"]["details"]["injected"] == "reset"
    assert models_asked(server) == []


def test_a_budget_of_one_cent_is_never_passed(server: str) -> None:
    faults = ("--inject", STORM, "--seed", "7")

    document = drilled(*faults, chain=PRICED, limits=("--max-usd", "0.01"))

    drill, result = document["drill"], document["result"]
    bound = drill["bounds"]["usd"]
    assert drill["budget_kept"] is True
    assert 0 < bound["spent"] + bound["lost"] <= bound["allowed"] == 0.01
    assert result["cost_usd"] == pytest.approx(bound["spent"])


def test_a_budget_that_is_too_small_ends_the_run_before_it_is_passed(
    server: str,
) -> None:
    document = drilled(
        "--inject", "truncate@0.5", chain=PRICED, limits=("--max-usd", "0.0005")
    )

    drill, result = document["drill"], document["result"]
    assert result["status"] == "failed"
    assert result["error"]["type"] == "LimitError"
    assert drill["budget_kept"] is True
    assert len(models_asked(server)) == drill["provider_calls"]
