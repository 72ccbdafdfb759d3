"""Any number of bad plugins, installed together, are no worse than one."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from calling import Called
from isolation.bad_plugins import BAD
from isolation.covering import groups
from isolation.judging import (
    Installation,
    Reference,
    check_document,
    check_general,
    check_lines,
    check_quiet,
    lines_of,
)

TOGETHER = {f"zg-bad-{n}": bad for n, bad in enumerate(BAD) if bad.together}
ALL, *SOME = groups(list(TOGETHER))
AGENTS = ("goodie", "architect")

each = pytest.mark.parametrize(
    "names",
    [
        pytest.param(names, id=f"{len(names)} of them", marks=pytest.mark.heavy)
        for names in (ALL, *SOME)
    ],
)


def check(listed: Called, names: list[str], *, loaded: bool = False) -> None:
    """Each is listed as if it were alone, and nothing else is wrong."""
    check_quiet(listed)
    check_lines(listed)
    for name in names:
        bad = TOGETHER[name]
        bad = replace(bad, **bad.once_loaded) if loaded else bad
        check_document(listed, bad, name)
    check_general(listed, *(TOGETHER[name] for name in names))


def test_every_two_meet_and_miss_each_other() -> None:
    things = list(TOGETHER)
    chosen = [set(group) for group in groups(things)]

    assert chosen[0] == set(things)
    for one, other in combinations(things, 2):
        seen = {(one in group, other in group) for group in chosen}
        assert len(seen) == 4


@each
def test_each_is_listed_as_if_it_were_alone_and_runs_are_what_they_were(
    installation: Installation, reference: Reference, names: list[str]
) -> None:
    before = {agent: reference(agent, installation) for agent in AGENTS}
    for name in names:
        installation.add(TOGETHER[name], name)
    installation.learn(*(TOGETHER[name] for name in names))

    listed = installation.zg("plugins", "--json")
    after = {agent: installation.run(agent) for agent in AGENTS}

    assert listed.code == 0
    check(listed, names)
    for agent, (called, outcome) in after.items():
        check_quiet(called)
        assert outcome == before[agent]


@each
def test_strictly_all_is_said_of_all_before_it_fails(
    installation: Installation, names: list[str]
) -> None:
    for name in names:
        installation.add(TOGETHER[name], name)
    installation.learn(*(TOGETHER[name] for name in names))

    listed = installation.zg("--strict-plugins", "plugins", "--json")

    assert listed.code == 3
    check(listed, names, loaded=True)


@each
def test_all_of_them_can_be_switched_off(
    installation: Installation, names: list[str]
) -> None:
    for name in names:
        installation.add(TOGETHER[name], name)
    off = [word for n in names if TOGETHER[n].state for word in ("-p", f"no:{n}")]

    listed = installation.zg(*off, "plugins", "--json")
    imported = {name for name in installation.imported() if "_bad" in name}
    alone = installation.zg("--no-plugins", "plugins", "--json")

    states = {row["id"]: row["state"] for row in listed.document["plugins"]}
    assert listed.code == alone.code == 0
    assert {states[name] for name in names if TOGETHER[name].state} == {"disabled"}
    assert not [line for line in lines_of(listed) if "[zg-bad-" in line]
    assert not [name for name in imported if not name.endswith("_rival")]
    assert alone.document["plugins"][0]["state"] == "active"
    assert {row["state"] for row in alone.document["plugins"][1:]} == {"disabled"}
    assert installation.imported() == set()
