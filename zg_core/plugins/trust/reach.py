"""Read from a tool's source what it could reach, and run none of it.

A hint for people, and no more: it sees the imports of the module that defines the
tool, and neither what that one calls elsewhere nor what is hidden on purpose.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from ..._isolation import contain

__all__ = ["Undeclared", "undeclared"]

_REACH: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "network": (
            *("aiohttp", "ftplib", "http.client", "httpx", "imaplib", "paramiko"),
            *("poplib", "requests", "smtplib", "socket", "telnetlib", "urllib.request"),
            *("urllib3", "websockets", "xmlrpc.client"),
        ),
        "exec": ("ctypes", "multiprocessing", "pexpect", "pty", "subprocess"),
        "secrets": ("getpass", "keyring"),
    }
)
"""What a module is likely to reach that imports one of these.

Not ``files``: there is no need to import anything to open one.
"""

_BUILTINS = ("frozenset", "set")
_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Undeclared:
    """What a tool could reach and does not say.

    Attributes:
        tool: Its name, as far as it stands in the source.
        capability: What it does not declare: ``network``.
        module: Where it is.
        imports: What that imports.
    """

    tool: str
    capability: str
    module: str
    imports: str


@dataclass(frozen=True, slots=True)
class _Tool:
    name: str
    module: str
    declared: frozenset[str]


def undeclared(sources: Mapping[str, str]) -> list[Undeclared]:
    """Return what the tools of a package could reach and do not declare.

    Args:
        sources: The text of its modules by dotted name; what cannot be parsed is
            passed over.
    """
    trees: dict[str, ast.Module] = {}
    for module, text in sorted(sources.items()):
        with contain():  # a SyntaxError, or one of several for strange sources
            trees[module] = ast.parse(text)
    tools = [tool for module, tree in trees.items() for tool in _tools(module, tree)]
    return [
        Undeclared(tool.name, capability, tool.module, imported)
        for tool in tools
        if tool.module in trees
        for capability, imported in _reached(trees[tool.module])
        if capability not in tool.declared
    ]


def _reached(tree: ast.Module) -> Iterator[tuple[str, str]]:
    imported = set(_imports(tree))
    for capability, modules in _REACH.items():
        for module in modules:
            if any(f"{name}.".startswith(f"{module}.") for name in imported):
                yield capability, module
                break


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _tools(module: str, tree: ast.Module) -> Iterator[_Tool]:
    """Yield the functions marked as tools, and the specs of others."""
    for node in ast.walk(tree):
        if isinstance(node, _Function):
            for mark in node.decorator_list:
                call = mark if isinstance(mark, ast.Call) else None
                if _name(call.func if call else mark) == "tool":
                    name = _text(call, "name") or node.name
                    yield _Tool(name, module, _declared(call))
        elif isinstance(node, ast.Call) and _name(node.func) == "ToolSpec":
            where = _text(node, "factory").partition(":")[0] or module
            yield _Tool(_text(node, "name") or "?", where, _declared(node))


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _argument(call: ast.Call | None, name: str) -> ast.expr | None:
    keywords = call.keywords if call else []
    return next((word.value for word in keywords if word.arg == name), None)


def _text(call: ast.Call | None, name: str) -> str:
    value = _argument(call, name)
    constant = value.value if isinstance(value, ast.Constant) else ""
    return constant if isinstance(constant, str) else ""


def _declared(call: ast.Call | None) -> frozenset[str]:
    value = _argument(call, "capabilities")
    nodes = list(ast.walk(value)) if value else []
    if any(isinstance(n, ast.Name) and n.id not in _BUILTINS for n in nodes):
        return frozenset(_REACH)  # a variable; to know it the code would have to run
    return frozenset(
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
