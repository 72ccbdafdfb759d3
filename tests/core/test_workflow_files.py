"""Workflows in files: what is read, and where it is wrong."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path

import pytest

import zg_core as zg
from zg_core._workflow_form import LIMITS, REPEAT, STEP, WORKFLOW
from zg_core.workflow_files import workflow_text

REVIEW = """\
name = "review"  # a comment
description = "Writes until it is good."

[[steps]]
name = "plan"
agent = "architect"
timeout_seconds = 60

[[steps]]
name = "write"
agent = "zg-words:editor"
needs = ["plan"]
for_each = "plan.parts"
max_items = 5
parallel = 2
prompt = '''
[[steps]]
{item} of {plan}
'''

[[steps]]
name = "judge"
agent = "assistant"
needs = [
    "write",  # and nothing else
]
when = "length(write) > `0`"
on_error = "fallback"
tools = ["count_words"]
model = "openai:gpt-5"
max_output_tokens = 400

[steps.limits]
usd = 0.5
calls = 3

[steps.repeat]
until = "output.good"
back_to = "write"
rounds = 4

[steps.output_schema]
type = "object"
properties = {good = {type = "boolean"}}
"""
WHOLE = zg.Workflow(
    "review",
    (
        zg.Step("plan", agent="architect", timeout_seconds=60),
        zg.Step(
            "write",
            agent="zg-words:editor",
            needs=("plan",),
            for_each="plan.parts",
            max_items=5,
            parallel=2,
            prompt="[[steps]]\n{item} of {plan}\n",
        ),
        zg.Step(
            "judge",
            agent="assistant",
            needs=("write",),
            when="length(write) > `0`",
            on_error="fallback",
            tools=("count_words",),
            model="openai:gpt-5",
            limits=zg.Limits(usd=0.5, calls=3),
            repeat=zg.Repeat(until="output.good", back_to="write", rounds=4),
            output_schema={
                "type": "object",
                "properties": {"good": {"type": "boolean"}},
            },
            max_output_tokens=400,
        ),
    ),
    description="Writes until it is good.",
)


def written(name: str, content: str | bytes) -> Path:
    path = Path(name)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# -- What is read ----------------------------------------------------------------------


def test_every_field_is_read_from_toml() -> None:
    assert zg.load_workflow(written("review.toml", REVIEW)) == WHOLE


def test_every_field_is_read_from_json() -> None:
    document = json.dumps(zg.workflow_document(WHOLE), indent=2)

    assert zg.load_workflow(written("review.json", document)) == WHOLE


def test_what_looks_like_json_is_json_whatever_its_name() -> None:
    document = json.dumps(zg.workflow_document(WHOLE))

    assert zg.load_workflow(str(written("review", f"\n {document}"))) == WHOLE
    assert zg.read_workflow(document) == WHOLE


def test_a_byte_order_mark_and_the_line_ends_of_windows_do_no_harm() -> None:
    content = b"\xef\xbb\xbf" + REVIEW.replace("\n", "\r\n").encode()

    assert zg.load_workflow(written("review.toml", content)) == WHOLE


def test_the_form_has_every_field_that_a_workflow_has() -> None:
    for record, form in (
        (zg.Workflow, WORKFLOW),
        (zg.Step, STEP),
        (zg.Limits, LIMITS),
        (zg.Repeat, REPEAT),
    ):
        assert {field.name for field in fields(record)} == set(form)


# -- What is written -------------------------------------------------------------------


def test_what_is_as_it_is_anyway_is_not_written() -> None:
    workflow = zg.Workflow("short", (zg.Step("work", agent="engineer"),))

    assert zg.workflow_document(workflow) == {
        "name": "short",
        "steps": [{"name": "work", "agent": "engineer"}],
    }
    assert zg.workflow_toml(workflow) == (
        'name = "short"\n\n[[steps]]\nname = "work"\nagent = "engineer"\n'
    )


def test_text_of_several_lines_stays_readable_in_toml() -> None:
    step = zg.Step("work", agent="engineer", prompt='Say "hello",\nthen """quote""".\n')

    text = zg.workflow_toml(zg.Workflow("short", (step,)))

    assert 'prompt = """\nSay "hello",\nthen ""\\"quote""\\".\n"""' in text


def test_what_toml_has_no_word_for_is_refused() -> None:
    step = zg.Step("work", agent="engineer", output_schema={"enum": [None]})
    workflow = zg.Workflow("short", (step,))

    with pytest.raises(zg.WorkflowError, match=r"'work' holds a null.*as JSON"):
        zg.workflow_toml(workflow)
    assert zg.read_workflow(json.dumps(zg.workflow_document(workflow))) == workflow


# -- What is wrong, and where ----------------------------------------------------------


def step(text: str) -> str:
    """Return a workflow whose second step, in line 7, has *text* in line 10."""
    return (
        'name = "w"\ndescription = """\n[[steps]]"""\n[[steps]]\nname = "one"\n'
        f'agent = "a"\n[[steps]]\nname = "two"\nagent = "b"\n{text}\n'
    )


@pytest.mark.parametrize(
    ("text", "line", "cause", "remedy"),
    [
        # not even TOML or JSON
        ("", 1, "has no 'name'", "add it as text"),
        ("x", 1, "it is not TOML: Expected '='", "correct the line"),
        ('name = "w"\nx = [', 2, "it is not TOML", "correct the line"),
        (step("needs = [1, 2"), 11, "it is not TOML", "correct the line"),
        (step("name = 'two'"), 10, "it is not TOML: Cannot overwrite", "correct"),
        ('{"name": "w",\n "steps": [}', 2, "it is not JSON", "correct the line"),
        ('{"a": 1,\n\n"a": 2}', 3, "'a' is there twice", "remove one"),
        ("a." * 5_000 + "a = 1", 1, "too many parts", "shorten it"),
        ("\nx = " + "[" * 100_000, 2, "nested too deep", "make it flatter"),
        ('{"a":\n' + "[" * 100_000, 2, "nested too deep", "make it flatter"),
        ("\nx = " + "1" * 5_000, 2, "too many digits", "write a smaller one"),
        ('{"a":\n' + "1" * 5_000 + "}", 2, "too many digits", "write a smaller one"),
        ('{\n"name": NaN, "steps": []}', 2, "must be text, not nan", "in quotes"),
        # of another form
        ('name = "w"\nstep = []', 2, "no field 'step'", "did you mean 'steps'?"),
        ('name = "w"', 1, "has no 'steps'", "add it as a list of tables"),
        ('name = 1\n[[steps]]\nname = "a"\nagent = "a"', 1, "must be text", '"in '),
        ('name = "w"\nsteps = 1', 2, "must be a list of tables", "[[steps]] above"),
        ('name = "w"\n[steps]\na = 1', 2, "must be a list of tables", "[[steps]]"),
        (step('need = ["one"]'), 10, "'two' has no field 'need'", "mean 'needs'?"),
        (step("zzz = 1"), 10, "'two' has no field 'zzz'", "its fields are: name,"),
        (step('needs = "one"'), 10, "must be a list of names, not 'one'", '["plan'),
        (step("needs = [\n\n1]"), 10, "must be a list of names, not [1]", '["plan'),
        (step("prompt = 1"), 10, "'prompt' of step 'two' must be text", '"in quotes"'),
        (step("max_items = 1.0"), 10, "must be a whole number", "like this: 3"),
        (step("timeout_seconds = 0"), 10, "number above zero, not 0", "0.5"),
        (step("timeout_seconds = true"), 10, "must be a number above zero", "0.5"),
        (step("timeout_seconds = inf"), 10, "must be a number above zero", "0.5"),
        (step('on_error = "stop"'), 10, "must be 'fail', 'skip' or 'fallback'", "skip"),
        (step("[steps.limits]\nusd = -1"), 11, "'usd' of 'limits' of step", "0.5"),
        (step("limits.us = 1"), 10, "has no field 'us'", "did you mean 'usd'?"),
        (step("repeat = {back_to = 'one'}"), 10, "has no 'until'", "as text"),
        (step("output_schema.x = 1979-05-27"), 10, "must be a JSON Schema", "object"),
        (step("[[steps]]\nname = 'three'"), 10, "'three' has no 'agent'", "as text"),
        (step("[[steps]]\nagent = 'c'"), 10, "step 3 has no 'name'", "as text"),
        ('{"name": "w", "steps": [\n{"name": "\\ud800"}]}', 2, "must be text", ""),
        # well written, and still no workflow
        (step("[[steps]]\nname = 'A'\nagent = 'a'"), 11, "cannot be called 'A'", ""),
        (step("[[steps]]\nname = 'one'\nagent = 'a'"), 10, "two steps called", ""),
        (step("needs = ['two']"), 10, "'two' needs itself", "drop the need"),
        (step("needs = [\n'on']"), 10, "needs 'on', which is no", "mean 'one'?"),
        (step("prompt = '''\n{one}'''"), 10, "does not need it", "add 'one'"),
        (step("when = 'one'"), 10, "mentions 'one'", ""),
        (step("when = '!objective.a'"), 10, "negates only what is before a dot", "!("),
        (step("when = 'o ne'"), 10, "'when' of step 'two'", ""),
        (step("max_output_tokens = 0"), 10, "number above zero, not 0", "this: 3"),
        (step("max_output_tokens = 1.5"), 10, "must be a whole number", "this: 3"),
        (step("max_output_tokens = 10_000_000_000"), 10, "is 10000000000", "from 1"),
        (step("max_items = 5000"), 10, "'max_items' of step 'two' is 5000", "1,000"),
        (step("repeat.until = 'output['"), 10, "'until' of step 'two'", ""),
        (step("repeat = {until = 'output', back_to = 'one'}"), 10, "goes back to", ""),
        ('name = "W"\n[[steps]]\nname = "a"\nagent = "a"', 1, "cannot be called", ""),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
def test_what_is_wrong_is_refused_with_its_line_and_what_to_do(
    text: str, line: int, cause: str, remedy: str
) -> None:
    path = written("wrong.toml", text)

    with pytest.raises(zg.WorkflowError) as caught:
        if text.startswith("{"):
            path = path.rename("wrong.json")
        zg.load_workflow(path)

    error = caught.value
    assert error.cause.startswith(f"{path}, line {line}: ")
    assert error.details["line"] == line
    assert error.details["file"] == str(path)
    assert cause in error.cause
    assert remedy in error.remedy
    assert error.remedy


def test_the_line_is_found_in_json_and_in_inline_tables_too() -> None:
    listed = 'name = "w"\nsteps = [\n {name = "a", agent = "a"},\n {name = "b"},\n]'
    document = '{"name": "w", "steps": [\n{"name": "a",\n "agent": "a", "need": []}]}'

    for text, line in ((listed, 4), (document, 3)):
        with pytest.raises(zg.WorkflowError, match=f"^line {line}: step"):
            zg.read_workflow(text)


def test_everything_that_is_wrong_is_found_at_once_in_its_order() -> None:
    text = step("need = 1\n[[steps]]\nname = 'three'\n[steps.limits]\nusd = 0\nx = 1")

    problems = workflow_text(text).problems

    assert [problem.details["line"] for problem in problems] == [10, 11, 14, 15]


def test_a_workflow_of_too_many_steps_is_refused() -> None:
    text = 'name = "w"\n' + '[[steps]]\nname = "a"\nagent = "a"\n' * 1_001

    with pytest.raises(zg.WorkflowError, match="line 2: it has 1,001 steps; 1,000 is"):
        zg.read_workflow(text)


# -- Files that cannot be read ---------------------------------------------------------


def test_of_a_file_that_is_not_there_the_likely_one_is_named() -> None:
    written("review.toml", REVIEW)

    with pytest.raises(zg.InputError, match=r"No such file.*did you mean review.toml"):
        zg.load_workflow("reveiw.toml")
    with pytest.raises(zg.InputError, match=r"No such file.*zg workflows new NAME"):
        zg.load_workflow("nowhere/at-all.toml")


def test_a_folder_and_a_pipe_are_refused_and_nobody_waits() -> None:
    Path("folder.toml").mkdir()
    os.mkfifo("pipe.toml")

    for name in ("folder.toml", "pipe.toml"):
        with pytest.raises(
            zg.InputError, match=f"{name} cannot be read: it is no file"
        ):
            zg.load_workflow(name)


@pytest.mark.parametrize(
    ("content", "why"),
    [(b'name = "\xff"', "it is not UTF-8"), (b"#" * 500_001, "larger than 500,000")],
)
def test_what_is_no_text_or_too_long_is_refused(content: bytes, why: str) -> None:
    path = written("bad.toml", content)

    with pytest.raises(zg.InputError, match=why) as caught:
        zg.load_workflow(path)

    assert caught.value.details["file"] == "bad.toml"


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(zg.InputError, match="cannot be read"):
        zg.load_workflow("a\0b.toml")
    with pytest.raises(zg.InputError, match="cannot be read"):
        zg.load_workflow("x" * 5_000)
