"""A service to measure: `zg serve` in a process of its own, its users, its model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import anyio
from sqlalchemy import Connection

from zg_plugins_builtin.gateway.clock import SystemClock
from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.identity import Identity
from zg_plugins_builtin.gateway.identity.api_keys import ApiKey, add_api_key
from zg_plugins_builtin.gateway.identity.scopes import ROLES
from zg_plugins_builtin.gateway.identity.tenants import add_tenant
from zg_plugins_builtin.gateway.identity.users import add_user
from zg_plugins_builtin.gateway.ids import new_id

__all__ = ["PASSWORD", "Process", "Service", "plain", "postgresql", "serve"]

PASSWORD = "correct horse battery staple"
_TICKS = os.sysconf("SC_CLK_TCK")
_FOLDER = Path(__file__).parent

_CONFIG = """\
model = "openai:m"
journal = "sqlite:///{folder}/runs.db"
out = "{folder}/out"
# The load comes from one address, as it does from a proxy.
[plugins.config.builtin.openai]
base_url = "{model}/v1"
[plugins.config.builtin.gateway]
folder = "{folder}/gateway"
trusted_proxies = ["127.0.0.1"]
{more}
[plugins.config.builtin.gateway.rates]
read = 10000000
write = 10000000
stream = 10000000
address = 10000000
login = 10000000
login_address = 10000000
[plugins.config.builtin.gateway.jobs]
running = {running}
tenant_running = {running}
tenant_queued = 1000000
queued = 1000000
"""
"""What an operator sets for so much at once; all else is as it comes."""


@dataclass(slots=True)
class Process:
    """A process that is measured from outside.

    Attributes:
        url: Where it listens.
    """

    popen: subprocess.Popen[str]
    url: str

    @property
    def port(self) -> int:
        """The port of 127.0.0.1 that it listens on."""
        return int(self.url.rpartition(":")[2])

    def cpu(self) -> float:
        """Return the seconds of CPU that it has taken until now, all threads."""
        text = Path(f"/proc/{self.popen.pid}/stat").read_text(encoding="ascii")
        words = text.rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / _TICKS

    def memory(self) -> float:
        """Return the MB of memory that it has now."""
        pages = Path(f"/proc/{self.popen.pid}/statm").read_text(encoding="ascii")
        return int(pages.split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def quiet(self, share: float = 0.1, seconds: float = 1.0) -> None:
        """Wait until it takes hardly any CPU: less than a share of a core."""
        before = self.cpu()
        while True:
            time.sleep(seconds)
            now = self.cpu()
            if now - before < share * seconds:
                return
            before = now


@dataclass(slots=True, kw_only=True)
class Service(Process):
    """A `zg serve` that is measured.

    Attributes:
        keys: An API key of each user.
        emails: The address of each, whose password is `PASSWORD` if one is asked for.
        folder: Where all that it keeps is.
    """

    folder: Path
    keys: list[str] = field(default_factory=list)
    emails: list[str] = field(default_factory=list)


@contextmanager
def serve(
    *,
    users: int,
    running: int = 1000,
    latency: Sequence[float] = (0.0, 0.0),
    database: str | None = None,
    password: bool = False,
) -> Iterator[Service]:
    """Run a service, with a model server beside it; both end with the block.

    Args:
        users: How many users there are, in one tenant.
        running: How many jobs may run at once.
        latency: The least and the most seconds that its model takes.
        database: The address of its database; a file if it is not said.
        password: Whether the first user has one.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="zgb")))
        model = stack.enter_context(
            plain(_FOLDER / "_model.py", *(str(one) for one in latency))
        )
        more = f'database = "{database}"' if database else ""
        config = _CONFIG.format(
            folder=folder, model=model.url, running=running, more=more
        )
        (folder / "config.toml").write_text(config, encoding="utf-8")
        known = _Known(folder / "gateway", database or folder / "gateway/gateway.db")
        keys, emails = anyio.run(known.make, users, password)
        command = ["-m", "zg_core.cli", "serve", "--json", "--port", "0"]
        env = {"ZG_HOME": str(folder), "OPENAI_API_KEY": "sk-none"}
        popen = stack.enter_context(_started(command, env, folder))
        assert popen.stdout is not None
        told = json.loads(popen.stdout.readline())
        url = told["address"]
        yield Service(popen, url, folder=folder, keys=keys, emails=emails)


@contextmanager
def plain(script: Path, *arguments: str) -> Iterator[Process]:
    """Run another server, that says its address first; it ends with the block."""
    with _started([str(script), *arguments], {}, script.parent) as popen:
        assert popen.stdout is not None
        yield Process(popen, popen.stdout.readline().strip())


@contextmanager
def _started(
    command: Sequence[str], env: dict[str, str], folder: Path
) -> Iterator[subprocess.Popen[str]]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ZG_", "OPENAI_", "ANTHROPIC_"))
    }
    wrapped = os.environ.get("ZG_BENCHMARK_UNDER", "").split() if env else []
    with subprocess.Popen(
        [*wrapped, sys.executable, *command],
        cwd=folder,
        env=kept | env,
        stdout=subprocess.PIPE,
        text=True,
    ) as popen:
        try:
            yield popen
        finally:
            popen.terminate()
            popen.wait(30)


@contextmanager
def postgresql() -> Iterator[str | None]:
    """Run a PostgreSQL server that keeps its promises; `None` where there is none."""
    sys.path.append(str(_FOLDER.parent))
    from gateway import postgres

    place = postgres.programs()
    if place is None:
        yield None
        return
    with postgres.serving(place, safe=True) as address:
        yield address.format("postgres")


@dataclass(frozen=True, slots=True)
class _Known:
    """Makes users, as the commands do, but a thousand of them."""

    folder: Path
    database: str | Path

    async def make(self, users: int, password: bool) -> tuple[list[str], list[str]]:
        """Make users, and return their keys and their addresses."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = await Database.open(self.database)
        identity = await Identity.open(
            database, self.folder, issuer="http://x", audience="http://x"
        )
        try:
            hashed = await identity._passwords.hash(PASSWORD) if password else None
            emails = [f"user{number}@example.com" for number in range(users)]
            keys = await database.write(lambda c: self._add(c, emails, hashed))
        finally:
            identity.close()
            await database.close()
        return keys, emails

    def _add(
        self, connection: Connection, emails: list[str], hashed: str | None
    ) -> list[str]:
        now = SystemClock().now()
        tenant = add_tenant(connection, now, "operator", "host", host=True)
        keys = []
        for email in emails:
            user = add_user(
                connection, now, tenant.id, "operator", email, ["admin"], "", hashed
            )
            key = ApiKey(
                id=new_id("key", now),
                user_id=user.id,
                name="benchmark",
                hint="",
                scopes=ROLES["member"],
                cidrs=(),
                created_at=now,
                expires_at=now + timedelta(days=1),
                last_used_at=None,
                revoked_at=None,
            )
            made = add_api_key(connection, now, tenant.id, "operator", key, "test")
            keys.append(made.secret)
        return keys
