"""An installed plugin whose agent works until it is let go, for tests of processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from installing import Site

__all__ = ["gated"]

_CODE = """
    import os
    import anyio
    import zg_core.plugin_api as zg

    class Gate:
        async def run(self, ctx):
            while not os.path.exists("go"):
                await anyio.sleep(0.02)
            return zg.Reply(output="let go")

    @zg.hookimpl
    def zg_register_agents():
        return [zg.AgentSpec(name="gate", factory=Gate)]
"""


def gated(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Install an agent ``gate``, which waits for a file ``go`` where it works.

    It asks no model, but there is one, so that none is fetched.
    """
    monkeypatch.setenv("ZG_MODEL", "openai:m")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key-of-no-worth")
    site = Site(folder / "site")
    site.install("zg-gate", _CODE)
    return site
