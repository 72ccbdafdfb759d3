"""Imports run one way: from doors down to words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import zg_core
import zg_plugins_builtin

# Lowest first. A module imports only from layers below its own; a package is one
# layer towards the others, and keeps its own order inside.
LAYERS: tuple[set[str], ...] = (
    {"_json", "_names", "_prompts", "_groups", "_lazy", "_processes"}
    | {"_step_paths", "_text_lines", "_workflow_graph"},
    {"errors", "signals", "_secrets", "_isolation", "_wire_names", "_patterns"},
    {"usage", "messages", "guardrails", "_adapters", "_threads", "_version"}
    | {"drills", "_objectives", "_expressions", "_schema_limits", "outcomes"},
    {"_workflow_checks"},
    {"models", "workflows", "settings", "classifiers", "_prices", "runtimes"}
    | {"route_examples", "stewards"},
    {"events", "contexts", "_validation", "route_scores"}
    | {"_workflow_form", "_workflow_writing"},
    {"agents", "providers", "journals", "exporters", "observers", "_run_state"}
    | {"workflow_files"},
    {"specs"},
    {"tools", "_clocks"},
    {"_codec", "_machine", "questions", "_schema", "_shapes", "_workspace"},
    {"results", "recordings", "_memory_journal", "hookspecs", "registry"}
    | {"drill_reports"},
    {"provenance"},
    {"plugin_api", "_config_files", "_config_keys"},
    {"_config_checks"},
    {"config"},
    {"plugins"},
    {"_choice", "scaffold"},
    {"running"},
    {"engine"},
    {"sync"},
    {"testing", "cli"},
    {"_pytest_plugin"},
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
CORE = Path(zg_core.__file__).parent
BUILTIN = Path(zg_plugins_builtin.__file__).parent
PURE = {"_machine", "_run_state", "_step_paths", "_wire_names", "_prompts"} | {
    "route_scores"
}
IMPURE = {"anyio", "asyncio", "time", "random", "uuid", "logging", "os", "datetime"}


def modules(root: Path) -> list[Path]:
    """Return a package's modules; the template inside the wheel is none of them."""
    return sorted(
        path
        for path in root.rglob("*.py")
        if path != CORE / "__init__.py" and "plugin-template" not in path.parts
    )


def top(path: Path) -> str:
    return path.relative_to(CORE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[tuple[str, ...]]:
    """Yield the dotted names of what a module imports at run time, at any depth."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    package = path.relative_to(path.parents[-2 - _depth(path)]).parts[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            near = package[: len(package) - node.level + 1] if node.level else ()
            named = tuple(node.module.split(".")) if node.module else ()
            yield from ((*near, *named, alias.name) for alias in node.names)


def _depth(path: Path) -> int:
    root = CORE if CORE in path.parents else BUILTIN
    return len(root.parents) - 1


@pytest.mark.parametrize("path", modules(CORE), ids=lambda p: str(p.relative_to(CORE)))
def test_the_core_imports_only_what_lies_below(path: Path) -> None:
    own = top(path)
    below = {
        name[1]
        for name in imported(path)
        if name[0] == "zg_core" and name[1] in RANK and name[1] != own
    }

    upward = {name for name in below if RANK[name] >= RANK[own]}

    assert not upward, f"{own} imports {sorted(upward)}, beside or above it"


def test_every_module_of_the_core_has_its_layer() -> None:
    assert {top(path) for path in modules(CORE)} == set(RANK)


@pytest.mark.parametrize("path", modules(CORE), ids=lambda p: str(p.relative_to(CORE)))
def test_the_core_knows_nothing_of_what_is_built_in(path: Path) -> None:
    assert "zg_plugins_builtin" not in {name[0] for name in imported(path)}


@pytest.mark.parametrize("name", sorted(PURE))
def test_what_decides_has_no_clock_and_does_not_wait(name: str) -> None:
    assert not IMPURE & {first for first, *_ in imported(CORE / f"{name}.py")}


@pytest.mark.parametrize(
    "path", modules(BUILTIN), ids=lambda p: str(p.relative_to(BUILTIN))
)
def test_built_ins_use_only_what_a_stranger_may_use(path: Path) -> None:
    private = {
        ".".join(name)
        for name in imported(path)
        if name[0] == "zg_core" and len(name) > 1 and not _public(name)
    }

    assert not private, f"{path.name} imports {sorted(private)}"


def _public(name: tuple[str, ...]) -> bool:
    if name[1] in ("plugin_api", "testing"):
        return not any(part.startswith("_") for part in name)
    return len(name) == 2 and name[1] in zg_core.__all__
