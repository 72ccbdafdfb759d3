"""What installed plugins cost commands that need none of them.

With manifests it should be nothing to speak of, however many there are: within a
fifth of none at all. Of the plugins with one, every tenth imports something slow,
and five would hang or end the process if they were imported. Fifty plugins without,
which are imported to be listed, and import nothing themselves, may take 250 ms; and
a thousand distributions that are no plugins 100 ms.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from _measure import CommandBenchmark, Row, show

__all__ = ["BENCHMARK", "PluginBenchmark"]

_LAZY = """
import zg_core.plugin_api as zg

@zg.hookimpl
def zg_register_agents():
    return [zg.AgentSpec(name={agent!r}, factory="{module}.agents:make")]

@zg.hookimpl
def zg_register_tools():
    names = {tools!r}
    return [zg.ToolSpec(name=name, factory="{module}.tools:make") for name in names]
"""
_SLOW = """
import time
end = time.process_time() + 0.3
while time.process_time() < end:
    pass
"""
_FATAL = (
    "import time\ntime.sleep(3600)\n",
    "import os\nos._exit(3)\n",
    "raise SystemExit(0)\n",
    "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n",
    "raise RuntimeError('broken')\n",
)
_COMMANDS = (["--help"], ["plugins"], ["agents"])


def _install(folder: Path, number: int, code: str, *, manifest: bool) -> None:
    """Install a plugin with an agent and two tools, as an installer leaves it."""
    module = f"zg_number_{number}"
    agent, tools = f"agent-{number}", [f"tool-{number}-a", f"tool-{number}-b"]
    package = folder / module
    package.mkdir()
    lazy = _LAZY.format(module=module, agent=agent, tools=tools)
    (package / "__init__.py").write_text(code + lazy)
    entry_points = f"[zerogravity.plugins]\nnumber = {module}\n"
    if manifest:
        entry_points += f"[zerogravity.manifests]\nnumber = {module}:zg_plugin.json\n"
        document = {
            "manifest_version": 1,
            "api": 1,
            "contributes": {
                "agents": [{"name": agent, "description": "Does what is asked."}],
                "tools": [{"name": tool, "effect": "read"} for tool in tools],
            },
            "capabilities": [],
        }
        (package / "zg_plugin.json").write_text(json.dumps(document, indent=2))
    _metadata(folder, f"zg-number-{number}", entry_points, "zerogravity>=0.1")


def _metadata(folder: Path, name: str, entry_points: str, *requires: str) -> None:
    metadata = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir()
    lines = ["Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0"]
    lines += [f"Requires-Dist: {each}" for each in requires]
    readme = "A line of the description.\n" * 100
    (metadata / "METADATA").write_text("\n".join([*lines, "", readme]))
    (metadata / "RECORD").write_text(f"{metadata.name}/METADATA,,\n")
    (metadata / "entry_points.txt").write_text(entry_points)


def _code(number: int, count: int) -> str:
    """Return what a plugin does when it is imported, besides offering something."""
    if count > len(_FATAL) and number % (count // len(_FATAL)) == 1:
        return _FATAL[number * len(_FATAL) // count]
    return _SLOW if number % 10 == 5 else ""


def _sites(root: Path) -> Iterator[tuple[str, Path]]:
    for count in (0, 1, 50, 100):
        folder = root / f"manifests-{count}"
        folder.mkdir()
        for number in range(count):
            _install(folder, number, _code(number, count), manifest=True)
        yield f"{count} with manifests", folder
    lazy = root / "lazy"
    lazy.mkdir()
    for number in range(50):
        _install(lazy, number, "", manifest=False)
    yield "50 lazy ones without", lazy
    unrelated = root / "unrelated"
    unrelated.mkdir()
    for number in range(1000):
        scripts = f"[console_scripts]\nnumber-{number} = number_{number}:main\n"
        _metadata(unrelated, f"number-{number}", scripts, "click>=8")
    yield "1,000 unrelated distributions", unrelated


def _commands(sites: Mapping[str, Path]) -> Iterator[tuple[str, Sequence[str]]]:
    yield "python -c pass", ("-c", "pass")
    for words in _COMMANDS:
        for label, folder in sites.items():
            code = (
                f"import sys; sys.path.append({str(folder)!r}); "
                f"from zg_core.cli import main; sys.exit(main({words!r}))"
            )
            yield f"zg {' '.join(words)}, {label}", ("-c", code)


class PluginBenchmark:
    """Commands beside more and more plugins, which are installed for it."""

    def main(self) -> None:
        """Run as a script."""
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("--repeat", type=int)
        show(self.run(parser.parse_args().repeat))

    def run(self, repeat: int | None = None) -> list[Row]:
        """Install the plugins, measure all commands, and return the medians."""
        with tempfile.TemporaryDirectory() as root:
            commands = dict(_commands(dict(_sites(Path(root)))))
            benchmark = CommandBenchmark(
                name="installed plugins", commands=commands, repeat=9
            )
            return benchmark.run(repeat)


BENCHMARK = PluginBenchmark()

if __name__ == "__main__":
    BENCHMARK.main()
