"""``zg`` itself: its help, its commands and those of plugins, its errors."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from calling import Caller
from installing import Site

HELLO = """
    import os
    import click
    import zg_core.plugin_api as zg
    from zg_core import ConfigError

    print("imported")
    os.write(1, b"really\\n")

    @zg.hookimpl
    def zg_register_commands():
        return [
            zg.CommandSpec(name=n, description=f"Do {n}.", factory=f"zg_hello:{n}")
            for n in ("hello", "config", "broken", "number", "fail", "stop", "leave")
        ]

    @click.command()
    @click.option("--json", is_flag=True)
    def hello(json):
        "Say hello."
        click.echo("hello from a plugin")

    config = hello
    number = 3

    @click.command()
    @click.option("--json", is_flag=True)
    @click.option("--how")
    def fail(json, how):
        if how == "config":
            raise ConfigError("it is wrong", "put it right\\nor leave", key="k")
        raise RuntimeError("oh\\nno")

    @click.command()
    def stop():
        raise KeyboardInterrupt

    @click.command()
    def leave():
        raise SystemExit(7)
"""


@pytest.fixture
def hello(site: Site) -> Site:
    site.install("zg-hello", HELLO)
    return site


def test_help_lists_the_commands_and_ends_with_an_example(zg: Caller) -> None:
    called = zg("--help")

    assert called.code == 0
    assert "  runs " in called.out
    assert called.out.rstrip().endswith(
        'zg run "Build a booking site for a yoga studio"'
    )
    assert called.err == ""


def test_help_imports_no_plugin(zg: Caller, site: Site) -> None:
    site.install("zg-bad", "raise SystemExit('imported')")

    called = zg("--help")

    assert (called.code, called.err) == (0, "")
    assert "zg_bad" not in sys.modules


def test_without_the_built_in_plugin_there_is_still_help(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [n for n in sys.modules if n.startswith("zg_plugins_builtin")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "zg_plugins_builtin", None)

    assert zg("--help").code == 0
    assert zg("--version").code == 0


def test_help_needs_no_configuration_that_works(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZG_LIMITS_USD", "much")

    assert zg("--help").code == 0
    assert zg("config").code == 3


def test_the_version_names_the_plugin_api(zg: Caller) -> None:
    called = zg("--version")

    assert called.code == 0
    assert called.out.startswith("zg ")
    assert "plugin API 1" in called.out


def test_zg_alone_shows_its_help_as_an_error(zg: Caller) -> None:
    called = zg()

    assert called.code == 2
    assert called.out == ""
    assert called.err.startswith("Usage: zg")


@pytest.mark.parametrize(
    ("arguments", "cause", "remedy"),
    [
        (["confg"], "there is no command 'confg'", "did you mean 'config'?"),
        (["zzzzzz"], "there is no command 'zzzzzz'", "`zg --help` lists them"),
        (["config", "gte"], "No such command 'gte'", "see zg config --help"),
        (["--nope"], "No such option", "see zg --help"),
        (["config", "get"], "Missing argument 'KEY'", "see zg config get --help"),
    ],
)
def test_wrong_usage_is_one_sentence_and_a_remedy(
    zg: Caller, arguments: list[str], cause: str, remedy: str
) -> None:
    called = zg(*arguments)

    assert called.code == 2
    assert called.out == ""
    first, second = called.err.splitlines()
    assert first.startswith(f"error: {cause}")
    assert second == f"  {remedy}"


def test_with_json_wrong_usage_is_a_document(zg: Caller) -> None:
    called = zg("config", "--json", "--nope")

    assert called.code == 2
    assert called.err == ""
    assert called.document["error"]["cause"] == "No such option '--nope'."


def test_what_follows_two_dashes_is_no_option(zg: Caller) -> None:
    called = zg("config", "get", "--", "--json")

    assert called.code == 2
    assert called.err.startswith("error: there is no setting '--json'")


# -- Commands of plugins -------------------------------------------------------------


@pytest.mark.parametrize("name", [["hello"], ["x", "zg-hello:hello"]])
def test_a_plugins_command_is_a_command(
    zg: Caller, hello: Site, name: list[str]
) -> None:
    called = zg(*name)

    assert (called.code, called.out) == (0, "hello from a plugin\n")
    assert called.err == "imported\nreally\n"


def test_the_help_of_a_plugins_command_goes_to_standard_output(
    zg: Caller, hello: Site
) -> None:
    assert "Say hello." in zg("hello", "--help").out


def test_a_plugin_cannot_take_a_command_of_the_core(zg: Caller, hello: Site) -> None:
    assert zg("config").out.startswith("KEY")
    assert zg("x", "zg-hello:config").out == "hello from a plugin\n"


def test_x_lists_the_commands_of_all_plugins(zg: Caller, hello: Site) -> None:
    called = zg("x", "--help")

    assert "zg-hello:config  Do config." in called.out


def test_a_broken_command_is_one_error_and_the_others_work(
    zg: Caller, hello: Site
) -> None:
    broken = zg("broken")

    assert broken.code == 3
    assert broken.out == ""
    assert "zg-hello" in broken.err
    assert "Traceback" not in broken.err
    assert zg("hello").code == 0


def test_what_is_no_click_command_is_refused(zg: Caller, hello: Site) -> None:
    called = zg("number")

    assert called.code == 3
    assert "'zg-hello:number' is not a click command" in called.err


def test_a_misspelt_command_of_a_plugin_is_suggested(zg: Caller, hello: Site) -> None:
    assert "did you mean 'hello'?" in zg("hallo").err


def test_a_command_of_two_plugins_must_be_qualified(zg: Caller, hello: Site) -> None:
    hello.install("zg-hello2", HELLO.replace("zg_hello:", "zg_hello2:"))

    called = zg("hello")

    assert called.code == 2
    assert "zg-hello:hello, zg-hello2:hello" in called.err
    assert zg("x", "zg-hello2:hello").code == 0


def test_of_two_words_about_a_plugin_the_later_holds(zg: Caller, hello: Site) -> None:
    off = zg("-p", "zg-hello", "-p", "no:Zg_Hello", "hello")

    assert off.code == 2
    assert "imported" not in off.err
    assert zg("-p", "no:zg-hello", "-p", "zg-hello", "hello").code == 0
    assert zg("--no-plugins", "hello").code == 2


def test_strict_about_plugins_is_an_exit_code(zg: Caller, site: Site) -> None:
    site.install("zg-bad", "raise SystemExit('imported')")

    assert zg("--strict-plugins", "x", "zg-bad:y").code == 3


def test_completing_a_word_imports_no_plugin(hello: Site) -> None:
    words = {"_ZG_COMPLETE": "bash_complete", "COMP_WORDS": "zg h x", "COMP_CWORD": "2"}
    code = "import sys; from zg_core.cli import main; sys.argv = ['zg']; main()"

    def complete(**words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(hello.folder), **words},
        )

    assert "imported" not in complete(**words).stderr
    first = complete(**{**words, "COMP_WORDS": "zg ru", "COMP_CWORD": "1"})
    assert first.stdout.split() == ["plain,run", "plain,runs", "plain,runtimes"]


# -- Errors ----------------------------------------------------------------------------


def test_an_error_is_cause_and_remedy(zg: Caller, hello: Site) -> None:
    called = zg("fail", "--how", "config")

    assert called.code == 3
    assert called.err.endswith("error: it is wrong\n  put it right\n  or leave\n")


def test_with_json_an_error_is_a_document_with_its_details(
    zg: Caller, hello: Site
) -> None:
    called = zg("fail", "--json", "--how", "config")

    assert called.code == 3
    assert called.document == {
        "error": {
            "key": "k",
            "type": "ConfigError",
            "cause": "it is wrong",
            "remedy": "put it right\nor leave",
        }
    }


def test_what_should_not_happen_is_one_line(zg: Caller, hello: Site) -> None:
    called = zg("fail")

    assert called.code == 1
    assert "error: RuntimeError: oh no\n" in called.err
    assert "zg --debug" in called.err
    assert "Traceback" not in called.err


def test_with_debug_it_shows_where(zg: Caller, hello: Site) -> None:
    called = zg("--debug", "fail")

    assert called.code == 1
    assert "Traceback" in called.err
    assert "zg_hello.py" in called.err


def test_an_interrupted_command_says_so(zg: Caller, hello: Site) -> None:
    called = zg("stop")

    assert called.code == 130
    assert called.err.endswith("interrupted\n")


def test_a_command_may_leave_with_a_code_of_its_own(zg: Caller, hello: Site) -> None:
    with pytest.raises(SystemExit) as left:
        zg("leave")

    assert left.value.code == 7


def test_a_reader_that_goes_away_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "zg_core.cli", "config"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate()

    assert err == ""


def test_a_closed_standard_output_is_no_error(hello: Site) -> None:
    command = f'exec "{sys.executable}" -m zg_core.cli config >&-'

    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


def test_standard_output_is_given_back(
    zg: Caller, capfd: pytest.CaptureFixture[str]
) -> None:
    zg("--version")
    print("still here")
    os.write(1, b"and here\n")

    assert capfd.readouterr().out == "still here\nand here\n"


def test_a_secret_of_the_configuration_is_printed_by_nobody(
    zg: Caller, site: Site
) -> None:
    site.install(
        "zg-leak",
        """
        import click
        import zg_core.plugin_api as zg

        @zg.hookimpl
        def zg_register_commands():
            return [zg.CommandSpec(name="leak", factory="zg_leak:leak")]

        @click.command()
        def leak():
            click.echo("key is sk-12345678")
            print("key is sk-12345678")
            click.echo("key is sk-12345678", err=True)
            raise RuntimeError("key is sk-12345678")
        """,
    )
    zg("config", "set", "plugins.config.zg-leak.api_key", "sk-12345678")

    called = zg("--debug", "leak")

    assert called.out == "key is [secret]\nkey is [secret]\n"
    assert called.err.count("[secret]") >= 3
    assert "sk-12345678" not in called.err
