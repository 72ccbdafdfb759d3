"""The OpenAPI document: valid, and with examples that are what it says they are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from gateway.doors import JOBS, SERVICES, application
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from zg_plugins_builtin.gateway.http.cursors import Cursors
from zg_plugins_builtin.gateway.http.documented import CODES
from zg_plugins_builtin.gateway.http.examples import with_examples
from zg_plugins_builtin.gateway.http.services import Services
from zg_plugins_builtin.gateway.http.settings import HttpSettings

JSON = ("/json", "+json")


@cache
def document() -> dict[str, Any]:
    """Return the document of the whole service."""
    if SERVICES.target is None:
        nobody: Any = None
        SERVICES.target = Services(
            settings=HttpSettings(), authenticator=nobody, cursors=Cursors(b"c" * 32)
        )
        JOBS.target = SimpleNamespace(engine=None)
    return application().openapi()


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def bodies(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what is sent and what is answered as JSON, and where."""
    sent = operation.get("requestBody", {}).get("content", {})
    yield from (("request", m) for kind, m in sent.items() if kind.endswith(JSON))
    for status, response in operation["responses"].items():
        response = meant(response)
        for kind, media in response.get("content", {}).items():
            if kind.endswith(JSON):
                yield status, media


def meant(thing: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in thing:
        return thing
    found: Any = document()
    for part in thing["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def errors(value: Any, schema: dict[str, Any]) -> list[str]:
    whole = {**schema, "components": document()["components"]}
    checks = Draft202012Validator(
        whole, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    return [error.message for error in checks.iter_errors(value)]


def test_it_is_a_valid_document_of_openapi_3_1() -> None:
    assert document()["openapi"].startswith("3.1.")
    found = OpenAPIV31SpecValidator(document()).iter_errors()  # type: ignore[arg-type]

    assert [error.message for error in found] == []


def test_every_body_has_an_example_that_fits() -> None:
    checked = 0
    for name, operation in operations():
        for place, media in bodies(operation):
            assert "example" in media, f"{name} {place}"
            wrong = errors(media["example"], media.get("schema", {}))
            assert not wrong, f"{name} {place}: {wrong} in {media['example']}"
            checked += 1

    assert checked > 500


def test_every_parameter_that_is_needed_has_an_example_that_fits() -> None:
    for name, operation in operations():
        for parameter in operation.get("parameters", ()):
            if parameter["required"]:
                wrong = errors(parameter["example"], parameter["schema"])
                assert not wrong, f"{name} {parameter['name']}: {wrong}"


def test_every_operation_says_something_of_itself() -> None:
    ids = [operation["operationId"] for _, operation in operations()]
    silent = [name for name, o in operations() if not o.get("description")]

    assert len(set(ids)) == len(ids)
    assert not silent


def test_a_problem_has_a_schema_and_an_example_of_its_status() -> None:
    for name, operation in operations():
        if not name.partition(" ")[2].startswith("/api/v1/"):
            continue
        for status in ("401", "404", "422", "429", "500", "503"):
            response = meant(operation["responses"][status])
            media = response["content"]["application/problem+json"]
            schema = meant(media["schema"])

            assert set(schema["required"]) >= {"type", "title", "status", "code"}
            assert media["example"]["status"] == int(status)
            assert media["example"]["code"] in CODES


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "integer", "minimum": 7}, "minItems": 1},
        {"type": "string", "pattern": "^(new|old)_[0-9a-f]{32}$"},
        {"type": "object", "required": ["x"], "properties": {"x": {"type": "null"}}},
        {"anyOf": [{"type": "string", "minLength": 9}, {"type": "null"}]},
        {"type": "string", "enum": ["a", "b"]},
        {},
    ],
    ids=range(6),
)
def test_what_is_not_known_by_name_gets_what_fits(schema: dict[str, Any]) -> None:
    media: dict[str, Any] = {"schema": schema}
    answer = {"responses": {"200": {"content": {"application/json": media}}}}
    with_examples({"components": {}, "paths": {"/x": {"get": answer}}})

    assert Draft202012Validator(schema).is_valid(media["example"])
