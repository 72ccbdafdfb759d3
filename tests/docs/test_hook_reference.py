"""The reference of hooks says what the code says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import hook_examples
import hook_reference

from zg_core import Config
from zg_core.plugins import PluginHost
from zg_core.plugins.hooks import HOOKS, KNOWN


def test_the_page_is_in_step_with_the_hooks() -> None:
    assert hook_reference.PAGE.read_text() == hook_reference.page(), (
        "write it again: python tests/docs/hook_reference.py"
    )


def test_its_examples_are_a_plugin_with_every_hook() -> None:
    host = PluginHost.open(Config(), hook_examples, discover=False)
    host.load_all()

    [record] = [plugin for plugin in host.plugins if not plugin.builtin]
    assert record.loading is not None
    assert record.diagnostics == ()
    assert {name for name, _ in record.loading.hooks} == set(KNOWN)


@pytest.mark.parametrize("hook", HOOKS)
def test_each_example_offers_something(hook: str) -> None:
    host = PluginHost.open(Config(), hook_examples, discover=False)

    offers = host.all(HOOKS[hook][0])

    assert [offer for offer in offers if not offer.builtin]
