"""The whole service, in a process of its own, with whatever may be sent to it.

All three ways in which Schemathesis tries an API out: every edge of what the document
says (coverage), what chance brings (fuzzing), and one request after another by the
links of the document (stateful).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from gateway.inhabited import Inhabited, inhabited
from hypothesis import HealthCheck, assume, given, settings
from hypothesis.errors import Unsatisfiable

schemathesis = pytest.importorskip("schemathesis")
from schemathesis.specs.openapi.checks import positive_data_acceptance  # noqa: E402

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1200)]

ENDS = ("/auth/logout", "/auth/sessions", "/sessions/{session_id}", "/kill-switch")
"""These would end the session that asks, or all work."""
BEYOND = "positive_data_acceptance"
"""What is valid may still be nobody's, or nothing that a key may do."""


@pytest.fixture(scope="module")
def service(wire: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inhabited]:
    with inhabited(tmp_path_factory.mktemp("home"), wire) as made:
        yield made


@pytest.fixture(scope="module")
def described(service: Inhabited) -> Any:
    schema = schemathesis.openapi.from_dict(service.described)
    # What is far too long never gets to be judged.
    refused = schema.config.checks.negative_data_rejection.expected_statuses
    refused += ["413", "431"]
    return schema


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_whatever_is_sent_is_answered_as_described(
    service: Inhabited, described: Any, mode: Any
) -> None:
    known = {"Authorization": f"Bearer {service.owner}"}
    asked = 0
    for operation in [found.ok() for found in described.get_all_operations()]:
        if not operation.path.endswith(ENDS):

            @settings(
                max_examples=12,
                deadline=None,
                derandomize=True,  # so that a change does not fail by luck
                suppress_health_check=list(HealthCheck),
                report_multiple_bugs=False,
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def answers(case: Any) -> None:
                # A list of nothing is no parameter at all, and so nothing wrong.
                assume(all(one not in ([], {}) for one in (case.query or {}).values()))
                case.call_and_validate(
                    base_url=service.serving.address,
                    headers=known,
                    excluded_checks=[positive_data_acceptance],
                )

            with suppress(Unsatisfiable):  # what takes nothing takes nothing wrong
                answers()
                asked += 1

    assert asked > 40


def test_every_edge_of_the_description_is_answered_as_it_says(
    service: Inhabited, tmp_path: Path
) -> None:
    told = tried(service, tmp_path, "coverage")

    assert told["test_cases"]["generated"] > 1000


def test_one_request_after_another_is_answered_as_described(
    service: Inhabited, tmp_path: Path
) -> None:
    told = tried(service, tmp_path, "stateful", "--max-examples", "150")

    assert told["test_cases"]["generated"] > 200
    assert told["operations"]["tested"] > 20


def tried(service: Inhabited, folder: Path, phase: str, *more: str) -> dict[str, Any]:
    """Have the tool try the service out as its users do; return what it reports."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run"),
            f"{service.serving.address}/openapi.json",
            *("--header", f"Authorization: Bearer {service.owner}"),
            *("--phases", phase, "--checks", "all", "--exclude-checks", BEYOND),
            *("--exclude-path-regex", "/auth/(logout|sessions)|/kill-switch"),
            *("--seed", "3", "--generation-database", "none", "--no-color"),
            *("--report", "json", "--report-json-path", str(folder / "report.json")),
            *more,
        ],
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": "gateway.sensible",
            "PYTHONPATH": str(Path(__file__).parents[1]),
        },
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=900,
    )
    told: dict[str, Any] = json.loads((folder / "report.json").read_text())
    assert told["failures"] == [], done.stdout
    assert done.returncode == 0, done.stdout + done.stderr
    return told
