"""A plugin is tried in a process of its own, and what it did there is told."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ending import ends
from installing import GOOD, Site

from zg_core import UnknownNameError
from zg_core.plugins.finding.sources import Source
from zg_core.plugins.trial.outside import Outside
from zg_core.plugins.trial.probe import Probe, probe
from zg_core.plugins.trial.probed import examine, source_from
from zg_core.plugins.trial.watch import Watch

pytestmark = pytest.mark.heavy

WATCH = Watch()  # Python never forgets one


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    site = Site(tmp_path / "site")
    monkeypatch.syspath_prepend(str(site.folder))
    yield site
    site.forget()


def probed(site: Site, code: str, *, good: str = GOOD, timeout: float = 30) -> Probe:
    """Install a plugin that does something when it is imported, and try it."""
    lines = "\n".join(f"    {line}" for line in code.splitlines())
    site.install("zg-tried", f"{good}\n{lines}\n")
    return probe("zg-tried", timeout)


def test_a_good_one_is_loaded_and_leaves_no_trace(site: Site) -> None:
    found = probed(site, "")

    assert found.ok
    assert found.exit_status == 0
    assert found.contributions[0]["name"] == "goodie"
    assert found.modules == ("zg_tried",)
    assert (found.side_effects, found.network, found.unequal) == ((), (), ())
    assert found.stdout_bytes == 0
    assert 0 < found.seconds_cpu < 1


def test_one_that_is_not_installed_is_no_plugin() -> None:
    with pytest.raises(UnknownNameError):
        probe("zg-nobody-has-it")


def test_what_cannot_be_imported_is_told_as_a_host_tells_it(site: Site) -> None:
    found = probed(site, "import a_package_nobody_has")

    assert found.finished
    assert not found.ok
    assert [one.code for one in found.diagnostics] == ["ZG201"]


def test_one_that_ends_the_process_ends_another(site: Site) -> None:
    found = probed(site, "import os, sys; print('bye', file=sys.stderr); os._exit(7)")

    assert (found.exit_status, found.finished, found.ok) == (7, False, False)


def test_one_that_is_killed_says_by_which_signal(site: Site) -> None:
    found = probed(site, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")

    assert found.exit_status == -signal.SIGKILL


@pytest.mark.heavy
def test_one_that_hangs_is_killed_with_all_it_started(site: Site) -> None:
    code = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([{sys.executable!r}, '-c', 'input()'],"
        " stdin=subprocess.PIPE)\n"
        f"open({str(site.folder / 'pid')!r}, 'w').write(str(child.pid))\n"
        "time.sleep(60)"
    )
    found = probed(site, code, timeout=6)

    assert found.timed_out
    assert not found.ok
    assert ends(int((site.folder / "pid").read_text()))


EFFECTS = {
    "import os; os.environ['SEEDED'] = 'x'": "sets the environment variable SEEDED",
    "import subprocess; subprocess.run(['true'])": "starts a process",
    "os.environ.pop('PATH')": "removes the environment variable PATH",
    "import sys; sys.path.append('/nowhere')": "changes sys.path",
    "import logging; logging.basicConfig()": "changes the root logger",
    "import warnings; warnings.simplefilter('ignore')": "filters of warnings",
    "sys.excepthook = print": "changes sys.excepthook",
    "import signal; signal.signal(signal.SIGUSR1, print)": "the signal SIGUSR1",
    "signal.signal(40, print)": "the signal 40",
    "import json; json.dumps = str": "replaces json.dumps",
    "import zg_core.registry as r; r.Registry.find = str": "Registry.find",
    "import socket; socket.setdefaulttimeout(1)": "time-out of sockets",
    "import tempfile; tempfile.TemporaryFile()": "to write, in ",
    "tempfile.mkdtemp()": "calls os.mkdir",
    "import threading as t; t.Thread(name='T', target=t.Event().wait).start()": (
        "starts the thread 'T'"
    ),
}


def test_all_it_does_besides_is_told(site: Site) -> None:
    effects = probed(site, "\n".join(EFFECTS)).side_effects

    assert not [told for told in EFFECTS.values() if told not in "\n".join(effects)]
    assert not [effect for effect in effects if "'x'" in effect]


def test_it_is_refused_the_network(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = probed(
            site,
            "import socket\n"
            "try:\n"
            f"    socket.socket().connect(('127.0.0.1', {port}))\n"
            "except OSError:\n"
            "    pass\n"
            "try:\n"
            "    socket.getaddrinfo('example.org', 80)\n"
            "except OSError:\n"
            "    pass",
        )
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.accept()

    assert [line.partition(",")[0] for line in found.network] == [
        "socket.connect ('127.0.0.1'",
        "socket.getaddrinfo ('example.org'",
    ]
    assert "zg_tried.py:" in found.network[0]


def test_what_it_prints_is_counted(site: Site) -> None:
    assert probed(site, "print('hello')").stdout_bytes == len("hello\n")


def test_a_hook_that_offers_another_thing_each_time_is_named(site: Site) -> None:
    code = GOOD.replace('name="goodie"', "name=f'a{next(numbers)}'")

    found = probed(site, "", good="\n    import itertools\n    numbers = "
                   f"itertools.count()\n{code}")  # fmt: skip

    assert found.unequal == ("zg_register_agents",)


# -- Within this process, where coverage sees it ---------------------------------------


def test_the_same_is_said_of_a_plugin_that_is_loaded_here(site: Site) -> None:
    site.install("zg-here", GOOD)
    document = {"id": "zg-here", "reference": "zg_here", "copy": None}

    found = examine(source_from(document), WATCH)

    assert json.loads(json.dumps(found))["contributions"] == [
        {
            "kind": "agent",
            "name": "goodie",
            "description": "",
            "factory": None,
            "task_types": [],
            "examples": None,
        }
    ]


def test_a_source_survives_the_way_to_the_other_process() -> None:
    copy = {
        "name": "zg-x",
        "folder": "/x",
        "offers": [["x", "zg_x"]],
        "requires": ["zerogravity"],
    }

    source = source_from({"id": "zg-x", "reference": "zg_x", "copy": copy})

    assert isinstance(source, Source)
    assert source.copy is not None
    assert source.copy.offers == (("x", "zg_x"),)


def test_a_watch_hears_only_while_it_is_open(tmp_path: Path) -> None:
    with WATCH as watch:
        Path(tmp_path, "a").write_text("a")
        Path(tmp_path, "a").read_text()
        os.close(os.open(os.devnull, os.O_WRONLY))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", 9))
    Path(tmp_path, "b").write_text("b")

    assert [effect for effect in watch.effects if str(tmp_path / "a") in effect]
    assert not [effect for effect in watch.effects if str(tmp_path / "b") in effect]
    assert watch.network


def test_what_the_interpreter_tells_is_noted(tmp_path: Path) -> None:
    told: list[tuple[str, tuple[object, ...]]] = [
        ("open", ("a", "w", os.O_WRONLY)),
        ("open", (b"b", "w", os.O_CREAT)),
        ("open", ("read", "r", os.O_RDONLY)),
        ("open", (7, "w", os.O_WRONLY)),
        ("open", (os.devnull, "w", os.O_WRONLY)),
        ("open", ("__pycache__/c.pyc", "w", os.O_WRONLY)),
        ("os.remove", ("__pycache__/d.pyc", -1)),
        ("os.remove", ("e", -1)),
        ("os.remove", ("e", -1)),
        ("subprocess.Popen", ("true", ["true"], None, None)),
        ("import", ("json",)),
    ]
    WATCH.hear("open", ("before", "w", os.O_WRONLY))  # it is not open
    WATCH.effects.clear()
    WATCH.network.clear()
    with WATCH as watch:
        for event, arguments in told:
            watch.hear(event, arguments)
        for event, arguments in (
            ("socket.connect", (None, ("127.0.0.1", 9))),
            ("socket.getaddrinfo", ("example.org", 80, 0, 0, 0)),
        ):
            with pytest.raises(ConnectionRefusedError):
                watch.hear(event, arguments)

    assert [effect.partition(", in ")[0] for effect in watch.effects] == [
        "opens a to write",
        "opens b to write",
        "calls os.remove on e",
        "starts a process (subprocess.Popen)",
    ]
    assert len(watch.network) == 2


def test_nothing_is_changed_where_nothing_is_done() -> None:
    assert Outside().changes(Outside()) == []


def test_changes_are_told_without_values(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Outside()
    monkeypatch.setenv("SEEDED_KEY", "a secret")
    monkeypatch.setattr(json, "dumps", str)
    quiet = threading.Event()
    thread = threading.Thread(target=quiet.wait, name="T")
    thread.start()
    told = before.changes(Outside())
    quiet.set()
    thread.join()

    assert told == [
        "sets the environment variable SEEDED_KEY",
        "starts the thread 'T'",
        "replaces json.dumps",
    ]
