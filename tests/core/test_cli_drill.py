"""``zg drill``: a command with faults, its report, and its exit code."""

from __future__ import annotations

import pytest
from calling import Caller
from terminals import Terminal

pytestmark = [pytest.mark.heavy, pytest.mark.usefixtures("play")]
RUN = ("run", "make two", "--workflow", "pair")


def test_a_drill_says_so_first_and_reports_at_the_end(zg: Caller) -> None:
    called = zg("drill", "--inject", "500:0@0.3", "--seed", "2", "--", *RUN)

    [said, *lines] = called.err.splitlines()
    reported = dict(line.strip().split("  ", 1) for line in lines)
    first = "model play:toy (from environment ZG_MODEL); a drill: 500:0@0.3 seed 2"
    assert called.code == 0
    assert called.out.splitlines()[0] == first
    assert said == "drill 500:0@0.3 seed 2: exit code 0"
    assert reported["needed calls"].strip() == "2"
    assert reported["answered"].strip().startswith("2 (goodput 100%, ")
    assert reported["fallbacks"].strip() == "0"
    assert reported["breaker"].strip().startswith("play:toy: closed (opened 0, ")


def test_with_json_the_drill_and_the_result_are_one_document(zg: Caller) -> None:
    bounds = ("--max-tokens", "100000")
    called = zg("drill", "--inject", "slow:0@1", "--json", "--", *RUN, *bounds)

    document = called.document
    drill = document["drill"]
    assert (called.code, called.err) == (0, "")
    assert document["result"]["status"] == drill["status"] == "completed"
    assert document["result"]["drill"] == drill["drill"] == "slow:0@1 seed 0"
    assert (drill["seed"], drill["exit_code"]) == (0, 0)
    assert drill["injected"] == {"play:toy": {"slow": 2}}
    assert drill["amplification"] == drill["goodput"] == 1.0
    assert drill["bounds"]["tokens"]["allowed"] == 100_000
    assert drill["budget_kept"] is True
    assert drill["breakers"]["play:toy"] == {
        "state": "closed",
        "opened": 0,
        "refused": 0,
    }


def test_json_may_be_asked_of_the_command_as_well(zg: Caller) -> None:
    called = zg("drill", "--inject", "slow:0@1", "--", *RUN, "--json")

    assert called.document.keys() == {"drill", "result"}


def test_a_run_that_fails_fails_the_drill(zg: Caller) -> None:
    called = zg("drill", "--inject", "400@1", *RUN, "--max-calls", "1")

    assert called.code == 1
    assert "error: the drill gave play:toy the status 400" in called.err
    assert "injected        play:toy: 400 1" in called.err
    assert "kept: calls 1 (1 spent, 0 lost at the worst)" in called.err


def test_a_step_has_limits_of_its_own_that_are_reported(zg: Caller) -> None:
    bounds = ("--max-calls", "9", "--max-calls", "first=5", "--timeout", "60")

    called = zg("drill", "--inject", "slow:0@1", *RUN, *bounds)

    budgets = [line for line in called.err.splitlines() if "budget" in line]
    assert budgets == [
        "  budget          kept: calls 9 (2 spent, 0 lost at the worst)",
        "  budget          kept: calls 5 of step first (1 spent, 0 lost at the worst)",
    ]


def test_show_and_explain_tell_that_it_was_a_drill(zg: Caller) -> None:
    zg("drill", "--down", "play:toy", "--", *RUN, "--max-calls", "1")

    assert "a drill: play:toy=reset@1 seed 0" in zg("runs", "show", "last").out
    assert "drill     play:toy=reset@1 seed 0" in zg("runs", "explain", "last").out
    resumed = zg("drill", "--inject", "slow:0@1", "runs", "resume", "last", *MORE)
    assert "goes on; a drill: slow:0@1 seed 0" in resumed.out
    assert "injected        play:toy: reset 1, slow 2" in resumed.err
    assert resumed.code == 0


MORE = ("--max-calls", "50")


def test_a_run_that_goes_on_in_earnest_does_not_begin_with_its_drill(
    zg: Caller,
) -> None:
    zg("drill", "--down", "play:toy", "--", *RUN, "--max-calls", "1")

    resumed = zg("runs", "resume", "last", *MORE)

    assert resumed.code == 0
    assert resumed.out.startswith("model play:toy (from environment ZG_MODEL)\n")
    assert "\ngoes on\n" in resumed.out
    assert "drill" not in resumed.out + resumed.err


def test_on_a_terminal_the_drill_is_shown_that_is_in_force(
    zg: Caller, terminal: Terminal
) -> None:
    zg("drill", "--down", "play:toy", "--", *RUN, "--max-calls", "1")

    drill = ("drill", "--inject", "500@1", "--", "runs", "resume", "last")
    terminal.call(*drill, "--max-calls", "2")
    terminal.call("runs", "resume", "last", *MORE)

    begun = terminal.read().split("model play:toy (from environment ZG_MODEL)")
    assert begun[-1].startswith("\n")
    assert any(head.startswith("; a drill: 500@1") for head in begun)
    assert not any(head.startswith("; a drill: play:toy") for head in begun)


def test_several_faults_add_up_however_they_are_given(zg: Caller) -> None:
    apart = ("--inject", "slow:0@0.5", "--inject", "slow:0@0.3,garbage@0.2")
    together = ("--inject", "slow:0@0.5,slow:0@0.3,garbage@0.2")

    for given in (apart, together):
        drill = zg("drill", *given, "--json", "--", *RUN).document["drill"]

        assert drill["drill"] == "slow:0@0.5,slow:0@0.3,garbage@0.2 seed 0"
        assert sum(drill["injected"]["play:toy"].values()) == 2


def test_what_does_no_run_has_nothing_to_report(zg: Caller) -> None:
    called = zg("drill", "--inject", "slow:0@1", "--", "runs", "list")

    assert called.code == 0
    assert called.err.endswith("  no run was done\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--inject", "429@0.2"), "Missing argument 'COMMAND...'"),
        (("--inject", "429@0.2", "--"), "Missing argument 'COMMAND...'"),
        (("--", *RUN), "the drill has no fault"),
        (
            ("--inject", "429@0.6", "--inject", "429@0.6", "--", *RUN),
            "the probabilities of the drill come to 1.2",
        ),
        (("--inject", "429@2", "--", *RUN), "'2' in '429@2' is no number"),
        (("--inject", "429@1", "--", "rum", "x"), "there is no command 'rum'"),
        (("--inject", "429@1", "--", "drill", "x"), "'drill' cannot be put under"),
        (("--inject", "429@1", "--", *RUN, "--nothing"), "No such option"),
        (("--down", "plai", "--", *RUN), "did you mean 'play'"),
    ],
)
def test_a_drill_that_cannot_be_done_is_refused(
    zg: Caller, arguments: tuple[str, ...], said: str
) -> None:
    called = zg("drill", *arguments)

    assert called.code == 2
    assert said in called.err
    assert called.out == ""


def test_another_process_would_not_know_of_the_drill(zg: Caller) -> None:
    called = zg("drill", "--inject", "429@1", "--", *RUN, "--runtime", "detached")

    assert called.code == 2
    assert "a drill holds for this process only" in called.err
