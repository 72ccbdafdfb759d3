"""``zg workflows``, and workflows that are named by their file.

One file, since it is one command.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from calling import Caller

import zg_core
from zg_core.cli import main
from zg_core.config import user_file
from zg_core.testing import ScriptedProvider, run_offline
from zg_core.testing._offline import any_answer

PAIR = """\
name = "mine"
description = "Two, one after the other."

[[steps]]
name = "first"
agent = "play-ask"

[[steps]]
name = "last"
agent = "play-ask"
needs = ["first"]
prompt = "go on from {first}"
"""
ALL = """\
name = "all"

[[steps]]
name = "plan"
agent = "architect"
when = "contains(objective, 'shop')"

[[steps]]
name = "build"
agent = "engineer"
needs = ["plan"]
for_each = 'plan."key points"'
max_items = 7
parallel = 2

[[steps]]
name = "end"
agent = "assistant"
needs = ["build"]
when = "length(build) > `1` && plan_is.good == '\\"<b>%%{init: {}}%%#35;'"
model = "openai:gpt-5"
tools = ["read_file"]
timeout_seconds = 90
max_output_tokens = 1_500
on_error = "skip"

[steps.repeat]
until = "output.good || round == `3`"
back_to = "build"
rounds = 3

[steps.limits]
usd = 0.25
calls = 1_000

[steps.output_schema]
properties = {good = {}, why = {}}
"""


def written(name: str, text: str) -> str:
    Path(name).write_text(text)
    return name


# -- What there is ---------------------------------------------------------------------


def test_a_file_that_is_shown_may_name_what_there_is_not_and_that_is_said(
    zg: Caller,
) -> None:
    file = written("odd.toml", PAIR.replace("play-ask", "nobody"))

    called = zg("workflows", "show", file, "--json")

    assert called.code == 0
    assert called.document["name"] == "mine"
    assert "odd.toml, line 6: there is no agent named 'nobody'" in called.err


def test_without_a_command_the_workflows_are_listed(zg: Caller) -> None:
    bare, listed = zg("workflows"), zg("workflows", "list")

    assert bare.code == listed.code == 0
    assert bare.out == listed.out
    assert "builtin:optimized" in bare.out
    assert (
        zg("workflows", "--json").document == zg("workflows", "list", "--json").document
    )


# -- Shown -----------------------------------------------------------------------------


def test_a_file_is_shown_with_all_that_holds_for_its_steps(zg: Caller) -> None:
    text = ALL.replace("plan_is.good == ", "build[0] == ")

    shown = zg("workflows", "show", written("all.toml", text))

    assert shown.code == 0
    assert shown.out.splitlines() == [
        "all",
        "",
        "plan → build → end",
        "",
        "STEP   AGENT      NEEDS  ON ERROR",
        "plan   architect  -      fail",
        "build  engineer   plan   fail",
        "end    assistant  build  skip",
        "",
        "STEP   TERMS",
        "plan   when contains(objective, 'shop')",
        'build  for each of plan."key points": 7 at most, 2 at once',
        "end    when length(build) > `1` && build[0] == '\"<b>%%{init: {}}%%#35;'",
        "end    again from build until output.good || round == `3`: 3 rounds at most",
        "end    with the model openai:gpt-5",
        "end    with the tools read_file",
        "end    within 90 s",
        "end    limits: usd 0.25, calls 1,000",
        "end    gives what fits its schema: good, why",
        "end    answers in 1,500 tokens at most",
    ]


def test_shown_as_toml_it_is_what_a_file_may_hold(zg: Caller) -> None:
    own = zg("workflows", "show", written("mine.toml", PAIR), "--toml")
    builtin = zg("workflows", "show", "optimized", "--toml")

    assert own.out == PAIR
    assert zg_core.read_workflow(builtin.out).name == "optimized"


def test_shown_as_json_a_step_has_every_field(zg: Caller) -> None:
    document = zg("workflows", "show", written("mine.toml", PAIR), "--json").document

    assert document["name"] == "mine"
    assert document["steps"][1]["needs"] == ["first"]
    assert document["steps"][1]["repeat"] is None
    assert document["mermaid"].startswith("flowchart TD\n")


def test_two_forms_at_once_are_refused(zg: Caller) -> None:
    called = zg("workflows", "show", "optimized", "--toml", "--json")

    assert called.code == 2
    assert called.document["error"]["cause"] == "--toml goes without --json"


# -- Drawn -----------------------------------------------------------------------------

QUOTED = r'"((?:[^"#<>`%{}&\\\n]|#\d+;)*)"'
NODE = re.compile(rf"    (s\d+)(?:\[{QUOTED}\]|\[\[{QUOTED}\]\])")
ARROW = re.compile(rf"    (s\d+) (-->|-\.->)(?:\|{QUOTED}\|)? (s\d+)")


def drawn(text: str) -> tuple[dict[str, str], list[tuple[str, str, str, str]]]:
    """Read a flowchart, and refuse what Mermaid might not take for what is meant."""
    head, *lines = text.splitlines()
    assert head == "flowchart TD"
    nodes: dict[str, str] = {}
    arrows: list[tuple[str, str, str, str]] = []
    for line in lines:
        if node := NODE.fullmatch(line):
            assert node[1] not in nodes
            assert not arrows
            nodes[node[1]] = plain(node[2] or node[3])
        else:
            arrow = ARROW.fullmatch(line)
            assert arrow, line
            assert {arrow[1], arrow[4]} <= nodes.keys()
            label = plain(arrow[3] or "")
            arrows.append((nodes[arrow[1]], arrow[2], label, nodes[arrow[4]]))
    return nodes, arrows


def plain(label: str) -> str:
    return re.sub(r"#(\d+);", lambda found: chr(int(found[1])), label)


def test_a_drawing_has_loops_conditions_and_items_and_escapes_what_they_say(
    zg: Caller,
) -> None:
    text = ALL.replace("plan_is.good == ", "build[0] == ")
    nodes, arrows = drawn(
        zg("workflows", "show", written("all.toml", text), "--mermaid").out
    )

    plan = "plan: architect, when contains(objective, 'shop')"
    build = 'build: engineer, for each of plan."key points"'
    when = "when length(build) > `1` && build[0] == '\"<b>%%{init: {}}%%#35;'"
    until = "until output.good || round == `3`, 3 rounds at most"
    assert list(nodes.values()) == [plan, build, "end: assistant"]
    assert arrows == [
        (plan, "-->", "", build),
        (build, "-->", when, "end: assistant"),
        ("end: assistant", "-.->", until, build),
    ]


@pytest.mark.parametrize("name", ["adaptive", "optimized", "sequential", "solo"])
def test_every_built_in_workflow_can_be_drawn(zg: Caller, name: str) -> None:
    nodes, _ = drawn(zg("workflows", "show", name, "--mermaid").out)

    steps = zg("workflows", "show", name, "--json").document["steps"]
    assert len(nodes) == len(steps)


# -- Checked ---------------------------------------------------------------------------


def test_each_file_is_checked_and_one_bad_one_is_enough(zg: Caller) -> None:
    good = written("good.toml", PAIR.replace("play-ask", "engineer"))
    bad = written("bad.toml", PAIR.replace("needs", "need").replace("agent", "agnet"))

    alone = zg("workflows", "check", good)
    both = zg("workflows", "check", good, bad, "nowhere.toml")
    document = zg("workflows", "check", good, bad, "--json").document

    assert (alone.code, alone.out) == (0, "good.toml: ok, 2 steps\n")
    assert both.code == 2
    assert both.out.splitlines()[:3] == [
        "good.toml: ok, 2 steps",
        "bad.toml, line 6: step 'first' has no field 'agnet'",
        "  did you mean 'agent'?",
    ]
    assert "the workflow nowhere.toml cannot be read" in both.out
    assert [file["ok"] for file in document["files"]] == [True, False]
    assert document["files"][0]["problems"] == []
    lines = [problem["line"] for problem in document["files"][1]["problems"]]
    assert lines == [6, 4, 10, 11, 8]


def test_what_a_file_names_has_to_be_there(zg: Caller) -> None:
    text = """\
name = "lost"
[[steps]]
name = "a"
agent = "enginer"
[[steps]]
name = "b"
agent = "engineer"
model = "opneai:gpt-5"
tools = ["read_file",
    "raed_file"]
output_schema = {type = "objet"}
"""
    called = zg("workflows", "check", written("lost.toml", text), "--json")

    problems = called.document["files"][0]["problems"]
    assert called.code == 2
    assert [problem["line"] for problem in problems] == [4, 10, 8, 11]
    assert "'enginer'" in problems[0]["cause"]
    assert "did you mean 'engineer'?" in problems[0]["remedy"]
    assert "did you mean 'read_file'?" in problems[1]["remedy"]
    assert "did you mean 'openai'?" in problems[2]["remedy"]
    assert "a JSON Schema is not valid" in problems[3]["cause"]


# -- Begun -----------------------------------------------------------------------------


def test_a_new_one_is_five_steps_with_a_loop_and_nothing_is_wrong_with_it(
    zg: Caller,
) -> None:
    made = zg("workflows", "new", "review")
    text = Path("review.toml").read_text()

    assert made.code == 0
    assert made.out.splitlines()[0] == "wrote review.toml; do it with:"
    assert zg("workflows", "check", "review.toml").out == "review.toml: ok, 5 steps\n"
    assert any("repeat" in step for step in tomllib.loads(text)["steps"])
    assert "zg run --workflow review.toml" in text


def test_a_new_one_runs_as_it_is(
    zg: Caller, wire: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"{wire}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key-of-no-worth")
    zg("workflows", "new", "review")

    called = zg(
        *("run", "A price list", "--workflow", "review.toml", "--json"),
        *("--model", "openai:gpt-test"),
    )

    assert called.code == 0
    assert called.document["status"] == "completed"
    assert steps_of(called) == ["plan", "build", "draw", "review", "ship"]


def test_the_loop_of_a_new_one_tells_the_builder_what_to_change(zg: Caller) -> None:
    zg("workflows", "new", "review")
    verdicts = iter([False, True])
    prompts: list[str] = []

    def answer(request: zg_core.Request) -> str:
        schema = request.output_schema or {}
        if "approved" in schema.get("properties", {}):
            return f'{{"approved": {json.dumps(next(verdicts))}, "remarks": "redder"}}'
        prompts.append(request.messages[-1].text)
        return str(any_answer(request))

    model = ScriptedProvider(answer, repeat=True)
    result = run_offline(zg_core.load_workflow("review.toml"), "x", answers=model)

    assert result.status == "completed"
    assert sum("redder" in prompt for prompt in prompts) == 2  # build and ship


def test_a_file_that_is_there_is_never_written_over(zg: Caller) -> None:
    written("mine.toml", PAIR)

    called = zg("workflows", "new", "mine")

    assert called.code == 2
    assert "there is a file mine.toml already" in called.err
    assert Path("mine.toml").read_text() == PAIR


@pytest.mark.parametrize("name", ["", "Mine", "a/b", "mine.toml", "../mine"])
def test_what_is_no_name_is_no_new_workflow(zg: Caller, name: str) -> None:
    called = zg("workflows", "new", name)

    assert called.code == 2
    assert "a workflow cannot be called" in called.err
    assert list(Path.cwd().iterdir()) == []


# -- Used ------------------------------------------------------------------------------


def steps_of(called: Any) -> list[str]:
    return [step["step"] for step in called.document["history"]]


@pytest.mark.parametrize("name", ["mine.toml", "./mine.toml", "sub/mine"])
@pytest.mark.usefixtures("play")
def test_a_run_takes_its_workflow_from_a_file(zg: Caller, name: str) -> None:
    Path("sub").mkdir()
    written(name, PAIR)

    called = zg("run", "make two", "--workflow", name, "--json")

    assert called.code == 0
    assert steps_of(called) == ["first", "last"]


@pytest.mark.usefixtures("play")
def test_a_name_is_a_name_whatever_files_there_are(zg: Caller) -> None:
    written("pair", PAIR)
    written("mine.toml", PAIR)

    named = zg("run", "make two", "--workflow", "pair", "--json")
    near = zg("run", "make two", "--workflow", "mine")

    assert steps_of(named) == ["first", "second"]
    assert near.code == 2
    assert "to use the file, write mine.toml" in near.err


@pytest.mark.usefixtures("play")
def test_a_plan_a_route_and_a_drill_take_files_too(zg: Caller) -> None:
    written("mine.toml", PAIR)

    plan = zg("run", "make two", "--workflow", "mine.toml", "--dry-run", "--json")
    route = zg("route", "make two", "--workflow", "mine.toml", "--json")
    hard = ("drill", "--inject", "reset@0.000001", "--json", "--")
    drill = zg(*hard, "run", "make two", "--workflow", "mine.toml")

    assert plan.document["workflow"] == route.document["workflow"] == "mine"
    assert [s["step"] for s in plan.document["steps"]] == ["first", "last"]
    assert drill.document["result"]["status"] == "completed"


@pytest.mark.usefixtures("play")
def test_the_steps_of_a_file_can_be_limited_like_others(zg: Caller) -> None:
    written("mine.toml", PAIR)
    wish = ("run", "make two", "--workflow", "mine.toml", "--json")

    plan = zg(*wish, "--dry-run", "--max-calls", "last=1")
    wrong = zg(*wish, "--max-calls", "lost=1")

    assert plan.document["step_limits"] == {"last": {"calls": 1}}
    assert wrong.code == 2
    assert wrong.document["error"]["remedy"] == "did you mean 'last'?"


@pytest.mark.usefixtures("play")
def test_a_run_of_a_bad_file_does_not_begin_and_says_where_it_is_bad(
    zg: Caller,
) -> None:
    written("mine.toml", PAIR.replace("play-ask", "play-aks"))

    called = zg("run", "make two", "--workflow", "mine.toml", "--json")

    assert called.code == 2
    assert called.document["error"]["line"] == 6
    assert called.document["error"]["file"] == "mine.toml"
    assert "did you mean 'play-ask'?" in called.document["error"]["remedy"]
    assert zg("runs", "--json").document == []


@pytest.mark.usefixtures("play")
def test_a_persons_own_configuration_may_name_a_file_and_a_projects_may_not(
    zg: Caller,
) -> None:
    path = Path(written("mine.toml", PAIR)).absolute()
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text(f'workflow = "{path}"\n')

    own = zg("run", "make two", "--json")
    Path("zg.toml").write_text(f'workflow = "{path}"\n')
    project = zg("run", "make two", "--json")

    assert steps_of(own) == ["first", "last"]
    assert project.code == 3
    assert "may not name a file" in project.document["error"]["cause"]


@pytest.mark.usefixtures("play")
@pytest.mark.parametrize("by", ["file", "variable"])
def test_a_configured_file_is_never_one_of_the_folder_one_works_in(
    zg: Caller, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = user_file()
    own.parent.mkdir(parents=True, exist_ok=True)
    if by == "file":
        own.write_text('workflow = "mine.toml"\n')
    else:
        monkeypatch.setenv("ZG_WORKFLOW", "mine.toml")
    written("mine.toml", PAIR.replace('"last"', '"theirs"'))

    alone = zg("run", "make two", "--json")
    written(str(own.with_name("mine.toml")), PAIR)
    both = zg("run", "make two", "--json")
    asked = zg("run", "make two", "--workflow", "mine.toml", "--json")

    error = alone.document["error"]
    assert alone.code == 3
    assert str(own.with_name("mine.toml")) in error["cause"]
    assert "the workflow is set by" in error["cause"]
    assert steps_of(both) == ["first", "last"]
    assert steps_of(asked) == ["first", "theirs"]


@pytest.mark.usefixtures("play")
def test_a_file_that_is_set_by_a_command_is_the_one_that_was_named(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(written("mine.toml", PAIR)).absolute()
    Path("elsewhere").mkdir()

    zg("config", "set", "workflow", "mine.toml")
    monkeypatch.chdir("elsewhere")

    assert zg("config", "get", "workflow").out == f"{path}\n"
    assert steps_of(zg("run", "make two", "--json")) == ["first", "last"]


@pytest.mark.parametrize(
    "command", ["run --workflow", "route --workflow", "workflows show"]
)
def test_a_shell_completes_names_and_leaves_files_to_itself(
    command: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def completed(typed: str) -> str:
        monkeypatch.setenv("COMP_WORDS", f"zg {command} {typed}")
        with pytest.raises(SystemExit):
            main([])
        return capfd.readouterr().out

    monkeypatch.setenv("_ZG_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_CWORD", "3")

    assert completed("opt") == "plain,optimized\n"
    assert completed("./opt") == "file,./opt\n"
