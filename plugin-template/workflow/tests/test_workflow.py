"""The workflow runs to its end, with a model that answers what is asked of it."""

from __future__ import annotations

from pathlib import Path

from zg_core.testing import run_offline

import zg_example.plugin


def test_it_plans_before_it_builds(tmp_path: Path) -> None:
    result = run_offline("example", "A shop", zg_example.plugin, out=tmp_path)

    assert result.status == "completed"
    assert [done.step for done in result.history] == ["plan", "build"]
    assert (tmp_path / "plan.json").exists()
