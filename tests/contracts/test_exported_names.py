"""Public is what ``__all__`` says, and all of it is there."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import zg_core
import zg_core.plugin_api
import zg_core.testing


@pytest.mark.parametrize("package", [zg_core, zg_core.plugin_api, zg_core.testing])
def test_every_exported_name_is_there(package: object) -> None:
    for name in package.__all__:  # type: ignore[attr-defined]
        assert getattr(package, name) is not None


def test_the_root_has_all_that_plugins_are_written_against() -> None:
    assert set(zg_core.plugin_api.__all__) <= set(zg_core.__all__)


def test_the_roots_names_are_sorted_and_listed_once() -> None:
    assert list(zg_core.__all__) == sorted(set(zg_core.__all__))


def test_an_unknown_name_of_the_root_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_like_that"):
        _ = zg_core.nothing_like_that  # type: ignore[attr-defined]


def test_the_root_says_its_version() -> None:
    assert zg_core.__version__.count(".") >= 2
    assert "__version__" in dir(zg_core)


@pytest.mark.parametrize(
    "name",
    [
        m.name
        for m in pkgutil.walk_packages(zg_core.__path__, "zg_core.")
        if not m.name.endswith("__main__")
    ],
)
def test_every_module_says_its_one_job(name: str) -> None:
    first = (importlib.import_module(name).__doc__ or "").strip().splitlines()[0]

    assert first
    assert len(first) <= 88
    assert first.endswith((".", ":"))
