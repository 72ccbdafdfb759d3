"""The four default agents: what they ask, and the files they leave.

One file, since they hand their work to each other.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from offering import Offering

import zg_core as zg
from zg_core.testing import ScriptedProvider, call
from zg_plugins_builtin import workflows
from zg_plugins_builtin.agents._documents import code
from zg_plugins_builtin.agents._small import Point, points
from zg_plugins_builtin.agents.architect import INSTRUCTIONS as ARCHITECT
from zg_plugins_builtin.agents.architect import Architect
from zg_plugins_builtin.agents.designer import INSTRUCTIONS as DESIGNER
from zg_plugins_builtin.agents.designer import Designer
from zg_plugins_builtin.agents.engineer import INSTRUCTIONS as ENGINEER
from zg_plugins_builtin.agents.engineer import Engineer
from zg_plugins_builtin.agents.operator import INSTRUCTIONS as OPERATOR
from zg_plugins_builtin.agents.operator import Operator
from zg_plugins_builtin.tools.files import TOOLS

pytestmark = pytest.mark.anyio
OBJECTIVE = "Build a booking site for a yoga studio"
OPTIONS = zg.RunOptions(model="scripted:any", out="out")
OUT = Path("out")

PLAN = {
    "summary": "A site where people book classes.",
    "components": [{"name": "Calendar", "purpose": "shows\nthe classes"}],
    "steps": [{"title": "Write the page", "who": "engineer", "result": "index.html"}],
    "risks": ["Two people book the last place"],
    "acceptance": ["A class can be booked"],
}
DESIGN = {
    "summary": "Calm & clear.",
    "look": "White space.",
    "palette": {"background": "#fafafa", "text": "#112233", "accent": "url(evil)"},
    "pages": [
        {
            "name": "Home <script>",
            "purpose": "Says what there is.",
            "parts": [
                {"kind": "navigation", "text": "Home\nClasses"},
                {"kind": "heading", "text": "Breathe </h3><script>alert(1)</script>"},
                {"kind": "text", "text": "Yoga for all.\n\nEvery day."},
                {"kind": "list", "text": "- Hatha\n- Yin"},
                {"kind": "image", "text": 'A mat "rolled up"'},
                {"kind": "input", "text": "Your name"},
                {"kind": "button", "text": "Book"},
                {"kind": "link", "text": "Imprint"},
            ],
        }
    ],
}
DELIVERY = {
    "title": "Yoga booking",
    "summary": "A page that takes bookings.",
    "how_to_use": ["Open site/index.html"],
    "left_to_do": ["Nobody has run it"],
}


def by_agent(**answers: Any) -> Callable[[zg.Request], Any]:
    """Answer each agent from its own list, whoever of them asks first."""
    names = {
        ARCHITECT: "architect",
        ENGINEER: "engineer",
        DESIGNER: "designer",
        OPERATOR: "operator",
    }
    usual = {
        "architect": [json.dumps(PLAN)],
        "engineer": [
            call("write_file", path="site/index.html", content="<h1>Yoga</h1>"),
            "It is in site/index.html.",
        ],
        "designer": [json.dumps(DESIGN)],
        "operator": [call("read_file", path="site/index.html"), json.dumps(DELIVERY)],
    }
    left = {**usual, **answers}

    def answer(request: zg.Request) -> Any:
        system = request.messages[0].text
        name = next(n for start, n in names.items() if system.startswith(start))
        return left[name].pop(0)

    return answer


async def run(
    workflow: zg.Workflow, model: ScriptedProvider, **options: Any
) -> zg.RunResult:
    plugin = Offering(
        *TOOLS,
        architect=Architect(),
        engineer=Engineer(),
        designer=Designer(),
        operator=Operator(),
    )
    async with zg.Engine.open(
        plugin, model, journal="memory", discover=False
    ) as engine:
        return await engine.run(workflow, OBJECTIVE, options=OPTIONS, **options)


def written(result: zg.RunResult) -> dict[str, str]:
    return {a.path: (OUT / a.path).read_text() for a in result.artifacts}


@pytest.mark.parametrize("workflow", [workflows.SEQUENTIAL, workflows.OPTIMIZED])
async def test_the_team_turns_an_objective_into_files(workflow: zg.Workflow) -> None:
    model = ScriptedProvider(by_agent(), repeat=True)

    result = await run(workflow, model)

    files = written(result)
    assert files.keys() == {
        "README.md",
        "design.md",
        "implementation.md",
        "mockup.html",
        "plan.json",
        "plan.md",
        "site/index.html",
    }
    assert json.loads(files["plan.json"]) == PLAN
    assert files["site/index.html"] == "<h1>Yoga</h1>"
    assert files["implementation.md"] == "It is in site/index.html."
    assert result.output == files["README.md"]
    assert [step.status for step in result.history] == ["finished"] * 4


async def test_the_plan_is_a_document_of_the_models_words() -> None:
    result = await run(workflows.SEQUENTIAL, ScriptedProvider(by_agent(), repeat=True))

    assert written(result)["plan.md"] == (
        "# Plan\n\nA site where people book classes.\n\n"
        "## Components\n\n- **Calendar**: shows the classes\n\n"
        "## Steps\n\n1. **Write the page (engineer)**: index.html\n\n"
        "## Risks\n\n- Two people book the last place\n\n"
        "## Acceptance\n\n- A class can be booked\n"
    )


async def test_the_readme_lists_the_runs_files_and_what_is_left() -> None:
    result = await run(workflows.SEQUENTIAL, ScriptedProvider(by_agent(), repeat=True))

    assert written(result)["README.md"] == (
        "# Yoga booking\n\nA page that takes bookings.\n\n"
        "## Files\n\n- `design.md`\n- `implementation.md`\n- `mockup.html`\n"
        "- `plan.json`\n- `plan.md`\n- `site/index.html`\n\n"
        "## How to use it\n\n1. Open site/index.html\n\n"
        "## What is left to do\n\n- Nobody has run it\n"
    )


async def test_each_agent_sees_what_it_needs_of_the_others() -> None:
    model = ScriptedProvider(by_agent(), repeat=True)

    await run(workflows.OPTIMIZED, model, files={"notes.txt": b"Only mornings."})

    prompts = {
        r.messages[0].text.split(" of a")[0]: r.messages[1].text for r in model.requests
    }
    plan, build, design, deliver = (
        prompts[f"You are the {name}"]
        for name in ("architect", "engineer", "designer", "operator")
    )
    assert "- inputs/notes.txt" in plan
    assert "A class can be booked" in build
    assert "A class can be booked" in design
    assert "It is in site/index.html." in deliver
    assert "Calm & clear." in deliver
    assert "- `site/index.html`" in deliver


class Tags(HTMLParser):
    """Collects the tags of a page, and the text of its articles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.text.append(data.strip())


async def test_the_mockup_shows_every_part_and_runs_nothing() -> None:
    result = await run(workflows.SEQUENTIAL, ScriptedProvider(by_agent(), repeat=True))

    page = written(result)["mockup.html"]
    shown = Tags(page)
    assert "script" not in shown.tags
    assert shown.tags[shown.tags.index("article") :] == [
        "article",
        "nav",
        "span",
        "span",
        "h3",
        "p",
        "p",
        "ul",
        "li",
        "li",
        "figure",
        "label",
        "input",
        "button",
        "a",
    ]
    assert {"Breathe </h3><script>alert(1)</script>", "Home <script>", "Yin"} < set(
        shown.text
    )
    assert "#fafafa" in page
    assert "url(evil)" not in page


async def test_where_there_is_nothing_to_see_there_is_no_mockup() -> None:
    nothing = json.dumps({**DESIGN, "pages": []})
    model = ScriptedProvider(by_agent(designer=[nothing]), repeat=True)

    result = await run(workflows.SEQUENTIAL, model)

    assert "mockup.html" not in written(result)
    assert written(result)["design.md"].startswith("# Design\n\nCalm & clear.")


async def test_a_model_without_tools_gives_its_files_in_one_answer() -> None:
    answer = {
        "files": [
            {"path": "site/index.html", "content": "<h1>Yoga</h1>"},
            {"path": "../evil.sh", "content": "rm -r /"},
        ],
        "report": "One page.",
    }
    script = by_agent(engineer=[json.dumps(answer)], operator=[json.dumps(DELIVERY)])
    model = ScriptedProvider(script, repeat=True, info=zg.ModelInfo(tools=False))

    result = await run(workflows.SEQUENTIAL, model)

    assert written(result)["implementation.md"] == (
        "One page.\n\n## Files\n\n- `site/index.html`\n\n"
        "## Files that could not be written\n\n- '../evil.sh' is not a plain path "
        "below the run's folder; name a file inside the run's folder, "
        "such as 'docs/plan.md'\n"
    )
    assert not Path("evil.sh").exists()
    assert result.history[1].artifacts == ("site/index.html", "implementation.md")
    assert all(request.tools == () for request in model.requests)


async def test_a_resumed_delivery_asks_nothing_twice() -> None:
    """The list of files in its prompt is the recorded one, whatever is there now."""
    lost: list[Any] = [zg.ProviderAuthError("the key has run out")]

    def first(request: zg.Request) -> Any:
        if "You are the operator" in request.messages[0].text and lost:
            return lost.pop()
        return script(request)

    script = by_agent()
    model = ScriptedProvider(first, repeat=True)
    journal = zg.MemoryJournal()
    plugin = Offering(
        *TOOLS,
        architect=Architect(),
        engineer=Engineer(),
        designer=Designer(),
        operator=Operator(),
    )
    async with zg.Engine.open(plugin, model, journal=journal, discover=False) as engine:
        with pytest.raises(zg.ProviderAuthError):
            await engine.run(
                workflows.SEQUENTIAL, OBJECTIVE, options=OPTIONS, run_id="r1"
            )
        (OUT / "later.txt").write_text("not there the first time")
        asked = len(model.requests)
        result = await engine.resume("r1")

    assert result.status == "completed"
    assert len(model.requests) == asked + 2
    assert "later.txt" not in model.requests[-1].messages[1].text


# -- Small models --------------------------------------------------------------------

SMALL = zg.ModelInfo(tools=False, small=True, context_tokens=2_048)


def as_a_small_model_writes(request: zg.Request) -> str:
    (question,) = request.messages
    if "What could go wrong" in question.text:
        return "There is always the risk of delays. Another is mo"
    return (
        "Here is a list:\n\n1. **Define {it}**: Say what it is. And for whom.\n"
        "2. **Define {it}**: Say it again.\n3. Find a studio: it needs mats.\n"
        "4. **Last**: This one is cut"
    )


async def test_a_small_model_is_asked_short_questions_and_all_files_are_there() -> None:
    model = ScriptedProvider(as_a_small_model_writes, repeat=True, info=SMALL)

    result = await run(workflows.OPTIMIZED, model)

    files = written(result)
    assert files.keys() == {
        "README.md",
        "design.md",
        "implementation.md",
        "mockup.html",
        "plan.json",
        "plan.md",
    }
    assert all(text.strip() for text in files.values())
    plan = json.loads(files["plan.json"])
    assert plan["summary"] == f"{OBJECTIVE}."
    assert [step["title"] for step in plan["steps"]] == [
        "Define {it}",
        "Find a studio",
        "Last",
    ]
    assert "## Define {it}" in files["implementation.md"]
    assert "Palette" not in files["design.md"]
    for request in model.requests:
        assert [m.role for m in request.messages] == ["user"]
        assert len(request.messages[0].text) < 300
        assert request.tools == ()
        assert request.output_schema is None


async def test_an_engineer_alone_asks_a_small_model_for_the_steps() -> None:
    model = ScriptedProvider(as_a_small_model_writes, repeat=True, info=SMALL)

    result = await run(workflows.SOLO, model)

    assert result.output.startswith("# Implementation\n\n## Steps\n\n- **Define {it}**")
    assert len(model.requests) == 2


@pytest.mark.parametrize(
    ("objective", "asked"),
    [
        ("Plan a party.", "Plan a party. What could go wrong?"),
        ("Plan a\nparty? ", "Plan a party. What could go wrong?"),
        ("Plan a party. " + "For my sister. " * 50, "Plan a party. What could go"),
        ("x" * 1_000, "x" * 300 + ". What could go wrong?"),
    ],
)
async def test_a_small_model_is_told_the_objective_in_short(
    objective: str, asked: str
) -> None:
    model = ScriptedProvider(as_a_small_model_writes, repeat=True, info=SMALL)
    plugin = Offering(architect=Architect())
    work = zg.Workflow("test", (zg.Step("plan", agent="architect"),))

    async with zg.Engine.open(
        plugin, model, journal="memory", discover=False
    ) as engine:
        await engine.run(work, objective, options=OPTIONS)

    assert any(r.messages[0].text.startswith(asked) for r in model.requests)


async def test_a_small_model_that_says_nothing_at_all_fails_the_step() -> None:
    model = ScriptedProvider(" \n", repeat=True, info=SMALL)

    with pytest.raises(zg.RunError, match="the model has nothing to say"):
        await run(workflows.SEQUENTIAL, model)


@pytest.mark.parametrize(
    ("text", "cut", "found"),
    [
        ("", False, []),
        ("One thing", False, [Point("", "One thing")]),
        (
            "- **Bold**: has **more** of it.\n* Plain one.\n• Key: value",
            False,
            [
                Point("Bold", "has more of it."),
                Point("", "Plain one."),
                Point("Key", "value"),
            ],
        ),
        ("1. Whole. And cut o", True, [Point("", "Whole.")]),
        ("1. Stays.\n2. Nothing whole here", True, [Point("", "Stays.")]),
        (
            "1. Such as:\n- apples\n- pears",
            False,
            [Point("", "apples"), Point("", "pears")],
        ),
        (
            "A first paragraph\nof prose. With a cut e\n\nA second paragraph of prose.",
            True,
            [
                Point("", "A first paragraph of prose."),
                Point("", "A second paragraph of prose."),
            ],
        ),
    ],
)
async def test_the_points_of_an_answer_are_found(
    text: str, cut: bool, found: list[Point]
) -> None:
    assert points(text, cut=cut) == found


def test_a_point_without_a_title_is_called_by_its_first_words() -> None:
    assert Point("", "There is always the risk of, delays.").name == (
        "There is always the risk of"
    )


@pytest.mark.parametrize(
    ("name", "quoted"),
    [("a.md", "`a.md`"), ("a`b", "`` a`b ``"), ("``", "``` `` ```")],
)
def test_a_file_name_stays_one_piece_of_code(name: str, quoted: str) -> None:
    assert code(name) == quoted
