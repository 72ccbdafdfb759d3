"""A plugin that takes its process down is not imported a second time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from installing import GOOD, Site

import zg_core as zg
from zg_core.config import data_dir
from zg_core.plugins import PluginHost
from zg_core.plugins.finding.scan import Copy
from zg_core.plugins.finding.sources import Source
from zg_core.plugins.trust.quarantine import (
    forget_quarantine,
    in_quarantine,
    quarantined,
    watched,
)

pytestmark = pytest.mark.heavy

EXIT = "import os; os._exit(7)"
CRASH = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
HANG = """
    import os, pathlib, time
    pathlib.Path(os.environ["READY"]).touch()
    while True:
        time.sleep(0.02)
"""


def source(name: str = "zg-bad", version: str = "1.0", folder: str = "/a") -> Source:
    copy = Copy(name=name, version=version, folder=folder, offers=())
    return Source(id=name, reference="zg_bad", copy=copy)


def crumbs() -> list[Path]:
    folder = data_dir() / "loading"
    return list(folder.iterdir()) if folder.exists() else []


def abandon(whose: Source, **process: object) -> Path:
    """Leave the crumb of a process that is no more."""
    with pytest.raises(KeyboardInterrupt), watched(whose):
        raise KeyboardInterrupt
    [crumb] = crumbs()
    document = json.loads(crumb.read_text())
    document["process"] |= process or {"started": 1}
    crumb.write_text(json.dumps(document))
    return crumb


# -- Through the command line --------------------------------------------------------


@pytest.mark.parametrize("end", [EXIT, CRASH])
def test_what_ends_the_process_is_kept_out_from_the_second_start_on(
    site: Site, end: str
) -> None:
    site.install("zg-good", GOOD)
    site.install("zg-bad", end)
    without = site.zg("-p", "no:zg-bad", "agents")

    first, second = site.zg("agents"), site.zg("agents")
    listed = site.zg("plugins", "--json")  # as the third start sees it

    assert first.returncode not in (0, 1, 2, 3)
    assert (second.returncode, second.stdout) == (0, without.stdout)
    assert second.stderr == (
        "error  ZG207 [zg-bad 1.0] ended the process, or was interrupted, when it "
        "was imported last — pip install -U zg-bad, or: zg plugins reset zg-bad\n"
    )
    rows = {row["id"]: row for row in json.loads(listed.stdout)["plugins"]}
    assert rows["zg-bad"]["state"] == "quarantined"
    assert [d["code"] for d in rows["zg-bad"]["diagnostics"]] == ["ZG207"]
    assert rows["zg-good"]["state"] == "active"


def test_another_version_and_another_environment_are_not_concerned(
    site: Site, tmp_path: Path
) -> None:
    other = Site(tmp_path / "other")
    other.install("zg-bad", GOOD)
    metadata = site.install("zg-bad", EXIT)
    site.zg("agents")

    assert "goodie" in other.zg("agents").stdout
    assert "ZG207" in site.zg("agents").stderr
    metadata.rename(metadata.with_name("zg_bad-1.1.dist-info"))
    mended = site.folder / "zg_bad-1.1.dist-info" / "METADATA"
    mended.write_text(mended.read_text().replace("Version: 1.0", "Version: 1.1"))
    (site.folder / "zg_bad.py").write_text("")
    assert "ZG207" not in site.zg("agents").stderr


def test_a_plugin_is_imported_again_after_it_was_let(site: Site) -> None:
    site.install("zg-bad", EXIT)
    site.zg("agents")
    assert "ZG207" in site.zg("agents").stderr

    reset = site.zg("plugins", "reset", "zg-bad")

    assert reset.returncode == 0
    assert site.zg("agents").returncode == 7


def test_a_hang_is_named_after_three_seconds_and_kept_out_when_interrupted(
    site: Site, tmp_path: Path
) -> None:
    site.install("zg-good", GOOD)
    site.install("zg-bad", HANG)
    ready = tmp_path / "ready"
    zg = subprocess.Popen(
        [sys.executable, "-m", "zg_core.cli", "agents"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(site.folder), "READY": str(ready)},
    )
    assert zg.stderr is not None

    said = zg.stderr.readline()
    assert ready.exists()
    other = site.zg("-p", "no:zg-bad", "agents")  # meanwhile it hangs, and no more
    zg.send_signal(signal.SIGINT)
    _, rest = zg.communicate(timeout=20)

    assert said == "still importing zg-bad (3 s); disable with -p no:zg-bad\n"
    assert rest.split() == ["interrupted"]
    assert zg.returncode == 130
    assert (other.returncode, other.stderr) == (0, "")
    later = site.zg("agents")
    assert (later.returncode, later.stdout) == (0, other.stdout)
    assert "ZG207 [zg-bad 1.0]" in later.stderr


def test_nothing_is_left_of_an_import_that_ends_well_or_badly(site: Site) -> None:
    site.install("zg-good", GOOD)
    site.install("zg-bad", "raise SystemExit(0)")
    PluginHost.open(zg.Config()).load_all()

    assert (data_dir() / "loading").exists()
    assert crumbs() == []
    assert quarantined() == frozenset()


def test_a_place_that_cannot_be_written_stops_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("zg-good", GOOD)
    monkeypatch.setenv("ZG_HOME", "/proc/nowhere")

    assert PluginHost.open(zg.Config()).find("agent", "goodie").plugin == "zg-good"


def test_what_is_built_in_or_given_leaves_nothing_behind() -> None:
    class Mine:
        @zg.hookimpl
        def zg_register_agents(self) -> list[zg.AgentSpec]:
            return []

    PluginHost.open(zg.Config(), Mine()).load_all()

    assert not (data_dir() / "loading").exists()


# -- Crumbs --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("process", "gone"),
    [
        ({"started": 1}, True),  # another process got its number
        ({"boot": "another"}, True),  # the machine was started anew since
        ({"host": "elsewhere"}, False),  # nobody here can tell
        ({"namespace": "pid:[1]"}, False),
        ({"pid": os.getpid()}, False),
        ({"boot": "", "pid": 2**22 + 1}, True),  # a system without /proc
        ({"boot": "", "pid": os.getpid()}, False),
    ],
)
def test_a_crumb_counts_when_its_process_is_certainly_no_more(
    process: dict[str, object], gone: bool
) -> None:
    abandon(source(), **process)

    assert in_quarantine(source(), quarantined()) is gone
    assert in_quarantine(source(), quarantined()) is gone
    assert (crumbs() == []) is gone


def test_a_crumb_counts_when_no_import_takes_that_long() -> None:
    crumb = abandon(source(), host="elsewhere")
    assert not quarantined()

    hours = time.time() - 7200
    os.utime(crumb, (hours, hours))

    assert in_quarantine(source(), quarantined())


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"process": {}}', "\xff"])
def test_a_crumb_that_says_nothing_counts_for_nothing(text: str) -> None:
    abandon(source()).write_text(text)

    assert not quarantined()


def test_a_plugin_is_meant_with_its_version_and_its_place() -> None:
    abandon(source())
    kept_out = quarantined()

    assert in_quarantine(source(), kept_out)
    assert not in_quarantine(source(version="1.1"), kept_out)
    assert not in_quarantine(source(folder="/b"), kept_out)
    assert not in_quarantine(source("zg-other"), kept_out)


def test_an_import_that_ends_well_clears_what_was_interrupted_before() -> None:
    with pytest.raises(KeyboardInterrupt), watched(source()):
        raise KeyboardInterrupt
    assert len(crumbs()) == 1

    with watched(source()):
        pass

    assert crumbs() == []


def test_who_lets_a_plugin_in_is_told_whether_it_was_out() -> None:
    assert not forget_quarantine(source())
    abandon(source())
    assert forget_quarantine(source())  # of what no start has noticed yet
    abandon(source())
    assert quarantined()
    assert not forget_quarantine(source(version="1.1"))

    assert forget_quarantine(source())

    assert not quarantined()
    assert not forget_quarantine(source())


def test_it_holds_for_as_long_as_it_cannot_be_written_down() -> None:
    abandon(source())
    (data_dir() / "quarantine").write_text("in the way")

    assert in_quarantine(source(), quarantined())
    assert in_quarantine(source(), quarantined())


# -- In a host -----------------------------------------------------------------------


def test_what_is_kept_out_has_a_row_and_a_reason(site: Site) -> None:
    site.install("zg-bad", GOOD)
    [bad] = PluginHost.open(zg.Config()).named("zg-bad")
    abandon(bad.source)

    host = PluginHost.open(zg.Config())

    with pytest.raises(zg.UnknownNameError, match="ended the process") as caught:
        host.find("agent", "zg-bad:goodie")
    assert "zg plugins reset zg-bad" in caught.value.remedy
    assert host.named("zg-bad")[0].state == "quarantined"
    assert "zg_bad" not in sys.modules
    assert forget_quarantine(bad.source)
    assert PluginHost.open(zg.Config()).find("agent", "goodie").plugin == "zg-bad"


def test_a_file_of_the_users_own_is_kept_out_as_well() -> None:
    file = data_dir() / "mine.py"
    file.parent.mkdir()
    file.write_text("raise SystemExit(0)")
    config = zg.Config(plugins_local=(str(file),))
    abandon(PluginHost.open(config).named("mine")[0].source)

    [mine] = PluginHost.open(config).named("mine")

    assert mine.state == "quarantined"
    assert mine.diagnostics[0].hint == "zg plugins reset mine"


def test_a_disabled_plugin_is_merely_disabled(site: Site) -> None:
    site.install("zg-bad", EXIT)
    abandon(PluginHost.open(zg.Config()).named("zg-bad")[0].source)

    host = PluginHost.open(zg.Config(plugins_disable=("zg-bad",)))

    assert host.named("zg-bad")[0].state == "disabled"
    assert host.diagnostics == ()
