"""What ZeroGravity is told from outside, and where each value came from.

An argument goes before the environment (``ZG_…``), that before the project's
``zg.toml``, that before the user's own file, that before the default. A project's
file comes with a repository, from whomever: it may only choose a model and a
workflow among what is installed, and take away from what the user allows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from ._config_checks import check_file, check_project, leaves
from ._config_files import LOCK_FILE, find_project_file, home, read_file
from ._config_keys import KEYS, check_value, parse_value
from ._names import nearest, plugin_key
from .errors import ConfigError, InputError, UnknownNameError
from .usage import Limits

if TYPE_CHECKING:
    from .workflows import Approve

__all__ = [
    "Config",
    "check_file",
    "data_dir",
    "load_config",
    "lock_path",
    "misspelt_variables",
    "named_by",
    "user_file",
]

_ARGUMENT, _DEFAULT = "argument", "default"
_ROUTES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "technical": ("architect", "engineer", "operator"),
        "strategic": ("architect", "engineer", "designer"),
        "creative": ("architect", "designer", "operator"),
        "general": ("architect", "engineer", "designer", "operator"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One configuration, whole.

    Attributes:
        model: The models to try, in order: ``"anthropic:… , local:…"``.
        workflow: The workflow of a run that names none.
        classifier: The classifier that routes objectives.
        compactor: The agent that sums up conversations that grow too long.
        journal: Address of the journal: ``sqlite``, ``sqlite:///runs.db``,
            ``postgresql://user@host/database``, ``memory``.
        out: The folder that gets a folder for each run's files.
        server: The address of the server that ``zg`` has runs done by; `None`, or
            ``none``, is this machine.
        limits: The most a run may spend.
        limits_steps: The most that steps may spend, by name.
        prices: What models cost that the price table does not know, by name: US
            dollars by ``input_per_million`` and so on.
        concurrency: How many calls may be under way at once, by model or provider.
        retention_days: After how many days a run is forgotten; `None` is never.
        routes: The agents of each category of objectives.
        plugins_disable: Plugins that are not loaded.
        plugins_enable: Plugins that are loaded all the same.
        plugins_off: Whether only the built-in plugin is loaded.
        plugins_strict: Whether anything wrong with a plugin is an error.
        plugins_policy: Which plugins may be loaded: all, those that are allowed by
            name, or those that are locked.
        plugins_allow: The plugins that the policy ``allowlist`` allows.
        plugins_local: Files that are plugins, beside the installed ones.
        plugins_config: The section of each plugin, by its id.
        overrides_agents: What each agent's name is to mean instead; likewise
            ``overrides_tools`` and so on for other kinds.
        approve: Which tool calls a person is asked about, as in `RunOptions`.
        approvals_expire_seconds: How long a question waits for a person.
        approvals_on_expiry: What then holds of a call: it is refused (``reject``), or
            the step fails (``fail``).
        guardrails_enabled: The guardrails, in the order in which they check.
        guardrails: What holds for each, by its name as it is written there.
        exporters_enabled: The exporters that get events.
        observers_enabled: The plugins whose hooks observe runs.
        origins: Where values came from, by dotted key; see `origin`.
    """

    model: str | None = None
    workflow: str = "adaptive"
    classifier: str = "trained"
    compactor: str = "summarist"
    journal: str = "sqlite"
    out: str = "zg-runs"
    server: str | None = None
    limits: Limits = Limits()
    limits_steps: Mapping[str, Limits] = field(default_factory=dict)
    prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    concurrency: Mapping[str, int] = field(default_factory=dict)
    retention_days: int | None = None
    routes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _ROUTES)
    plugins_disable: tuple[str, ...] = ()
    plugins_enable: tuple[str, ...] = ()
    plugins_off: bool = False
    plugins_strict: bool = False
    plugins_policy: str = "open"
    plugins_allow: tuple[str, ...] = ()
    plugins_local: tuple[str, ...] = ()
    plugins_config: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict, repr=False
    )
    overrides_agents: Mapping[str, str] = field(default_factory=dict)
    overrides_tools: Mapping[str, str] = field(default_factory=dict)
    overrides_providers: Mapping[str, str] = field(default_factory=dict)
    overrides_classifiers: Mapping[str, str] = field(default_factory=dict)
    overrides_workflows: Mapping[str, str] = field(default_factory=dict)
    approve: Approve = "risky"
    approvals_expire_seconds: float = 86_400.0
    approvals_on_expiry: Literal["reject", "fail"] = "reject"
    guardrails_enabled: tuple[str, ...] = ()
    guardrails: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    exporters_enabled: tuple[str, ...] = ()
    observers_enabled: tuple[str, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)

    def origin(self, key: str) -> str:
        """Return where the value of a dotted key came from, for people."""
        return self.origins.get(key, _DEFAULT)

    def is_set(self, key: str) -> bool:
        """Tell whether a variable or a file sets a dotted key."""
        return self.origin(key) not in (_ARGUMENT, _DEFAULT)

    @property
    def overrides(self) -> dict[str, str]:
        """What the user put in the place of something else, by ``"kind:name"``."""
        tables = {
            "agent": self.overrides_agents,
            "tool": self.overrides_tools,
            "provider": self.overrides_providers,
            "classifier": self.overrides_classifiers,
            "workflow": self.overrides_workflows,
        }
        return {
            f"{kind}:{name}": target
            for kind, table in tables.items()
            for name, target in table.items()
        }

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield every dotted key with its value, in the order of the documentation."""
        for key in KEYS:
            table, _, name = key.rpartition(".")
            if key == "limits.steps.*":
                held = self.limits_steps.items()
                yield from ((f"{table}.{step}", _given(most)) for step, most in held)
            elif name == "*":
                values = getattr(self, table.replace(".", "_"))
                yield from ((f"{table}.{name}", v) for name, v in values.items())
            elif table == "limits":
                yield key, getattr(self.limits, name)
            else:
                yield key, getattr(self, key.replace(".", "_"))


def _given(limits: Limits) -> dict[str, float]:
    return {name: value for name, value in asdict(limits).items() if value is not None}


def user_file(environ: Mapping[str, str] | None = None) -> Path:
    """Return the path of the user's own file, whether or not it exists."""
    folder = home(os.environ if environ is None else environ)
    if folder is None:
        from platformdirs import user_config_path

        folder = user_config_path("zerogravity", appauthor=False)
    return folder / "config.toml"


def data_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder of the journal and of models, whether or not it exists."""
    folder = home(os.environ if environ is None else environ)
    if folder is None:
        from platformdirs import user_data_path

        folder = user_data_path("zerogravity", appauthor=False)
    return folder


def lock_path(
    *, cwd: Path | None = None, environ: Mapping[str, str] | None = None
) -> Path:
    """Return the path of the file that locks plugins, whether or not it exists.

    It stands beside the project's file; without one, beside the user's own.

    Args:
        cwd: Where to look for the project's file; the current directory if `None`.
        environ: The environment; the process's if `None`.
    """
    project = find_project_file(cwd or _here())
    beside = project.path if project else user_file(environ)
    return beside.with_name(LOCK_FILE)


def load_config(
    overrides: Mapping[str, object] = MappingProxyType({}),
    *,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Read the configuration that holds in a folder.

    Args:
        overrides: Values that go before all others, by dotted key
            (``{"limits.usd": 1}``); those that are `None` are left out.
        cwd: Where to look for the project's file; the current directory if `None`.
        environ: The environment; the process's if `None`.

    Raises:
        ConfigError: If a file cannot be read, a key is unknown or not allowed
            where it stands, or a value does not fit.
    """
    environ = os.environ if environ is None else environ
    merged = _Merged()
    own = user_file(environ)
    if file := read_file(own):
        merged.add(f"user file {file.path}", check_file(file))
    if file := find_project_file(cwd or _here()):
        values = check_file(file)
        check_project(file, values, own)
        merged.narrow(f"project file {file.path}", values)
    for key, known in KEYS.items():
        name = known.variable
        if name and (text := environ.get(name)):
            value = parse_value(key, text, f"the variable {name}")
            merged.add(f"environment {name}", {key: value})
    given = {key: value for key, value in overrides.items() if value is not None}
    values = {k: check_value(k, v, "the arguments") for k, v in leaves(given)}
    merged.add(_ARGUMENT, values)
    return merged.config()


@contextmanager
def named_by(config: Config, key: str) -> Iterator[None]:
    """Look for what the configuration names, and say of it where that was set.

    What the command line or the caller names stays the error that it is.

    Raises:
        ConfigError: If a variable or a file names what is not there, or a file that
            cannot be used.
    """
    try:
        yield
    except (UnknownNameError, InputError) as error:
        if not config.is_set(key):
            raise
        origin = config.origin(key)
        what = key if "." in key else f"the {key}"
        raise ConfigError(
            f"{error.cause}; {what} is set by {origin}", error.remedy, **error.details
        ) from error


def misspelt_variables(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return variables that look like ours but are none, and what was meant.

    They are no error: ``ZG_…`` may be a plugin's as well.
    """
    known = {"ZG_HOME", *(key.variable for key in KEYS.values() if key.variable)}
    names = os.environ if environ is None else environ
    others = [n for n in names if n.startswith("ZG_") and n not in known]
    return {name: close for name in others if (close := nearest(name, known))}


def _split_table(key: str) -> tuple[str, str]:
    """Return the field that holds a table of named values, and the name in it."""
    stems = (k.removesuffix("*") for k in KEYS if k.endswith("*"))
    stem = next(stem for stem in stems if key.startswith(stem))
    return stem.removesuffix(".").replace(".", "_"), key.removeprefix(stem)


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise ConfigError(
            "the folder this was called in is no longer there", "go to another one"
        ) from error


class _Merged:
    """The values so far, and their origins."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._origins: dict[str, str] = {}

    def add(self, origin: str, values: Mapping[str, Any]) -> None:
        """Put *values* before those there are; but what is disabled stays so."""
        for key, value in values.items():
            if key == "plugins.disable":  # whoever names a plugin last, named it
                self._origins |= {f"{key}.{name}": origin for name in value}
            if key.startswith("limits.steps.") and key in self._values:
                self._values[key] = {**self._values[key], **value}
                self._origins[key] += f", {origin}"
            elif key == "plugins.disable" and key in self._values:
                self._values[key] = tuple(dict.fromkeys((*self._values[key], *value)))
                self._origins[key] += f", {origin}"
            else:
                self._values[key], self._origins[key] = value, origin

    def narrow(self, origin: str, values: Mapping[str, Any]) -> None:
        """Put *values* before those there are, except where they would allow more."""
        for key, value in values.items():
            held = self._values.get(key)
            if key.startswith("limits.steps."):
                held = held or {}
                value = {k: v for k, v in value.items() if v < held.get(k, inf)}
                if not value:
                    continue
            elif key.startswith("limits.") and held is not None and held <= value:
                continue
            if key == "plugins.strict" and held:
                continue
            self.add(origin, {key: value})

    def config(self) -> Config:
        fields: dict[str, Any] = {}
        limits: dict[str, Any] = {}
        steps: dict[str, Limits] = {}
        routes = dict(_ROUTES)
        sections: dict[str, Mapping[str, Any]] = {}
        origins: dict[str, str] = {}
        for key, value in self._values.items():
            if key.startswith("limits.steps."):
                steps[key.removeprefix("limits.steps.")] = Limits(**value)
            elif key.startswith("limits."):
                limits[key.removeprefix("limits.")] = value
            elif key.startswith("routes."):
                routes[key.removeprefix("routes.")] = value
            elif key.startswith("plugins.config."):
                plugin = plugin_key(key.removeprefix("plugins.config."))
                sections[plugin] = value
                origins[f"plugins.config.{plugin}"] = self._origins[key]
            elif key not in KEYS:
                table, name = _split_table(key)
                fields.setdefault(table, {})[name] = value
            else:
                fields[key.replace(".", "_")] = value
        return Config(
            **fields,
            limits=Limits(**limits),
            limits_steps=steps,
            routes=routes,
            plugins_config=sections,
            origins={**self._origins, **origins},
        )
