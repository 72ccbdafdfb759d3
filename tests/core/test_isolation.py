"""What others raise is caught, and what is ours to notice passes."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from zg_core._isolation import contain, contained, describe, traceback_of


class Odd(BaseException):
    """An error that does not want to be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no text for you")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"),
        SystemExit(0),
        RecursionError(),
        Odd(),
        GeneratorExit(),
        BaseExceptionGroup("several", [SystemExit(0), ValueError("no")]),
    ],
)
def test_whatever_is_raised_is_caught(error: BaseException) -> None:
    with contain() as caught:
        raise error

    assert caught.error is error


def test_nothing_raised_is_no_error() -> None:
    with contain() as caught:
        pass

    assert caught.error is None


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        BaseExceptionGroup("several", [ValueError("no"), KeyboardInterrupt()]),
    ],
)
def test_an_interrupt_passes(error: BaseException) -> None:
    with pytest.raises(type(error)), contain():
        raise error


@pytest.mark.anyio
async def test_contained_returns_the_result_or_the_error() -> None:
    async def work(error: BaseException | None) -> str:
        if error:
            raise error
        return "done"

    error = SystemExit(3)

    assert await contained(work(None)) == ("done", None)
    assert await contained(work(error)) == (None, error)


@pytest.mark.anyio
async def test_a_cancellation_of_our_own_task_passes() -> None:
    ended = "not at all"
    with anyio.move_on_after(0.01) as scope:
        ended = "returned"
        await contained(anyio.sleep_forever())
        ended = "went on"

    assert scope.cancelled_caught
    assert ended == "returned"


@pytest.mark.anyio
async def test_a_cancellation_that_nobody_asked_for_is_an_error_like_any() -> None:
    async def work() -> None:
        other = asyncio.ensure_future(anyio.sleep_forever())
        other.cancel()
        await other

    _, error = await contained(work())

    assert isinstance(error, asyncio.CancelledError)


def test_a_coroutine_that_is_closed_stays_closed() -> None:
    class Never:
        def __await__(self):  # type: ignore[no-untyped-def]
            yield

    waiting = contained(Never())
    waiting.send(None)

    waiting.close()  # would raise if the work had been gone on with


def test_an_error_is_described_on_one_line_without_what_a_terminal_obeys() -> None:
    assert describe(ValueError("a\n  b\x1b[31m")) == "ValueError: a b [31m"
    assert describe(ValueError()) == "ValueError"
    assert describe(Odd()) == "Odd"
    assert len(describe(ValueError("x" * 5000))) < 400


def test_a_traceback_says_where_an_error_comes_from() -> None:
    with contain() as caught:
        raise ValueError("here")
    assert caught.error

    assert "test_isolation.py" in traceback_of(caught.error)
    assert "ValueError: here" in traceback_of(caught.error)
    assert "Odd" in traceback_of(Odd())
