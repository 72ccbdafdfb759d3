"""What is to be known of installed plugins is found without running them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from calling import Caller
from installing import GOOD, Site

from zg_core.plugins.finding.discover import installed
from zg_core.plugins.trust.audit import Finding, audit
from zg_core.plugins.trust.reach import Undeclared, undeclared

pytestmark = pytest.mark.heavy

BOOM = "raise SystemExit('it was imported')"


def findings(*, severity: str = "warning") -> list[Finding]:
    found = audit(installed().sources)
    return [finding for finding in found if finding.severity == severity]


def messages(*, severity: str = "warning") -> list[str]:
    return [finding.message for finding in findings(severity=severity)]


def test_there_is_nothing_to_say_of_a_plain_plugin(site: Site) -> None:
    site.install("zg-good", GOOD)

    assert messages() == messages(severity="info") == []


def test_no_code_is_run_for_it(site: Site, zg: Caller) -> None:
    site.install("zg-bad", BOOM)

    assert zg("plugins", "audit").code == 0


# -- Code that runs when Python starts -------------------------------------------------


def with_pth(site: Site, text: str, **files: str) -> None:
    metadata = site.install("zg-bad", BOOM, files=files)
    (site.folder / "zg_bad.pth").write_text(text)
    site.record(metadata, "zg_bad.py", "zg_bad.pth")


def test_a_start_file_with_code_is_a_warning(site: Site) -> None:
    with_pth(site, "import os; os.system('harm')\n/some/folder\n")

    [found] = findings()

    assert found.subject == "start"
    assert 'zg_bad.pth runs whenever Python starts: "import os;' in found.message


def test_a_start_file_with_folders_is_said(site: Site) -> None:
    with_pth(site, "/some/folder\n")

    assert messages() == []
    assert messages(severity="info") == ["zg_bad.pth adds folders to sys.path"]


EDITABLE = '{"url": "file:///home/me/zg-bad", "dir_info": {"editable": true}}'


@pytest.mark.parametrize(
    "line",
    [
        "import __editable___zg_bad_1_0_finder; "
        "__editable___zg_bad_1_0_finder.install()",
        "import _editable_impl_zg_bad",
        "import _zg_bad_editable_loader",
        "import _zg_bad_editable",
        "/home/me/zg-bad/src",
    ],
)
def test_what_installers_write_for_a_working_copy_is_known(
    site: Site, line: str
) -> None:
    with_pth(site, f"{line}\n", **{"direct_url.json": EDITABLE})
    finder = "__editable___zg_bad_1_0_finder.py"
    (site.folder / finder).write_text("")
    folder = site.folder / "zg_bad-1.0.dist-info"
    site.record(folder, "zg_bad.pth", finder)

    assert messages() == []


@pytest.mark.parametrize(
    "line",
    ["import _editable_impl_zg_bad; import harm", "import os, _editable_impl_zg_bad"],
)
def test_it_is_known_to_the_letter(site: Site, line: str) -> None:
    with_pth(site, line, **{"direct_url.json": EDITABLE})

    assert len(messages()) == 1


def test_only_a_working_copy_needs_it(site: Site) -> None:
    with_pth(site, "import _editable_impl_zg_bad\n")

    assert len(messages()) == 1


# -- Files -----------------------------------------------------------------------------


def test_files_that_cannot_be_known_are_a_warning(site: Site) -> None:
    (site.install("zg-bad", BOOM) / "RECORD").unlink()

    assert messages() == ["has no RECORD, so that its files cannot be known"]


def test_files_that_were_changed_are_a_warning(site: Site) -> None:
    site.install("zg-bad", BOOM)
    (site.folder / "zg_bad.py").write_text("")

    assert messages() == ["zg_bad.py is not what was installed"]


def test_files_outside_its_package_are_found(site: Site, tmp_path: Path) -> None:
    metadata = site.install("zg-bad", BOOM)
    names = ["zg_bad_more.py", "tests/__init__.py", "bin/zg-bad", "../far/away.txt"]
    for name in names:
        file = site.folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("")
    site.record(metadata, "zg_bad.py", *names)

    assert messages() == [
        f"installs {tmp_path / 'far' / 'away.txt'}",
        "has also tests, outside its package",
    ]
    assert messages(severity="info") == ["installs the command zg-bad"]


def test_what_is_in_the_environment_is_usual(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = site.install("zg-bad", BOOM)
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / "zg-bad.1").write_text("")
    site.record(metadata, "zg_bad.py", "../share/zg-bad.1")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))

    assert messages() == []
    assert messages(severity="info") == [f"installs {tmp_path / 'share' / 'zg-bad.1'}"]


# -- Names and origins -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["zg-wether", "zg-weathr", "zg-w3ather", "zgweather"])
def test_a_name_like_a_known_one_is_a_warning(site: Site, name: str) -> None:
    site.install(name, BOOM)

    assert messages() == ["is called almost like zg-weather; is it the one meant?"]


def test_a_known_name_and_another_one_are_no_warning(site: Site) -> None:
    site.install("zg-weather", GOOD)
    site.install("zg-leather-bags", GOOD)

    assert messages() == messages(severity="info") == []


def test_installed_names_that_are_alike_are_said(site: Site) -> None:
    site.install("zg-planner", GOOD)
    site.install("zg-planers", GOOD)

    assert messages() == []
    assert messages(severity="info") == [
        "is called almost like zg-planner, which is installed",
        "is called almost like zg-planers, which is installed",
    ]


@pytest.mark.parametrize(
    ("url", "severity", "message"),
    [
        (
            "http://me:secret@any.example/a.zip",
            "warning",
            "came from http://any.example/a.zip, which anybody can alter",
        ),
        ("https://any.example/a.zip", "info", "came from https://any.example/a.zip"),
        ("file:///home/me/a.whl", "info", "came from /home/me/a.whl"),
    ],
)
def test_where_it_came_from_is_said(
    site: Site, url: str, severity: str, message: str
) -> None:
    site.install("zg-bad", BOOM, files={"direct_url.json": f'{{"url": "{url}"}}'})

    assert messages(severity=severity) == [message]


# -- What tools reach ------------------------------------------------------------------


def test_a_tool_that_does_not_say_what_it_imports_is_a_warning(site: Site) -> None:
    code = """
        import subprocess
        import zg_core.plugin_api as zg

        @zg.tool
        def shell(text: str) -> str:
            return subprocess.run(text)
    """
    site.install("zg-bad", code)

    assert messages() == [
        "the tool 'shell' does not declare 'exec', and zg_bad imports subprocess"
    ]


def reached(**sources: str) -> list[Undeclared]:
    return undeclared({name.replace("__", "."): text for name, text in sources.items()})


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import os\n@tool\ndef f(): ...", None),
        ("import socket\ndef f(): ...", None),
        ("import socketserver\n@tool\ndef f(): ...", None),
        ("from . import socket\n@tool\ndef f(): ...", None),
        ("from urllib import parse\n@tool\ndef f(): ...", None),
        (
            "import socket\n@tool(capabilities=frozenset({'network'}))\ndef f(): ...",
            None,
        ),
        ("import socket\n@tool(capabilities=MINE)\ndef f(): ...", None),
        ("import socket\n@zg.tool\ndef f(): ...", ("f", "network", "socket")),
        (
            "import socket\n@tool(name='g')\nasync def f(): ...",
            ("g", "network", "socket"),
        ),
        (
            "from urllib import request\n@tool()\ndef f(): ...",
            ("f", "network", "urllib.request"),
        ),
        (
            "def f():\n  import subprocess\nToolSpec(name='g', function=f)",
            ("g", "exec", "subprocess"),
        ),
        (
            "import keyring\n@tool(capabilities={'exec'})\ndef f(): ...",
            ("f", "secrets", "keyring"),
        ),
    ],
)
def test_what_a_module_imports_is_what_its_tools_reach(
    code: str, expected: tuple[str, str, str] | None
) -> None:
    found = [(one.tool, one.capability, one.imports) for one in reached(m=code)]

    assert found == ([expected] if expected else [])


def test_a_tool_is_looked_for_where_its_factory_is() -> None:
    found = reached(
        zg_bad__plugin="ToolSpec(name='fetch', factory='zg_bad.web:Fetch')\n"
        "ToolSpec(name='other', factory='elsewhere:Other')",
        zg_bad__web="import httpx",
        zg_bad__broken="def (",
    )

    assert found == [Undeclared("fetch", "network", "zg_bad.web", "httpx")]


# -- The command -----------------------------------------------------------------------


def test_the_command_fails_if_there_is_a_warning(site: Site, zg: Caller) -> None:
    site.install("zg-wether", BOOM, version="1.2")
    site.install("zg-good", GOOD, files={"direct_url.json": '{"url": "file:///a"}'})
    site.install("nothing", entry_points="[any]\nno equals sign\n")

    done, document = zg("plugins", "audit"), zg("plugins", "audit", "--json")

    assert done.code == document.code == 1
    assert "warning [zg-wether 1.2] is called almost like zg-weather" in done.out
    assert "info    [zg-good 1.0] came from /a" in done.out
    assert "Attestations are not verified" in done.out
    assert "2 packages with plugins, 1 warning" in done.out
    assert "ZG101" in done.err
    links = document.document["provenance"]
    assert links == {"zg-wether": "https://pypi.org/project/zg-wether/1.2/#files"}
    found = {f["plugin"]: f["subject"] for f in document.document["findings"]}
    assert found == {"zg-wether": "name", "zg-good": "origin"}
