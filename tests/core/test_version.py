"""The version is that of the code which runs, whatever else is installed."""

from __future__ import annotations

import importlib_metadata
import pytest
from installing import Site

from zg_core._version import core_version

found = core_version.__wrapped__
OURS = importlib_metadata.version("zerogravity")


@pytest.mark.parametrize("direct", ["", "{", '{"url": "file:///nowhere"}'])
def test_another_distribution_of_our_name_does_not_count(
    site: Site, direct: str
) -> None:
    site.install(
        "ZeroGravity", "x = 1", version="99", files={"direct_url.json": direct}
    )

    assert importlib_metadata.version("zerogravity") == "99"
    assert found() == OURS


def test_without_any_the_version_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib_metadata, "distributions", lambda **_: [])

    assert found() == "0+unknown"
