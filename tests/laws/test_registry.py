"""What a name means depends on which plugins there are, and on nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from zg_core.errors import AmbiguousNameError, UnknownNameError
from zg_core.plugins.discover import sources_of
from zg_core.plugins.scan import Copy
from zg_core.registry import Contribution, Registry
from zg_core.specs import AgentSpec

NAMES = ["critic", "editor", "planner"]
PLUGINS = ["builtin", "zg-a", "zg-b", "zg-c"]

offers = st.dictionaries(
    st.sampled_from(PLUGINS), st.lists(st.sampled_from(NAMES), unique=True)
)
asked = st.sampled_from(
    [*NAMES, *(f"{p}:{n}" for p in PLUGINS for n in NAMES), "nobody"]
)


def contributions(plugin: str, names: Sequence[str]) -> list[Contribution]:
    return [
        Contribution(
            "agent", AgentSpec(name=name, factory="a:b"), plugin, plugin == "builtin"
        )
        for name in names
    ]


def registry(offered: dict[str, list[str]], order: Sequence[str]) -> Registry:
    made = Registry()
    for plugin in order:
        made.add(contributions(plugin, offered[plugin]))
    return made


def meaning(made: Registry, name: str, prefer: str) -> object:
    try:
        return made.find("agent", name, prefer=prefer).qualified
    except UnknownNameError as error:
        return type(error), str(error)


@given(offers, asked, st.sampled_from(["", *PLUGINS]), st.data())
def test_the_order_in_which_plugins_come_changes_nothing(
    offered: dict[str, list[str]], name: str, prefer: str, data: st.DataObject
) -> None:
    one = registry(offered, list(offered))
    other = registry(offered, data.draw(st.permutations(list(offered))))

    assert meaning(one, name, prefer) == meaning(other, name, prefer)
    assert [c.qualified for c in one.all("agent")] == [
        c.qualified for c in other.all("agent")
    ]


@given(offers, st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), unique=True))
def test_one_more_plugin_takes_no_built_in_name_and_no_qualified_one(
    offered: dict[str, list[str]], name: str, more: list[str]
) -> None:
    before = registry(offered, list(offered))
    after = registry(offered, list(offered))
    after.add(contributions("zg-new", more))

    for plugin, names in offered.items():
        for own in names:
            assert meaning(after, f"{plugin}:{own}", "") == f"{plugin}:{own}"
    if name in offered.get("builtin", ()):
        assert meaning(after, name, "") == meaning(before, name, "")


@given(offers, st.sampled_from(NAMES))
def test_a_short_name_never_chooses_among_strangers(
    offered: dict[str, list[str]], name: str
) -> None:
    made = registry(offered, list(offered))
    strangers = [p for p, names in offered.items() if name in names and p != "builtin"]

    if len(strangers) > 1 and name not in offered.get("builtin", ()):
        assert meaning(made, name, "")[0] is AmbiguousNameError  # type: ignore[index]


copies = st.lists(
    st.builds(
        lambda name, version, offers: Copy(
            name=name,
            version=version,
            folder=f"/site/{name.replace('-', '_')}-{version}.dist-info",
            offers=tuple(offers),
        ),
        st.sampled_from(["zg-a", "zg-b", "zg-c"]),
        st.sampled_from(["1.0", "1.9", "1.10", "not a version"]),
        st.lists(
            st.tuples(st.sampled_from(["plugin", "Plugin", "x"]), st.just("module")),
            min_size=1,
        ),
    ),
    unique_by=lambda copy: copy.folder,
)


@given(copies, st.data())
def test_plugins_are_the_same_whatever_the_order_of_a_directory(
    found: list[Copy], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(found))

    assert sources_of(found) == sources_of(shuffled)


@given(copies)
def test_every_plugin_has_an_id_of_its_own(found: list[Copy]) -> None:
    ids = [source.id for source in sources_of(found).sources]

    assert len(ids) == len(set(ids))
    assert ids[0] == "builtin"
