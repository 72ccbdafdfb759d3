"""`zg exporters` and `zg guardrails`: what there is, and whether it is enabled."""

from __future__ import annotations

import pytest
from calling import Caller
from installing import Site

OFFERS = """
    import zg_core.plugin_api as zg

    class Nothing:
        def export(self, events): ...
        def flush(self, seconds): ...
        def close(self): ...
        def check(self, payload, ctx):
            return zg.Verdict(True)

    @zg.hookimpl
    def zg_register_exporters():
        return [zg.ExporterSpec(name="lines", factory=Nothing)]

    @zg.hookimpl
    def zg_register_guardrails():
        return [
            zg.GuardrailSpec(name=name, factory=Nothing, stages=frozenset({"input"}))
            for name in ("one", "two")
        ]
"""


@pytest.fixture(autouse=True)
def offers(site: Site) -> None:
    site.install("zg-offers", OFFERS)


@pytest.mark.parametrize(
    ("plural", "written", "enabled"),
    [
        ("exporters", "", set()),
        ("exporters", "lines", {"zg-offers:lines"}),
        ("guardrails", "zg-offers:two, gone", {"zg-offers:two"}),
        ("guardrails", "two,one", {"zg-offers:one", "zg-offers:two"}),
    ],
)
def test_what_the_configuration_enables_is_shown(
    zg: Caller,
    monkeypatch: pytest.MonkeyPatch,
    plural: str,
    written: str,
    enabled: set[str],
) -> None:
    monkeypatch.setenv(f"ZG_{plural.upper()}", written)
    listed = zg(plural, "--json").document[plural]
    table = zg(plural).out.splitlines()

    assert {row["qualified"] for row in listed if row["enabled"]} == enabled
    assert table[0].split() == [
        "NAME",
        "QUALIFIED",
        "STATUS",
        "ENABLED",
        "DESCRIPTION",
    ]
    said = {line.split()[1] for line in table[1:] if line.split()[3] == "yes"}
    assert said == enabled


def test_what_is_always_on_is_listed_as_before(zg: Caller) -> None:
    assert "enabled" not in zg("tools", "--json").document["tools"][0]
    assert zg("tools").out.splitlines()[0].split()[3] == "DESCRIPTION"
