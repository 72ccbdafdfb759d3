"""What an import may pull in, and what it may change: nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from zg_core.registry import LISTED

HEAVY = {
    "aiohttp",
    "anthropic",
    "genai_prices",
    "jsonschema",
    "markdown_it",
    "nh3",
    "openai",
    "orjson",
    "prometheus_client",
    "pydantic",
    "rich",
    "tenacity",
    "xllamacpp",
}


def loaded_by(code: str) -> set[str]:
    """Return the top-level modules that are loaded after *code* ran by itself."""
    script = f"import sys\n{code}\nimport json\nprint(json.dumps(sorted(sys.modules)))"
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    return {name.partition(".")[0] for name in json.loads(output.splitlines()[-1])}


@pytest.mark.parametrize(
    "code",
    [
        "import zg_core",
        "import zg_core.plugin_api",
        "import zg_plugins_builtin.plugin",
        "import zg_core.testing",
    ],
)
def test_importing_loads_no_heavy_package(code: str) -> None:
    assert not HEAVY & loaded_by(code)


def test_the_root_loads_nothing_of_its_own_until_it_is_asked() -> None:
    output = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, zg_core\nprint([m for m in sys.modules if 'zg_core.' in m])",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert output.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["x", "--help"],
        ["plugins"],
        ["plugins", "--json"],
        *([f"{kind}s"] for kind in LISTED),
    ],
    ids=" ".join,
)
def test_help_and_lists_load_no_heavy_package(arguments: list[str]) -> None:
    code = (
        "from zg_core.cli import main\n"
        f"sys.argv = ['zg', *{arguments!r}]\n"
        "import contextlib, io\n"
        "with contextlib.suppress(SystemExit):\n"
        "    main()\n"
        "sys.stdout = sys.__stdout__\n"
    )

    assert not HEAVY & loaded_by(code)


def test_importing_every_module_changes_nothing_outside() -> None:
    code = """
import logging, os, pkgutil, signal, sys, threading, warnings
import importlib
import asyncio, ssl, concurrent.futures, multiprocessing  # what they do is theirs

def outside():
    return {
        "filters": list(warnings.filters),
        "showwarning": warnings.showwarning,
        "signals": {s: signal.getsignal(s) for s in signal.valid_signals()},
        "threads": threading.enumerate(),
        "environment": dict(os.environ),
        "path": list(sys.path),
        "handlers": list(logging.getLogger().handlers),
        "folder": os.getcwd(),
        "excepthook": sys.excepthook,
    }

before = outside()
import zg_core, zg_plugins_builtin
for package in (zg_core, zg_plugins_builtin):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
after = outside()
for name in before:
    assert before[name] == after[name], name
print("unchanged")
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )

    assert result.stdout.strip() == "unchanged", result.stderr
