"""Laws of breakers and turns: no one too many, no turn lost, each run in its turn.

One file, since breaker, limit and turns decide about one call.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ticking import Ticking

from zg_core.errors import (
    CircuitOpenError,
    ProviderAuthError,
    ProviderRequestError,
    ProviderUnavailableError,
    RateLimitError,
)
from zg_core.running.traffic.breaker import Breaker
from zg_core.running.traffic.lane import Lane
from zg_core.running.traffic.limiter import Limiter

DOWN = ProviderUnavailableError("it is down")
BUSY = RateLimitError("too many")
BUSIER = RateLimitError("too many", retry_after=3600.0)
REFUSED = ProviderRequestError("no")


async def settle(times: int = 5) -> None:
    """Let everybody who can go on do so."""
    for _ in range(times):
        await anyio.lowlevel.checkpoint()


# -- Breakers --------------------------------------------------------------------------

deeds = st.lists(
    st.tuples(
        st.sampled_from(["enter", "good", "bad", "hopeless", "nothing", "wait"]),
        st.integers(0, 7),
    ),
    max_size=60,
)


@given(deeds)
def test_a_breaker_that_is_not_closed_lets_one_call_through_and_no_more(
    deeds: list[tuple[str, int]],
) -> None:
    time = 0.0
    breaker = Breaker(lambda: time)
    under_way: list[int] = []
    probes: set[int] = set()
    for deed, n in deeds:
        if deed == "wait":
            time += 2.0**n
        elif deed == "enter":
            was_closed, due = breaker.closed, not breaker.probe_in_seconds
            let_in = breaker.lets_in()
            assert let_in is (was_closed or (due and not probes))
            if let_in:
                under_way.append(breaker.epoch)
                probes |= set() if was_closed else {breaker.epoch}
        elif under_way:
            epoch = under_way.pop(n % len(under_way))
            before = breaker.closed, breaker.epoch
            probes.discard(epoch)
            match deed:
                case "good":
                    breaker.succeeded(epoch)
                case "nothing":
                    breaker.learnt_nothing(epoch)
                case _:
                    breaker.failed(epoch, hopeless=deed == "hopeless")
            if epoch != before[1]:  # what began before the change says nothing
                assert (breaker.closed, breaker.epoch) == before
        assert breaker.probing is bool(probes)
        assert breaker.closed or breaker.opened


def test_it_opens_after_five_failures_in_a_row_and_stays_open_ever_longer() -> None:
    time = 0.0
    breaker = Breaker(lambda: time)
    for _ in range(4):
        breaker.failed(breaker.epoch)
    breaker.succeeded(breaker.epoch)
    for _ in range(4):
        breaker.failed(breaker.epoch)
    assert breaker.closed

    breaker.failed(breaker.epoch)

    waits = []
    for _ in range(8):
        assert breaker.state == "open"
        assert not breaker.lets_in()
        waits.append(breaker.probe_in_seconds)
        time += breaker.probe_in_seconds
        assert breaker.state == "half-open"
        assert breaker.lets_in()
        assert not breaker.lets_in()
        breaker.failed(breaker.epoch)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


# -- Turns -----------------------------------------------------------------------------


@pytest.mark.parametrize("cap", [None, 3])
@given(data=st.data())
def test_no_one_is_too_many_and_no_turn_is_lost(
    cap: int | None, data: st.DataObject
) -> None:
    """Whatever is refused, cancelled or paused: all get in, and nothing leaks."""
    fates = st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(["good", "good", "busy", "pause", "cancel"]),
        st.integers(0, 3),
    )
    calls = data.draw(st.lists(fates, min_size=1, max_size=40))

    async def main() -> None:
        ticking = Ticking()
        limiter = Limiter(ticking.clock, cap)
        entered: Counter[str] = Counter()

        async def call(run_id: str, fate: str, steps: int) -> None:
            with anyio.CancelScope() as scope:
                if fate == "cancel":
                    scope.deadline = anyio.current_time()
                before = limiter.epoch
                await limiter.take_in_turn(run_id)
                assert cap is None or limiter.in_flight <= cap
                if limiter.epoch == before:  # the limit was not cut meanwhile
                    assert limiter.in_flight <= (limiter.limit or 40)
                assert not limiter.paused_seconds
                entered[run_id] += 1
                epoch = limiter.epoch
                try:
                    for _ in range(steps):
                        await anyio.lowlevel.checkpoint()
                finally:
                    if fate in ("busy", "pause"):
                        limiter.slow_down(epoch, 5.0 if fate == "pause" else None)
                    else:
                        limiter.succeeded(epoch)
                    limiter.release()

        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                for who in calls:
                    tasks.start_soon(call, *who)

        wanted = Counter(run_id for run_id, fate, _ in calls if fate != "cancel")
        assert all(entered[run_id] >= count for run_id, count in wanted.items())
        assert (limiter.in_flight, limiter.waiting) == (0, 0)
        assert limiter.take() is not bool(limiter.paused_seconds)

    anyio.run(main)


@given(
    cap=st.integers(1, 4),
    waiting=st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 12), min_size=1),
)
def test_whoever_waits_is_served_once_before_anybody_is_served_twice(
    cap: int, waiting: dict[str, int]
) -> None:
    order: list[str] = []

    async def main() -> None:
        limiter = Limiter(Ticking().clock, cap)
        for _ in range(cap):
            assert limiter.take()

        async def call(run_id: str) -> None:
            await limiter.take_in_turn(run_id)
            order.append(run_id)

        async with anyio.create_task_group() as tasks:
            for run_id, count in waiting.items():
                for _ in range(count):
                    tasks.start_soon(call, run_id)
            await settle()
            for _ in range(sum(waiting.values())):
                limiter.release()
                await settle(2)

    anyio.run(main)

    left = Counter(waiting)
    rounds = iter(order)
    while left.total():
        still = {run_id for run_id, count in left.items() if count}
        assert {next(rounds) for _ in still} == still
        left -= Counter(still)


def test_many_refusals_of_one_round_cut_the_limit_once() -> None:
    limiter = Limiter(Ticking().clock)
    for _ in range(500):
        assert limiter.take()
    epoch = limiter.epoch

    for _ in range(400):
        limiter.slow_down(epoch, None)
        limiter.release()

    assert limiter.limit == 250
    for _ in range(150):
        assert limiter.take()
    assert not limiter.take()


def test_the_limit_doubles_up_to_what_was_good_and_then_grows_by_steps() -> None:
    ticking = Ticking()
    limiter = Limiter(ticking.clock)

    def fill() -> None:
        while limiter.take():
            pass

    def a_round() -> int:
        """Let as many succeed as may be under way, all of them at once."""
        fill()
        calls = limiter.in_flight
        for _ in range(calls):
            limiter.succeeded(limiter.epoch)
            limiter.release()
            fill()
        return limiter.limit or 0

    def refused() -> int:
        limiter.slow_down(limiter.epoch, None)
        while limiter.in_flight:
            limiter.release()
        return limiter.limit or 0

    for _ in range(80):
        limiter.take()
    assert refused() == 40

    grown = [a_round() for _ in range(10)]
    assert grown == [41, 43, 45, 47, 49, 51, 53, 55, 57, 59]

    assert refused() == 29
    assert [a_round() for _ in range(3)] == [57, 59, 60]

    ticking.time += 61
    assert a_round() == 120


def test_who_does_not_use_the_limit_does_not_raise_it() -> None:
    limiter = Limiter(Ticking().clock)
    for _ in range(8):
        limiter.take()
    limiter.slow_down(limiter.epoch, None)
    for _ in range(8):
        limiter.release()

    for _ in range(50):
        limiter.take()
        limiter.succeeded(limiter.epoch)
        limiter.release()

    assert limiter.limit == 4


# -- Both ------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, DOWN, BUSY, REFUSED, "cancel"]),
            st.booleans(),
            st.booleans(),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_every_call_gets_through_or_is_told_why_not(
    calls: list[tuple[object, bool, bool]],
) -> None:
    async def main() -> None:
        ticking = Ticking()
        lane = Lane("m", Limiter(ticking.clock), ticking.clock)
        sent = refused = cancelled = 0

        async def call(fate: object, last: bool, again: bool) -> None:
            nonlocal sent, refused, cancelled
            since = ticking.time if again else None
            with anyio.CancelScope() as scope:
                try:
                    with await lane.enter("r", last=last, since=since):
                        sent += 1
                        await settle(2)
                        if fate == "cancel":
                            scope.cancel()
                            await anyio.lowlevel.checkpoint()
                        if isinstance(fate, Exception):
                            raise fate
                except CircuitOpenError:
                    refused += 1
                except (type(DOWN), type(BUSY), type(REFUSED)):
                    pass

        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                for one in calls:
                    tasks.start_soon(call, *one)

        state = lane.state()
        assert sent + refused == len(calls)
        assert (state.calls, state.refused) == (sent, refused)
        assert (state.in_flight, state.waiting) == (0, 0)

    anyio.run(main)


@pytest.mark.anyio
async def test_whose_turn_comes_when_the_model_is_gone_is_told_so() -> None:
    ticking = Ticking()
    lane = Lane("m", Limiter(ticking.clock, 5), ticking.clock)
    told = 0

    async def call() -> None:
        nonlocal told
        try:
            with await lane.enter("r", last=False):
                await settle()
                raise DOWN
        except CircuitOpenError:
            told += 1
        except ProviderUnavailableError:
            pass

    async with anyio.create_task_group() as tasks:
        for _ in range(12):
            tasks.start_soon(call)

    assert lane.state().calls == 5
    assert told == 7


@given(st.integers(6, 60), st.booleans())
def test_of_calls_that_failed_elsewhere_few_are_tried_until_one_succeeds(
    count: int, good: bool
) -> None:
    async def main() -> None:
        ticking = Ticking()
        lane = Lane("m", Limiter(ticking.clock), ticking.clock)
        most = under_way = refused = 0
        proven = False

        async def call() -> None:
            nonlocal most, under_way, refused, proven
            try:
                with await lane.enter("r", last=False, since=ticking.time):
                    under_way += 1
                    most = most if proven else max(most, under_way)
                    await settle()
                    under_way -= 1
                    if not good:
                        raise DOWN
                    proven = True
            except CircuitOpenError:
                refused += 1
            except ProviderUnavailableError:
                pass

        async with anyio.create_task_group() as tasks:
            for _ in range(count):
                tasks.start_soon(call)

        assert most == 5
        assert refused == (0 if good else count - 5)

    anyio.run(main)


@pytest.mark.anyio
async def test_nobody_sits_out_a_pause_that_is_too_long_to_wait_for() -> None:
    ticking = Ticking()
    lane = Lane("m", Limiter(ticking.clock, 1), ticking.clock)
    told = 0

    async def busy() -> None:
        with suppress(RateLimitError), await lane.enter("r", last=False):
            await settle()
            raise BUSIER

    async def waiting() -> None:
        nonlocal told
        with pytest.raises(CircuitOpenError):
            await lane.enter("r", last=True)
        told += 1

    async with anyio.create_task_group() as tasks:
        for call in (busy, waiting, waiting, waiting):
            tasks.start_soon(call)

    assert told == 3
    assert (ticking.slept, lane.state().in_flight, lane.state().waiting) == ([], 0, 0)


@pytest.mark.anyio
async def test_a_call_beside_the_probe_does_not_decide_for_it() -> None:
    ticking = Ticking()
    lane = Lane("m", Limiter(ticking.clock, 5), ticking.clock)
    with suppress(ProviderAuthError), await lane.enter("r"):
        raise ProviderAuthError("the key is refused")
    ticking.time += 3600

    with await lane.enter("r"):  # the probe
        with suppress(KeyError), await lane.enter("r"):
            raise KeyError
        with suppress(ProviderUnavailableError), await lane.enter("r"):
            raise DOWN
        assert lane.refuses(last=False)

    assert lane.state().breaker == "closed"
