"""Many machines, on this one: gateways and workers that share a PostgreSQL server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psycopg
from gateway.postgres import programs, restart, serving
from gateway.serving import ZG, Serving

from zg_core.testing.wire import serve_apart
from zg_plugins_builtin.gateway.http.rates import RATES

__all__ = ["Machines", "Working", "machines", "until"]

CONFIG = "\n".join(
    (
        "[plugins.config.builtin.gateway]",
        "trusted_proxies = ['127.0.0.1']",
        "{more}",
        "[plugins.config.builtin.gateway.rates]",
        *(f"{rate.name} = 1_000_000" for rate in RATES),
        "[plugins.config.builtin.gateway.jobs]",
        "tenant_running = {tenant_running}",
        "tenant_queued = 1_000",
    )
)


def until(found: Callable[[], Any], seconds: float = 60.0, why: str = "") -> Any:
    """Return what is found as soon as it is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError(f"that did not come to be: {why or found}")


class Working:
    """A worker in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith('{"ready": true'), line + process.stdout.read()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> tuple[int, float]:
        """Stop it as an operator does; return its exit code and how long it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        return self.process.returncode, time.monotonic() - began


class Machines:
    """The processes, and what they share.

    Attributes:
        url: The address of the database.
        restart: Has the database server killed at once, and started again.
        secret: The key of who runs the service.
    """

    def __init__(
        self,
        stack: ExitStack,
        home: Path,
        model: str,
        url: str,
        restart: Callable[[], None],
    ) -> None:
        self._stack = stack
        self._model = model
        self._logs = home / "logs"
        self._logs.mkdir()
        self.url = url
        self.restart = restart
        self.secret = ""
        self._gateways: list[Serving] = []
        self._workers: list[Working] = []
        self._mark, self._asked, self._times = "", 0, 0
        self._http = stack.enter_context(httpx2.Client(timeout=30))
        self._environment = {
            **os.environ,
            "ZG_HOME": str(home),
            "ZG_OUT": str(home / "out"),
            "ZG_GATEWAY_DATABASE": url,
            "ZG_MODEL": "openai:gpt-test",
            "OPENAI_BASE_URL": f"{model}/v1",
            "OPENAI_API_KEY": "sk-test-key-of-no-worth",
        }

    def _start(self, *command: str) -> subprocess.Popen[str]:
        log = (self._logs / f"{time.monotonic_ns()}-{command[0]}.log").open("w")
        process = subprocess.Popen(
            [*ZG, *command, "--json"],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        self._stack.callback(_end, process)
        self._stack.callback(log.close)
        return process

    def command(self, *command: str) -> Any:
        """Call the command itself, with its runs where all see them."""
        done = subprocess.run(
            [*ZG, *command, "--json"],
            env={**self._environment, "ZG_JOURNAL": self.url},
            capture_output=True,
            text=True,
            timeout=60,
        )
        return json.loads(done.stdout)

    def begin(
        self, gateways: int, workers: int, *, slots: int = 20
    ) -> tuple[list[Serving], list[Working]]:
        """Start processes, all at once; the gateways do no jobs themselves."""
        command = ("serve", "--port", "0", "--no-jobs")
        serving = [self._start(*command) for _ in range(gateways)]
        working = [
            self._start("worker", "--concurrency", str(slots)) for _ in range(workers)
        ]
        served = [Serving(process) for process in serving]
        for one in served:
            if "credential" in one.told:
                self.secret = one.told["credential"]["secret"]
        begun = [Working(process) for process in working]
        self._gateways += served
        self._workers += begun
        return served, begun

    def ready(
        self, gateways: int, workers: int, *, slots: int = 5
    ) -> tuple[list[Serving], list[Working]]:
        """Have so many processes that live, of which some did before.

        What is counted is from now on only what is submitted after this.
        """
        self._gateways = [g for g in self._gateways if g.process.poll() is None]
        self._workers = [w for w in self._workers if w.process.poll() is None]
        self.begin(
            max(gateways - len(self._gateways), 0),
            max(workers - len(self._workers), 0),
            slots=slots,
        )
        for extra in self._workers[workers:]:
            extra.end()
        self._mark = self.rows("SELECT coalesce(max(id), '') FROM jobs")[0][0]
        self._asked = len(self._requests())
        self._times += 1
        return self._gateways[:gateways], self._workers[:workers]

    def post(
        self, at: Serving, objective: str, who: str | None = None, **more: Any
    ) -> str:
        """Submit an objective, and return the job's id; again while nobody answers."""
        key = more.pop("key", objective.replace(" ", "-"))
        headers = {"idempotency-key": f"{self._times}-{key}"}
        headers["authorization"] = f"Bearer {who or self.secret}"
        sent = {"objective": objective, "agent": "architect", **more}
        sent = {name: value for name, value in sent.items() if value is not None}
        url = f"{at.address}/api/v1/objective"
        answer = self._http.post(url, json=sent, headers=headers)
        assert answer.status_code == 200, answer.text
        job_id: str = answer.json()["job_id"]
        return job_id

    def ask(
        self, at: Serving, method: str, path: str, sent: Any = None, **headers: str
    ) -> httpx2.Response:
        """Send a request to the API of a gateway."""
        known = {"authorization": f"Bearer {self.secret}", **headers}
        body = {} if sent is None else {"json": sent}
        return self._http.request(
            method, f"{at.address}/api/v1{path}", headers=known, **body
        )

    def rows(self, query: str, *values: object) -> list[Any]:
        """Return what the database says."""
        with psycopg.connect(self.url) as connection:
            return connection.execute(query, values).fetchall()  # type: ignore[arg-type]

    def counted(self, column: str, where: str = "true") -> Counter[Any]:
        """Return how many of the jobs have what in a column."""
        query = (
            f"SELECT {column}, count(*) FROM jobs WHERE id > %s AND {where} GROUP BY 1"
        )
        return Counter(dict(self.rows(query, self._mark)))

    def states(self) -> Counter[str]:
        """Return how many jobs are in each state."""
        return self.counted("state")

    def kept(self) -> set[str]:
        """Return which jobs there are."""
        return {*self.counted("id")}

    def living(self) -> int:
        """Return how many processes there are."""
        return sum(one.process.poll() is None for one in self._all())

    def _all(self) -> list[Serving | Working]:
        return [*self._gateways, *self._workers]

    def connections(self) -> int:
        """Return how many connections to the database there are."""
        query = """SELECT count(*) FROM pg_stat_activity
            WHERE datname = 'zg' AND pid <> pg_backend_pid()"""
        found: int = self.rows(query)[0][0]
        return found

    def all_done(self, number: int, seconds: float = 150.0) -> None:
        """Wait until so many jobs have succeeded; nothing else may become of one."""
        until(lambda: self.states() == {"succeeded": number}, seconds, "all are done")

    def ends(self) -> Counter[int]:
        """Return how many runs have how many ends in the journal."""
        query = """SELECT ends, count(*) FROM (
            SELECT count(*) FILTER (WHERE body::json ->> 'type' = ANY(%s)) AS ends
            FROM zg_journal_events WHERE run_id > %s GROUP BY run_id) AS each
            GROUP BY ends"""
        kinds = ["RunFinished", "RunFailed", "RunCancelled"]
        return Counter(dict(self.rows(query, kinds, self._mark)))

    def asked(self) -> Counter[str]:
        """Return how often the model was asked each thing."""
        return Counter(
            json.dumps(r["body"].get("messages") or r["body"].get("input"))
            for r in self._requests()[self._asked :]
        )

    def _requests(self) -> list[Any]:
        found: list[Any] = self._http.get(f"{self._model}/_requests").json()
        return found

    def said(self) -> str:
        """Return what all processes said on standard error."""
        return "\n".join(
            f"== {log.name}\n{log.read_text()}" for log in sorted(self._logs.iterdir())
        )


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


@contextmanager
def machines(
    latency: float = 0.5, tenant_running: int = 100, more: str = ""
) -> Iterator[Machines]:
    """Start a database server and a model, and let processes be started.

    Args:
        latency: Seconds that each answer of the model takes.
        tenant_running: How many jobs of a tenant run at once.
        more: More lines of the configuration.
    """
    place = programs()
    assert place is not None
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="zgm")))
        values = {"tenant_running": tenant_running, "more": more}
        (home / "config.toml").write_text(CONFIG.format(**values))
        model = stack.enter_context(serve_apart("--latency", str(latency)))
        address = stack.enter_context(serving(place, connections=300))
        with psycopg.connect(address.format("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE zg")
        url = address.format("zg")
        yield Machines(stack, home, model, url, lambda: restart(place, address))
