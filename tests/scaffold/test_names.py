"""A name is legal everywhere it will stand, or refused before anything is written."""

from __future__ import annotations

import keyword
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zg_core._names import is_name, plugin_id
from zg_core.errors import InputError
from zg_core.scaffold import names_of


@pytest.mark.parametrize(
    "given", ["rain-radar", "zg-rain-radar", "Rain.Radar", "ZG_rain__RADAR"]
)
def test_a_name_can_be_written_in_several_ways(given: str) -> None:
    names = names_of(given)

    assert names.distribution == "zg-rain-radar"
    assert names.package == "zg_rain_radar"
    assert names.thing == "rain-radar"
    assert names.title == "RainRadar"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("", "is no name of a package"),
        ("-rain", "is no name of a package"),
        ("zg-", "is no name of a package"),
        ("rain radar", "is no name of a package"),
        ("rain>=1", "is no name of a package"),
        ("régen", "is no name of a package"),
        ("rain\n", "is no name of a package"),
        ("../rain", "is a path"),
        ("rain\\radar", "is a path"),
        ("class", "is a word of Python"),
        ("None", "is a word of Python"),
        ("json", "is a module of Python"),
        ("zg-Calendar", "is a module of Python"),
        ("builtin", "is ZeroGravity's own"),
        ("zg-core", "is ZeroGravity's own"),
        ("ZeroGravity", "is ZeroGravity's own"),
        ("zg", "is ZeroGravity's own"),
        ("engineer", "is built in, and would go on to mean that"),
        ("3d", "begins with no letter"),
        ("r" * 48, "makes a name of 51 characters"),
    ],
)
def test_what_cannot_be_a_name_is_refused_with_the_reason(given: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        names_of(given, {"engineer"})

    assert caught.value.cause == f"a plugin cannot be called {given!r}: it {why}"
    assert caught.value.remedy


def test_fifty_characters_are_not_too_many() -> None:
    assert len(names_of("r" * 47).distribution) == 50


@given(st.text(max_size=60) | st.from_regex(r"(zg-)?[a-zA-Z0-9._-]{1,50}"))
def test_whatever_is_not_refused_is_legal_everywhere(text: str) -> None:
    try:
        names = names_of(text)
    except InputError:
        return

    assert is_name(names.thing)
    assert names.package.isidentifier()
    assert names.title.isidentifier()
    assert plugin_id(names.distribution) == names.distribution
    assert plugin_id(text) in (names.thing, names.distribution)
    assert names_of(names.distribution) == names_of(names.thing) == names
    word = names.package.removeprefix("zg_")
    assert not keyword.iskeyword(word)
    assert word not in sys.stdlib_module_names
