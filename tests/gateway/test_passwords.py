"""Passwords: long and not guessable, hashed by few, compared in equal time."""

from __future__ import annotations

from threading import Event

import anyio
import pytest
from gateway.people import GOOD
from hypothesis import given
from hypothesis import strategies as st
from pwdlib.hashers.argon2 import Argon2Hasher

from zg_plugins_builtin.gateway.errors import InvalidRequestError, UnavailableError
from zg_plugins_builtin.gateway.identity import Passwords
from zg_plugins_builtin.gateway.identity.password_rules import check


def code_of(password: str, *about: str) -> str | None:
    try:
        check(password, about)
    except InvalidRequestError as error:
        refused = error
    else:
        return None
    assert password not in f"{refused} {refused!r} {refused.faults}"
    return refused.faults[0].code


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "correct horse stapled nine batteries",
        "839201847362518",
        "Żółć gęślą jaźń w Łodzi",
        "五月雨をあつめて早し最上川芭蕉翁",
        "🦕🛶🧵🪗🌋🧊🪁🦉🫐🧭🪵🦔🧄🪀🥨",
        " spaces before and after ",
        "xT9!" * 4 + "unlike",
    ],
)
def test_what_nobody_would_guess_is_taken(password: str) -> None:
    assert code_of(password) is None


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("fourteen chars", "too_short"),
        ("a" * 129, "too_long"),
        ("half of a pair \ud83d", "charset"),
        ("passwordpassword", "guessable"),
        ("P@ssw0rd-P@ssw0rd", "guessable"),
        ("Qwertyuiop-12345678", "guessable"),
        ("abcdefghijklmnop", "guessable"),
        ("aaaaaaaaaaaaaaaa", "guessable"),
        ("123456789012345", "guessable"),
        ("abcabcabcabcabcabc", "guessable"),
        ("xk7pxk7pxk7pxk7pxk7p", "guessable"),
        ("zerogravity-2026!", "guessable"),
        ("correcthorsebatterystaple", "guessable"),
        ("iloveyou-summer-2026", "guessable"),
    ],
)
def test_what_is_guessed_first_is_refused(password: str, code: str) -> None:
    assert code_of(password) == code


def test_what_is_known_of_somebody_is_no_password_of_theirs() -> None:
    about = "marguerite.duras@editions-minuit.example", "Marguerite Duras"

    assert code_of("Marguerite-Duras-1914", *about) == "guessable"
    assert code_of("marguerite_minuit", *about) == "guessable"
    assert code_of("Marguerite-Duras-1914") is None


@given(st.text(min_size=15, max_size=128))
def test_a_password_is_taken_or_refused_for_a_reason(password: str) -> None:
    assert code_of(password) in (None, "guessable", "charset")


@pytest.mark.anyio
async def test_a_password_fits_its_own_hash_only(passwords: Passwords) -> None:
    stored = await passwords.hash("e\u0301tude no. 12 in c")

    assert stored.startswith("$argon2id$")
    assert await passwords.verify("\u00e9tude no. 12 in c", stored)  # written otherwise
    assert not await passwords.verify("etude no. 12 in c", stored)
    assert not await passwords.verify("x" * 1_000_000, stored)
    assert not await passwords.verify("\ud800", stored)


@pytest.mark.anyio
async def test_nobody_has_a_password_where_there_is_no_hash(
    passwords: Passwords,
) -> None:
    assert not await passwords.verify("", None)
    assert not await passwords.verify(GOOD, None)


class Gated(Argon2Hasher):
    """Hashes when it is let."""

    def __init__(self) -> None:
        super().__init__(memory_cost=8, time_cost=1, parallelism=1)
        self.gate = Event()
        self.compared: list[str | bytes] = []

    def verify(self, password: str | bytes, hash: str | bytes) -> bool:  # noqa: A002
        self.gate.wait()
        self.compared.append(hash)
        return super().verify(password, hash)


@pytest.mark.anyio
async def test_few_wait_and_more_are_refused_at_once() -> None:
    hasher = Gated()
    passwords = Passwords(hasher, threads=2, queue=3)
    stored = await passwords.hash(GOOD)
    said: list[bool] = []

    async def ask() -> None:
        said.append(await passwords.verify(GOOD, stored))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(UnavailableError) as caught:
            await passwords.verify(GOOD, stored)
        hasher.gate.set()

    assert said == [True] * 5
    assert caught.value.code == "temporarily_unavailable"
    assert caught.value.retry_after
    assert await passwords.verify(GOOD, stored)
    passwords.close()


@pytest.mark.anyio
async def test_it_takes_as_long_where_there_is_no_hash() -> None:
    hasher = Gated()
    hasher.gate.set()
    passwords = Passwords(hasher)

    await passwords.verify(GOOD, None)
    await passwords.verify("\ud800", await passwords.hash(GOOD))

    # Two hashes that cost the same were compared, though one is nobody's.
    assert [hasher.check_needs_rehash(stored) for stored in hasher.compared] == [
        False
    ] * 2
    passwords.close()


def test_it_hashes_as_the_design_says() -> None:
    made = Passwords()
    cheap = Argon2Hasher(memory_cost=8, time_cost=1, parallelism=1).hash(GOOD)
    right = Argon2Hasher(memory_cost=19456, time_cost=2, parallelism=1).hash(GOOD)

    assert made.outdated(cheap)
    assert not made.outdated(right)
    made.close()
