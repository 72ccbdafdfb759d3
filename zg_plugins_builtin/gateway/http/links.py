"""Links in the OpenAPI document: where one may go on from what was answered.

An answer that has a ``job_id`` leads to whatever takes a ``job_id`` in its path. Tools
that try an API out in sequences go by them, and people who read it too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

__all__ = ["with_links"]

_PARAMETER = re.compile(r"{(\w+)}")
_METHODS = ("get", "post", "put", "patch", "delete")
_GOOD = ("200", "201", "202")


def with_links(openapi: dict[str, Any]) -> dict[str, Any]:
    """Return an OpenAPI document whose answers say where one may go on.

    Args:
        openapi: What FastAPI made; it is changed.
    """
    schemas = openapi.get("components", {}).get("schemas", {})
    takers = list(_takers(openapi))
    for operations in openapi.get("paths", {}).values():
        for operation in operations.values():
            for status in _GOOD:
                response = operation.get("responses", {}).get(status)
                if response is not None:
                    links = _links(response, takers, schemas)
                    if links:
                        response["links"] = links
    return openapi


def _takers(openapi: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each operation that takes one id in its path, and the id's name."""
    for path, operations in openapi.get("paths", {}).items():
        names = _PARAMETER.findall(path)
        if len(names) == 1 and names[0].endswith("_id"):
            for method in _METHODS:
                if method in operations:
                    yield operations[method]["operationId"], names[0]


def _links(
    response: dict[str, Any], takers: list[tuple[str, str]], schemas: dict[str, Any]
) -> dict[str, Any]:
    content = response.get("content", {}).get("application/json", {})
    places = _places(content.get("schema", {}), schemas)
    return {
        operation: {
            "operationId": operation,
            "parameters": {name: f"$response.body#{places[name]}"},
        }
        for operation, name in takers
        if name in places
    }


def _places(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, str]:
    """Return where in an answer ids stand: in itself, or in the first of a list."""
    named = _properties(schema, schemas)
    places = {name: f"/{name}" for name in named if name.endswith("_id")}
    rows = named.get("data", {}).get("items", {})
    first = _properties(rows, schemas)
    listed = {n: f"/data/0/{n}" for n in first if n.endswith("_id")}
    return {**listed, **places}


def _properties(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    named = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = schemas.get(named, schema).get("properties", {})
    return found
