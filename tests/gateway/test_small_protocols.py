"""Cursors, entity tags, preferences, times and pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import URL

import zg_core as zg
from zg_plugins_builtin.gateway.errors import InvalidRequestError
from zg_plugins_builtin.gateway.http.cursors import Cursors
from zg_plugins_builtin.gateway.http.entity_tags import entity_tag, unchanged
from zg_plugins_builtin.gateway.http.models import (
    MicroDollars,
    Moment,
    Page,
    Text,
    next_link,
)
from zg_plugins_builtin.gateway.http.preferences import Preferences

CURSORS = Cursors(b"k" * 32)
POSITIONS = st.lists(st.text(max_size=20) | st.integers(), min_size=1, max_size=3)


@given(position=POSITIONS, tenant=st.text(max_size=9), listing=st.text(max_size=9))
def test_a_cursor_leads_back_to_where_it_was_made(
    position: list[str | int], tenant: str, listing: str
) -> None:
    cursor = CURSORS.sign(tenant, listing, position)

    assert CURSORS.read(tenant, listing, cursor) == tuple(position)


@given(data=st.data())
def test_a_cursor_with_any_letter_changed_is_refused(data: st.DataObject) -> None:
    cursor = CURSORS.sign("tnt_1", "jobs", ["2026", "job_1"])
    place = data.draw(st.integers(0, len(cursor) - 1))
    letter = data.draw(st.characters(max_codepoint=255))
    forged = cursor[:place] + letter + cursor[place + 1 :]
    if forged == cursor:
        return

    with pytest.raises(InvalidRequestError):
        CURSORS.read("tnt_1", "jobs", forged)


@given(tenant=st.text(max_size=4), listing=st.text(max_size=4))
def test_a_cursor_is_good_for_its_own_tenant_and_list_only(
    tenant: str, listing: str
) -> None:
    cursor = CURSORS.sign("t1", "jobs", ["a"])
    if (tenant, listing) == ("t1", "jobs"):
        return

    with pytest.raises(InvalidRequestError) as caught:
        CURSORS.read(tenant, listing, cursor)

    assert caught.value.faults[0].place == "query"


@pytest.mark.parametrize("cursor", ["", "=", "AAAA", "a" * 5000, "ä", "a b", "\x00"])
def test_what_was_never_a_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequestError):
        CURSORS.read("t1", "jobs", cursor)


def test_a_cursor_of_another_key_is_refused() -> None:
    cursor = Cursors(b"o" * 32).sign("t1", "jobs", ["a"])

    with pytest.raises(InvalidRequestError):
        CURSORS.read("t1", "jobs", cursor)


def test_cursors_are_not_signed_with_a_weak_key() -> None:
    with pytest.raises(zg.ConfigError, match="too short"):
        Cursors(b"secret")


@pytest.mark.parametrize(
    ("header", "same"),
    [
        (None, False),
        ('"v7"', True),
        ('W/"v7"', True),
        ('"v6", "v7"', True),
        ("*", True),
        (" * ", True),
        ('"v70"', False),
        ("v7", False),
        ('"a, v7"', False),
        ("", False),
    ],
)
def test_a_client_has_what_its_tags_say(header: str | None, same: bool) -> None:
    assert unchanged(header, entity_tag(7)) is same


@pytest.mark.parametrize(
    ("headers", "wait", "respond_async"),
    [
        ([], None, False),
        (["wait=5"], 5, False),
        (['wait="5"'], 5, False),
        (["Wait = 5; foo"], 5, False),
        (["wait=999999"], 25, False),
        (["wait=0"], 0, False),
        (["wait=-1"], None, False),
        (["wait=1.5"], None, False),
        (["wait=" + "9" * 5000], None, False),
        (["wait=²"], None, False),
        (["respond-async, wait=10"], 10, True),
        (["respond-async", "wait=10"], 10, True),
        (["handling=lenient, wait=1, wait=2"], 1, False),
    ],
)
def test_preferences_are_read_and_what_is_unknown_is_no_error(
    headers: list[str], wait: int | None, respond_async: bool
) -> None:
    assert Preferences.parse(headers) == Preferences(wait, respond_async)


@given(st.lists(st.text(max_size=30), max_size=3))
def test_no_preference_is_ever_an_error(headers: list[str]) -> None:
    wait = Preferences.parse(headers).wait

    assert wait is None or 0 <= wait <= 25


def test_the_answer_says_which_preferences_it_followed() -> None:
    assert Preferences(5, respond_async=True).applied == "respond-async, wait=5"
    assert Preferences().applied == ""


@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)), st.integers(-14, 14))
def test_times_go_out_in_utc_and_milliseconds(moment: datetime, hours: int) -> None:
    zoned = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    adapter = TypeAdapter(Moment)

    text = adapter.dump_python(zoned, mode="json")

    assert len(text) == len("2026-01-01T00:00:00.000Z")
    back = adapter.validate_python(text)
    assert back.astimezone(UTC) == zoned.astimezone(UTC).replace(
        microsecond=zoned.microsecond // 1000 * 1000
    )


def test_a_time_without_an_offset_is_no_time() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Moment).validate_python("2026-01-01T00:00:00")


@pytest.mark.parametrize("money", [-1, 1.0, "1", True, 2**53 + 1])
def test_money_is_a_whole_number_of_micro_dollars(money: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(MicroDollars).validate_python(money)


@pytest.mark.parametrize(
    ("text", "fine"), [("a\tb\r\nc", True), ("a\x00", False), ("\x1b[1m", False)]
)
def test_text_has_no_control_characters(text: str, fine: bool) -> None:
    adapter = TypeAdapter(Text)

    if fine:
        assert adapter.validate_python(text) == text
    else:
        with pytest.raises(ValidationError):
            adapter.validate_python(text)


def test_a_page_leads_to_the_next_one() -> None:
    page = Page[int](data=[1, 2], has_more=True, next_cursor="c")
    url = URL("http://localhost/api/v1/jobs?limit=2&cursor=old")

    assert page.model_dump()["has_more"]
    assert next_link(url, "c=") == '</api/v1/jobs?limit=2&cursor=c%3D>; rel="next"'
