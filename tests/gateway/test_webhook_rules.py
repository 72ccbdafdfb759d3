"""The rules of webhooks that need no database: documents, schedule, seals, circuits."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zg_core import ConfigError
from zg_plugins_builtin.gateway.errors import CallbackForbiddenError, NoAnswerError
from zg_plugins_builtin.gateway.webhooks.circuits import Circuits
from zg_plugins_builtin.gateway.webhooks.events import MOST_BYTES, Event
from zg_plugins_builtin.gateway.webhooks.outcomes import of_answer, of_error
from zg_plugins_builtin.gateway.webhooks.schedule import (
    DELAYS,
    MOST_RETRY_AFTER,
    TRIES,
    next_try,
    read_retry_after,
)
from zg_plugins_builtin.gateway.webhooks.sealing import KEY_BYTES, Seal, SealedError

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
draws = st.floats(0, 1, exclude_max=True)
words = st.text(max_size=20)
values = st.none() | st.booleans() | st.integers() | words
documents = st.dictionaries(words, values | st.lists(values, max_size=4), max_size=4)

# -- Documents -----------------------------------------------------------------------


def event(data: dict[str, object], result: object = None) -> Event:
    return Event("job.completed", NOW, data, "job_1", result)


@given(documents, documents)
def test_a_document_says_what_happened(data: dict[str, object], result: object) -> None:
    body = event(data, result).body()

    assert body.isascii()
    assert json.loads(body) == {
        "type": "job.completed",
        "timestamp": "2026-11-29T12:00:00.000Z",
        "data": data,
    }


@given(st.integers(0, 60_000), st.integers(0, 60_000), st.booleans())
def test_no_document_is_longer_than_it_may_be(
    data: int, result: int, include: bool
) -> None:
    made = event({"text": "\x00" * (data // 6)}, "é" * (result // 6))

    body = made.body(include_result=include)

    assert len(body) <= MOST_BYTES
    assert json.loads(body)["type"] == "job.completed"


def test_a_result_is_told_where_it_is_asked_for_and_fits() -> None:
    small, large = event({"a": 1}, "done"), event({"a": 1}, "x" * MOST_BYTES)

    def told(made: Event, include_result: bool) -> object:
        return json.loads(made.body(include_result=include_result))["data"]

    assert told(small, False) == {"a": 1}
    assert told(small, True) == {"a": 1, "result": "done"}
    assert told(large, True) == {"a": 1, "result_omitted": True}
    assert told(event({"a": "x" * MOST_BYTES}), True) == {
        "job_id": "job_1",
        "data_omitted": True,
    }


# -- Schedule ------------------------------------------------------------------------


def test_the_schedule_is_the_published_one() -> None:
    hours = timedelta(hours=1)

    assert (
        timedelta(0),
        timedelta(seconds=5),
        timedelta(minutes=5),
        timedelta(minutes=30),
        *(n * hours for n in (2, 5, 10, 14, 20, 24)),
    ) == DELAYS
    assert next_try(TRIES, NOW, lambda: 0.5) is None


@given(
    st.integers(0, TRIES - 1),
    draws,
    st.none() | st.timedeltas(timedelta(0), timedelta(days=400)),
)
def test_a_try_comes_within_its_jitter_and_not_before_it_is_wanted(
    tries: int, drawn: float, wanted: timedelta | None
) -> None:
    due = next_try(tries, NOW, lambda: drawn, wanted)

    assert due is not None
    waits, heard = due - NOW, min(wanted or timedelta(0), MOST_RETRY_AFTER)
    assert waits >= max(DELAYS[tries] * 0.8, heard) - timedelta(microseconds=1)
    assert waits <= max(DELAYS[tries] * 1.2, heard) + timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Sun, 29 Nov 2026 12:01:00 GMT", 60),
        ("Sun, 29 Nov 2026 12:01:00 -0000", 60),
        ("Sun, 29 Nov 2026 11:00:00 GMT", 0),
        (None, None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("9" * 5000, None),
        ("٣", None),
        ("Sun, 99 Nov 2026 12:01:00 GMT", None),
        ("Sun, 29 Nov 99999999 12:01:00 GMT", None),
    ],
)
def test_a_wish_to_wait_is_read(text: str | None, seconds: int | None) -> None:
    wanted = read_retry_after(text, NOW)

    assert wanted == (None if seconds is None else timedelta(seconds=seconds))


@given(st.text())
def test_any_wish_to_wait_can_be_read(text: str) -> None:
    wanted = read_retry_after(text, NOW)

    assert wanted is None or wanted >= timedelta(0)


# -- Outcomes ------------------------------------------------------------------------


@given(st.integers(100, 999))
def test_only_a_status_of_two_hundred_means_that_it_arrived(status: int) -> None:
    outcome = of_answer(status, {"retry-after": "7"}, NOW)

    assert outcome.delivered == (200 <= status < 300)
    assert outcome.gone == (status == 410)
    assert (outcome.wanted is not None) == (status in (429, 502, 503, 504))


def test_no_answer_is_told_by_why() -> None:
    assert of_error(NoAnswerError("x", reason="tls")).name == "tls"
    assert of_error(NoAnswerError("x", reason="dns")).host_fails
    assert of_error(CallbackForbiddenError("x")).name == "blocked"
    assert of_error(SealedError("x")).name == "sealed"
    assert of_error(SealedError("x")).host_fails is None


# -- Circuits ------------------------------------------------------------------------

HOST = ("ten_1", "hook.example.com")


def test_a_host_that_keeps_failing_is_left_alone_for_longer_each_time() -> None:
    circuits, now, waits = Circuits(), 0.0, []
    for _ in range(12):
        while circuits.ask(HOST, now):
            now += circuits.ask(HOST, now)
        circuits.failed(HOST, now)
        waits.append(circuits.ask(HOST, now))

    assert waits == [0, 0, 0, 0, 30, 60, 120, 240, 480, 600, 600, 600]
    assert not circuits.ask(("ten_2", HOST[1]), now)


def test_one_looks_whether_a_host_is_back_while_the_others_wait() -> None:
    circuits = Circuits()
    for _ in range(5):
        circuits.failed(HOST, 0)

    assert circuits.ask(HOST, 29) == 1
    assert circuits.ask(HOST, 30) == 0
    assert circuits.ask(HOST, 30) > 0
    circuits.succeeded(HOST)
    assert circuits.ask(HOST, 30) == 0


# -- Seals ---------------------------------------------------------------------------

OLD, NEW = b"o" * KEY_BYTES, b"n" * KEY_BYTES


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_what_is_sealed_is_opened_where_it_belongs(text: str, about: str) -> None:
    sealed = Seal(NEW).close(text, about)

    assert Seal(OLD, NEW).open(sealed, about) == text
    assert Seal(NEW).close(text, about) != sealed
    with pytest.raises(SealedError):
        Seal(NEW).open(sealed, about + "x")
    with pytest.raises(SealedError):
        Seal(OLD).open(sealed, about)


@given(st.integers(0, 60), st.characters(codec="ascii"))
def test_what_was_changed_is_not_opened(place: int, letter: str) -> None:
    sealed = Seal(NEW).close("secret", "x")
    changed = sealed[:place] + letter + sealed[place + 1 :]

    if changed != sealed:
        with pytest.raises(SealedError):
            Seal(NEW).open(changed, "x")


def test_a_seal_of_a_file_is_the_same_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "new" / "webhooks.key"
    sealed = Seal.at(path).close("secret", "x")

    assert Seal.at(path).open(sealed, "x") == "secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    assert "secret" not in sealed


def test_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "webhooks.key"
    path.write_bytes(b"short")
    for make in (lambda: Seal.at(path), lambda: Seal(b"short"), lambda: Seal()):
        with pytest.raises(ConfigError, match="32 bytes"):
            make()
    with pytest.raises(ConfigError, match="cannot be had"):
        Seal.at(path / "x")
