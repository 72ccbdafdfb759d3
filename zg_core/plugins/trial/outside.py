"""What a plugin should leave as it is when it is loaded, and what it did to it."""

from __future__ import annotations

import builtins
import locale
import logging
import os
import signal
import sys
import threading
import types
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ..._isolation import contain

__all__ = ["Outside"]

_REPLACEABLE = (types.FunctionType, types.BuiltinFunctionType, type)


class Outside:
    """The state of this process that belongs to nobody's plugin, at one moment."""

    def __init__(self) -> None:
        self._environment = dict(os.environ)
        self._signals = {s: signal.getsignal(s) for s in signal.valid_signals()}
        self._threads = set(threading.enumerate())
        self._modules = dict(_modules())
        self._plain = {what: look() for what, look in _PLAIN.items()}

    def changes(self, now: Outside) -> list[str]:
        """Say in what *now* differs; values are left out, which may be secrets."""
        return [
            *self._variables(now),
            *(
                f"changes {what}"
                for what, value in self._plain.items()
                if now._plain[what] != value
            ),
            *(
                f"handles the signal {_signal_name(number)}"
                for number, handler in self._signals.items()
                if now._signals[number] != handler
            ),
            *(
                f"starts the thread {thread.name!r}"
                for thread in sorted(now._threads - self._threads, key=str)
            ),
            *(
                f"replaces {module}.{name}"
                for module, names in self._modules.items()
                for name, value in names.items()
                if now._modules.get(module, names).get(name) is not value
            ),
        ]

    def _variables(self, now: Outside) -> Iterable[str]:
        before, after = self._environment, now._environment
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                does = "sets" if name in after else "removes"
                yield f"{does} the environment variable {name}"


def _signal_name(number: int) -> str:
    with contain():  # real-time signals have none
        return signal.Signals(number).name
    return str(number)


def _modules() -> Iterable[tuple[str, dict[str, object]]]:
    """Yield the functions and classes of each module, and the methods of ours.

    Not the private ones: `typing_extensions` replaces some of `typing`.
    """
    modules: dict[str, object] = dict(sys.modules)  # anybody puts anything in there
    for name, module in modules.items():
        if not isinstance(module, types.ModuleType):
            continue
        found: dict[str, object] = {
            attribute: value
            for attribute, value in list(vars(module).items())
            # `isinstance` would ask what stands for a lazy import, and so replace it.
            if issubclass(type(value), _REPLACEABLE) and not attribute.startswith("_")
        }
        if name.partition(".")[0] in ("zg_core", "zg_plugins_builtin"):
            found |= {
                f"{attribute}.{method}": function
                for attribute, value in found.items()
                if isinstance(value, type) and value.__module__ == name
                for method, function in vars(value).items()
                if isinstance(function, types.FunctionType)
            }
        yield name, found


def _asyncio_policy() -> object:
    events = sys.modules.get("asyncio.events")
    return getattr(events, "_event_loop_policy", None)


def _socket_timeout() -> object:
    sockets = sys.modules.get("_socket")
    return sockets.getdefaulttimeout() if sockets else None


_PLAIN: Mapping[str, Callable[[], object]] = {
    "the working directory": lambda: str(Path.cwd()),
    "sys.path": lambda: list(sys.path),
    "sys.meta_path": lambda: list(map(id, sys.meta_path)),
    "sys.path_hooks": lambda: list(map(id, sys.path_hooks)),
    "sys.stdout": lambda: id(sys.stdout),
    "sys.stderr": lambda: id(sys.stderr),
    "sys.excepthook": lambda: sys.excepthook,
    "sys.displayhook": lambda: sys.displayhook,
    "sys.unraisablehook": lambda: sys.unraisablehook,
    "threading.excepthook": lambda: threading.excepthook,
    "the recursion limit": sys.getrecursionlimit,
    "the trace function": sys.gettrace,
    "the profile function": sys.getprofile,
    "the locale": lambda: locale.setlocale(locale.LC_ALL),
    "the root logger": lambda: (
        logging.root.level,
        list(map(id, logging.root.handlers)),
        list(map(id, logging.root.filters)),
    ),
    "what logging disables": lambda: logging.root.manager.disable,
    "the class of loggers": logging.getLoggerClass,
    "the filters of warnings": lambda: list(warnings.filters),
    "the names of builtins": lambda: sorted(vars(builtins)),
    "the event loop policy": _asyncio_policy,
    "the time-out of sockets": _socket_timeout,
}
