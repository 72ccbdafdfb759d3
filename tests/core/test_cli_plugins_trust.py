"""Plugins are tried, restored and looked at with commands that always work.

One file, since they share what is installed, and are used after one another.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from calling import Called, Caller
from installing import GOOD, Site

from zg_core.plugins.trust.freeze import frozen

pytestmark = pytest.mark.heavy

NOISY = """
    import logging, os, signal, sys, warnings
    logging.basicConfig()
    os.environ["ZZ_NOISY"] = "1"
    sys.path.append("/nowhere")
    signal.signal(signal.SIGUSR1, lambda *_: None)
    warnings.simplefilter("ignore")
    print("hello")
    import zg_core.plugin_api as zg
    import zg_core.registry
    zg_core.registry.Registry.find = lambda *_: None

    @zg.hookimpl
    def zg_register_agents(): return []
"""
OFFERS = """
    import zg_core.plugin_api as zg

    @zg.hookimpl
    def zg_register_tools():
        return [
            zg.ToolSpec(name="schema", factory=print, parameters={"type": "nope"}),
            zg.ToolSpec(name="lost", factory="zg_nowhere:Lost"),
            zg.ToolSpec(name="text", factory="zg_offers:__doc__"),
            zg.ToolSpec(name="fine", factory="zg_offers:zg_register_tools"),
        ]
"""
ENDS = "import os; os._exit(0)"
CRASHES = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
HANGS = "import time; time.sleep(600)"


def checked(done: Called) -> dict[str, dict[str, object]]:
    return {plugin["id"]: plugin for plugin in done.document["plugins"]}


def told(plugin: dict[str, object]) -> list[str]:
    found = plugin["diagnostics"]
    assert isinstance(found, list)
    return [f"{one['code']} {one['message']}" for one in found]


# -- check -----------------------------------------------------------------------------


def test_each_plugin_is_tried_by_itself(site: Site, zg: Caller) -> None:
    """Whatever a plugin does, it does to a process of its own."""
    site.install("zg-good", GOOD)
    site.install("zg-ends", ENDS)
    site.install("zg-crashes", CRASHES)
    site.install("zg-bad", "raise RuntimeError('no')")

    done = zg("plugins", "check", "--timeout", "60", "--json")

    assert done.code == 3
    found = checked(done)
    assert {name: plugin["result"] for name, plugin in found.items()} == {
        "builtin": "fine",
        "zg-good": "fine",
        "zg-ends": "ends the process",
        "zg-crashes": "ends the process",
        "zg-bad": "faulty",
    }
    assert told(found["zg-ends"]) == [
        "ZG201 loading it ended the process, with exit status 0"
    ]
    assert told(found["zg-crashes"]) == [
        "ZG201 loading it ended the process, with SIGSEGV"
    ]
    assert "RuntimeError: no" in told(found["zg-bad"])[0]


def test_a_plugin_that_hangs_is_ended(site: Site, zg: Caller) -> None:
    site.install("zg-hangs", HANGS)

    done = zg("plugins", "check", "zg-hangs", "--timeout", "1.5", "--json")

    assert done.code == 3
    [hangs] = checked(done).values()
    assert hangs["result"] == "hangs"
    assert told(hangs) == ["ZG201 loading it did not end within 1.5 s"]


def test_a_plugin_that_is_fine_is_said_to_be(site: Site, zg: Caller) -> None:
    site.install("zg-good", GOOD)

    done = zg("plugins", "check", "good")

    assert (done.err, done.code) == ("", 0)
    header, row = done.out.splitlines()
    assert header.split() == ["PLUGIN", "VERSION", "RESULT", "LOAD", "OFFERS"]
    assert row.split()[:3] == ["zg-good", "1.0", "fine"]


def test_what_importing_it_changes_is_reported(site: Site, zg: Caller) -> None:
    site.install("zg-noisy", NOISY)

    done = zg("plugins", "check", "zg-noisy")

    assert done.code == 3
    lines = [line for line in done.err.splitlines() if "ZG301" in line]
    assert len(lines) == len(done.err.splitlines())
    for what in (
        "the environment variable ZZ_NOISY",
        "sys.path",
        "the root logger",
        "SIGUSR1",
        "the filters of warnings",
        "zg_core.registry.Registry.find",
        "6 bytes to standard output",
    ):
        assert any(what in line for line in lines), what


def test_the_network_is_refused_and_reported(site: Site, zg: Caller) -> None:
    code = "import socket\nsocket.create_connection(('127.0.0.1', 9))"
    site.install("zg-calls", code)

    done = zg("plugins", "check", "zg-calls", "--json")

    assert any("uses the network" in one for one in told(checked(done)["zg-calls"]))


@pytest.mark.parametrize(
    ("requires", "said"),
    [
        (
            (
                'zg-nowhere>=2; extra == "all"',
                'zg-more; extra == "all"',
                "zg_nowhere>=2; extra == 'lost'",
            ),
            "ZG216 tool 'lost' takes the extra 'lost', which is not installed",
        ),
        (("zg-nowhere>=2; extra == 'lost'", "zg-nowhere"), "ZG212 tool 'lost': imp"),
        (("zg-elsewhere; extra == 'lost'",), "ZG212 tool 'lost': import of 'zg_now"),
    ],
)
def test_what_takes_an_extra_that_is_not_installed_is_no_fault(
    site: Site, zg: Caller, requires: tuple[str, ...], said: str
) -> None:
    site.install("zg-offers", LATER, requires=requires)

    done = zg("plugins", "check", "zg-offers", "--json")

    fine = said.startswith("ZG216")
    plugin = checked(done)["zg-offers"]
    [found] = plugin["diagnostics"]
    assert (done.code, plugin["result"]) == ((0, "fine") if fine else (3, "faulty"))
    assert f"{found['code']} {found['message']}".startswith(said)
    assert found["hint"].startswith(
        "pip install 'zg-offers[lost]'" if fine else "pip install -U zg-offers"
    )


LATER = """
    import zg_core.plugin_api as zg

    @zg.hookimpl
    def zg_register_tools():
        return [zg.ToolSpec(name="lost", factory="zg_nowhere.tools:Lost")]
"""


def test_what_shows_only_in_use_is_found(site: Site, zg: Caller) -> None:
    site.install("zg-offers", OFFERS)

    done = zg("plugins", "check", "zg-offers", "--json")

    assert done.code == 3
    schema, lost, text = told(checked(done)["zg-offers"])
    assert "ZG212 tool 'schema': a JSON Schema is not valid" in schema
    assert "ZG212 tool 'lost': import of 'zg_nowhere:Lost' failed" in lost
    assert "ZG212 tool 'text': 'zg_offers:__doc__' cannot be called" in text


def test_what_may_not_run_is_not_tried(
    site: Site, zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("zg-good", GOOD)

    every = zg("-p", "no:zg-good", "plugins", "check", "--json")
    named = zg("-p", "no:zg-good", "plugins", "check", "zg-good", "--json")
    monkeypatch.setenv("ZG_PLUGINS_POLICY", "allowlist")
    allowed = zg("plugins", "check", "--json")
    refused = zg("plugins", "check", "zg-good", "--json")

    assert checked(every)["zg-good"]["result"] == "not run, disabled"
    assert checked(named)["zg-good"]["result"] == "fine"
    assert checked(allowed)["zg-good"]["result"] == "not run, untrusted"
    codes = [done.code for done in (every, named, allowed, refused)]
    assert codes == [0, 0, 0, 3]


def test_a_plugin_that_is_not_there_cannot_be_checked(zg: Caller) -> None:
    assert zg("plugins", "check", "zg-nope").code == 2


# -- reset -----------------------------------------------------------------------------


def test_a_quarantine_is_lifted(site: Site, zg: Caller) -> None:
    site.install("zg-ends", ENDS)
    site.zg("agents")
    quarantined = zg("plugins", "show", "zg-ends", "--json")
    tried = zg("plugins", "check", "zg-ends", "--json")
    (site.folder / "zg_ends.py").write_text(dedent(GOOD))
    mended = zg("plugins", "check", "zg-ends", "--json")
    reset = zg("plugins", "reset", "zg-ends")
    again = zg("plugins", "reset", "zg-ends", "--json")
    listed = zg("agents", "--json")

    [shown] = quarantined.document["plugins"]
    assert shown["quarantined"] is True
    assert checked(tried)["zg-ends"]["result"] == "ends the process"
    assert checked(mended)["zg-ends"]["result"] == "fine"
    assert "zg-ends was quarantined" in reset.out
    assert again.document["plugins"] == [{"id": "zg-ends", "reset": False}]
    assert "zg-ends:goodie" in listed.out


def test_a_quarantine_that_cannot_be_lifted_is_an_error(site: Site, zg: Caller) -> None:
    site.install("zg-ends", ENDS)
    site.zg("agents")
    zg("plugins")
    [kept] = Path(os.environ["ZG_HOME"], "quarantine").iterdir()
    kept.unlink()
    kept.mkdir()

    done = zg("plugins", "reset", "zg-ends")

    assert done.code == 3
    assert "the quarantine of zg-ends cannot be lifted" in done.err


def test_what_is_not_quarantined_stays_as_it_is(site: Site, zg: Caller) -> None:
    site.install("zg-good", GOOD)

    done, unknown = zg("plugins", "reset", "good"), zg("plugins", "reset", "zg-nope")

    assert done.code == 0
    assert "zg-good is not quarantined" in done.out
    assert unknown.code == 2


# -- freeze ----------------------------------------------------------------------------

COMMIT = "0123456789012345678901234567890123456789"


def vcs(url: str, more: str = "") -> str:
    info = f'{{"vcs": "git", "commit_id": "{COMMIT}"}}'
    return f'{{"url": "{url}", "vcs_info": {info}{more}}}'


@pytest.mark.parametrize(
    ("direct_url", "line"),
    [
        (None, "zg-good==1.0"),
        ("no JSON", "zg-good==1.0"),
        ("[]", "zg-good==1.0"),
        (
            '{"url": "file:///my/zg good", "dir_info": {"editable": true}}',
            "-e '/my/zg good'",
        ),
        (
            '{"url": "file:///my/zg-good", "dir_info": {}}',
            "zg-good @ file:///my/zg-good",
        ),
        (
            '{"url": "https://me:secret@any.example/g.zip?token=abc", "archive_info": '
            '{"hash": "sha256=ab", "hashes": {"sha256": "ab"}}}',
            "zg-good @ https://any.example/g.zip#sha256=ab",
        ),
        (
            vcs("https://any.example/g.git", ', "subdirectory": "a/b c"'),
            f"zg-good @ git+https://any.example/g.git@{COMMIT}#subdirectory=a/b%20c",
        ),
        (
            vcs("ssh://git@any.example/g.git"),
            f"zg-good @ git+ssh://git@any.example/g.git@{COMMIT}",
        ),
    ],
)
def test_plugins_are_written_as_requirements(
    site: Site, zg: Caller, direct_url: str | None, line: str
) -> None:
    files = {"direct_url.json": direct_url} if direct_url else None
    site.install("zg-good", "raise SystemExit(0)", files=files)

    done, document = zg("plugins", "freeze"), zg("plugins", "freeze", "--json")

    assert done.out == f"{line}\n"
    assert document.document["requirements"] == [line]


def test_a_plugin_without_a_version_is_written_by_its_name(
    site: Site, zg: Caller
) -> None:
    site.install("zg-good", files={"METADATA": "Name: zg-good\n"})

    assert zg("plugins", "freeze").out == "zg-good\n"


def test_two_plugins_of_one_distribution_are_one_requirement(
    site: Site, zg: Caller
) -> None:
    site.install("zg-good", GOOD, entry_points={"a": "zg_good", "b": "zg_good"})

    assert zg("plugins", "freeze").out == "zg-good==1.0\n"
    assert frozen([]) == ()


@pytest.mark.heavy
def test_what_is_written_can_be_installed(site: Site, tmp_path: Path) -> None:
    """pip itself reads the lines, and finds what is installed to fit."""
    site.install("zg-good", GOOD)
    lines = site.zg("plugins", "freeze").stdout
    (tmp_path / "plugins.txt").write_text(lines)

    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--no-index", "--dry-run"),
            *("--quiet", "--quiet", "-r", str(tmp_path / "plugins.txt")),
        ],
        env={"PYTHONPATH": str(site.folder)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr


# -- show ------------------------------------------------------------------------------


def test_one_plugin_is_shown_with_what_it_can_be_trusted_by(
    site: Site, zg: Caller
) -> None:
    Path("zg.toml").write_text("")
    code = """
        import zg_core.plugin_api as zg

        @zg.tool(capabilities=frozenset({"network", "secrets"}))
        def fetch(page: str) -> str:
            return page

        @zg.hookimpl
        def zg_register_tools(): return [fetch]
    """
    site.install("zg-web", code)
    none = zg("plugins", "show", "web", "--json").document["plugins"][0]
    zg("plugins", "lock")
    [locked] = zg("plugins", "show", "web", "--json").document["plugins"]
    words = zg("plugins", "show", "web").out
    with (site.folder / "zg_web.py").open("a") as file:
        file.write("#")
    changed = zg("plugins", "show", "web").out
    Path("zg-plugins.lock").write_text("")
    spoilt = zg("plugins", "show", "web").out

    assert none["locked"] == "there is none"
    assert locked["locked"] == f"yes, in {Path('zg-plugins.lock').absolute()}"
    assert locked["capabilities"] == ["network", "secrets"]
    assert len(locked["record_sha256"]) == 64
    assert "capabilities network, secrets" in words
    assert f"RECORD       {locked['record_sha256']}" in words
    assert "locked       no: zg_web.py is not what was installed" in changed
    assert "is no lock of plugins" in spoilt


def test_only_the_plugin_that_is_shown_is_loaded(site: Site, zg: Caller) -> None:
    """The other one would end this very process."""
    site.install("zg-good", GOOD)
    site.install("zg-ends", ENDS)

    done, builtin = zg("plugins", "show", "zg-good"), zg("plugins", "show", "builtin")

    assert done.code == builtin.code == 0
    assert "agents       goodie" in done.out
    assert "needs none" in builtin.out


# -- All of them -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", ["audit", "check", "freeze", "lock", "reset", "show"]
)
def test_each_command_teaches(zg: Caller, command: str) -> None:
    done = zg("plugins", command, "--help")

    assert done.code == 0
    assert "Example:" in done.out
    assert f"zg plugins {command}" in done.out


def test_one_with_a_manifest_is_tried_too(site: Site) -> None:
    manifest = {
        "manifest_version": 1,
        "api": 1,
        "contributes": {"agents": [{"name": "goodie"}]},
    }
    site.install("zg-good", GOOD, manifest=manifest)

    done = site.zg("plugins", "check", "zg-good", "good")

    assert "error:" not in done.stderr
    assert done.stdout.count("zg-good") == 1
