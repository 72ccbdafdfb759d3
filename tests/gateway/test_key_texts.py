"""How API keys are written: a typing error never looks like a key."""

from __future__ import annotations

import re
import string

from hypothesis import given
from hypothesis import strategies as st

from zg_plugins_builtin.gateway.identity.key_texts import (
    checksum,
    digest,
    is_api_key,
    new_api_key,
    new_opaque,
)

LETTERS = string.ascii_letters + string.digits
keys = st.builds(
    lambda environment, chance: (
        f"{(start := f'zgk_{environment}_{chance}')}_{checksum(start)}"
    ),
    st.sampled_from(("live", "test")),
    st.text(LETTERS, min_size=32, max_size=32),
)


@given(keys)
def test_a_key_is_known_as_one(key: str) -> None:
    assert is_api_key(key)
    assert re.fullmatch(r"zgk_(live|test)_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}", key)


@given(keys, st.integers(9, 47), st.sampled_from(LETTERS))
def test_a_key_with_one_other_character_is_none(key: str, at: int, letter: str) -> None:
    changed = key[:at] + letter + key[at + 1 :]

    assert is_api_key(changed) == (changed == key)


@given(keys, st.integers(9, 39))
def test_a_key_with_two_characters_swapped_is_none(key: str, at: int) -> None:
    changed = key[:at] + key[at + 1] + key[at] + key[at + 2 :]

    assert is_api_key(changed) == (changed == key)


@given(keys, st.text(max_size=3), st.text(max_size=3))
def test_nothing_stands_before_or_behind_a_key(
    key: str, before: str, behind: str
) -> None:
    assert is_api_key(before + key + behind) == (not before and not behind)


@given(st.text())
def test_other_texts_are_no_keys(text: str) -> None:
    assert not is_api_key(text)
    assert len(digest(text)) == 32


def test_new_keys_differ_and_are_keys() -> None:
    made = {new_api_key("live") for _ in range(100)}

    assert len(made) == 100
    assert all(map(is_api_key, made))
    assert new_api_key("test").startswith("zgk_test_")


def test_other_secrets_say_what_they_are_and_have_256_bits() -> None:
    assert re.fullmatch(r"zgr_[A-Za-z0-9_-]{43}", new_opaque("zgr"))
