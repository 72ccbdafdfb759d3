"""``zg plugin`` makes a project, keeps it in order, and says what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from calling import Caller

from zg_core.errors import PluginError
from zg_core.scaffold.offering import offering
from zg_core.scaffold.project import read_project

pytestmark = pytest.mark.heavy


@pytest.fixture
def project(zg: Caller, monkeypatch: pytest.MonkeyPatch) -> Path:
    zg("plugin", "new", "rain", "--kind", "tool")
    monkeypatch.chdir("zg-rain")
    return Path.cwd()


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


# -- new -------------------------------------------------------------------------------


def test_a_project_comes_with_the_next_commands(zg: Caller) -> None:
    done = zg("plugin", "new", "rain")

    assert done.code == 0
    assert done.out.splitlines()[-3:] == [
        "  cd zg-rain",
        "  python -m pip install -e '.[test]'",
        "  python -m pytest",
    ]
    assert 'name="rain"' in Path("zg-rain/src/zg_rain/plugin.py").read_text()


def test_with_json_what_was_made_is_a_document(zg: Caller, tmp_path: Path) -> None:
    document = zg(
        "plugin", "new", "rain", "--kind", "tool", "--dir", str(tmp_path), "--json"
    ).document

    assert document["name"] == "zg-rain"
    assert document["path"] == str(tmp_path / "zg-rain")
    assert "src/zg_rain/tools.py" in document["files"]
    assert document["next"][0] == f"cd {tmp_path / 'zg-rain'}"


@pytest.mark.parametrize("name", ["json", "a/b", "engineer", "Über"])
def test_a_name_that_cannot_be_is_refused_and_nothing_written(
    zg: Caller, name: str
) -> None:
    done = zg("plugin", "new", name)

    assert done.code == 2
    assert "a plugin cannot be called" in done.err
    assert not list(Path().iterdir())


def test_what_is_built_in_of_another_kind_is_free(zg: Caller) -> None:
    assert zg("plugin", "new", "engineer", "--kind", "tool").code == 0


def test_force_says_what_it_left_alone(zg: Caller) -> None:
    Path("zg-rain").mkdir()
    Path("zg-rain/LICENSE").write_text("mine")
    assert zg("plugin", "new", "rain").code == 2

    done = zg("plugin", "new", "rain", "--force")

    assert done.code == 0
    assert done.err == "LICENSE was there and is as it was\n"


# -- update ----------------------------------------------------------------------------


def test_an_update_is_shown_before_it_is_made(zg: Caller, project: Path) -> None:
    assert "nothing to do" in zg("plugin", "update").out
    record = json.loads(Path(".zg-template.json").read_text())
    del record["files"]["LICENSE"]
    Path(".zg-template.json").write_text(json.dumps(record))
    Path("LICENSE").write_text("mine")

    shown = zg("plugin", "update")
    assert shown.out.startswith("LICENSE.zg-new: add, since you changed the original\n")
    assert not Path("LICENSE.zg-new").exists()

    done = zg("plugin", "update", "--write", "--json").document
    change = {"path": "LICENSE", "action": "beside", "target": "LICENSE.zg-new"}
    assert done == {"schema": 1, "written": True, "changes": [change]}
    assert Path("LICENSE.zg-new").exists()


# -- manifest --------------------------------------------------------------------------


def test_the_manifest_is_what_the_hooks_return(zg: Caller, project: Path) -> None:
    held = Path("src/zg_rain/zg_plugin.json").read_text()

    assert zg("plugin", "manifest").out == held
    assert zg("plugin", "manifest", "--check").code == 0


def test_a_manifest_out_of_step_is_shown_and_written_anew(
    zg: Caller, project: Path
) -> None:
    rewrite(Path("src/zg_rain/tools.py"), "Count the words", "Count all words")

    stale = zg("plugin", "manifest", "--check")
    assert stale.code == 1
    assert '+        "description": "Count all words of a text."' in stale.err
    document = zg("plugin", "manifest", "--check", "--json").document
    assert document["manifests"][0]["in_step"] is False

    assert zg("plugin", "manifest", "--write").code == 0
    assert zg("plugin", "manifest", "--check").code == 0


def test_a_manifest_that_is_missing_is_written(zg: Caller, project: Path) -> None:
    path = Path("src/zg_rain/zg_plugin.json")
    held = path.read_text()
    path.unlink()

    assert zg("plugin", "manifest", "--check").code == 1
    zg("plugin", "manifest", "--write")

    assert path.read_text() == held


def test_an_agents_tools_are_named_as_a_host_names_them(
    zg: Caller, project: Path
) -> None:
    code = """
import zg_core.plugin_api as zg

@zg.hookimpl
def zg_register_agents():
    tools = ("read_file", "other")
    return [zg.AgentSpec(name="rain", factory="zg_rain.agents:Rain", tools=tools)]
"""
    Path("src/zg_rain/plugin.py").write_text(code)

    [agent] = json.loads(zg("plugin", "manifest").out)["contributes"]["agents"]

    assert agent["tools"] == ["builtin:read_file", "other"]


def test_two_wishes_at_once_are_refused(zg: Caller, project: Path) -> None:
    assert zg("plugin", "manifest", "--write", "--check").code == 2


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("raise SystemExit(0)", "SystemExit"),
        ("import os; os._exit(0)", "it ends the process"),
        ("print('x')\nraise RuntimeError('here')", "RuntimeError: here"),
    ],
)
def test_of_a_plugin_that_cannot_be_loaded_there_is_no_manifest(
    zg: Caller, project: Path, code: str, cause: str
) -> None:
    Path("src/zg_rain/plugin.py").write_text(code)

    done = zg("plugin", "manifest")

    assert done.code == 3
    assert "the plugin 'zg-rain' cannot be loaded" in done.err
    assert cause in done.err
    assert done.out == ""


def test_of_a_plugin_that_hangs_there_is_no_manifest_either(
    zg: Caller, project: Path
) -> None:
    Path("src/zg_rain/plugin.py").write_text("import time; time.sleep(60)")
    read = read_project(project)

    with pytest.raises(PluginError, match=r"did not end within 0\.5 s"):
        offering(read, read.sources[0], timeout=0.5)


@pytest.mark.parametrize("broken", ["directory", "nowhere", "binary"])
def test_a_manifest_that_cannot_be_reached_is_one_sentence(
    zg: Caller, project: Path, broken: str
) -> None:
    path = Path("src/zg_rain/zg_plugin.json")
    path.unlink()
    if broken == "directory":
        path.mkdir()
    elif broken == "binary":
        path.write_bytes(b"\xff")
    else:
        rewrite(Path("pyproject.toml"), '"zg_rain:zg_', '"zg_rain.gone:zg_')

    done = zg("plugin", "manifest", "--write")

    assert done.code == 1
    assert "zg_plugin.json cannot be" in done.err


def test_a_manifest_that_is_not_named_cannot_be_written(
    zg: Caller, project: Path
) -> None:
    rewrite(Path("pyproject.toml"), 'rain = "zg_rain:zg_plugin.json"', "")

    done = zg("plugin", "manifest", "--write")

    assert done.code == 2
    assert "names no manifest for the plugin 'zg-rain'" in done.err
    assert zg("plugin", "check").code == 0  # and needs not be


# -- check -----------------------------------------------------------------------------


def test_a_new_project_is_fine(zg: Caller, project: Path) -> None:
    done = zg("plugin", "check")

    assert done.code == 0, done.err
    assert done.out.startswith("zg-rain is fine; it offers tool rain, and loads in ")
    assert done.err == ""
    [plugin] = zg("plugin", "check", "--json").document["plugins"]
    assert plugin["fine"]
    assert plugin["diagnostics"] == []


SLOVENLY = """
import os, sys, types
print("hello")
os.environ["RAIN"] = "1"
sys.modules["torch"] = types.ModuleType("torch")

@zg.hookimpl
def zg_register_tolos():
    return []

@zg.hookimpl
def zg_register_agents():
    return [zg.AgentSpec(name="rain", factory="zg_rain.tools:count_words")]
"""
WRONG = """
count = [0]
bad = zg.ToolSpec(name="bad", factory="os:getcwd", parameters={"type": 3})

@zg.hookimpl
def zg_register_agents():
    count[0] += 1
    return [zg.AgentSpec(name=f"agent-{count[0]}", factory="zg_rain.gone:Agent")]

@zg.hookimpl(specname="zg_register_tools")
def more():
    return [bad]
"""


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("raise SystemExit(0)", ["ZG201"]),
        ("import os; os._exit(0)", ["ended the process"]),
        ("import time; time.sleep(60)", ["did not end within 2 s"]),
        (
            SLOVENLY,
            ["writes 6 bytes", "RAIN", "imports 'torch'", "ZG203", "ZG214"],
        ),
        (WRONG, ["zg_register_agents offers something else", "zg_rain.gone", "bad"]),
    ],
    ids=["exits", "ends the process", "hangs", "slovenly", "wrong"],
)
def test_what_an_author_gets_wrong_is_found(
    zg: Caller, project: Path, code: str, found: list[str]
) -> None:
    path = Path("src/zg_rain/plugin.py")
    path.write_text(f"{path.read_text()}\n\n{code}")

    done = zg("plugin", "check", "--timeout", "2")

    assert done.code == 1
    assert done.out.startswith("zg-rain is not right; it offers ")
    for words in found:
        assert words in done.err
    assert "Traceback" not in done.err
    assert "pip install -U" not in done.err  # which is for its users


def test_a_manifest_that_cannot_be_written_is_found(zg: Caller, project: Path) -> None:
    Path("src/zg_rain/zg_plugin.json").write_bytes(b"\xff")

    done = zg("plugin", "check")

    assert done.code == 1
    assert "ZG111" in done.err


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (None, "there is no pyproject.toml"),
        ("[", "cannot be read"),
        ("x = 1", "does not say what the project is called"),
        ("[project]\nname = 'zg-rain'", "names no plugin"),
        ("[project]\nname = 3", "names no plugin"),
        (
            "[project]\nname = '-'\n"
            "[project.entry-points.'zerogravity.plugins']\nx = 'y'",
            "names no plugin",
        ),
    ],
)
@pytest.mark.parametrize("command", ["check", "manifest"])
def test_where_there_is_no_plugin_that_is_said(
    zg: Caller, command: str, text: str | None, cause: str
) -> None:
    if text is not None:
        Path("pyproject.toml").write_text(text)

    done = zg("plugin", command)

    assert done.code == 2
    assert cause in done.err


def test_what_is_checked_is_the_project_and_not_what_is_installed(
    zg: Caller, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "zg_rain"
    other.mkdir()
    (other / "__init__.py").write_text("raise RuntimeError('not this one')")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert zg("plugin", "check").code == 0


def test_a_project_without_src_is_found_too(zg: Caller, project: Path) -> None:
    Path("src/zg_rain").rename("zg_rain")
    Path("src").rmdir()

    assert zg("plugin", "check").code == 0
