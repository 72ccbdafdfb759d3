"""What no OpenAPI document can say, told to Schemathesis: which names there are."""

from __future__ import annotations

import itertools
from typing import Any

import schemathesis

__all__: list[str] = []

NEW = itertools.count()
REAL: dict[str, dict[str, Any]] = {
    "/api/v1/objective": dict.fromkeys(
        ("agent", "workflow", "callback_url", "output_schema", "run_after", "budget")
    ),
    "/api/v1/api-keys": dict.fromkeys(("user_id", "expires_at"))
    | {"scopes": ["jobs:read"], "cidrs": []},
    "/api/v1/admin/users": {"roles": ["viewer"], "password": None},
    "/api/v1/admin/tenants": {},
}
"""By path, what a valid body has in its place; `None` leaves it out."""
ADDRESSES = ("email", "owner_email")


@schemathesis.hook  # type: ignore[untyped-decorator]
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Give what is valid names that there are, so that more comes of it."""
    path = case.operation.path
    meant = case.meta is not None and case.meta.generation.mode.is_positive
    if case.method == "POST" and path in REAL and meant and isinstance(case.body, dict):
        given = case.body | REAL[path]
        case.body = {name: value for name, value in given.items() if value is not None}
        for name in ADDRESSES:
            if name in case.body:
                case.body[name] = f"somebody-{next(NEW)}@host.example"
