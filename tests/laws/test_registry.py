"""What a name means depends on which plugins there are, and on nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from hypothesis import given
from hypothesis import strategies as st

from zg_core.errors import AmbiguousNameError, ConfigError, UnknownNameError
from zg_core.plugins.finding.discover import sources_of
from zg_core.plugins.finding.scan import Copy
from zg_core.registry import Contribution, Registry
from zg_core.specs import AgentSpec

NAMES = ["critic", "editor", "planner"]
PLUGINS = ["builtin", "zg-a", "zg-b", "zg-c"]

offers = st.dictionaries(
    st.sampled_from(PLUGINS), st.lists(st.sampled_from(NAMES), unique=True)
)
names = st.lists(st.sampled_from(NAMES), unique=True)
asked = st.sampled_from(
    [*NAMES, *(f"{p}:{n}" for p in PLUGINS for n in NAMES), "nobody"]
)
asking = st.sampled_from(["", *PLUGINS])
overrides = st.dictionaries(
    st.sampled_from([f"{kind}:{name}" for kind in ("agent", "tool") for name in NAMES]),
    st.sampled_from([f"{p}:{n}" for p in [*PLUGINS, "zg-new"] for n in NAMES]),
)


def contributions(plugin: str, names: Sequence[str]) -> list[Contribution]:
    return [
        Contribution(
            "agent", AgentSpec(name=name, factory="a:b"), plugin, plugin == "builtin"
        )
        for name in names
    ]


def registry(
    offered: Mapping[str, Sequence[str]],
    overrides: Mapping[str, str] = MappingProxyType({}),
    order: Sequence[str] = (),
) -> Registry:
    made = Registry(overrides=overrides)
    for plugin in order or offered:
        made.add(contributions(plugin, offered[plugin]))
    return made


def meaning(made: Registry, name: str, prefer: str = "") -> object:
    """Return the qualified name that is meant, or the error with its words."""
    try:
        return made.find("agent", name, prefer=prefer).qualified
    except (UnknownNameError, ConfigError) as error:
        return type(error), str(error)


@given(offers, overrides, asked, asking, st.data())
def test_the_order_in_which_plugins_come_changes_nothing(
    offered: dict[str, list[str]],
    overrides: dict[str, str],
    name: str,
    prefer: str,
    data: st.DataObject,
) -> None:
    order = data.draw(st.permutations(list(offered)))
    mixed = dict(data.draw(st.permutations(list(overrides.items()))))
    one = registry(offered, overrides)
    other = registry(offered, mixed, order)

    assert meaning(one, name, prefer) == meaning(other, name, prefer)
    assert [(c.qualified, one.standing(c)) for c in one.all("agent")] == [
        (c.qualified, other.standing(c)) for c in other.all("agent")
    ]


@given(offers, overrides, names, asked, asking)
def test_one_more_plugin_changes_no_name_but_a_lone_strangers_to_none(
    offered: dict[str, list[str]],
    overrides: dict[str, str],
    more: list[str],
    name: str,
    prefer: str,
) -> None:
    """What a name meant it means, or it is one that two strangers have now."""
    before = meaning(registry(offered, overrides), name, prefer)
    after = meaning(registry({**offered, "zg-new": more}, overrides), name, prefer)

    if isinstance(before, str) and after != before:
        assert isinstance(after, tuple)
        assert after[0] is AmbiguousNameError
        assert name in more
        assert f"agent:{name}" not in overrides
        assert name not in offered.get("builtin", ())
        assert name not in offered.get(prefer, ())


@given(offers, overrides, asked, asking)
def test_what_is_settled_needs_no_other_plugin_to_be_known(
    offered: dict[str, list[str]], overrides: dict[str, str], name: str, prefer: str
) -> None:
    settled = registry(offered, overrides).settled("agent", name, prefer=prefer)

    if settled:
        alone = {p: n for p, n in offered.items() if p in (prefer, settled.plugin)}
        assert meaning(registry(offered, overrides), name, prefer) == settled.qualified
        assert meaning(registry(alone, overrides), name, prefer) == settled.qualified


@given(offers, overrides, st.sampled_from(NAMES))
def test_the_users_word_goes_before_all_but_a_plugins_own(
    offered: dict[str, list[str]], overrides: dict[str, str], name: str
) -> None:
    made = registry(offered, overrides)

    if target := overrides.get(f"agent:{name}"):
        plugin, _, other = target.partition(":")
        there = other in offered.get(plugin, ())
        meant = meaning(made, name)
        assert meant == target if there else meant[0] is ConfigError  # type: ignore[index]
        assert meaning(made, name, "builtin") == meant


@given(offers, overrides, st.sampled_from(NAMES))
def test_a_short_name_never_chooses_among_strangers(
    offered: dict[str, list[str]], overrides: dict[str, str], name: str
) -> None:
    made = registry(offered, overrides)
    strangers = [p for p, names in offered.items() if name in names and p != "builtin"]
    settled = name in offered.get("builtin", ()) or f"agent:{name}" in overrides

    if len(strangers) > 1 and not settled:
        assert meaning(made, name)[0] is AmbiguousNameError  # type: ignore[index]


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
