"""A key is told to its vendor and to nobody else, whatever happens.

One canary is the key, and one the password of an address; the server repeats both.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from calling import Caller
from faults.judging import serving

from zg_core.testing.wire import Fault, WireAnswer

KEY = "sk-canary-51f0a7d2"
PASSWORD = "pw-canary-93be1c44"
ECHO = f"no such key: {KEY} of http://me:{PASSWORD}@example.org/"

DENIED = Fault(status=401, message=ECHO)
BROKEN = b'{"type": "error", "error": {"message": "%b"}}' % ECHO.encode()
ANSWERS: dict[str, tuple[WireAnswer, ...]] = {
    "success": (),
    "an echo": (DENIED,),
    "a refusal": (Fault(status=400, message=ECHO, code=KEY),),
    "a redirect": (
        Fault(status=302, headers={"location": f"http://x.test/?key={KEY}"}),
    ),
    "a limit": (Fault(status=429, retry_after=3600, message=ECHO),),
    "an outage": (Fault(status=500, message=ECHO), DENIED),
    "an error within an answer": (Fault(body=BROKEN), DENIED),
    "what is no answer": (Fault(body=ECHO.encode()), DENIED),
    "a reset": (Fault(end="reset"), DENIED),
    "half an answer": (Fault(cut=0.05), DENIED),
}


def configure(
    monkeypatch: pytest.MonkeyPatch, vendor: str, url: str, *, by: str
) -> None:
    """Set the key and an address with a password, by one of the two ways."""
    base = url.replace("//", f"//me:{PASSWORD}@") + "/v1" * (vendor == "openai")
    home = Path(os.environ["ZG_HOME"])
    home.mkdir()
    if by == "environment":
        monkeypatch.setenv(f"{vendor.upper()}_API_KEY", KEY)
        monkeypatch.setenv(f"{vendor.upper()}_BASE_URL", base)
    else:
        lines = (
            f"[plugins.config.builtin.{vendor}]",
            f"api_key = '{KEY}'",
            f"base_url = '{base}'",
        )
        Path(home, "config.toml").write_text("\n".join(lines))
    monkeypatch.setenv("ZG_MODEL", f"{vendor}:m")


def check_kept(*shown: str) -> None:
    for text in shown:
        assert KEY not in text
        assert PASSWORD not in text


@pytest.mark.parametrize(
    ("vendor", "by", "way"),
    [
        ("openai", "environment", "--stream"),
        ("anthropic", "settings", "--no-stream"),
    ],
)
def test_a_key_is_told_to_its_vendor_and_to_nobody_else(
    zg: Caller,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    vendor: str,
    by: str,
    way: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    run = ("--debug", "run", "Build a page", "--agent", "engineer", way)
    with serving() as server:
        configure(monkeypatch, vendor, server.url, by=by)
        for name, answers in ANSWERS.items():
            server.answers.extend(answers)
            called = zg(*run)
            assert (called.code == 0) == (name == "success"), name
            assert not server.answers, name
            check_kept(called.out, called.err)
        told = "".join(map(str, (request.headers for request in server.requests)))

    for command in (
        ("runs", "show", "last", "--json"),
        ("runs", "--json"),
        ("providers", "--json"),
        ("doctor",),
        ("doctor", "--json"),
        ("config", "--json"),
        ("plugins", "--json"),
    ):
        called = zg(*command)
        assert called.out, command
        check_kept(called.out, called.err)
    check_kept(caplog.text, *(str(vars(record)) for record in caplog.records))
    check_kept(*written(Path.cwd()), *written(Path(os.environ["ZG_HOME"])))
    assert KEY in told


def written(folder: Path) -> Iterator[str]:
    """Yield what is in every file of a folder, but what the user wrote."""
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "config.toml":
            yield path.read_bytes().decode("latin-1")
