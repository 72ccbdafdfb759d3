"""What plugins are written against only grows.

What there was is kept in ``tests/plugin_api_v1.json``. New names, hooks, parameters of
hooks and optional fields may come; to have them kept from then on, write it anew:

```text
python tests/contracts/test_plugin_api.py
```
"""

from __future__ import annotations

import inspect
import json
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from zg_core import hookspecs, plugin_api

GIVEN = {"Context", "Progress", "Workspace"}
"""Protocols that plugins are given; all others are what they make."""

FILE = Path(__file__).parent.parent / "plugin_api_v1.json"


def promised() -> dict[str, Any]:
    """Return what plugins may rely on now, as JSON."""
    public = {name: getattr(plugin_api, name) for name in plugin_api.__all__}
    return {
        "api": plugin_api.API,
        "names": sorted(public),
        "hooks": {
            name: list(inspect.signature(hook).parameters)
            for name, hook in sorted(vars(hookspecs).items())
            if name.startswith("zg_")
        },
        "records": {
            name: {
                field.name: "optional" if _optional(field) else "required"
                for field in fields(record)
                if field.init
            }
            for name, record in sorted(public.items())
            if isinstance(record, type) and is_dataclass(record)
        },
        "protocols": {
            name: {
                member: _parameters(vars(shape).get(member))
                for member in sorted({*vars(shape), *shape.__annotations__})
                if not member.startswith("_")
            }
            for name, shape in sorted(public.items())
            if getattr(shape, "_is_protocol", False)
        },
    }


def _optional(field: Any) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def _parameters(member: object) -> list[str]:
    """Return what a method takes; of a property or an attribute there is nothing."""
    if not inspect.isfunction(member):
        return []
    return [
        "*" * (parameter.kind is parameter.KEYWORD_ONLY)
        + str(parameter.replace(annotation=parameter.empty))
        for parameter in inspect.signature(member).parameters.values()
    ]


NOW = promised()
THEN: dict[str, Any] = json.loads(FILE.read_text()) if FILE.exists() else NOW


def test_the_version_is_the_one_that_was_promised() -> None:
    assert NOW["api"] == THEN["api"]


def test_no_name_is_gone() -> None:
    assert not set(THEN["names"]) - set(NOW["names"])


@pytest.mark.parametrize("hook", THEN["hooks"])
def test_no_hook_lost_a_parameter(hook: str) -> None:
    assert hook in NOW["hooks"]
    assert not set(THEN["hooks"][hook]) - set(NOW["hooks"][hook])


@pytest.mark.parametrize("record", THEN["records"])
def test_records_keep_their_fields_and_need_no_new_ones(record: str) -> None:
    now, then = NOW["records"].get(record, {}), THEN["records"][record]

    assert not then.keys() - now.keys()
    for field, need in now.items():
        if need == "required":
            assert then.get(field) == "required", f"{record}.{field} is needed now"


@pytest.mark.parametrize("name", THEN["protocols"])
def test_what_plugins_are_given_gives_no_less(name: str) -> None:
    now, then = NOW["protocols"].get(name, {}), THEN["protocols"][name]

    for member, parameters in then.items():
        assert member in now
        added = [parameter for parameter in now[member] if parameter not in parameters]
        assert [p for p in now[member] if p in parameters] == parameters
        assert all("=" in parameter for parameter in added)


@pytest.mark.parametrize("name", sorted(THEN["protocols"].keys() - GIVEN))
def test_what_plugins_make_needs_no_more(name: str) -> None:
    """An object that was enough is so: no new member, and no new argument."""
    assert NOW["protocols"][name] == THEN["protocols"][name]


if __name__ == "__main__":
    FILE.write_text(json.dumps(NOW, indent=1) + "\n")
