"""Traces go on through the service, and end up in its log."""

from __future__ import annotations

import logging

import pytest
from gateway.asking import ask, make_app
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from zg_plugins_builtin.gateway.http.tracing import Trace

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


@pytest.mark.anyio
async def test_a_trace_goes_on_and_is_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "zg_plugins_builtin.gateway.http.access_log")
    sent = {"traceparent": f"00-{TRACE}-{PARENT}-01"}

    answer = await ask(make_app(), "GET", "/nowhere", headers=sent)

    version, trace_id, span_id, flags = answer.headers["traceparent"].split("-")
    assert (version, trace_id, flags) == ("00", TRACE, "01")
    assert span_id != PARENT
    assert [r.trace_id for r in caplog.records] == [TRACE]


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("", id="nothing"),
        pytest.param(f"00-{TRACE}-{PARENT}", id="no flags"),
        pytest.param(f"00-{TRACE.upper()}-{PARENT}-01", id="capitals"),
        pytest.param(f"00-{'0' * 32}-{PARENT}-01", id="no trace"),
        pytest.param(f"00-{TRACE}-{'0' * 16}-01", id="no parent"),
        pytest.param(f"ff-{TRACE}-{PARENT}-01", id="no version"),
        pytest.param(f"00-{TRACE}-{PARENT}-01-more", id="more than this version has"),
        pytest.param(f"00-{TRACE}-{PARENT}-01\r\nx: y", id="another header"),
    ],
)
def test_what_is_no_trace_begins_another(said: str) -> None:
    made = Trace.after(Headers({"traceparent": said}))

    assert made.trace_id != TRACE
    assert made.flags == "00"


def test_two_traces_are_none() -> None:
    said = (b"traceparent", f"00-{TRACE}-{PARENT}-01".encode())

    assert Trace.after(Headers(raw=[said, said])).trace_id != TRACE


@given(st.text())
def test_what_is_told_is_always_well_formed(said: str) -> None:
    made = Trace.after(Headers(raw=[(b"traceparent", said.encode()[:200])]))

    again = Trace.after(Headers({"traceparent": made.header}))
    assert (again.trace_id, again.flags) == (made.trace_id, made.flags)


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    made = Trace.after(Headers({"traceparent": f"01-{TRACE}-{PARENT}-ff-more"}))

    assert (made.trace_id, made.flags) == (TRACE, "01")
