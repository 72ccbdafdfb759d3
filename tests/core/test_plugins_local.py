"""A file of the user's own is a plugin, if the user's own configuration says so."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from calling import Caller
from installing import GOOD, Site

import zg_core as zg
from zg_core.config import user_file
from zg_core.plugins import PluginHost

REFERRING = """
    from dataclasses import dataclass
    import zg_core.plugin_api as zg

    @zg.hookimpl
    def zg_register_agents():
        return [zg.AgentSpec(name="own", factory=f"{__name__}:Own")]

    @dataclass
    class Own:
        async def run(self, ctx):
            return zg.Reply(output="own")
"""


@pytest.fixture(autouse=True)
def folder() -> Iterator[Path]:
    """Return the folder of the user's file, whose modules are forgotten again."""
    folder = user_file().parent
    folder.mkdir(parents=True)
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


def write(path: Path, code: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(code))
    return path


def opened(*files: str, **config: object) -> PluginHost:
    return PluginHost.open(zg.Config(plugins_local=files, **config))  # type: ignore[arg-type]


def test_a_file_is_a_plugin_with_an_id_from_its_name(folder: Path, zg: Caller) -> None:
    write(folder / "My_Plugin.py", GOOD)
    user_file().write_text("[plugins]\nlocal = ['./My_Plugin.py']\n")

    run = zg("run", "x", "--agent", "my-plugin:goodie", "--json")
    listed = zg("plugins", "--json")

    assert run.document["result"] == "good"
    [row] = [p for p in listed.document["plugins"] if not p["builtin"]]
    assert (row["id"], row["state"]) == ("my-plugin", "active")
    assert row["entry_point"] == row["path"] == str(folder / "My_Plugin.py")
    assert str(folder / "My_Plugin.py") in zg("plugins").out


def test_it_may_refer_to_itself_and_is_imported_once(folder: Path) -> None:
    write(folder / "a-file.py", REFERRING)

    one, other = opened("a-file.py"), opened("a-file.py")

    first = one.make(one.find("agent", "own"))
    second = other.make(other.find("agent", "own"))
    assert type(first) is type(second)
    assert type(first).__module__ == "a_file"


def test_it_takes_no_modules_name(folder: Path) -> None:
    import colorsys

    write(folder / "colorsys.py", REFERRING)
    host = opened("colorsys.py")

    made = host.make(host.find("agent", "colorsys:own"))

    assert sys.modules["colorsys"] is colorsys
    assert type(made).__module__.startswith("_colorsys_")
    again = opened("colorsys.py")
    assert type(again.make(again.find("agent", "own"))) is type(made)


def test_it_may_be_anywhere(folder: Path, tmp_path: Path) -> None:
    absolute = write(tmp_path / "one.py", GOOD)
    write(folder / "sub" / "two.py", GOOD)
    write(tmp_path / "sub" / "two.py", GOOD)
    host = opened(str(absolute), "sub/two.py", str(tmp_path / "sub" / "two.py"))
    host.load_all()

    assert [p.id for p in host.plugins if not p.builtin] == ["one", "two", "two-2"]


def test_reserved_ids_stay_reserved(folder: Path) -> None:
    for name in ("builtin", "zerogravity", "…"):
        write(folder / f"{name}.py", GOOD)
    host = opened("builtin.py", "zerogravity.py", "….py")
    host.load_all()

    assert [(p.id, p.state) for p in host.plugins] == [
        ("builtin", "active"),
        ("file", "active"),
        ("local-builtin", "active"),
        ("local-zerogravity", "active"),
    ]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (None, "FileNotFoundError"),
        ("raise SystemExit(0)", "SystemExit"),
        ("def", "SyntaxError"),
    ],
)
def test_one_that_is_missing_or_breaks_has_a_row_that_says_so(
    folder: Path, code: str | None, said: str
) -> None:
    if code is not None:
        write(folder / "mine.py", code)
    host = opened("mine.py")
    host.load_all()

    [mine] = host.named("mine")
    assert mine.state == "broken"
    [found] = mine.diagnostics
    assert found.code == "ZG201"
    assert said in found.message
    assert found.hint == "take it out of plugins.local, or: zg -p no:mine …"
    files = [str(getattr(module, "__file__", "")) for module in sys.modules.values()]
    assert str(folder / "mine.py") not in files


def test_one_that_is_no_python_file_is_broken(folder: Path) -> None:
    write(folder / "mine.txt", GOOD)
    host = opened("mine.txt")
    host.load_all()

    assert "is no Python file" in host.named("mine")[0].diagnostics[0].message


def test_it_is_disabled_as_any_other(folder: Path) -> None:
    write(folder / "mine.py", "raise SystemExit(0)")

    host = opened("mine.py", plugins_disable=("mine",))
    host.load_all()

    assert [p.state for p in host.plugins] == ["active", "disabled"]


def test_no_package_takes_its_names_away(folder: Path, site: Site) -> None:
    write(folder / "zg_good.py", GOOD.replace("goodie", "mine"))
    site.install("zg-good", "raise SystemExit(0)")

    host = opened("zg_good.py")

    assert host.find("agent", "zg-good:mine").plugin == "zg-good"
    [found] = host.named("zg-good")[0].diagnostics
    assert found.code == "ZG104"
    assert "takes the place of zg-good 1.0" in found.message
    assert "pip uninstall zg-good" in found.hint


def test_the_users_word_is_trusted_unless_plugins_are_locked(folder: Path) -> None:
    write(folder / "mine.py", GOOD)

    allowing = opened("mine.py", plugins_policy="allowlist")
    assert allowing.find("agent", "goodie").plugin == "mine"
    (folder / "zg-plugins.lock").write_text('{"lock_version": 1, "plugins": []}')
    with pytest.raises(zg.ConfigError, match="plugins are locked, and 1 thing is not"):
        opened("mine.py", plugins_policy="locked")


def test_a_projects_file_names_none(zg: Caller) -> None:
    write(Path("mine.py"), "raise SystemExit(0)")
    Path("zg.toml").write_text("[plugins]\nlocal = ['./mine.py']\n")

    called = zg("agents")

    assert called.code == 3
    assert "plugins.local" in called.err


def test_an_engine_that_discovers_nothing_takes_no_files_in(folder: Path) -> None:
    write(folder / "mine.py", GOOD)
    config = zg.Config(plugins_local=("mine.py",))

    assert PluginHost.open(config, discover=False).plugins == ()
