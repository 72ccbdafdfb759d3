"""``zg config`` shows the configuration and changes the user's file."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from calling import Caller

from zg_core.config import load_config, user_file


def test_each_value_is_shown_with_its_origin(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZG_LIMITS_USD", "2")

    called = zg("config")

    assert called.code == 0
    lines = {line.split()[0]: line.split()[1:] for line in called.out.splitlines()}
    assert lines["limits.usd"] == ["2.0", "environment", "ZG_LIMITS_USD"]
    assert lines["workflow"] == ["adaptive", "default"]


def test_json_has_values_and_origins(zg: Caller) -> None:
    document = zg("config", "--json").document

    assert document["workflow"] == {"value": "adaptive", "origin": "default"}
    assert document["routes.creative"]["value"] == ["architect", "designer", "operator"]
    assert document["model"]["value"] is None


def test_options_before_the_command_are_arguments(zg: Caller) -> None:
    document = zg("--no-plugins", "-p", "no:zg-bad", "config", "--json").document

    assert document["plugins.off"] == {"value": True, "origin": "argument"}
    assert document["plugins.disable"] == {"value": ["zg-bad"], "origin": "argument"}


def test_one_value_is_printed_bare(zg: Caller) -> None:
    assert zg("config", "get", "workflow").out == "adaptive\n"
    assert zg("config", "get", "model").out == "\n"
    assert zg("config", "get", "routes.creative").out == (
        "architect\ndesigner\noperator\n"
    )
    assert zg("config", "get", "out", "--json").document == {
        "key": "out",
        "value": "zg-runs",
        "origin": "default",
    }


def test_an_unknown_key_is_suggested(zg: Caller) -> None:
    called = zg("config", "get", "modle")

    assert called.code == 2
    assert "did you mean 'model'?" in called.err


def test_a_value_that_was_set_holds(zg: Caller) -> None:
    called = zg("config", "set", "limits.usd", "2.50")

    assert called.code == 0
    assert called.out == f"set limits.usd in {user_file()}\n"
    assert load_config().limits.usd == 2.5
    assert user_file().stat().st_mode & 0o077 == 0


def test_comments_and_order_stay(zg: Caller) -> None:
    user_file().parent.mkdir(parents=True)
    user_file().write_text(
        "# mine\n\n[plugins]  # what I do not want\ndisable = ['a'] # bad\n"
    )

    zg("config", "set", "plugins.strict", "yes")
    zg("config", "set", "model", "openai:gpt-5")
    zg("config", "set", "plugins.disable", "a, b")
    zg("config", "set", "plugins.config.zg-words.deep.count", "3")
    zg("config", "set", 'routes."my kind"', "architect")

    text = user_file().read_text()
    assert text.startswith("# mine\n")
    assert "[plugins]  # what I do not want" in text
    config = load_config()
    assert (config.model, config.plugins_strict) == ("openai:gpt-5", True)
    assert config.plugins_disable == ("a", "b")
    assert config.plugins_config == {"zg-words": {"deep": {"count": 3}}}
    assert config.routes["my kind"] == ("architect",)


def test_a_value_of_a_plugin_is_toml_or_text(zg: Caller) -> None:
    for text in ("true", '"true"', "https://example.com", "1\nx = 2"):
        zg("config", "set", "plugins.config.zg-words.value", text)
        value = load_config().plugins_config["zg-words"]["value"]
        assert value == {"true": True, '"true"': "true"}.get(text, text)


def test_a_secret_is_neither_shown_nor_repeated(zg: Caller) -> None:
    called = zg("config", "set", "plugins.config.zg-words.api_key", "short")

    assert "short" not in called.out
    assert zg("config", "get", "plugins.config.zg-words.api_key").out == "[secret]\n"
    shown = zg("config", "--json").document["plugins.config.zg-words.api_key"]
    assert shown == {"value": "[secret]", "origin": f"user file {user_file()}"}


def test_an_empty_section_is_shown(zg: Caller) -> None:
    user_file().parent.mkdir(parents=True)
    user_file().write_text("[plugins.config.zg-words]\n")

    assert zg("config", "--json").document["plugins.config.zg-words"]["value"] == {}


@pytest.mark.parametrize(
    ("key", "value", "code", "cause"),
    [
        ("modle", "x", 3, "there is no setting 'modle'"),
        ("limits.usd", "much", 3, "must be a number above zero, not 'much'"),
        ("plugins.off", "true", 3, "can hold for one command only"),
        ("plugins.config.zg-words", "x", 3, "is a section"),
        ("limits", "3", 3, "there is no setting 'limits'"),
        ("a = 1", "x", 2, "is not a dotted key"),
        ("a..b", "x", 2, "is not a dotted key"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(
    zg: Caller, key: str, value: str, code: int, cause: str
) -> None:
    called = zg("config", "set", key, value)

    assert called.code == code
    assert cause in called.err
    assert not user_file().exists()


def test_a_value_in_the_place_of_a_table_is_not_overwritten(zg: Caller) -> None:
    user_file().parent.mkdir(parents=True)
    user_file().write_text("limits = 3\n")

    assert "'limits'" in zg("config", "set", "limits.usd", "3").err
    assert user_file().read_text() == "limits = 3\n"


def test_a_value_can_be_unset(zg: Caller) -> None:
    zg("config", "set", "limits.usd", "2")

    called = zg("config", "unset", "limits.usd")

    assert called.out == f"removed limits.usd from {user_file()}\n"
    assert load_config().limits.usd is None


def test_a_key_that_makes_the_file_unusable_can_be_unset(zg: Caller) -> None:
    user_file().parent.mkdir(parents=True)
    user_file().write_text("modle = 'x'\nmodel = 'y'\n")
    assert zg("config").code == 3

    assert zg("config", "unset", "modle").code == 0
    assert tomllib.loads(user_file().read_text()) == {"model": "y"}


def test_with_json_a_change_is_a_document(zg: Caller) -> None:
    changed = {"key": "model", "file": str(user_file())}

    assert zg("config", "set", "model", "x", "--json").document == changed
    assert zg("config", "unset", "model", "--json").document == changed


@pytest.mark.parametrize("key", ["model", "limits.usd", "model.x"])
def test_what_is_not_set_cannot_be_unset(zg: Caller, key: str) -> None:
    called = zg("config", "unset", key)

    assert called.code == 2
    assert f"'{key}' is not set in" in called.err


def test_the_users_file_may_be_a_link(zg: Caller, tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles.toml"
    kept.write_text("model = 'x'\n")
    kept.chmod(0o644)
    user_file().parent.mkdir(parents=True)
    user_file().symlink_to(kept)

    zg("config", "set", "model", "y")

    assert user_file().is_symlink()
    assert kept.read_text() == 'model = "y"\n'
    assert kept.stat().st_mode & 0o777 == 0o644


def test_a_folder_that_cannot_be_made_is_one_sentence(
    zg: Caller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ZG_HOME", str(tmp_path / "file" / "home"))

    called = zg("config", "set", "model", "y")

    assert called.code == 3
    assert "cannot be written: Not a directory" in called.err


def test_a_disk_that_refuses_leaves_the_file_as_it_was() -> None:
    user_file().parent.mkdir(parents=True)
    user_file().write_text("model = 'x'\n")
    command = f'ulimit -f 0; "{sys.executable}" -m zg_core.cli config set model y'

    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)

    assert done.returncode == 3
    assert "cannot be written: File too large" in done.stderr
    assert user_file().read_text() == "model = 'x'\n"
    assert list(user_file().parent.iterdir()) == [user_file()]


def test_the_paths_are_shown(zg: Caller) -> None:
    project = Path("zg.toml")
    assert zg("config", "path", "--json").document["project"] is None
    project.write_text("model = 'x'")

    assert zg("config", "path").out == f"{user_file()}\n"
    assert zg("config", "path", "--json").document == {
        "user": str(user_file()),
        "project": str(project.absolute()),
        "data": str(user_file().parent),
    }


@pytest.mark.parametrize("arguments", [[], ["get"], ["set"], ["unset"], ["path"]])
def test_every_help_ends_with_an_example(zg: Caller, arguments: list[str]) -> None:
    assert "zg config" in zg("config", *arguments, "--help").out.splitlines()[-1]
