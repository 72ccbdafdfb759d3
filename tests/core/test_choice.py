"""Which models a run uses, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from types import ModuleType

import pytest

import zg_core.plugin_api as zg
from zg_core._choice import choose_model, parse_chain, resolve_model
from zg_core.config import load_config, user_file
from zg_core.plugins import PluginHost


def spec(name: str, default: str | None = None, **detect: object) -> zg.ProviderSpec:
    return zg.ProviderSpec(
        name=name,
        factory="nowhere:never",
        default_model=default,
        detect=zg.Detect(**detect) if detect else None,  # type: ignore[arg-type]
    )


class Stranger:
    """A plugin that is not built in."""

    def __init__(self, *specs: zg.ProviderSpec) -> None:
        self._specs = specs
        self.__name__ = "zg-strange"

    @zg.hookimpl
    def zg_register_providers(self) -> list[zg.ProviderSpec]:
        return list(self._specs)


def builtin(*specs: zg.ProviderSpec) -> ModuleType:
    """Make a plugin that takes the place of the built-in one."""
    module = ModuleType("zg_plugins_builtin.plugin")

    @zg.hookimpl
    def zg_register_providers() -> list[zg.ProviderSpec]:
        return list(specs)

    vars(module)["zg_register_providers"] = zg_register_providers
    return module


def host(*plugins: object) -> PluginHost:
    return PluginHost.open(load_config(), *plugins, discover=False)


ONE = spec("one", "small", env=("ONE_KEY", "ONE_TOKEN"))
TWO = spec("two", "big", env=("TWO_KEY",))
BARE = spec("bare")


def chosen(
    *plugins: object, argument: str | None = None, **environ: str
) -> tuple[str, str]:
    return choose_model(load_config(), host(*plugins), argument, environ=environ)


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """Serve one answer on this machine, and yield its address."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/models"
        server.shutdown()


def models(*names: str) -> bytes:
    return json.dumps({"data": [{"id": name} for name in names]}).encode()


# -- What was named ------------------------------------------------------------------


def test_what_was_asked_for_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZG_MODEL", "two")

    assert chosen(builtin(ONE, TWO), argument="one:large", ONE_KEY="k") == (
        "one:large",
        "asked for",
    )


def test_what_is_configured_goes_before_what_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ZG_MODEL", "two")

    assert chosen(builtin(ONE, TWO), ONE_KEY="k") == (
        "two:big",
        "from environment ZG_MODEL",
    )


def test_a_chain_is_made_whole_link_by_link() -> None:
    found = parse_chain(
        " one , two:x:y,builtin:one,builtin:two:z, zg-strange:odd:m, one:",
        host(builtin(ONE, TWO), Stranger(spec("odd"))),
    )

    assert found == (
        "one:small",
        "two:x:y",
        "builtin:one:small",
        "builtin:two:z",
        "zg-strange:odd:m",
        "one:small",
    )


def test_a_whole_chain_means_itself() -> None:
    plugins = host(builtin(ONE, TWO))
    whole = parse_chain("one, builtin:two", plugins)

    assert parse_chain(", ".join(whole), plugins) == whole


def test_a_link_means_a_provider_and_a_model() -> None:
    plugins = host(builtin(ONE), Stranger(spec("one", "other")))

    found, model = resolve_model("zg-strange:one", plugins)

    assert (found.qualified, model) == ("zg-strange:one", "other")


def test_a_provider_called_like_its_plugin_is_found_by_its_short_name() -> None:
    plugins = host(Stranger(spec("zg-strange", "m")))

    assert parse_chain("zg-strange:x:y", plugins) == ("zg-strange:x:y",)


def test_a_model_named_like_its_provider_is_written_once() -> None:
    assert parse_chain("two:two", host(builtin(TWO))) == ("two:two",)


@pytest.mark.parametrize("chain", ["one,,two", "one,", ","])
def test_an_empty_link_is_refused(chain: str) -> None:
    with pytest.raises(zg.ConfigError, match="has an empty link"):
        parse_chain(chain, host(builtin(ONE, TWO)))


def test_a_provider_without_a_default_needs_a_model() -> None:
    with pytest.raises(zg.ConfigError, match="'bare' has no default model") as caught:
        parse_chain("bare", host(builtin(BARE)))

    assert caught.value.remedy == "name one: bare:MODEL"


def test_an_unknown_provider_is_the_callers_mistake() -> None:
    with pytest.raises(zg.UnknownNameError, match="'onne'") as caught:
        chosen(builtin(ONE), argument="onne:x")

    assert caught.value.exit_code == 2
    assert "did you mean 'one'?" in caught.value.remedy


def test_a_model_alone_is_answered_with_how_it_is_written() -> None:
    with pytest.raises(zg.UnknownNameError) as raised:
        parse_chain("gpt-4o", PluginHost.of_builtin())

    assert raised.value.remedy == "write openai:gpt-4o"


def test_an_unknown_provider_in_the_configuration_names_the_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ZG_MODEL", "onne")

    with pytest.raises(zg.ConfigError, match="is set by environment ZG_MODEL"):
        chosen(builtin(ONE))


def test_a_provider_of_two_plugins_must_be_qualified() -> None:
    other = Stranger(spec("odd", "m"))
    other.__name__ = "zg-other"

    with pytest.raises(zg.AmbiguousNameError):
        chosen(Stranger(spec("odd", "m")), other, argument="odd")


# -- What is found ---------------------------------------------------------------------


def test_a_key_in_the_environment_decides_in_the_providers_order() -> None:
    assert chosen(builtin(ONE, TWO), TWO_KEY="k") == ("two:big", "TWO_KEY is set")
    assert chosen(builtin(ONE, TWO), TWO_KEY="k", ONE_TOKEN="k")[0] == "one:small"


def test_an_empty_key_is_none() -> None:
    with pytest.raises(zg.ConfigError):
        chosen(builtin(ONE), ONE_KEY="")


def test_only_built_in_providers_are_chosen_unasked() -> None:
    with pytest.raises(zg.ConfigError, match="no built-in provider"):
        chosen(Stranger(ONE), ONE_KEY="k")


def test_a_server_on_this_machine_that_lists_models_is_taken() -> None:
    with answering(200, models("llama", "other")) as url:
        assert chosen(builtin(spec("near", url=url))) == (
            "near:llama",
            f"a server answers at {url}",
        )
        assert chosen(builtin(spec("near", "auto", url=url)))[0] == "near:auto"
        assert chosen(builtin(spec("near", "auto", url=url), TWO), TWO_KEY="k") == (
            "two:big",
            "TWO_KEY is set",
        )


@pytest.mark.parametrize(
    ("status", "body"), [(404, models("m")), (200, b"<html>"), (200, models())]
)
def test_something_else_that_listens_there_is_not_taken(
    status: int, body: bytes
) -> None:
    with answering(status, body) as url, pytest.raises(zg.ConfigError):
        chosen(builtin(spec("near", url=url)))


def test_a_list_in_a_format_of_its_own_is_an_answer() -> None:
    with answering(200, b'["m"]') as url:
        assert chosen(builtin(spec("near", "auto", url=url)))[0] == "near:auto"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/v1/models", "http://models.example/v1/models"]
)
def test_where_nothing_listens_nothing_is_found(url: str) -> None:
    with pytest.raises(zg.ConfigError):
        chosen(builtin(spec("near", "auto", url=url)))


def test_an_installed_module_comes_last() -> None:
    near = spec("near", "tiny", module="json")

    assert chosen(builtin(near)) == ("near:tiny", "json is installed")
    assert chosen(builtin(near, ONE), ONE_KEY="k")[0] == "one:small"


def test_where_there_is_nothing_every_way_is_named() -> None:
    with pytest.raises(zg.ConfigError) as caught:
        chosen(
            builtin(
                ONE,
                TWO,
                spec("near", "auto", url="http://127.0.0.1:9/v1/models"),
                spec("local", "tiny", module="nowhere_to_be_found"),
            )
        )

    remedy = caught.value.remedy
    assert caught.value.exit_code == 3
    for way in (
        f"--model, ZG_MODEL or model in {user_file()}",
        "set ONE_KEY or TWO_KEY",
        "start a server at http://127.0.0.1:9/v1/models",
        "pip install 'zerogravity[local]'",
    ):
        assert way in remedy


def test_a_chain_of_nothing_says_that_there_is_no_model() -> None:
    with pytest.raises(zg.ConfigError, match="there is no model to use"):
        parse_chain("", host(builtin(ONE)))
