"""Both vendors' providers against a real server: what holds for either.

One file, since a promise of one vendor's provider is one of the other's.
"""

from __future__ import annotations

import inspect
import json
import logging
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate
from importlib import import_module
from time import time

import aiohttp
import anyio
import httpx2
import pytest
from builtin.vendors import (
    ASKED,
    KEY,
    VENDORS,
    asking,
    base_url,
    both,
    make,
    streamed,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from zg_core.plugin_api import (
    ConfigError,
    ContextLengthError,
    Message,
    Provider,
    ProviderAuthError,
    ProviderError,
    ProviderRequestError,
    ProviderResponseError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    RateLimitError,
    Request,
    Response,
    Settings,
    Text,
    ToolCall,
    Usage,
)
from zg_core.testing import WireServer
from zg_core.testing.wire import Fault
from zg_plugins_builtin.plugin import zg_register_providers
from zg_plugins_builtin.providers import openai
from zg_plugins_builtin.providers._fast_http import FastClient
from zg_plugins_builtin.providers._service import PROVIDERS

pytestmark = pytest.mark.anyio
vendors = pytest.mark.parametrize("vendor", VENDORS)
WAYS = ("complete", "stream")


async def error_of(provider: Provider, way: str) -> ProviderError:
    """Return the error that asking ends with."""
    ask = provider.complete(ASKED) if way == "complete" else streamed(provider, ASKED)
    with pytest.raises(ProviderError) as caught:
        await ask
    return caught.value


# -- What is answered ----------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
    ),
    max_leaves=6,
)
broken = st.sampled_from(["", "[1]", '{"a"', "no", '"x"']).map(lambda text: {"": text})


@st.composite
def responses(draw: st.DrawFn, vendor: str) -> Response:
    """Draw an answer such as the vendor may give."""
    arguments = st.dictionaries(texts, json_values, min_size=1, max_size=3)
    if vendor == "openai":  # where arguments are text, and may be any
        arguments |= broken.filter(lambda given: given[""] != "")
    calls = [
        ToolCall(call_id=f"call_{i}", name="find-it", arguments=given)
        for i, given in enumerate(draw(st.lists(arguments, max_size=3)))
    ]
    said = [Text(text=text) for text in draw(st.lists(texts, max_size=1))]
    cached, written, read, reasoning, wrote = draw(
        st.tuples(*[st.integers(0, 9999)] * 5)
    )
    reasons = ["tool_calls"] if calls else ["end", "max_tokens", "refusal"]
    return Response(
        message=Message(role="assistant", parts=(*said, *calls)),
        stop_reason=draw(st.sampled_from(reasons)),
        usage=Usage(
            input_tokens=1 + cached + written + read,
            output_tokens=reasoning + wrote,
            cached_input_tokens=cached,
            cache_write_tokens=written,
            reasoning_tokens=reasoning,
            calls=1,
        ),
        model="m-2026",
        request_id="req_42",
    )


@vendors
@settings(max_examples=40, deadline=None)
@given(data=st.data(), piece=st.sampled_from([None, 1, 2, 7]))
def test_streaming_and_completing_give_what_the_server_said(
    vendor: str, data: st.DataObject, piece: int | None
) -> None:
    said = data.draw(responses(vendor))

    async def check() -> None:
        async with (
            WireServer(said, said, piece=piece) as server,
            asking(vendor, server) as provider,
        ):
            assert await provider.complete(ASKED) == said
            text, response = await streamed(provider, ASKED)
            assert response == said
            assert text == said.text

    anyio.run(check)


@vendors
async def test_lone_surrogates_become_replacement_characters(vendor: str) -> None:
    call = ToolCall(call_id="c", name="f", arguments={"a\udc00": ["\ud800"]})
    message = Message(role="assistant", parts=(Text(text="a\ud800b"), call))
    said = Response(message=message, stop_reason="tool_calls")
    asked = Request(model="m", messages=(Message.user("half \ud83d of it"),))

    async with WireServer(said, said) as server, asking(vendor, server) as provider:
        for response in await both(provider, asked):
            assert response.text == "a\ufffdb"
            assert response.message.tool_calls[0].arguments == {"a\ufffd": ["\ufffd"]}

    assert server.requests[0].prompt == "half \ufffd of it"


@vendors
async def test_an_answer_may_come_compressed(vendor: str) -> None:
    async with (
        WireServer("Hello.", "Hello.", compress=True) as server,
        asking(vendor, server) as provider,
    ):
        assert [r.text for r in await both(provider, ASKED)] == ["Hello."] * 2


async def said_in_a_stream(vendor: str, text: str) -> bytes:
    """Return the bytes of a stream that says something."""
    async with WireServer(text) as server, aiohttp.ClientSession() as session:
        path = "/v1/chat/completions" if vendor == "openai" else "/v1/messages"
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        body |= {"stream": True, "stream_options": {"include_usage": True}}
        async with session.post(server.url + path, json=body) as answer:
            return await answer.read()


@vendors
async def test_a_stream_may_be_cut_anywhere_and_say_more_than_is_known(
    vendor: str,
) -> None:
    raw = (await said_in_a_stream(vendor, "Grüße, 日本 🎉")).replace(
        b"\\u00fc", b"\xc3\xbc"
    )
    more = b": hm\r\nid: 7\r\nretry: 9\r\nevent: news\r\n"
    more += b'data: {"type": "news",\ndata: "a": 1}\r\n\r\n'
    odd = b"\xef\xbb\xbf" + more + raw.replace(b"\n", b"\r\n") + b"data: [DONE]\n\n" * 2
    cut = Fault(body=odd, drip_seconds=1e-9)
    unended = Fault(body=raw.rstrip(b"\n"))
    bare = Fault(body=raw.replace(b"data: ", b"data:"))
    faults = (cut, unended, bare)

    async with WireServer(*faults) as server, asking(vendor, server) as provider:
        for _ in faults:
            text, response = await streamed(provider, ASKED)
            assert text == response.text == "Grüße, 日本 🎉"


@vendors
@pytest.mark.parametrize("odd", [-7, 1e400, 10**30, True, "7", None, [7], 2.5])
async def test_an_odd_count_never_gives_anything_back(vendor: str, odd: object) -> None:
    names = ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens")
    names += ("cache_read_input_tokens", "cache_creation_input_tokens")
    usage = (
        json.dumps(dict.fromkeys(names, odd)).encode().replace(b"Infinity", b"1e400")
    )
    reply = b'"choices": [{"message": {"content": "a"}}], "content": [], "usage": %b'
    fault = Fault(body=b"{%b}" % (reply % usage))

    async with WireServer(fault) as server, asking(vendor, server) as provider:
        used = (await provider.complete(ASKED)).usage

    counts = (used.input_tokens, used.output_tokens, used.cached_input_tokens)
    assert all(isinstance(count, int) and 0 <= count < 2**55 for count in counts)


# -- What goes wrong -----------------------------------------------------------------

OUTAGE = ProviderUnavailableError
NO_ROOM = "input length and `max_tokens` exceed context limit: 9 + 4 > 12"
FLAGGED = {"reasons": ["violence"], "flagged_input": "…", "provider_name": "OpenAI"}
FLAG = {"code": 403, "message": "your input was flagged", "metadata": FLAGGED}
REFUSALS = [
    (Fault(status=401), ProviderAuthError),
    (Fault(status=403), ProviderAuthError),
    (Fault(status=402), ProviderAuthError),
    (Fault(status=400, message="Your credit balance is too low"), ProviderAuthError),
    (Fault(status=429, code="insufficient_quota"), ProviderAuthError),
    (Fault(status=400, code="billing_hard_limit_reached"), ProviderAuthError),
    (Fault(status=400, code="content_filter"), ProviderRequestError),
    (
        Fault(status=403, body=json.dumps({"error": FLAG}).encode()),
        ProviderRequestError,
    ),
    (Fault(status=400, code="tool_use_failed"), ProviderResponseError),
    (Fault(status=400, body=b'{"error": {"code": ["odd"]}}'), ProviderRequestError),
    (Fault(status=400), ProviderRequestError),
    (Fault(status=404), ProviderRequestError),
    (Fault(status=422), ProviderRequestError),
    (Fault(status=307, headers={"location": "http://x.test"}), ProviderRequestError),
    (Fault(status=400, code="context_length_exceeded"), ContextLengthError),
    (Fault(status=400, message="prompt is too long: 9 > 8"), ContextLengthError),
    (Fault(status=400, message=NO_ROOM), ContextLengthError),
    (Fault(status=413), ContextLengthError),
    (Fault(status=408), ProviderTimeoutError),
    (Fault(status=429), RateLimitError),
    (Fault(status=409), ProviderUnavailableError),
    (Fault(status=500), ProviderUnavailableError),
    (Fault(status=503, body=b"<html>busy</html>"), ProviderUnavailableError),
    (Fault(status=529), ProviderUnavailableError),
    (Fault(status=429, cut=0.5), RateLimitError),
    (Fault(status=429, body=b"x" * 2**20), RateLimitError),
    (Fault(status=500, body=b"{", headers={"Content-Encoding": "gzip"}), OUTAGE),
]


@vendors
@pytest.mark.parametrize("way", WAYS)
async def test_each_refusal_has_its_own_error(vendor: str, way: str) -> None:
    faults = [fault for fault, _ in REFUSALS]

    async with WireServer(*faults) as server, asking(vendor, server) as provider:
        for fault, kind in REFUSALS:
            error = await error_of(provider, way)
            assert type(error) is kind, fault
            assert error.status == fault.status
            assert error.request_id == f"req_{len(server.requests)}"
            assert f"request {error.request_id}" in error.cause
            assert len(error.cause) < 450
            assert error.remedy

    assert len(server.requests) == len(faults), "nothing is tried again here"


@vendors
async def test_an_error_that_breaks_off_keeps_its_status(vendor: str) -> None:
    cut = Fault(status=429, retry_after=3, cut=0.5, end="hang")

    async with (
        WireServer(cut, cut) as server,
        asking(vendor, server, timeout_seconds=0.2) as provider,
    ):
        for way in WAYS:
            error = await error_of(provider, way)
            assert (type(error), error.retry_after) == (RateLimitError, 3)


@vendors
@pytest.mark.parametrize("charset", ["utf-16", "base64", "rot13", "no-such"])
async def test_an_error_in_letters_that_are_none_keeps_its_status(
    vendor: str, charset: str
) -> None:
    odd = {"content-type": f"application/json; charset={charset}"}
    fault = Fault(status=503, body=b'\xff{"busy": \xe4', headers=odd)

    async with (
        WireServer(fault, fault, "Hi.", "Hi.", fault, fault) as server,
        asking(vendor, server) as provider,
    ):
        for _ in range(2):  # what the package asks first, and what is asked like it
            for way in WAYS:
                assert type(await error_of(provider, way)) is OUTAGE
            if server.answers:
                await both(provider, ASKED)


@asynccontextmanager
async def asking_plainly(
    vendor: str, server: WireServer, way: str
) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    """Have the vendor's package, to ask as its documentation says."""
    said = [{"role": "user", "content": "hi"}]
    given = {"model": "m", "messages": said, "max_tokens": 9, "stream": way == "stream"}
    options = {"api_key": KEY, "base_url": base_url(vendor, server), "timeout": 0.3}
    if vendor == "openai":
        from openai import AsyncOpenAI

        async with AsyncOpenAI(max_retries=0, **options) as client:
            yield lambda: client.chat.completions.create(**given)
    else:
        from anthropic import AsyncAnthropic

        async with AsyncAnthropic(max_retries=0, **options) as other:
            yield lambda: other.messages.create(**given)


@vendors
@pytest.mark.parametrize("way", WAYS)
async def test_the_fast_way_ends_as_the_package_does(vendor: str, way: str) -> None:
    told = [fault for fault, _ in REFUSALS if fault.cut is None and not fault.headers]
    faults = [*told, Fault(end="reset"), Fault(end="hang")]

    async with (
        WireServer() as server,
        asking(vendor, server, timeout_seconds=0.3) as provider,
        asking_plainly(vendor, server, way) as ask,
    ):
        for fault in faults:
            server.answers.extend([fault, fault])
            with pytest.raises(Exception) as plain:
                await ask()
            error = await error_of(provider, way)
            assert type(error.__cause__) is type(plain.value), fault
            assert not server.answers, "each asks once"


@vendors
@pytest.mark.parametrize("way", WAYS)
async def test_an_answer_that_breaks_off_is_not_taken_for_whole(
    vendor: str, way: str
) -> None:
    faults = [
        Fault(cut=0.5),
        Fault(cut=0.97),
        Fault(cut=0.5, end="reset"),
        Fault(body=b"<html>welcome to the hotel</html>"),
        Fault(body=b"data: [1]\n\n" if way == "stream" else b"[1]"),
        Fault(body=b"data: {}\n\n" if way == "stream" else b"{}"),
        Fault(body=b'data: {"choices": 7}\n\ndata: [DONE]\n\n'),
        Fault(body=b'data: {"type": "content_block_delta", "index": 7}\n\n'),
        Fault(body=b"[" * 100_000),
        Fault(body=b'data: {"x": NaN}\n\n' if way == "stream" else b'{"x": NaN}'),
    ]

    async with WireServer(*faults) as server, asking(vendor, server) as provider:
        for fault in faults:
            error = await error_of(provider, way)
            assert type(error) is ProviderResponseError, fault
            assert vendor in error.cause


@vendors
@pytest.mark.parametrize("way", WAYS)
async def test_a_connection_reset_before_the_answer_is_an_outage(
    vendor: str, way: str
) -> None:
    async with (
        WireServer(Fault(end="reset")) as server,
        asking(vendor, server) as provider,
    ):
        error = await error_of(provider, way)

    assert type(error) is ProviderUnavailableError


@vendors
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cut", [None, 0.5])
async def test_a_server_that_hangs_is_given_up(
    vendor: str, way: str, cut: float | None
) -> None:
    async with (
        WireServer(Fault(end="hang", cut=cut)) as server,
        asking(vendor, server, timeout_seconds=0.2) as provider,
    ):
        error = await error_of(provider, way)

    assert type(error) is ProviderTimeoutError


@vendors
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"type": "overloaded_error", "message": "busy"}', ProviderUnavailableError),
        (b'{"type": "rate_limit_error", "message": "slow"}', RateLimitError),
        (b'{"code": 401, "message": "who?"}', ProviderAuthError),
        (b'"gone"', ProviderUnavailableError),
    ],
)
async def test_an_error_told_within_an_answer_is_an_error(
    vendor: str, body: bytes, kind: type[ProviderError]
) -> None:
    whole = Fault(body=b'{"type": "error", "error": %b}' % body)
    event = Fault(body=b'event: error\ndata: {"type": "error", "error": %b}\n\n' % body)
    faults = (whole, event, whole)

    async with WireServer(*faults) as server, asking(vendor, server) as provider:
        for way in (*WAYS, "stream"):
            assert type(await error_of(provider, way)) is kind


@vendors
async def test_an_answer_in_the_other_way_is_not_understood(vendor: str) -> None:
    stream = Fault(body=b"data: {}\n\n", headers={"content-type": "text/event-stream"})
    whole = Fault(body=b'{"content": []}', headers={"content-type": "application/json"})

    async with WireServer(stream, whole) as server, asking(vendor, server) as provider:
        for way in WAYS:
            assert type(await error_of(provider, way)) is ProviderResponseError


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        (Fault(status=429, retry_after="2.5"), 2.5),
        (
            Fault(status=503, retry_after=formatdate(time() + 90_000, usegmt=True)),
            90_000,
        ),
        (Fault(status=429, retry_after=formatdate(time() - 3600, usegmt=True)), 0),
        (Fault(status=429, headers={"retry-after-ms": "1500"}), 1.5),
        (Fault(status=429, retry_after="soon"), None),
        (Fault(status=429, retry_after="inf"), None),
        (Fault(status=429, retry_after="Wed, 21 Oct 99999 07:28:00 GMT"), None),
        (Fault(status=429, retry_after=f"Wed, 21 Oct {9**30} 07:28:00 GMT"), None),
        (Fault(status=429), None),
    ],
)
async def test_the_wish_of_a_server_to_wait_is_passed_on(
    fault: Fault, seconds: float | None
) -> None:
    async with WireServer(fault) as server, asking("openai", server) as provider:
        error = await error_of(provider, "complete")

    assert error.retry_after == (seconds and pytest.approx(seconds, rel=0.05))


@vendors
async def test_a_refused_connection_names_the_address(vendor: str) -> None:
    provider = make(vendor, base_url="http://127.0.0.1:9/x", api_key=KEY)

    error = await error_of(provider, "complete")
    await provider.close()

    assert type(error) is ProviderUnavailableError
    assert "at http://127.0.0.1:9/x" in error.cause
    assert "(Connection refused)" in error.cause
    assert not error.may_be_billed
    assert "base_url" in error.remedy


@vendors
@pytest.mark.parametrize(
    "url", ["localhost:80", "ftp://x.test", "http://", "http://x:y", "/v1", "", 7]
)
def test_a_base_url_that_is_none_is_said_to_be_none(vendor: str, url: object) -> None:
    with pytest.raises(ConfigError, match=f"base_url of the provider {vendor} must be"):
        make(vendor, base_url=url)


@vendors
def test_one_in_the_environment_is_too(
    vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"{vendor.upper()}_BASE_URL"
    monkeypatch.setenv(variable, "localhost:80")

    with pytest.raises(ConfigError, match=f"the variable {variable} must be"):
        make(vendor)


@vendors
async def test_what_only_the_package_knows_to_be_none_is_told_by_a_call(
    vendor: str,
) -> None:
    provider = make(vendor, base_url="http://1.2.3.999", api_key=KEY)

    error = await error_of(provider, "complete")

    assert type(error) is ProviderRequestError
    assert "base URL" in error.cause


@vendors
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("api_key", 7),
        ("timeout_seconds", "long"),
        ("timeout_seconds", True),
        ("tools", "yes"),
        ("context_tokens", 0),
        ("max_output_tokens", 2.5),
    ],
)
def test_a_setting_that_does_not_fit_is_refused(
    vendor: str, key: str, value: object
) -> None:
    with pytest.raises(ConfigError, match=f"{key} of the provider {vendor} must be"):
        make(vendor, **{key: value})


@vendors
def test_a_setting_that_there_is_not_is_refused(vendor: str) -> None:
    with pytest.raises(ConfigError, match="has no setting 'base_ulr'"):
        make(vendor, base_ulr="http://x.test")


@pytest.mark.parametrize(
    ("values", "cause"),
    [({"opnai": {}}, "has no setting 'opnai'"), ({"openai": 7}, "must be a table")],
)
def test_a_section_that_there_is_not_is_refused(
    values: dict[str, object], cause: str
) -> None:
    with pytest.raises(ConfigError, match=cause):
        openai.make(Settings("builtin", values))


@pytest.mark.parametrize("other", ["gateway", "markup"])
def test_a_section_of_something_else_does_not_disturb_a_provider(other: str) -> None:
    openai.make(Settings("builtin", {other: {}, "openai": {"api_key": "k"}}))


def test_the_sections_are_those_of_all_providers() -> None:
    offered = {spec.name for spec in zg_register_providers()}

    assert set(PROVIDERS) == offered


# -- Keys ----------------------------------------------------------------------------


@vendors
async def test_a_missing_key_names_what_to_set(vendor: str) -> None:
    error = await error_of(make(vendor), "complete")

    assert type(error) is ProviderAuthError
    assert f"{vendor.upper()}_API_KEY" in error.remedy
    assert f'api_key in [plugins.config."zerogravity".{vendor}]' in error.remedy


@vendors
async def test_a_server_of_ones_own_needs_no_key(
    vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with WireServer() as server:
        url = server.url + "/v1" * (vendor == "openai")
        monkeypatch.setenv(f"{vendor.upper()}_BASE_URL", url)
        provider = make(vendor)
        await provider.complete(ASKED)
        await provider.close()

    assert server.requests[0].headers["authorization"] == "Bearer none"


@vendors
@pytest.mark.parametrize("key", ["sk-\u201cquoted\u201d", "sk-1\nsk-2"])
async def test_a_key_copied_badly_is_refused_before_it_is_sent(
    vendor: str, key: str
) -> None:
    error = await error_of(make(vendor, api_key=key), "complete")

    assert type(error) is ProviderAuthError
    assert key not in str(error)


@vendors
async def test_the_key_is_sent_and_shown_nowhere(
    vendor: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    echo = Fault(status=401, message=f"bad key {KEY}")
    faults = [echo, Fault(status=500), Fault(end="reset"), Fault(cut=0.5)]

    async with WireServer(*faults) as server, asking(vendor, server) as provider:
        for _ in faults:
            error = await error_of(provider, "complete")
            shown += [str(error), repr(error), str(error.details)]
            shown += traceback.format_exception(error)
        shown += [repr(provider), str(vars(provider)), caplog.text]

    assert KEY in server.requests[0].headers["authorization"]
    assert KEY not in "".join(shown)


# -- Connections ---------------------------------------------------------------------


@vendors
async def test_a_connection_is_used_again(vendor: str) -> None:
    async with WireServer() as server, asking(vendor, server) as provider:
        for _ in range(3):
            await both(provider, ASKED)

    assert len({request.connection for request in server.requests}) == 1


@vendors
async def test_a_stream_that_nobody_wants_to_the_end_is_closed(vendor: str) -> None:
    long = "word " * 50_000

    async with WireServer(long) as server, asking(vendor, server) as provider:
        pieces = provider.stream(ASKED)
        assert (await anext(pieces)).text == "word"
        await pieces.aclose()
        await provider.complete(ASKED)

    first, second = server.requests
    assert not first.answered
    assert first.connection != second.connection


@vendors
async def test_a_call_can_be_cancelled(vendor: str) -> None:
    hang = Fault(end="hang")

    async with WireServer(hang) as server, asking(vendor, server) as provider:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(provider.complete, ASKED)
            with anyio.fail_after(5):
                while not server.requests:
                    await anyio.sleep(0.005)
            tasks.cancel_scope.cancel()

        assert (await provider.complete(ASKED)).text


@vendors
async def test_many_calls_go_at_once(vendor: str) -> None:
    async with (
        WireServer(latency=1.0) as server,
        asking(vendor, server) as provider,
        anyio.create_task_group() as tasks,
    ):
        with anyio.fail_after(10):
            for _ in range(200):
                tasks.start_soon(provider.complete, ASKED)

    assert len({request.connection for request in server.requests}) == 200


# -- The packages -------------------------------------------------------------------


@vendors
def test_a_package_has_the_public_words_that_it_is_asked_with(vendor: str) -> None:
    package = import_module(vendor)
    client = {"openai": "AsyncOpenAI", "anthropic": "AsyncAnthropic"}[vendor]
    made = getattr(package, client)(api_key=KEY, http_client=FastClient())

    post = inspect.signature(made.post).parameters
    get = inspect.signature(made.get).parameters
    assert {"path", "cast_to", "content", "stream", "stream_cls"} <= post.keys()
    assert {"path", "cast_to"} <= get.keys()
    assert isinstance(made.base_url, httpx2.URL)
    assert inspect.iscoroutinefunction(made.close)


# -- Imports -------------------------------------------------------------------------


def test_no_package_is_imported_before_the_first_call() -> None:
    code = """
import sys
from zg_core.plugin_api import Message, Request, Settings
from zg_plugins_builtin.providers import SPECS, anthropic, openai, profiles
asked = Request(model="m", messages=(Message.user("hi"),))
for make in (anthropic.make, openai.make, profiles.ollama):
    provider = make(Settings("zerogravity"))
    provider.info("m"), provider.estimate(asked)
heavy = {"openai", "anthropic", "httpx2", "aiohttp", "pydantic"} & sys.modules.keys()
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
