"""Configuration: what may stand where, and which place wins.

One file, since every key is decided by the same few places.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from zg_core.config import Config, data_dir, load_config, user_file
from zg_core.errors import ConfigError
from zg_core.usage import Limits


def write_user(text: str) -> Path:
    path = user_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def write_project(text: str, folder: Path | None = None) -> Path:
    path = (folder or Path.cwd()) / "zg.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_anything_the_defaults_hold() -> None:
    config = load_config()

    assert config == Config()
    assert config.origin("model") == "default"
    assert config.routes["strategic"] == ("architect", "engineer", "designer")


def test_a_users_file_sets_everything_a_file_may() -> None:
    path = write_user(
        """
        model = " openai:gpt-5 "
        workflow = "sequential"
        classifier = "model"
        journal = "sqlite:///runs.db"
        out = "results"
        retention_days = 30
        limits = { usd = 1, tokens = 2_000, calls = 3, seconds = 4.5 }
        routes.creative = ["designer"]
        [plugins]
        disable = ["zg-bad", "zg-bad"]
        strict = true
        config."Zg_Words" = { api_key = "k", deep = { x = 1 } }
        """
    )

    config = load_config()

    assert config.model == "openai:gpt-5"
    assert config.limits == Limits(usd=1, tokens=2000, calls=3, seconds=4.5)
    assert config.routes["creative"] == ("designer",)
    assert config.routes["technical"] == ("architect", "engineer", "operator")
    assert config.plugins_disable == ("zg-bad",)
    assert config.plugins_config["zg-words"]["deep"] == {"x": 1}
    assert config.origin("limits.usd") == f"user file {path}"
    assert config.origin("plugins.config.zg-words") == f"user file {path}"
    assert config.origin("routes.general") == "default"


def test_each_place_goes_before_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    write_user('model = "user"')
    assert load_config().model == "user"

    project = write_project('model = "project"')
    assert load_config().model == "project"
    assert load_config().origin("model") == f"project file {project}"

    monkeypatch.setenv("ZG_MODEL", "environment")
    assert load_config().model == "environment"
    assert load_config().origin("model") == "environment ZG_MODEL"

    config = load_config({"model": "argument", "workflow": None})
    assert (config.model, config.origin("model")) == ("argument", "argument")


def test_the_environment_sets_values_of_every_kind() -> None:
    environ = {
        "ZG_LIMITS_USD": "2.5",
        "ZG_LIMITS_CALLS": " 7 ",
        "ZG_PLUGINS_DISABLE": "a, b,",
        "ZG_STRICT_PLUGINS": "yes",
        "ZG_DISABLE_PLUGINS": "1",
        "ZG_MODEL": "",
    }

    config = load_config(environ=environ)

    assert config.limits == Limits(usd=2.5, calls=7)
    assert config.plugins_disable == ("a", "b")
    assert config.plugins_strict
    assert config.plugins_off
    assert config.model is None


@pytest.mark.parametrize("falsy", ["0", "false", "No", "off", ""])
def test_a_falsy_variable_switches_nothing_off(falsy: str) -> None:
    assert not load_config(environ={"ZG_DISABLE_PLUGINS": falsy}).plugins_off


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("ZG_LIMITS_USD", "a lot"),
        ("ZG_LIMITS_USD", "nan"),
        ("ZG_LIMITS_USD", "inf"),
        ("ZG_LIMITS_TOKENS", "1.5"),
        ("ZG_LIMITS_CALLS", "-1"),
        ("ZG_DISABLE_PLUGINS", "maybe"),
    ],
)
def test_a_variable_that_does_not_fit_is_refused(variable: str, text: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"the variable {variable} must be"
    ) as caught:
        load_config(environ={variable: text})

    assert f"not {text}" in caught.value.cause.replace("'", "")


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ('\nmodle = "x"', "modle", 2),
        ("[limits]\n\nusd = 'five'", "limits.usd", 3),
        ("limits = 3", "limits", 1),
        ("[limits]\ntokens = 0", "limits.tokens", 2),
        ("[limits]\ntokens = true", "limits.tokens", 2),
        ("[plugins]\n# why\ndisable = [\n  1,\n]", "plugins.disable", 3),
        ("[plugins]\ndisable = 'zg-bad'", "plugins.disable", 2),
        ("[plugins]\nstrict = 1", "plugins.strict", 2),
        ("[plugins]\noff = true", "plugins.off", 2),
        ("[plugins.config]\nzg-words = 3", "plugins.config.zg-words", 2),
        ("[routes]\ntechnical = []", "routes.technical", 2),
        ('journal = " "', "journal", 1),
        ('"" = 1', "", 1),
    ],
)
def test_what_does_not_fit_is_refused_with_file_and_line(
    text: str, key: str, line: int
) -> None:
    path = write_user(text)

    with pytest.raises(ConfigError, match=f"{path}, line {line}") as caught:
        load_config()

    assert caught.value.details["key"] == key
    assert caught.value.details["line"] == line
    assert caught.value.exit_code == 3


def test_an_unknown_key_gets_a_suggestion() -> None:
    write_user("[plugins]\ndisabled = []")

    with pytest.raises(ConfigError) as caught:
        load_config()

    assert caught.value.remedy == "did you mean 'plugins.disable'?"


def test_an_unknown_argument_is_refused() -> None:
    with pytest.raises(ConfigError, match="'zzz', which stands in the arguments"):
        load_config({"zzz": 1})


def test_arguments_may_be_nested() -> None:
    config = load_config({"limits": {"usd": 2}, "plugins": {"enable": ["a"]}})

    assert config.limits.usd == 2
    assert config.plugins_enable == ("a",)


def test_a_plugins_section_is_not_shown_when_it_is_wrong() -> None:
    write_user('plugins.config.zg-words = "sk-hush"')

    with pytest.raises(ConfigError) as caught:
        load_config()

    assert "sk-hush" not in str(caught.value)


def test_no_value_of_a_plugin_is_in_the_repr() -> None:
    write_user('plugins.config.zg-words.api_key = "sk-hush"')

    assert "sk-hush" not in repr(load_config())


@pytest.mark.parametrize("place", ["user", "project"])
def test_bad_toml_is_refused_with_its_line(place: str) -> None:
    path = (write_user if place == "user" else write_project)("model = \n")

    with pytest.raises(ConfigError, match=r"is not TOML: .*line 1") as caught:
        load_config()

    assert caught.value.details["file"] == str(path)


def test_what_is_not_utf8_is_refused() -> None:
    write_user("").write_bytes(b"model = '\xff'")

    with pytest.raises(ConfigError, match="cannot be read: it is not UTF-8"):
        load_config()


def test_a_folder_in_place_of_the_file_is_refused() -> None:
    user_file().mkdir(parents=True)

    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config()


def test_a_byte_order_mark_is_let_pass() -> None:
    write_user('\ufeffmodel = "openai"')

    assert load_config().model == "openai"


# -- A project's file ---------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        'journal = "sqlite:////tmp/x.db"',
        'out = "/"',
        'server = "https://evil.example"',
        'classifier = "model"',
        "retention_days = 1",
        'routes.technical = ["zg-bad:agent"]',
        'plugins.config.builtin.openai.base_url = "http://evil.example"',
        'model = "local:/tmp/evil.gguf"',
        'model = "openai, local:~/evil"',
        'model = "local:evil.gguf"',
        'model = "local:models/evil"',
        'model = "builtin:local:models/evil"',
        'workflow = "./evil.toml"',
    ],
)
def test_a_project_may_not_set_what_is_the_users(text: str) -> None:
    path = write_project(text)

    with pytest.raises(ConfigError, match="but a project's file may") as caught:
        load_config()

    assert caught.value.details["file"] == str(path)
    assert str(user_file()) in caught.value.remedy


def test_a_project_may_choose_and_narrow() -> None:
    write_user("[limits]\nusd = 5\n[plugins]\ndisable = ['a']")
    path = write_project(
        "model = 'local'\nworkflow = 'zg-x:plan'\n"
        "limits = { usd = 2, calls = 9 }\nplugins = { disable = ['b'], strict = true }"
    )

    config = load_config()

    assert (config.model, config.workflow) == ("local", "zg-x:plan")
    assert config.limits == Limits(usd=2, calls=9)
    assert config.plugins_disable == ("a", "b")
    assert config.plugins_strict
    assert config.origin("plugins.disable") == (
        f"user file {user_file()}, project file {path}"
    )


def test_a_project_cannot_widen() -> None:
    write_user("[limits]\nusd = 5\n[plugins]\nstrict = true")
    write_project("limits.usd = 50\nplugins = { strict = false, disable = [] }")

    config = load_config()

    assert config.limits.usd == 5
    assert config.origin("limits.usd") == f"user file {user_file()}"
    assert config.plugins_strict


def test_the_user_may_allow_more_than_a_project_does() -> None:
    write_project("limits.usd = 1")

    assert load_config({"limits.usd": 9}).limits.usd == 9


def test_the_projects_file_is_found_from_below(tmp_path: Path) -> None:
    write_project("model = 'up'", tmp_path)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)

    assert load_config(cwd=below).model == "up"


def test_a_repository_ends_the_project(tmp_path: Path) -> None:
    write_project("model = 'up'", tmp_path)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "a" / ".git").mkdir()

    assert load_config(cwd=below).model is None


# -- Places --------------------------------------------------------------------------


def test_zg_home_holds_all_that_is_the_users(tmp_path: Path) -> None:
    environ = {"ZG_HOME": str(tmp_path)}

    assert user_file(environ) == tmp_path / "config.toml"
    assert data_dir(environ) == tmp_path


def test_without_zg_home_the_platforms_folders_are_used() -> None:
    assert user_file({}).parts[-2:] == ("zerogravity", "config.toml")
    assert data_dir({}).name == "zerogravity"


# -- Limits of steps, and prices ----------------------------------------------------


def test_limits_of_steps_are_a_table_for_each_and_a_project_only_lowers_them() -> None:
    write_user(
        "[limits.steps.build]\nusd = 1\ncalls = 5\n[limits.steps.plan]\ntokens = 9"
    )
    write_project("[limits.steps]\nbuild = { usd = 0.5, calls = 50, seconds = 60 }")

    config = load_config({"limits.steps.plan": {"tokens": 20, "usd": 2}})

    assert config.limits_steps == {
        "build": Limits(usd=0.5, calls=5, seconds=60),
        "plan": Limits(tokens=20, usd=2),
    }
    shown = dict(config.items())
    assert shown["limits.steps.build"] == {"usd": 0.5, "calls": 5, "seconds": 60}
    assert "project file" in config.origin("limits.steps.build")


def test_a_project_that_would_only_raise_a_limit_of_a_step_changes_nothing() -> None:
    write_user("[limits.steps.build]\nusd = 1")
    write_project("[limits.steps.build]\nusd = 50")

    config = load_config()

    assert config.limits_steps == {"build": Limits(usd=1)}
    assert config.origin("limits.steps.build") == f"user file {user_file()}"


def test_a_price_is_read_and_a_free_cache_may_be_stated() -> None:
    write_user(
        "[prices.'openai:gpt-4.9']\ninput_per_million = 1\n"
        "output_per_million = 2\ncached_per_million = 0"
    )

    assert load_config().prices == {
        "openai:gpt-4.9": {
            "input_per_million": 1.0,
            "output_per_million": 2.0,
            "cached_per_million": 0.0,
        }
    }


@pytest.mark.parametrize(
    "text",
    [
        "[limits.steps.build]\nusd = 0",
        "[limits.steps.build]\neuro = 1",
        "[limits.steps]\nbuild = 1",
        "[prices.'a:b']\ninput_per_million = 1",
        "[prices.'a:b']\ninput_per_million = -1\noutput_per_million = 1",
        "[prices.'a:b']\ninput = 1",
    ],
)
def test_a_limit_or_price_that_is_none_is_refused_with_its_place(text: str) -> None:
    write_user(text)

    with pytest.raises(ConfigError, match="must be a table of"):
        load_config()


def test_a_project_may_state_no_price() -> None:
    write_project("[prices.'a:b']\ninput_per_million = 0\noutput_per_million = 0")

    with pytest.raises(ConfigError, match="a project's file may only set"):
        load_config()


def test_how_many_calls_may_be_under_way_is_said_by_model_or_provider() -> None:
    write_user('[concurrency]\nopenai = 16\n"openai:gpt-4.1" = 4')

    config = load_config()

    assert config.concurrency == {"openai": 16, "openai:gpt-4.1": 4}
    assert ("concurrency.openai:gpt-4.1", 4) in config.items()


@pytest.mark.parametrize("text", ["openai = 0", "openai = true", "openai = 'many'"])
def test_a_concurrency_is_a_count(text: str) -> None:
    write_user(f"[concurrency]\n{text}")

    with pytest.raises(ConfigError, match="whole number above zero"):
        load_config()


def test_a_project_does_not_say_how_many_calls_may_be_under_way() -> None:
    write_project("concurrency = { openai = 1000 }")

    with pytest.raises(ConfigError, match="a project's file may only set"):
        load_config()
