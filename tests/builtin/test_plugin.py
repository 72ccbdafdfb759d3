"""The built-in plugin: light to import, and all it offers can be made."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import click
import pytest

import zg_core as zg
from zg_plugins_builtin import plugin

HOOKS = {
    name: hook for name, hook in vars(plugin).items() if name.startswith("zg_register_")
}


def offered() -> Iterable[zg.Spec]:
    return (spec for hook in HOOKS.values() for spec in hook())


def resolved(factory: str) -> Any:
    module, _, name = factory.partition(":")
    __import__(module)
    return getattr(sys.modules[module], name)


def test_importing_it_loads_no_vendor_and_no_validator() -> None:
    code = (
        "import sys\n"
        "from zg_plugins_builtin import plugin\n"
        "for name, hook in list(vars(plugin).items()):\n"
        "    if name.startswith('zg_register_'): hook()\n"
        "print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert not {
        "aiohttp",
        "anthropic",
        "anyio",
        "asyncio",
        "jsonschema",
        "openai",
        "pydantic",
        "xllamacpp",
    } & set(loaded)


def test_hooks_are_plain_and_answer_the_same_each_time() -> None:
    for hook in HOOKS.values():
        assert not inspect.iscoroutinefunction(hook)
        assert list(hook()) == list(hook())


@pytest.mark.parametrize(
    "spec",
    [spec for spec in offered() if getattr(spec, "factory", None)],
    ids=lambda spec: f"{type(spec).__name__}-{spec.name}",
)
def test_every_factory_is_a_text_that_leads_somewhere(spec: Any) -> None:
    found = resolved(spec.factory)

    if isinstance(spec, zg.CommandSpec):
        assert isinstance(found, click.Command)
    else:
        assert callable(found)


def test_the_agents_that_are_chosen_from_are_the_clients_four() -> None:
    agents = {s.name: s for s in plugin.zg_register_agents() if s.task_types}

    assert {name: spec.capabilities for name, spec in agents.items()} == {
        "architect": ("planning", "decomposition", "analysis"),
        "engineer": ("implementation", "technical design", "tool usage"),
        "designer": ("visualization", "UI/UX", "presentation"),
        "operator": ("execution", "deployment", "result compilation"),
    }
    assert all(0 <= spec.complexity_threshold <= 1 for spec in agents.values())
    for spec in agents.values():
        assert isinstance(resolved(str(spec.factory))(), zg.Agent)


def test_an_agents_task_types_are_the_categories_it_takes_part_in() -> None:
    routes = zg.Config().routes

    for spec in plugin.zg_register_agents():
        assert set(spec.task_types) == {
            category for category, agents in routes.items() if spec.name in agents
        }


def test_every_workflow_names_agents_that_are_offered() -> None:
    agents = {spec.name for spec in plugin.zg_register_agents()}

    for spec in plugin.zg_register_workflows():
        assert {step.agent for step in spec.workflow.steps} <= agents


def test_the_tools_agents_list_are_offered_and_can_be_described() -> None:
    tools = {spec.name for spec in plugin.zg_register_tools()}

    for spec in plugin.zg_register_agents():
        assert set(spec.tools) <= tools
