"""A limit is a bound, whatever calls cost and however they end.

One file, since it is one law.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from zg_core import LimitError, Limits
from zg_core._prices import Most
from zg_core.running.budget import Budget, Reservation, Want

pytestmark = pytest.mark.anyio
WORST = 100
"""The most tokens a call takes in these laws, and the most billionths of a dollar."""


def call(tokens: int, nanos: int = 0) -> Want:
    """A call that takes as much and not less."""
    return Want(0, tokens, tokens, Most(nanos))


class Node:
    """A budget of the tree, and our own books of it."""

    def __init__(self, name: str, limits: Limits, above: Node | None = None) -> None:
        self.name = name
        self.limits = limits
        self.budget = (
            above.budget.child(limits, name) if above else Budget(limits, name)
        )
        self.path: tuple[Node, ...] = (self, *(above.path if above else ()))
        self.spent = self.held = 0
        self.spent_nanos = self.held_nanos = 0
        self.calls = 0

    def check(self) -> None:
        """Nothing is promised that is not there."""
        tokens, usd, calls = self.limits.tokens, self.limits.usd, self.limits.calls
        assert tokens is None or self.spent + self.held <= tokens
        assert usd is None or self.spent_nanos + self.held_nanos <= round(usd * 1e9)
        assert calls is None or self.calls <= calls

    def check_settled(self) -> None:
        """Nothing stays reserved, to the last billionth."""
        left = self.budget.remaining()
        assert self.held == self.held_nanos == 0
        bounds = [
            (n.limits.tokens - n.spent)
            for n in self.path
            if n.limits.tokens is not None
        ]
        assert left.tokens == min(bounds, default=None)
        dollars = [
            round(n.limits.usd * 1e9) - n.spent_nanos
            for n in self.path
            if n.limits.usd is not None
        ]
        assert left.usd == (min(dollars) / 1e9 if dollars else None)

    @contextmanager
    def holding(self, held: Reservation) -> Iterator[None]:
        """Book what was reserved, and afterwards what was spent."""
        want = held.want
        for node in self.path:
            node.calls += 1
            node.held += want.tokens
            node.held_nanos += want.nanos
            node.check()
        try:
            yield
        finally:
            held.release()
            for node in self.path:
                node.held -= want.tokens
                node.held_nanos -= want.nanos
                node.spent += held.tokens
                node.spent_nanos += held.nanos
                node.check()

    def check_worth(self, error: LimitError) -> None:
        """A call is refused only where nine tenths of a large limit are spent."""
        whose = error.details["whose"]
        node = next(node for node in self.path if node.name == whose)
        if error.details["limit"] == "tokens":
            assert node.limits.tokens is not None
            if node.limits.tokens >= 10 * WORST:
                assert node.spent >= 0.9 * node.limits.tokens
        elif error.details["limit"] == "usd":
            assert node.limits.usd is not None
            if node.limits.usd * 1e9 >= 10 * WORST:
                assert node.spent_nanos >= 0.9 * node.limits.usd * 1e9


class Play:
    """Sub-agents that call until they are refused, fail and are stopped at random."""

    def __init__(self, seed: int, agents: int, run: Limits, small: bool) -> None:
        self.dice = random.Random(seed)
        self.run = Node("run", run)
        self.steps = [self._part(f"step {n}", self.run, agents, small) for n in "abc"]
        self.agents = [
            self._part(f"agent {n}", self.dice.choice(self.steps), 1, small)
            for n in range(agents)
        ]

    def _part(self, name: str, above: Node, share: int, small: bool) -> Node:
        """Make a part whose own limits are large, small or none, and may be wider."""
        dice = self.dice
        least = 1 if small else 10 * WORST
        most = max(2 * least, 2 * WORST * share)
        limits = Limits(
            tokens=dice.choice([None, dice.randint(least, most)]),
            usd=dice.choice([None, dice.randint(least, most) / 1e9]),
            calls=dice.choice([None, None, dice.randint(1, 50)]),
        )
        return Node(name, limits, above)

    async def play(self) -> None:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                for agent in self.agents:
                    tasks.start_soon(self._work, agent)
        for node in (self.run, *self.steps, *self.agents):
            node.check_settled()

    async def _work(self, agent: Node) -> None:
        dice = self.dice
        for _ in range(200):
            want = call(dice.randint(1, WORST), dice.randint(0, WORST))
            with anyio.CancelScope() as scope:
                if dice.random() < 0.1:
                    scope.cancel()  # at its next wait: in the queue, or in the call
                try:
                    held = await agent.budget.reserve(want)
                except LimitError as error:
                    agent.check_worth(error)
                    return
                with agent.holding(held):
                    await self._call(held)

    async def _call(self, held: Reservation) -> None:
        """Take a while; then answer, fail for nothing, or be stopped under way."""
        dice = self.dice
        held.forfeit()
        for _ in range(dice.randint(0, 3)):
            await anyio.sleep(0)
        match dice.choice(["answer", "answer", "answer", "lost", "refused"]):
            case "answer":
                tokens = dice.randint(0, held.want.tokens)
                held.settle(tokens, dice.randint(0, held.want.nanos))
            case "refused":
                held.settle(0, 0)


@settings(max_examples=40)
@given(
    seed=st.integers(0),
    agents=st.integers(1, 20),
    tokens=st.integers(1, 20_000),
    small=st.booleans(),
)
async def test_spent_and_reserved_never_pass_a_limit_anywhere_in_the_tree(
    seed: int, agents: int, tokens: int, small: bool
) -> None:
    await Play(seed, agents, Limits(tokens=tokens, usd=tokens / 1e9), small).play()


@pytest.mark.heavy
@settings(max_examples=10)
@given(seed=st.integers(0))
@example(seed=0)
async def test_a_thousand_sub_agents_at_once_keep_to_the_limits(seed: int) -> None:
    limits = Limits(tokens=200_000, usd=150_000 / 1e9)

    await Play(seed, 1000, limits, small=False).play()


async def test_nine_tenths_are_usable_by_a_thousand_at_once() -> None:
    run = Node("run", Limits(tokens=50_000))
    dice = random.Random(3)

    async def agent() -> None:
        while True:
            try:
                held = await run.budget.reserve(call(WORST))
            except LimitError:
                return
            with run.holding(held):
                await anyio.sleep(0)
                held.settle(dice.randint(1, WORST), 0)

    async with anyio.create_task_group() as tasks:
        for _ in range(1000):
            tasks.start_soon(agent)

    assert run.spent >= 0.9 * 50_000


@given(
    nanos=st.integers(0, 10**12),
    fixed=st.integers(0, 10**9),
    rate=st.one_of(st.just(0.0), st.floats(0.001, 10**5)),
)
def test_money_buys_as_many_tokens_as_it_can_and_not_one_more(
    nanos: int, fixed: int, rate: float
) -> None:
    most = Most(fixed, rate)

    written = most.tokens(nanos)

    if written >= 0:
        assert most.nanos(min(written, 10**15)) <= nanos
    if rate:
        assert most.nanos(written + 2) > nanos or written < 0


class Retuned:
    """A run of two steps whose limits change while calls are made and wait."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.limits: dict[str, int | None] = {"run": 300, "a": None, "b": 200}
        run = Budget(Limits(tokens=300))
        self.budgets = {
            "run": run,
            "a": run.child(Limits(), "a"),
            "b": run.child(Limits(tokens=200), "b"),
        }
        self.taken = dict.fromkeys(self.limits, 0)
        self.holding: list[tuple[str, Reservation]] = []
        self.waiting = 0

    async def ask(self, step: str, tokens: int) -> None:
        self.waiting += 1
        try:
            held = await self.budgets[step].reserve(call(tokens))
        except LimitError:
            return
        finally:
            self.waiting -= 1
        self.holding.append((step, held))
        for name in ("run", step):
            self.taken[name] += tokens
            most = self.limits[name]
            assert most is None or self.taken[name] <= most

    def settle(self) -> None:
        step, held = self.holding.pop(self.dice.randrange(len(self.holding)))
        held.settle(self.dice.randint(0, held.want.tokens), 0)
        for name in ("run", step):
            self.taken[name] += held.tokens - held.want.tokens
        held.release()

    def retune(self) -> None:
        name = self.dice.choice([*self.limits])
        most = self.dice.choice([None, 1, 50, 200, 400, 1000])
        self.limits[name] = most
        self.budgets[name].retune(Limits(tokens=most))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_limits_that_change_hold_from_then_on_and_leave_nobody_waiting_for_ever(
    seed: int,
) -> None:
    async def work() -> None:
        play = Retuned(seed)
        async with anyio.create_task_group() as tasks:
            for _ in range(30):
                match play.dice.choice(["ask", "ask", "settle", "retune"]):
                    case "ask":
                        step = play.dice.choice("ab")
                        tasks.start_soon(play.ask, step, play.dice.randint(1, 120))
                    case "settle" if play.holding:
                        play.settle()
                    case "retune":
                        play.retune()
                await anyio.wait_all_tasks_blocked()
                assert play.holding or not play.waiting
            while play.holding:
                play.settle()
                await anyio.wait_all_tasks_blocked()
            assert not play.waiting

    anyio.run(work)


# -- By example --------------------------------------------------------------------


async def test_output_is_cut_to_what_tokens_and_money_allow() -> None:
    budget = Budget(Limits(tokens=1000, usd=500 / 1e9))

    by_tokens = await budget.reserve(Want(200, 4096, 256))
    by_tokens.release()
    by_money = await budget.reserve(Want(200, 4096, 100, Most(100, 2.0)))

    assert by_tokens.want.writes == 800
    assert by_money.want.writes == 200
    assert by_money.want.nanos == 500


async def test_output_is_never_cut_below_what_is_of_use() -> None:
    budget = Budget(Limits(tokens=300))

    with pytest.raises(LimitError, match="456 tokens of the 300 left"):
        await budget.reserve(Want(200, 4096, 256))


async def test_a_call_waits_for_what_others_have_reserved_but_may_not_spend() -> None:
    budget = Budget(Limits(tokens=100))
    order: list[str] = []
    first = await budget.reserve(call(90))

    async def later(name: str, tokens: int) -> None:
        held = await budget.reserve(call(tokens))
        order.append(name)
        held.settle(tokens, 0)
        held.release()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(later, "large", 80)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(later, "small", 5)  # there is room for it, but it came later
        await anyio.wait_all_tasks_blocked()
        assert order == []
        first.settle(10, 0)
        first.release()

    assert order == ["large", "small"]
    assert budget.remaining().tokens == 5


async def test_one_who_waits_is_refused_once_it_is_sure_that_too_little_is_left() -> (
    None
):
    budget = Budget(Limits(tokens=100))
    first = await budget.reserve(call(90))
    refused: list[LimitError] = []

    async def later() -> None:
        with pytest.raises(LimitError) as caught:
            await budget.reserve(call(50))
        refused.append(caught.value)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(later)
        await anyio.wait_all_tasks_blocked()
        first.forfeit()
        first.release()

    assert refused[0].details["spent"] == 90


async def test_whoever_is_stopped_in_the_queue_lets_the_next_one_through() -> None:
    budget = Budget(Limits(tokens=100))
    first = await budget.reserve(call(90))
    through: list[int] = []

    async def small() -> None:
        held = await budget.reserve(call(10))
        through.append(held.want.tokens)
        held.release()

    async with anyio.create_task_group() as tasks:
        with anyio.move_on_after(0) as impatient:
            await budget.reserve(call(80))
        tasks.start_soon(small)

    first.release()
    assert impatient.cancelled_caught
    assert through == [10]
    assert budget.remaining().tokens == 100


async def test_a_part_that_waits_holds_up_no_other() -> None:
    run = Budget(Limits(tokens=1000))
    tight, free = (run.child(Limits(tokens=n), f"step {n}") for n in (100, 900))
    first = await tight.reserve(call(90))

    async with anyio.create_task_group() as tasks:

        async def later() -> None:
            (await tight.reserve(call(50))).release()

        tasks.start_soon(later)
        await anyio.wait_all_tasks_blocked()
        (await free.reserve(call(50))).release()
        first.release()

    assert run.remaining().tokens == 1000


async def test_a_child_never_widens_what_its_parent_allows() -> None:
    run = Budget(Limits(tokens=100))
    step = run.child(Limits(tokens=10_000), "step 'a'")

    with pytest.raises(LimitError, match="the limit of the run, 100 tokens"):
        await step.reserve(call(200))


@pytest.mark.parametrize(
    ("limits", "words", "limit"),
    [
        (Limits(calls=1), "step 'a' has made the 1 model call that its limit", "calls"),
        (Limits(tokens=10), "the limit of step 'a', 10 tokens, does not", "tokens"),
        (Limits(usd=0.5), r"the limit of step 'a', \$0.50 \(usd\), does not", "usd"),
    ],
)
async def test_the_limit_that_was_reached_is_named(
    limits: Limits, words: str, limit: str
) -> None:
    spent = Budget(Limits(calls=50)).child(
        limits, "step 'a'", tokens=9, calls=1, nanos=400_000_000
    )

    with pytest.raises(LimitError, match=words) as caught:
        await spent.reserve(call(5, 200_000_000))

    assert caught.value.details["limit"] == limit
    assert caught.value.details["whose"] == "step 'a'"


async def test_what_was_spent_without_a_limit_counts_when_there_is_one() -> None:
    run = Budget(Limits())
    step = run.child(Limits(), "step 'a'")
    first = step.count()
    first.settle(90, 0)
    first.release()

    run.retune(Limits(tokens=100, calls=2))

    assert step.bounded
    assert step.remaining().tokens == 10
    assert step.remaining().calls == 1
    with pytest.raises(LimitError, match="20 tokens of the 10 left"):
        await step.reserve(call(20))


async def test_who_waits_is_refused_when_limits_are_lowered_below_what_they_want() -> (
    None
):
    budget = Budget(Limits(tokens=100))
    first = await budget.reserve(call(90))

    async with anyio.create_task_group() as tasks:

        async def later() -> None:
            with pytest.raises(LimitError, match="may take 50 tokens of the 40 left"):
                await budget.reserve(call(50))

        tasks.start_soon(later)
        await anyio.wait_all_tasks_blocked()
        budget.retune(Limits(tokens=40))

    first.release()


def test_without_limits_nothing_is_bounded() -> None:
    assert not Budget(Limits(seconds=3)).bounded
    assert not Budget(Limits()).child(Limits(), "a part").bounded
    assert Budget(Limits(usd=float("inf"))).remaining().usd is None


async def test_a_call_that_was_never_made_is_none() -> None:
    budget = Budget(Limits(calls=2)).child(Limits(calls=1), "a step")

    for _ in range(3):
        (await budget.reserve(call(1))).release()
    made = await budget.reserve(call(1))
    made.forfeit()
    made.release()

    with pytest.raises(LimitError):
        await budget.reserve(call(1))
    assert budget.remaining().calls == 0
