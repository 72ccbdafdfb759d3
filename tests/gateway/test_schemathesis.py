"""The whole API against its own description, with whatever may be sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from gateway.asking import ADA, make_app
from gateway.test_server import ANY, serving
from hypothesis import HealthCheck, assume, settings

from zg_plugins_builtin.gateway.http.rates import RATES, Rate

schemathesis = pytest.importorskip("schemathesis")
pytestmark = pytest.mark.heavy

# More requests than any rate allows are sent here, by one who may.
GENEROUS = tuple(Rate(rate.name, 1_000_000, 1) for rate in RATES)
SCHEMA = schemathesis.openapi.from_dict(make_app().openapi())
# These raise on purpose what a handler must never let out as it is.
SCHEMA = SCHEMA.exclude(path_regex="/raises/")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(ANY, rates=GENEROUS) as server:
        host, port = server.address
        yield f"http://{host}:{port}"


@SCHEMA.parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_sent_is_answered_as_described(case: Any, url: str) -> None:
    known = {"Authorization": ADA["authorization"]}
    # A list of nothing is no parameter at all, and so nothing wrong.
    assume(all(one not in ([], {}) for one in (case.query or {}).values()))

    case.call_and_validate(base_url=url, headers=known)
