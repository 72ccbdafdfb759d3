"""Connect plugins to our hooks, with pluggy, and refuse what does not fit.

pluggy declares, validates and collects. It does not call: its calls stop at the
first plugin that fails, and lose what the others said.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from types import MappingProxyType, ModuleType
from typing import Any

import pluggy

from .. import hookspecs
from .._isolation import contain
from .._names import nearest
from ..registry import Kind
from ..specs import (
    AgentSpec,
    ClassifierSpec,
    CommandSpec,
    ExporterSpec,
    GuardrailSpec,
    JournalSpec,
    ProviderSpec,
    RuntimeSpec,
    Spec,
    ToolSpec,
    WorkflowSpec,
)
from .diagnose import Findings

__all__ = ["HOOKS", "KNOWN", "HookManager"]

HOOKS: Mapping[str, tuple[Kind, type[Spec]]] = MappingProxyType(
    {
        "zg_register_agents": ("agent", AgentSpec),
        "zg_register_tools": ("tool", ToolSpec),
        "zg_register_providers": ("provider", ProviderSpec),
        "zg_register_classifiers": ("classifier", ClassifierSpec),
        "zg_register_exporters": ("exporter", ExporterSpec),
        "zg_register_guardrails": ("guardrail", GuardrailSpec),
        "zg_register_workflows": ("workflow", WorkflowSpec),
        "zg_register_journals": ("journal", JournalSpec),
        "zg_register_runtimes": ("runtime", RuntimeSpec),
        "zg_register_commands": ("command", CommandSpec),
    }
)
"""What each hook offers, and the specs it returns, in the order they are asked."""

KNOWN: tuple[str, ...] = tuple(n for n in vars(hookspecs) if n.startswith("zg_"))
"""All hooks there are, in the order of their file."""


class _Hooks:
    """What a plugin is to pluggy: its hooks, and not the object itself.

    pluggy compares the plugins it has, and would ask a plugin's own ``__eq__``.
    """

    def __init__(self) -> None:
        self.marks: dict[str, Any] = {}

    def take(self, name: str, marks: Any, implementation: object) -> None:
        """Add a hook, and how it is marked."""
        self.marks[name] = marks
        setattr(self, name, implementation)


class HookManager(pluggy.PluginManager):
    """The hooks of one host's plugins.

    Args:
        specs: The module or object that declares the hooks.
    """

    def __init__(self, specs: ModuleType | type = hookspecs) -> None:
        super().__init__(hookspecs.PROJECT)
        self._specs = specs
        self._known = tuple(n for n in vars(specs) if n.startswith("zg_"))
        # By hook, and by hook and argument, why it should not be used any more.
        self._deprecated: dict[tuple[str, str], object] = {}
        self.add_hookspecs(specs)

    def connect(
        self, plugin: object, findings: Findings
    ) -> list[tuple[str, pluggy.HookImpl]]:
        """Connect a plugin's hooks, or none of them, and return them.

        Args:
            plugin: The plugin's module or object.
            findings: Where to note what does not fit; it has the plugin's id.
        """
        with contain() as caught:
            self.register(self._hooks(plugin, findings), findings.plugin)
        if caught.error:
            findings.add("ZG202", "its hooks do not fit", error=caught.error)
            return []
        return [
            (hook, implementation)
            for hook in self._known
            for implementation in getattr(self.hook, hook).get_hookimpls()
            if implementation.plugin_name == findings.plugin
        ]

    def parse_hookspec_opts(self, module_or_class: Any, name: str) -> Any:
        """Return how a hook is declared, and keep what is deprecated of it.

        pluggy would print that as Python's warnings; we have diagnostics.
        """
        marks = super().parse_hookspec_opts(module_or_class, name)
        if marks is None:
            return None
        warnings = {"": marks["warn_on_impl"], **(marks["warn_on_impl_args"] or {})}
        self._deprecated |= {(name, arg): w for arg, w in warnings.items() if w}
        return {**marks, "warn_on_impl": None, "warn_on_impl_args": None}

    def parse_hookimpl_opts(self, plugin: object, name: str) -> Any:
        """Return how an attribute is marked; `None` for one that is no hook."""
        if isinstance(plugin, _Hooks):
            return plugin.marks.get(name)
        return super().parse_hookimpl_opts(plugin, name)

    def _hooks(self, plugin: object, findings: Findings) -> _Hooks:
        """Return the hooks that may be connected, and note the others.

        Raises:
            TypeError: If one of them asks for what no hook of its name gets.
        """
        hooks = _Hooks()
        marked = 0
        for name in dir(plugin):
            marks = self.parse_hookimpl_opts(plugin, name)
            if marks is None:
                if name in self._known:
                    getattr(plugin, name)  # a property, say, whose failure is shown
                continue
            marked += 1
            hook = marks.get("specname") or name
            if hook not in self._known:
                if not marks.get("optionalhook"):
                    _note_unknown(hook, self._known, findings)
            elif marks.get("wrapper") or marks.get("hookwrapper"):
                findings.add("ZG205", f"{hook} wraps other plugins' hooks; none can")
            else:
                implementation = getattr(plugin, name)
                _check_arguments(hook, implementation, self._specs)
                self._note_deprecated(hook, implementation, findings)
                hooks.take(name, marks, implementation)
        if not marked:
            findings.add("ZG204", "has no hooks: nothing in it is a `hookimpl`")
        return hooks

    def _note_deprecated(
        self, hook: str, implementation: Any, findings: Findings
    ) -> None:
        asked = {"", *inspect.signature(implementation).parameters}
        for (name, argument), why in self._deprecated.items():
            if name == hook and argument in asked:
                findings.add("ZG231", f"{why} ({_place(implementation)})")


def _place(implementation: Any) -> str:
    """Return the file and line of a hook, for the plugin's authors."""
    code = getattr(inspect.unwrap(implementation), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else "no Python code"


def _note_unknown(hook: str, known: Iterable[str], findings: Findings) -> None:
    close = nearest(hook, known)
    meant = f"; {close!r} may be meant" if close else ""
    findings.add("ZG203", f"has a hook {hook!r}, which is not known{meant}")


def _check_arguments(hook: str, implementation: Any, specs: object) -> None:
    allowed = list(inspect.signature(getattr(specs, hook)).parameters)
    for parameter in inspect.signature(implementation).parameters.values():
        asked = parameter.kind in (
            inspect.Parameter.POSITIONAL_ONLY,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
        )
        if (
            asked
            and parameter.name not in allowed
            and parameter.default is parameter.empty
        ):
            raise TypeError(
                f"{hook} asks for {parameter.name!r}; it may ask for: "
                + ", ".join(allowed)
            )
