"""Letters to people who cannot get in: what is answered, and what goes out."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import pytest
from gateway.doors import IDENTITY, Doors
from gateway.people import GOOD, OTHER, Person
from gateway.watches import Watch

from zg_plugins_builtin.gateway.errors import NoAnswerError, UnavailableError
from zg_plugins_builtin.gateway.identity import Identity, Letters, Registration
from zg_plugins_builtin.gateway.mail import Letter

pytestmark = pytest.mark.anyio
AUTH = "/api/v1/auth"
TICKET = re.compile(r"zgt_[\w-]+")


class Postman:
    """Keeps the letters that were to be sent."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.refuses = False

    async def send(self, letter: Letter) -> None:
        if self.refuses:
            raise NoAnswerError("no", reason="connection")
        self.letters.append(letter)

    def ticket(self) -> str:
        """Return the ticket in the last letter."""
        found = TICKET.search(self.letters[-1].text)
        assert found, self.letters[-1].text
        return found[0]


@pytest.fixture
def postman() -> Postman:
    return Postman()


@pytest.fixture
def letters(doors: Doors, postman: Postman) -> Letters:
    """The letters of a service at which people of one domain may register."""
    doors.identity.letters = Letters(
        doors.database,
        clock=doors.watch,
        mail=postman,
        address="https://zg.example",
        registration=Registration(domains=frozenset({"x.example"})),
    )
    IDENTITY.target = doors.identity
    return doors.identity.letters


@asynccontextmanager
async def written(letters: Letters) -> AsyncGenerator[None, None]:
    """Have everything that is asked for meanwhile be written, before it goes on."""
    async with anyio.create_task_group() as group:
        yield
        group.start_soon(letters.run)
        with anyio.fail_after(10):
            while letters._waiting.qsize():
                await anyio.sleep(0)
            # The last one is being written: another that is for nobody comes after it.
            letters.forgot("nobody@nowhere.example")
            while letters._waiting.qsize():
                await anyio.sleep(0)
        group.cancel_scope.cancel()


async def asked(doors: Doors, path: str, email: str) -> dict[str, object]:
    answer = await doors.ask(None, "POST", f"{AUTH}/{path}", {"email": email})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def reset(doors: Doors, ticket: str, password: str = OTHER) -> int:
    sent = {"ticket": ticket, "password": password}
    return (await doors.ask(None, "POST", f"{AUTH}/password/reset", sent)).status_code


async def login(doors: Doors, email: str, password: str) -> int:
    sent = {"email": email, "password": password}
    return (await doors.ask(None, "POST", f"{AUTH}/login", sent)).status_code


async def test_who_forgot_sets_another_password_and_all_sessions_end(
    doors: Doors, letters: Letters, postman: Postman, ada: Person
) -> None:
    async with written(letters):
        await asked(doors, "password/forgot", ada.user.email.upper())

    assert [letter.to for letter in postman.letters] == [ada.user.email]
    assert await reset(doors, postman.ticket()) == 204
    assert await reset(doors, postman.ticket()) == 401
    assert (await doors.ask(ada, "GET", f"{AUTH}/me")).status_code == 401
    assert await login(doors, ada.user.email, GOOD) == 401
    assert await login(doors, ada.user.email, OTHER) == 200


async def test_the_answer_is_the_same_whoever_it_is(
    doors: Doors, letters: Letters, postman: Postman, owner: Person
) -> None:
    users = doors.identity.users(owner.principal.tid)
    await users.create(owner.principal, "only-invited@x.example", ["viewer"])
    gone = await users.create(
        owner.principal, "gone@x.example", ["viewer"], password=GOOD
    )
    await users.disable(owner.principal, gone.id)
    everybody = (owner.user.email, "only-invited@x.example", gone.email, "no@x.example")

    async with written(letters):
        told = [await asked(doors, "password/forgot", email) for email in everybody]

    assert told == [told[0]] * 4
    assert [letter.to for letter in postman.letters] == [owner.user.email]


async def test_a_ticket_is_good_for_half_an_hour(
    doors: Doors, letters: Letters, postman: Postman, ada: Person, watch: Watch
) -> None:
    async with written(letters):
        letters.forgot(ada.user.email)
    watch.turn(minutes=30)

    assert await reset(doors, postman.ticket()) == 401


async def test_who_asks_again_and_again_voids_nothing_and_gets_three_letters(
    doors: Doors, letters: Letters, postman: Postman, ada: Person
) -> None:
    async with written(letters):
        for _ in range(9):
            letters.forgot(ada.user.email)

    assert len(postman.letters) == 3
    first = TICKET.search(postman.letters[0].text)
    assert first is not None
    assert await reset(doors, first[0]) == 204
    assert await reset(doors, postman.ticket(), GOOD) == 401, "the others are void"


async def test_who_registers_is_a_user_with_their_first_password_and_not_before(
    doors: Doors, letters: Letters, postman: Postman, identity: Identity, owner: Person
) -> None:
    async with written(letters):
        sent = {"email": "new@X.example", "name": "New"}
        answer = await doors.ask(None, "POST", f"{AUTH}/register", sent)
    users = identity.users(owner.principal.tid)
    before = [user.email for user in await users.list()]
    too_weak = await reset(doors, postman.ticket(), "new new new new new")
    made = await reset(doors, postman.ticket())
    again = await reset(doors, postman.ticket())
    user = await users.find("new@x.example")

    assert answer.status_code == 202
    assert "new@x.example" not in before
    assert (too_weak, made, again) == (422, 204, 401)
    assert (user.roles, user.name) == (("member",), "New")
    assert await login(doors, "new@x.example", OTHER) == 200


async def test_who_is_a_user_already_is_told_so_by_letter_only(
    doors: Doors, letters: Letters, postman: Postman, owner: Person
) -> None:
    users = doors.identity.users(owner.principal.tid)
    await users.create(owner.principal, "old@x.example", ["viewer"], password=GOOD)

    async with written(letters):
        known = await asked(doors, "register", "old@x.example")
        unknown = await asked(doors, "register", "new@x.example")

    assert known == unknown
    assert not TICKET.search(postman.letters[0].text)
    assert "already" in postman.letters[0].text


async def test_nobody_registers_where_nobody_may(
    doors: Doors, letters: Letters, owner: Person
) -> None:
    elsewhere = {"email": "a@evil.example"}
    refused = await doors.ask(None, "POST", f"{AUTH}/register", elsewhere)
    doors.identity.letters = Letters(
        doors.database, clock=doors.watch, mail=Postman(), address=""
    )
    off = await doors.ask(None, "POST", f"{AUTH}/register", {"email": "a@x.example"})

    assert (refused.status_code, off.status_code) == (403, 403)


async def test_without_a_mail_server_the_operator_is_told_and_nobody_else(
    doors: Doors, ada: Person, caplog: pytest.LogCaptureFixture
) -> None:
    letters = doors.identity.letters
    async with written(letters):
        known = await asked(doors, "password/forgot", ada.user.email)
        unknown = await asked(doors, "password/forgot", "no@x.example")

    assert known == unknown
    assert "letter.no_mail_server" in caplog.messages
    assert ada.user.email not in caplog.text


async def test_a_letter_that_was_not_taken_ends_nothing(
    doors: Doors,
    letters: Letters,
    postman: Postman,
    ada: Person,
    caplog: pytest.LogCaptureFixture,
) -> None:
    postman.refuses = True
    async with written(letters):
        letters.forgot(ada.user.email)
    postman.refuses = False
    async with written(letters):
        letters.forgot(ada.user.email)

    assert len(postman.letters) == 1
    assert [r.levelno for r in caplog.records if r.message == "letter.not_sent"] == [
        logging.WARNING
    ]


async def test_only_so_many_wait_for_a_letter(letters: Letters) -> None:
    for _ in range(200):
        letters.forgot("a@x.example")

    with pytest.raises(UnavailableError):
        letters.forgot("a@x.example")
