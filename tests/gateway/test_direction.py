"""Imports of the gateway run one way: from the server down to the database."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from zg_plugins_builtin import gateway

# Lowest first; a module imports only from its own layer and from those below.
LAYERS: tuple[set[str], ...] = (
    {"errors", "clock", "ids"},
    {"database", "egress", "mail"},
    {"identity", "limits", "webhooks", "jobs"},
    {"http", "erasing"},
    {"protocol", "server", "metrics"},
    {"account_settings", "part_settings", "setting_checks", "setting_values"},
    {"settings"},
    {"parts"},
    {"service"},
    {"commands"},
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
ROOT = Path(gateway.__file__).parent
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def layer(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Yield the parts of the gateway that a module imports."""
    own = ("zg_plugins_builtin", "gateway", *path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            near = own[: len(own) - node.level + 1] if node.level else ()
            named = (*near, *(node.module or "").split("."))
            for alias in node.names:
                parts = [part for part in (*named, alias.name) if part]
                if parts[:2] == ["zg_plugins_builtin", "gateway"]:
                    yield parts[2]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_part_imports_only_what_lies_below(path: Path) -> None:
    rank = RANK[layer(path)]

    upward = {name for name in imported(path) if RANK[name] > rank}

    assert not upward, f"{layer(path)} imports {sorted(upward)}, above it"
