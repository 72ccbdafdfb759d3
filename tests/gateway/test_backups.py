"""Back up and restore with the guide's own scripts; change keys as the guide says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from gateway.people import GOOD, OTHER
from gateway.postgres import programs
from gateway.serving import ZG, Serving, serving

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]
DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
ON_A_FILE = pytest.mark.parametrize("installed", ["sqlite"], indirect=True)
GUIDE = (DEPLOY / "README.md").read_text()
ADA = "ada@example.com"
SETTINGS = f"""
[plugins.config.builtin.gateway]
admin_email = "{ADA}"
openapi = true
"""


@dataclass
class Installed:
    """A machine on which the service is installed as the guide says, in a folder.

    Attributes:
        root: Stands for the root of the file system.
        model: The address of what answers for a model.
        database: The address of the database; empty where it is a file.
        renew: Puts an empty database in the place of the one that is there.
    """

    root: Path
    model: str
    database: str = ""
    renew: Callable[[], None] = lambda: None
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        etc = self.root / "etc" / "zerogravity"
        etc.mkdir(parents=True)
        (etc / "config.toml").write_text(SETTINGS)
        secrets = {
            "ZG_MODEL": "openai:gpt-test",
            "OPENAI_BASE_URL": f"{self.model}/v1",
            "OPENAI_API_KEY": "sk-test-key-of-no-worth",
        }
        if self.database:
            secrets["ZG_GATEWAY_DATABASE"] = self.database
        lines = [f'{name}="{value}"\n' for name, value in secrets.items()]
        (etc / "environment").write_text("".join(lines))
        place = programs()
        path = [str(place)] if place and self.database else []
        self.environment = {
            **os.environ,
            "PATH": os.pathsep.join([*path, os.environ["PATH"]]),
            "XDG_CONFIG_HOME": str(self.root / "etc"),
            "XDG_DATA_HOME": str(self.root / "var/lib"),
            "ZG_OUT": str(self.state / "runs"),
            "ZG_STATE": str(self.state),
            "ZG_SETTINGS": str(etc),
            "ZG_PYTHON": sys.executable,
            **secrets,
        }

    @property
    def state(self) -> Path:
        """The folder of the service."""
        return self.root / "var/lib/zerogravity"

    def run(self, *command: str | Path) -> str:
        """Run a command as the operator, and return what it says."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def serving(self) -> Any:
        """Have the service run."""
        return serving(**self.environment)

    def lose_all(self) -> None:
        """Leave nothing of the service on the machine, but for backups."""
        shutil.rmtree(self.state)
        shutil.rmtree(self.root / "etc")
        self.renew()


@pytest.fixture(params=["sqlite", "postgresql"])
def installed(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    wire: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Installed]:
    monkeypatch.delenv("ZG_HOME")  # which would go before what the guide sets
    if request.param == "sqlite":
        yield Installed(tmp_path, wire)
        return
    server: str = request.getfixturevalue("postgres_server")
    name = f"backed_up_{uuid4().hex}"

    def renew() -> None:
        """Do what the guide says, with the database of that name."""
        with psycopg.connect(server.format("postgres"), autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} RENAME TO {name}_before")
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")

    with psycopg.connect(server.format("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
    yield Installed(tmp_path, wire, server.format(name), renew)


def first_key(machine: Installed, served: Serving) -> str:
    """Come in as the guide says, and return a key that may do everything here."""
    printed = served.told["credential"]["secret"]
    ticket = ticket_of(machine.run(*ZG, "users", "invite", ADA))
    reset = {"ticket": ticket, "password": GOOD}
    answer = served.ask("POST", "/api/v1/auth/password/reset", json=reset)
    assert answer.is_success, answer.text
    assert login(served, printed).status_code == 401
    assert login(served, GOOD).status_code == 200
    scopes = ("jobs:read", "jobs:write", "webhooks:write", "webhooks:read")
    made = machine.run(
        *ZG,
        *("keys", "create", "ci", "--user", ADA),
        *(word for scope in scopes for word in ("--scope", scope)),
    )
    found = re.search(r"zgk_\S+", made)
    assert found is not None
    return found[0]


def ticket_of(said: str) -> str:
    found = re.search(r"zgt_\S+", said)
    assert found is not None, said
    return found[0]


def login(served: Serving, password: str) -> Any:
    sent = {"email": ADA, "password": password}
    return served.ask("POST", "/api/v1/auth/login", json=sent)


def job_done(served: Serving, key: str, objective: str) -> dict[str, Any]:
    """Have a job done, and return it as it is then."""
    sent = {"objective": objective, "agent": "engineer"}
    job = served.ask("POST", "/api/v1/objective", key, json=sent).json()
    path = f"/api/v1/job/{job['job_id']}"
    while job["completed_at"] is None:
        job = served.ask("GET", path, key).json()
    return read(served, key, job["job_id"])


def read(served: Serving, key: str, job_id: str) -> dict[str, Any]:
    """Return what can be read of a job: itself, its events and its files."""
    path = f"/api/v1/job/{job_id}"
    job = served.ask("GET", path, key).json()
    events = served.ask("GET", f"{path}/events", key).json()
    files = served.ask("GET", f"{path}/artifacts", key).json()["data"]
    contents = [
        served.ask("GET", f"{path}/artifacts/{file['artifact_id']}", key).text
        for file in files
    ]
    assert contents
    return {"job": job, "events": events, "files": files, "contents": contents}


def test_what_was_backed_up_is_there_after_everything_was_lost(
    installed: Installed,
) -> None:
    backups = installed.root / "backups"
    with installed.serving() as served:
        key = first_key(installed, served)
        before = job_done(served, key, "Write a haiku")
        token = login(served, GOOD).json()["access_token"]
        keys = {
            name: (installed.state / "gateway" / name).read_bytes()
            for name in ("seal.key", "signing-keys.json")
        }
        backup = Path(installed.run(DEPLOY / "zg-backup", backups))  # while it runs
        later = job_done(served, key, "Write another")
        page = served.ask("GET", "/api/v1/jobs?limit=1", key).json()
        cursor = page["next_cursor"]
        assert served.end()[0] == 0
    installed.lose_all()
    installed.run(DEPLOY / "zg-restore", backup)

    assert {path.stat().st_mode & 0o077 for path in backup.iterdir()} == {0}
    for name, content in keys.items():
        assert (installed.state / "gateway" / name).read_bytes() == content
    with installed.serving() as served:
        assert "credential" not in served.told  # nobody is made anew
        assert read(served, key, before["job"]["job_id"]) == before
        lost = f"/api/v1/job/{later['job']['job_id']}"
        assert served.ask("GET", lost, key).status_code == 404
        assert served.ask("GET", "/api/v1/auth/me", token).status_code == 200
        assert login(served, GOOD).status_code == 200
        page = f"/api/v1/jobs?limit=1&cursor={cursor}"  # signed with the key that seals
        listed = served.ask("GET", page, key).json()["data"]
        assert [job["job_id"] for job in listed] == [before["job"]["job_id"]]
        assert job_done(served, key, "Write a third")["job"]["status"] == "completed"
        there = served.ask("GET", "/openapi.json", token).json()["paths"]
        named = set(re.findall(r"/api/v1/[a-z0-9{}_/-]+", GUIDE))
        assert named <= set(there)


def test_a_backup_is_not_put_over_what_is_there(installed: Installed) -> None:
    backups = installed.root / "backups"
    with installed.serving() as served:
        first_key(installed, served)
        backup = installed.run(DEPLOY / "zg-backup", backups)
        served.end()
    (installed.state / "mine.txt").write_text("mine")
    installed.renew()
    said = installed.run(DEPLOY / "zg-restore", backup)
    aside = Path(said.rpartition(" ")[2])

    assert (aside / "mine.txt").read_text() == "mine"
    assert (aside / "gateway" / "seal.key").exists()
    assert not (installed.state / "mine.txt").exists()
    assert (installed.state / "gateway" / "seal.key").exists()


@ON_A_FILE
def test_keys_that_somebody_saw_are_made_anew_when_they_are_deleted(
    installed: Installed,
) -> None:
    with installed.serving() as served:
        key = first_key(installed, served)
        tokens = login(served, GOOD).json()
        first = served.ask("POST", "/api/v1/webhook-secret/rotate", key)
        served.end()
    for name in ("seal.key", "signing-keys.json"):
        (installed.state / "gateway" / name).unlink()
    with installed.serving() as served:
        old = tokens["access_token"]
        assert served.ask("GET", "/api/v1/auth/me", old).status_code == 401
        refresh = {"refresh_token": tokens["refresh_token"]}
        again = served.ask("POST", "/api/v1/auth/refresh", json=refresh)
        assert again.status_code == 200, again.text
        new = again.json()["access_token"]
        assert served.ask("GET", "/api/v1/auth/me", new).status_code == 200

        rotated = served.ask("POST", "/api/v1/webhook-secret/rotate", key)
        assert rotated.status_code == 200, rotated.text
        assert rotated.json()["secret"] != first.json()["secret"]


@ON_A_FILE
def test_a_password_that_is_forgotten_is_set_by_a_ticket(installed: Installed) -> None:
    with installed.serving() as served:
        first_key(installed, served)
        tokens = login(served, GOOD).json()
        ticket = ticket_of(installed.run(*ZG, "users", "invite", ADA))
        reset = {"ticket": ticket, "password": OTHER}
        assert served.ask("POST", "/api/v1/auth/password/reset", json=reset).is_success
        refresh = {"refresh_token": tokens["refresh_token"]}
        ended = served.ask("POST", "/api/v1/auth/refresh", json=refresh)

        assert ended.status_code == 401
        assert login(served, OTHER).status_code == 200
