"""The client where things go wrong: busy services, broken networks, new words.

One file, since each fault is tried with the same server that fails on purpose.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from gateway.clients import AT_ONCE, URL, answers, problem, streamed
from hypothesis import given
from hypothesis import strategies as st
from tenacity import Future, RetryCallState

from zg_core import ConfigError, InputError, ZeroGravityError
from zg_plugins_builtin.client import (
    CODES,
    AsyncClient,
    BadAnswerError,
    BudgetExceededError,
    Client,
    ForbiddenError,
    NotFoundError,
    Retries,
    ServiceError,
    ServiceUnreachableError,
    SignatureError,
    Tokens,
    UnauthenticatedError,
    UnavailableError,
    verify_webhook,
)
from zg_plugins_builtin.client._retrying import retry_after
from zg_plugins_builtin.gateway import errors as gateway_errors
from zg_plugins_builtin.gateway.http.documented import CODES as ANSWERED
from zg_plugins_builtin.gateway.webhooks.ed25519 import new_private_key, public_key
from zg_plugins_builtin.gateway.webhooks.signing import new_secret, sign

JOB = {"job_id": "job_1", "status": "queued", "state": "queued", "version": 1}


def ok(document: Any = JOB, status: int = 200) -> httpx2.Response:
    return httpx2.Response(status, json=document)


# -- Again -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first",
    [
        problem(503, "temporarily_unavailable"),
        problem(503, "queue_full", headers={"retry-after": "0"}),
        problem(429, "quota_exceeded", headers={"retry-after": "0"}),
        problem(409, "idempotency_in_progress", headers={"retry-after": "0"}),
        httpx2.Response(502, text="<html>bad gateway</html>"),
        httpx2.Response(504),
        httpx2.ConnectError("refused"),
        httpx2.ReadError("reset"),
        httpx2.RemoteProtocolError("left without an answer"),
        httpx2.ReadTimeout("too slow"),
    ],
    ids=lambda a: f"{getattr(a, 'status_code', type(a).__name__)}",
)
def test_what_may_help_is_tried_again_as_the_same_request(first: Any) -> None:
    client, asked = answers(first, ok())

    job = client.submit("Say hello")

    assert job.job_id == "job_1"
    keys = {request.headers["idempotency-key"] for request in asked}
    assert (len(asked), len(keys)) == (2, 1)
    assert asked[0].content == asked[1].content


def test_each_call_has_a_key_of_its_own() -> None:
    client, asked = answers(ok())
    client.submit("Say hello")
    client.submit("Say hello")

    assert len({request.headers["idempotency-key"] for request in asked}) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 500])
def test_what_no_repetition_helps_is_not_tried_again(status: int) -> None:
    client, asked = answers(httpx2.Response(status))

    with pytest.raises(ServiceError) as caught:
        client.submit("Say hello")

    assert (caught.value.status, len(asked)) == (status, 1)


def test_a_budget_that_is_spent_is_not_waited_for() -> None:
    client, asked = answers(problem(429, "budget_exceeded"))

    with pytest.raises(BudgetExceededError):
        client.submit("Say hello")

    assert len(asked) == 1


def test_what_could_be_done_twice_is_not_tried_again() -> None:
    client, asked = answers(httpx2.ReadError("reset"))

    with pytest.raises(ServiceUnreachableError):
        client.create_api_key("ci", ["jobs:read"])

    assert len(asked) == 1


def test_what_was_not_sent_is_tried_again_whatever_it_is() -> None:
    client, asked = answers(httpx2.ConnectError("refused"), ok({"key_id": "key_1"}))

    assert client.create_api_key("ci", ["jobs:read"]).key_id == "key_1"
    assert len(asked) == 2


def test_attempts_are_bounded() -> None:
    client, asked = answers(problem(503, "temporarily_unavailable"))

    with pytest.raises(UnavailableError):
        client.job("job_1")

    assert len(asked) == AT_ONCE.attempts


def test_a_wait_that_takes_too_long_is_not_begun() -> None:
    client, asked = answers(problem(503, "queue_full", headers={"retry-after": "900"}))

    with pytest.raises(UnavailableError) as caught:
        client.job("job_1")

    assert (caught.value.retry_after, len(asked)) == (900, 1)


def test_a_date_is_compared_with_the_clock_of_the_service() -> None:
    now = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
    then = format_datetime(now + timedelta(seconds=7), usegmt=True)
    told = {"retry-after": then, "date": format_datetime(now, usegmt=True)}

    assert retry_after(told) == 7
    assert retry_after({"retry-after": then}) == 0
    assert retry_after({"retry-after": "12"}) == 12
    assert retry_after({"retry-after": "soon"}) is None
    assert retry_after({}) is None


def test_a_request_is_sent_again_at_the_date_that_was_said() -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    told = {
        "retry-after": format_datetime(now + timedelta(seconds=1), usegmt=True),
        "date": format_datetime(now, usegmt=True),
    }
    busy = problem(503, "temporarily_unavailable", headers=told)
    client, asked = answers(busy, ok())
    began = time.monotonic()

    client.job("job_1")

    assert len(asked) == 2
    assert time.monotonic() - began >= 1.0


@given(st.integers(1, 20), st.floats(0.01, 5), st.floats(0.01, 60))
def test_waits_are_random_within_their_bound(
    attempt: int, first: float, longest: float
) -> None:
    retries = Retries(first=first, longest=longest)
    state = RetryCallState(retries.over(lambda _: True, lambda _: None), None, (), {})
    state.attempt_number = attempt
    state.outcome = Future.construct(attempt, UnavailableError("not now"), True)

    assert 0 <= retries.wait(state) <= min(longest, first * 2 ** (attempt - 1))


# -- New words -------------------------------------------------------------------------


def test_every_code_of_the_service_is_an_error_of_the_client() -> None:
    assert set(ANSWERED) - {"login_required"} <= set(CODES)
    for name in gateway_errors.__all__:
        theirs: Any = getattr(gateway_errors, name)
        parent = getattr(theirs.__mro__[1], "code", None)
        if name.endswith("Error") and parent in CODES and parent != "internal_error":
            assert issubclass(CODES[theirs.code], CODES[parent])


def test_a_service_that_says_unknown_things_is_understood_as_far_as_it_goes() -> None:
    job = {
        "job_id": "job_1",
        "status": "hibernating",
        "state": "dreaming",
        "created_at": "the day before yesterday",
        "usage": {"input_tokens": 3, "sheep": 4},
        "pending": None,
        "metadata": [],
        "mood": "calm",
    }
    event = b'id: 1\nevent: job.dreamt\ndata: {"seq":1,"type":"job.dreamt","x":1}\n\n'
    client, _ = answers(ok(job))
    told = client.submit("Say hello", mood="calm")
    followed, _ = answers(streamed(event, b"event: stream.end\ndata: {}\n\n"))

    assert (told.status, told.state, told.ended) == ("hibernating", "dreaming", False)
    assert (told.created_at, told.usage.input_tokens) == (None, 3)
    assert (told.pending.approvals, told.metadata) == (0, {})
    assert told.raw["mood"] == "calm"
    assert [(e.type, e.seq, e.raw["x"]) for e in followed.events("job_1")] == [
        ("job.dreamt", 1, 1)
    ]


def test_limits_of_a_newer_service_are_understood_as_far_as_they_go() -> None:
    said = {
        "budgets": [{"scope": "planet", "tokens": {"limit": 5, "moons": 1}, "x": 1}],
        "rates": None,
        "queued_jobs": [],
        "stopped": ["all of it"],
    }
    client, asked = answers(ok(said), ok({"data": [{"key": "a", "calls": 2}]}))

    limits = client.limits()
    spent = client.usage_by("user", since=date(2026, 11, 1))

    assert (limits.budgets[0].scope, limits.budgets[0].tokens.limit) == ("planet", 5)
    assert (limits.rates, limits.queued_jobs.used) == ((), 0)
    assert limits.stopped == ("all of it",)
    assert [(one.key, one.calls) for one in spent.data] == [("a", 2)]
    assert dict(asked[1].url.params) == {"group_by": "user", "from": "2026-11-01"}


def test_a_job_with_an_unknown_status_ends_when_it_is_completed_at_some_time() -> None:
    ended = {**JOB, "status": "dissolved", "completed_at": "2026-11-29T00:00:00.000Z"}

    assert answers(ok(ended))[0].wait("job_1", 1).status == "dissolved"


def test_an_unknown_code_is_the_error_of_its_status() -> None:
    for status, kind in ((403, ForbiddenError), (418, ServiceError)):
        with pytest.raises(kind) as caught:
            answers(problem(status, "moon_phase", errors="?"))[0].job("job_1")

        assert type(caught.value) is kind
        assert (caught.value.code, caught.value.request_id) == ("moon_phase", "req_1")
        assert isinstance(caught.value, ZeroGravityError)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(json_values, st.sampled_from([200, 202, 400, 404, 409, 429, 500, 599]))
def test_no_answer_breaks_the_client(said: Any, status: int) -> None:
    client, _ = answers(ok(said, status), retries=Retries(attempts=1))

    if status >= 400:
        with pytest.raises(ServiceError) as caught:
            client.job("job_1")
        assert caught.value.status == status
        assert str(caught.value)
    else:
        assert repr(client.job("job_1")).startswith("Job(")


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200, content="{", headers={"content-type": "application/json"}),
        httpx2.Response(302, headers={"location": "https://elsewhere.example"}),
    ],
    ids=["no JSON", "moved"],
)
def test_what_is_no_service_is_said_to_be_none(answer: httpx2.Response) -> None:
    client, asked = answers(answer)

    with pytest.raises(BadAnswerError):
        client.job("job_1")

    assert len(asked) == 1


# -- Streams that break ----------------------------------------------------------------


def said(*numbers: int) -> bytes:
    return b"".join(
        f'id: {n}\nevent: e\ndata: {{"seq":{n},"type":"e"}}\n\n'.encode()
        for n in numbers
    )


END = b"event: stream.end\ndata: {}\n\n"


def test_a_stream_is_resumed_after_the_last_event_without_doubles() -> None:
    client, asked = answers(
        streamed(said(1, 2), httpx2.ReadError("reset")),
        problem(503, "temporarily_unavailable"),
        streamed(said(2, 3) + b'id: 4\ndata: {"seq":4,"ty'),
        streamed(said(4, 5), END),
    )

    assert [event.seq for event in client.events("job_1")] == [1, 2, 3, 4, 5]
    places = [request.headers.get("last-event-id") for request in asked]
    assert places == [None, "2", "2", "3"]


def test_a_cursor_too_old_is_set_on() -> None:
    reset = b'event: stream.reset\ndata: {"data":{"resume_after":7}}\n\n'
    client, asked = answers(streamed(reset), streamed(said(8), END))

    told = [(event.type, event.seq) for event in client.events("job_1", after=2)]

    assert told == [("stream.reset", None), ("e", 8)]
    assert asked[1].headers["last-event-id"] == "7"


def test_a_stream_that_always_breaks_is_given_up() -> None:
    client, asked = answers(lambda _: streamed(httpx2.ReadError("reset")))

    with pytest.raises(ServiceUnreachableError, match="again and again"):
        list(client.events("job_1"))

    assert len(asked) == AT_ONCE.attempts + 1


def test_a_reader_who_leaves_closes_the_stream() -> None:
    response = streamed(said(1, 2, 3), END)
    events = answers(response)[0].events("job_1")
    next(events)
    events.close()  # type: ignore[attr-defined]

    assert response.is_closed


def test_what_is_no_stream_is_said_to_be_none() -> None:
    with pytest.raises(BadAnswerError, match="no stream"):
        list(answers(httpx2.Response(200, text="<html>"))[0].events("job_1"))


def test_no_stream_can_say_what_breaks_the_client() -> None:
    deep = b"data: " + b"[" * 100_000 + b"\n\n"
    broken = httpx2.ReadError("reset")
    client, _ = answers(
        streamed(b"retry: -5\n\n", broken),
        streamed(deep, b"retry: 1" + b"0" * 400 + b"\n\n", broken),
        streamed(said(1), END),
    )

    assert [event.seq for event in client.events("job_1")] == [1]


# -- What is sent ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"idempotency_key": "schlüssel"}, "no idempotency key"),
        ({"idempotency_key": "a\nb"}, "no idempotency key"),
        ({"timeout_s": float("nan")}, "no JSON"),
        ({"metadata": {"a": "\ud800"}}, "no JSON"),
        ({"output_schema": {"type": object()}}, "no JSON"),
    ],
    ids=["letters", "lines", "nan", "surrogate", "object"],
)
def test_what_cannot_be_sent_is_refused(wanted: dict[str, Any], why: str) -> None:
    client, asked = answers(ok())

    with pytest.raises(InputError, match=why):
        client.submit("Say hello", **wanted)

    assert asked == []


def test_times_without_an_offset_are_those_of_this_machine() -> None:
    client, asked = answers(ok({"data": [], "key_id": "key_1"}))
    then = datetime(2026, 11, 30, 12)

    list(client.jobs(created_after=then))
    client.create_api_key("k", ["jobs:read"], expires_at=then)
    client.submit("Say hello", run_after=then)

    listed = asked[0].url.params["created_after"]
    made, submitted = (json.loads(request.content) for request in asked[1:])
    said_to_be = [listed, made["expires_at"], submitted["run_after"]]
    assert said_to_be == [then.astimezone().isoformat()] * 3


def test_what_is_deleted_is_deleted_also_when_the_answer_is_lost() -> None:
    client, asked = answers(httpx2.ReadError("reset"), problem(404, "not_found"))

    client.delete("job_1")

    assert len(asked) == 2
    with pytest.raises(NotFoundError):
        client.delete("job_2")


def test_who_waits_for_a_while_does_not_wait_for_ever() -> None:
    waits: list[Any] = []

    def slow(request: httpx2.Request) -> httpx2.Response:
        waits.append(request.extensions["timeout"]["read"])
        raise httpx2.ReadTimeout("too slow")

    client, _ = answers(slow, retries=Retries(attempts=9, first=30.0, longest=30.0))
    with pytest.raises(ServiceUnreachableError):
        client.wait("job_1", 0.1)

    assert all(seconds < 6 for seconds in waits)


# -- Credentials -----------------------------------------------------------------------


class Sessions:
    """A service with logins whose access tokens soon end."""

    def __init__(self) -> None:
        self.number = 1
        self.refreshed: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/api/v1/auth/refresh":
            self.refreshed.append(json.loads(request.content)["refresh_token"])
            self.number += 1
            return ok(self.pair(600))
        if request.headers.get("authorization") == f"Bearer access{self.number}":
            return ok()
        return problem(401, "token_expired")

    def pair(self, seconds: int) -> dict[str, Any]:
        return {
            "access_token": f"access{self.number}",
            "refresh_token": f"refresh{self.number}",
            "expires_in": seconds,
        }


def test_a_token_that_is_too_old_is_refreshed_and_kept() -> None:
    service, kept = Sessions(), list[Tokens]()
    client, _ = answers(
        service,
        api_key=None,
        tokens=Tokens(access_token="access0", refresh_token="refresh0"),
        on_tokens=kept.append,
    )

    assert client.job("job_1").job_id == "job_1"
    assert client.job("job_1").job_id == "job_1"
    assert service.refreshed == ["refresh0"]
    assert [tokens.access_token for tokens in kept] == ["access2"]


def test_a_token_that_is_about_to_end_is_refreshed_before() -> None:
    service = Sessions()
    client, asked = answers(
        lambda request: (
            ok(service.pair(0)) if "login" in request.url.path else service(request)
        ),
        api_key=None,
    )
    client.login("ada@example.com", "a long password")
    client.job("job_1")

    assert [request.url.path.rpartition("/")[2] for request in asked] == [
        *("login", "refresh", "job_1"),
    ]


def test_many_threads_refresh_once() -> None:
    service = Sessions()
    client, _ = answers(
        service,
        api_key=None,
        tokens=Tokens(access_token="access0", refresh_token="refresh0"),
    )
    threads = [threading.Thread(target=client.job, args=("job_1",)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert service.refreshed == ["refresh0"]


def test_a_refresh_whose_answer_is_lost_is_not_sent_again() -> None:
    client, asked = answers(
        httpx2.ReadError("reset"),
        api_key=None,
        tokens=Tokens(access_token="a", refresh_token="r"),
    )

    with pytest.raises(ServiceUnreachableError):
        client.refresh()

    assert len(asked) == 1


def test_no_secret_is_shown() -> None:
    secret = "zgk_live_0123456789abcdef0123456789abcdefsecret"
    tokens = Tokens(access_token=secret, refresh_token=secret)
    client, _ = answers(problem(401, "unauthenticated"), api_key=secret)
    with pytest.raises(UnauthenticatedError) as caught:
        client.me()
    made, _ = answers(ok({"key_id": "key_1", "key": secret, "secret": secret}))
    shown = [
        *(repr(x) for x in (client, tokens, made.create_api_key("x", ["jobs:read"]))),
        *(f"{x!r}" for x in (made.create_webhook_endpoint("https://x.example"),)),
        f"{caught.value!r} {caught.value} {caught.value.details}",
        repr(AsyncClient(URL, secret)),
    ]

    assert not [text for text in shown if "secret" in text.replace("secret=", "")]
    assert repr(client) == "Client('http://localhost', key zgk_live_…)"


@pytest.mark.parametrize(
    "address",
    [
        *("http://zg.example.com", "http://10.0.0.7", "ftp://localhost", "localhost"),
        *("https://", "https://ada:secret@zg.example.com", "\x00", "http://[::1"),
    ],
)
def test_an_address_that_would_give_the_key_away_is_refused(address: str) -> None:
    with pytest.raises(InputError) as caught:
        Client(address, "zgk_test_x")

    assert "secret" not in str(caught.value)


def test_an_address_is_taken_as_it_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZEROGRAVITY_SERVER", "https://zg.example.com/base/")
    monkeypatch.setenv("ZEROGRAVITY_API_KEY", "zgk_live_x")

    assert repr(Client()) == "Client('https://zg.example.com/base', key zgk_live_…)"
    assert "10.0.0.7" in repr(Client("http://10.0.0.7", "x", insecure=True))
    monkeypatch.delenv("ZEROGRAVITY_SERVER")
    with pytest.raises(ConfigError, match="which service"):
        Client()


def test_a_key_that_is_none_is_refused_before_it_is_sent() -> None:
    for key in ("", "two words", "line\r\nX-Injected: yes", "schlüssel"):
        with pytest.raises(InputError) as caught:
            Client(URL, key)
        assert "Injected" not in str(caught.value)


def test_nobody_in_particular_is_told_to_log_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ZEROGRAVITY_API_KEY", raising=False)
    client, asked = answers(ok(), api_key=None)

    with pytest.raises(UnauthenticatedError, match="no credential"):
        client.me()

    assert asked == []


# -- Files and ids ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "job_id", ["", ".", "..", "../admin", "a/b", "a?b=c", "a#b", "a%2fb", "ä\n"]
)
def test_no_id_leads_elsewhere(job_id: str) -> None:
    client, asked = answers(ok())
    try:
        client.job(job_id)
    except InputError:
        assert asked == []
        return

    (request,) = asked
    assert request.url.raw_path.startswith(b"/api/v1/job/")
    assert request.url.raw_path.count(b"/") == 4
    assert b"?" not in request.url.raw_path


@pytest.mark.parametrize(
    "path",
    [
        *("../x", "/etc/x", "a/../../x", "C:\\x", "c:x", "a\\..\\x", "", ".", "a\nb"),
        *("x\0", "\ud800"),
    ],
    ids=ascii,
)
def test_no_file_lands_outside_of_its_folder(path: str, tmp_path: Path) -> None:
    rows = json.dumps({"data": [{"artifact_id": "art_1", "path": path, "size": 1}]})
    kind = {"content-type": "application/json"}
    listed = httpx2.Response(200, text=rows, headers=kind)
    client, _ = answers(listed, httpx2.Response(200, content=b"x"))
    folder = tmp_path / "folder"

    with pytest.raises(InputError):
        client.save_artifacts("job_1", folder)

    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize("path", ["link/x", "link/below/x"])
def test_no_file_lands_outside_by_a_link(path: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to(outside)
    listed = ok({"data": [{"artifact_id": "art_1", "path": path}]})
    client, _ = answers(listed, httpx2.Response(200, content=b"x"))

    with pytest.raises(InputError, match="link"):
        client.save_artifacts("job_1", tmp_path / "folder")

    assert list(outside.iterdir()) == []


def test_a_file_that_is_not_what_was_listed_is_refused(tmp_path: Path) -> None:
    listed = ok({"data": [{"artifact_id": "a", "path": "x", "sha256": "0" * 64}]})
    client, _ = answers(listed, httpx2.Response(200, content=b"x"))

    with pytest.raises(BadAnswerError, match="not what was listed"):
        client.save_artifacts("job_1", tmp_path)

    assert list(tmp_path.iterdir()) == []


# -- Webhooks --------------------------------------------------------------------------


def test_a_webhook_is_verified_and_read() -> None:
    old, new, private = new_secret(), new_secret(), new_private_key()
    now = datetime.now(UTC)
    body = b'{"type":"job.completed","timestamp":"2026-11-29T00:00:00.000Z","data":{}}'
    headers = sign("msg_1", now, body, [new, old, private])
    shouted = {name.upper(): value for name, value in headers.items()}

    for secrets in (new, old, [new_secret(), old], public_key(private)):
        event = verify_webhook(shouted, body, secrets)
        assert (event.type, event.message_id) == ("job.completed", "msg_1")


def _altered(headers: dict[str, str]) -> dict[str, str]:
    return {**headers, "webhook-id": "msg_2"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda headers, body: (headers, body + b" "),
        lambda headers, body: (_altered(headers), body),
        lambda headers, body: ({}, body),
        lambda headers, body: ({**headers, "webhook-signature": "v1,"}, body),
    ],
    ids=["body", "id", "no headers", "no signature"],
)
def test_a_webhook_of_somebody_else_is_refused(
    spoil: Callable[[dict[str, str], bytes], tuple[dict[str, str], bytes]],
) -> None:
    secret = new_secret()
    headers, body = spoil(sign("msg_1", datetime.now(UTC), b"{}", [secret]), b"{}")

    with pytest.raises(SignatureError):
        verify_webhook(headers, body, secret)


def test_a_body_that_is_no_bytes_is_said_to_be_none() -> None:
    secret = new_secret()
    headers = sign("msg_1", datetime.now(UTC), b"{}", [secret])

    with pytest.raises(InputError, match="bytes"):
        verify_webhook(headers, "{}", secret)  # type: ignore[arg-type]


def test_a_public_key_takes_a_package_that_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    public = public_key(private := new_private_key())
    headers = sign("msg_1", datetime.now(UTC), b"{}", [private])
    ours = "zg_plugins_builtin.gateway.webhooks.ed25519"
    monkeypatch.delitem(sys.modules, ours)
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)

    with pytest.raises(ConfigError, match="pip install cryptography"):
        verify_webhook(headers, b"{}", public)


def test_a_webhook_that_is_too_old_is_refused() -> None:
    secret, then = new_secret(), datetime.now(UTC)
    headers = sign("msg_1", then, b"{}", [secret])

    verify_webhook(headers, b"{}", secret, now=then + timedelta(minutes=4))
    for minutes in (6, -6):
        with pytest.raises(SignatureError):
            verify_webhook(
                headers, b"{}", secret, now=then + timedelta(minutes=minutes)
            )
