"""Plugins are installed by pip, where pip is what keeps the environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from calling import Caller
from installing import GOOD, Site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    site = Site(tmp_path / "site")
    monkeypatch.syspath_prepend(str(site.folder))
    site.install("zg-good", GOOD)
    return site


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    prefix = tmp_path / "prefix"
    prefix.mkdir()
    monkeypatch.setattr(sys, "prefix", str(prefix))
    return prefix


def test_pip_installs_a_wheel_and_what_there_is_now_is_shown(
    zg: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "target"
    target.mkdir()
    monkeypatch.setenv("PIP_TARGET", str(target))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_NO_DEPS", "1")
    monkeypatch.setenv("PYTHONPATH", str(target))
    zg("plugin", "new", "rain")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", ".."],
        cwd="zg-rain",
        check=True,
        capture_output=True,
    )

    done = zg("plugin", "install", "./zg_rain-0.1.0-py3-none-any.whl")

    assert done.code == 0, done.err
    [row] = [line for line in done.out.splitlines() if line.startswith("zg-rain ")]
    assert row.split()[1] == "0.1.0"
    assert "Successfully installed zg-rain-0.1.0" in done.err
    document = zg("plugin", "install", "-U", "-e", "zg-nothing", "--json")
    assert document.code == 1
    assert document.document["error"]["cause"] == "pip could not install it"


def test_a_short_name_means_the_plugin_and_that_is_said(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    done = zg("plugin", "install", "rain>=1")

    assert done.code == 1
    assert "'rain>=1' means zg-rain>=1; for a package of exactly that name" in done.err
    assert "No matching distribution found for zg-rain>=1" in done.err


@pytest.mark.parametrize(
    "text",
    ["zg-rain[fast]>=1", "good", "zerogravity", "rain @ https://x.invalid/a.whl"],
)
def test_other_names_mean_themselves(
    zg: Caller, site: Site, prefix: Path, text: str
) -> None:
    site.install("good", GOOD)  # installed by exactly that name
    (prefix / "pipx_metadata.json").write_text("{}")

    done = zg("plugin", "install", text)

    assert "means" not in done.err
    assert done.code == 3


def test_nothing_is_nothing_to_install(zg: Caller) -> None:
    assert zg("plugin", "install").code == 2
    assert zg("plugin", "uninstall").code == 2


def test_where_pipx_keeps_the_environment_its_command_is_said(
    zg: Caller, site: Site, prefix: Path
) -> None:
    (prefix / "pipx_metadata.json").write_text("{}")

    one = zg("plugin", "install", "zg-rain>=1")
    other = zg("plugin", "uninstall", "good")

    assert one.code == other.code == 3
    assert "call: pipx inject zerogravity 'zg-rain>=1'\n" in one.err
    assert "call: pipx uninject zerogravity zg-good\n" in other.err


def test_where_uv_keeps_the_environment_all_plugins_are_named(
    zg: Caller, site: Site, prefix: Path
) -> None:
    """For uv forgets those that are not."""
    (prefix / "uv-receipt.toml").write_text("")
    site.install("zg-other", GOOD.replace("goodie", "other"))

    one = zg("plugin", "install", "zg-rain", "-e", "here").err
    other = zg("plugin", "uninstall", "zg-good").err

    every = "call: uv tool install zerogravity "
    assert f"{every}--with zg-good==1.0 --with zg-other==1.0 --with zg-rain " in one
    assert one.endswith("--with-editable here\n")
    assert "--with zg-other==1.0" in other
    assert "zg-good" not in other.partition(every)[2]


def test_without_pip_there_is_another_way(
    zg: Caller, prefix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pip", None)

    done = zg("plugin", "install", "zg-rain", "--json")

    assert done.code == 3
    remedy = done.document["error"]["remedy"]
    assert f"uv pip install --python {sys.executable} zg-rain" in remedy
    assert f"{sys.executable} -m ensurepip" in remedy


def test_what_is_not_installed_cannot_be_removed(zg: Caller, site: Site) -> None:
    done = zg("plugin", "uninstall", "goood")

    assert done.code == 2
    assert "did you mean 'zg-good'?" in done.err


@pytest.mark.parametrize("name", ["builtin", "zerogravity"])
def test_zerogravity_is_no_plugin_to_remove(zg: Caller, name: str) -> None:
    done = zg("plugin", "uninstall", name)

    assert done.code == 2
    assert "is ZeroGravity itself" in done.err


def test_what_was_a_plugin_can_be_removed_by_its_name(
    zg: Caller, site: Site, prefix: Path
) -> None:
    (prefix / "pipx_metadata.json").write_text("{}")
    site.install("zg-bad", entry_points="[zerogravity.plugins]\nno equals sign\n")

    done = zg("plugin", "uninstall", "bad")

    assert "'bad' means zg-bad" in done.err
    assert "pipx uninject zerogravity zg-bad" in done.err
