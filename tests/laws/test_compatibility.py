"""Whether a plugin allows this ZeroGravity is what `packaging` says, always."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from zg_core.plugins.finding.compatibility import check_requirements
from zg_core.plugins.finding.scan import Copy
from zg_core.plugins.finding.sources import Source

releases = st.lists(st.integers(0, 3), min_size=1, max_size=4).map(
    lambda parts: ".".join(map(str, parts))
)
versions = releases | st.builds(
    "{}{}".format, releases, st.sampled_from(["rc1", ".dev0", ".post1", "+local", "a1"])
)
operators = st.sampled_from([">=", ">", "==", "~=", "<", "!=", "<="])
specifiers = st.lists(st.builds("{}{}".format, operators, versions), max_size=2).map(
    ",".join
)


def valid(specifier: str) -> bool:
    try:
        SpecifierSet(specifier)
    except ValueError:
        return False
    return True


@given(
    specifiers.filter(valid),
    versions,
    st.sampled_from(["zerogravity", "ZeroGravity "]),
)
def test_a_requirement_allows_what_packaging_says(
    specifier: str, core: str, name: str
) -> None:
    copy = Copy(
        name="zg-a",
        folder="zg_a-1.0.dist-info",
        offers=(("a", "zg_a"),),
        requires=("click>=99", f"{name}{specifier}"),
    )
    source = Source(id="zg-a", reference="zg_a", copy=copy)
    findings = source.findings()

    allowed = check_requirements(source, core, findings)

    assert allowed == SpecifierSet(specifier).contains(core, prereleases=True)
    assert [found.code for found in findings.diagnostics] == ["ZG121"] * (not allowed)
