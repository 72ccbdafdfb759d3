"""``zg serve``, ``zg users`` and ``zg keys``, as they are typed."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue

import anyio
import pytest
import standardwebhooks
from calling import Caller
from gateway.people import GOOD
from gateway.serving import serving

import zg_core
from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.identity import Identity

EMAIL = "ada@x.example"


@pytest.fixture
def zg(capfd: pytest.CaptureFixture[str]) -> Caller:
    return Caller(capfd)


@pytest.fixture
def served_before(migrated_file: Path, made_keys: Path) -> Path:
    """The folder of a service that was started once; returns its database."""
    folder = zg_core.data_dir() / "gateway"
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(made_keys, folder)
    place = folder / "gateway.db"
    shutil.copyfile(migrated_file, place)

    async def begin() -> None:
        database = await Database.open(place)
        identity = await Identity.open(database, folder, issuer="x", audience="x")
        await identity.bootstrap()
        identity.close()
        await database.close()

    anyio.run(begin)
    return place


# -- zg serve ----------------------------------------------------------------------


def test_a_service_to_try_out_lets_its_key_in_and_leaves_nothing() -> None:
    with serving("--dev") as served:
        secret = served.told["credential"]["secret"]
        me = served.ask("GET", "/api/v1/auth/me", secret)
        ready = served.ask("GET", "/readyz")
        ended = served.end()

    assert served.told["dev"]
    assert secret.startswith("zgk_test_")
    assert (me.status_code, me.json()["roles"]) == (200, ["owner"])
    assert ready.json() == {"status": "ready"}
    assert ended == (0, "")
    assert not zg_core.data_dir().exists()


@pytest.mark.heavy
def test_the_first_credential_is_shown_once_and_people_log_in(zg: Caller) -> None:
    with serving() as served:
        first = served.told["credential"]["secret"]
        added = zg("users", "add", EMAIL, "--json").document
        ticket = {"ticket": added["ticket"], "password": GOOD}
        served.ask("POST", "/api/v1/auth/password/reset", json=ticket)
        login = {"email": EMAIL, "password": GOOD}
        tokens = served.ask("POST", "/api/v1/auth/login", json=login).json()
        said = {"name": "ci", "scopes": ["jobs:read"]}
        key = served.ask(
            "POST", "/api/v1/api-keys", tokens["access_token"], json=said
        ).json()
        assert served.ask("GET", "/api/v1/auth/me", key["key"]).status_code == 200
        assert zg("keys", "revoke", key["key_id"]).code == 0
        deadline = time.monotonic() + 10
        while served.ask("GET", "/api/v1/auth/me", key["key"]).status_code == 200:
            assert time.monotonic() < deadline, "a key that is void is still let in"
            time.sleep(0.2)
        assert served.end(signal.SIGINT)[0] == 0

    with serving() as again:
        assert "credential" not in again.told
        assert again.ask("GET", "/api/v1/auth/me", first).status_code == 200


@pytest.mark.heavy
def test_an_administrator_with_an_address_gets_a_password() -> None:
    home = zg_core.data_dir()
    home.mkdir(parents=True)
    section = f'[plugins.config.builtin.gateway]\nadmin_email = "{EMAIL}"\n'
    (home / "config.toml").write_text(section)

    with serving() as served:
        credential = served.told["credential"]
        login = {"email": EMAIL, "password": credential["secret"]}
        answer = served.ask("POST", "/api/v1/auth/login", json=login)

    assert (credential["kind"], credential["email"]) == ("password", EMAIL)
    assert answer.status_code == 200


@pytest.mark.heavy
def test_several_workers_answer_at_one_address(postgres_url: str) -> None:
    with serving("--workers", "2", "--database", postgres_url) as served:
        secret = served.told["credential"]["secret"]
        answers = [served.ask("GET", "/api/v1/auth/me", secret) for _ in range(10)]
        ended = served.end()

    assert {answer.status_code for answer in answers} == {200}
    assert ended == (0, "")


@pytest.mark.heavy
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_job_that_was_under_way_is_done_at_the_next_start(
    wire: str, number: int
) -> None:
    environment = {
        "ZG_MODEL": "openai:gpt-test",
        "OPENAI_BASE_URL": f"{wire}/v1",
        "OPENAI_API_KEY": "sk-test-key-of-no-worth",
    }
    with serving(**environment) as served:
        secret = served.told["credential"]["secret"]
        said = {"objective": "Write a haiku"}
        job = served.ask("POST", "/api/v1/objective", secret, json=said).json()
        path = job["links"]["self"]
        while served.ask("GET", path, secret).json()["status"] == "queued":
            pass
        code, _ = served.end(number)

    with serving(**environment) as again:
        deadline = time.monotonic() + 30
        while job["status"] not in ("completed", "failed"):
            assert time.monotonic() < deadline, job
            time.sleep(0.1)
            job = again.ask("GET", path, secret).json()

    assert code == (0 if number == signal.SIGTERM else -number)
    assert job["status"] == "completed"


class Receiver(BaseHTTPRequestHandler):
    """Takes what is sent to it."""

    taken: Queue[tuple[dict[str, str], bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.taken.put((dict(self.headers), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.heavy
def test_a_job_calls_back_and_what_it_says_can_be_verified(wire: str) -> None:
    environment = {
        "ZG_MODEL": "openai:gpt-test",
        "OPENAI_BASE_URL": f"{wire}/v1",
        "OPENAI_API_KEY": "sk-test-key-of-no-worth",
    }
    taken: Queue[tuple[dict[str, str], bytes]] = Queue()
    handler = type("Handler", (Receiver,), {"taken": taken})
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), handler) as receiver,
        serving("--dev", **environment) as served,
    ):
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        key = served.told["credential"]["secret"]
        rotated = served.ask("POST", "/api/v1/webhook-secret/rotate", key).json()
        said = {
            "objective": "Write a haiku",
            "callback_url": f"http://127.0.0.1:{receiver.server_port}/hook",
        }
        job = served.ask("POST", "/api/v1/objective", key, json=said).json()
        headers, body = taken.get(timeout=60)
        receiver.shutdown()

    told = standardwebhooks.Webhook(rotated["secret"]).verify(body.decode(), headers)
    assert told["type"] == "job.completed"
    assert told["data"]["job_id"] == job["job_id"]


def test_a_port_that_is_taken_is_an_error_that_says_so(zg: Caller) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        called = zg("serve", "--port", str(port))

    assert called.code == 3
    assert f"nobody can listen on 127.0.0.1 port {port}" in called.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--host", "0.0.0.0"], 3, "in the clear"),
        (["--dev", "--host", "0.0.0.0"], 3, "on this machine only"),
        (["--dev", "--database", "x.db"], 2, "a database of its own"),
        (["--workers", "2"], 3, "use PostgreSQL"),
        (["--database", "mysql://x"], 3, "is no database that can be used"),
    ],
)
def test_what_cannot_be_served_says_why(
    zg: Caller, arguments: list[str], code: int, said: str
) -> None:
    called = zg("serve", "--port", "0", *arguments)

    assert called.code == code
    assert said in called.err


def test_a_folder_that_cannot_be_made_is_an_error_that_says_so(zg: Caller) -> None:
    home = zg_core.data_dir()
    home.mkdir(parents=True)
    (home / "gateway").write_text("a file")

    called = zg("serve", "--port", "0")

    assert called.code == 3
    assert "gateway' cannot be made" in called.err


@pytest.mark.parametrize("command", [["serve"], ["users", "list"], ["keys", "list"]])
def test_without_the_extra_one_error_says_what_to_install(command: list[str]) -> None:
    without = (
        "import sys; sys.modules.update(dict.fromkeys(['sqlalchemy', 'fastapi']));"
        "from zg_core.cli import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", without, *command], capture_output=True, text=True
    )

    assert done.returncode == 3
    assert done.stderr.splitlines() == [
        "error: the service needs packages that are not installed: sqlalchemy",
        "  pip install 'zerogravity[gateway]'",
    ]


@pytest.mark.parametrize("command", ["serve", "users", "keys"])
def test_help_loads_no_web_framework_and_no_database(command: str) -> None:
    code = (
        "import sys; from zg_core.cli import main; main(sys.argv[1:]);"
        "heavy = {'fastapi', 'sqlalchemy', 'uvicorn', 'pydantic'} & set(sys.modules);"
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, command, "--help"], capture_output=True, text=True
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: zg" in done.stdout


# -- zg users and zg keys ----------------------------------------------------------


@pytest.mark.usefixtures("served_before")
def test_users_are_added_listed_disabled_and_invited(zg: Caller) -> None:
    added = zg("users", "add", EMAIL, "--role", "viewer", "--name", "Ada")
    again = zg("users", "add", EMAIL)
    invited = zg("users", "invite", EMAIL, "--json").document
    disabled = zg("users", "disable", EMAIL, "--json").document
    listed = zg("users", "list", "--json").document["users"]
    enabled = zg("users", "enable", EMAIL)

    assert added.code == 0
    assert "the ticket: zgt_" in added.out
    assert (again.code, again.out) == (1, "")
    assert "there is a user of that address already" in again.err
    assert invited["ticket"].startswith("zgt_")
    assert disabled["disabled_at"] is not None
    assert [(user["email"], user["roles"]) for user in listed] == [
        ("operator@localhost", ["owner"]),
        (EMAIL, ["viewer"]),
    ]
    assert enabled.out == f"enabled {EMAIL}\n"


@pytest.mark.usefixtures("served_before")
def test_keys_are_created_listed_and_revoked(zg: Caller) -> None:
    zg("users", "add", EMAIL)

    created = zg("keys", "create", "ci", "--user", EMAIL, "--json").document
    shown = zg("keys", "list", "--user", EMAIL)
    revoked = zg("keys", "revoke", created["key_id"], "--json").document
    missing = zg("keys", "revoke", "key_0")
    too_much = zg("keys", "create", "x", "--user", EMAIL, "--scope", "admin:users")

    assert created["key"].startswith("zgk_live_")
    assert created["key_id"] in shown.out
    assert created["key"] not in shown.out
    assert revoked["revoked_at"] is not None
    assert (missing.code, "there is no key 'key_0'" in missing.err) == (2, True)
    assert (too_much.code, "may do no more" in too_much.err) == (1, True)


@pytest.mark.usefixtures("served_before")
def test_who_is_not_there_is_an_error_that_says_where_to_look(zg: Caller) -> None:
    nobody = zg("keys", "create", "ci", "--user", EMAIL)
    nowhere = zg("users", "list", "--tenant", "acme")

    assert "there is no user 'ada@x.example'" in nobody.err
    assert "there is no tenant 'acme'" in nowhere.err


@pytest.mark.parametrize("command", ["users", "keys"])
def test_before_the_first_start_there_is_nothing_to_administer(
    zg: Caller, command: str, tmp_path: Path
) -> None:
    place = tmp_path / "none.db"

    called = zg(command, "list", "--database", f"sqlite:///{place}")

    assert called.code == 3
    assert "start it once: zg serve" in called.err
    assert not place.exists()
