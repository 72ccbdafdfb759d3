"""Laws of the codec: what is written is read, and nothing of it is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws.strategies import KINDS, json_objects, json_values, records, texts, unhurried

from zg_core import JournalError, StepFinished
from zg_core._codec import (
    as_json,
    decode_event,
    digest,
    encode_event,
    event_document,
)
from zg_core.events import Event, UnknownEvent

anything = st.sampled_from(KINDS).flatmap(records)
places = st.fixed_dictionaries({"seq": st.integers(0), "at": texts, "run_id": texts})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_round_trip_is_the_identity(kind: type[Event]) -> None:
    @unhurried
    @given(event=records(kind))
    def law(event: Event) -> None:
        again = decode_event(encode_event(event))

        assert again == event
        assert type(again) is kind

    law()


@unhurried
@given(event=anything)
def test_an_event_is_one_line_of_json(event: Event) -> None:
    line = encode_event(event)

    assert b"\n" not in line
    assert json.loads(line) == event_document(event)
    assert decode_event(line.decode()) == event


@unhurried
@given(name=texts.map("Dreamt{}".format), place=places, fields=json_objects)
def test_an_event_of_an_unknown_kind_is_kept(
    name: str, place: dict[str, Any], fields: dict[str, Any]
) -> None:
    written = {**fields, "type": name, **place}
    event = decode_event(json.dumps(written))

    assert isinstance(event, UnknownEvent)
    assert (event.seq, event.run_id) == (place["seq"], place["run_id"])
    assert json.loads(encode_event(event)) == event_document(event) == written


def records_in(document: Any) -> list[dict[str, Any]]:
    """Return the records in an event, itself included, that have a kind to grow."""
    inner = [document]
    response = document.get("response")
    if response:
        inner += [response, response["usage"], response["message"]]
        inner += response["message"]["parts"]
    inner += [document[name] for name in ("error", "plugin") if document.get(name)]
    if "workflow" in document:
        inner += [document["workflow"], *document["workflow"]["steps"]]
        inner += [document["options"], document["options"]["limits"]]
    return inner


@unhurried
@given(
    event=anything, name=texts.map("new {}".format), value=json_values, data=st.data()
)
def test_a_field_of_a_newer_version_is_kept_however_deep(
    event: Event, name: str, value: object, data: st.DataObject
) -> None:
    document = event_document(event)
    data.draw(st.sampled_from(records_in(document)))[name] = value
    line = json.dumps(document)
    known = decode_event(line)

    assert isinstance(known, UnknownEvent)
    assert known.type == type(event).__name__
    assert json.loads(encode_event(known)) == json.loads(line)


def test_a_value_of_a_newer_version_is_kept() -> None:
    line = (
        b'{"type":"RunFinished","seq":2,"at":"","run_id":"a","output":1,"degraded":7}'
    )
    event = decode_event(line)

    assert isinstance(event, UnknownEvent)
    assert encode_event(event) == line


def test_an_unknown_event_can_be_given_another_place() -> None:
    """A copy of a run keeps what it does not know, too."""
    event = UnknownEvent(seq=9, run_id="copy", type="X", data={"seq": 2, "run_id": "a"})

    assert decode_event(encode_event(event)).seq == 9
    assert decode_event(encode_event(event)).run_id == "copy"


@unhurried
@given(line=st.text() | st.binary() | json_values.map(json.dumps))
def test_a_line_that_is_no_event_is_refused(line: str | bytes) -> None:
    with pytest.raises(JournalError, match="a line that is no event"):
        decode_event(line)


@pytest.mark.parametrize(
    "line",
    [
        '{"type":[],"seq":1,"at":"","run_id":""}',
        '{"type":"X","seq":"one","at":"","run_id":""}',
        '{"type":"X"}',
        "[" * 100_000,
    ],
)
def test_a_line_like_an_event_is_refused(line: str) -> None:
    with pytest.raises(JournalError, match="a line that is no event"):
        decode_event(line)


@pytest.mark.parametrize("depth", [1, 199, 200, 240, 245, 250, 256, 1_000, 100_000])
def test_what_can_be_written_can_be_read_however_deep(depth: int) -> None:
    output: object = "end"
    for _ in range(depth):
        output = [output]
    event = StepFinished(seq=1, step="work", output=output)
    try:
        line = encode_event(event)
    except JournalError:
        with pytest.raises(ValueError):
            as_json(output)
    else:
        assert (
            json.dumps(event_document(decode_event(line))["output"])
            == "[" * (depth) + '"end"' + "]" * depth
        )


@pytest.mark.parametrize("output", [object(), "\ud800", b"\xff", {"a": [object()]}])
def test_what_is_no_json_is_not_written(output: object) -> None:
    with pytest.raises(ValueError):
        as_json(output)
    with pytest.raises(JournalError, match="a StepFinished event cannot be written"):
        encode_event(StepFinished(step="work", output=output))


@unhurried
@given(value=json_values)
def test_json_is_what_it_is(value: object) -> None:
    assert as_json(value) == value


def test_what_the_journal_would_change_is_changed_at_once() -> None:
    assert as_json({1: (2, 3)}) == {"1": [2, 3]}


def test_numbers_that_json_lacks_are_words() -> None:
    event = StepFinished(step="x", output=[float("nan"), float("inf"), -float("inf")])
    again = decode_event(encode_event(event))

    assert isinstance(again, StepFinished)
    assert again.output == ["NaN", "Infinity", "-Infinity"]


@unhurried
@given(event=anything)
def test_equal_records_have_equal_digests(event: Event) -> None:
    """In whatever order their dictionaries were filled."""
    again = decode_event(json.dumps(event_document(event), sort_keys=True))

    assert again == event
    assert digest(again) == digest(event)


@unhurried
@given(event=anything, other=anything)
def test_other_records_have_other_digests(event: Event, other: Event) -> None:
    if event_document(event) != event_document(other):
        assert digest(event) != digest(other) or type(event) is not type(other)
