"""Laws of workflow files: what is written is read, and every value's line is found."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from itertools import count
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from laws.strategies import json_objects, texts, unhurried

import zg_core as zg
from zg_core._text_lines import Place, TextLines
from zg_core.workflow_files import workflow_text

# -- What is written is read -----------------------------------------------------------

amounts = st.floats(min_value=1e-6, max_value=1e9)
counts = st.integers(1, 1_000)
limits = st.builds(
    zg.Limits,
    usd=st.none() | amounts,
    tokens=st.none() | counts,
    calls=st.none() | counts,
    seconds=st.none() | amounts,
)
repeats = st.builds(
    zg.Repeat,
    until=st.sampled_from(["output", "output.good"]),
    rounds=st.integers(2, 20),
)


@st.composite
def workflows(draw: st.DrawFn) -> zg.Workflow:
    steps: list[zg.Step] = []
    for number in range(draw(st.integers(1, 4))):
        earlier = [step.name for step in steps]
        needs = tuple(name for name in earlier if draw(st.booleans()))
        known = st.sampled_from(["", "objective", *needs])
        repeat = draw(st.none() | repeats)
        step = zg.Step(
            f"step_{number}",
            agent=draw(st.sampled_from(["engineer", "zg-words:editor"])),
            needs=needs,
            prompt=draw(texts).replace("{", "("),
            model=draw(st.none() | st.just("openai:gpt-5")),
            on_error=draw(st.sampled_from(["fail", "skip", "fallback"])),
            timeout_seconds=draw(st.none() | amounts),
            limits=draw(limits),
            when=draw(known),
            for_each=(listed := "" if repeat else draw(known)),
            max_items=draw(counts) if listed else 100,
            parallel=draw(st.integers(1, 100)) if listed else 10,
            repeat=repeat,
            tools=draw(st.none() | st.lists(st.just("count_words")).map(tuple)),
            output_schema=draw(st.none() | schemas),
            max_output_tokens=draw(st.none() | counts),
        )
        steps.append(step)
    return zg.Workflow(
        "drawn",
        tuple(steps),
        description=draw(texts),
        routed=draw(st.booleans()),
        left_out=draw(st.lists(st.just("gone"), max_size=1).map(tuple)),
    )


# A schema refuses what it does not know nowhere, so any object of ours is one.
schemas = json_objects.map(lambda part: {"type": "object", "x-ours": part})


def without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_null(part) for name, part in value.items()}
    if isinstance(value, list):
        return [without_null(part) for part in value]
    return "null" if value is None else value


@unhurried
@given(workflows())
def test_a_workflow_written_as_json_is_read_as_the_same(workflow: zg.Workflow) -> None:
    text = json.dumps(zg.workflow_document(workflow))

    assert zg.read_workflow(text) == workflow


@unhurried
@given(workflows())
def test_a_workflow_written_as_toml_is_read_as_the_same(workflow: zg.Workflow) -> None:
    document = without_null(zg.workflow_document(workflow))
    workflow = zg.read_workflow(json.dumps(document))

    text = zg.workflow_toml(workflow)

    assert zg.read_workflow(text) == workflow


@unhurried
@given(st.text(alphabet=st.sampled_from("[]{}=\"'\\\n,.:# ask12")))
def test_any_text_is_a_workflow_or_is_refused_with_a_reason(text: str) -> None:
    found = workflow_text(text)

    assert (found.workflow is None) == bool(found.problems)


# -- Where it stands -------------------------------------------------------------------

BLANKS = ["", "  ", "# [[steps]] 'x", '# """']
PROSE = ['"""\n[[steps]]\nname = 1\n"""', "'''\n# \"\n'''", '"a \\" # b"', "'\\'"]


@st.composite
def toml(draw: st.DrawFn) -> str:
    """Write tables whose numbers are all different, each on a line of its own."""
    numbers = count(1_000_000)
    lines: list[str] = []

    def values(keys: Iterator[int]) -> None:
        for _ in range(draw(st.integers(0, 3))):
            key = f"k{next(keys)}"
            lines.append(draw(st.sampled_from(BLANKS)))
            match draw(st.integers(0, 4)):
                case 0:
                    lines.append(f"{key} = {next(numbers)} # = 'x")
                case 1:
                    lines.append(f'{key} . "a b".c = {next(numbers)}')
                case 2:
                    lines.append(f"{key} = {draw(st.sampled_from(PROSE))}")
                case 3:
                    lines.append(f"{key} = [ # ]")
                    lines.extend(
                        f"  {{ a.b = {next(numbers)}, 'c' = ['x,]', 1.5] }}, # ,"
                        for _ in range(draw(st.integers(0, 3)))
                    )
                    lines.append("  1979-05-27 07:32:00Z ]")
                case _:
                    lines.append(f"{key} = {{ x = {{}}, y = {next(numbers)} }}")

    keys = count()
    values(keys)
    for _ in range(draw(st.integers(0, 4))):
        name = draw(st.sampled_from(["steps", "'an other'"]))
        lines.append(f" [[ {name} ]] # [x]")
        values(keys)
        for inner in range(draw(st.integers(0, 2))):
            head = f"[{name}.in{inner}]" if draw(st.booleans()) else f"[[{name}.all]]"
            lines.append(head)
            values(keys)
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines)


def numbered(value: Any, place: Place = ()) -> Iterator[tuple[Place, int]]:
    """Yield the numbers in a document that are all different, with their places."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from numbered(part, (*place, name))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from numbered(part, (*place, index))
    elif isinstance(value, int) and value >= 1_000_000:
        yield place, value


def lines_with(text: str) -> dict[str, int]:
    return {
        word.strip(","): number
        for number, line in enumerate(text.split("\n"), 1)
        for word in line.split()
    }


@unhurried
@given(toml())
def test_every_value_of_a_toml_text_is_found_on_its_line(text: str) -> None:
    lines, expected = TextLines(text, is_json=False), lines_with(text)

    for place, number in numbered(tomllib.loads(text)):
        assert lines.line(place) == expected[str(number)]


@unhurried
@given(st.recursive(st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)))
def test_every_value_of_a_json_text_is_found_on_its_line(shape: Any) -> None:
    numbers = count(1_000_000)

    def leaf(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: leaf(part) for name, part in value.items()}
        return [leaf(v) for v in value] if isinstance(value, list) else next(numbers)

    text = json.dumps({"all": leaf(shape)}, indent=1)
    lines, expected = TextLines(text, is_json=True), lines_with(text)

    for place, number in numbered(json.loads(text)):
        assert lines.line(place) == expected[str(number)]
