"""``zg doctor`` says what is in place, and what to do about what is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from calling import Caller
from installing import GOOD, Site

from zg_core.config import user_file


@pytest.fixture(autouse=True)
def no_local_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)


def statuses(document: object) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for check in document["checks"]:  # type: ignore[index]
        found.setdefault(check["name"], []).append(check["status"])
    return found


def test_where_all_is_well_every_check_says_ok(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-12345678")

    called = zg("doctor")

    assert called.code == 0
    assert {line.split()[0] for line in called.out.splitlines()} == {"ok"}
    assert "(OPENAI_API_KEY is set)" in called.out
    assert "sqlite opens" in called.out


def test_without_a_model_it_fails_and_says_what_to_do(zg: Caller) -> None:
    called = zg("doctor")

    assert called.code == 1
    assert "fail  model          there is no model to use" in called.out
    assert "set OPENAI_API_KEY" in called.out


def test_json_has_a_document_of_checks(zg: Caller) -> None:
    called = zg("doctor", "--json")

    assert called.code == 1
    assert statuses(called.document) == {
        "python": ["ok"],
        "zerogravity": ["ok"],
        "configuration": ["ok"],
        "data": ["ok"],
        "plugins": ["ok"],
        "journal": ["ok"],
        "model": ["fail"],
    }


def test_a_configuration_that_cannot_be_used_ends_it(zg: Caller) -> None:
    user_file().parent.mkdir(parents=True)
    user_file().write_text("modle = 1")

    called = zg("doctor", "--json")

    last = called.document["checks"][-1]
    assert called.code == 1
    assert (last["name"], last["status"]) == ("configuration", "fail")
    assert f"{user_file()}, line 1" in last["message"]
    assert last["remedy"] == "did you mean 'model'?"


def test_files_and_misspelt_variables_are_named(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("zg.toml").write_text("")
    monkeypatch.setenv("ZG_MODLE", "x")
    monkeypatch.setenv("ZG_TEST_SOMETHING", "a plugin's")

    called = zg("doctor")

    assert f"ok    configuration  {Path('zg.toml').absolute()}" in called.out
    assert "warn  configuration  the variable ZG_MODLE means nothing" in called.out
    assert "did you mean ZG_MODEL?" in called.out
    assert "ZG_TEST_SOMETHING" not in called.out


def test_a_data_folder_that_cannot_be_used_is_found(
    zg: Caller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ZG_HOME", str(tmp_path / "file" / "home"))

    called = zg("doctor", "--json")

    assert statuses(called.document)["data"] == ["fail"]
    assert called.code == 1


def test_a_journal_that_no_run_could_begin_is_found(
    zg: Caller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ZG_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-12345678")

    told = zg("doctor", "--json").document["checks"]
    refused = zg("run", "x", "--agent", "engineer")

    [journal] = (check for check in told if check["name"] == "journal")
    assert journal["status"] == "fail"
    assert f"error: {journal['message']}\n  {journal['remedy']}" in refused.err


def test_looking_at_a_journal_leaves_no_run(zg: Caller) -> None:
    zg("doctor")

    assert zg("runs", "--json").document == []


def test_a_broken_plugin_is_found_and_the_rest_is_looked_at(
    zg: Caller, site: Site
) -> None:
    site.install("zg-good", GOOD)
    site.install("zg-bad", "import nowhere_to_be_found")

    called = zg("doctor")

    assert called.code == 1
    assert "zg-good active" in called.out
    assert "fail  plugins        ZG201 zg-bad 1.0: import of 'zg_bad'" in called.out
    assert "ok    journal" in called.out


def test_a_plugin_with_a_flaw_is_a_warning(
    zg: Caller, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-12345678")
    site.install("zg-idle", "x = 1")

    called = zg("doctor")

    assert called.code == 0
    assert "warn  plugins        ZG204 zg-idle 1.0:" in called.out


def test_plugins_that_must_be_right_are_checked_first(zg: Caller, site: Site) -> None:
    site.install("zg-bad", "import nowhere_to_be_found")

    found = statuses(zg("--strict-plugins", "doctor", "--json").document)

    assert found["plugins"] == ["fail"]
    assert "journal" not in found


def test_a_missing_built_in_plugin_is_said(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [n for n in sys.modules if n.startswith("zg_plugins_builtin")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "zg_plugins_builtin", None)

    called = zg("doctor")

    assert called.code == 1
    assert "ZG201 builtin" in called.out
    assert "there is no journal named 'sqlite'" in called.out


def test_a_journal_of_an_unknown_kind_is_said(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZG_JOURNAL", "sqlte:///x.db")

    assert "fail  journal        there is no journal named 'sqlte'" in zg("doctor").out
