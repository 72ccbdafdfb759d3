"""Bodies: JSON that has one reading, or a problem."""

from __future__ import annotations

import json
from typing import Any

import pytest
from gateway.asking import ADA, ask, make_app
from hypothesis import given
from hypothesis import strategies as st

from zg_plugins_builtin.gateway.errors import MalformedJsonError
from zg_plugins_builtin.gateway.http.json_body import read_json

LARGEST = 2**53
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-LARGEST, LARGEST)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUES = st.recursive(
    LEAVES, lambda v: st.lists(v, max_size=3) | st.dictionaries(TEXT, v, max_size=3)
)
JSON = {**ADA, "content-type": "application/json"}


@given(value=VALUES, ascii_only=st.booleans())
def test_what_everybody_reads_alike_is_read(value: Any, ascii_only: bool) -> None:
    assert read_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(body=st.binary(max_size=40))
def test_whatever_the_bytes_are_they_are_read_or_refused(body: bytes) -> None:
    try:
        value = read_json(body)
    except MalformedJsonError:
        return

    assert json.loads(body) == value


@pytest.mark.parametrize("levels", [32, 33])
@pytest.mark.parametrize(("left", "right"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_thirty_two_levels_are_the_most(levels: int, left: bytes, right: bytes) -> None:
    body = left * levels + b"1" + right * levels

    if levels == 32:
        assert read_json(body)
    else:
        with pytest.raises(MalformedJsonError, match="32 levels"):
            read_json(body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(rb'{"a":"\ud800"}', id="a lone surrogate"),
        pytest.param(rb'{"\udfff":1}', id="a lone surrogate in a name"),
        pytest.param(rb'"\ud83d\u0041"', id="half a pair"),
        pytest.param(b'"\xed\xa0\x80"', id="a surrogate in UTF-8"),
        pytest.param(b'"\xff"', id="no UTF-8"),
        pytest.param(b"\xef\xbb\xbf{}", id="a byte order mark"),
        pytest.param("{}".encode("utf-16"), id="UTF-16"),
        pytest.param(b"[NaN]", id="NaN"),
        pytest.param(b"[-Infinity]", id="Infinity"),
        pytest.param(b"[1e999]", id="a float beyond all"),
        pytest.param(b"[9007199254740993]", id="2^53 + 1"),
        pytest.param(b"-9007199254740993", id="-2^53 - 1"),
        pytest.param(b"1" * 100_000, id="100,000 digits"),
        pytest.param(b'{"a":1,"a":2}', id="a name twice"),
        pytest.param(rb'{"a":1,"\u0061":2}', id="a name twice in two spellings"),
        pytest.param(b'[{"b":{"a":1,"a":1}}]', id="a name twice further in"),
        pytest.param(b"[" * 20_000, id="20,000 levels"),
        pytest.param(b"[1,]", id="a comma too many"),
        pytest.param(b"{} {}", id="two values"),
        pytest.param(b'"\x00"', id="a raw control character"),
        pytest.param(b"{'a':1}", id="single quotes"),
    ],
)
@pytest.mark.anyio
async def test_what_could_be_read_in_two_ways_is_refused(body: bytes) -> None:
    response = await ask(
        make_app(), "POST", "/api/v1/notes", headers=JSON, content=body
    )

    assert response.status_code == 400
    assert response.json()["code"] == "malformed_json"
    assert len(response.content) < 600


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/json; charset=latin-1", "application/xml", "", "*/*"],
)
@pytest.mark.anyio
async def test_only_what_is_said_to_be_json_is_read(kind: str) -> None:
    headers = {**ADA, "content-type": kind}

    response = await ask(
        make_app(), "POST", "/api/v1/notes", headers=headers, content=b'{"text":"x"}'
    )

    assert response.status_code == 415
    assert response.json()["code"] == "unsupported_media_type"


@pytest.mark.anyio
async def test_a_body_without_any_type_is_not_read() -> None:
    response = await ask(make_app(), "POST", "/api/v1/notes", content=b'{"text":"x"}')

    assert response.status_code == 415


@pytest.mark.parametrize(
    "kind",
    ["application/json", "Application/JSON", 'application/json; charset="UTF-8"'],
)
@pytest.mark.anyio
async def test_json_is_read_however_its_type_is_written(kind: str) -> None:
    headers = {**ADA, "content-type": kind}

    response = await ask(
        make_app(), "POST", "/api/v1/notes", headers=headers, content=b'{"text":"x"}'
    )

    assert response.json() == {"text": "x", "tenant": "tnt_1"}


@pytest.mark.anyio
async def test_no_body_at_all_is_a_fault_of_the_request() -> None:
    response = await ask(make_app(), "POST", "/api/v1/notes")

    assert response.status_code == 422


@pytest.mark.parametrize("length", [256 * 1024, 256 * 1024 + 1])
@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.anyio
async def test_a_body_has_its_longest_length(length: int, chunked: bool) -> None:
    body = b'"' + b"x" * (length - 2) + b'"'

    async def parts() -> Any:
        for start in range(0, length, 100_000):
            yield body[start : start + 100_000]

    response = await ask(
        make_app(),
        "POST",
        "/api/v1/notes",
        headers=JSON,
        content=parts() if chunked else body,
    )

    too_long = length > 256 * 1024
    assert response.json()["code"] == (
        "payload_too_large" if too_long else "validation_error"
    )
    assert (response.headers.get("connection") == "close") == too_long
