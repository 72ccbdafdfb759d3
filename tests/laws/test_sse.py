"""The law of server-sent events: what was sent is read, however it is cut and written.

The standard: <https://html.spec.whatwg.org/multipage/server-sent-events.html>, §9.2.6.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zg_plugins_builtin.providers._sse import EventStream

ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
lines = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20
).map(str.encode)
others = st.lists(
    st.sampled_from(
        [
            b": a comment",
            b":",
            b"event: ping",
            b"id: 7",
            b"retry: 9",
            b"unknown",
            b"a: b",
        ]
    ),
    max_size=3,
)
spaces = st.sampled_from([b"", b" "])


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[bytes], bytes]:
    """Draw the data of events, and one of the ways to write them."""
    end = draw(ENDS)
    events = draw(st.lists(st.lists(lines, min_size=1, max_size=3), max_size=5))
    written = [draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))]
    for event in events:
        for line in event:
            written += [other + end for other in draw(others)]
            space = b" " if line.startswith(b" ") else draw(spaces)
            written.append(b"data:" + space + line + end)
        written += [end] * draw(st.integers(1, 3))
        if draw(st.booleans()):
            written.append(b": nothing new" + end + end)
    return [b"\n".join(event) for event in events], b"".join(written)


@given(drawn=streams(), data=st.data())
def test_events_are_read_as_they_were_meant(
    drawn: tuple[list[bytes], bytes], data: st.DataObject
) -> None:
    meant, written = drawn
    cuts = sorted(data.draw(st.sets(st.integers(0, len(written)), max_size=8)))
    stream = EventStream()

    read = [
        event
        for start, stop in zip([0, *cuts], [*cuts, len(written)], strict=True)
        for event in stream.feed(written[start:stop])
    ]

    assert read == meant


def test_what_nothing_ends_is_held_and_not_looked_at_again() -> None:
    stream = EventStream()
    for _ in range(100_000):  # whose cost would be seconds, if it were
        assert stream.feed(b"data: 0123456789 0123456789 0123456789") == []

    [data] = stream.feed(b"\n\n")

    assert len(data) == 100_000 * 38 - len("data: ")
