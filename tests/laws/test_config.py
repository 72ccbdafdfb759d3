"""Laws of configuration: which place wins, and what a project cannot do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from zg_core.config import Config, load_config

texts = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
values = {
    "model": texts,
    "workflow": texts,
    "limits.usd": st.integers(1, 9),
    "limits.calls": st.integers(1, 9),
    "plugins.strict": st.booleans(),
    "plugins.disable": st.lists(texts, unique=True, max_size=3),
}
layers = st.fixed_dictionaries({}, optional=values)
VARIABLES = {key: f"ZG_{key.upper().replace('.', '_')}" for key in values}
VARIABLES["plugins.strict"] = "ZG_STRICT_PLUGINS"


def loaded(
    user: Mapping[str, object],
    project: Mapping[str, object],
    environment: Mapping[str, object],
    arguments: Mapping[str, object],
) -> Config:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.toml").write_text(toml(user))
        (folder / "zg.toml").write_text(toml(project))
        environ = {VARIABLES[key]: text(value) for key, value in environment.items()}
        environ["ZG_HOME"] = name
        return load_config(arguments, cwd=folder, environ=environ)


def toml(layer: Mapping[str, object]) -> str:
    return "\n".join(f"{key} = {json.dumps(value)}" for key, value in layer.items())


def text(value: object) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)


def shown(config: Config) -> dict[str, object]:
    return {key: value for key, value in config.items() if key in values}


@given(layers, layers, layers, layers)
def test_the_first_place_that_says_something_wins(
    user: Mapping[str, object],
    project: Mapping[str, object],
    environment: Mapping[str, object],
    arguments: Mapping[str, object],
) -> None:
    config = loaded(user, project, environment, arguments)

    for key in ("model", "workflow"):
        places = [arguments, environment, project, user, shown(Config())]
        first = next(place[key] for place in places if key in place)
        assert shown(config)[key] == first


@given(layers, layers)
def test_a_project_only_ever_narrows(
    user: Mapping[str, object], project: Mapping[str, object]
) -> None:
    without, with_it = loaded(user, {}, {}, {}), loaded(user, project, {}, {})

    assert with_it.limits == with_it.limits | without.limits
    assert with_it.plugins_strict >= without.plugins_strict
    assert set(with_it.plugins_disable) >= set(without.plugins_disable)


@given(layers, layers, layers, layers)
def test_every_value_that_is_not_a_default_has_an_origin(
    user: Mapping[str, object],
    project: Mapping[str, object],
    environment: Mapping[str, object],
    arguments: Mapping[str, object],
) -> None:
    config = loaded(user, project, environment, arguments)

    for key, value in shown(config).items():
        if value != shown(Config())[key]:
            assert config.origin(key) != "default"


@given(layers)
def test_saying_the_same_in_another_place_means_the_same(
    layer: Mapping[str, object],
) -> None:
    everywhere = [
        loaded(*(layer if place == here else {} for place in range(4)))
        for here in range(4)
    ]

    assert len({str(shown(config)) for config in everywhere}) == 1
