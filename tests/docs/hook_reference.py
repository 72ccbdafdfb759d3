"""Write the reference of hooks: ``python tests/docs/hook_reference.py``.

What it says comes from `zg_core.hookspecs`, whose docstrings are the contract, and
from `hook_examples`, which a test loads.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import MISSING, fields
from pathlib import Path

import hook_examples

from zg_core import hookspecs
from zg_core.plugins.hooks import HOOKS, KNOWN

PAGE = Path(__file__).parent.parent.parent / "docs" / "plugins" / "hooks.md"

_HEAD = """\
# Hooks

<!-- Made from zg_core/hookspecs.py by tests/docs/hook_reference.py; do not edit. -->

What a plugin can be.
An implementation is marked with `@zg.hookimpl`, and may leave out parameters.
A hook that is not known is a warning (`ZG203`), so that a newer plugin still loads.
When each of them runs is told in [what runs when](lifecycle.md).

"""


def page() -> str:
    """Return the page."""
    source = inspect.getsource(hookspecs)
    parts = [_HEAD]
    for section, names in _sections(source):
        parts.append(f"## {section}\n\n")
        parts += [_entry(name) for name in names]
    return "".join(parts).rstrip() + "\n"


def _sections(source: str) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for line in source.splitlines():
        if heading := re.fullmatch(r"# -- (.*?) -+", line):
            found.append((heading[1], []))
        elif hook := re.match(r"def (zg_\w+)", line):
            found[-1][1].append(hook[1])
    assert [name for _, names in found for name in names] == list(KNOWN)
    return found


def _entry(name: str) -> str:
    hook = getattr(hookspecs, name)
    about = inspect.getdoc(hook) or ""
    example = inspect.getsource(getattr(hook_examples, name)).rstrip()
    lines = [
        f"### `{name}`",
        f"`{name}{_signature(hook)}`",
        re.sub(r"(?<!\n)\n(?!\n)", " ", about).replace("``", "`"),
    ]
    if name in HOOKS:
        lines.append(_fields(name))
    lines.append(f"```py\n{example}\n```")
    return "\n\n".join(lines) + "\n\n"


def _signature(hook: object) -> str:
    return re.sub(r"'", "", str(inspect.signature(hook)))  # type: ignore[arg-type]


def _fields(name: str) -> str:
    spec = HOOKS[name][1]
    needed = [f.name for f in fields(spec) if _required(f)]
    optional = [f.name for f in fields(spec) if not _required(f)]
    text = ", ".join(f"`{field}`" for field in needed)
    rest = ", ".join(f"`{field}`" for field in optional)
    return f"`{spec.__name__}` needs {text}, and takes {rest}."


def _required(field: object) -> bool:
    default = getattr(field, "default", MISSING)
    return default is MISSING and getattr(field, "default_factory", None) is MISSING


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
