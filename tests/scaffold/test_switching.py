"""A plugin is switched off and on again in the user's own file, whatever it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from calling import Caller
from installing import GOOD, Site

from zg_core.config import load_config, user_file


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    site = Site(tmp_path / "site")
    monkeypatch.syspath_prepend(str(site.folder))
    site.install("zg-good", GOOD)
    site.install("zg-bad", "raise SystemExit(3)")
    yield site
    for module in ("zg_good", "zg_bad"):
        __import__("sys").modules.pop(module, None)


def states(zg: Caller) -> dict[str, str]:
    plugins = zg("plugins", "--json").document["plugins"]
    return {plugin["id"]: plugin["state"] for plugin in plugins}


def test_a_disabled_plugin_is_not_loaded_until_it_is_enabled(zg: Caller) -> None:
    done = zg("plugin", "disable", "bad")
    assert done.code == 0
    assert done.out == f"zg-bad is disabled in {user_file()}\n"
    assert states(zg)["zg-bad"] == "disabled"

    again = zg("plugin", "enable", "Zg_Bad", "--json").document
    assert again == {"schema": 1, "enabled": ["zg-bad"], "file": str(user_file())}
    assert states(zg)["zg-bad"] == "broken"
    assert load_config().plugins_disable == ()


def test_what_else_is_in_the_file_stays(zg: Caller) -> None:
    user_file().parent.mkdir(parents=True)
    user_file().write_text("# mine\nmodel = 'x'\n[plugins]\ndisable = ['good'] # why\n")

    zg("plugin", "disable", "zg-bad")
    zg("plugin", "disable", "zg-bad")
    assert load_config().plugins_disable == ("good", "zg-bad")
    zg("plugin", "enable", "zg-good")

    assert load_config().plugins_disable == ("zg-bad",)
    assert user_file().read_text().startswith("# mine\nmodel = 'x'\n")


def test_a_plugin_that_is_gone_can_be_enabled(zg: Caller) -> None:
    zg("config", "set", "plugins.disable", "zg-gone")

    assert zg("plugin", "enable", "gone").code == 0


def test_an_unknown_name_is_suggested(zg: Caller) -> None:
    done = zg("plugin", "disable", "zg-goood")

    assert done.code == 2
    assert "did you mean 'zg-good'?" in done.err
    assert not user_file().exists()


def test_what_is_not_disabled_cannot_be_enabled(zg: Caller) -> None:
    done = zg("plugin", "enable", "good")

    assert done.code == 2
    assert "'good' is not disabled in" in done.err


def test_a_file_that_cannot_be_used_is_not_touched(zg: Caller) -> None:
    user_file().parent.mkdir(parents=True)
    user_file().write_text("plugins = 3\n")

    assert zg("plugin", "disable", "good").code == 3
    assert zg("plugin", "enable", "good").code == 3
    assert user_file().read_text() == "plugins = 3\n"
