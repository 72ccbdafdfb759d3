"""Refresh tokens and sessions, whatever is done with them in whatever order."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest
from gateway.people import GOOD, OTHER, Person, host_owner, person
from gateway.watches import Watch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.errors import UnauthenticatedError
from zg_plugins_builtin.gateway.identity import Identity, Passwords, TokenPair

T = TypeVar("T")
DAYS = 30


@dataclass(eq=False)
class Known:
    """What the model knows of a session."""

    latest: TokenPair
    ends_on: float
    used: list[str] = field(default_factory=list)
    dead: bool = False


@dataclass
class World:
    """What all examples share; each has a user of its own."""

    runner: asyncio.Runner
    identity: Identity
    watch: Watch
    owner: Person
    people: Iterator[int]

    def run(self, work: Awaitable[T]) -> T:
        async def wait() -> T:
            return await work

        return self.runner.run(wait())

    def works(self, work: Awaitable[T]) -> T | None:
        """Return what comes of it; `None` if nobody was known by it."""
        try:
            return self.run(work)
        except UnauthenticatedError:
            return None


class Machine(RuleBasedStateMachine):
    """Log in, refresh, replay, log out, wait, in any order."""

    world: World
    sessions = Bundle("sessions")

    @initialize()
    def begin(self) -> None:
        name = f"p{next(self.world.people)}"
        world = self.world
        made = world.run(person(world.identity, world.owner.principal, "member", name))
        self.email, self.password = made.user.email, GOOD
        self.day = 0.0
        self.known = [Known(made.tokens, DAYS)]

    def alive(self, session: Known) -> bool:
        return not session.dead and self.day < session.ends_on

    @rule(target=sessions)
    def log_in(self) -> Known:
        work = self.world.identity.logins.login(self.email, self.password)
        self.known.append(Known(self.world.run(work), self.day + DAYS))
        return self.known[-1]

    @rule(target=sessions)
    def take_the_first(self) -> object:
        return self.known[0] if self.known else multiple()

    @rule(session=sessions)
    def refresh(self, session: Known) -> None:
        token = session.latest.refresh_token
        pair = self.world.works(self.world.identity.logins.refresh(token))

        assert (pair is not None) == self.alive(session)
        if pair is not None:
            session.used.append(token)
            session.latest = pair

    @rule(session=sessions, data=st.data())
    def replay(self, session: Known, data: st.DataObject) -> None:
        if session.used:
            token = data.draw(st.sampled_from(session.used))

            assert self.world.works(self.world.identity.logins.refresh(token)) is None
            session.dead = session.dead or self.alive(session)

    @rule(session=sessions)
    def log_out(self, session: Known) -> None:
        token = session.latest.access_token
        who = self.world.works(self.world.identity.authenticate(token))
        if who is not None:
            self.world.run(self.world.identity.logins.logout(who))
            session.dead = True

    @rule(session=sessions)
    def change_the_password(self, session: Known) -> None:
        token = session.latest.access_token
        who = self.world.works(self.world.identity.authenticate(token))
        if who is not None:
            other = OTHER if self.password == GOOD else GOOD
            work = self.world.identity.logins.change_password(who, self.password, other)
            pair = self.world.run(work)
            for each in self.known:
                each.dead = True
            self.password = other
            self.known.append(Known(pair, self.day + DAYS))

    @rule(days=st.sampled_from((0.001, 1, 29, 30)))
    def wait(self, days: float) -> None:
        self.world.watch.turn(days=days)
        self.day += days

    @invariant()
    def who_is_out_is_not_known(self) -> None:
        for session in getattr(self, "known", ()):
            token = session.latest.access_token
            who = self.world.works(self.world.identity.authenticate(token))

            assert who is None or self.alive(session)


@pytest.fixture
def world(
    tmp_path: Path, migrated_file: Path, watch: Watch, passwords: Passwords
) -> Iterator[World]:
    path = tmp_path / "gateway.db"
    shutil.copyfile(migrated_file, path)
    database = Database.at(path)

    async def begin() -> tuple[Identity, Person]:
        identity = await Identity.open(
            database,
            tmp_path,
            issuer="i",
            audience="a",
            clock=watch,
            passwords=passwords,
        )
        return identity, await host_owner(identity)

    with asyncio.Runner() as runner:
        identity, owner = runner.run(begin())
        yield World(runner, identity, watch, owner, iter(range(10_000)))
        runner.run(database.close())


def machine_of(world: World) -> type[Machine]:
    return type("MachineHere", (Machine,), {"world": world})


def test_a_session_lives_until_it_is_ended_and_no_longer(world: World) -> None:
    run_state_machine_as_test(
        machine_of(world), settings=settings(max_examples=6, stateful_step_count=15)
    )


@pytest.mark.heavy
def test_a_session_lives_until_it_is_ended_many_times_over(world: World) -> None:
    run_state_machine_as_test(
        machine_of(world), settings=settings(max_examples=50, stateful_step_count=30)
    )
