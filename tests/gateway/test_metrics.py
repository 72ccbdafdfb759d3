"""Metrics: what a service tells, that it never tells too much, and who draws it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from gateway.asking import ask
from offering import Offering
from prometheus_client.parser import text_string_to_metric_families

import zg_core as zg
from zg_core.testing import ScriptedProvider
from zg_plugins_builtin.gateway.identity import Principal
from zg_plugins_builtin.gateway.limits import Account, Budget, Policy
from zg_plugins_builtin.gateway.metrics import Metrics
from zg_plugins_builtin.gateway.metrics.looking import look
from zg_plugins_builtin.gateway.metrics.numbers import Numbers
from zg_plugins_builtin.gateway.service import Service
from zg_plugins_builtin.gateway.settings import GatewaySettings
from zg_plugins_builtin.gateway.webhooks.courier import Sent

pytestmark = pytest.mark.anyio
DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
MOST_SERIES = 2_000
OUTCOMES = ("2xx", "3xx", "4xx", "5xx", "timeout", "dns", "tls", "connection")


async def _says_hello(ctx: zg.Context) -> zg.Reply:
    answer = await ctx.complete([zg.Message.user(ctx.prompt)])
    return zg.Reply(output=answer.text)


@pytest.fixture
async def service(
    tmp_path: Path, migrated_file: Path, made_keys: Path
) -> AsyncIterator[Service]:
    folder = tmp_path / "service"
    shutil.copytree(made_keys, folder)
    shutil.copyfile(migrated_file, folder / "gateway.db")
    config = replace(zg.load_config(), model="scripted:any", out=str(tmp_path / "out"))
    async with (
        zg.Engine.open(
            ScriptedProvider("Hello.", repeat=True),
            Offering(writer=_says_hello),
            config=config,
            journal=zg.MemoryJournal(),
            discover=False,
        ) as engine,
        Service.open(GatewaySettings(folder=folder), engine) as opened,
    ):
        yield opened


@pytest.fixture
async def key(service: Service) -> dict[str, str]:
    """The headers of the first administrator's key."""
    first = await service.identity.bootstrap()
    assert first is not None
    return {"authorization": f"Bearer {first.secret}"}


async def told(service: Service) -> dict[str, float]:
    """Return all series, as they are fetched."""
    await service.database.read(
        lambda c: look(c, service.metrics.numbers, service.services.clock.now())
    )
    with service.metrics.served(0) as port:
        page = await anyio.to_thread.run_sync(_fetch, port)
    return {
        sample.name + json.dumps(sample.labels, sort_keys=True): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def _fetch(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
        return str(page.read().decode())


def series(name: str, **labels: str) -> str:
    return name + json.dumps(labels, sort_keys=True)


async def test_what_happens_is_counted(service: Service, key: dict[str, str]) -> None:
    async def get(path: str, **headers: str) -> Any:
        return await ask(service.app, "GET", path, headers=headers)

    sent = {"objective": "Say hello", "agent": "writer", "priority": "low"}
    posted = await ask(service.app, "POST", "/api/v1/objective", headers=key, json=sent)
    waiting = await told(service)
    async with anyio.create_task_group() as group:
        group.start_soon(service.jobs.run)
        tenant = (await service.identity.authenticate(key["authorization"][7:])).tid
        await service.jobs.changed(tenant, posted.json()["job_id"], _ended, 20)
        group.cancel_scope.cancel()
    await get("/api/v1/jobs", authorization="Bearer zgk_live_none")
    await get("/api/v1/jobs", authorization="Bearer none")
    await get("/nowhere")
    now = await told(service)

    assert waiting[series("zg_queue_depth", priority="low")] == 1
    assert now[series("zg_queue_depth", priority="low")] == 0
    ended = {"priority": "low", "outcome": "succeeded"}
    assert now[series("zg_jobs_total", **ended)] == 1
    assert now[series("zg_job_duration_seconds_count", **ended)] == 1
    assert now[series("zg_job_queue_wait_seconds_count", priority="low")] == 1
    for method, outcome in (
        ("api_key", "ok"),
        ("api_key", "bad_credentials"),
        ("jwt", "bad_credentials"),
    ):
        assert now[series("zg_auth_total", method=method, outcome=outcome)] == 1
    write = {"policy": "write", "decision": "allowed"}
    assert now[series("zg_ratelimit_total", **write)] == 1
    nowhere = {
        "http_request_method": "GET",
        "http_route": "none",
        "http_response_status_code": "404",
    }
    assert now[series("http_server_requests_total", **nowhere)] == 1
    assert now[series("http_server_active_requests", http_request_method="GET")] == 0
    assert now[series("zg_db_commit_seconds_count")] > 0
    assert not [name for name in now if "_created" in name]


def _ended(job: Any) -> bool:
    return bool(job.ended)


async def test_what_a_budget_refuses_is_counted(
    service: Service, key: dict[str, str]
) -> None:
    who = await service.identity.authenticate(key["authorization"][7:])
    account = Account(who.tid, "tenant", who.tid, "day")
    operator = Principal.operator(who.tid)
    await service.jobs.spending.set_budget(operator, Budget(account, Policy(tokens=0)))

    sent = {"objective": "Say hello", "agent": "writer"}
    refused = await ask(
        service.app, "POST", "/api/v1/objective", headers=key, json=sent
    )

    assert refused.status_code == 429
    now = await told(service)
    assert now[series("zg_budget_rejections_total", scope="tenant")] == 1


async def test_nobody_can_make_it_tell_much(
    service: Service, key: dict[str, str]
) -> None:
    """Every route with many methods, ids, credentials and bodies."""
    methods = ("GET", "POST", "PUT", "DELETE", "BREW")
    paths = sorted({getattr(route, "path", "/") for route in service.app.routes})
    for number, path in enumerate(paths):
        there = re.sub(r"{(\w+)}", f"x{number}", path)
        for method in methods:
            for headers in ({}, key):
                await ask(service.app, method, there, headers=headers)
        await ask(service.app, "GET", f"{there}/{number}?a={number}")
    numbers = service.metrics.numbers
    for outcome in OUTCOMES:
        numbers.sent(Sent(outcome, 1.0))
    for priority in ("low", "normal", "high"):
        for state in ("succeeded", "degraded", "failed", "timed_out", "cancelled"):
            numbers.ended(_job(priority, state))

    now = await told(service)

    assert 200 < len(now) <= MOST_SERIES
    assert not re.search(r"(job|usr|key|ten)_[0-9a-f]{8}|zgk_", "".join(now))


def _job(priority: str, state: str) -> Any:
    from datetime import UTC, datetime
    from types import SimpleNamespace

    at = datetime(2026, 11, 29, tzinfo=UTC)
    return SimpleNamespace(
        priority=priority, state=state, created_at=at, started_at=at, completed_at=at
    )


async def test_each_process_has_a_port_of_its_own() -> None:
    first, second = Metrics(), Metrics()
    with first.served(0) as port, second.served(port, tries=20) as another:
        assert another > port
        with pytest.raises(zg.ConfigError, match=f"port {port}"), first.served(port):
            pass


async def test_they_are_fetched_from_this_machine_and_not_where_clients_ask(
    service: Service,
) -> None:
    answer = await ask(service.app, "GET", "/metrics")

    assert answer.status_code == 404


# -- Who draws ----------------------------------------------------------------------


def expressions() -> list[str]:
    """Return what the dashboard draws."""
    board = json.loads((DEPLOY / "grafana.json").read_text())
    return [
        target["expr"]
        for panel in board["panels"]
        for target in panel.get("targets", ())
    ]


def test_every_metric_that_is_drawn_or_watched_is_there() -> None:
    metrics = {
        sample
        for metric in Numbers().registry.collect()
        for sample in (metric.name, *_with_endings(metric.name))
    }
    text = "\n".join([*expressions(), (DEPLOY / "alerts.yml").read_text()])
    named = set(re.findall(r"\b(?:zg|http_server)_[a-z_]+", text))

    assert len(named) > 15
    assert named <= metrics


def _with_endings(name: str) -> list[str]:
    return [f"{name}_{end}" for end in ("total", "bucket", "count", "sum")]


def test_panels_do_not_cover_each_other() -> None:
    board = json.loads((DEPLOY / "grafana.json").read_text())
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y)
            for x in range(place["w"])
            for y in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))


def test_prometheus_reads_the_alerts_and_what_is_drawn(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    drawn = [{"record": "x", "expr": one} for one in expressions()]
    rules = tmp_path / "drawn.yml"
    rules.write_text(json.dumps({"groups": [{"name": "drawn", "rules": drawn}]}))

    for file in (DEPLOY / "alerts.yml", rules):
        checked = subprocess.run(
            [promtool, "check", "rules", file], capture_output=True, text=True
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
