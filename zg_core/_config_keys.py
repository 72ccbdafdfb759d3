"""What there is to configure: every key, what it takes, and who may set it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ._names import is_name, nearest
from ._prices import PER_MILLION
from .errors import ConfigError

__all__ = [
    "KEYS",
    "PROJECT_KEYS",
    "TABLES",
    "Key",
    "check_value",
    "is_for_projects",
    "parse_value",
]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value.

    Attributes:
        expected: What it is, for people.
        read: Returns a value in its final form; raises `ValueError` if it is none.
        parse: Makes a value of text, as the environment has it.
    """

    expected: str
    read: Callable[[object], object]
    parse: Callable[[str], object] = str


@dataclass(frozen=True, slots=True)
class Key:
    """One thing to configure.

    Attributes:
        kind: What its value may be.
        variable: The environment variable that may set it.
        user: Whether the user's file may set it.
        project: Whether a project's file may.
    """

    kind: Kind
    variable: str | None = None
    user: bool = True
    project: bool = False


def _text(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise ValueError


def _amount(value: object) -> float:
    if isinstance(value, int | float) and value is not True and 0 < value < 1e18:
        return float(value)
    raise ValueError


def _count(value: object) -> int:
    if isinstance(value, int) and value is not True and value > 0:
        return value
    raise ValueError


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError


def _parse_flag(text: str) -> object:
    flags = {"1": True, "true": True, "yes": True, "on": True}
    flags |= {"0": False, "false": False, "no": False, "off": False}
    return flags.get(text.lower())


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, list | tuple):
        return tuple(dict.fromkeys(map(_text, value)))
    raise ValueError


def _some_names(value: object) -> tuple[str, ...]:
    if names := _names(value):
        return names
    raise ValueError


def _parse_names(text: str) -> object:
    return [name for name in map(str.strip, text.split(",")) if name]


def _section(value: object) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise ValueError


def _qualified(value: object) -> str:
    text = _text(value)
    plugin, separator, name = text.rpartition(":")
    if plugin and separator and is_name(name):
        return text
    raise ValueError


def _policy(value: object) -> str:
    if value in ("open", "allowlist", "locked"):
        return str(value)
    raise ValueError


def _approve(value: object) -> str:
    if value in ("never", "risky", "always"):
        return str(value)
    raise ValueError


def _on_expiry(value: object) -> str:
    if value in ("reject", "fail"):
        return str(value)
    raise ValueError


def _guardrail(value: object) -> Mapping[str, Any]:
    rules = _section(value)
    if (
        rules.keys() - {"on_error", "timeout_seconds"}
        or rules.get("on_error", "block") not in ("block", "allow")
        or not _amount(rules.get("timeout_seconds", 1))
    ):
        raise ValueError
    return rules


def _some_limits(value: object) -> Mapping[str, float]:
    readers = {"usd": _amount, "tokens": _count, "calls": _count, "seconds": _amount}
    return {name: readers[name](most) for name, most in _table(value, readers).items()}


def _price(value: object) -> Mapping[str, float]:
    rates = _table(value, PER_MILLION)
    if any(needed and name not in rates for name, needed in PER_MILLION.items()):
        raise ValueError
    return {name: _rate(rate) for name, rate in rates.items()}


def _rate(value: object) -> float:
    return 0.0 if value == 0 and value is not False else _amount(value)


def _table(value: object, names: Collection[str]) -> Mapping[str, Any]:
    table = _section(value)
    if table.keys() <= set(names):
        return table
    raise ValueError


_TEXT = Kind("text", _text)
_AMOUNT = Kind("a number above zero", _amount, float)
_COUNT = Kind("a whole number above zero", _count, int)
_FLAG = Kind("true or false", _flag, _parse_flag)
_PLUGINS = Kind("a list of names of plugins", _names, _parse_names)
_AGENTS = Kind("a list of names of agents", _some_names, _parse_names)
_SECTION = Kind("a table", _section)
_LIST = Kind("a list of names", _names, _parse_names)
_QUALIFIED = Kind("a qualified name such as 'zg-words:count'", _qualified)
_POLICY = Kind("'open', 'allowlist' or 'locked'", _policy)
_APPROVE = Kind("'never', 'risky' or 'always'", _approve)
_ON_EXPIRY = Kind("'reject' or 'fail'", _on_expiry)
_RULES = Kind(
    "a table with on_error ('block' or 'allow') and timeout_seconds", _guardrail
)
_LIMITS = Kind("a table of usd, tokens, calls and seconds, above zero", _some_limits)
_PRICE = Kind(
    "a table of input_per_million and output_per_million, and if need be of "
    "cached_per_million and cache_write_per_million, in US dollars",
    _price,
)

KEYS: Mapping[str, Key] = MappingProxyType(
    {
        "model": Key(_TEXT, "ZG_MODEL", project=True),
        "workflow": Key(_TEXT, "ZG_WORKFLOW", project=True),
        "classifier": Key(_TEXT, "ZG_CLASSIFIER"),
        "compactor": Key(_TEXT),
        "journal": Key(_TEXT, "ZG_JOURNAL"),
        "out": Key(_TEXT, "ZG_OUT"),
        "server": Key(_TEXT, "ZEROGRAVITY_SERVER"),
        "limits.usd": Key(_AMOUNT, "ZG_LIMITS_USD", project=True),
        "limits.tokens": Key(_COUNT, "ZG_LIMITS_TOKENS", project=True),
        "limits.calls": Key(_COUNT, "ZG_LIMITS_CALLS", project=True),
        "limits.seconds": Key(_AMOUNT, "ZG_LIMITS_SECONDS", project=True),
        "limits.steps.*": Key(_LIMITS, project=True),
        "prices.*": Key(_PRICE),
        "concurrency.*": Key(_COUNT),
        "retention_days": Key(_COUNT, "ZG_RETENTION_DAYS"),
        "routes.*": Key(_AGENTS),
        "plugins.disable": Key(_PLUGINS, "ZG_PLUGINS_DISABLE", project=True),
        "plugins.enable": Key(_PLUGINS, user=False),
        "plugins.off": Key(_FLAG, "ZG_DISABLE_PLUGINS", user=False),
        "plugins.strict": Key(_FLAG, "ZG_STRICT_PLUGINS", project=True),
        "plugins.policy": Key(_POLICY, "ZG_PLUGINS_POLICY"),
        "plugins.allow": Key(_PLUGINS),
        "plugins.local": Key(Kind("a list of files", _names)),
        "plugins.config.*": Key(_SECTION),
        "overrides.agents.*": Key(_QUALIFIED),
        "overrides.tools.*": Key(_QUALIFIED),
        "overrides.providers.*": Key(_QUALIFIED),
        "overrides.classifiers.*": Key(_QUALIFIED),
        "overrides.workflows.*": Key(_QUALIFIED),
        "approve": Key(_APPROVE, "ZG_APPROVE"),
        "approvals.expire_seconds": Key(_AMOUNT, "ZG_APPROVALS_EXPIRE_SECONDS"),
        "approvals.on_expiry": Key(_ON_EXPIRY, "ZG_APPROVALS_ON_EXPIRY"),
        "guardrails.enabled": Key(_LIST, "ZG_GUARDRAILS"),
        "guardrails.*": Key(_RULES),
        "exporters.enabled": Key(_LIST, "ZG_EXPORTERS"),
        "observers.enabled": Key(_PLUGINS, "ZG_OBSERVERS"),
    }
)
"""Every key, in the order in which they are shown; ``*`` stands for any name."""

TABLES = (
    "limits",
    "limits.steps",
    "prices",
    "concurrency",
    "routes",
    "plugins",
    "plugins.config",
    "overrides",
    "overrides.agents",
    "overrides.tools",
    "overrides.providers",
    "overrides.classifiers",
    "overrides.workflows",
    "approvals",
    "guardrails",
    "exporters",
    "observers",
)
PROJECT_KEYS = ", ".join(name for name, key in KEYS.items() if key.project)


def check_value(key: str, value: object, where: str, **details: Any) -> Any:
    """Return *value* in the form the dotted *key* wants.

    Args:
        key: The key.
        value: As it was found.
        where: Where it was found, for people.
        **details: Where it was found, as data.

    Raises:
        ConfigError: If there is no such key, or the value does not fit it.
    """
    expected = "a table"
    try:
        if key not in TABLES:
            kind = _find(key, where, details).kind
            expected = kind.expected
            return kind.read(value)
    except ValueError:
        pass
    # What stands in a plugin's section may be a secret.
    shown = "" if key.startswith("plugins.config") else f", not {value!r:.60}"
    raise ConfigError(
        f"{key!r} in {where} must be {expected}{shown}",
        "correct it, or remove it",
        key=key,
        **details,
    )


def is_for_projects(key: str) -> bool:
    """Tell whether a project's file may set a dotted key."""
    return key.startswith("limits.steps.") or (key in KEYS and KEYS[key].project)


def parse_value(key: str, text: str, where: str) -> Any:
    """Return the value that *text* means for the dotted *key*.

    Raises:
        ConfigError: If there is no such key, or the value does not fit it.
    """
    try:
        value = _find(key, where, {}).kind.parse(text.strip())
    except ValueError:
        value = None
    return check_value(key, text if value is None else value, where)


def _find(name: str, where: str, details: Mapping[str, Any]) -> Key:
    for known, key in KEYS.items():
        stem = known.removesuffix("*")
        if name == known or (stem != known and name.startswith(stem) and name != stem):
            return key
    close = nearest(name, (known.removesuffix(".*") for known in KEYS))
    raise ConfigError(
        f"there is no setting {name!r}, which stands in {where}",
        f"did you mean {close!r}?" if close else "remove it; `zg config` lists them",
        key=name,
        **details,
    )
