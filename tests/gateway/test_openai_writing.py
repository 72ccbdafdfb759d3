"""What an agent writes is sent in the same words, whenever its pieces come."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

import zg_core as zg
from zg_plugins_builtin.gateway.http.openai.writing import Writing, text_of

STEP = "work"
TEXTS = st.lists(st.text("ab \n", max_size=12), min_size=1, max_size=4)
REASONS = st.sampled_from(["end", "max_tokens", "tool_calls"])


def piece(call: int, text: str, *, again: bool = False) -> zg.TextDelta:
    return zg.TextDelta(step=STEP, call_key=f"c{call}", text=text, restarted=again)


def answered(call: int, text: str, reason: str = "end") -> zg.ModelAnswered:
    return zg.ModelAnswered(
        seq=call + 1,
        at="2026-01-01T00:00:00Z",
        run_id="r",
        step=STEP,
        call_key=f"c{call}",
        cost_usd=0.0,
        duration_seconds=0.0,
        model="any",
        response=zg.Response(
            message=zg.Message.assistant(text),
            stop_reason=reason,  # type: ignore[arg-type]
            model="any",
            usage=zg.Usage(),
        ),
    )


@st.composite
def conversations(draw: st.DrawFn) -> tuple[list[str], list[str], str]:
    """Return the answers of a step, why each ended, and its reply."""
    texts = draw(TEXTS)
    reasons = [draw(REASONS) for _ in texts]
    reply = draw(st.sampled_from([texts[-1], "".join(texts), "other", ""]))
    return texts, reasons, reply


def pieces(draw: st.DrawFn, text: str) -> Iterator[str]:
    while text:
        length = draw(st.integers(1, len(text)))
        yield text[:length]
        text = text[length:]


@given(conversations(), st.data())
def test_pieces_and_events_may_come_in_any_order_that_is_true(
    said: tuple[list[str], list[str], str], data: st.DataObject
) -> None:
    texts, reasons, reply = said
    events = [
        answered(n, *about) for n, about in enumerate(zip(texts, reasons, strict=True))
    ]
    whole = Writing(STEP)
    expected = "".join(map(whole.heed, events)) + whole.end(reply)

    live, sent, heeded = Writing(STEP), "", 0
    for number, text in enumerate(texts):
        for part in pieces(data.draw, text):
            sent += live.heard(piece(number, part))
            # Events are read from the journal, and come late or early.
            while heeded < number and data.draw(st.booleans()):
                sent += live.heed(events[heeded])
                heeded += 1
    for event in events[heeded:]:
        sent += live.heed(event)
    sent += live.end(reply)

    assert sent == expected
    assert sent.strip().endswith(reply.strip())


@given(TEXTS, st.data())
def test_an_answer_that_begins_anew_ends_with_what_it_says_then(
    texts: list[str], data: st.DataObject
) -> None:
    writing, sent = Writing(STEP), ""
    for text in texts:
        sent += writing.heard(piece(0, "", again=True))
        for part in pieces(data.draw, text):
            sent += writing.heard(piece(0, part))
    sent += writing.heed(answered(0, texts[-1])) + writing.end(texts[-1])

    assert sent.strip().endswith(texts[-1].strip())
    if all(texts[-1].startswith(text) for text in texts):
        assert sent == texts[-1]


def test_what_is_said_between_tools_stands_on_its_own() -> None:
    writing = Writing(STEP)
    sent = writing.heard(piece(0, "Let me look."))
    sent += writing.heard(piece(1, "It is"))
    sent += writing.heed(answered(0, "Let me look.", "tool_calls"))
    sent += writing.heard(piece(1, " red."))
    sent += writing.heed(answered(1, "It is red."))

    assert sent + writing.end("It is red.") == "Let me look.\n\nIt is red."


def test_an_answer_that_was_cut_is_gone_on_with() -> None:
    writing = Writing(STEP)
    sent = writing.heed(answered(0, "One, ", "max_tokens"))
    sent += writing.heed(answered(1, "two."))

    assert sent + writing.end("One, two.") == "One, two."


def test_what_others_write_is_not_sent() -> None:
    writing = Writing(STEP)
    other = zg.TextDelta(step="work/helper", call_key="c0", text="aside")

    assert writing.heard(other) == ""
    assert writing.end("Done.") == "Done."


def test_a_result_is_text_as_it_is_and_else_json() -> None:
    assert [text_of(r) for r in ("é", {"é": 1}, None)] == ["é", '{"é": 1}', ""]
