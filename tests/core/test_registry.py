"""Which thing a name means."""

from __future__ import annotations

import pytest

from zg_core.errors import AmbiguousNameError, ConfigError, UnknownNameError
from zg_core.registry import Contribution, Registry
from zg_core.specs import AgentSpec


def agent(qualified: str, *, builtin: bool = False) -> Contribution:
    plugin, _, name = qualified.partition(":")
    spec = AgentSpec(name=name, factory="module:attribute")
    return Contribution("agent", spec, plugin, builtin)


PLANNER = agent("builtin:planner", builtin=True)
OTHER_PLANNER = agent("zg-b:planner")
EDITOR = agent("zg-b:editor")
CRITIC_A, CRITIC_B = agent("zg-a:critic"), agent("zg-b:critic")
REGISTRY = Registry([OTHER_PLANNER, EDITOR, CRITIC_B, PLANNER, CRITIC_A])


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("planner", PLANNER),
        ("builtin:planner", PLANNER),
        ("zg-b:planner", OTHER_PLANNER),
        ("editor", EDITOR),
        ("zg-a:critic", CRITIC_A),
    ],
)
def test_a_name_means_the_built_in_thing_or_the_only_one(
    name: str, meant: Contribution
) -> None:
    assert REGISTRY.find("agent", name) is meant


def test_the_plugin_that_asks_goes_first() -> None:
    assert REGISTRY.find("agent", "planner", prefer="zg-b") is OTHER_PLANNER


def test_a_name_that_two_plugins_offer_means_neither() -> None:
    with pytest.raises(AmbiguousNameError, match="zg-a:critic, zg-b:critic") as caught:
        REGISTRY.find("agent", "critic")

    assert caught.value.details["offers"] == ["zg-a:critic", "zg-b:critic"]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("edtor", "did you mean 'editor'?"),
        ("zg-b:edtor", "did you mean 'zg-b:editor'?"),
        ("nothing-like-it", "`zg agents` lists what there is"),
    ],
)
def test_an_unknown_name_brings_the_likely_one(name: str, remedy: str) -> None:
    with pytest.raises(UnknownNameError, match="there is no agent named") as caught:
        REGISTRY.find("agent", name)

    assert caught.value.remedy == remedy


def test_names_are_of_a_kind() -> None:
    with pytest.raises(UnknownNameError) as caught:
        REGISTRY.find("journal", "planner")

    assert caught.value.remedy == "`zg plugins` lists what there is"


def test_all_lists_what_is_built_in_first_and_then_by_plugin() -> None:
    assert REGISTRY.all("agent") == (PLANNER, CRITIC_A, OTHER_PLANNER, EDITOR, CRITIC_B)


def test_the_standing_says_what_the_short_name_is_worth() -> None:
    standing = {
        offer.qualified: REGISTRY.standing(offer) for offer in REGISTRY.all("agent")
    }

    assert standing == {
        "builtin:planner": "active",
        "zg-a:critic": "ambiguous",
        "zg-b:planner": "shadowed",
        "zg-b:editor": "active",
        "zg-b:critic": "ambiguous",
    }


# -- Overrides -----------------------------------------------------------------------

OVERRIDDEN = Registry(
    [OTHER_PLANNER, EDITOR, CRITIC_B, PLANNER, CRITIC_A],
    {
        "agent:planner": "zg-b:planner",
        "agent:critic": "zg-a:critic",
        "agent:boss": "zg-b:editor",
        "agent:none": "zg-a:edtor",
        "tool:editor": "zg-a:editor",
    },
)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("planner", OTHER_PLANNER),
        ("builtin:planner", PLANNER),
        ("critic", CRITIC_A),
        ("boss", EDITOR),
        ("editor", EDITOR),
    ],
)
def test_the_users_word_goes_first(name: str, meant: Contribution) -> None:
    assert OVERRIDDEN.find("agent", name) is meant
    assert OVERRIDDEN.find("agent", name, prefer="builtin") is meant


def test_a_plugins_own_thing_goes_before_the_users_word() -> None:
    assert OVERRIDDEN.find("agent", "critic", prefer="zg-b") is CRITIC_B


def test_what_is_not_there_is_not_replaced_by_what_is() -> None:
    with pytest.raises(ConfigError) as caught:
        OVERRIDDEN.find("agent", "none")

    assert "overrides.agents.none cannot be used" in caught.value.cause
    assert "'zg-a:edtor'" in caught.value.cause
    assert caught.value.exit_code == 3


def test_the_standing_says_what_the_user_put_where() -> None:
    standing = {
        offer.qualified: OVERRIDDEN.standing(offer) for offer in OVERRIDDEN.all("agent")
    }

    assert standing == {
        "builtin:planner": "overridden",
        "zg-a:critic": "override",
        "zg-b:planner": "override",
        "zg-b:editor": "override",
        "zg-b:critic": "overridden",
    }
