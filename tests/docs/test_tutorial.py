"""The tutorial, done word by word in an environment of its own."""

from __future__ import annotations

import os
import re
import site
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent.parent / "docs" / "plugins" / "tutorial.md"

# What it installs is there already, or on the way; pip looks nowhere else.
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_DEPS": "1"}


def commands() -> str:
    blocks = re.findall(r"^```console\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    lines = "".join(blocks).splitlines()
    return "\n".join(line[2:] for line in lines if line.startswith(("$ ", ">")))


@pytest.fixture
def environment(tmp_path: Path, wire: str) -> dict[str, str]:
    """A new virtual environment that sees ZeroGravity, and a server as the model."""
    folder = tmp_path / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    purelib = sysconfig.get_path("purelib", "venv", {"base": str(folder)})
    # Not as a plain line, which would not follow the links to working copies.
    lines = [f"import site; site.addsitedir({p!r})" for p in site.getsitepackages()]
    Path(purelib, "parent.pth").write_text("\n".join(lines))
    command = folder / "bin" / "zg"
    command.write_text(f'#!/bin/sh\nexec "{folder}/bin/python" -m zg_core.cli "$@"\n')
    command.chmod(0o755)
    return {
        **os.environ,
        **OFFLINE,
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "OPENAI_BASE_URL": f"{wire}/v1",
        "OPENAI_API_KEY": "sk-test-key-of-no-worth",
        "ZG_MODEL": "openai:gpt-test",
    }


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_it_works_as_it_is_told(environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands()],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "zg-tides:tides" in done.stdout
    assert "zg_tides-0.1.0-py3-none-any.whl" in done.stdout
