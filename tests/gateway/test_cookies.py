"""Browsers that keep the tokens themselves, and other sites that would use them."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from gateway.doors import Doors
from gateway.people import GOOD, OTHER, Person

pytestmark = pytest.mark.anyio
AUTH = "/api/v1/auth"
OURS = {"sec-fetch-site": "same-origin", "origin": "http://localhost"}


def kept(answer: httpx2.Response) -> dict[str, str]:
    """Return the cookies that a browser would send after an answer."""
    pairs = [line.partition(";")[0] for line in answer.headers.get_list("set-cookie")]
    return dict(pair.split("=", 1) for pair in pairs)


def sending(cookies: dict[str, str], **headers: str) -> dict[str, str]:
    line = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return {"cookie": line, **{k.replace("_", "-"): v for k, v in headers.items()}}


async def login(doors: Doors, who: Person, **headers: str) -> httpx2.Response:
    sent = {"email": who.user.email, "password": GOOD, "browser": True}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await doors.ask(
        None, "POST", f"{AUTH}/login", sent, headers={**OURS, **named}
    )


@pytest.fixture
async def cookies(doors: Doors, ada: Person) -> dict[str, str]:
    return kept(await login(doors, ada))


async def test_a_page_gets_cookies_that_no_script_reads_and_no_tokens(
    doors: Doors, ada: Person
) -> None:
    answer = await login(doors, ada)

    assert answer.json() == {"token_type": "Cookie", "expires_in": 600}
    lines = answer.headers.get_list("set-cookie")
    assert len(lines) == 2
    for line in lines:
        parts = {part.strip().lower() for part in line.split(";")[1:]}
        assert line.startswith("__Host-zg_")
        assert {"secure", "httponly", "path=/", "samesite=strict"} <= parts
        assert not any(part.startswith("domain") for part in parts)


async def test_who_does_not_ask_for_cookies_gets_none(
    doors: Doors, ada: Person
) -> None:
    sent = {"email": ada.user.email, "password": GOOD}

    answer = await doors.ask(None, "POST", f"{AUTH}/login", sent, headers=OURS)

    assert "set-cookie" not in answer.headers


async def test_a_browser_asks_changes_refreshes_and_logs_out(
    doors: Doors, ada: Person, cookies: dict[str, str]
) -> None:
    async def ask(method: str, path: str, sent: Any = None) -> httpx2.Response:
        headers = {**OURS, **sending(cookies)}
        return await doors.ask(None, method, path, sent, headers=headers)

    me = await ask("GET", f"{AUTH}/me")
    change = {"current_password": GOOD, "new_password": OTHER}
    changed = await ask("POST", f"{AUTH}/password/change", change)
    before, cookies = cookies, kept(changed)
    refreshed = await ask("POST", f"{AUTH}/refresh", {})
    cookies = kept(refreshed)
    out = await ask("POST", f"{AUTH}/logout")
    after = await ask("GET", f"{AUTH}/me")

    assert me.json()["email"] == ada.user.email
    assert (
        changed.json()
        == refreshed.json()
        == {
            "token_type": "Cookie",
            "expires_in": 600,
        }
    )
    assert before != cookies
    assert (out.status_code, after.status_code) == (204, 401)
    assert set(kept(out).values()) == {'""'}


FOREIGN = [
    pytest.param({"sec_fetch_site": "cross-site"}, id="another site"),
    pytest.param({"sec_fetch_site": "same-site"}, id="another host of the site"),
    pytest.param({"sec_fetch_site": "none"}, id="nobody"),
    pytest.param({}, id="nothing said"),
    pytest.param({"origin": "https://evil.example"}, id="another origin"),
    pytest.param({"origin": "null"}, id="an origin that is none"),
    pytest.param({"origin": "http://localhost:81"}, id="another port"),
    pytest.param({"origin": "http://localhost.evil.example"}, id="one that looks it"),
    pytest.param(
        {"sec_fetch_site": "same-origin", "origin": "https://evil.example"},
        id="both, and they differ",
    ),
]


@pytest.mark.parametrize("said", FOREIGN)
async def test_no_other_site_changes_anything_with_somebodys_cookies(
    doors: Doors, ada: Person, cookies: dict[str, str], said: dict[str, str]
) -> None:
    headers = sending(cookies, **said)
    key = {"name": "stolen", "scopes": ["jobs:read"]}

    made = await doors.ask(None, "POST", "/api/v1/api-keys", key, headers=headers)
    out = await doors.ask(None, "POST", f"{AUTH}/logout", headers=headers)
    again = await doors.ask(None, "POST", f"{AUTH}/refresh", {}, headers=headers)

    assert [a.status_code for a in (made, out, again)] == [403] * 3
    assert {a.json()["code"] for a in (made, out, again)} == {"forbidden"}
    assert "set-cookie" not in again.headers
    still = {**OURS, **sending(cookies)}
    assert (await doors.ask(None, "GET", f"{AUTH}/me", headers=still)).is_success


async def test_no_other_site_logs_a_browser_in_as_somebody(
    doors: Doors, ada: Person
) -> None:
    answer = await login(doors, ada, sec_fetch_site="cross-site")

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_another_site_does_not_read_either(
    doors: Doors, cookies: dict[str, str]
) -> None:
    async def status(**said: str) -> int:
        headers = sending(cookies, **said)
        return (await doors.ask(None, "GET", f"{AUTH}/me", headers=headers)).status_code

    assert await status(sec_fetch_site="cross-site") == 403
    assert await status(origin="https://evil.example") == 403
    assert await status(sec_fetch_site="none") == 200, "the address was typed"
    assert await status() == 200, "an old browser, and the cookie is strict"


async def test_a_header_goes_before_a_cookie_and_needs_no_page(
    doors: Doors, ada: Person, owner: Person, cookies: dict[str, str]
) -> None:
    headers = sending(cookies, sec_fetch_site="cross-site")

    answer = await doors.ask(owner, "GET", f"{AUTH}/me", headers=headers)
    wrong = await doors.ask("nonsense", "GET", f"{AUTH}/me", headers=headers)

    assert answer.json()["email"] == owner.user.email
    assert wrong.status_code == 401


@pytest.mark.parametrize("value", ["", "nonsense", "a.b.c", "é", '"'])
async def test_a_cookie_that_is_none_of_ours_is_nobodys(
    doors: Doors, value: str
) -> None:
    headers = {**OURS, "cookie": f"__Host-zg_access={value}".encode()}

    answer = await doors.ask(None, "GET", f"{AUTH}/me", headers=headers)

    assert answer.status_code == 401


async def test_a_key_is_none_in_a_cookie(doors: Doors, ada: Person) -> None:
    keys = doors.identity.api_keys(ada.principal.tid)
    key = (await keys.create(ada.principal, "ci", ["jobs:read"])).secret
    headers = {**OURS, "cookie": f"__Host-zg_access={key}"}

    assert (
        await doors.ask(None, "GET", f"{AUTH}/me", headers=headers)
    ).status_code == 401
