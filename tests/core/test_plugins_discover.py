"""What is installed is found, whatever else is installed, and has an id of its own."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import importlib_metadata
import pytest
from installing import GOOD, Site

import zg_core
from zg_core.config import Config
from zg_core.plugins import Diagnostic, PluginHost, PluginRecord
from zg_core.plugins.finding.discover import sources_of
from zg_core.plugins.finding.scan import Copy

pytestmark = pytest.mark.heavy

CHECKOUT = str(Path(zg_core.__file__).parent.parent)


def found(site: Site) -> tuple[dict[str, PluginRecord], list[Diagnostic]]:
    """Install one good plugin more; return all plugins and what is wrong with none."""
    if not (site.folder / "zg_good.py").exists():
        site.install("zg-good", GOOD)
    host = PluginHost.open(Config())
    host.load_all()
    plugins = {plugin.id: plugin for plugin in host.plugins}
    assert plugins["zg-good"].contributes == {"agent": ("goodie",)}
    return plugins, list(host.general_diagnostics)


def test_plugins_are_listed_by_id_after_the_built_in_one(site: Site) -> None:
    site.install("zg-zebra", "x = 1")
    site.install("Zg_Apple", "x = 1")

    plugins, _ = found(site)

    assert list(plugins) == ["builtin", "zg-apple", "zg-good", "zg-zebra"]


def test_nothing_is_imported_to_find_it(site: Site) -> None:
    site.install("zg-bad", "raise SystemExit(0)")

    host = PluginHost.open(Config())

    assert "zg_bad" not in sys.modules
    assert host.named("zg-bad")[0].state == "discovered"


def test_the_built_in_plugin_is_the_one_of_this_very_code(site: Site) -> None:
    plugins, _ = found(site)

    builtin = plugins["builtin"]
    assert builtin.builtin
    assert builtin.source.reference == "zg_plugins_builtin.plugin"
    assert builtin.version == importlib_metadata.version("zerogravity")
    assert builtin.source.origin == "zerogravity"


# -- Ids -----------------------------------------------------------------------------


def test_two_distributions_may_call_their_entry_points_the_same(site: Site) -> None:
    for name in ("zg-one", "zg-two"):
        site.install(
            name,
            GOOD.replace("goodie", name),
            entry_points={"x": name[:2] + "_" + name[3:]},
        )

    plugins, _ = found(site)

    assert plugins["zg-one"].state == plugins["zg-two"].state == "active"


def test_further_entry_points_of_a_distribution_are_plugins_of_their_own(
    site: Site,
) -> None:
    entry_points = {"Tools & more": "zg_two", "main": "zg_two:x", "a": "zg_two:y"}
    site.install("zg-two", "x = object()\ny = object()", entry_points=entry_points)

    plugins, _ = found(site)

    references = {p.id: p.source.reference for p in plugins.values()}
    assert references["zg-two"] == "zg_two:y"
    assert references["zg-two.main"] == "zg_two:x"
    assert references["zg-two.tools-more"] == "zg_two"


def test_an_entry_point_that_is_there_twice_counts_once(site: Site) -> None:
    site.install(
        "zg-bad",
        GOOD,
        entry_points="[zerogravity.plugins]\nx = zg_bad\nx = zg_nowhere\n",
    )

    plugins, _ = found(site)

    assert [d.code for d in plugins["zg-bad"].diagnostics] == ["ZG103"]
    assert plugins["zg-bad"].state == "active"


def test_a_distribution_called_builtin_is_not_the_built_in_one(site: Site) -> None:
    site.install("builtin", GOOD)
    site.install("zg-x", GOOD, entry_points={"builtin": "zg_x"})

    plugins, _ = found(site)

    assert not plugins["builtin.plugin"].builtin
    assert not plugins["zg-x"].builtin
    assert plugins["builtin"].builtin


# -- Copies --------------------------------------------------------------------------


def test_of_two_versions_side_by_side_the_newer_counts(site: Site) -> None:
    site.install("zg-bad", GOOD, version="1.9")
    site.install("zg-bad", GOOD, version="1.10")

    plugins, _ = found(site)

    bad = plugins["zg-bad"]
    [diagnostic] = bad.diagnostics
    assert (bad.version, bad.state, diagnostic.code) == ("1.10", "active", "ZG104")
    assert "1.9 in" in diagnostic.message
    assert "zg_bad-1.9.dist-info" in diagnostic.message
    assert diagnostic.hint == "pip install --force-reinstall zg-bad"


def test_of_two_folders_the_first_of_the_path_counts(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("zg-bad", GOOD, version="2.0")
    first = Site(tmp_path / "first")
    first.install("zg-bad", GOOD, version="1.0")
    monkeypatch.syspath_prepend(first.folder)

    plugins, _ = found(site)

    assert plugins["zg-bad"].version == "1.0"
    first.forget()


def test_a_folder_that_is_twice_on_the_path_is_no_copy(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("broken", entry_points="[any]\nno equals sign\n")
    (site.folder.parent / "link").symlink_to(site.folder)
    monkeypatch.syspath_prepend(site.folder.parent / "link")

    plugins, general = found(site)

    assert plugins["zg-good"].diagnostics == ()
    assert [d.code for d in general] == ["ZG101"]


def test_what_a_build_leaves_in_a_working_copy_is_no_copy(site: Site) -> None:
    site.install("zg-bad", GOOD)
    egg = site.folder / "zg_bad.egg-info"
    egg.mkdir()
    (egg / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: zg-bad\nVersion: 0\n")
    (egg / "entry_points.txt").write_text("[zerogravity.plugins]\nx = zg_bad\n")

    plugins, _ = found(site)

    assert (plugins["zg-bad"].version, plugins["zg-bad"].diagnostics) == ("1.0", ())


@pytest.mark.parametrize("leftover", ["~g_bad-0.9.dist-info", "zg_bad-0.9.dist-info"])
def test_what_an_interrupted_installer_leaves_is_no_plugin(
    site: Site, leftover: str
) -> None:
    site.install("zg-bad", GOOD)
    (site.folder / leftover).mkdir()
    if leftover.startswith("~"):
        for file in ("METADATA", "entry_points.txt"):
            text = (site.folder / "zg_bad-1.0.dist-info" / file).read_text()
            (site.folder / leftover / file).write_text(text)

    plugins, general = found(site)

    assert (plugins["zg-bad"].version, plugins["zg-bad"].diagnostics) == ("1.0", ())
    assert [d.code for d in general] == ["ZG102"] * leftover.startswith("~")


def test_a_plugin_inside_a_zip_is_one(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = Site(tmp_path / "packed")
    packed.install("zg-zipped", GOOD.replace("goodie", "zippy"), version="2.0")
    shutil.make_archive(str(tmp_path / "zipped"), "zip", packed.folder)
    monkeypatch.syspath_prepend(tmp_path / "zipped.zip")

    host = PluginHost.open(Config())
    offer = host.find("agent", "zippy")
    [plugin] = host.named("zg-zipped")

    assert offer.plugin == "zg-zipped"
    assert (plugin.version, plugin.state) == ("2.0", "active")
    assert plugin.document()["path"] == str(tmp_path / "zipped.zip")
    assert host.diagnostics == ()


# -- Broken metadata -----------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"[console_scripts]\nno equals sign\n", b"\xff\xfe=\n"]
)
def test_a_corrupt_package_hides_nobody_else(site: Site, content: bytes) -> None:
    folder = site.install("unrelated", entry_points="")
    (folder / "entry_points.txt").write_bytes(content)

    _, general = found(site)

    [diagnostic] = general
    assert (diagnostic.code, diagnostic.plugin) == ("ZG101", "")
    assert str(folder) in diagnostic.message


@pytest.mark.parametrize(
    "metadata", ["", "Version: 1.0\n", "Name: ../evil\nVersion: 1\n"]
)
def test_an_entry_point_without_a_distribution_is_left_out(
    site: Site, metadata: str
) -> None:
    folder = site.install("zg-bad", GOOD)
    (folder / "METADATA").write_text(metadata)

    plugins, general = found(site)

    assert "zg-bad" not in plugins
    assert [d.code for d in general] == ["ZG102"]
    assert str(folder) in general[0].message


def test_a_distribution_without_a_version_is_a_plugin(site: Site) -> None:
    folder = site.install("zg-bad", GOOD)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: zg-bad\n")

    plugins, _ = found(site)

    assert (plugins["zg-bad"].version, plugins["zg-bad"].state) == ("unknown", "active")


def test_a_finder_that_breaks_does_not_hide_what_came_before(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def find_spec(self, *_: object) -> None:
            return None

        def find_distributions(self, *_: object) -> None:
            raise RuntimeError("broken finder")

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Broken()])

    _, general = found(site)

    assert [d.code for d in general] == ["ZG101"]
    assert "broken finder" in general[0].message


# -- Who is ZeroGravity --------------------------------------------------------------


def test_another_distribution_of_our_name_is_listed_and_not_trusted(site: Site) -> None:
    site.install("Zero.Gravity", GOOD)  # another name: dots separate words
    site.install("ZeroGravity", "raise SystemExit(0)", version="99.0")

    plugins, _ = found(site)

    impostor = plugins["zerogravity"]
    assert (impostor.state, impostor.version) == ("untrusted", "99.0")
    assert [d.code for d in impostor.diagnostics] == ["ZG104"]
    assert "zerogravity" not in sys.modules
    assert plugins["builtin"].version != "99.0"
    assert plugins["zero-gravity"].state == "active"


def copy(name: str = "zerogravity", **more: str) -> Copy:
    fields = {"folder": f"/site/{name}-1.dist-info", "version": "1", **more}
    return Copy(name=name, offers=(("builtin", "zg_plugins_builtin.plugin"),), **fields)


@pytest.mark.parametrize(
    "ours",
    [copy(editable=CHECKOUT), copy(folder=f"{CHECKOUT}/zerogravity-1.dist-info")],
)
def test_the_distribution_that_has_the_running_code_is_ours(ours: Copy) -> None:
    found = sources_of([copy(version="99"), ours])

    assert [(s.id, s.version) for s in found.sources] == [
        ("builtin", "1"),
        ("zerogravity", "99"),
    ]


def test_without_metadata_the_built_in_plugin_is_found_by_its_module() -> None:
    found = sources_of([])

    [builtin] = found.sources
    [diagnostic] = found.diagnostics
    assert (builtin.id, builtin.reference) == ("builtin", "zg_plugins_builtin.plugin")
    assert (diagnostic.code, diagnostic.severity) == ("ZG105", "info")


# -- Where it comes from -------------------------------------------------------------


@pytest.mark.parametrize(
    ("direct", "origin", "editable"),
    [
        (None, "index", False),
        ("not json", "index", False),
        ({"url": "file:///home/me/my%20zg", "dir_info": {}}, "/home/me/my zg", False),
        (
            {"url": "file:///home/me/zg-bad", "dir_info": {"editable": True}},
            "editable /home/me/zg-bad",
            True,
        ),
        (
            {"url": "https://me:secret@example.org/x.git", "vcs_info": {"vcs": "git"}},
            "https://example.org/x.git",
            False,
        ),
    ],
)
def test_the_origin_is_what_the_installer_noted(
    site: Site, direct: object, origin: str, editable: bool
) -> None:
    text = direct if isinstance(direct, str) else json.dumps(direct)
    site.install("zg-bad", GOOD, files={"direct_url.json": text} if direct else {})

    plugins, _ = found(site)

    source = plugins["zg-bad"].source
    assert source.copy
    assert (source.origin, bool(source.copy.editable)) == (origin, editable)
    assert (source.record_sha256() is None) == editable


def test_without_a_record_there_is_no_digest(site: Site) -> None:
    (site.install("zg-bad", GOOD) / "RECORD").unlink()

    plugins, _ = found(site)

    assert plugins["zg-bad"].info().record_sha256 is None
