"""Every block of code in the README and the docs does what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from zg_core.plugin_api import Settings
from zg_plugins_builtin.providers import anthropic, local, openai

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
WHOLE = {"tutorial.md"}  # whose commands build on each other: see test_tutorial
BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[object]:
    return [
        pytest.param(
            found[2],
            id=f"{page.relative_to(ROOT)}:{number}",
            marks=() if page.name == "README.md" else pytest.mark.heavy,
        )
        for page in PAGES
        for number, found in enumerate(BLOCK.finditer(page.read_text()), 1)
        if found[1] == language and page.name not in WHOLE
    ]


@pytest.fixture
def environment(wire: str) -> dict[str, str]:
    """An environment in which a real server on this machine is the model."""
    return {
        **os.environ,
        "OPENAI_BASE_URL": f"{wire}/v1",
        "ANTHROPIC_BASE_URL": wire,
        "ANTHROPIC_API_KEY": "sk-ant-test-key-of-no-worth",
        "OPENAI_API_KEY": "sk-test-key-of-no-worth",
        "ZG_MODEL": "openai:gpt-test",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


@pytest.mark.parametrize("code", blocks("python"))
def test_python_runs(code: str, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", blocks("console"))
def test_commands_run(text: str, environment: dict[str, str]) -> None:
    commands = "\n".join(
        line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")
    )
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert commands
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", blocks("toml"))
def test_toml_can_be_read(text: str) -> None:
    assert tomllib.loads(text)


@pytest.mark.parametrize("text", blocks("toml"))
def test_what_a_page_sets_stands_in_no_provider_s_way(text: str) -> None:
    config = tomllib.loads(text).get("plugins", {}).get("config", {})

    for provider in (openai, anthropic, local):
        assert provider.make(Settings("builtin", config.get("builtin", {})))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    broken = [
        link
        for link in links
        if "://" not in link and not (page.parent / link).exists()
    ]

    assert not broken
