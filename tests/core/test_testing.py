"""What those who test plugins get: runs, hosts, sites, fixtures and standard tests.

One file, since they are used together.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from installing import GOOD
from installing import Site as Installed

import zg_core as zg
from zg_core._codec import digest
from zg_core._schema import parameters_of
from zg_core._validation import argument_errors
from zg_core.recordings import dump_recording
from zg_core.testing import (
    PluginConformance,
    ScriptedProvider,
    Site,
    ToolConformance,
    events,
    installed,
    plugin_host,
    run_offline,
)
from zg_core.testing.conformance.arguments import fitting_values
from zg_core.testing.conformance.base import Conformance, for_any, level
from zg_core.testing.conformance.timing import stops, within

pytestmark = pytest.mark.heavy

PLUGIN_NAME = "zg_core._pytest_plugin"
PLUGIN = Path(zg.__file__ or "").parent / "_pytest_plugin.py"


class Ask:
    """Replies what the model answers."""

    async def run(self, ctx: zg.Context) -> zg.Reply:
        answer = await ctx.complete([zg.Message.user(ctx.prompt)])
        await ctx.write_artifact("answer.txt", answer.text)
        return zg.Reply(output=answer.text, artifacts=("answer.txt",))


# -- Running --------------------------------------------------------------------------


def test_an_agent_runs_by_itself() -> None:
    result = run_offline(Ask(), "Say hello", answers=["Hello."])

    assert result.output == "Hello."
    assert result.status == "completed"


@pytest.mark.parametrize("what", ["builtin:engineer", "engineer", "solo"])
def test_what_is_installed_runs_by_name(what: str) -> None:
    assert run_offline(what, "Say hello").status == "completed"


def test_a_spec_and_a_workflow_run_too() -> None:
    spec = zg.AgentSpec(name="ask", factory=Ask)
    flow = zg.Workflow("one", (zg.Step("work", agent="engineer"),))

    for what in (spec, flow, zg.WorkflowSpec(name="one", workflow=flow)):
        assert run_offline(what, "Say hello").status == "completed"


def test_the_model_can_be_looked_at_afterwards(tmp_path: Path) -> None:
    model = ScriptedProvider("Hello.")

    run_offline(Ask(), "Say hello", answers=model, out=tmp_path / "run")

    assert model.requests[0].messages[0].text == "Say hello"
    assert (tmp_path / "run" / "answer.txt").read_text() == "Hello."


def test_a_name_that_nothing_has_is_refused() -> None:
    with pytest.raises(zg.UnknownNameError, match="agent named 'nobody'"):
        run_offline("nobody", "Say hello")


@pytest.mark.anyio
async def test_it_runs_while_a_loop_runs() -> None:
    assert run_offline(Ask(), "Say hello", answers=["Hello."]).output == "Hello."


# -- Hosts ----------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installed]:
    site = Installed(tmp_path / "path")
    monkeypatch.syspath_prepend(str(site.folder))
    yield site
    site.forget()


def ids(host: Any) -> list[str]:
    return [plugin.id for plugin in host.plugins]


def test_a_host_has_nothing_but_what_it_is_given(site: Installed) -> None:
    site.install("zg-good", GOOD)
    site.install("zg-other", GOOD)

    assert ids(plugin_host()) == ["builtin"]
    assert ids(plugin_host("zg-good")) == ["builtin", "zg-good"]
    assert ids(plugin_host("good")) == ["builtin", "zg-good"]
    assert ids(plugin_host(ScriptedProvider())) == ["builtin", "scriptedprovider"]


def test_a_module_that_is_not_installed_is_a_plugin_too(site: Installed) -> None:
    (site.folder / "loose.py").write_text("from zg_core.plugin_api import hookimpl")

    assert ids(plugin_host("loose")) == ["builtin", "loose"]


@pytest.mark.parametrize("name", ["zg-nobody-has-it", "no reference", "no_such.module"])
def test_what_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(zg.UnknownNameError):
        plugin_host(name)


# -- Sites ----------------------------------------------------------------------------


def test_a_site_is_what_other_processes_find() -> None:
    with installed() as site:
        site.install("zg-good", "import zg_core.plugin_api", requires=("click",))
        found = json.loads(site.zg("plugins", "--json").stdout)
        said = site.python("-c", "import os; print(os.environ['SAID'])",
                           environ={"SAID": "hello"})  # fmt: skip

    assert "zg-good" in [plugin["id"] for plugin in found["plugins"]]
    assert said.stdout == "hello\n"
    assert not site.folder.exists()


def test_a_wheel_is_installed_by_unpacking(tmp_path: Path) -> None:
    built = Site(tmp_path / "built")
    built.install("zg-good", GOOD)
    wheel = tmp_path / "zg_good-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for file in filter(Path.is_file, built.folder.rglob("*")):
            archive.write(file, file.relative_to(built.folder))

    with installed(wheel) as site:
        assert "zg-good:goodie" in site.zg("agents", "--json").stdout


# -- The pytest plugin -----------------------------------------------------------------


def test_the_fixtures_are_there(
    zg_run: Any, zg_host: Any, zg_fake_provider: Any, zg_installed: Site
) -> None:
    first = zg_run(Ask(), "Say hello", answers=zg_fake_provider("Hello."))
    second = zg_run(Ask(), "Say hello")

    assert Path(first.out, "answer.txt").read_text() == "Hello."
    assert first.out != second.out
    assert ids(zg_host()) == ["builtin"]
    assert zg_installed.folder.is_dir()


TEST = """
import sys

def test_nothing_is_imported():
    ours = {name for name in sys.modules if name.startswith("zg_core")}
    assert ours == {"zg_core", "zg_core._pytest_plugin"}

def test_a_fixture_works(zg_run):
    assert zg_run("builtin:engineer", "Say hello").status == "completed"
"""


@pytest.mark.parametrize("name", ["zerogravity", "zg_core._pytest_plugin"])
def test_the_plugin_imports_nothing_and_works_without_autoload(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "test_it.py").write_text(TEST)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", name, "-c", os.devnull),
            *("--rootdir", str(tmp_path), "--import-mode=importlib", str(tmp_path)),
        ],
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
    )

    assert "2 passed" in done.stdout, done.stdout + done.stderr


RECORDED = """
import dataclasses
import pytest
import zg_core as zg
from zg_core.testing import Fault, ScriptedProvider

class Ask:
    asked = "{objective}?"

    async def run(self, ctx):
        text = self.asked.format(objective=ctx.objective)
        return zg.Reply(output=(await ctx.complete([zg.Message.user(text)])).text)

class Plugin:
    @zg.hookimpl
    def zg_register_agents(self):
        return [zg.AgentSpec(name="asker", factory=Ask)]

@pytest.mark.zg_recording("data/run.zgrun")
def test_the_same(zg_recorded_run):
    assert zg_recorded_run(None, None, Plugin()).output == "Hello."

@pytest.mark.zg_recording("data/run.zgrun")
def test_live(zg_recorded_run):
    result = zg_recorded_run(None, "Bye", Plugin(), live=True, answers=["Good bye."])
    assert result.output == "Good bye."

@pytest.mark.zg_recording("data/run.zgrun")
def test_edited(zg_recorded_run, monkeypatch):
    monkeypatch.setattr(Ask, "asked", "What is {objective}?")
    zg_recorded_run(None, None, Plugin())

def test_without_a_marker(zg_recorded_run):
    pass

def test_a_server(zg_wire_server, zg_run):
    zg_wire_server.answers += [Fault(status=429, retry_after=0), "Hello."]
    here = {"openai": {"base_url": f"{zg_wire_server.url}/v1", "api_key": "any"}}
    config = zg.Config(plugins_config={"builtin": here})
    result = zg_run("builtin:engineer", "Say it", config=config, model="openai:any")
    assert len(zg_wire_server.requests) == 2
"""


def test_a_recorded_run_is_a_fixture_and_a_difference_is_shown(tmp_path: Path) -> None:
    workflow = zg.Workflow("w", (zg.Step("ask", agent="asker"),))
    accepted = zg.RunAccepted(
        seq=1, at="t", run_id="r", objective="Say hello", workflow=workflow
    )
    request = zg.Request(model="", messages=(zg.Message.user("Say hello?"),))
    answered = zg.ModelAnswered(
        seq=2,
        at="t",
        run_id="r",
        step="ask",
        call_key=f"ask:{digest(request)[:32]}:1",
        model="openai:gone",
        response=zg.Response(message=zg.Message.assistant("Hello.")),
        cost_usd=1.0,
        duration_seconds=1.0,
    )
    recording = zg.Recording(
        events=(accepted, answered), requests={answered.call_key: request}
    )
    (tmp_path / "data").mkdir()
    (tmp_path / "data/run.zgrun").write_text("".join(dump_recording(recording)))
    (tmp_path / "test_recorded.py").write_text(RECORDED)

    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "--strict-markers"),
            *("-p", PLUGIN_NAME, "-p", "no:cacheprovider"),
            *("-c", os.devnull, "--rootdir", str(tmp_path), str(tmp_path)),
        ],
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
    )

    assert "1 failed, 3 passed, 1 error" in done.stdout, done.stdout + done.stderr
    shown = re.findall(r"^E +([-+].*)$", done.stdout, re.MULTILINE)
    assert shown == [
        "--- recorded",
        "+++ asked now",
        "-Say hello?",
        "+What is Say hello?",
    ]
    assert "zg_recorded_run needs a recorded run: mark the test" in done.stdout


def test_the_plugin_is_thin() -> None:
    lines = [line for line in PLUGIN.read_text().splitlines() if line.strip()]

    assert len(lines) < 25


# -- Standard tests --------------------------------------------------------------------


class Kept(PluginConformance):
    plugin = "builtin"


def test_a_standard_test_may_not_be_overridden() -> None:
    class Overriding(Kept):
        def test_it_loads_quickly(self) -> None:
            pass

    with pytest.raises(pytest.fail.Exception, match="test_it_loads_quickly"):
        Overriding().test_no_standard_test_is_overridden()


def test_a_standard_test_may_not_be_deleted() -> None:
    class Deleting(Kept):
        test_it_loads_quickly = None  # type: ignore[assignment]

    with pytest.raises(pytest.fail.Exception, match="test_it_loads_quickly"):
        Deleting().test_no_standard_test_is_overridden()


def test_one_that_cannot_be_kept_is_overridden_with_the_reason() -> None:
    class Honest(Kept):
        @pytest.mark.xfail(reason="it compiles its grammar")
        def test_it_loads_quickly(self) -> None:
            super().test_it_loads_quickly()

    class Silent(Kept):
        @pytest.mark.xfail
        def test_it_loads_quickly(self) -> None:
            super().test_it_loads_quickly()

    Honest().test_no_standard_test_is_overridden()
    with pytest.raises(pytest.fail.Exception):
        Silent().test_no_standard_test_is_overridden()


def test_the_test_that_finds_out_cannot_be_overridden() -> None:
    with pytest.raises(TypeError, match="must not override"):

        class Cheating(Kept):
            def test_no_standard_test_is_overridden(self) -> None:
                pass


class Later(Conformance):
    """As a later version of ZeroGravity would have it."""

    __module__ = "zg_core.testing.conformance.later"

    @level(1)
    def test_old(self) -> None:
        """An old one."""

    @level(2)
    def test_new(self) -> None:
        """A new one."""


def test_tests_of_a_later_level_are_left_out_until_they_are_wanted() -> None:
    class Pinned(Later):
        conformance_level = 1

    class Modern(Later):
        conformance_level = 2

    assert not callable(Pinned.test_new)
    assert callable(Pinned.test_old)
    assert callable(Modern.test_new)
    Pinned().test_no_standard_test_is_overridden()
    Modern().test_no_standard_test_is_overridden()


def test_a_thing_that_is_not_offered_is_no_thing_to_test() -> None:
    class Absent(ToolConformance):
        plugin = "builtin"
        tool = "nothing"

    with pytest.raises(AssertionError, match="offers no tool 'nothing'"):
        Absent().test_it_says_what_it_does()


def test_a_module_can_be_tested_before_it_is_installed(site: Installed) -> None:
    (site.folder / "loose_plugin.py").write_text(
        "import zg_core.plugin_api as zg\n"
        "@zg.hookimpl\n"
        "def zg_register_tools(): return []\n"
    )

    class Loose(PluginConformance):
        plugin = "loose_plugin"

    tests = Loose()
    tests.test_it_loads_with_nothing_to_say_against_it()
    tests.test_two_hosts_have_it_at_once()
    with pytest.raises(pytest.skip.Exception):
        tests.test_the_distribution_has_what_its_entry_points_name()


# -- What they are made of -------------------------------------------------------------


def test_what_takes_too_long_fails_and_is_left_behind() -> None:
    with pytest.raises(pytest.fail.Exception, match="the sleep took longer"):
        within(0.1, lambda: anyio.sleep(1), "the sleep")


def test_what_it_raises_is_raised() -> None:
    async def late() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        within(5, late, "it")


def test_what_stops_stops() -> None:
    stops(anyio.sleep_forever, "it")


def test_what_goes_on_is_told_of() -> None:
    async def stubborn() -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.5)

    with pytest.raises(pytest.fail.Exception, match="goes on"):
        stops(stubborn, "it", after=0.0, seconds=0.1)


def test_what_blocks_everything_is_told_of() -> None:
    async def blocking() -> None:
        time.sleep(0.5)

    with pytest.raises(pytest.fail.Exception, match="blocks the event loop"):
        stops(blocking, "it", patience=0.1)


@given(events())
def test_events_may_be_sent_anywhere(event: zg.Event) -> None:
    assert zg.decode_event(zg.encode_event(event))


def every(
    flag: bool,
    size: int,
    part: float,
    name: str,
    places: list[tuple[int, str]],
    either: int | str | None,
    table: dict[str, list[int]],
    nothing: None = None,
) -> None:
    """Take arguments of every type."""


BOUNDED = {
    "type": "object",
    "properties": {
        "a": {"type": "integer", "exclusiveMinimum": 2, "exclusiveMaximum": 5},
        "b": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "c": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
        "d": {"enum": ["x", 1, None]},
        "e": {"const": 3},
        "f": {"type": ["string", "null"], "minLength": 2},
        "g": {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
        "h": {"allOf": [{"type": "string"}], "maxLength": 3},
        "i": {"$ref": "#/$defs/tree"},
        "j": {"oneOf": [{"type": "boolean"}, {"type": "null"}]},
        "k": True,
        "l": {},
    },
    "required": ["a", "b", "c", "e", "i"],
    "additionalProperties": False,
    "$defs": {
        "tree": {
            "type": "object",
            "properties": {
                "left": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]}
            },
            "additionalProperties": False,
        }
    },
}


@pytest.mark.parametrize("schema", [parameters_of(zg.tool(every)), BOUNDED])
def test_values_are_made_that_fit_a_schema(schema: dict[str, Any]) -> None:
    @for_any(fitting_values(schema), examples=60)
    def law(value: Any) -> None:
        assert argument_errors(schema, value) == []

    law()
